/*
 * Fills in the parts of PROTOCOL.md that follow from the tables in schemas/:
 *
 *     describe < PROTOCOL.md
 *
 * prints it with everything between "<!-- generated: NAME -->" and "<!-- end -->" made
 * anew. It fails where a table has what it has no example for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/envelope.h"
#include "schemas/messages.h"

enum { LINE_MAX_BYTES = 4096, FORM_MAX_CHARS = 160, WIDTH = 116, EXAMPLE_MAX_BYTES = 8192, FIELDS_MAX = 512 };

#define HOST     "\"11111111-2222-4333-8444-555555555555\""
#define OTHER    "\"66666666-7777-4888-8999-aaaaaaaaaaaa\""
#define SECRET   "\"01234567-89ab-4cde-8f01-23456789abcd\""
#define KEY      "\"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\""
#define KEY_HASH "\"300c9c9603b92a4b39ed3958bf9240114804db4fd373012c0ca47432d63425ae\""

/* clang-format off */
/* What stands for a field in the examples, as JSON. */
static const struct {
    const char *field, *value;
} values[] = {
    { "hostUuid",        HOST },
    { "srcHostUuid",     HOST },
    { "dstHostUuid",     OTHER },
    { "vmUuid",          "\"bbbbbbbb-cccc-4ddd-8eee-ffffffffffff\"" },
    { "purpose",         "\"vtpm\"" },
    { "keyVersion",      "1" },
    { "usageInstance",   "\"tpm0\"" },
    { "secretUuid",      SECRET },
    { "description",     "\"the TPM of web-1\"" },
    { "dekBase64",       "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"" },
    { "created",         "true" },
    { "deleted",         "true" },
    { "publicKey",       KEY },
    { "recipientKey",    KEY },
    { "fingerprint",     KEY_HASH },
    { "suites",          "[\"0x0020/0x0001/0x0003\", \"0x0020/0x0001/0x0002\"]" },
    { "migrationId",     "\"move-1\"" },
    { "leaseSeconds",    "900" },
    { "skipped",         "false" },
    { "dekSource",       "\"ledger\"" },
    { "outcome",         "\"success\"" },
    { "deletedOn",       "\"none\"" },
    { "resourceUuid",    "\"77777777-8888-4999-8aaa-bbbbbbbbbbbb\"" },
    { "resourceType",    "\"TpmVO\"" },
    { "keyProviderName", "\"vault-1\"" },
    { "dryRun",          "true" },
    { "found",           "[{\"what\": \"orphan\", \"secretUuid\": " SECRET ", \"since\": 1700000000000}]" },
    { "foundCount",      "1" },
    { "mended",          "0" },
    { "version",         "\"0.1.0\"" },
    { "messages",        "[\"SecretHostDefineMsg\", \"SecretHostGetMsg\"]" },
    { "envelope",        "\"bound\"" },
    { "plaintextDek",    "\"loopback\"" },
    { "libvirtUp",       "false" },
    { "why",             "\"not connected yet\"" },
    { "inFlight",        "3" },
    { "oldestMs",        "12345" },
};

/* Which optional fields an example has; the required ones are in each. */
static const struct {
    const char *schema, *fields;
} chosen[] = {
    { "SecretHostDefineMsg",        " dekBase64 secretUuid description " },
    { "SecretHostDeleteMsg",        " secretUuid " },
    { "HostEnvelopeKeyGetReply",    " suites " },
    { "HostEnvelopeKeyRotateReply", " suites " },
    { "VtpmPreMigrateMsg",          " migrationId leaseSeconds " },
    { "VtpmPreMigrateReply",        " secretUuid migrationId created dekSource " },
    { "ResourceKeyGetMsg",          " keyProviderName recipientKey " },
    { "ResourceKeyGetReply",        " dekBase64 " },
    { "HostReconcileMsg",           " dryRun " },
    { "HostCapabilitiesGetReply",   " messages suites libvirtUp why inFlight oldestMs " },
};
/* clang-format on */

static const char key_fields[] = " vmUuid purpose keyVersion usageInstance ";

static void fail(const char *what, const char *of, const char *why)
{
    fprintf(stderr, "describe: %s of %s: %s\n", what, of, why);
    exit(EXIT_FAILURE);
}

static bool has_word(const char *words, const char *word)
{
    char padded[80];

    snprintf(padded, sizeof(padded), " %s ", word);
    return strstr(words, padded) != NULL;
}

/* ---- tables ---- */

static bool has_key(const struct schema *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++)
        n += has_word(key_fields, s->fields[i].name);
    return n == 4;
}

/* `a`, `b`?, ... ; a key for the four fields of an identity. */
static void put_fields(const struct schema *s, const char *but)
{
    bool keyed = has_key(s), any = false, key_told = false;

    for (size_t i = 0; i < s->count; i++) {
        const struct field *f = &s->fields[i];
        bool is_key = keyed && has_word(key_fields, f->name);

        if (strcmp(f->name, but) == 0 || (is_key && key_told))
            continue;
        printf("%s", any ? ", " : "");
        any = true;
        key_told = key_told || is_key;
        if (is_key)
            printf("key");
        else
            printf("`%s`%s", f->name, f->presence == OPTIONAL ? "?" : "");
    }
}

static void put_messages(void)
{
    puts("| message | fields beside `hostUuid` | reply |\n|---|---|---|");
    for (size_t i = 0; message_at(i) != NULL; i++) {
        printf("| `%s` | ", message_at(i)->name);
        put_fields(message_at(i)->request, "hostUuid");
        printf(" | ");
        put_fields(message_at(i)->reply, "");
        puts(" |");
    }
}

/* What a field accepts. */
static void field_form(const struct field *f, char out[FORM_MAX_CHARS])
{
    static const char *const fixed[] = {
        [FIELD_UUID] = "a UUID",
        [FIELD_BOOL] = "true or false",
        [FIELD_CHOICE] = "true or false",
        [FIELD_TEXTS] = "a list of texts",
        [FIELD_FINDINGS] = "a list of maps `what`, `secretUuid`, `since`",
        [FIELD_MAP] = "a map",
    };
    const char *unit = f->type == FIELD_WHOLE ? "" : " bytes";
    const char *more = f->secret ? ", clear" : f->sealed ? ", sealed" : f->type == FIELD_TEXT ? " of text" : "";

    if (f->type == FIELD_TEXT && f->wants != NULL)
        snprintf(out, FORM_MAX_CHARS, "%s", f->wants);
    else if (f->type < COUNT(fixed) && fixed[f->type] != NULL)
        snprintf(out, FORM_MAX_CHARS, "%s", fixed[f->type]);
    else if (f->min == f->max)
        snprintf(out, FORM_MAX_CHARS, "%lld%s%s", (long long)f->min, unit, more);
    else
        snprintf(out, FORM_MAX_CHARS, "%lld to %lld%s%s", (long long)f->min, (long long)f->max, unit, more);
}

/* Every field of every message, in order; a field is there as often as it is in a table. */
static size_t list_fields(const struct field *list[FIELDS_MAX])
{
    const struct message *m;
    size_t n = 0;

    for (size_t i = 0; (m = message_at(i)) != NULL; i++) {
        const struct schema *both[] = {m->request, m->reply};
        for (size_t j = 0; j < COUNT(both); j++)
            for (size_t k = 0; k < both[j]->count && n < FIELDS_MAX; k++)
                list[n++] = &both[j]->fields[k];
    }
    return n;
}

static bool is_same(const struct field *one, const struct field *other)
{
    char form[FORM_MAX_CHARS], others[FORM_MAX_CHARS];

    field_form(one, form);
    field_form(other, others);
    return strcmp(one->name, other->name) == 0 && strcmp(form, others) == 0;
}

/* "<" would begin a tag. */
static void put_row(const char *name, const char *form)
{
    printf("| `%s` | ", name);
    for (; *form != '\0'; form++)
        fputs(*form == '<' ? "&lt;" : (const char[]){*form, '\0'}, stdout);
    puts(" |");
}

static void put_forms(void)
{
    const struct field *list[FIELDS_MAX];
    size_t n = list_fields(list), before;
    char form[FORM_MAX_CHARS];

    puts("| field | what it may be |\n|---|---|");
    for (size_t i = 0; i < n; i++) {
        for (before = 0; before < i && !is_same(list[before], list[i]);)
            before++;
        field_form(list[i], form);
        if (before == i)
            put_row(list[i]->name, form);
    }
}

static void put_errors(void)
{
#define X(kind, code, meaning, retryable, fate) kind,
    static const enum err_kind kinds[] = {ERR_KINDS(X)};
#undef X
    struct err e, before;

    puts("| code | `description` | `retryable` |\n|---|---|---|");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        bool told = false;

        err_set(&e, kinds[i], "-");
        for (size_t j = 0; j < i; j++) {
            err_set(&before, kinds[j], "-");
            told = told || strcmp(e.code, before.code) == 0;
        }
        if (!told && e.code[0] != '\0')
            printf("| `%s` | %s | %s |\n", e.code, err_meaning(&e), e.retryable ? "yes" : "no");
    }
}

/* ---- examples ---- */

static const char *value_of(const struct schema *s, const struct field *f)
{
    for (size_t i = 0; i < COUNT(values); i++)
        if (strcmp(values[i].field, f->name) == 0)
            return values[i].value;
    fail(f->name, s->name, "no example of it; add one to the table");
    return NULL;
}

static bool is_shown(const struct schema *s, const struct field *f)
{
    for (size_t i = 0; f->presence == OPTIONAL && i < COUNT(chosen); i++)
        if (strcmp(chosen[i].schema, s->name) == 0)
            return has_word(chosen[i].fields, f->name);
    return f->presence == REQUIRED;
}

/* Append `"name": value`, on a new line where this one is full. */
static void put_pair(char *text, const char *name, const char *value)
{
    char *last = strrchr(text, '\n');
    size_t used = strlen(last == NULL ? text : last + 1), len = strlen(name) + strlen(value) + 6;

    strcat(text, text[strlen(text) - 1] == '{' ? "" : used + len > WIDTH ? ",\n  " : ", ");
    sprintf(text + strlen(text), "\"%s\": %s", name, value);
}

static void put_pairs(char *text, const struct schema *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (is_shown(s, &s->fields[i]))
            put_pair(text, s->fields[i].name, value_of(s, &s->fields[i]));
    strcat(text, "}}");
}

static void put_hex(const struct bytes *bytes)
{
    puts("```msgpack");
    for (size_t i = 0; i < bytes->len; i++)
        printf("%02x%s", bytes->data[i], i + 1 == bytes->len || i % 56 == 55 ? "\n" : "");
    puts("```");
}

/* The request's text, read as a worker reads it, and written in msgpack. */
static void put_request(const struct message *m, size_t number)
{
    static union {
        uint8_t bytes[1 << 14];
        max_align_t align;
    } request;
    char text[EXAMPLE_MAX_BYTES], id[32];
    ON_EXIT(body_release) struct body *body = NULL;
    struct request_head head = {.encoding = ENCODING_MSGPACK, .name = m->name, .created_ms = 1700000000000};
    struct bytes msgpack = {0};
    struct err e;

    snprintf(id, sizeof(id), "\"example-%zu\"", number);
    snprintf(text, sizeof(text), "{\"%s\": {", m->name);
    put_pair(text, "id", id);
    put_pair(text, "createdTime", "1700000000000");
    put_pairs(text, m->request);
    printf("```json\n%s\n```\n", text);

    id[strlen(id) - 1] = '\0';
    head.id = id + 1;
    if (!body_read((const uint8_t *)text, strlen(text), NULL, &body, &e) ||
        !message_read(body, m->request, &request, &e) || !request_write(&head, m->request, &request, &msgpack, &e))
        fail("the example", m->name, e.text);
    put_hex(&msgpack);
    bytes_free(&msgpack);
}

static void put_reply(const struct message *m, size_t number)
{
    static union {
        uint8_t bytes[1 << 14];
        max_align_t align;
    } reply;
    char text[EXAMPLE_MAX_BYTES], headers[80];
    struct err e;

    snprintf(headers, sizeof(headers), "{\"correlationId\": \"example-%zu\", \"isReply\": \"true\"}", number);
    snprintf(text, sizeof(text), "{\"%s\": {", m->reply->name);
    put_pair(text, "headers", headers);
    put_pair(text, "id", "\"9f0c41d2\"");
    put_pair(text, "createdTime", "1700000000042");
    put_pair(text, "success", "true");
    put_pairs(text, m->reply);
    if (!reply_read((const uint8_t *)text, strlen(text), NULL, m->reply, &reply, &e))
        fail("the example", m->reply->name, e.text);
    printf("```json\n%s\n```\n", text);
}

static void put_examples(void)
{
    for (size_t i = 0; message_at(i) != NULL; i++) {
        printf("%s#### `%s`\n\n", i == 0 ? "" : "\n", message_at(i)->name);
        put_request(message_at(i), i + 1);
        puts("\nis answered by, for instance,\n");
        put_reply(message_at(i), i + 1);
    }
}

/* ---- the document ---- */

static const struct {
    const char *name;
    void (*put)(void);
} parts[] = {
    {"messages", put_messages},
    {"fields", put_forms},
    {"errors", put_errors},
    {"examples", put_examples},
};

static void put_part(const char *name)
{
    for (size_t i = 0; i < COUNT(parts); i++)
        if (strcmp(parts[i].name, name) == 0) {
            parts[i].put();
            return;
        }
    fail("a part", name, "there is none of that name");
}

int main(void)
{
    char line[LINE_MAX_BYTES], name[32];
    bool inside = false;

    while (fgets(line, sizeof(line), stdin) != NULL) {
        inside = inside && strcmp(line, "<!-- end -->\n") != 0;
        if (inside)
            continue;
        fputs(line, stdout);
        inside = sscanf(line, "<!-- generated: %31[a-z]", name) == 1;
        if (inside)
            put_part(name);
    }
    if (inside)
        fail("the end", name, "<!-- end --> is missing");
    return EXIT_SUCCESS;
}
