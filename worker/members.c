#include "worker/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {[MEMBER_HELLO] = "hello", [MEMBER_HERE] = "here", [MEMBER_BYE] = "bye"};

void announcement_write(const struct announcement *what, char *out, size_t size)
{
    int len = snprintf(out, size, "1 %d %s %s %s", (int)what->pid, words[what->word], what->queues,
                       what->bytes == 0 ? "-" : "");

    for (size_t i = 0; i < what->bytes; i++)
        len += snprintf(out + len, size - (size_t)len, "%02x", what->consuming[i]);
}

static bool word_read(const char *text, enum member_word *out)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(words[i], text) == 0) {
            *out = (enum member_word)i;
            return true;
        }
    return false;
}

static bool bits_read(const char *hex, struct announcement *out)
{
    size_t len = strcmp(hex, "-") == 0 ? 0 : strlen(hex);

    if (len % 2 != 0 || len / 2 * 8 > MEMBER_QUEUES_MAX || strspn(hex, "0123456789abcdef") < len)
        return false;
    out->consuming = malloc(len / 2 + 1);
    if (out->consuming == NULL)
        return false;
    out->bytes = len / 2;
    for (size_t i = 0; i < out->bytes; i++)
        out->consuming[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
    return true;
}

/* `line` is a text, and is cut up. */
static bool line_read(char *line, struct announcement *out)
{
    const char *parts[5];
    char *rest = NULL, *end;
    size_t count = 0;
    long pid;

    for (char *part = strtok_r(line, " ", &rest); part != NULL; part = strtok_r(NULL, " ", &rest)) {
        if (count == COUNT(parts))
            return false;
        parts[count++] = part;
    }
    if (count != COUNT(parts) || strcmp(parts[0], "1") != 0 || strlen(parts[1]) > 9 ||
        strspn(parts[1], "0123456789") != strlen(parts[1]) || !word_read(parts[2], &out->word) ||
        strlen(parts[3]) != DIGEST_CHARS || strspn(parts[3], "0123456789abcdef") != DIGEST_CHARS)
        return false;
    pid = strtol(parts[1], &end, 10);
    if (pid <= 0)
        return false;
    out->pid = (pid_t)pid;
    strcpy(out->queues, parts[3]);
    return bits_read(parts[4], out);
}

bool announcement_read(const uint8_t *text, size_t len, struct announcement *out)
{
    char *line;
    bool ok;

    *out = (struct announcement){0};
    if (len >= ANNOUNCEMENT_BYTES(MEMBER_QUEUES_MAX) || memchr(text, '\0', len) != NULL)
        return false;
    line = strndup((const char *)text, len);
    ok = line != NULL && line_read(line, out);
    free(line);
    return ok;
}

static struct member *find(struct members *members, const char *name, size_t *place)
{
    for (*place = 0; *place < members->count; (*place)++) {
        int order = strcmp(members->list[*place].name, name);

        if (order == 0)
            return &members->list[*place];
        if (order > 0)
            break;
    }
    return NULL;
}

static struct member *add(struct members *members, const char *name, size_t place)
{
    struct member *at = &members->list[place];

    if (members->count == MEMBERS_MAX || strlen(name) > MEMBER_NAME_MAX)
        return NULL;
    memmove(at + 1, at, (members->count++ - place) * sizeof(*at));
    *at = (struct member){0};
    strcpy(at->name, name);
    return at;
}

void members_remove(struct members *members, size_t index)
{
    struct member *at = &members->list[index];

    free(at->consuming);
    memmove(at, at + 1, (--members->count - index) * sizeof(*at));
}

bool members_note(struct members *members, const char *name, struct announcement *what, int64_t now_ms)
{
    size_t place;
    struct member *at = find(members, name, &place);
    bool is_news = at == NULL || strcmp(at->queues, what->queues) != 0;

    if (at == NULL && what->word != MEMBER_BYE)
        at = add(members, name, place);
    if (at == NULL) { /* it is not here, or there is no room */
        free(TAKE(what->consuming));
        return false;
    }
    free(at->consuming);
    at->pid = what->pid;
    at->seen_ms = now_ms;
    strcpy(at->queues, what->queues);
    at->consuming = TAKE(what->consuming);
    at->bytes = what->bytes;
    if (what->word != MEMBER_BYE)
        return is_news;
    members_remove(members, place);
    return true;
}

bool members_expire(struct members *members, int64_t now_ms)
{
    size_t before = members->count;

    for (size_t i = members->count; i-- > 0;)
        if (now_ms - members->list[i].seen_ms > MEMBER_LIFE_MS)
            members_remove(members, i);
    return members->count != before;
}

void members_pardon(struct members *members, int64_t now_ms)
{
    for (size_t i = 0; i < members->count; i++)
        members->list[i].seen_ms = now_ms;
}

void members_done(struct members *members)
{
    while (members->count > 0)
        members_remove(members, members->count - 1);
}

bool member_consumes(const struct member *member, size_t place)
{
    return place / 8 < member->bytes && (member->consuming[place / 8] >> (7 - place % 8) & 1) != 0;
}
