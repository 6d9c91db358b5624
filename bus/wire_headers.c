#include "bus/wire.h"

#include <amqp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bus/headers.h"
#include "schemas/text.h"

enum { DEPTH_MAX = 4, NAME_ROOM = DEPTH_MAX * (SHORTSTR_MAX_CHARS + 1) };

/* Where the list is written. `used` goes on where there is no room. */
struct list {
    char *out;
    size_t room, used;
    char name[NAME_ROOM]; /* of the value that is at hand */
    unsigned depth;
};

/* An entry whole, or none of it. */
static void entry_add(struct list *list, uint8_t type, const void *text, size_t len)
{
    size_t name = strlen(list->name) + 1, entry = name + 1 + len + 1;
    char *at;

    if (list->used + entry > HEADERS_LISTED_BYTES)
        return;
    list->used += entry;
    if (list->used > list->room)
        return;
    at = list->out + list->used - entry;
    memcpy(at, list->name, name);
    at[name] = (char)type;
    if (len > 0)
        memcpy(at + name + 1, text, len);
    at[name + 1 + len] = '\0';
}

static void text_add(struct list *list, const amqp_field_value_t *value)
{
    amqp_bytes_t bytes = value->value.bytes;
    bool is_text = value->kind == AMQP_FIELD_KIND_UTF8;
    char words[40];

    if (is_text && (bytes.len == 0 || memchr(bytes.bytes, '\0', bytes.len) == NULL)) {
        entry_add(list, HEADER_TEXT, bytes.bytes, bytes.len);
        return;
    }
    snprintf(words, sizeof(words), "%zu bytes", bytes.len);
    entry_add(list, HEADER_BYTES, words, strlen(words));
}

/* librabbitmq has read no more of the union than the value's own type. */
static int64_t whole_of(const amqp_field_value_t *value)
{
    const amqp_field_value_t *v = value;

    return v->kind == AMQP_FIELD_KIND_I8    ? v->value.i8
           : v->kind == AMQP_FIELD_KIND_U8  ? v->value.u8
           : v->kind == AMQP_FIELD_KIND_I16 ? v->value.i16
           : v->kind == AMQP_FIELD_KIND_U16 ? v->value.u16
           : v->kind == AMQP_FIELD_KIND_I32 ? v->value.i32
           : v->kind == AMQP_FIELD_KIND_U32 ? v->value.u32
                                            : v->value.i64;
}

static void scalar_add(struct list *list, const amqp_field_value_t *value)
{
    char words[40] = "";

    if (value->kind == AMQP_FIELD_KIND_BOOLEAN)
        snprintf(words, sizeof(words), "%s", value->value.boolean ? "true" : "false");
    else if (value->kind == AMQP_FIELD_KIND_F32)
        snprintf(words, sizeof(words), "%g", (double)value->value.f32);
    else if (value->kind == AMQP_FIELD_KIND_F64)
        snprintf(words, sizeof(words), "%g", value->value.f64);
    else if (value->kind != AMQP_FIELD_KIND_VOID && value->kind != AMQP_FIELD_KIND_DECIMAL)
        snprintf(words, sizeof(words), "%" PRId64, whole_of(value));
    entry_add(list, value->kind, words, strlen(words));
}

static void value_list(struct list *list, const amqp_field_value_t *value);

/* Go on with a value of this name, within the one at hand. */
static void within(struct list *list, const void *name, size_t len, const amqp_field_value_t *value)
{
    size_t before = strlen(list->name);
    char *at = list->name + before;

    if (list->depth == DEPTH_MAX)
        return;
    if (list->depth > 0)
        *at++ = *HEADER_WITHIN;
    if (len > 0)
        memcpy(at, name, len);
    text_clean(at, len); /* control characters too: no name can hold HEADER_WITHIN, or end before its end */
    at[len] = '\0';
    list->depth++;
    value_list(list, value);
    list->depth--;
    list->name[before] = '\0';
}

static void table_list(struct list *list, const amqp_table_t *table)
{
    for (int i = 0; i < table->num_entries; i++)
        within(list, table->entries[i].key.bytes, table->entries[i].key.len, &table->entries[i].value);
}

static void array_list(struct list *list, const amqp_array_t *array)
{
    char index[12];

    for (int i = 0; i < array->num_entries; i++) {
        snprintf(index, sizeof(index), "%d", i);
        within(list, index, strlen(index), &array->entries[i]);
    }
}

/* As deep as DEPTH_MAX: within() sees to it. */
static void value_list(struct list *list, const amqp_field_value_t *value)
{
    if (value->kind == AMQP_FIELD_KIND_TABLE)
        table_list(list, &value->value.table);
    else if (value->kind == AMQP_FIELD_KIND_ARRAY)
        array_list(list, &value->value.array);
    else if (value->kind == AMQP_FIELD_KIND_UTF8 || value->kind == AMQP_FIELD_KIND_BYTES)
        text_add(list, value);
    else
        scalar_add(list, value);
}

size_t wire_headers_list(const struct wire_frame *header, char *out, size_t room)
{
    struct list list = {.out = out, .room = room};

    if (header->headers != NULL)
        table_list(&list, header->headers);
    return list.used;
}
