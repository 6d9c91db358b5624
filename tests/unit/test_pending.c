#include "bus/pending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct tray tray;
    struct pending pending;
};

static void begin(struct rig *rig)
{
    *rig = (struct rig){0};
    pending_init(&rig->pending, &rig->tray);
}

static void end(struct rig *rig)
{
    struct bus_news news;

    while (tray_take(&rig->tray, &news) != BUS_QUIET)
        ;
    pending_done(&rig->pending);
}

static uint64_t add(struct rig *rig, const char *key, const char *id)
{
    struct publication publication = {.exchange = "x", .routing_key = key, .message_id = id, .mandatory = true};
    struct outgoing *outgoing;
    struct err e;

    assert_true(outgoing_new(&publication, &outgoing, &e));
    return pending_add(&rig->pending, outgoing);
}

static void add_many(struct rig *rig, int count)
{
    char id[16];

    for (int i = 1; i <= count; i++) {
        snprintf(id, sizeof(id), "%d", i);
        assert_int_equal(add(rig, "k", id), i);
    }
}

/* What is sent next, by their message ids: "1 2 3". */
static const char *send_all(struct rig *rig)
{
    static char ids[256];
    const struct publication *p;

    ids[0] = '\0';
    while ((p = pending_send(&rig->pending)) != NULL) {
        strcat(ids, ids[0] == '\0' ? "" : " ");
        strcat(ids, p->message_id);
    }
    return ids;
}

/* The news there are: "1 taken, 2 refused 404". */
static const char *told(struct rig *rig)
{
    static const char *const how[] = {
        [PUBLISHED_TAKEN] = "taken", [PUBLISHED_RETURNED] = "returned", [PUBLISHED_REFUSED] = "refused"};
    static char text[512];
    struct bus_news news;
    size_t len = 0;

    text[0] = '\0';
    while (tray_take(&rig->tray, &news) == BUS_PUBLISHED)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d %s%s%s", len > 0 ? ", " : "", (int)news.number,
                                how[news.how], news.text[0] != '\0' ? " " : "", news.text);
    return text;
}

static void confirm(struct rig *rig, enum wire_method method, uint64_t tag, bool multiple)
{
    pending_confirm(&rig->pending,
                    &(struct wire_frame){.kind = WIRE_METHOD, .method = method, .tag = tag, .multiple = multiple});
}

static bool lose(struct rig *rig, uint32_t cause_id)
{
    return pending_again(&rig->pending, &(struct ending){cause_id, 404, "404 NOT_FOUND"});
}

static void confirms_come_one_at_a_time_or_many_at_once(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add_many(&rig, 8);
    assert_string_equal(send_all(&rig), "1 2 3 4 5 6 7 8");
    confirm(&rig, METHOD_ACK, 2, false);
    assert_string_equal(told(&rig), "2 taken");
    confirm(&rig, METHOD_ACK, 4, true);
    assert_string_equal(told(&rig), "1 taken, 3 taken, 4 taken");
    confirm(&rig, METHOD_NACK, 6, true);
    assert_string_equal(told(&rig), "5 refused the broker did not take it (basic.nack), 6 refused the broker did not "
                                    "take it (basic.nack)");
    confirm(&rig, METHOD_ACK, 0, true);
    assert_string_equal(told(&rig), "7 taken, 8 taken");
    assert_int_equal(rig.pending.outstanding, 0);
    end(&rig);
}

static void a_confirm_of_what_was_not_sent_is_nothing(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    confirm(&rig, METHOD_ACK, 1, false);
    add_many(&rig, 2);
    confirm(&rig, METHOD_ACK, 1, false);
    confirm(&rig, METHOD_ACK, 0, true);
    assert_string_equal(told(&rig), "");
    assert_string_equal(send_all(&rig), "1 2");
    confirm(&rig, METHOD_ACK, 99, false);
    assert_string_equal(told(&rig), "");
    end(&rig);
}

static void what_was_not_confirmed_is_sent_again_in_order(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add_many(&rig, 5);
    assert_string_equal(send_all(&rig), "1 2 3 4 5");
    confirm(&rig, METHOD_ACK, 3, false);
    assert_false(lose(&rig, 0));
    add(&rig, "k", "6");
    assert_string_equal(send_all(&rig), "1 2 4 5 6");
    confirm(&rig, METHOD_ACK, 3, false); /* of the new channel: the third that was sent on it */
    assert_string_equal(told(&rig), "3 taken, 4 taken");
    end(&rig);
}

static void one_alone_is_to_blame(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add_many(&rig, 1);
    send_all(&rig);
    assert_true(lose(&rig, wire_publish_id));
    assert_string_equal(told(&rig), "1 refused 404 NOT_FOUND");
    assert_string_equal(send_all(&rig), "");
    end(&rig);
}

static void of_several_each_is_tried_alone(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add_many(&rig, 4);
    assert_string_equal(send_all(&rig), "1 2 3 4");
    assert_true(lose(&rig, wire_publish_id));
    assert_string_equal(told(&rig), "");
    add(&rig, "k", "5");
    assert_string_equal(send_all(&rig), "1");
    confirm(&rig, METHOD_ACK, 1, false);
    assert_string_equal(send_all(&rig), "2");
    assert_true(lose(&rig, wire_publish_id));
    assert_string_equal(told(&rig), "1 taken, 2 refused 404 NOT_FOUND");
    assert_string_equal(send_all(&rig), "3");
    confirm(&rig, METHOD_ACK, 1, false);
    assert_string_equal(send_all(&rig), "4");
    confirm(&rig, METHOD_ACK, 2, false);
    assert_string_equal(send_all(&rig), "5"); /* never under suspicion */
    end(&rig);
}

static void what_the_broker_fails_on_twice_is_to_blame(void **state)
{
    const struct ending failure = {0, 541, "541 INTERNAL_ERROR"};
    struct rig rig;

    (void)state;
    begin(&rig);
    add_many(&rig, 2);
    send_all(&rig);
    assert_true(pending_again(&rig.pending, &failure));
    assert_string_equal(send_all(&rig), "1");
    assert_true(pending_again(&rig.pending, &failure));
    assert_string_equal(told(&rig), "1 returned 541 INTERNAL_ERROR");
    assert_string_equal(send_all(&rig), "2");
    confirm(&rig, METHOD_ACK, 1, false);
    add(&rig, "k", "3");
    assert_string_equal(send_all(&rig), "3");
    assert_true(pending_again(&rig.pending, &failure));
    assert_string_equal(send_all(&rig), "3");
    confirm(&rig, METHOD_ACK, 1, false);
    assert_string_equal(told(&rig), "2 taken, 3 taken");
    end(&rig);
}

static void a_close_with_nothing_on_the_way_blames_nobody(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add_many(&rig, 2);
    assert_false(lose(&rig, wire_publish_id));
    assert_string_equal(send_all(&rig), "1 2");
    end(&rig);
}

static void bring_back(struct rig *rig, const char *key, const char *id)
{
    struct returned returned = {.code = 312, .text = "312 NO_ROUTE", .exchange = "x"};

    snprintf(returned.routing_key, sizeof(returned.routing_key), "%s", key);
    pending_return(&rig->pending, &returned, &(struct wire_frame){.kind = WIRE_HEADER, .message_id = {id, strlen(id)}});
}

static void a_return_is_of_the_first_that_it_fits(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add(&rig, "a", "1");
    add(&rig, "b", "2");
    add(&rig, "b", "3");
    add(&rig, "b", "3");
    add(&rig, "b", "5");
    send_all(&rig);
    bring_back(&rig, "b", "3");
    bring_back(&rig, "b", "3");
    bring_back(&rig, "b", "9");
    confirm(&rig, METHOD_ACK, 5, true);
    assert_string_equal(told(&rig), "1 taken, 2 taken, 3 returned 312 NO_ROUTE, 4 returned 312 NO_ROUTE, 5 taken");
    end(&rig);
}

static void a_return_before_a_reconnect_counts_no_more(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add(&rig, "a", "1");
    send_all(&rig);
    bring_back(&rig, "a", "1");
    assert_false(lose(&rig, 0));
    send_all(&rig);
    confirm(&rig, METHOD_ACK, 1, false);
    assert_string_equal(told(&rig), "1 taken");
    end(&rig);
}

static void what_is_forgotten_is_not_told_and_not_sent_again(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add_many(&rig, 3);
    send_all(&rig);
    add(&rig, "k", "4");
    pending_forget(&rig.pending, 4);
    pending_forget(&rig.pending, 2);
    pending_forget(&rig.pending, 99);
    assert_string_equal(send_all(&rig), "");
    confirm(&rig, METHOD_ACK, 1, false);
    pending_forget(&rig.pending, 3);
    assert_false(lose(&rig, 0));
    add(&rig, "k", "5");
    assert_string_equal(send_all(&rig), "5");
    confirm(&rig, METHOD_ACK, 1, false);
    assert_string_equal(told(&rig), "1 taken, 5 taken");
    end(&rig);
}

static void the_last_one_may_be_taken_out_and_another_added(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    add_many(&rig, 2);
    send_all(&rig);
    confirm(&rig, METHOD_ACK, 2, false);
    add(&rig, "k", "3");
    confirm(&rig, METHOD_ACK, 1, false);
    assert_string_equal(send_all(&rig), "3");
    confirm(&rig, METHOD_ACK, 3, false);
    add(&rig, "k", "4");
    assert_string_equal(send_all(&rig), "4");
    assert_string_equal(told(&rig), "2 taken, 1 taken, 3 taken");
    end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confirms_come_one_at_a_time_or_many_at_once),
        cmocka_unit_test(a_confirm_of_what_was_not_sent_is_nothing),
        cmocka_unit_test(what_was_not_confirmed_is_sent_again_in_order),
        cmocka_unit_test(one_alone_is_to_blame),
        cmocka_unit_test(of_several_each_is_tried_alone),
        cmocka_unit_test(what_the_broker_fails_on_twice_is_to_blame),
        cmocka_unit_test(a_close_with_nothing_on_the_way_blames_nobody),
        cmocka_unit_test(a_return_is_of_the_first_that_it_fits),
        cmocka_unit_test(a_return_before_a_reconnect_counts_no_more),
        cmocka_unit_test(what_is_forgotten_is_not_told_and_not_sent_again),
        cmocka_unit_test(the_last_one_may_be_taken_out_and_another_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
