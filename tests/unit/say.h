/*
 * Bodies under construction, in either encoding and however wrong: what our own
 * writer would never say. Independent of schemas/writer.c and of msgpack-c.
 */
#ifndef TESTS_SAY_H
#define TESTS_SAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "schemas/base64.h"
#include "schemas/envelope.h"
#include "schemas/version.h"

enum say_kind { SAY_NULL, SAY_BOOL, SAY_WHOLE, SAY_HUGE, SAY_REAL, SAY_TEXT, SAY_BIN, SAY_LIST, SAY_MAP };

/* One value; as an item of a map, with its key. SAY_HUGE is 2^64 - 1 in msgpack and 10^25 in JSON. */
struct say {
    const char *key;
    enum say_kind kind;
    int64_t whole;
    const char *text;
    size_t len; /* of text, or number of items */
    const struct say *items;
};

#define NUL(k)            ((struct say){.key = (k), .kind = SAY_NULL})
#define TRUTH(k, b)       ((struct say){.key = (k), .kind = SAY_BOOL, .whole = (b)})
#define NUMBER(k, n)      ((struct say){.key = (k), .kind = SAY_WHOLE, .whole = (n)})
#define HUGE_NUMBER(k)    ((struct say){.key = (k), .kind = SAY_HUGE})
#define REAL(k)           ((struct say){.key = (k), .kind = SAY_REAL})
#define STRING(k, s)      ((struct say){.key = (k), .kind = SAY_TEXT, .text = (s), .len = strlen(s)})
#define STRING_N(k, s, n) ((struct say){.key = (k), .kind = SAY_TEXT, .text = (s), .len = (n)})
#define BIN(k, s, n)      ((struct say){.key = (k), .kind = SAY_BIN, .text = (s), .len = (n)})
#define LIST(k, a, n)     ((struct say){.key = (k), .kind = SAY_LIST, .items = (a), .len = (n)})
#define MAP(k, a, n)      ((struct say){.key = (k), .kind = SAY_MAP, .items = (a), .len = (n)})

/* The bytes so far. */
struct said {
    size_t len;
    uint8_t bytes[128 * 1024];
};

static inline void said_add(struct said *s, const void *data, size_t len)
{
    assert_true(s->len + len <= sizeof(s->bytes));
    if (len != 0)
        memcpy(s->bytes + s->len, data, len);
    s->len += len;
}

static inline void said_byte(struct said *s, unsigned byte)
{
    said_add(s, &(uint8_t){(uint8_t)byte}, 1);
}

static inline void said_text(struct said *s, const char *text)
{
    said_add(s, text, strlen(text));
}

/* A type byte and a big-endian number. */
static inline void said_head(struct said *s, unsigned type, uint64_t number, unsigned number_bytes)
{
    said_byte(s, type);
    for (unsigned i = number_bytes; i-- > 0;)
        said_byte(s, (unsigned)(number >> (8 * i)) & 0xff);
}

static inline void say_msgpack(struct said *s, const struct say *v)
{
    static const uint8_t types[] = {
        [SAY_TEXT] = 0xdb,
        [SAY_BIN] = 0xc6,
        [SAY_LIST] = 0xdd,
        [SAY_MAP] = 0xdf,
    };

    switch (v->kind) {
    case SAY_NULL:
        said_byte(s, 0xc0);
        return;
    case SAY_BOOL:
        said_byte(s, v->whole ? 0xc3 : 0xc2);
        return;
    case SAY_WHOLE:
        said_head(s, 0xd3, (uint64_t)v->whole, 8);
        return;
    case SAY_HUGE:
        said_head(s, 0xcf, UINT64_MAX, 8);
        return;
    case SAY_REAL:
        said_head(s, 0xcb, UINT64_C(0x3ff0000000000000), 8); /* 1.0 */
        return;
    case SAY_TEXT:
    case SAY_BIN:
        said_head(s, types[v->kind], v->len, 4);
        said_add(s, v->text, v->len);
        return;
    case SAY_LIST:
    case SAY_MAP:
        said_head(s, types[v->kind], v->len, 4);
        for (size_t i = 0; i < v->len; i++) {
            if (v->kind == SAY_MAP)
                say_msgpack(s, &STRING(NULL, v->items[i].key));
            say_msgpack(s, &v->items[i]);
        }
        return;
    }
}

static inline void say_json_text(struct said *s, const char *text, size_t len)
{
    said_byte(s, '"');
    for (size_t i = 0; i < len; i++) {
        char escape[8];

        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)text[i]);
        if ((unsigned char)text[i] < 0x20 || text[i] == '"' || text[i] == '\\')
            said_text(s, escape);
        else
            said_byte(s, (unsigned char)text[i]);
    }
    said_byte(s, '"');
}

static inline void say_json(struct said *s, const struct say *v)
{
    static char base64[4096];
    char digits[32];

    switch (v->kind) {
    case SAY_NULL:
        said_text(s, "null");
        return;
    case SAY_BOOL:
        said_text(s, v->whole ? "true" : "false");
        return;
    case SAY_WHOLE:
        snprintf(digits, sizeof(digits), "%lld", (long long)v->whole);
        said_text(s, digits);
        return;
    case SAY_HUGE:
        said_text(s, "10000000000000000000000000");
        return;
    case SAY_REAL:
        said_text(s, "1.0");
        return;
    case SAY_TEXT:
        say_json_text(s, v->text, v->len);
        return;
    case SAY_BIN:
        base64_write((const uint8_t *)v->text, v->len, base64, sizeof(base64));
        say_json_text(s, base64, strlen(base64));
        return;
    case SAY_LIST:
    case SAY_MAP:
        said_byte(s, v->kind == SAY_MAP ? '{' : '[');
        for (size_t i = 0; i < v->len; i++) {
            said_text(s, i == 0 ? "" : " , ");
            if (v->kind == SAY_MAP) {
                say_json_text(s, v->items[i].key, strlen(v->items[i].key));
                said_byte(s, ':');
            }
            say_json(s, &v->items[i]);
        }
        said_byte(s, v->kind == SAY_MAP ? '}' : ']');
        return;
    }
}

/* {"<name>": {fields}}. Valid until the next call. */
static inline const struct said *say_body(enum encoding encoding, const char *name, const struct say *fields,
                                          size_t count)
{
    static struct said s;
    struct say message = MAP(name, fields, count);
    struct say whole = MAP(NULL, &message, 1);

    s.len = 0;
    (encoding == ENCODING_JSON ? say_json : say_msgpack)(&s, &whole);
    return &s;
}

#endif
