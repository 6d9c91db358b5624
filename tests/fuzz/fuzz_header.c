/*
 * Any bytes as what a sender chooses of a content header, or of its own headers, or
 * as x-keyferry-signature, or as the arguments of a method: the first byte says
 * which. What of a header was read is written as we write, and read again the same.
 */
#include "tests/fuzz/fuzz.h"

#include <event2/buffer.h>

#include "bus/bus.h"
#include "bus/outbox.h"
#include "bus/wire.h"
#include "schemas/signature.h"

enum { TYPE_METHOD = 1, TYPE_HEADER = 2, FRAME_END = 0xce, HEADERS_FLAG = 1 << 13 };

/* In memory of exactly its size, so that ASan sees a step too far. */
struct framed {
    uint8_t *bytes;
    size_t len;
};

static void put32(uint8_t *at, uint32_t n)
{
    for (int i = 3; i >= 0; i--, n >>= 8)
        at[i] = (uint8_t)n;
}

/* A frame on channel 1 of a head (a method's id, or class to body size) and what follows it. */
static struct framed frame_of(uint8_t type, const uint8_t *head, size_t head_bytes, const uint8_t *rest, size_t len)
{
    struct framed f = {.len = 7 + head_bytes + len + 1};

    f.bytes = calloc(1, f.len);
    MUST(f.bytes != NULL);
    f.bytes[0] = type;
    f.bytes[2] = 1;
    put32(f.bytes + 3, (uint32_t)(head_bytes + len));
    memcpy(f.bytes + 7, head, head_bytes);
    if (len > 0)
        memcpy(f.bytes + 7 + head_bytes, rest, len);
    f.bytes[f.len - 1] = FRAME_END;
    return f;
}

static bool read_frame(struct wire_reader *reader, const struct framed *framed, struct wire_frame *out)
{
    struct err e;
    size_t used;

    if (!wire_read(reader, framed->bytes, framed->len, &used, out, &e)) {
        MUST(e.kind == ERR_BUS && e.text[0] != '\0');
        return false;
    }
    MUST(used == framed->len && out->kind != WIRE_NOTHING && out->channel == 1);
    return true;
}

static void check_text(struct wire_text text, size_t most)
{
    uint8_t sum = 0;

    MUST(text.len <= most && (text.len == 0 || text.at != NULL));
    for (size_t i = 0; i < text.len; i++) /* all of it is there */
        sum = (uint8_t)(sum + (uint8_t)text.at[i]);
    MUST(sum == 0 || text.len > 0);
}

static void same_text(const char *given, struct wire_text read)
{
    MUST(strlen(given) == read.len && (read.len == 0 || memcmp(given, read.at, read.len) == 0));
}

/* The texts of a header as the strings that a publication wants. */
struct texts {
    char content_type[256], message_id[256], correlation_id[256], reply_to[256], user_id[256];
    char signature[SIGNATURE_CHARS + 1];
};

static void texts_take(const struct wire_frame *f, struct texts *out)
{
    wire_text_copy(f->content_type, out->content_type, sizeof(out->content_type));
    wire_text_copy(f->message_id, out->message_id, sizeof(out->message_id));
    wire_text_copy(f->correlation_id, out->correlation_id, sizeof(out->correlation_id));
    wire_text_copy(f->reply_to, out->reply_to, sizeof(out->reply_to));
    wire_text_copy(f->user_id, out->user_id, sizeof(out->user_id));
    wire_text_copy(f->signature, out->signature, sizeof(out->signature));
}

/* The frame of the header among those of a publication, read with a reader of its own. */
static void reread(struct evbuffer *written, struct wire_reader *reader, struct wire_frame *header)
{
    size_t len = evbuffer_get_length(written), at = 0, used;
    const uint8_t *bytes = evbuffer_pullup(written, -1);
    struct err e;

    for (header->kind = WIRE_NOTHING; header->kind != WIRE_HEADER; at += used)
        MUST(at < len && wire_read(reader, bytes + at, len - at, &used, header, &e));
    MUST(at == len);
}

static void check_round_trip(const struct texts *t)
{
    const char *const headers[] = {SIGNATURE_HEADER, t->signature, NULL};
    struct publication publication = {
        .exchange = "",
        .routing_key = "k",
        .content_type = t->content_type,
        .message_id = t->message_id,
        .correlation_id = t->correlation_id,
        .reply_to = t->reply_to,
        .headers = t->signature[0] == '\0' ? NULL : headers,
    };
    struct wire_reader *reader = wire_reader_new();
    struct evbuffer *written = evbuffer_new();
    struct outbox out = {0};
    struct wire_frame f;

    wire_put_publication(&out, 1, FRAME_MIN_BYTES, &publication, t->user_id);
    MUST(outbox_flush(&out, written));
    reread(written, reader, &f);
    same_text(t->content_type, f.content_type);
    same_text(t->message_id, f.message_id);
    same_text(t->correlation_id, f.correlation_id);
    same_text(t->reply_to, f.reply_to);
    same_text(t->user_id, f.user_id);
    same_text(t->signature, f.signature);
    evbuffer_free(written);
    wire_reader_free(reader);
}

static void check_header(const uint8_t *list, size_t len)
{
    static const uint8_t head[12] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5};
    struct framed framed = frame_of(TYPE_HEADER, head, sizeof(head), list, len);
    struct wire_reader *reader = wire_reader_new();
    struct texts texts;
    struct wire_frame f;

    if (read_frame(reader, &framed, &f)) {
        const struct wire_text short_texts[] = {f.content_type, f.message_id, f.correlation_id, f.reply_to, f.user_id};

        MUST(f.kind == WIRE_HEADER && f.body_bytes == 5);
        for (size_t i = 0; i < COUNT(short_texts); i++)
            check_text(short_texts[i], SHORTSTR_MAX_CHARS);
        check_text(f.signature, len);
        texts_take(&f, &texts);
        check_round_trip(&texts);
    }
    wire_reader_free(reader);
    free(framed.bytes);
}

/* A table that our own look calls sane is one that librabbitmq decodes, and of another nothing reaches it. */
static void check_table(const uint8_t *table, size_t len)
{
    static const uint8_t head[14] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, HEADERS_FLAG >> 8, HEADERS_FLAG & 0xff};
    struct framed framed = frame_of(TYPE_HEADER, head, sizeof(head), table, len);
    struct wire_reader *reader = wire_reader_new();
    struct wire_frame f;

    MUST(!wire_table_is_sane(table, len) || read_frame(reader, &framed, &f));
    wire_reader_free(reader);
    free(framed.bytes);
}

/* Whatever stands as the signature, it does not look like none. */
static void check_signature(const uint8_t *value, size_t len)
{
    static const char name[] = SIGNATURE_HEADER;
    uint8_t head[14 + 4 + sizeof(name)] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, HEADERS_FLAG >> 8, HEADERS_FLAG & 0xff};
    struct wire_reader *reader = wire_reader_new();
    struct framed framed;
    struct wire_frame f;

    put32(head + 14, (uint32_t)(sizeof(name) + len));
    head[18] = sizeof(name) - 1;
    memcpy(head + 19, name, sizeof(name) - 1);
    framed = frame_of(TYPE_HEADER, head, sizeof(head), value, len);
    MUST(!read_frame(reader, &framed, &f) || f.signature.len > 0);
    wire_reader_free(reader);
    free(framed.bytes);
}

static void check_method(const uint8_t *bytes, size_t len)
{
    static const uint8_t classes[] = {10, 20, 40, 50, 60, 85};
    const uint8_t id[4] = {0, classes[bytes[0] % sizeof(classes)], 0, bytes[1]};
    struct framed framed = frame_of(TYPE_METHOD, id, sizeof(id), bytes + 2, len - 2);
    struct wire_reader *reader = wire_reader_new();
    struct wire_frame f;

    if (read_frame(reader, &framed, &f)) {
        MUST(f.kind == WIRE_METHOD && f.method_id == ((uint32_t)id[1] << 16 | id[3]));
        check_text(f.text, SHORTSTR_MAX_CHARS);
        check_text(f.exchange, SHORTSTR_MAX_CHARS);
        check_text(f.routing_key, SHORTSTR_MAX_CHARS);
        check_text(f.mechanisms, len);
        check_text(f.product, len);
        check_text(f.version, len);
    }
    wire_reader_free(reader);
    free(framed.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > FRAME_MIN_BYTES)
        return 0;
    if (data[0] % 4 == 0)
        check_header(data + 1, size - 1);
    else if (data[0] % 4 == 1)
        check_table(data + 1, size - 1);
    else if (data[0] % 4 == 2)
        check_method(data + 1, size - 1);
    else
        check_signature(data + 1, size - 1);
    return 0;
}
