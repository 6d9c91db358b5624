#include "bus/acks.h"

#include "frames.h"

#include <stdio.h>

enum { CHANNEL = 7 };

/* What was told since the last call, such as "3+ 5 6 ": the plus is for all up to it. */
static const char *told(struct outbox *out)
{
    static char words[4096];
    static uint8_t bytes[64 * 1024];
    const uint8_t *at = bytes;
    size_t left = outbox_taken(out, bytes, sizeof(bytes)), len = 0;
    struct sent sent;
    amqp_pool_t pool;

    words[0] = '\0';
    init_amqp_pool(&pool, 4096);
    while (sent_next(&at, &left, &pool, &sent)) {
        const amqp_basic_ack_t *ack = sent.method;

        assert_int_equal(sent.id, AMQP_BASIC_ACK_METHOD);
        assert_int_equal(sent.channel, CHANNEL);
        len += (size_t)snprintf(words + len, sizeof(words) - len, "%d%s ", (int)ack->delivery_tag,
                                ack->multiple ? "+" : "");
    }
    empty_amqp_pool(&pool);
    return words;
}

static void add(struct acks *acks, uint64_t from, uint64_t to)
{
    for (uint64_t tag = from; tag <= to; tag++)
        assert_true(acks_add(acks, tag));
}

static void one_frame_acks_all_that_are_settled_in_order(void **state)
{
    struct outbox out = {0};
    struct acks acks = {0};

    (void)state;
    add(&acks, 1, 5);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "5+ ");
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "");
    add(&acks, 6, 6);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "6+ ");
}

static void nothing_that_is_not_settled_is_acked(void **state)
{
    struct outbox out = {0};
    struct acks acks = {0};

    (void)state;
    add(&acks, 1, 2);
    add(&acks, 4, 6); /* 3 is at work */
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "2+ 4 5 6 ");
    add(&acks, 8, 8);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "8 ");
}

/* The broker knows no tag that it was told of already. */
static void what_was_told_is_not_named_again(void **state)
{
    struct outbox out = {0};
    struct acks acks = {0};

    (void)state;
    add(&acks, 2, 3);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "2 3 ");
    add(&acks, 1, 1);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "1+ ");
    acks_told(&acks, 4); /* rejected */
    add(&acks, 5, 5);
    acks_told(&acks, 6);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "5+ ");
    assert_int_equal(acks.before, 6);
}

static void what_is_too_far_ahead_goes_by_itself_until_all_is_even(void **state)
{
    struct outbox out = {0};
    struct acks acks = {0};

    (void)state;
    add(&acks, 2, ACKS_WINDOW);
    assert_false(acks_add(&acks, ACKS_WINDOW + 1));
    add(&acks, 1, 1);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "256+ ");
    add(&acks, ACKS_WINDOW + 2, ACKS_WINDOW + 2);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "258 ");
    acks_are_even(&acks, ACKS_WINDOW + 2);
    add(&acks, ACKS_WINDOW + 3, ACKS_WINDOW + 4);
    acks_tell(&acks, &out, CHANNEL);
    assert_string_equal(told(&out), "260+ ");
}

/* Whatever the order, the broker knows after each turn that just these are settled. */
static void in_any_order_the_broker_is_told_of_each_once(void **state)
{
    enum { TAGS = 2000, IN_HAND = 64 };
    bool is_settled[TAGS + 1] = {false}, is_acked[TAGS + 1] = {false};
    uint64_t hand[IN_HAND], next = 1;
    struct outbox out = {0};
    struct acks acks = {0};
    uint32_t random = 1;

    (void)state;
    for (size_t i = 0; i < IN_HAND; i++)
        hand[i] = next++;
    while (next <= TAGS) {
        for (int i = 0; i < 5 && next <= TAGS; i++) {
            size_t which = (random = random * 1664525 + 1013904223) >> 26;

            is_settled[hand[which]] = true;
            if (!acks_add(&acks, hand[which]))
                is_acked[hand[which]] = true;
            hand[which] = next++;
        }
        acks_tell(&acks, &out, CHANNEL);
        char *words = (char *)(uintptr_t)told(&out);
        for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
            char *rest;
            uint64_t tag = strtoul(word, &rest, 10);

            assert_true(is_settled[tag] && !is_acked[tag]);
            for (uint64_t t = *rest == '+' ? 1 : tag; t <= tag; t++)
                is_acked[t] = true;
        }
        for (uint64_t t = 1; t < next; t++)
            assert_int_equal(is_acked[t], is_settled[t]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_frame_acks_all_that_are_settled_in_order),
        cmocka_unit_test(nothing_that_is_not_settled_is_acked),
        cmocka_unit_test(what_was_told_is_not_named_again),
        cmocka_unit_test(what_is_too_far_ahead_goes_by_itself_until_all_is_even),
        cmocka_unit_test(in_any_order_the_broker_is_told_of_each_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
