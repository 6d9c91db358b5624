#include "bus/channel.h"
#include "frames.h"

static const struct ask_values values = {
    .names = {[SUBJECT_QUEUE] = "q", [SUBJECT_KEY] = "k", [SUBJECT_REQUESTS] = "x"},
    .consumer_tag = "t",
};

struct rig {
    struct channel channel;
    struct outbox out;
    struct err e;
};

static struct rig opening(void)
{
    struct rig rig = {0};

    channel_open(&rig.channel, 3, topology_host_queue(true), &values, &rig.out);
    outbox_clear(&rig.out);
    return rig;
}

static enum channel_event take(struct rig *rig, enum wire_method method)
{
    struct wire_frame frame = {
        .kind = WIRE_METHOD, .channel = 3, .method = method, .code = 406, .text = {"PRECONDITION_FAILED", 19}};

    return channel_take(&rig->channel, &frame, &values, &rig->out, &rig->e);
}

static struct rig ready(void)
{
    struct rig rig = opening();

    assert_int_equal(take(&rig, METHOD_CHANNEL_OPEN_OK), CHANNEL_NOTHING);
    assert_int_equal(take(&rig, METHOD_QUEUE_OK), CHANNEL_NOTHING);
    assert_int_equal(take(&rig, METHOD_BIND_OK), CHANNEL_NOTHING);
    assert_int_equal(take(&rig, METHOD_QOS_OK), CHANNEL_NOTHING);
    assert_int_equal(take(&rig, METHOD_CONSUME_OK), CHANNEL_OPENED);
    return rig;
}

static void is_ready_when_all_was_granted_in_order(void **state)
{
    struct rig rig = ready();

    (void)state;
    assert_int_equal(rig.channel.state, CHANNEL_READY);
    assert_int_equal(take(&rig, METHOD_DELIVER), CHANNEL_FRAME);
}

static void an_answer_out_of_order_breaks_the_connection(void **state)
{
    static const enum wire_method wrong[] = {METHOD_BIND_OK, METHOD_DELIVER, METHOD_UNKNOWN, METHOD_CHANNEL_CLOSE_OK};

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct rig rig = opening();
        assert_int_equal(take(&rig, METHOD_CHANNEL_OPEN_OK), CHANNEL_NOTHING);
        assert_int_equal(take(&rig, wrong[i]), CHANNEL_BROKEN);
        outbox_clear(&rig.out);
    }
}

static void a_refusal_says_what_was_asked_and_the_brokers_words(void **state)
{
    struct rig rig = opening();
    amqp_pool_t pool;
    uint8_t bytes[64];
    const uint8_t *at = bytes;
    struct sent sent;

    (void)state;
    assert_int_equal(take(&rig, METHOD_CHANNEL_OPEN_OK), CHANNEL_NOTHING);
    assert_int_equal(take(&rig, METHOD_CHANNEL_CLOSE), CHANNEL_LOST);
    assert_string_equal(rig.e.text, "declaring queue 'q': 406 PRECONDITION_FAILED");
    assert_int_equal(rig.channel.state, CHANNEL_SHUT);
    size_t left = outbox_taken(&rig.out, bytes, sizeof(bytes));
    init_amqp_pool(&pool, 0);
    assert_true(sent_next(&at, &left, &pool, &sent));
    assert_int_equal(sent.id, AMQP_CHANNEL_CLOSE_OK_METHOD);
    empty_amqp_pool(&pool);
}

static void a_close_in_use_says_the_brokers_words(void **state)
{
    struct rig rig = ready();

    (void)state;
    assert_int_equal(take(&rig, METHOD_CHANNEL_CLOSE), CHANNEL_LOST);
    assert_string_equal(rig.e.text, "the broker closed the channel: 406 PRECONDITION_FAILED");
    assert_int_equal(take(&rig, METHOD_DELIVER), CHANNEL_BROKEN);
    outbox_clear(&rig.out);
}

static void what_comes_after_our_close_is_dropped(void **state)
{
    struct rig rig = ready();

    (void)state;
    channel_close(&rig.channel, &rig.out);
    channel_close(&rig.channel, &rig.out);
    assert_int_equal(take(&rig, METHOD_DELIVER), CHANNEL_NOTHING);
    assert_int_equal(take(&rig, METHOD_CANCEL), CHANNEL_NOTHING);
    assert_int_equal(take(&rig, METHOD_CHANNEL_CLOSE_OK), CHANNEL_CLOSED);
    assert_int_equal(take(&rig, METHOD_CHANNEL_CLOSE_OK), CHANNEL_BROKEN);
    outbox_clear(&rig.out);
}

static void closes_of_both_sides_may_cross(void **state)
{
    struct rig rig = ready();

    (void)state;
    channel_close(&rig.channel, &rig.out);
    assert_int_equal(take(&rig, METHOD_CHANNEL_CLOSE), CHANNEL_NOTHING);
    assert_int_equal(take(&rig, METHOD_CHANNEL_CLOSE_OK), CHANNEL_CLOSED);
    outbox_clear(&rig.out);
}

static struct wire_frame of_kind(enum wire_kind kind, size_t bytes)
{
    return (struct wire_frame){.kind = kind, .channel = 3, .body_bytes = bytes, .piece_bytes = bytes};
}

static void a_content_is_a_method_a_header_and_a_body(void **state)
{
    struct wire_frame method = of_kind(WIRE_METHOD, 0), header = of_kind(WIRE_HEADER, 5), body = of_kind(WIRE_BODY, 3);
    struct content content = {0};
    struct err e;

    (void)state;
    assert_true(content_note(&content, &method, false, &e));
    assert_false(content_note(&content, &header, false, &e));
    assert_true(content_note(&content, &method, true, &e));
    assert_false(content_note(&content, &method, true, &e));
    assert_false(content_note(&content, &body, false, &e));
    assert_true(content_note(&content, &header, false, &e));
    assert_false(content_note(&content, &header, false, &e));
    assert_true(content_note(&content, &body, false, &e));
    assert_int_equal(content.body_left, 2);
    assert_false(content_note(&content, &body, false, &e));
    body.piece_bytes = 2;
    assert_true(content_note(&content, &body, false, &e));
    assert_int_equal(content.due, CONTENT_NONE);
    assert_false(content_note(&content, &body, false, &e));
}

static void a_content_may_be_empty(void **state)
{
    struct wire_frame method = of_kind(WIRE_METHOD, 0), header = of_kind(WIRE_HEADER, 0);
    struct content content = {0};
    struct err e;

    (void)state;
    assert_true(content_note(&content, &method, true, &e));
    assert_true(content_note(&content, &header, false, &e));
    assert_int_equal(content.due, CONTENT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_ready_when_all_was_granted_in_order),
        cmocka_unit_test(an_answer_out_of_order_breaks_the_connection),
        cmocka_unit_test(a_refusal_says_what_was_asked_and_the_brokers_words),
        cmocka_unit_test(a_close_in_use_says_the_brokers_words),
        cmocka_unit_test(what_comes_after_our_close_is_dropped),
        cmocka_unit_test(closes_of_both_sides_may_cross),
        cmocka_unit_test(a_content_is_a_method_a_header_and_a_body),
        cmocka_unit_test(a_content_may_be_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
