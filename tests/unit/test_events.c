#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "worker/events.h"
#include "worker/log.h"

/* A broker that notes what it is given. */
static struct {
    int64_t now_ms;
    uint64_t numbers, forgotten[2 * EVENTS_MAX];
    size_t forgotten_count;
    bool fails;
    char exchange[32], route[64], message_id[64];
    bool mandatory;
} bus;

static struct events *events;
static struct metrics metrics;

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return bus.now_ms;
}

static bool publish(void *ctx, const struct publication *p, uint64_t *number)
{
    (void)ctx;
    if (bus.fails)
        return false;
    *number = ++bus.numbers;
    snprintf(bus.exchange, sizeof(bus.exchange), "%s", p->exchange);
    snprintf(bus.route, sizeof(bus.route), "%s", p->routing_key);
    snprintf(bus.message_id, sizeof(bus.message_id), "%s", p->message_id);
    bus.mandatory = p->mandatory;
    assert_string_equal(p->content_type, "application/json");
    return true;
}

static void forget(void *ctx, uint64_t number)
{
    (void)ctx;
    bus.forgotten[bus.forgotten_count++] = number;
}

static void new_id(void *ctx, char out[UUID_HEX_CHARS + 1])
{
    (void)ctx;
    memset(out, 'f', UUID_HEX_CHARS);
    out[UUID_HEX_CHARS] = '\0';
}

static const struct world world = {.now_ms = now_ms, .publish = publish, .forget = forget, .new_id = new_id};

static int set_up(void **state)
{
    (void)state;
    memset(&bus, 0, sizeof(bus));
    bus.now_ms = 1000000;
    events = events_new(&world, "keyferry.events", "worker-1", &metrics);
    return events == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    events_free(events);
    return 0;
}

static void send_many(size_t count)
{
    const struct uuid host = {"aaaaaaaa-0000-4000-8000-00000000000a"};

    while (count-- > 0)
        events_tell(events, &host, HOST_EVENT_WORKER_UP, NULL);
}

static bool published(uint64_t number, enum published how, uint16_t code)
{
    const struct bus_news news = {.event = BUS_PUBLISHED, .number = number, .how = how, .code = code};

    return events_published(events, &news);
}

static void an_event_is_published_to_its_exchange_and_need_not_reach_anybody(void **state)
{
    (void)state;
    send_many(1);
    assert_string_equal(bus.exchange, "keyferry.events");
    assert_string_equal(bus.route, "host.aaaaaaaa00004000800000000000000a.worker-up");
    assert_int_equal(strlen(bus.message_id), UUID_HEX_CHARS);
    assert_false(bus.mandatory);
}

static void its_confirm_is_known_and_others_are_not(void **state)
{
    (void)state;
    send_many(3);
    assert_false(published(9, PUBLISHED_TAKEN, 0));
    assert_true(published(2, PUBLISHED_TAKEN, 0));
    assert_false(published(2, PUBLISHED_TAKEN, 0));
    assert_true(published(1, PUBLISHED_TAKEN, 0));
    assert_true(published(3, PUBLISHED_TAKEN, 0));
}

static void they_are_pending_while_the_broker_is_there(void **state)
{
    (void)state;
    send_many(1);
    assert_false(events_are_pending(events)); /* nobody can wait for a broker that is away */
    events_link(events, true);
    assert_true(events_are_pending(events));
    events_link(events, false);
    assert_false(events_are_pending(events));
    events_link(events, true);
    assert_true(published(1, PUBLISHED_TAKEN, 0));
    assert_false(events_are_pending(events));
}

static void while_the_broker_is_away_the_oldest_goes(void **state)
{
    (void)state;
    send_many(EVENTS_MAX);
    assert_int_equal(bus.forgotten_count, 0);
    send_many(2);
    assert_int_equal(bus.forgotten_count, 2);
    assert_int_equal(bus.forgotten[0], 1);
    assert_int_equal(bus.forgotten[1], 2);
    assert_false(published(2, PUBLISHED_TAKEN, 0));
    assert_true(published(3, PUBLISHED_TAKEN, 0));
    assert_true(published(EVENTS_MAX + 2, PUBLISHED_TAKEN, 0));
}

static void while_it_is_there_and_confirms_nothing_the_newest_goes(void **state)
{
    (void)state;
    events_link(events, true);
    send_many(EVENTS_MAX + 5);
    assert_int_equal(bus.numbers, EVENTS_MAX);
    assert_int_equal(bus.forgotten_count, 0);
    assert_true(published(1, PUBLISHED_TAKEN, 0));
    send_many(1);
    assert_int_equal(bus.numbers, EVENTS_MAX + 1);
}

static void after_a_refusal_that_ends_the_channel_none_is_sent_for_a_minute(void **state)
{
    (void)state;
    events_link(events, true);
    send_many(3);
    assert_true(published(1, PUBLISHED_REFUSED, 404));
    assert_int_equal(bus.forgotten_count, 2); /* the others on the way would end it as well */
    bus.now_ms += EVENTS_PAUSE_MS - 1;
    send_many(1);
    assert_int_equal(bus.numbers, 3);
    bus.now_ms++;
    send_many(1);
    assert_int_equal(bus.numbers, 4);
}

static void a_nack_is_no_reason_to_pause(void **state)
{
    (void)state;
    send_many(1);
    assert_true(published(1, PUBLISHED_REFUSED, 0));
    send_many(1);
    assert_int_equal(bus.numbers, 2);
}

static void without_memory_it_is_lost_and_nothing_else_happens(void **state)
{
    (void)state;
    bus.fails = true;
    send_many(1);
    bus.fails = false;
    send_many(1);
    assert_true(published(1, PUBLISHED_TAKEN, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_published_to_its_exchange_and_need_not_reach_anybody),
        TEST(its_confirm_is_known_and_others_are_not),
        TEST(they_are_pending_while_the_broker_is_there),
        TEST(while_the_broker_is_away_the_oldest_goes),
        TEST(while_it_is_there_and_confirms_nothing_the_newest_goes),
        TEST(after_a_refusal_that_ends_the_channel_none_is_sent_for_a_minute),
        TEST(a_nack_is_no_reason_to_pause),
        TEST(without_memory_it_is_lost_and_nothing_else_happens),
    };

    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
