/*
 * The bus on a real RabbitMQ, which tests/lab/with starts, stops and freezes for
 * it. What is on the broker is looked at through librabbitmq's own connection, so
 * that our mistakes do not cancel out.
 */
#include "bus/bus.h"
#include "bus/client.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define EXCHANGE "bus-test.p2p"

/* Each test has queues of its own: RabbitMQ is slow to forget a quorum queue of the same name. */
static char dead[64], queue[64], key[64];
static struct bus_queue one_queue[] = {{queue, key}};

/*
 * RabbitMQ 3.10 killed (-9) within some 5 s after it made a quorum queue comes back
 * with that queue for ever without a leader. So its kill is put off that long.
 */
enum { NEW_QUEUE_S = 8 };

static double patience(void)
{
    const char *factor = getenv("KEYFERRY_PATIENCE");

    return factor == NULL ? 1 : atof(factor);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *broker_url(void)
{
    const char *url = getenv("KEYFERRY_TEST_URL");

    assert_non_null(url);
    return url;
}

/* "stop", "start", "restart", "freeze", "thaw". */
static void broker_do(const char *action)
{
    const char *control = getenv("KEYFERRY_TEST_BROKER");
    char command[1024];

    assert_non_null(control);
    snprintf(command, sizeof(command), "%s %s", control, action);
    assert_int_equal(system(command), 0);
}

/* One bus and its loop. */

struct rig {
    struct event_base *base;
    struct bus *bus;
    struct event *tick;
};

static struct bus_config plain_config(void)
{
    return (struct bus_config){
        .urls = broker_url(),
        .name = "bus-test",
        .heartbeat_s = 15,
        .prefetch = 64,
        .queue_type = QUEUE_QUORUM,
        .declare = true,
        .exchange = EXCHANGE,
        .dead_exchange = dead,
        .events_exchange = "bus-test.events",
        .reply_exchange = "",
        .body_max_bytes = BODY_MAX_BYTES,
        .queues = one_queue,
        .queue_count = COUNT(one_queue),
    };
}

static struct bus_config sender_config(void)
{
    struct bus_config config = plain_config();

    config.name = "bus-test-sender";
    config.queue_count = 0;
    return config;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

static void on_wake(void *arg)
{
    event_base_loopbreak(((struct rig *)arg)->base);
}

static void rig_open(struct rig *rig, const struct bus_config *config)
{
    struct err e;

    rig->base = event_base_new();
    assert_non_null(rig->base);
    rig->tick = event_new(rig->base, -1, EV_PERSIST, on_tick, NULL);
    event_add(rig->tick, &(struct timeval){.tv_usec = 50000});
    if (!bus_open(rig->base, config, on_wake, rig, &rig->bus, &e))
        fail_msg("%s", e.text);
}

static void rig_close(struct rig *rig)
{
    bus_close(rig->bus);
    event_free(rig->tick);
    event_base_free(rig->base);
}

/* The next news within `seconds`, or BUS_QUIET. */
static enum bus_event rig_next(struct rig *rig, struct bus_news *news, double seconds)
{
    double end = now_s() + seconds * patience();

    while (bus_next(rig->bus, news) == BUS_QUIET && now_s() < end)
        event_base_loop(rig->base, EVLOOP_ONCE);
    return news->event;
}

/* The next news of this kind; others are passed over. */
static void rig_wait(struct rig *rig, enum bus_event event, struct bus_news *news, double seconds)
{
    double end = now_s() + seconds * patience();

    while (rig_next(rig, news, 1) != event) {
        if (now_s() > end)
            fail_msg("waited in vain for event %d", (int)event);
        if (news->event == BUS_DELIVERY || news->event == BUS_ANSWER)
            delivery_free(news->delivery);
    }
}

/* Open it, and wait until it is up and consumes from all its queues. */
static void rig_up(struct rig *rig, const struct bus_config *config)
{
    double end = now_s() + 30 * patience();
    size_t up = 0, want = config->queue_count + 1;
    struct bus_news news;

    rig_open(rig, config);
    while (up < want) {
        enum bus_event event = rig_next(rig, &news, 1);
        up += event == BUS_LINK_UP || event == BUS_QUEUE_UP;
        if (now_s() > end)
            fail_msg("not up: %s", news.text);
    }
}

static uint64_t rig_publish(struct rig *rig, const char *exchange, const char *to, const char *id, size_t body_bytes)
{
    struct publication publication = {
        .exchange = exchange,
        .routing_key = to,
        .content_type = "application/json",
        .message_id = id,
        .correlation_id = "c-1",
        .reply_to = "r-1",
        .body_bytes = body_bytes,
        .mandatory = true,
    };
    uint8_t *body = malloc(body_bytes + 1);
    uint64_t number;
    struct err e;

    assert_non_null(body);
    for (size_t i = 0; i < body_bytes; i++)
        body[i] = (uint8_t)(i * 31 >> 3);
    publication.body = body;
    assert_true(bus_publish(rig->bus, &publication, &number, &e));
    memset(body, 0, body_bytes);
    free(body);
    return number;
}

static enum published rig_published(struct rig *rig, uint64_t number, struct bus_news *news)
{
    do
        rig_wait(rig, BUS_PUBLISHED, news, 30);
    while (news->number != number);
    return news->how;
}

static struct delivery *rig_delivery(struct rig *rig)
{
    struct bus_news news;

    rig_wait(rig, BUS_DELIVERY, &news, 20);
    return news.delivery;
}

/* Somebody else on the same broker. */

static amqp_connection_state_t outsider_open(void)
{
    struct amqp_connection_info info;
    char url[512];

    snprintf(url, sizeof(url), "%s", broker_url());
    assert_int_equal(amqp_parse_url(url, &info), AMQP_STATUS_OK);
    amqp_connection_state_t outsider = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(outsider);
    assert_int_equal(amqp_socket_open(socket, info.host, info.port), AMQP_STATUS_OK);
    assert_int_equal(
        amqp_login(outsider, info.vhost, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, info.user, info.password).reply_type,
        AMQP_RESPONSE_NORMAL);
    amqp_channel_open(outsider, 1);
    assert_int_equal(amqp_get_rpc_reply(outsider).reply_type, AMQP_RESPONSE_NORMAL);
    return outsider;
}

static void outsider_close(amqp_connection_state_t outsider)
{
    amqp_connection_close(outsider, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(outsider);
}

static bool outsider_fine(amqp_connection_state_t outsider)
{
    return amqp_get_rpc_reply(outsider).reply_type == AMQP_RESPONSE_NORMAL;
}

/* True if a declaration with exactly these arguments agrees with what is there. */
static bool outsider_declares(const char *name, amqp_table_entry_t *entries, int count)
{
    amqp_connection_state_t outsider = outsider_open();
    amqp_table_t arguments = {.num_entries = count, .entries = entries};

    amqp_queue_declare(outsider, 1, amqp_cstring_bytes(name), 0, 1, 0, 0, arguments);
    bool fine = outsider_fine(outsider);
    outsider_close(outsider);
    return fine;
}

static void outsider_deletes(const char *name)
{
    amqp_connection_state_t outsider = outsider_open();

    amqp_queue_delete(outsider, 1, amqp_cstring_bytes(name), 0, 0);
    outsider_close(outsider);
}

/* Take the next message of a queue within 10 s; gives its length. */
static size_t outsider_takes(const char *name, char *routing_key, size_t size)
{
    amqp_connection_state_t outsider = outsider_open();
    double end = now_s() + 10 * patience();
    amqp_message_t message;

    for (;;) {
        amqp_rpc_reply_t reply = amqp_basic_get(outsider, 1, amqp_cstring_bytes(name), 1);
        assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
        if (reply.reply.id == AMQP_BASIC_GET_OK_METHOD) {
            amqp_basic_get_ok_t *got = reply.reply.decoded;
            snprintf(routing_key, size, "%.*s", (int)got->routing_key.len, (char *)got->routing_key.bytes);
            break;
        }
        assert_true(now_s() < end);
        usleep(50000);
    }
    assert_int_equal(amqp_read_message(outsider, 1, &message, 0).reply_type, AMQP_RESPONSE_NORMAL);
    size_t len = message.body.len;
    amqp_destroy_message(&message);
    outsider_close(outsider);
    return len;
}

static amqp_table_entry_t argument_text(const char *name, const char *value)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(name),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(value)},
    };
}

static int take_new_names(void **state)
{
    static int test;

    (void)state;
    test++;
    snprintf(dead, sizeof(dead), "bus-test.dead.%d", test);
    snprintf(queue, sizeof(queue), "bus-test.host.%d", test);
    snprintf(key, sizeof(key), "host.%d", test);
    return 0;
}

/* The tests. */

static void makes_the_names_of_the_contract(void **state)
{
    amqp_table_entry_t host[] = {
        argument_text("x-queue-type", "quorum"),
        {.key = amqp_cstring_bytes("x-single-active-consumer"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
        argument_text("x-dead-letter-exchange", dead),
        argument_text("x-dead-letter-strategy", "at-least-once"),
        argument_text("x-overflow", "reject-publish"),
        {.key = amqp_cstring_bytes("x-delivery-limit"), .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 50}},
    };
    amqp_table_entry_t dead_arguments[] = {
        /* before 4.0 without the second */
        argument_text("x-queue-type", "quorum"),
        {.key = amqp_cstring_bytes("x-delivery-limit"), .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = INT32_MAX}},
    };
    struct bus_config config = plain_config();
    amqp_connection_state_t outsider;
    struct rig rig;

    (void)state;
    rig_up(&rig, &config);
    assert_true(outsider_declares(queue, host, COUNT(host)));
    assert_true(outsider_declares(dead, dead_arguments, broker_is_from(bus_broker(rig.bus), 4, 0) ? 2 : 1));
    for (int i = 1; i < (int)COUNT(host) - 1; i++) { /* 3.10 does not compare the last one, x-delivery-limit */
        amqp_table_entry_t others[COUNT(host)];
        memcpy(others, host, sizeof(host));
        others[i] = host[0];
        assert_false(outsider_declares(queue, others, COUNT(host)));
    }
    outsider = outsider_open();
    amqp_exchange_declare(outsider, 1, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes("topic"), 0, 1, 0, 0,
                          amqp_empty_table);
    assert_true(outsider_fine(outsider));
    amqp_exchange_declare(outsider, 1, amqp_cstring_bytes("bus-test.events"), amqp_cstring_bytes("topic"), 0, 1, 0, 0,
                          amqp_empty_table);
    assert_true(outsider_fine(outsider));
    amqp_exchange_declare(outsider, 1, amqp_cstring_bytes(dead), amqp_cstring_bytes("fanout"), 0, 1, 0, 0,
                          amqp_empty_table);
    assert_true(outsider_fine(outsider));
    outsider_close(outsider);
    rig_close(&rig);
}

static void a_classic_queue_has_no_arguments_of_quorum_queues(void **state)
{
    amqp_table_entry_t host[] = {
        {.key = amqp_cstring_bytes("x-single-active-consumer"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
        argument_text("x-dead-letter-exchange", dead),
        argument_text("x-overflow", "reject-publish"),
    };
    struct bus_config config = plain_config();
    struct rig rig;

    (void)state;
    config.queue_type = QUEUE_CLASSIC;
    rig_up(&rig, &config);
    assert_true(outsider_declares(queue, host, COUNT(host)));
    rig_close(&rig);
}

static void declare_no_makes_nothing(void **state)
{
    struct bus_config config = plain_config();
    amqp_connection_state_t outsider;
    struct bus_news news;
    struct rig rig;

    (void)state;
    config.declare = false;
    config.exchange = "bus-test.never";
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_QUEUE_DOWN, &news, 20);
    assert_non_null(strstr(news.text, "looking for queue 'bus-test.host."));
    assert_non_null(strstr(news.text, queue));
    assert_non_null(strstr(news.text, "': 404 NOT_FOUND"));
    outsider = outsider_open();
    amqp_exchange_declare(outsider, 1, amqp_cstring_bytes("bus-test.never"), amqp_cstring_bytes("topic"), 1, 1, 0, 0,
                          amqp_empty_table);
    assert_false(outsider_fine(outsider));
    outsider_close(outsider);
    rig_close(&rig);
}

static void says_which_queue_is_there_with_other_arguments(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    assert_true(outsider_declares(queue, NULL, 0));
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_QUEUE_DOWN, &news, 20);
    assert_int_equal(news.queue, 0);
    assert_non_null(strstr(news.text, "declaring queue 'bus-test.host."));
    assert_non_null(strstr(news.text, queue));
    assert_non_null(strstr(news.text, "': 406 PRECONDITION_FAILED - inequivalent arg"));
    outsider_deletes(queue);
    rig_wait(&rig, BUS_QUEUE_UP, &news, 20);
    rig_close(&rig);
}

static void delivers_what_was_published_with_its_properties(void **state)
{
    struct bus_config config = plain_config(), sender_of = sender_config();
    struct rig rig, sender;
    struct bus_news news;

    (void)state;
    rig_up(&rig, &config);
    rig_up(&sender, &sender_of);
    uint64_t number = rig_publish(&sender, EXCHANGE, key, "m-1", 1000);
    assert_int_equal(rig_published(&sender, number, &news), PUBLISHED_TAKEN);
    struct delivery *d = rig_delivery(&rig);
    assert_string_equal(d->message_id, "m-1");
    assert_string_equal(d->correlation_id, "c-1");
    assert_string_equal(d->reply_to, "r-1");
    assert_string_equal(d->content_type, "application/json");
    assert_string_equal(d->routing_key, key);
    assert_string_equal(d->user_id, "guest");
    assert_false(d->redelivered);
    assert_int_equal(d->body_bytes, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(d->body[i], (uint8_t)(i * 31 >> 3));
    assert_true(bus_is_current(rig.bus, d));
    bus_settle(rig.bus, d, VERDICT_ACK);
    rig_close(&sender);
    rig_close(&rig);
}

/* Asked over and over until the depth of the queue is as wanted. */
static void rig_counts(struct rig *rig, size_t of, bool is_known, uint32_t wanted)
{
    double end = now_s() + 20 * patience();
    struct bus_depth depth;
    struct bus_news news;

    do {
        bus_count(rig->bus);
        (void)rig_next(rig, &news, 0.1);
        depth = of < 3 ? bus_queue_depth(rig->bus, of) : bus_dead_depth(rig->bus);
        if (now_s() > end)
            fail_msg("queue %zu has %u messages (known: %d), and not %u", of, depth.messages, depth.is_known, wanted);
    } while (depth.is_known != is_known || depth.messages != wanted);
}

static void counts_what_waits_in_each_queue(void **state)
{
    struct bus_config config = plain_config();
    struct bus_queue queues[] = {
        {queue, key}, {"bus-test.other", "bus-test.other"}, {"bus-test.last", "bus-test.last"}};
    struct bus_news news;
    struct rig rig;

    (void)state;
    config.queues = queues;
    config.queue_count = COUNT(queues);
    config.prefetch = 2;
    rig_up(&rig, &config);
    assert_false(bus_queue_depth(rig.bus, 0).is_known); /* nobody has asked */
    for (size_t i = 0; i < 5; i++)
        rig_published(&rig, rig_publish(&rig, EXCHANGE, "bus-test.last", "m", 10), &news);
    rig_counts(&rig, 2, true, 3); /* two are delivered */
    rig_counts(&rig, 0, true, 0);
    rig_counts(&rig, 3, true, 0); /* of the dead letters */
    assert_true(bus_queue_heard_ms(rig.bus, 2) > 0);
    assert_int_equal(bus_queue_heard_ms(rig.bus, 0), 0);
    rig_close(&rig);
}

static void a_queue_that_is_not_there_keeps_no_other_from_being_counted(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig, looker;

    (void)state;
    config.prefetch = 1;
    rig_up(&rig, &config);
    config.declare = false;
    config.dead_exchange = "bus-test.not-there";
    rig_up(&looker, &config);
    rig_counts(&looker, 0, true, 0);
    for (size_t i = 0; i < 2; i++) {
        rig_published(&rig, rig_publish(&rig, EXCHANGE, key, "m", 10), &news);
        rig_published(&rig, rig_publish(&rig, EXCHANGE, key, "m", 10), &news);
        rig_counts(&looker, 0, true, (uint32_t)(2 * i + 1));
        assert_false(bus_dead_depth(looker.bus).is_known);
    }
    rig_close(&looker);
    rig_close(&rig);
}

static void a_sender_that_says_its_user_is_named(void **state)
{
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_USER_ID_FLAG, .user_id = amqp_cstring_bytes("guest")};
    struct bus_config config = plain_config();
    struct rig rig;

    (void)state;
    rig_up(&rig, &config);
    amqp_connection_state_t outsider = outsider_open();
    amqp_basic_publish(outsider, 1, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(key), 0, 0, &p,
                       amqp_cstring_bytes(""));
    struct delivery *d = rig_delivery(&rig);
    assert_string_equal(d->user_id, "guest");
    assert_int_equal(d->body_bytes, 0);
    bus_settle(rig.bus, d, VERDICT_ACK);
    outsider_close(outsider);
    rig_close(&rig);
}

static void a_rejected_delivery_is_a_dead_letter(void **state)
{
    struct bus_config config = plain_config();
    struct rig rig;
    char routed_by[64];

    (void)state;
    rig_up(&rig, &config);
    rig_publish(&rig, EXCHANGE, key, "m-1", 77);
    bus_settle(rig.bus, rig_delivery(&rig), VERDICT_REJECT);
    struct bus_news news;
    rig_next(&rig, &news, 0.2);
    assert_int_equal(outsider_takes(dead, routed_by, sizeof(routed_by)), 77);
    assert_string_equal(routed_by, key);
    rig_close(&rig);
}

static void a_body_over_the_limit_is_a_dead_letter_and_the_next_one_comes(void **state)
{
    struct bus_config config = plain_config();
    struct rig rig;
    char routed_by[64];

    (void)state;
    rig_up(&rig, &config);
    rig_publish(&rig, EXCHANGE, key, "large", BODY_MAX_BYTES + 1);
    rig_publish(&rig, EXCHANGE, key, "largest that comes", BODY_MAX_BYTES);
    struct delivery *d = rig_delivery(&rig);
    assert_string_equal(d->message_id, "largest that comes");
    bus_settle(rig.bus, d, VERDICT_ACK);
    assert_int_equal(outsider_takes(dead, routed_by, sizeof(routed_by)), BODY_MAX_BYTES + 1);
    rig_close(&rig);
}

static void a_body_of_300_KiB_goes_in_frames_and_comes_whole(void **state)
{
    struct bus_config config = plain_config();
    struct rig rig;

    (void)state;
    config.body_max_bytes = 1024 * 1024;
    rig_up(&rig, &config);
    rig_publish(&rig, EXCHANGE, key, "m-1", 300 * 1024);
    struct delivery *d = rig_delivery(&rig);
    assert_int_equal(d->body_bytes, 300 * 1024);
    for (size_t i = 0; i < d->body_bytes; i++)
        if (d->body[i] != (uint8_t)(i * 31 >> 3))
            fail_msg("byte %zu is another", i);
    bus_settle(rig.bus, d, VERDICT_ACK);
    rig_close(&rig);
}

static void an_unroutable_publication_is_returned(void **state)
{
    struct bus_config config = sender_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    rig_up(&rig, &config);
    uint64_t first = rig_publish(&rig, EXCHANGE, "nobody", "m-1", 10);
    uint64_t second = rig_publish(&rig, EXCHANGE, "nobody", "m-2", 10);
    assert_int_equal(rig_published(&rig, first, &news), PUBLISHED_RETURNED);
    assert_int_equal(news.code, 312);
    assert_string_equal(news.text, "312 NO_ROUTE");
    assert_int_equal(rig_published(&rig, second, &news), PUBLISHED_RETURNED);
    rig_close(&rig);
}

/* One bad publication among good ones closes the channel under all of them. */
static void only_the_publication_to_no_exchange_is_refused(void **state)
{
    enum { COUNT_OF_ALL = 20 };
    struct bus_config config = plain_config();
    uint64_t numbers[COUNT_OF_ALL];
    struct bus_news news;
    struct rig rig;
    char id[16];

    (void)state;
    rig_up(&rig, &config);
    for (int i = 0; i < COUNT_OF_ALL; i++) {
        snprintf(id, sizeof(id), "m-%d", i);
        numbers[i] = rig_publish(&rig, i % 7 == 3 ? "bus-test.nowhere" : EXCHANGE, key, id, 10);
    }
    for (int i = 0; i < COUNT_OF_ALL; i++) {
        do
            if (rig_next(&rig, &news, 20) == BUS_DELIVERY)
                bus_settle(rig.bus, news.delivery, VERDICT_ACK);
        while (news.event != BUS_PUBLISHED);
        assert_int_equal(news.number, numbers[i]);
        assert_int_equal(news.how, i % 7 == 3 ? PUBLISHED_REFUSED : PUBLISHED_TAKEN);
        if (i % 7 == 3)
            assert_non_null(strstr(news.text, "404 NOT_FOUND - no exchange 'bus-test.nowhere'"));
        assert_int_equal(news.code, i % 7 == 3 ? 404 : 0);
    }
    rig_close(&rig);
}

static void a_closed_queue_gives_back_in_order(void **state)
{
    struct bus_config config = plain_config();
    struct rig first, second;
    struct delivery *held[5];
    struct bus_news news;
    char id[16];

    (void)state;
    rig_up(&first, &config);
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "m-%d", i);
        rig_publish(&first, EXCHANGE, key, id, 10);
        if (i < 5)
            held[i] = rig_delivery(&first);
    }
    bus_settle(first.bus, held[0], VERDICT_ACK);
    bus_queue_close(first.bus, 0);
    assert_false(bus_is_current(first.bus, held[1]));
    rig_wait(&first, BUS_QUEUE_DOWN, &news, 10);
    assert_string_equal(news.text, "closed");

    config.name = "bus-test-2";
    rig_up(&second, &config);
    for (int i = 1; i < 10; i++) {
        struct delivery *d = rig_delivery(&second);
        snprintf(id, sizeof(id), "m-%d", i);
        assert_string_equal(d->message_id, id);
        assert_true(i >= 5 || d->redelivered);
        bus_settle(second.bus, d, VERDICT_ACK);
    }
    for (int i = 1; i < 5; i++)
        bus_settle(first.bus, held[i], VERDICT_ACK);
    rig_close(&second);
    rig_close(&first);
}

static void a_queue_is_consumed_when_it_is_opened_and_closed_and_opened_again(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    config.queues_closed = true;
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_LINK_UP, &news, 20);
    rig_publish(&rig, "", queue, "m-1", 10);
    rig_wait(&rig, BUS_PUBLISHED, &news, 10);
    assert_int_equal(news.how, PUBLISHED_RETURNED); /* nobody has made it */
    for (int i = 0; i < 2; i++) {
        bus_queue_open(rig.bus, 0);
        bus_queue_open(rig.bus, 0);
        rig_wait(&rig, BUS_QUEUE_UP, &news, 10);
        rig_publish(&rig, EXCHANGE, key, "m-2", 10);
        bus_settle(rig.bus, rig_delivery(&rig), VERDICT_ACK);
        bus_queue_close(rig.bus, 0);
        rig_wait(&rig, BUS_QUEUE_DOWN, &news, 10);
    }
    bus_queue_open(rig.bus, 0);
    bus_queue_close(rig.bus, 0);
    bus_queue_open(rig.bus, 0); /* while it is closing */
    rig_wait(&rig, BUS_QUEUE_UP, &news, 10);
    rig_close(&rig);
}

static void notices_come_and_what_is_wrong_with_them_harms_nothing_else(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    rig_up(&rig, &config);
    rig_close(&rig);
    config.notices_exchange = "bus-test.notices";
    config.notices_key = "pool.1";
    config.queue_count = 0;
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_NOTICES_UP, &news, 20);
    rig_publish(&rig, "bus-test.notices", "pool.2", "m-0", 10);
    rig_publish(&rig, "bus-test.notices", "pool.1", "m-1", 10);
    rig_wait(&rig, BUS_NOTICE, &news, 10);
    assert_string_equal(news.delivery->message_id, "m-1");
    delivery_free(news.delivery);
    rig_close(&rig);

    config.queue_count = 1;
    config.notices_exchange = "bus-test.nowhere";
    config.declare = false;
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_NOTICES_DOWN, &news, 20);
    if (strstr(news.text, "NOT_FOUND") == NULL)
        rig_wait(&rig, BUS_NOTICES_DOWN, &news, 20);
    assert_non_null(strstr(news.text, "NOT_FOUND"));
    rig_publish(&rig, EXCHANGE, key, "m-2", 10);
    bus_settle(rig.bus, rig_delivery(&rig), VERDICT_ACK);
    assert_true(bus_is_up(rig.bus));
    rig_close(&rig);
}

static void a_deleted_queue_is_told_and_made_again(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    rig_up(&rig, &config);
    outsider_deletes(queue);
    rig_wait(&rig, BUS_QUEUE_DOWN, &news, 10);
    assert_non_null(strstr(news.text, "cancelled"));
    rig_wait(&rig, BUS_QUEUE_UP, &news, 10);
    assert_true(bus_is_up(rig.bus));
    rig_publish(&rig, EXCHANGE, key, "m-1", 10);
    bus_settle(rig.bus, rig_delivery(&rig), VERDICT_ACK);
    rig_close(&rig);
}

static void nothing_is_lost_when_the_broker_is_killed_and_comes_back(void **state)
{
    enum { COUNT_OF_ALL = 400 };
    static bool seen[COUNT_OF_ALL];
    struct bus_config config = plain_config(), sender_of = sender_config();
    struct rig rig, sender;
    struct bus_news news;
    int taken = 0, last = -1, distinct = 0;
    char id[16];

    (void)state;
    rig_up(&rig, &config);
    rig_up(&sender, &sender_of);
    rig_next(&rig, &news, NEW_QUEUE_S);
    for (int i = 0; i < COUNT_OF_ALL; i++) {
        snprintf(id, sizeof(id), "%d", i);
        rig_publish(&sender, EXCHANGE, key, id, 200);
        if (i == COUNT_OF_ALL / 2) {
            rig_published(&sender, 10, &news);
            taken = 10;
            broker_do("restart");
        }
    }
    for (; taken < COUNT_OF_ALL; taken++) {
        rig_wait(&sender, BUS_PUBLISHED, &news, 60);
        assert_int_equal(news.number, taken + 1);
        assert_int_equal(news.how, PUBLISHED_TAKEN);
    }
    while (distinct < COUNT_OF_ALL) {
        struct delivery *d = rig_delivery(&rig);
        int i = atoi(d->message_id);
        assert_true(i <= last + 1); /* one that was confirmed too late may come twice, none is passed over */
        last = i;
        distinct += !seen[i];
        seen[i] = true;
        bus_settle(rig.bus, d, VERDICT_ACK);
    }
    rig_close(&sender);
    rig_close(&rig);
}

static void what_was_delivered_before_a_restart_comes_again_and_its_old_verdict_is_dropped(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    rig_up(&rig, &config);
    rig_publish(&rig, EXCHANGE, key, "m-1", 10);
    struct delivery *before = rig_delivery(&rig);
    broker_do("stop");
    rig_wait(&rig, BUS_LINK_DOWN, &news, 20);
    assert_non_null(strstr(news.text, "320 CONNECTION_FORCED"));
    broker_do("start");
    assert_false(bus_is_current(rig.bus, before));
    rig_wait(&rig, BUS_LINK_UP, &news, 60);
    struct delivery *after = rig_delivery(&rig);
    assert_string_equal(after->message_id, "m-1");
    assert_true(after->redelivered);
    assert_false(bus_is_current(rig.bus, before));
    assert_true(bus_is_current(rig.bus, after));
    bus_settle(rig.bus, before, VERDICT_ACK);
    bus_settle(rig.bus, after, VERDICT_ACK);
    rig_close(&rig);
}

static void goes_on_to_the_next_url(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;
    char urls[600];

    (void)state;
    snprintf(urls, sizeof(urls), "amqp://127.0.0.1:1, amqp://no-such-host.invalid, %s", broker_url());
    config.urls = urls;
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_LINK_UP, &news, 30);
    assert_non_null(strstr(news.text, "(RabbitMQ "));
    rig_close(&rig);
}

static void says_of_every_url_why_it_failed(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    config.urls = "amqp://127.0.0.1:1,amqp://no-such-host.invalid";
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_LINK_DOWN, &news, 30);
    assert_non_null(strstr(news.text, "127.0.0.1:1: Connection refused"));
    assert_non_null(strstr(news.text, "no-such-host.invalid:5672: the name cannot be resolved"));
    rig_close(&rig);
}

static void says_what_the_broker_says_of_a_wrong_password(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    config.password = "not-the-password";
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_LINK_DOWN, &news, 20);
    assert_non_null(strstr(news.text, "403 ACCESS_REFUSED"));
    assert_null(strstr(news.text, "not-the-password"));
    rig_close(&rig);
}

static void says_what_the_broker_says_of_an_unknown_vhost(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;
    char url[512];

    (void)state;
    snprintf(url, sizeof(url), "%s", broker_url());
    char *path = strchr(url + strlen("amqp://"), '/');
    snprintf(path == NULL ? url + strlen(url) : path, 32, "/no-such-vhost");
    config.urls = url;
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_LINK_DOWN, &news, 20);
    assert_non_null(strstr(news.text, "530 NOT_ALLOWED"));
    rig_close(&rig);
}

static void a_frozen_broker_is_noticed_by_its_silence(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    config.heartbeat_s = 1;
    rig_up(&rig, &config);
    broker_do("freeze");
    double frozen_s = now_s();
    rig_wait(&rig, BUS_LINK_DOWN, &news, 10);
    assert_non_null(strstr(news.text, "no sign of life"));
    assert_true(now_s() - frozen_s < 4 * patience());
    broker_do("thaw");
    rig_wait(&rig, BUS_LINK_UP, &news, 30);
    rig_close(&rig);
}

static void heartbeats_keep_an_idle_link(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    config.heartbeat_s = 1;
    rig_up(&rig, &config);
    assert_int_equal(rig_next(&rig, &news, 4), BUS_QUIET);
    rig_close(&rig);
}

static void stop_says_goodbye(void **state)
{
    struct bus_config config = plain_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    config.answers_wanted = true;
    rig_up(&rig, &config);
    assert_string_equal(bus_reply_queue(rig.bus), "keyferry.reply.bus-test");
    bus_stop(rig.bus);
    rig_wait(&rig, BUS_LINK_DOWN, &news, 5);
    assert_string_equal(news.text, "closed");
    assert_false(bus_is_up(rig.bus));
    assert_int_equal(rig_next(&rig, &news, 0.3), BUS_QUIET);
    rig_close(&rig);
}

/* A worker of one message: answers each request with its own body. */
struct echo {
    struct rig rig;
    pthread_t thread;
    atomic_bool silent;
    atomic_bool over;
};

static void *echo_run(void *arg)
{
    struct echo *echo = arg;
    struct bus_news news;

    while (!echo->over) {
        if (rig_next(&echo->rig, &news, 0.05) != BUS_DELIVERY)
            continue;
        struct delivery *d = news.delivery;
        struct publication answer = {
            .exchange = "",
            .routing_key = d->reply_to,
            .content_type = d->content_type,
            .correlation_id = d->correlation_id,
            .body = d->body,
            .body_bytes = d->body_bytes,
            .mandatory = true,
        };
        uint64_t number;
        struct err e;
        if (!echo->silent)
            assert_true(bus_publish(echo->rig.bus, &answer, &number, &e));
        bus_settle(echo->rig.bus, d, VERDICT_ACK);
    }
    return NULL;
}

static void a_client_asks_and_is_answered_or_told_why_not(void **state)
{
    struct client_config config = {.urls = broker_url(), .name = "bus-test-client", .body_max_bytes = 100000};
    struct client_request request = {
        .exchange = EXCHANGE,
        .routing_key = key,
        .content_type = "application/json",
        .id = "q-1",
        .body = (const uint8_t *)"{}",
        .body_bytes = 2,
    };
    struct bus_config worker = plain_config();
    struct client_answer answer;
    struct client *client;
    struct echo echo = {0};
    struct err e;

    (void)state;
    rig_up(&echo.rig, &worker);
    assert_int_equal(pthread_create(&echo.thread, NULL, echo_run, &echo), 0);
    assert_true(client_open(&config, 10000, &client, &e));

    assert_true(client_call(client, &request, 10000, &answer, &e));
    assert_string_equal(answer.content_type, "application/json");
    assert_int_equal(answer.body.len, 2);
    assert_memory_equal(answer.body.data, "{}", 2);
    bytes_free(&answer.body);

    request.routing_key = "nobody";
    assert_false(client_call(client, &request, 10000, &answer, &e));
    assert_int_equal(e.kind, ERR_NO_ROUTE);
    request.exchange = "bus-test.nowhere";
    assert_false(client_call(client, &request, 10000, &answer, &e));
    assert_int_equal(e.kind, ERR_NO_ROUTE);

    request.exchange = EXCHANGE;
    request.routing_key = key;
    echo.silent = true;
    assert_false(client_call(client, &request, 300, &answer, &e));
    assert_int_equal(e.kind, ERR_TIMEOUT);
    echo.silent = false;
    request.id = "q-2";
    assert_true(client_call(client, &request, 10000, &answer, &e));
    bytes_free(&answer.body);

    client_close(client);
    echo.over = true;
    pthread_join(echo.thread, NULL);
    rig_close(&echo.rig);
}

static void a_client_is_told_at_once_that_there_is_no_broker(void **state)
{
    struct client_config config = {.urls = "amqp://127.0.0.1:1,amqp://127.0.0.1:2", .name = "bus-test-client"};
    struct client *client;
    double begun_s = now_s();
    struct err e;

    (void)state;
    assert_false(client_open(&config, 10000, &client, &e));
    assert_int_equal(e.kind, ERR_BUS);
    assert_non_null(strstr(e.text, "127.0.0.1:2: Connection refused"));
    assert_true(now_s() - begun_s < 2 * patience());
}

/* Something that listens where a broker should, and says the wrong things. */

struct impostor {
    int listener;
    char url[64];
    pthread_t thread;
    const void *words;
    size_t len;
};

static void *impostor_run(void *arg)
{
    struct impostor *impostor = arg;

    for (int fd; (fd = accept(impostor->listener, NULL, NULL)) >= 0;) {
        char greeting[8];
        if (recv(fd, greeting, sizeof(greeting), MSG_WAITALL) == (ssize_t)sizeof(greeting) && impostor->len > 0)
            send(fd, impostor->words, impostor->len, MSG_NOSIGNAL);
        if (impostor->len > 0)
            usleep(20000); /* or the reset would overtake them */
        else
            recv(fd, greeting, sizeof(greeting), MSG_WAITALL);
        close(fd);
    }
    return NULL;
}

static void impostor_begin(struct impostor *impostor, const void *words, size_t len)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);

    *impostor = (struct impostor){.listener = socket(AF_INET, SOCK_STREAM, 0), .words = words, .len = len};
    assert_int_equal(bind(impostor->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(impostor->listener, 8), 0);
    getsockname(impostor->listener, (struct sockaddr *)&at, &size);
    snprintf(impostor->url, sizeof(impostor->url), "amqp://127.0.0.1:%u", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&impostor->thread, NULL, impostor_run, impostor), 0);
}

static void impostor_end(struct impostor *impostor)
{
    shutdown(impostor->listener, SHUT_RDWR);
    pthread_join(impostor->thread, NULL);
    close(impostor->listener);
}

static void whatever_is_no_broker_is_told(void **state)
{
    static const struct {
        const char *words;
        size_t len;
        const char *text;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\n\r\n", 28, "does not speak AMQP 0-9-1"},
        {"AMQP\0\1\0\0", 8, "does not speak AMQP 0-9-1"},
        {"\1\0\0\0\0\0\0\316", 8, "a method frame of 0 bytes"},
        {"\1\0\0\377\377\377\377", 7, "a frame of 4294967295 bytes"},
        {"\1\0\0\0\0\0\4\0\12\0\12\316", 12, "malformed"},
        {"\1\0\0\0\0\0\4\0\12\0\36\316", 12, "malformed"},
        {"\1\0\1\0\0\0\10\0\24\0\13\0\0\0\0\316", 16, "on channel 1"},
        {"\1\0\0\0\0\0\5\0\12\0\51\0\316", 13, "out of turn"},
        {"\1\0\0\0\0\0\4\7\7\7\7\316", 12, "out of turn"},
        {"\10\0\0\0\0\0\0\0", 8, "does not end where it should"},
        {"\3\0\1\0\0\0\4body\316", 12, "on channel 1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bus_config config = plain_config();
        struct impostor impostor;
        struct bus_news news;
        struct rig rig;

        impostor_begin(&impostor, cases[i].words, cases[i].len);
        config.urls = impostor.url;
        rig_open(&rig, &config);
        rig_wait(&rig, BUS_LINK_DOWN, &news, 10);
        if (strstr(news.text, cases[i].text) == NULL)
            fail_msg("case %zu: %s", i, news.text);
        rig_close(&rig);
        impostor_end(&impostor);
    }
}

static void a_broker_that_does_not_answer_is_given_up_after_10_s(void **state)
{
    struct bus_config config = plain_config();
    struct impostor impostor;
    struct bus_news news;
    struct rig rig;
    char urls[600];

    (void)state;
    impostor_begin(&impostor, "", 0);
    snprintf(urls, sizeof(urls), "%s,%s", impostor.url, broker_url());
    config.urls = urls;
    rig_open(&rig, &config);
    rig_wait(&rig, BUS_LINK_UP, &news, 15);
    rig_close(&rig);
    impostor_end(&impostor);
}

/* A broker that speaks AMQP and means nothing by it: whatever it says, we end the connection and go on. */

static uint32_t chance(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static size_t mad_frame(uint32_t *seed, uint8_t *at)
{
    static const uint8_t methods[][4] = {
        {0, 60, 0, 60}, {0, 60, 0, 60}, {0, 60, 0, 80}, {0, 60, 0, 120}, {0, 60, 0, 50}, {0, 60, 0, 30},
        {0, 20, 0, 40}, {0, 20, 0, 41}, {0, 20, 0, 11}, {0, 10, 0, 50},  {0, 10, 0, 60}, {0, 60, 0, 21},
    };
    static const uint8_t types[] = {1, 1, 1, 2, 2, 3, 3, 8};
    uint8_t type = types[chance(seed) % COUNT(types)];
    uint8_t channel = (uint8_t)(chance(seed) % 7);
    size_t len = chance(seed) % 60;

    if (type == 8)
        len = channel = 0;
    for (size_t i = 0; i < len; i++)
        at[7 + i] = (uint8_t)(chance(seed) % 4 == 0 ? chance(seed) : 0);
    if (type == 1)
        memcpy(at + 7, methods[chance(seed) % COUNT(methods)], 4);
    if (type == 2)
        at[8] = 60;
    len = type == 1 && len < 24 ? 24 : type == 2 && len < 14 ? 14 : len;
    memcpy(at, (uint8_t[]){type, 0, channel, 0, 0, 0, (uint8_t)len}, 7);
    at[7 + len] = 0xce;
    return len + 8;
}

/* A fine beginning, up to consuming from the first queue, and then madness. */
static size_t mad_words(uint32_t seed, uint8_t *words)
{
    static const char fine[] = "\1\0\0\0\0\0\27\0\12\0\12\0\11\0\0\0\0\0\0\0\5PLAIN\0\0\0\0\316"
                               "\1\0\0\0\0\0\14\0\12\0\36\7\377\0\2\0\0\0\0\316"
                               "\1\0\0\0\0\0\5\0\12\0\51\0\316"
                               "\1\0\5\0\0\0\10\0\24\0\13\0\0\0\0\316"
                               "\1\0\5\0\0\0\15\0\62\0\13\0\0\0\0\0\0\0\0\0\316"
                               "\1\0\5\0\0\0\4\0\74\0\13\316"
                               "\1\0\5\0\0\0\5\0\74\0\25\0\316";
    size_t len = sizeof(fine) - 1;

    memcpy(words, fine, len);
    for (int i = 0; i < 40; i++)
        len += mad_frame(&seed, words + len);
    return len;
}

static void a_broker_gone_mad_is_survived(void **state)
{
    struct bus_config config = plain_config();
    uint8_t words[8192];
    int lost = 0;

    (void)state;
    config.declare = false;
    for (uint32_t seed = 1; seed <= 150; seed++) {
        struct impostor impostor;
        struct bus_news news;
        struct rig rig;

        impostor_begin(&impostor, words, mad_words(seed, words));
        config.urls = impostor.url;
        rig_open(&rig, &config);
        while (rig_next(&rig, &news, 1) != BUS_QUIET && news.event != BUS_QUEUE_DOWN)
            if (news.event == BUS_DELIVERY)
                bus_settle(rig.bus, news.delivery, VERDICT_ACK);
        lost += news.event == BUS_QUEUE_DOWN;
        rig_close(&rig);
        impostor_end(&impostor);
    }
    assert_true(lost > 100);
}

/* Whether what is consumed from is consumed from. */

#define CANARY "application/vnd.keyferry.canary"

enum { QUIET_MS = 1000 };

static struct bus_config proving_config(void)
{
    struct bus_config config = plain_config();

    config.quiet_ms = QUIET_MS;
    return config;
}

/* A queue beside the host's, which gets a copy of all that is sent to that. */
struct tap {
    amqp_connection_state_t outsider;
    char name[80];
    unsigned canaries, others; /* so far */
};

static void tap_open(struct tap *tap)
{
    *tap = (struct tap){.outsider = outsider_open()};
    snprintf(tap->name, sizeof(tap->name), "%s.tap", queue);
    amqp_queue_declare(tap->outsider, 1, amqp_cstring_bytes(tap->name), 0, 0, 1, 1, amqp_empty_table);
    amqp_queue_bind(tap->outsider, 1, amqp_cstring_bytes(tap->name), amqp_cstring_bytes(EXCHANGE),
                    amqp_cstring_bytes(key), amqp_empty_table);
    assert_true(outsider_fine(tap->outsider));
}

/* Look at what has come meanwhile; `of`: whose canaries count. */
static void tap_look(struct tap *tap, const char *of)
{
    amqp_message_t m;

    while (amqp_basic_get(tap->outsider, 1, amqp_cstring_bytes(tap->name), 1).reply.id == AMQP_BASIC_GET_OK_METHOD) {
        assert_int_equal(amqp_read_message(tap->outsider, 1, &m, 0).reply_type, AMQP_RESPONSE_NORMAL);
        const amqp_basic_properties_t *p = &m.properties;
        bool is_canary = p->content_type.len == strlen(CANARY) && memcmp(p->content_type.bytes, CANARY, 31) == 0;
        if (!is_canary)
            tap->others++;
        else if (p->correlation_id.len == strlen(of) && memcmp(p->correlation_id.bytes, of, strlen(of)) == 0)
            tap->canaries++;
        assert_true(!is_canary || (m.body.len == 0 && p->message_id.len == 32 && p->user_id.len > 0));
        amqp_destroy_message(&m);
    }
}

/* Let the loops of these turn until `of` has sent this many canaries more; nothing may be told meanwhile. */
static void quiet_for(struct rig *rigs, size_t count, struct tap *tap, const char *of, unsigned canaries)
{
    double end = now_s() + (10 + 3 * canaries) * patience();
    struct bus_news news;

    for (canaries += tap->canaries; tap->canaries < canaries; tap_look(tap, of)) {
        for (size_t i = 0; i < count; i++)
            if (rig_next(&rigs[i], &news, 0.1) != BUS_QUIET)
                fail_msg("bus %zu tells event %d: %s", i, (int)news.event, news.text);
        if (now_s() > end)
            fail_msg("%u of %u canaries", tap->canaries, canaries);
    }
}

static uint32_t outsider_counts(amqp_connection_state_t outsider, const char *name)
{
    amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(outsider, 1, amqp_cstring_bytes(name), 1, 0, 0, 0, amqp_empty_table);

    assert_non_null(ok);
    return ok->message_count;
}

/* The bus is closed, which gives back what it has not acked. */
static void nothing_is_left(amqp_connection_state_t outsider)
{
    assert_int_equal(outsider_counts(outsider, queue), 0);
    assert_int_equal(outsider_counts(outsider, dead), 0);
}

/* Part in good order, when whatever was in the queue before has been delivered and acked. */
static void part(struct rig *active, amqp_connection_state_t outsider)
{
    struct bus_news news;

    amqp_basic_publish(outsider, 1, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(key), 0, 0, NULL,
                       amqp_cstring_bytes("{}"));
    bus_settle(active->bus, rig_delivery(active), VERDICT_ACK);
    bus_stop(active->bus);
    rig_wait(active, BUS_LINK_DOWN, &news, 10);
}

static void a_quiet_queue_is_proven_by_canaries_that_nobody_is_told_of(void **state)
{
    struct bus_config config = proving_config();
    struct rig rig;
    struct tap tap;

    (void)state;
    rig_up(&rig, &config);
    tap_open(&tap);
    quiet_for(&rig, 1, &tap, "bus-test", 3);
    amqp_basic_publish(tap.outsider, 1, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(key), 0, 0, NULL,
                       amqp_cstring_bytes("{}"));
    bus_settle(rig.bus, rig_delivery(&rig), VERDICT_ACK);
    quiet_for(&rig, 1, &tap, "bus-test", 3); /* as one that has had a delivery, too */
    assert_int_equal(tap.others, 1);
    assert_false(bus_is_deaf(rig.bus));
    part(&rig, tap.outsider);
    rig_close(&rig);
    nothing_is_left(tap.outsider);
    outsider_close(tap.outsider);
}

/* Two worries: that it is taken for more than it is, and that it is answered or kept. */
static void a_forged_canary_is_acked_and_nothing_else(void **state)
{
    static char large[BODY_MAX_BYTES + 1000];
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_REPLY_TO_FLAG,
                                 .content_type = amqp_cstring_bytes(CANARY)};
    amqp_bytes_t bodies[] = {amqp_cstring_bytes(""), amqp_cstring_bytes("{}"), {sizeof(large), large}};
    struct bus_config config = plain_config();
    amqp_connection_state_t outsider = outsider_open();
    struct bus_news news;
    struct rig rig;

    (void)state;
    rig_up(&rig, &config);
    p.reply_to = amqp_cstring_bytes(dead);
    for (size_t i = 0; i < COUNT(bodies); i++)
        amqp_basic_publish(outsider, 1, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(key), 0, 0, &p, bodies[i]);
    amqp_basic_publish(outsider, 1, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(key), 0, 0, NULL,
                       amqp_cstring_bytes("{}"));
    bus_settle(rig.bus, rig_delivery(&rig), VERDICT_ACK);
    assert_int_equal(rig_next(&rig, &news, 0.5), BUS_QUIET);
    rig_close(&rig);
    nothing_is_left(outsider);
    outsider_close(outsider);
}

static void a_standby_sees_no_canary_of_its_own_and_is_well(void **state)
{
    struct bus_config config = proving_config();
    struct rig rigs[2];
    struct tap tap;
    struct bus_news news;

    (void)state;
    rig_up(&rigs[0], &config);
    config.name = "bus-test-2";
    rig_up(&rigs[1], &config);
    tap_open(&tap);
    quiet_for(rigs, 2, &tap, "bus-test-2", 4);
    bus_queue_close(rigs[0].bus, 0);
    rig_wait(&rigs[0], BUS_QUEUE_DOWN, &news, 10);
    quiet_for(rigs, 2, &tap, "bus-test-2", 3); /* it is the active one now */
    part(&rigs[1], tap.outsider);
    rig_close(&rigs[0]);
    rig_close(&rigs[1]);
    nothing_is_left(tap.outsider);
    outsider_close(tap.outsider);
}

static void a_full_window_needs_no_canary(void **state)
{
    struct bus_config config = proving_config();
    amqp_connection_state_t outsider = outsider_open();
    struct bus_news news;
    struct delivery *d;
    struct rig rig;

    (void)state;
    config.prefetch = 2;
    rig_up(&rig, &config);
    for (int i = 0; i < 5; i++)
        amqp_basic_publish(outsider, 1, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(key), 0, 0, NULL,
                           amqp_cstring_bytes("{}"));
    d = rig_delivery(&rig);
    delivery_free(rig_delivery(&rig));
    assert_int_equal(rig_next(&rig, &news, 8 * QUIET_MS / 1000.0), BUS_QUIET);
    assert_int_equal(outsider_counts(outsider, queue), 3); /* and no canary among them */
    assert_true(bus_is_current(rig.bus, d));
    bus_settle(rig.bus, d, VERDICT_ACK);
    bus_settle(rig.bus, rig_delivery(&rig), VERDICT_ACK);
    rig_close(&rig);
    outsider_deletes(queue);
    outsider_close(outsider);
}

/* Where canaries cannot come, requests may come all the same. It is said, and is no deafness. */
static void what_cannot_be_proven_is_said_and_goes_on(void **state)
{
    static const struct {
        const char *exchange, *says;
    } cases[] = {{EXCHANGE, "312 NO_ROUTE"}, {"bus-test.nowhere", "404 NOT_FOUND"}};
    struct bus_queue unbound[] = {{queue, "host.unbound"}};
    struct bus_config config = proving_config();
    struct bus_news news;
    struct rig rig;

    (void)state;
    rig_up(&rig, &config);
    rig_close(&rig);
    config.declare = false;
    config.queues = unbound;
    for (size_t i = 0; i < COUNT(cases); i++) {
        config.exchange = cases[i].exchange;
        rig_up(&rig, &config);
        rig_wait(&rig, BUS_QUEUE_UP, &news, 10);
        assert_non_null(strstr(news.text, "cannot be proven"));
        assert_non_null(strstr(news.text, "host.unbound"));
        assert_non_null(strstr(news.text, cases[i].says));
        assert_int_equal(rig_next(&rig, &news, 5 * QUIET_MS / 1000.0), BUS_QUIET);
        rig_publish(&rig, "", queue, "m-1", 10);
        bus_settle(rig.bus, rig_delivery(&rig), VERDICT_ACK);
        rig_close(&rig);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, take_new_names)
    const struct CMUnitTest tests[] = {
        TEST(makes_the_names_of_the_contract),
        TEST(a_classic_queue_has_no_arguments_of_quorum_queues),
        TEST(declare_no_makes_nothing),
        TEST(says_which_queue_is_there_with_other_arguments),
        TEST(delivers_what_was_published_with_its_properties),
        TEST(counts_what_waits_in_each_queue),
        TEST(a_queue_that_is_not_there_keeps_no_other_from_being_counted),
        TEST(a_sender_that_says_its_user_is_named),
        TEST(a_rejected_delivery_is_a_dead_letter),
        TEST(a_body_over_the_limit_is_a_dead_letter_and_the_next_one_comes),
        TEST(a_body_of_300_KiB_goes_in_frames_and_comes_whole),
        TEST(an_unroutable_publication_is_returned),
        TEST(only_the_publication_to_no_exchange_is_refused),
        TEST(a_closed_queue_gives_back_in_order),
        TEST(a_queue_is_consumed_when_it_is_opened_and_closed_and_opened_again),
        TEST(notices_come_and_what_is_wrong_with_them_harms_nothing_else),
        TEST(a_deleted_queue_is_told_and_made_again),
        TEST(nothing_is_lost_when_the_broker_is_killed_and_comes_back),
        TEST(what_was_delivered_before_a_restart_comes_again_and_its_old_verdict_is_dropped),
        TEST(goes_on_to_the_next_url),
        TEST(says_of_every_url_why_it_failed),
        TEST(says_what_the_broker_says_of_a_wrong_password),
        TEST(says_what_the_broker_says_of_an_unknown_vhost),
        TEST(a_frozen_broker_is_noticed_by_its_silence),
        TEST(heartbeats_keep_an_idle_link),
        TEST(stop_says_goodbye),
        TEST(a_client_asks_and_is_answered_or_told_why_not),
        TEST(a_client_is_told_at_once_that_there_is_no_broker),
        TEST(whatever_is_no_broker_is_told),
        TEST(a_broker_gone_mad_is_survived),
        TEST(a_broker_that_does_not_answer_is_given_up_after_10_s),
        TEST(a_quiet_queue_is_proven_by_canaries_that_nobody_is_told_of),
        TEST(a_forged_canary_is_acked_and_nothing_else),
        TEST(a_standby_sees_no_canary_of_its_own_and_is_well),
        TEST(a_full_window_needs_no_canary),
        TEST(what_cannot_be_proven_is_said_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
