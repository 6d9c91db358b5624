#include "cli/audit_line.h"

#include <stdio.h>
#include <string.h>

#include "schemas/writer.h"

#define PREV ",\"prev\":\""
#define HASH "\",\"hash\":\""
#define END  "\"}"

/* Where, seen from the end of a line, its parts begin. */
enum {
    END_CHARS = sizeof(END) - 1,
    HASH_AT = SHA256_CHARS + END_CHARS,
    BEFORE_HASH = HASH_AT + sizeof(HASH) - 1,
    PREV_AT = BEFORE_HASH + SHA256_CHARS,
    CHAIN_CHARS = PREV_AT + sizeof(PREV) - 1,
};

const char audit_first_prev[SHA256_CHARS + 1] = "0000000000000000000000000000000000000000000000000000000000000000";

bool audit_line_write(const struct audit_entry *a, struct bytes *out, struct err *e)
{
    const struct {
        const char *key, *text;
    } texts[] = {
        {"login", a->login}, {"user", a->user}, {"action", a->action}, {"result", a->result}, {"id", a->id},
        {"ref", a->ref},     {"host", a->host}, {"code", a->code},     {"sender", a->sender}, {"details", a->details},
    };
    struct writer *w = writer_new(ENCODING_JSON);
    size_t count = 2;

    if (w == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a line of the audit");
    for (size_t i = 0; i < COUNT(texts); i++)
        count += texts[i].text != NULL && texts[i].text[0] != '\0';
    writer_map(w, count);
    writer_key(w, "time"), writer_whole(w, a->time_ms);
    writer_key(w, "uid"), writer_whole(w, a->uid);
    for (size_t i = 0; i < COUNT(texts); i++)
        if (texts[i].text != NULL && texts[i].text[0] != '\0')
            writer_key(w, texts[i].key), writer_text(w, texts[i].text);
    if (!writer_finish(w, out, e))
        return false;
    out->len--; /* the last brace comes with the chain */
    if (out->len + audit_chain_bytes() <= AUDIT_LINE_MAX_BYTES)
        return true;
    bytes_free(out);
    return err_set(e, ERR_LOCAL, "a line of the audit would be longer than %d bytes", AUDIT_LINE_MAX_BYTES);
}

size_t audit_chain_bytes(void)
{
    return CHAIN_CHARS + 1;
}

void audit_line_chain(char *line, size_t len, const char *prev, char hash[SHA256_CHARS + 1])
{
    char *at = line + len;

    at += sprintf(at, "%s%s\"", PREV, prev);
    digest_sha256(line, (size_t)(at - line), hash);
    at += sprintf(at, "%s%s%s", &HASH[1], hash, END);
    *at = '\n'; /* in the place of the NUL */
}

bool audit_line_check(const char *line, size_t len, const char *prev, char hash[SHA256_CHARS + 1], struct err *e)
{
    const char *end = line + len;

    if (len <= CHAIN_CHARS || line[0] != '{' || memcmp(end - CHAIN_CHARS, PREV, sizeof(PREV) - 1) != 0 ||
        memcmp(end - BEFORE_HASH, HASH, sizeof(HASH) - 1) != 0 || memcmp(end - END_CHARS, END, END_CHARS) != 0)
        return err_set(e, ERR_INVALID, "it does not end with prev and hash");
    digest_sha256(line, len - BEFORE_HASH + 1, hash);
    if (memcmp(hash, end - HASH_AT, SHA256_CHARS) != 0)
        return err_set(e, ERR_INVALID, "it is not what was written: its hash is another");
    if (prev != NULL && memcmp(prev, end - PREV_AT, SHA256_CHARS) != 0)
        return err_set(e, ERR_INVALID, "it does not follow the line before: one was removed, added or moved");
    return true;
}
