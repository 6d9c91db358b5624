#include "frames.h"
#include "schemas/limits.h"

#include <stdio.h>

/* What a reader made of some bytes, as one line a frame; pieces of one body are put together. */
struct story {
    char text[16 * 1024];
    size_t len, body;
    bool fine;
    struct err e;
};

static void tell_frame(struct story *story, const struct wire_frame *f)
{
    char *at = story->text + story->len;
    size_t room = sizeof(story->text) - story->len;

    if (f->kind == WIRE_BODY) {
        story->body += f->piece_bytes;
        for (size_t i = 0; i < f->piece_bytes; i++)
            at[i] = (char)f->piece[i];
        story->len += f->piece_bytes;
        return;
    }
    story->len += (size_t)snprintf(
        at, room,
        "|kind %d ch %u method %d tag %llu%s%s code %u cause %x '%.*s' to '%.*s' '%.*s' tune %u %u %u '%.*s' by '%.*s' "
        "'%.*s' body %llu '%.*s' '%.*s' '%.*s' '%.*s' '%.*s'|",
        (int)f->kind, f->channel, (int)f->method, (unsigned long long)f->tag, f->multiple ? " multiple" : "",
        f->redelivered ? " redelivered" : "", f->code, f->cause_id, (int)f->text.len, f->text.at, (int)f->exchange.len,
        f->exchange.at, (int)f->routing_key.len, f->routing_key.at, f->channel_max, f->frame_max, f->heartbeat_s,
        (int)f->mechanisms.len, f->mechanisms.at, (int)f->product.len, f->product.at, (int)f->version.len,
        f->version.at, (unsigned long long)f->body_bytes, (int)f->content_type.len, f->content_type.at,
        (int)f->message_id.len, f->message_id.at, (int)f->correlation_id.len, f->correlation_id.at,
        (int)f->reply_to.len, f->reply_to.at, (int)f->user_id.len, f->user_id.at);
}

/* Feed bytes to a reader; each piece in memory of its own, so that ASan sees a step too far. */
static void feed(struct wire_reader *reader, const uint8_t *bytes, size_t len, struct story *story)
{
    uint8_t *copy = malloc(len + 1);
    size_t at = 0, used;
    struct wire_frame frame;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    while (story->fine && at < len) {
        story->fine = wire_read(reader, copy + at, len - at, &used, &frame, &story->e);
        at += used;
        if (story->fine && frame.kind != WIRE_NOTHING)
            tell_frame(story, &frame);
    }
    free(copy);
}

/* All of `s`, in pieces of at most `step` bytes, the first one of `first`. */
static struct story *read_story(const struct script *s, size_t first, size_t step)
{
    struct wire_reader *reader = wire_reader_new();
    struct story *story = calloc(1, sizeof(*story));

    assert_non_null(reader);
    assert_non_null(story);
    story->fine = true;
    for (size_t at = 0; at < s->len;) {
        size_t want = at == 0 && first > 0 ? first : step;
        size_t len = want < s->len - at ? want : s->len - at;
        feed(reader, s->bytes + at, len, story);
        at += len;
    }
    wire_reader_free(reader);
    return story;
}

static struct script everything(void)
{
    amqp_table_entry_t server[] = {
        {.key = amqp_cstring_bytes("product"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("RabbitMQ")}},
        {.key = amqp_cstring_bytes("version"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("3.10.8")}},
    };
    amqp_basic_properties_t p = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG |
                  AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_USER_ID_FLAG | AMQP_BASIC_HEADERS_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .message_id = amqp_cstring_bytes("m-1"),
        .correlation_id = amqp_cstring_bytes("c-1"),
        .reply_to = amqp_cstring_bytes("r-1"),
        .user_id = amqp_cstring_bytes("guest"),
        .headers = {.num_entries = COUNT(server), .entries = server},
    };
    struct script s = {.len = 0};

    script_method(&s, 0, AMQP_CONNECTION_START_METHOD,
                  &(amqp_connection_start_t){.version_minor = 9,
                                             .server_properties = {.num_entries = COUNT(server), .entries = server},
                                             .mechanisms = amqp_cstring_bytes("AMQPLAIN PLAIN"),
                                             .locales = amqp_cstring_bytes("en_US")});
    script_method(&s, 0, AMQP_CONNECTION_TUNE_METHOD, &(amqp_connection_tune_t){2047, 131072, 60});
    script_method(&s, 0, AMQP_CONNECTION_OPEN_OK_METHOD, &(amqp_connection_open_ok_t){0});
    script_frame(&s, AMQP_FRAME_HEARTBEAT, 0, NULL, 0);
    script_method(&s, 0, AMQP_CONNECTION_BLOCKED_METHOD,
                  &(amqp_connection_blocked_t){amqp_cstring_bytes("low on memory")});
    script_method(&s, 7, AMQP_BASIC_DELIVER_METHOD,
                  &(amqp_basic_deliver_t){.delivery_tag = 99,
                                          .redelivered = 1,
                                          .exchange = amqp_cstring_bytes("ex"),
                                          .routing_key = amqp_cstring_bytes("host.1")});
    script_header(&s, 7, 10, &p);
    script_frame(&s, AMQP_FRAME_BODY, 7, "hello", 5);
    script_frame(&s, AMQP_FRAME_BODY, 7, "", 0);
    script_frame(&s, AMQP_FRAME_BODY, 7, "world", 5);
    script_method(&s, 1, AMQP_BASIC_ACK_METHOD, &(amqp_basic_ack_t){.delivery_tag = 5, .multiple = 1});
    script_method(&s, 1, AMQP_BASIC_NACK_METHOD, &(amqp_basic_nack_t){.delivery_tag = 6});
    script_method(
        &s, 1, AMQP_BASIC_RETURN_METHOD,
        &(amqp_basic_return_t){312, amqp_cstring_bytes("NO_ROUTE"), amqp_cstring_bytes("ex"), amqp_cstring_bytes("k")});
    script_method(&s, 3, AMQP_CHANNEL_CLOSE_METHOD,
                  &(amqp_channel_close_t){404, amqp_cstring_bytes("NOT_FOUND"), 60, 40});
    script_frame(&s, AMQP_FRAME_METHOD, 2, "\0\177\0\1xyz", 7); /* a method nobody knows */
    return s;
}

static void reads_what_a_broker_sends(void **state)
{
    struct script s = everything();
    struct story *story = read_story(&s, 0, s.len);

    (void)state;
    assert_true(story->fine);
    assert_int_equal(story->body, 10);
    assert_non_null(strstr(story->text, "'AMQPLAIN PLAIN' by 'RabbitMQ' '3.10.8'"));
    assert_non_null(strstr(story->text, "tune 2047 131072 60"));
    assert_non_null(strstr(story->text, "'low on memory'"));
    assert_non_null(strstr(story->text, "tag 99 redelivered code 0 cause 0 '' to 'ex' 'host.1'"));
    assert_non_null(strstr(story->text, "body 10 'application/json' 'm-1' 'c-1' 'r-1' 'guest'|helloworld|"));
    assert_non_null(strstr(story->text, "tag 5 multiple"));
    assert_non_null(strstr(story->text, "code 312 cause 0 'NO_ROUTE' to 'ex' 'k'"));
    assert_non_null(strstr(story->text, "code 404 cause 3c0028 'NOT_FOUND'"));
    assert_int_equal(wire_publish_id, 0x3c0028);
    assert_non_null(strstr(story->text, "ch 2 method 0"));
    free(story);
}

static void pieces_make_no_difference(void **state)
{
    struct script s = everything();
    struct story *whole = read_story(&s, 0, s.len);

    (void)state;
    for (size_t step = 1; step < 40; step++) {
        struct story *other = read_story(&s, 0, step);
        assert_true(other->fine);
        assert_string_equal(other->text, whole->text);
        free(other);
    }
    for (size_t first = 1; first < s.len; first++) {
        struct story *other = read_story(&s, first, s.len);
        assert_true(other->fine);
        assert_string_equal(other->text, whole->text);
        free(other);
    }
    free(whole);
}

static void one_frame_after_another_is_told_one_at_a_time(void **state)
{
    struct wire_reader *reader = wire_reader_new();
    struct script s = everything();
    struct wire_frame frame;
    size_t used;
    struct err e;

    (void)state;
    assert_true(wire_read(reader, s.bytes, s.len, &used, &frame, &e));
    assert_int_equal(frame.method, METHOD_START);
    assert_true(used < s.len);
    wire_reader_free(reader);
}

/* Fails, whole and byte by byte, with this text. */
static void assert_refused(const struct script *s, const char *why)
{
    for (size_t step = 1; step <= s->len; step += s->len - 1) {
        struct story *story = read_story(s, 0, step);
        if (story->fine || strstr(story->e.text, why) == NULL)
            fail_msg("'%s' instead of '%s'", story->fine ? story->text : story->e.text, why);
        assert_int_equal(story->e.kind, ERR_BUS);
        free(story);
    }
}

static void refuses_raw(const char *bytes, size_t len, const char *why)
{
    struct script s = {.len = len};

    memcpy(s.bytes, bytes, len);
    assert_refused(&s, why);
}

static void refuses_what_is_no_frame(void **state)
{
    (void)state;
    refuses_raw("HTTP/1.1 200 OK\r\n", 17, "does not speak AMQP 0-9-1");
    refuses_raw("AMQP\0\0\11\1", 8, "does not speak AMQP 0-9-1");
    refuses_raw("\25\3\1\0\2\2\106\0", 8, "speaks TLS");
    refuses_raw("\4\0\0\0\0\0\0\316", 8, "does not speak AMQP 0-9-1");
    refuses_raw("\1\0\0\377\377\377\377", 7, "a frame of 4294967295 bytes");
    refuses_raw("\3\0\1\0\2\0\0", 7, "a frame of 131072 bytes");
    refuses_raw("\10\0\0\0\0\0\0\317", 8, "does not end");
    refuses_raw("\3\0\1\0\0\0\1ab", 9, "does not end");
    refuses_raw("\10\0\1\0\0\0\0\316", 8, "heartbeat");
    refuses_raw("\10\0\0\0\0\0\1x\316", 9, "heartbeat");
}

static void refuses_payloads_that_are_too_short(void **state)
{
    static const char zeros[20];

    (void)state;
    for (size_t len = 0; len < 4; len++) {
        struct script s = {.len = 0};
        script_frame(&s, AMQP_FRAME_METHOD, 0, zeros, len);
        assert_refused(&s, "a method frame of");
    }
    for (size_t len = 0; len < 14; len++) {
        struct script s = {.len = 0};
        script_frame(&s, AMQP_FRAME_HEADER, 1, "\0\74\0\0\0\0\0\0\0\0\0\0\0\0", len);
        assert_refused(&s, "a malformed content header");
    }
}

/* Every method, cut short at every byte, within a frame that is whole. */
static void refuses_methods_that_end_too_soon(void **state)
{
    struct script all = everything();

    (void)state;
    for (size_t at = 0; at < all.len;) {
        const uint8_t *frame = all.bytes + at;
        size_t len = (size_t)frame[5] << 8 | frame[6];
        for (size_t cut = 4; frame[0] == AMQP_FRAME_METHOD && frame[8] != 127 && cut < len; cut++) {
            struct script s = {.len = 0};
            script_frame(&s, AMQP_FRAME_METHOD, 0, frame + 7, cut);
            assert_refused(&s, "malformed");
        }
        for (size_t cut = 14; frame[0] == AMQP_FRAME_HEADER && cut < len; cut++) {
            struct script s = {.len = 0};
            script_frame(&s, AMQP_FRAME_HEADER, 1, frame + 7, cut);
            assert_refused(&s, "malformed");
        }
        at += len + 8;
    }
}

static void refuses_flag_words_without_end(void **state)
{
    uint8_t payload[64] = {0, 60};
    struct script s = {.len = 0};

    (void)state;
    memset(payload + 12, 0xff, sizeof(payload) - 12);
    script_frame(&s, AMQP_FRAME_HEADER, 1, payload, sizeof(payload));
    assert_refused(&s, "a malformed content header");
}

static void refuses_headers_nested_without_end(void **state)
{
    enum { DEPTH = 2000, LIST = 6 * DEPTH - 2 };
    static uint8_t payload[14 + LIST] = {0, 60, [12] = AMQP_BASIC_HEADERS_FLAG >> 8};
    struct script s = {.len = 0};

    (void)state;
    for (int i = 0; i < DEPTH; i++) {
        uint8_t *at = payload + 14 + 6 * i;
        int left = 6 * (DEPTH - 1 - i);
        at[2] = (uint8_t)(left >> 8);
        at[3] = (uint8_t)left;
        if (i + 1 < DEPTH)
            at[5] = 'F';
    }
    script_frame(&s, AMQP_FRAME_HEADER, 1, payload, sizeof(payload));
    assert_refused(&s, "a malformed content header");
}

static void refuses_frames_longer_than_agreed(void **state)
{
    struct wire_reader *reader = wire_reader_new();
    struct story story = {.fine = true};
    struct script s = {.len = 0};
    uint8_t body[FRAME_MIN_BYTES] = {0};

    (void)state;
    wire_reader_limit(reader, FRAME_MIN_BYTES);
    script_frame(&s, AMQP_FRAME_BODY, 1, body, FRAME_MIN_BYTES - FRAME_FIXED_BYTES);
    feed(reader, s.bytes, s.len, &story);
    assert_true(story.fine);
    s.len = 0;
    script_frame(&s, AMQP_FRAME_BODY, 1, body, FRAME_MIN_BYTES - FRAME_FIXED_BYTES + 1);
    feed(reader, s.bytes, s.len, &story);
    assert_false(story.fine);
    wire_reader_free(reader);
}

/* A claim that is no text is made all the same, and names nobody. */
static void reads_whom_a_header_speaks_for(void **state)
{
    static const struct {
        uint8_t kind;
        const char *text, *want;
    } cases[] = {
        {AMQP_FIELD_KIND_UTF8, "mgmt", "mgmt"},
        {AMQP_FIELD_KIND_UTF8, "", ""},
        {AMQP_FIELD_KIND_BYTES, "mgmt", ""},
        {AMQP_FIELD_KIND_VOID, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        amqp_table_entry_t headers[] = {
            {.key = amqp_cstring_bytes("x-keyferry-on-behalf-of"),
             .value = {.kind = cases[i].kind, .value.bytes = amqp_cstring_bytes(cases[i].text)}},
        };
        amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                     .headers = {.num_entries = COUNT(headers), .entries = headers}};
        struct wire_reader *reader = wire_reader_new();
        struct script s = {.len = 0};
        struct wire_frame frame;
        char got[8];
        struct err e;
        size_t used;

        script_header(&s, 1, 0, &p);
        assert_true(wire_read(reader, s.bytes, s.len, &used, &frame, &e));
        assert_non_null(frame.on_behalf_of.at);
        assert_null(frame.vouched_by.at);
        wire_text_copy(frame.on_behalf_of, got, sizeof(got));
        assert_string_equal(got, cases[i].want);
        wire_reader_free(reader);
    }
}

/* The one header that is wanted. What is there and no text, or empty, is told from what is not there. */
static void reads_the_signature_among_the_headers(void **state)
{
    static const struct {
        const char *name;
        uint8_t kind;
        const char *text, *want;
    } cases[] = {
        {"x-keyferry-signature", AMQP_FIELD_KIND_UTF8, "c2ln", "c2ln"},
        {"x-keyferry-signature", AMQP_FIELD_KIND_BYTES, "c2ln", "c2ln"},
        {"x-keyferry-signature", AMQP_FIELD_KIND_UTF8, "", "?"},
        {"x-keyferry-signature", AMQP_FIELD_KIND_VOID, "", "?"},
        {"x-keyferry-signaturf", AMQP_FIELD_KIND_UTF8, "c2ln", ""},
        {"X-keyferry-signature", AMQP_FIELD_KIND_UTF8, "c2ln", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        amqp_table_entry_t headers[] = {
            {.key = amqp_cstring_bytes("other"), .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 7}},
            {.key = amqp_cstring_bytes(cases[i].name),
             .value = {.kind = cases[i].kind, .value.bytes = amqp_cstring_bytes(cases[i].text)}},
        };
        amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                     .headers = {.num_entries = COUNT(headers), .entries = headers}};
        struct wire_reader *reader = wire_reader_new();
        struct script s = {.len = 0};
        struct wire_frame frame;
        char got[8];
        struct err e;
        size_t used;

        script_header(&s, 1, 0, &p);
        assert_true(wire_read(reader, s.bytes, s.len, &used, &frame, &e));
        wire_text_copy(frame.signature, got, sizeof(got));
        assert_string_equal(got, cases[i].want);
        wire_reader_free(reader);
    }
}

static void a_text_that_does_not_fit_or_holds_a_nul_is_absent(void **state)
{
    char out[4] = "???";

    (void)state;
    wire_text_copy((struct wire_text){"abc", 3}, out, sizeof(out));
    assert_string_equal(out, "abc");
    wire_text_copy((struct wire_text){"abcd", 4}, out, sizeof(out));
    assert_string_equal(out, "");
    wire_text_copy((struct wire_text){"a\0b", 3}, out, sizeof(out));
    assert_string_equal(out, "");
    wire_text_copy((struct wire_text){NULL, 0}, out, sizeof(out));
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_a_broker_sends),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(one_frame_after_another_is_told_one_at_a_time),
        cmocka_unit_test(refuses_what_is_no_frame),
        cmocka_unit_test(reads_the_signature_among_the_headers),
        cmocka_unit_test(reads_whom_a_header_speaks_for),
        cmocka_unit_test(refuses_payloads_that_are_too_short),
        cmocka_unit_test(refuses_methods_that_end_too_soon),
        cmocka_unit_test(refuses_flag_words_without_end),
        cmocka_unit_test(refuses_headers_nested_without_end),
        cmocka_unit_test(refuses_frames_longer_than_agreed),
        cmocka_unit_test(a_text_that_does_not_fit_or_holds_a_nul_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
