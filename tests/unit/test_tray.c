#include "bus/outgoing.h"
#include "bus/tray.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void tell_up(struct tray_item *item, struct bus_news *news)
{
    (void)item;
    news->event = BUS_LINK_UP;
}

static void tell_words(struct tray_item *item, struct bus_news *news)
{
    (void)item;
    news->event = BUS_LINK_DOWN;
    snprintf(news->text, sizeof(news->text), "bad\n\377words");
}

static struct delivery *delivery_of(size_t queue)
{
    struct delivery *d = calloc(1, sizeof(*d));

    d->queue = queue;
    return d;
}

static void tells_items_first_and_each_kind_in_order(void **state)
{
    struct tray_item up = {.tell = tell_up}, words = {.tell = tell_words};
    struct tray tray = {0};
    struct bus_news news;

    (void)state;
    tray_put_delivery(&tray, delivery_of(1));
    tray_put(&tray, &words);
    tray_put_delivery(&tray, delivery_of(DELIVERY_ANSWER));
    tray_put_delivery(&tray, delivery_of(DELIVERY_NOTICE));
    tray_put(&tray, &up);
    tray_put(&tray, &words);
    assert_int_equal(tray_take(&tray, &news), BUS_LINK_DOWN);
    assert_string_equal(news.text, "bad ?words");
    assert_int_equal(tray_take(&tray, &news), BUS_LINK_UP);
    assert_string_equal(news.text, "");
    assert_int_equal(tray_take(&tray, &news), BUS_DELIVERY);
    assert_int_equal(news.delivery->queue, 1);
    assert_null(news.delivery->next);
    delivery_free(news.delivery);
    assert_int_equal(tray_take(&tray, &news), BUS_ANSWER);
    delivery_free(news.delivery);
    assert_int_equal(tray_take(&tray, &news), BUS_NOTICE);
    delivery_free(news.delivery);
    assert_int_equal(tray_take(&tray, &news), BUS_QUIET);
}

static void an_item_may_be_taken_out_anywhere(void **state)
{
    struct tray_item items[4];
    struct bus_news news;

    (void)state;
    for (size_t out = 0; out < COUNT(items); out++) {
        struct tray tray = {0};
        for (size_t i = 0; i < COUNT(items); i++) {
            items[i] = (struct tray_item){.tell = tell_up};
            tray_put(&tray, &items[i]);
        }
        tray_remove(&tray, &items[out]);
        tray_remove(&tray, &items[out]);
        tray_put(&tray, &items[out]);
        for (size_t i = 0; i < COUNT(items); i++)
            assert_int_equal(tray_take(&tray, &news), BUS_LINK_UP);
        assert_int_equal(tray_take(&tray, &news), BUS_QUIET);
        assert_null(tray.last);
    }
}

static void count_call(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ++*(int *)arg;
}

static void wakes_once_until_nothing_was_left(void **state)
{
    struct event_base *base = event_base_new();
    struct tray_item item = {.tell = tell_up};
    struct tray tray = {0};
    struct bus_news news;
    int calls = 0;

    (void)state;
    tray.wake = event_new(base, -1, 0, count_call, &calls);
    tray_put(&tray, &item);
    tray_put_delivery(&tray, delivery_of(1));
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(calls, 1);
    assert_int_equal(tray_take(&tray, &news), BUS_LINK_UP);
    tray_put(&tray, &item);
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(calls, 1);
    while (tray_take(&tray, &news) != BUS_QUIET)
        if (news.event == BUS_DELIVERY)
            delivery_free(news.delivery);
    tray_put(&tray, &item);
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(calls, 2);
    event_free(tray.wake);
    event_base_free(base);
}

static void what_nobody_took_is_freed(void **state)
{
    struct publication publication = {
        .exchange = "", .routing_key = "r", .body = (const uint8_t *)"b", .body_bytes = 1};
    struct outgoing *outgoing;
    struct tray tray = {0};
    struct err e;

    (void)state;
    assert_true(outgoing_new(&publication, &outgoing, &e));
    tray_put(&tray, &outgoing->item);
    tray_put_delivery(&tray, delivery_of(1));
    tray_put_delivery(&tray, delivery_of(2));
    tray_done(&tray);
    assert_null(tray.first);
    assert_null(tray.first_delivery);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_items_first_and_each_kind_in_order),
        cmocka_unit_test(an_item_may_be_taken_out_anywhere),
        cmocka_unit_test(wakes_once_until_nothing_was_left),
        cmocka_unit_test(what_nobody_took_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
