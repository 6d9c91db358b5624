#include "bus/outbox.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put(struct outbox *out, char c, size_t len)
{
    uint8_t *at = outbox_reserve(out, len + 10);

    assert_non_null(at);
    memset(at, c, len);
    outbox_commit(out, len);
}

static void keeps_the_order_over_many_pages(void **state)
{
    static const size_t sizes[] = {1, 16000, 5, 16384, 100000, 3, 0, 16374};
    struct evbuffer *to = evbuffer_new();
    struct outbox out = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        put(&out, (char)('a' + i), sizes[i]);
    assert_true(outbox_flush(&out, to));
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t n = 0; n < sizes[i]; n++) {
            char c;
            assert_int_equal(evbuffer_remove(to, &c, 1), 1);
            assert_int_equal(c, 'a' + (int)i);
        }
    assert_int_equal(evbuffer_get_length(to), 0);
    assert_null(out.first);
    evbuffer_free(to);
}

static void flushing_nothing_is_fine(void **state)
{
    struct evbuffer *to = evbuffer_new();
    struct outbox out = {0};

    (void)state;
    assert_true(outbox_flush(&out, to));
    assert_non_null(outbox_reserve(&out, 10));
    assert_true(outbox_flush(&out, to));
    assert_int_equal(evbuffer_get_length(to), 0);
    outbox_clear(&out);
    evbuffer_free(to);
}

static void count_call(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ++*(int *)arg;
}

static void asks_for_a_flush_once_a_turn(void **state)
{
    struct event_base *base = event_base_new();
    struct evbuffer *to = evbuffer_new();
    struct outbox out = {0};
    int calls = 0;

    (void)state;
    out.flush = event_new(base, -1, 0, count_call, &calls);
    for (int turn = 1; turn <= 3; turn++) {
        put(&out, 'x', 10);
        put(&out, 'y', 20000);
        event_base_loop(base, EVLOOP_NONBLOCK);
        assert_int_equal(calls, turn);
        assert_true(outbox_flush(&out, to));
    }
    event_free(out.flush);
    evbuffer_free(to);
    event_base_free(base);
}

static void what_was_lost_is_told_until_it_is_cleared(void **state)
{
    struct evbuffer *to = evbuffer_new();
    struct outbox out = {.failed = true};

    (void)state;
    assert_null(outbox_reserve(&out, 10));
    assert_false(outbox_flush(&out, to));
    outbox_clear(&out);
    put(&out, 'x', 1);
    assert_true(outbox_flush(&out, to));
    evbuffer_free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_over_many_pages),
        cmocka_unit_test(flushing_nothing_is_fine),
        cmocka_unit_test(asks_for_a_flush_once_a_turn),
        cmocka_unit_test(what_was_lost_is_told_until_it_is_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
