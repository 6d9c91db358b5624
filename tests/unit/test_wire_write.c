#include "bus/bus.h"
#include "frames.h"

/* What one writer wrote, frame by frame. */
struct written {
    struct outbox out;
    uint8_t bytes[512 * 1024];
    const uint8_t *at;
    size_t left;
    amqp_pool_t pool;
    struct sent frame;
};

static struct written *begin(void)
{
    struct written *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    init_amqp_pool(&w->pool, 0);
    return w;
}

/* The next frame, which there must be. */
static const void *next_method(struct written *w, uint16_t channel, amqp_method_number_t id)
{
    if (w->at == NULL) {
        w->left = outbox_taken(&w->out, w->bytes, sizeof(w->bytes));
        w->at = w->bytes;
    }
    assert_true(sent_next(&w->at, &w->left, &w->pool, &w->frame));
    assert_int_equal(w->frame.type, id == 0 ? w->frame.type : AMQP_FRAME_METHOD);
    assert_int_equal(w->frame.channel, channel);
    assert_int_equal(w->frame.id, id);
    return w->frame.method;
}

static void end(struct written *w)
{
    assert_int_equal(w->left, 0);
    empty_amqp_pool(&w->pool);
    outbox_clear(&w->out);
    free(w);
}

static void greets_with_version_0_9_1(void **state)
{
    struct outbox out = {0};
    uint8_t bytes[16];

    (void)state;
    wire_put_greeting(&out);
    assert_int_equal(outbox_taken(&out, bytes, sizeof(bytes)), 8);
    assert_memory_equal(bytes, "AMQP\0\0\11\1", 8);
}

static void logs_in_with_plain_and_says_what_it_can(void **state)
{
    static const char *const can[] = {"publisher_confirms", "consumer_cancel_notify", "connection.blocked",
                                      "authentication_failure_close"};
    struct written *w = begin();

    (void)state;
    wire_put_start_ok(&w->out, &(struct wire_login){"kf", "secret", "worker-1", false});
    const amqp_connection_start_ok_t *m = next_method(w, 0, AMQP_CONNECTION_START_OK_METHOD);
    assert_text(m->mechanism, "PLAIN");
    assert_int_equal(m->response.len, 10);
    assert_memory_equal(m->response.bytes, "\0kf\0secret", 10);
    const amqp_table_t *p = &m->client_properties;
    assert_int_equal(p->num_entries, 3);
    assert_text(p->entries[0].value.value.bytes, "Keyferry");
    assert_text(p->entries[1].key, "connection_name");
    assert_text(p->entries[1].value.value.bytes, "worker-1");
    assert_text(p->entries[2].key, "capabilities");
    const amqp_table_t *capabilities = &p->entries[2].value.value.table;
    assert_int_equal(capabilities->num_entries, COUNT(can));
    for (size_t i = 0; i < COUNT(can); i++) {
        assert_text(capabilities->entries[i].key, can[i]);
        assert_int_equal(capabilities->entries[i].value.value.boolean, 1);
    }
    end(w);
}

/* RFC 4422 A: no identity is asked for but the certificate's. */
static void logs_in_with_external_and_gives_no_password_away(void **state)
{
    struct written *w = begin();

    (void)state;
    wire_put_start_ok(&w->out, &(struct wire_login){"kf", "secret", "worker-1", true});
    const amqp_connection_start_ok_t *m = next_method(w, 0, AMQP_CONNECTION_START_OK_METHOD);
    assert_text(m->mechanism, "EXTERNAL");
    assert_int_equal(m->response.len, 0);
    end(w);
}

static void the_longest_login_fits(void **state)
{
    struct written *w = begin();
    char longest[SHORTSTR_MAX_CHARS + 1];

    (void)state;
    memset(longest, 'x', SHORTSTR_MAX_CHARS);
    longest[SHORTSTR_MAX_CHARS] = '\0';
    wire_put_start_ok(&w->out, &(struct wire_login){longest, longest, longest, false});
    const amqp_connection_start_ok_t *m = next_method(w, 0, AMQP_CONNECTION_START_OK_METHOD);
    assert_int_equal(m->response.len, 2 + 2 * SHORTSTR_MAX_CHARS);
    end(w);
}

static void writes_the_methods_of_a_connection(void **state)
{
    struct written *w = begin();

    (void)state;
    wire_put_tune_ok(&w->out, 100, 4096, 15);
    wire_put_open(&w->out, "/v");
    wire_put_heartbeat(&w->out);
    wire_put_close(&w->out, 200, "goodbye");
    wire_put_close_ok(&w->out);
    const amqp_connection_tune_ok_t *tune = next_method(w, 0, AMQP_CONNECTION_TUNE_OK_METHOD);
    assert_int_equal(tune->channel_max, 100);
    assert_int_equal(tune->frame_max, 4096);
    assert_int_equal(tune->heartbeat, 15);
    const amqp_connection_open_t *open = next_method(w, 0, AMQP_CONNECTION_OPEN_METHOD);
    assert_text(open->virtual_host, "/v");
    next_method(w, 0, 0);
    assert_int_equal(w->frame.type, AMQP_FRAME_HEARTBEAT);
    const amqp_connection_close_t *close = next_method(w, 0, AMQP_CONNECTION_CLOSE_METHOD);
    assert_int_equal(close->reply_code, 200);
    next_method(w, 0, AMQP_CONNECTION_CLOSE_OK_METHOD);
    end(w);
}

static void writes_the_methods_of_a_channel(void **state)
{
    struct written *w = begin();

    (void)state;
    wire_put_channel_open(&w->out, 3);
    wire_put_bind(&w->out, 3, "q", "x", "k");
    wire_put_link(&w->out, 3, "to", "from", "k.*");
    wire_put_qos(&w->out, 3, 64);
    wire_put_consume(&w->out, 3, "q", "tag", true);
    wire_put_confirm(&w->out, 3);
    wire_put_ack(&w->out, 3, UINT64_C(0x123456789abcdef0), false);
    wire_put_reject(&w->out, 3, 7);
    wire_put_channel_close(&w->out, 3);
    wire_put_channel_close_ok(&w->out, 3);
    next_method(w, 3, AMQP_CHANNEL_OPEN_METHOD);
    const amqp_queue_bind_t *bind = next_method(w, 3, AMQP_QUEUE_BIND_METHOD);
    assert_text(bind->queue, "q");
    assert_text(bind->exchange, "x");
    assert_text(bind->routing_key, "k");
    const amqp_exchange_bind_t *link = next_method(w, 3, AMQP_EXCHANGE_BIND_METHOD);
    assert_text(link->destination, "to");
    assert_text(link->source, "from");
    assert_text(link->routing_key, "k.*");
    const amqp_basic_qos_t *qos = next_method(w, 3, AMQP_BASIC_QOS_METHOD);
    assert_int_equal(qos->prefetch_count, 64);
    assert_false(qos->global);
    const amqp_basic_consume_t *consume = next_method(w, 3, AMQP_BASIC_CONSUME_METHOD);
    assert_text(consume->consumer_tag, "tag");
    assert_true(consume->no_ack);
    next_method(w, 3, AMQP_CONFIRM_SELECT_METHOD);
    const amqp_basic_ack_t *ack = next_method(w, 3, AMQP_BASIC_ACK_METHOD);
    assert_true(ack->delivery_tag == UINT64_C(0x123456789abcdef0));
    assert_false(ack->multiple);
    const amqp_basic_reject_t *reject = next_method(w, 3, AMQP_BASIC_REJECT_METHOD);
    assert_int_equal(reject->delivery_tag, 7);
    assert_false(reject->requeue);
    next_method(w, 3, AMQP_CHANNEL_CLOSE_METHOD);
    next_method(w, 3, AMQP_CHANNEL_CLOSE_OK_METHOD);
    end(w);
}

static const amqp_basic_properties_t *next_header(struct written *w, uint16_t channel, uint64_t body_bytes)
{
    void *decoded;

    next_method(w, channel, 0);
    assert_int_equal(w->frame.type, AMQP_FRAME_HEADER);
    uint64_t size = 0;
    for (int i = 0; i < 8; i++)
        size = size << 8 | w->frame.payload[4 + i];
    assert_int_equal(size, body_bytes);
    amqp_bytes_t list = {.len = w->frame.len - 12, .bytes = (void *)(uintptr_t)(w->frame.payload + 12)};
    assert_int_equal(amqp_decode_properties(AMQP_BASIC_CLASS, &w->pool, list, &decoded), 0);
    return decoded;
}

static void publishes_with_all_its_properties(void **state)
{
    static const char *const headers[] = {"x-keyferry-code", "SYS.1007", "x-keyferry-queue", "q", NULL};
    struct written *w = begin();
    struct publication publication = {
        .exchange = "ex",
        .routing_key = "key",
        .content_type = "application/msgpack",
        .message_id = "m",
        .correlation_id = "c",
        .reply_to = "r",
        .headers = headers,
        .body = (const uint8_t *)"body",
        .body_bytes = 4,
        .mandatory = true,
    };

    (void)state;
    wire_put_publication(&w->out, 1, FRAME_MIN_BYTES, &publication, "kf");
    const amqp_basic_publish_t *m = next_method(w, 1, AMQP_BASIC_PUBLISH_METHOD);
    assert_text(m->exchange, "ex");
    assert_text(m->routing_key, "key");
    assert_true(m->mandatory);
    const amqp_basic_properties_t *p = next_header(w, 1, 4);
    assert_int_equal(p->delivery_mode, 2);
    assert_text(p->content_type, "application/msgpack");
    assert_text(p->message_id, "m");
    assert_text(p->correlation_id, "c");
    assert_text(p->reply_to, "r");
    assert_text(p->user_id, "kf");
    assert_int_equal(p->headers.num_entries, 2);
    assert_text(p->headers.entries[1].key, "x-keyferry-queue");
    assert_text(p->headers.entries[1].value.value.bytes, "q");
    next_method(w, 1, 0);
    assert_int_equal(w->frame.type, AMQP_FRAME_BODY);
    assert_memory_equal(w->frame.payload, "body", 4);
    end(w);
}

static void what_is_absent_is_left_out(void **state)
{
    struct written *w = begin();
    struct publication publication = {.exchange = "", .routing_key = "q", .reply_to = ""};

    (void)state;
    wire_put_publication(&w->out, 1, FRAME_MIN_BYTES, &publication, "");
    const amqp_basic_publish_t *m = next_method(w, 1, AMQP_BASIC_PUBLISH_METHOD);
    assert_false(m->mandatory);
    const amqp_basic_properties_t *p = next_header(w, 1, 0);
    assert_int_equal(p->_flags, AMQP_BASIC_DELIVERY_MODE_FLAG);
    end(w);
}

/* As much as outgoing_new() lets through. */
static void the_longest_properties_fit_a_header(void **state)
{
    struct written *w = begin();
    char longest[SHORTSTR_MAX_CHARS + 1], value[HEADERS_MAX_BYTES - 6];
    const char *const headers[] = {"n", value, NULL};
    struct publication publication = {
        .exchange = longest,
        .routing_key = longest,
        .content_type = longest,
        .message_id = longest,
        .correlation_id = longest,
        .reply_to = longest,
        .headers = headers,
    };

    (void)state;
    memset(longest, 'x', SHORTSTR_MAX_CHARS);
    longest[SHORTSTR_MAX_CHARS] = '\0';
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    wire_put_publication(&w->out, 1, FRAME_MIN_BYTES, &publication, longest);
    assert_false(w->out.failed);
    next_method(w, 1, AMQP_BASIC_PUBLISH_METHOD);
    assert_text(next_header(w, 1, 0)->user_id, longest);
    end(w);
}

/* A body on the edges of a frame, and one of many frames. */
static void splits_bodies_at_the_agreed_size(void **state)
{
    enum { PIECE = FRAME_MIN_BYTES - FRAME_FIXED_BYTES };
    static const size_t sizes[] = {1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 300 * 1024};
    uint8_t *body = malloc(300 * 1024);

    (void)state;
    for (size_t i = 0; i < 300 * 1024; i++)
        body[i] = (uint8_t)(i * 7 >> 2);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct written *w = begin();
        struct publication publication = {.exchange = "", .routing_key = "q", .body = body, .body_bytes = sizes[i]};
        wire_put_publication(&w->out, 1, FRAME_MIN_BYTES, &publication, "");
        next_method(w, 1, AMQP_BASIC_PUBLISH_METHOD);
        next_header(w, 1, sizes[i]);
        for (size_t at = 0; at < sizes[i]; at += w->frame.len) {
            next_method(w, 1, 0);
            assert_int_equal(w->frame.type, AMQP_FRAME_BODY);
            assert_int_equal(w->frame.len, sizes[i] - at < PIECE ? sizes[i] - at : PIECE);
            assert_memory_equal(w->frame.payload, body + at, w->frame.len);
        }
        end(w);
    }
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets_with_version_0_9_1),
        cmocka_unit_test(logs_in_with_plain_and_says_what_it_can),
        cmocka_unit_test(the_longest_login_fits),
        cmocka_unit_test(logs_in_with_external_and_gives_no_password_away),
        cmocka_unit_test(the_longest_properties_fit_a_header),
        cmocka_unit_test(writes_the_methods_of_a_connection),
        cmocka_unit_test(writes_the_methods_of_a_channel),
        cmocka_unit_test(publishes_with_all_its_properties),
        cmocka_unit_test(what_is_absent_is_left_out),
        cmocka_unit_test(splits_bodies_at_the_agreed_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
