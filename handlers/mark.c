#include "handlers/mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION "keyferry1"

enum { UNTIL_MAX_DIGITS = 15 }; /* the year 33658 */

/* clang-format off */
static const struct word {
    const char *name;
    size_t offset, size;
} words[] = {
    { "by",      offsetof(struct mark, by),           sizeof(((struct mark *)0)->by) },
    { "mig",     offsetof(struct mark, migration_id), sizeof(((struct mark *)0)->migration_id) },
    { "peer",    offsetof(struct mark, peer),         sizeof(((struct mark *)0)->peer) },
    { "leaving", offsetof(struct mark, leaving),      sizeof(((struct mark *)0)->leaving) },
};
/* clang-format on */

static void copy_value(char *to, size_t room, const char *value, size_t len)
{
    if (len >= room)
        return;
    memcpy(to, value, len);
    to[len] = '\0';
}

/* "<key name>:<digest>". In any other form nothing can be compared, so it counts as absent. */
static void read_digest(const char *value, size_t len, struct mark *out)
{
    if (len != DIGEST_KEY_NAME_CHARS + 1 + DIGEST_CHARS || value[DIGEST_KEY_NAME_CHARS] != ':')
        return;
    copy_value(out->key_name, sizeof(out->key_name), value, DIGEST_KEY_NAME_CHARS);
    copy_value(out->digest, sizeof(out->digest), value + DIGEST_KEY_NAME_CHARS + 1, DIGEST_CHARS);
}

/* Digits, and no more of them than any time has. In any other form it counts as absent. */
static void read_until(const char *value, size_t len, struct mark *out)
{
    int64_t until_ms = 0;

    if (len == 0 || len > UNTIL_MAX_DIGITS || strspn(value, "0123456789") < len)
        return;
    for (size_t i = 0; i < len; i++)
        until_ms = 10 * until_ms + (value[i] - '0');
    out->until_ms = until_ms;
}

static bool is_word(const char *word, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(word, name, len) == 0;
}

static void read_word(const char *word, size_t len, struct mark *out)
{
    const char *equals = memchr(word, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - word) : len;
    const char *value = word + name_len + 1;
    size_t value_len = equals != NULL ? len - name_len - 1 : 0;

    if (equals == NULL)
        out->confirmed |= is_word(word, len, "confirmed");
    else if (is_word(word, name_len, "dek"))
        read_digest(value, value_len, out);
    else if (is_word(word, name_len, "until"))
        read_until(value, value_len, out);
    for (size_t i = 0; equals != NULL && i < COUNT(words); i++)
        if (is_word(word, name_len, words[i].name))
            copy_value((char *)out + words[i].offset, words[i].size, value, value_len);
}

void mark_read(const char *description, struct mark *out)
{
    const char *end = strchr(description, ';');
    const char *at = description + strlen(VERSION);

    memset(out, 0, sizeof(*out));
    if (strncmp(description, VERSION, strlen(VERSION)) != 0 || end == NULL || (at != end && *at != ' '))
        return;
    while (at < end) {
        size_t len = strcspn(at, " ;");

        read_word(at, len, out);
        at += len + (at[len] == ' ');
    }
    end += end[1] == ' ' ? 2 : 1;
    copy_value(out->text, sizeof(out->text), end, strlen(end));
}

void mark_write(const struct mark *mark, char out[MARK_MAX_BYTES + 1])
{
    size_t used = (size_t)snprintf(out, MARK_MAX_BYTES + 1, VERSION);

#define ADD(...) used += (size_t)snprintf(out + used, MARK_MAX_BYTES + 1 - used, __VA_ARGS__)
    if (mark->digest[0] != '\0')
        ADD(" dek=%s:%s", mark->key_name, mark->digest);
    for (size_t i = 0; i < COUNT(words); i++) {
        const char *value = (const char *)mark + words[i].offset;

        if (value[0] != '\0')
            ADD(" %s=%s", words[i].name, value);
    }
    if (mark->until_ms > 0)
        ADD(" until=%" PRId64, mark->until_ms);
    if (mark->confirmed)
        ADD(" confirmed");
    ADD(mark->text[0] != '\0' ? "; %s" : ";%s", mark->text);
#undef ADD
}

bool mark_is_provisional(const struct mark *mark)
{
    return mark->until_ms != 0 || (mark->migration_id[0] != '\0' && !mark->confirmed);
}
