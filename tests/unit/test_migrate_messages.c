#include "samples.h"

static const struct message *const both[] = {&pre_migrate_message, &post_migrate_message};

static void a_missing_part_of_the_identity_is_told_with_the_messages_own_verb(void **state)
{
    (void)state;
    assert_value_refused(
        pre_migrate_message.request, NUL("usageInstance"), ERR_REQUIRED, "usageInstance",
        "vmUuid, purpose, keyVersion and usageInstance are required for pre-migrate: usageInstance is missing");
    assert_value_refused(
        post_migrate_message.request, STRING("vmUuid", ""), ERR_REQUIRED, "vmUuid",
        "vmUuid, purpose, keyVersion and usageInstance are required for post-migrate: vmUuid is blank");
    assert_value_refused(post_migrate_message.request, NUL("migrationId"), ERR_REQUIRED, "migrationId",
                         "migrationId is required: it is missing");
}

static void only_a_vtpm_migrates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(both); i++) {
        assert_value_refused(both[i]->request, STRING("purpose", "volume"), ERR_INVALID, "purpose",
                             "purpose must be 'vtpm' for a migration");
        assert_value_refused(both[i]->request, STRING("usageInstance", VOLUME), ERR_INVALID, "usageInstance", NULL);
    }
}

static void source_and_destination_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(both); i++)
        assert_value_refused(both[i]->request, STRING("dstHostUuid", "3F2504E04F8941D39A0C0305E82C3301"), ERR_INVALID,
                             "dstHostUuid", "dstHostUuid must be another host than srcHostUuid");
}

static void a_pre_migrate_goes_to_the_source(void **state)
{
    struct pre_migrate_request request;

    (void)state;
    assert_value_refused(pre_migrate_message.request, STRING("hostUuid", HOST_B), ERR_INVALID, "srcHostUuid", NULL);
    assert_value_refused(pre_migrate_message.request, STRING("srcHostUuid", VM), ERR_INVALID, "srcHostUuid", NULL);
    assert_value_accepted(pre_migrate_message.request, STRING("hostUuid", "3F2504E04F8941D39A0C0305E82C3301"),
                          &request);
    assert_string_equal(request.src_host_uuid.text, HOST_A);
}

static void a_post_migrate_goes_to_either_host(void **state)
{
    struct post_migrate_request request;

    (void)state;
    assert_value_accepted(post_migrate_message.request, STRING("hostUuid", HOST_A), &request);
    assert_value_accepted(post_migrate_message.request, STRING("hostUuid", HOST_B), &request);
    assert_value_refused(post_migrate_message.request, STRING("hostUuid", VM), ERR_INVALID, "hostUuid", NULL);
}

static void an_outcome_is_one_of_two_words(void **state)
{
    static const char *const bad[] = {"Success", "failed", "ok", "success "};
    struct post_migrate_request request;

    (void)state;
    assert_value_accepted(post_migrate_message.request, STRING("outcome", "success"), &request);
    assert_string_equal(request.outcome, "success");
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_value_refused(post_migrate_message.request, STRING("outcome", bad[i]), ERR_INVALID, "outcome",
                             "outcome must be 'success' or 'failure'");
}

static bool read_reply(const struct message *m, const struct say *fields, size_t count, void *out, struct err *e)
{
    const struct said *s = say_body(ENCODING_JSON, m->reply->name, fields, count);

    return reply_read(s->bytes, s->len, NULL, m->reply, out, e);
}

static void a_reply_says_skipped_or_all_the_rest(void **state)
{
    struct say fields[] = {
        TRUTH("success", true),       TRUTH("skipped", true),  STRING("secretUuid", SECRET),
        STRING("migrationId", "m-1"), TRUTH("created", false), STRING("dekSource", "keymanager"),
    };
    struct pre_migrate_reply reply;
    struct err e;

    (void)state;
    assert_true(read_reply(&pre_migrate_message, fields, 2, &reply, &e));
    assert_true(reply.skipped);
    assert_int_equal(reply.created, UNSAID);
    assert_false(read_reply(&pre_migrate_message, fields, 6, &reply, &e));
    assert_false(read_reply(&pre_migrate_message, fields, 3, &reply, &e));
    assert_int_equal(e.kind, ERR_FOREIGN);

    fields[1] = TRUTH("skipped", false);
    assert_true(read_reply(&pre_migrate_message, fields, 6, &reply, &e));
    assert_int_equal(reply.created, NO);
    for (size_t count = 2; count < 6; count++)
        assert_false(read_reply(&pre_migrate_message, fields, count, &reply, &e));
}

static void a_skipped_reply_is_written_with_nothing_else(void **state)
{
    struct pre_migrate_reply reply = {.skipped = true};

    (void)state;
    assert_int_equal(schema_present(pre_migrate_message.reply, &reply), 1);
}

static void deleted_on_is_one_of_three_words(void **state)
{
    static const char *const words[] = {"source", "destination", "none", "both", "Source"};
    struct post_migrate_reply reply;
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        struct say fields[] = {TRUTH("success", true), STRING("deletedOn", words[i])};

        assert_int_equal(read_reply(&post_migrate_message, fields, 2, &reply, &e), i < 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_part_of_the_identity_is_told_with_the_messages_own_verb),
        cmocka_unit_test(only_a_vtpm_migrates),
        cmocka_unit_test(source_and_destination_differ),
        cmocka_unit_test(a_pre_migrate_goes_to_the_source),
        cmocka_unit_test(a_post_migrate_goes_to_either_host),
        cmocka_unit_test(an_outcome_is_one_of_two_words),
        cmocka_unit_test(a_reply_says_skipped_or_all_the_rest),
        cmocka_unit_test(a_skipped_reply_is_written_with_nothing_else),
        cmocka_unit_test(deleted_on_is_one_of_three_words),
    };

    return cmocka_run_group_tests_name("migrate messages", tests, NULL, NULL);
}
