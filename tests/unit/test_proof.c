#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/proof.h"

enum { QUIET = 60000, EARLIER = QUIET / PROOF_ROUNDS + 1, WAIT = QUIET / PROOF_PATIENCE };

static struct proof p;
static uint64_t now;

static int set_up(void **state)
{
    (void)state;
    p = (struct proof){.quiet_ms = QUIET};
    now = 1000;
    proof_opened(&p, 0, now);
    return 0;
}

/* The first step that is due within `ms`, looked for in each second as the bus does; PROOF_NOTHING: none is. */
static enum proof_step within(uint64_t ms)
{
    uint64_t end = now + ms;

    for (; now < end; now += 1000) {
        enum proof_step step = proof_tick(&p, false, now);
        if (step != PROOF_NOTHING)
            return step;
    }
    return PROOF_NOTHING;
}

static void let_a_canary_into_the_queue(void)
{
    assert_int_equal(within(QUIET + 2000), PROOF_SEND);
    proof_sent(&p);
    proof_taken(&p, now);
}

/* An active consumer that hears nothing any more. */
static void go_deaf(void)
{
    proof_delivered(&p, now);
    let_a_canary_into_the_queue();
    assert_int_equal(within(WAIT + 2000), PROOF_DEAF);
}

/* One that had no delivery, but found itself alone with its queue. */
static void be_deaf_from_the_beginning(void)
{
    let_a_canary_into_the_queue();
    assert_int_equal(within(WAIT + 2000), PROOF_DEAF);
}

static void a_quiet_while_asks_for_a_canary_and_not_before(void **state)
{
    (void)state;
    assert_int_equal(within(QUIET), PROOF_NOTHING);
    assert_int_equal(within(2000), PROOF_SEND);
}

static void who_is_in_a_hurry_need_not_wait_for_a_quiet_while(void **state)
{
    (void)state;
    proof_hurry(&p, now);
    assert_int_equal(proof_tick(&p, false, now), PROOF_SEND);
    proof_sent(&p);
    proof_taken(&p, now);
    proof_hurry(&p, now); /* what is under way has its time */
    assert_int_equal(within(WAIT - 2000), PROOF_NOTHING);
    proof_delivered(&p, now);
    assert_int_equal(within(QUIET - EARLIER - 2000), PROOF_NOTHING);
    proof_shut(&p);
    proof_hurry(&p, now);
    assert_int_equal(within(2 * QUIET), PROOF_NOTHING);
}

static void any_delivery_puts_it_off(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(within(QUIET), PROOF_NOTHING);
        proof_delivered(&p, now);
    }
}

/* Those of queues that were heard within an eighth of a minute, and so are those that follow. */
static void canaries_of_many_queues_go_together(void **state)
{
    struct proof other = p;
    bool is_sent = false;

    (void)state;
    now = 600 * (uint64_t)EARLIER;
    p.ticked_ms = other.ticked_ms = 0;
    proof_delivered(&p, now + 100);
    proof_delivered(&other, now + EARLIER - 100);
    for (int i = 0; i < 2 * QUIET / 1000 && !is_sent; i++, now += 1000) {
        enum proof_step one = proof_tick(&p, false, now), two = proof_tick(&other, false, now);

        assert_int_equal(one, two);
        is_sent = one == PROOF_SEND;
    }
    assert_true(is_sent);
}

static void a_canary_that_comes_proves_it(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        let_a_canary_into_the_queue();
        assert_int_equal(within(WAIT - 2000), PROOF_NOTHING);
        proof_delivered(&p, now);
        assert_false(proof_is_doubted(&p));
        assert_int_equal(within(QUIET - EARLIER), PROOF_NOTHING);
    }
}

static void a_canary_that_comes_before_its_confirm_proves_it_too(void **state)
{
    (void)state;
    assert_int_equal(within(QUIET + 2000), PROOF_SEND);
    proof_sent(&p);
    proof_delivered(&p, now);
    proof_taken(&p, now);
    assert_int_equal(within(QUIET), PROOF_NOTHING);
}

static void one_that_had_deliveries_and_misses_its_canary_is_deaf(void **state)
{
    (void)state;
    go_deaf();
    assert_true(proof_is_doubted(&p));
    assert_false(proof_is_hopeless(&p));
    assert_int_equal(within(10 * QUIET), PROOF_NOTHING); /* its channel is being closed */
}

static void one_that_is_alone_and_never_had_any_is_deaf(void **state)
{
    (void)state;
    be_deaf_from_the_beginning();
    assert_true(proof_is_doubted(&p));
}

static void beside_others_it_asks_and_is_a_healthy_standby_for_ever(void **state)
{
    (void)state;
    proof_opened(&p, 1, now);
    for (int i = 0; i < 10; i++) {
        let_a_canary_into_the_queue();
        assert_int_equal(within(WAIT + 2000), PROOF_ASK);
        assert_int_equal(within(10 * QUIET), PROOF_NOTHING);
        proof_opened(&p, 1, now);
        assert_false(proof_is_doubted(&p));
        assert_int_equal(within(QUIET), PROOF_NOTHING);
    }
}

/* The last canary may have been taken by the one that left. */
static void a_standby_that_is_left_alone_is_tried_at_once(void **state)
{
    (void)state;
    proof_opened(&p, 1, now);
    let_a_canary_into_the_queue();
    assert_int_equal(within(WAIT + 2000), PROOF_ASK);
    proof_opened(&p, 0, now);
    assert_false(proof_is_doubted(&p));
    assert_int_equal(proof_tick(&p, false, now), PROOF_SEND);
    proof_sent(&p);
    proof_taken(&p, now);
    assert_int_equal(within(WAIT + 2000), PROOF_DEAF);
}

static void a_standby_that_became_active_is_proven_like_any_other(void **state)
{
    (void)state;
    proof_opened(&p, 1, now);
    proof_delivered(&p, now);
    let_a_canary_into_the_queue();
    assert_int_equal(within(WAIT + 2000), PROOF_DEAF);
}

/* A backlog that is worked through slowly: nothing new can come while the window is full. */
static void a_full_window_proves_it(void **state)
{
    (void)state;
    proof_delivered(&p, now);
    let_a_canary_into_the_queue();
    for (int i = 0; i < 1000; i++, now += 1000)
        assert_int_equal(proof_tick(&p, true, now), PROOF_PROVEN);
    assert_int_equal(within(QUIET - 2000 - EARLIER), PROOF_NOTHING);
}

/* A backlog that is worked through: the canary waits behind it. */
static void a_canary_may_wait_behind_a_backlog(void **state)
{
    (void)state;
    proof_delivered(&p, now);
    let_a_canary_into_the_queue();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(within(WAIT - 2000), PROOF_NOTHING);
        proof_delivered(&p, now);
    }
    assert_false(proof_is_doubted(&p));
}

static void a_broker_that_takes_nothing_proves_nothing(void **state)
{
    (void)state;
    proof_delivered(&p, now);
    assert_int_equal(within(QUIET + 2000), PROOF_SEND);
    proof_sent(&p);
    assert_int_equal(within(100 * QUIET), PROOF_NOTHING);
    proof_taken(&p, now);
    assert_int_equal(within(WAIT + 2000), PROOF_DEAF);
}

static void one_that_was_consumed_anew_is_asked_at_once(void **state)
{
    (void)state;
    go_deaf();
    proof_opened(&p, 0, now);
    assert_true(proof_is_doubted(&p));
    assert_int_equal(proof_tick(&p, false, now), PROOF_SEND);
    proof_sent(&p);
    proof_taken(&p, now);
    proof_delivered(&p, now);
    assert_false(proof_is_doubted(&p));
}

static void one_that_is_deaf_all_the_same_is_hopeless_until_it_hears(void **state)
{
    (void)state;
    go_deaf();
    proof_opened(&p, 0, now);
    be_deaf_from_the_beginning();
    assert_true(proof_is_hopeless(&p));
    proof_opened(&p, 0, now);
    assert_int_equal(within(QUIET), PROOF_NOTHING); /* it is not asked over and over */
    proof_delivered(&p, now);
    assert_false(proof_is_hopeless(&p));
    assert_false(proof_is_doubted(&p));
}

static void one_that_finds_another_in_its_place_is_a_standby(void **state)
{
    (void)state;
    go_deaf();
    proof_opened(&p, 1, now);
    assert_false(proof_is_doubted(&p));
    assert_int_equal(within(QUIET), PROOF_NOTHING);
}

static void a_new_connection_is_not_to_blame(void **state)
{
    (void)state;
    go_deaf();
    proof_anew(&p);
    assert_false(proof_is_doubted(&p));
    proof_opened(&p, 0, now);
    assert_int_equal(within(QUIET), PROOF_NOTHING);
}

static void what_cannot_be_asked_is_not_doubted(void **state)
{
    (void)state;
    go_deaf();
    proof_opened(&p, 0, now);
    assert_int_equal(proof_tick(&p, false, now), PROOF_SEND);
    proof_sent(&p);
    proof_unsent(&p, now);
    assert_false(proof_is_doubted(&p));
    assert_int_equal(within(QUIET + 2000), PROOF_SEND);
    proof_sent(&p);
    proof_mute(&p, now);
    assert_int_equal(within(100 * QUIET), PROOF_NOTHING);
}

static void time_in_which_we_stood_still_does_not_count(void **state)
{
    (void)state;
    proof_delivered(&p, now);
    let_a_canary_into_the_queue();
    assert_int_equal(within(1000), PROOF_NOTHING);
    now += 10 * QUIET; /* SIGSTOP, SIGCONT */
    assert_int_equal(within(WAIT - 4000), PROOF_NOTHING);
    assert_int_equal(within(6000), PROOF_DEAF);
}

static void a_shut_channel_is_left_alone(void **state)
{
    (void)state;
    let_a_canary_into_the_queue();
    proof_shut(&p);
    assert_int_equal(within(100 * QUIET), PROOF_NOTHING);
    proof_taken(&p, now);
    assert_int_equal(within(100 * QUIET), PROOF_NOTHING);
}

static void without_a_time_nothing_is_proven(void **state)
{
    (void)state;
    p = (struct proof){0};
    proof_opened(&p, 0, now);
    assert_int_equal(within(100 * QUIET), PROOF_NOTHING);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_quiet_while_asks_for_a_canary_and_not_before),
        TEST(who_is_in_a_hurry_need_not_wait_for_a_quiet_while),
        TEST(any_delivery_puts_it_off),
        TEST(canaries_of_many_queues_go_together),
        TEST(a_canary_that_comes_proves_it),
        TEST(a_canary_that_comes_before_its_confirm_proves_it_too),
        TEST(one_that_had_deliveries_and_misses_its_canary_is_deaf),
        TEST(one_that_is_alone_and_never_had_any_is_deaf),
        TEST(beside_others_it_asks_and_is_a_healthy_standby_for_ever),
        TEST(a_standby_that_is_left_alone_is_tried_at_once),
        TEST(a_standby_that_became_active_is_proven_like_any_other),
        TEST(a_full_window_proves_it),
        TEST(a_canary_may_wait_behind_a_backlog),
        TEST(a_broker_that_takes_nothing_proves_nothing),
        TEST(one_that_was_consumed_anew_is_asked_at_once),
        TEST(one_that_is_deaf_all_the_same_is_hopeless_until_it_hears),
        TEST(one_that_finds_another_in_its_place_is_a_standby),
        TEST(a_new_connection_is_not_to_blame),
        TEST(what_cannot_be_asked_is_not_doubted),
        TEST(time_in_which_we_stood_still_does_not_count),
        TEST(a_shut_channel_is_left_alone),
        TEST(without_a_time_nothing_is_proven),
    };

    return cmocka_run_group_tests_name("proof", tests, NULL, NULL);
}
