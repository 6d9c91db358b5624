#include "cli/compose.h"

#include "cli/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/digest.h"
#include "schemas/envelope.h"

static void close_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

/* At most `room` bytes of a file; one byte more is an error. Unbuffered: stdio keeps no copy. */
static bool read_file(const char *path, uint8_t *to, size_t room, size_t *len, struct err *e)
{
    ON_EXIT(close_file) FILE *file = fopen(strcmp(path, "-") == 0 ? "/dev/stdin" : path, "re");
    uint8_t beyond;

    if (file == NULL)
        return err_set(e, ERR_LOCAL, "%s: %s", path, strerror(errno));
    setvbuf(file, NULL, _IONBF, 0);
    *len = fread(to, 1, room, file);
    if (ferror(file))
        return err_set(e, ERR_LOCAL, "%s: %s", path, strerror(errno));
    if (*len == room && fread(&beyond, 1, 1, file) == 1)
        return err_set(e, ERR_CONFIG, "%s holds more than %zu bytes", path, room);
    return true;
}

static const struct field *field_of(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return &schema->fields[i];
    return NULL;
}

/* As the field's type wants it; what is no number goes as text, for the schema to refuse. */
static void write_value(struct writer *w, const struct field *field, const char *value)
{
    char *end;
    long long n;

    if (field->type == FIELD_BOOL) {
        writer_bool(w, true);
        return;
    }
    errno = 0;
    n = strtoll(value, &end, 10);
    if (field->type == FIELD_WHOLE && errno == 0 && end != value && *end == '\0')
        writer_whole(w, n);
    else
        writer_text(w, value);
}

static size_t count_values(const struct options *o)
{
    size_t count = 0;

    for (size_t i = 0; i < CLI_OPTIONS_MAX; i++)
        count += o->values[i] != NULL;
    return count;
}

static bool write_body(const struct options *o, const char *id, const struct dek *dek, struct bytes *out, struct err *e)
{
    const struct schema *schema = o->message->request;
    struct writer *w = writer_new(ENCODING_JSON);
    const char *option, *name;

    if (w == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    writer_map(w, 1);
    writer_key(w, schema->name);
    writer_map(w, 3 + count_values(o) + (o->dek_file != NULL) + o->dry_run);
    writer_key(w, "id"), writer_text(w, id);
    writer_key(w, "createdTime"), writer_whole(w, session_now_ms());
    writer_key(w, "timeout"), writer_whole(w, o->timeout_ms);
    for (size_t i = 0; (name = option_field(i, &option)) != NULL; i++) {
        const struct field *field = field_of(schema, name);
        if (o->values[i] != NULL && field != NULL)
            writer_key(w, name), write_value(w, field, o->values[i]);
    }
    if (o->dry_run)
        writer_key(w, "dryRun"), writer_bool(w, true);
    if (o->dek_file != NULL)
        writer_key(w, "dekBase64"), writer_bytes(w, dek->data, dek->len);
    return writer_finish(w, out, e);
}

static bool read_dek(const struct options *o, struct dek *out, struct err *e)
{
    size_t len = 0;

    if (o->dek_file == NULL)
        return true;
    if (!read_file(o->dek_file, out->data, sizeof(out->data), &len, e))
        return false;
    if (len == 0)
        return err_set(e, ERR_CONFIG, "%s is empty: a DEK has 1 to %d bytes", o->dek_file, DEK_MAX_BYTES);
    out->len = (uint16_t)len;
    return true;
}

/* Say it in the words of the command line. */
static bool refuse(const struct err *why, struct err *e)
{
    const char *option, *name;

    if (strcmp(why->field, "dekBase64") == 0 && why->kind == ERR_REQUIRED)
        return err_set(e, ERR_CONFIG, "--dek-file FILE is required: the file that holds the DEK; - is standard input");
    if (strcmp(why->field, "dekBase64") == 0)
        return err_set(e, ERR_CONFIG, "--dek-file: %s", why->text);
    for (size_t i = 0; (name = option_field(i, &option)) != NULL; i++)
        if (name[0] != '\0' && strcmp(name, why->field) == 0)
            return err_set(e, ERR_CONFIG, "--%s: %s", option, why->text);
    return err_set(e, ERR_CONFIG, "%s", why->text);
}

/* Our own message must be one a worker can read: what is wrong with it is told before it travels. */
static bool check_body(const struct options *o, struct composed *c, struct err *e)
{
    ON_EXIT(body_release) struct body *body = NULL;
    struct err why;

    if (!body_read(c->body.data, c->body.len, "application/json", &body, e))
        return false;
    if (!message_read(body, o->message->request, c->typed, &why))
        return refuse(&why, e);
    c->host = ((const struct addressed *)c->typed)->host_uuid;
    return true;
}

bool compose(const struct options *options, struct vault *vault, struct composed *out, struct err *e)
{
    struct dek *dek = vault_take(vault);
    struct composed c = {.typed = vault_take(vault)};
    bool ok;

    session_new_id(c.id);
    ok = read_dek(options, dek, e) && write_body(options, c.id, dek, &c.body, e) && check_body(options, &c, e);
    vault_give(vault, dek);
    if (ok)
        *out = c;
    else
        composed_done(&c, vault);
    return ok;
}

void composed_done(struct composed *composed, struct vault *vault)
{
    bytes_free(&composed->body);
    vault_give(vault, TAKE(composed->typed));
}

static bool find_host(struct composed *c, struct err *e)
{
    ON_EXIT(body_release) struct body *body = NULL;

    return body_read(c->body.data, c->body.len, "application/json", &body, e) && body_host(body, &c->host, e);
}

bool compose_from_file(const char *path, struct composed *out, struct err *e)
{
    struct composed c = {.body = {malloc(BODY_MAX_BYTES), 0}};

    session_new_id(c.id);
    if (c.body.data == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    if (read_file(path, c.body.data, BODY_MAX_BYTES, &c.body.len, e) && find_host(&c, e)) {
        *out = c;
        return true;
    }
    c.body.len = BODY_MAX_BYTES; /* all of it may hold a DEK */
    bytes_free(&c.body);
    return false;
}
