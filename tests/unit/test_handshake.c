#include "bus/handshake.h"
#include "frames.h"

static const struct url url = {.host = "h", .port = 5672, .user = "kf", .password = "secret", .vhost = "v"};

struct rig {
    struct handshake handshake;
    struct outbox out;
    struct err e;
};

static void begin(struct rig *rig)
{
    *rig = (struct rig){0};
    rig->handshake = (struct handshake){
        .url = &url,
        .name = "worker-1",
        .out = &rig->out,
        .terms = {.channel_max = 65535, .frame_max = FRAME_MAX_BYTES, .heartbeat_s = 15},
    };
}

static enum handshake_event take(struct rig *rig, struct wire_frame frame)
{
    frame.kind = WIRE_METHOD;
    return handshake_take(&rig->handshake, &frame, &rig->e);
}

static enum handshake_event take_start(struct rig *rig, const char *mechanisms)
{
    return take(rig, (struct wire_frame){.method = METHOD_START,
                                         .mechanisms = {mechanisms, strlen(mechanisms)},
                                         .product = {"RabbitMQ", 8},
                                         .version = {"3.10.8", 6}});
}

static void opens_in_three_steps(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    assert_int_equal(take_start(&rig, "AMQPLAIN PLAIN"), HANDSHAKE_NOTHING);
    assert_string_equal(rig.handshake.broker.product, "RabbitMQ");
    assert_string_equal(rig.handshake.broker.version, "3.10.8");
    assert_int_equal(
        take(&rig,
             (struct wire_frame){.method = METHOD_TUNE, .channel_max = 2047, .frame_max = 131072, .heartbeat_s = 60}),
        HANDSHAKE_TUNED);
    assert_int_equal(rig.handshake.terms.channel_max, 2047);
    assert_int_equal(rig.handshake.terms.frame_max, 131072);
    assert_int_equal(rig.handshake.terms.heartbeat_s, 15);
    assert_int_equal(take(&rig, (struct wire_frame){.method = METHOD_OPEN_OK}), HANDSHAKE_OPENED);
    assert_int_equal(take(&rig, (struct wire_frame){.method = METHOD_BLOCKED}), HANDSHAKE_BLOCKED);
    assert_int_equal(take(&rig, (struct wire_frame){.method = METHOD_UNBLOCKED}), HANDSHAKE_UNBLOCKED);
    outbox_clear(&rig.out);
}

static void wants_plain_as_a_word(void **state)
{
    static const struct {
        const char *offer;
        bool fine;
    } cases[] = {
        {"PLAIN", true},       {"PLAIN AMQPLAIN", true}, {"EXTERNAL PLAIN", true},
        {"AMQPLAIN", false},   {"PLAINER", false},       {"", false},
        {"EXTERNAL X", false}, {"PLAI", false},          {"XPLAIN PLAINX PLAIN", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        begin(&rig);
        assert_int_equal(take_start(&rig, cases[i].offer), cases[i].fine ? HANDSHAKE_NOTHING : HANDSHAKE_BROKEN);
        outbox_clear(&rig.out);
    }
}

static void wants_external_where_it_logs_in_by_certificate(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    rig.handshake.external = true;
    assert_int_equal(take_start(&rig, "PLAIN EXTERNAL"), HANDSHAKE_NOTHING);
    outbox_clear(&rig.out);
    begin(&rig);
    rig.handshake.external = true;
    assert_int_equal(take_start(&rig, "PLAIN AMQPLAIN"), HANDSHAKE_BROKEN);
    assert_string_equal(rig.e.text, "the broker does not offer SASL EXTERNAL, only: PLAIN AMQPLAIN");
    outbox_clear(&rig.out);
}

static void agrees_on_the_lower_and_takes_0_for_no_limit(void **state)
{
    static const struct {
        uint16_t ours, theirs, agreed;
    } heartbeats[] = {{15, 60, 15}, {60, 15, 15}, {15, 0, 15}, {0, 60, 0}, {0, 0, 0}};
    struct terms terms = {.channel_max = 65535, .frame_max = FRAME_MAX_BYTES};
    struct wire_frame tune = {.frame_max = 4096, .channel_max = 5};
    struct err e;

    (void)state;
    assert_true(terms_agree(&terms, &tune, &e));
    assert_int_equal(terms.frame_max, 4096);
    assert_int_equal(terms.channel_max, 5);
    tune = (struct wire_frame){0};
    terms = (struct terms){.channel_max = 65535, .frame_max = FRAME_MAX_BYTES};
    assert_true(terms_agree(&terms, &tune, &e));
    assert_int_equal(terms.frame_max, FRAME_MAX_BYTES);
    assert_int_equal(terms.channel_max, 65535);
    for (size_t i = 0; i < COUNT(heartbeats); i++) {
        terms.heartbeat_s = heartbeats[i].ours;
        tune.heartbeat_s = heartbeats[i].theirs;
        assert_true(terms_agree(&terms, &tune, &e));
        assert_int_equal(terms.heartbeat_s, heartbeats[i].agreed);
    }
}

static void refuses_frames_smaller_than_amqp_has_them(void **state)
{
    struct terms terms = {.frame_max = FRAME_MAX_BYTES};
    struct wire_frame tune = {.frame_max = 4095};
    struct err e;

    (void)state;
    assert_false(terms_agree(&terms, &tune, &e));
    assert_non_null(strstr(e.text, "4095"));
}

static void a_close_has_the_brokers_words_at_any_time(void **state)
{
    struct rig rig;

    (void)state;
    for (int steps = 0; steps < 2; steps++) {
        begin(&rig);
        if (steps == 1)
            assert_int_equal(take_start(&rig, "PLAIN"), HANDSHAKE_NOTHING);
        assert_int_equal(
            take(&rig, (struct wire_frame){.method = METHOD_CLOSE, .code = 403, .text = {"ACCESS_REFUSED", 14}}),
            HANDSHAKE_CLOSED);
        assert_ptr_equal(strstr(rig.e.text, "the broker closed the connection: 403 ACCESS_REFUSED"), rig.e.text);
        assert_int_equal(strstr(rig.e.text, "is there such a user") != NULL,
                         steps); /* who was not asked yet needs none */
        outbox_clear(&rig.out);
    }
}

static void a_vhost_that_is_refused_is_told_where_it_comes_from(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    rig.handshake.state = HANDSHAKE_OPEN;
    assert_int_equal(take(&rig, (struct wire_frame){.method = METHOD_CLOSE, .code = 530, .text = {"NOT_ALLOWED", 11}}),
                     HANDSHAKE_CLOSED);
    assert_non_null(strstr(rig.e.text, "530 NOT_ALLOWED (the vhost is what follows the host in the URL"));
    outbox_clear(&rig.out);
}

static void a_step_out_of_turn_is_refused(void **state)
{
    static const enum wire_method wrong[] = {METHOD_TUNE,      METHOD_OPEN_OK, METHOD_CLOSE_OK, METHOD_BLOCKED,
                                             METHOD_UNBLOCKED, METHOD_UNKNOWN, METHOD_DELIVER};
    struct rig rig;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        begin(&rig);
        assert_int_equal(take(&rig, (struct wire_frame){.method = wrong[i]}), HANDSHAKE_BROKEN);
    }
    begin(&rig);
    assert_int_equal(take_start(&rig, "PLAIN"), HANDSHAKE_NOTHING);
    assert_int_equal(take_start(&rig, "PLAIN"), HANDSHAKE_BROKEN);
    assert_int_equal(handshake_take(&rig.handshake, &(struct wire_frame){.kind = WIRE_HEADER}, &rig.e),
                     HANDSHAKE_BROKEN);
    outbox_clear(&rig.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_in_three_steps),
        cmocka_unit_test(wants_plain_as_a_word),
        cmocka_unit_test(wants_external_where_it_logs_in_by_certificate),
        cmocka_unit_test(agrees_on_the_lower_and_takes_0_for_no_limit),
        cmocka_unit_test(refuses_frames_smaller_than_amqp_has_them),
        cmocka_unit_test(a_close_has_the_brokers_words_at_any_time),
        cmocka_unit_test(a_vhost_that_is_refused_is_told_where_it_comes_from),
        cmocka_unit_test(a_step_out_of_turn_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
