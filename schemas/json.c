#include "schemas/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/limits.h"
#include "schemas/text.h"

enum { NUMBER_FIXES_MAX = 4 }; /* each costs another parse */

/* A text on its way through jansson, which may take several attempts. */
struct attempt {
    const char *text;
    size_t len;
    char *fixed; /* the text with numbers out of range replaced; NULL: there were none */
    unsigned fixes;
    size_t flags;
    struct twice *twice;
    json_error_t error;
};

/* ---- what jansson takes for an error and we answer ---- */

/* Past the closing quote of the string that begins at `at`. */
static size_t string_end(const char *text, size_t end, size_t at)
{
    for (at++; at < end && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at < end ? at + 1 : end;
}

/* Where the last string before `end` begins, and how many brackets are open there. */
static size_t last_string(const char *text, size_t end, unsigned *depth)
{
    size_t start = 0;

    *depth = 0;
    for (size_t at = 0; at < end; at++) {
        if (text[at] == '"') {
            start = at;
            at = string_end(text, end, at) - 1;
        } else if (text[at] == '{' || text[at] == '[') {
            ++*depth;
        } else if (text[at] == '}' || text[at] == ']') {
            --*depth;
        }
    }
    return start;
}

/* Note the key that was just read for the second time. False where it is the message's name. */
static bool twice_note(struct attempt *a, size_t end)
{
    unsigned depth;
    size_t start = last_string(a->text, end, &depth);
    json_t *key = json_loadb(a->text + start, end - start, JSON_DECODE_ANY, NULL);

    a->twice->is_found = true;
    text_copy_clean(a->twice->key, sizeof(a->twice->key), json_string_value(key), json_string_length(key));
    json_decref(key);
    a->flags &= ~(size_t)JSON_REJECT_DUPLICATES;
    return depth > 1;
}

static bool is_of_number(char c)
{
    return c != '\0' && strchr("+-.0123456789Ee", c) != NULL;
}

/* Put 0.5 in the place of the number that ends at `end`. False where that does not help. */
static bool number_fix(struct attempt *a, size_t end)
{
    size_t start = end;

    if (a->fixes++ == NUMBER_FIXES_MAX)
        return false;
    if (a->fixed == NULL) {
        a->fixed = malloc(a->len);
        if (a->fixed == NULL)
            return false;
        memcpy(a->fixed, a->text, a->len);
        a->text = a->fixed;
    }
    while (start > 0 && is_of_number(a->text[start - 1]))
        start--;
    if (end - start < 3)
        return false;
    memset(a->fixed + start, ' ', end - start);
    memcpy(a->fixed + start, "0.5", 3);
    return true;
}

/* True where another attempt is worth it. */
static bool attempt_mend(struct attempt *a)
{
    size_t at = (size_t)a->error.position;

    if (at > a->len)
        return false;
    if (json_error_code(&a->error) == json_error_duplicate_key)
        return twice_note(a, at);
    return json_error_code(&a->error) == json_error_numeric_overflow && number_fix(a, at);
}

static void parse_fail(const json_error_t *error, struct err *e)
{
    static const char *const complaints[] = {
        [json_error_stack_overflow] = "it is nested too deep",
        [json_error_invalid_utf8] = "it is not UTF-8",
        [json_error_premature_end_of_input] = "it ends too early",
        [json_error_end_of_input_expected] = "more follows after it",
        [json_error_null_byte_in_key] = "a key holds a NUL",
        [json_error_duplicate_key] = "it names its message twice",
        [json_error_numeric_overflow] = "too many numbers in it are out of range",
    };
    size_t code = json_error_code(error);
    const char *complaint = code < COUNT(complaints) ? complaints[code] : NULL;

    if (code == json_error_out_of_memory)
        err_set(e, ERR_LOCAL, "out of memory for a JSON body");
    else
        err_set(e, ERR_MALFORMED, "the body cannot be read as JSON: %s (at byte %d)",
                complaint != NULL ? complaint : "it breaks the grammar", error->position);
}

static json_t *text_parse(struct attempt *a, struct err *e)
{
    json_t *root;

    do
        root = json_loadb(a->text, a->len, a->flags, &a->error);
    while (root == NULL && attempt_mend(a));
    if (root == NULL)
        parse_fail(&a->error, e);
    wipe(&a->error, sizeof(a->error)); /* it quotes what could not be read */
    if (a->fixed != NULL)
        wipe(a->fixed, a->len);
    free(a->fixed);
    return root;
}

/* ---- the tree ---- */

/* A text of `from` itself: nothing is copied. */
static msgpack_object text_value(const char *text, size_t len)
{
    return (msgpack_object){.type = MSGPACK_OBJECT_STR, .via.str = {(uint32_t)len, text}};
}

static msgpack_object whole_value(json_int_t value)
{
    return value < 0 ? (msgpack_object){.type = MSGPACK_OBJECT_NEGATIVE_INTEGER, .via.i64 = value}
                     : (msgpack_object){.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = (uint64_t)value};
}

/* NOLINTBEGIN(misc-no-recursion): it ends at BODY_MAX_DEPTH */
static bool value_build(json_t *from, msgpack_zone *zone, unsigned depth, msgpack_object *to, struct err *e);

static bool map_build(json_t *from, msgpack_zone *zone, unsigned depth, msgpack_object *to, struct err *e)
{
    size_t count = json_object_size(from);
    msgpack_object_kv *pair = msgpack_zone_malloc(zone, (count + 1) * sizeof(*pair));

    if (pair == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a JSON body");
    *to = (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {(uint32_t)count, pair}};
    for (void *at = json_object_iter(from); at != NULL; at = json_object_iter_next(from, at), pair++) {
        pair->key = text_value(json_object_iter_key(at), json_object_iter_key_len(at));
        if (!value_build(json_object_iter_value(at), zone, depth, &pair->val, e))
            return false;
    }
    return true;
}

static bool list_build(json_t *from, msgpack_zone *zone, unsigned depth, msgpack_object *to, struct err *e)
{
    size_t count = json_array_size(from);
    msgpack_object *item = msgpack_zone_malloc(zone, (count + 1) * sizeof(*item));

    if (item == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a JSON body");
    *to = (msgpack_object){.type = MSGPACK_OBJECT_ARRAY, .via.array = {(uint32_t)count, item}};
    for (size_t i = 0; i < count; i++)
        if (!value_build(json_array_get(from, i), zone, depth, &item[i], e))
            return false;
    return true;
}

/* `depth` containers are around the value. */
static bool value_build(json_t *from, msgpack_zone *zone, unsigned depth, msgpack_object *to, struct err *e)
{
    if ((json_is_object(from) || json_is_array(from)) && depth == BODY_MAX_DEPTH)
        return err_set(e, ERR_MALFORMED, "the body cannot be read as JSON: it is nested too deep");

    switch (json_typeof(from)) {
    case JSON_OBJECT:
        return map_build(from, zone, depth + 1, to, e);
    case JSON_ARRAY:
        return list_build(from, zone, depth + 1, to, e);
    case JSON_STRING:
        *to = text_value(json_string_value(from), json_string_length(from));
        return true;
    case JSON_INTEGER:
        *to = whole_value(json_integer_value(from));
        return true;
    case JSON_REAL:
        *to = (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = json_real_value(from)};
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *to = (msgpack_object){.type = MSGPACK_OBJECT_BOOLEAN, .via.boolean = json_is_true(from)};
        return true;
    case JSON_NULL:
        break;
    }
    *to = (msgpack_object){.type = MSGPACK_OBJECT_NIL};
    return true;
}
/* NOLINTEND(misc-no-recursion) */

bool json_read(const char *text, size_t len, msgpack_zone *zone, struct json_t **owner, msgpack_object *tree,
               struct twice *twice, struct err *e)
{
    struct attempt a = {
        .text = text,
        .len = len,
        .flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
        .twice = twice,
    };

    *owner = text_parse(&a, e);
    return *owner != NULL && value_build(*owner, zone, 0, tree, e);
}

void json_release(struct json_t *owner)
{
    json_decref(owner);
}
