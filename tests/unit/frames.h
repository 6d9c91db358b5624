/* Frames as a broker sends them, and ours taken apart, by librabbitmq alone. */
#ifndef TESTS_UNIT_FRAMES_H
#define TESTS_UNIT_FRAMES_H

#include "bus/outbox.h"
#include "bus/wire.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct script {
    uint8_t bytes[32 * 1024];
    size_t len;
};

static inline void script_frame(struct script *s, uint8_t type, uint16_t channel, const void *payload, size_t len)
{
    uint8_t head[] = {type,
                      (uint8_t)(channel >> 8),
                      (uint8_t)channel,
                      (uint8_t)(len >> 24),
                      (uint8_t)(len >> 16),
                      (uint8_t)(len >> 8),
                      (uint8_t)len};

    memcpy(s->bytes + s->len, head, sizeof(head));
    if (len > 0)
        memcpy(s->bytes + s->len + sizeof(head), payload, len);
    s->len += sizeof(head) + len;
    s->bytes[s->len++] = AMQP_FRAME_END;
}

static inline void script_method(struct script *s, uint16_t channel, amqp_method_number_t id, void *method)
{
    uint8_t payload[8192] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    int len = amqp_encode_method(id, method, (amqp_bytes_t){.len = sizeof(payload) - 4, .bytes = payload + 4});

    assert_true(len >= 0);
    script_frame(s, AMQP_FRAME_METHOD, channel, payload, 4 + (size_t)len);
}

static inline void script_header(struct script *s, uint16_t channel, uint64_t body_bytes, amqp_basic_properties_t *p)
{
    uint8_t payload[8192] = {0, AMQP_BASIC_CLASS};
    amqp_bytes_t room = {.len = sizeof(payload) - 12, .bytes = payload + 12};
    int len = amqp_encode_properties(AMQP_BASIC_CLASS, p, room);

    assert_true(len >= 0);
    for (int i = 0; i < 8; i++)
        payload[4 + i] = (uint8_t)(body_bytes >> (56 - 8 * i));
    script_frame(s, AMQP_FRAME_HEADER, channel, payload, 12 + (size_t)len);
}

/* What an outbox holds, taken out. */
static inline size_t outbox_taken(struct outbox *out, uint8_t *bytes, size_t size)
{
    struct evbuffer *buffer = evbuffer_new();

    assert_true(outbox_flush(out, buffer));
    int len = evbuffer_remove(buffer, bytes, size);
    evbuffer_free(buffer);
    return len < 0 ? 0 : (size_t)len;
}

/* One of our frames. */
struct sent {
    uint8_t type;
    uint16_t channel;
    const uint8_t *payload;
    size_t len;
    amqp_method_number_t id;
    void *method;
};

/* Take the next frame off *at; false at the end. What it points to lives as long as `pool`. */
static inline bool sent_next(const uint8_t **at, size_t *left, amqp_pool_t *pool, struct sent *out)
{
    const uint8_t *b = *at;

    if (*left == 0)
        return false;
    assert_true(*left >= 8);
    *out = (struct sent){.type = b[0], .channel = (uint16_t)(b[1] << 8 | b[2]), .payload = b + 7};
    out->len = (size_t)b[3] << 24 | (size_t)b[4] << 16 | (size_t)b[5] << 8 | b[6];
    assert_true(*left >= out->len + 8);
    assert_int_equal(b[7 + out->len], AMQP_FRAME_END);
    if (out->type == AMQP_FRAME_METHOD) {
        amqp_bytes_t arguments = {.len = out->len - 4, .bytes = (void *)(uintptr_t)(b + 11)};
        out->id = (uint32_t)b[7] << 24 | (uint32_t)b[8] << 16 | (uint32_t)b[9] << 8 | b[10];
        assert_int_equal(amqp_decode_method(out->id, pool, arguments, &out->method), 0);
    }
    *at += out->len + 8;
    *left -= out->len + 8;
    return true;
}

static inline void assert_text(amqp_bytes_t got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.len == 0 ? "" : got.bytes, want, got.len);
}

#endif
