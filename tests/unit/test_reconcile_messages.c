#include "samples.h"

#include "schemas/envelope.h"

static struct reconcile_reply reply_of(size_t count)
{
    struct reconcile_reply reply = {.found_count = 1000, .mended = 7};

    for (; reply.found.count < count; reply.found.count++) {
        struct finding *f = &reply.found.at[reply.found.count];

        strcpy(f->what, "not-in-libvirt");
        strcpy(f->secret_uuid.text, SECRET);
        f->since_ms = 1700000000000 + (int64_t)reply.found.count;
    }
    return reply;
}

static struct bytes written(const struct reconcile_reply *reply, enum encoding encoding)
{
    struct reply_head head = {encoding, "", "HostReconcileMsg", "id", "correlation", 1700000000000};
    struct bytes body;
    struct err e;

    assert_true(reply_write(&head, reconcile_message.reply, reply, NULL, &body, &e));
    return body;
}

static void what_is_found_comes_back_as_it_was_in_both_encodings(void **state)
{
    static const size_t counts[] = {0, 1, FINDINGS_MAX};
    struct err e;

    (void)state;
    for (int encoding = ENCODING_MSGPACK; encoding <= ENCODING_JSON; encoding++)
        for (size_t i = 0; i < COUNT(counts); i++) {
            struct reconcile_reply reply = reply_of(counts[i]), back;
            struct bytes body = written(&reply, (enum encoding)encoding);

            if (!reply_read(body.data, body.len, NULL, reconcile_message.reply, &back, &e))
                fail_msg("%s", e.text);
            assert_memory_equal(&back, &reply, sizeof(back));
            bytes_free(&body);
        }
}

/* The ledger keeps outcomes of 4096 bytes. */
static void a_whole_list_fits_what_the_ledger_keeps_of_an_outcome(void **state)
{
    struct reconcile_reply reply = reply_of(FINDINGS_MAX);
    struct bytes body = written(&reply, ENCODING_MSGPACK);

    (void)state;
    assert_in_range(body.len, 1, 4096);
    bytes_free(&body);
}

static void findings_of_another_form_are_no_reply(void **state)
{
    static const char *const odd[] = {
        "7",
        "[7]",
        "[{}]",
        "[{\"what\": \"orphan\", \"secretUuid\": \"x\", \"since\": 1}]",
        "[{\"what\": \"orphan\", \"secretUuid\": \"" SECRET "\", \"since\": -1}]",
        "[{\"what\": \"a word that is too long\", \"secretUuid\": \"" SECRET "\", \"since\": 1}]",
        "[{\"what\": \"orphan\", \"secretUuid\": \"" SECRET "\"}]",
    };
    struct reconcile_reply back;
    char text[512];
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        snprintf(text, sizeof(text),
                 "{\"HostReconcileReply\": {\"success\": true, \"found\": %s, \"foundCount\": 1, \"mended\": 0}}",
                 odd[i]);
        if (reply_read((const uint8_t *)text, strlen(text), NULL, reconcile_message.reply, &back, &e))
            fail_msg("read %s", odd[i]);
    }
}

static void an_identity_comes_back_from_its_usage_id(void **state)
{
    static const char *const others[] = {
        "",
        "keyferry/",
        "keyferry/vtpm/" VM "/tpm0",
        "keyferry/vtpm/" VM "/tpm0/v",
        "keyferry/vtpm/" VM "/tpm0/v01",
        "keyferry/vtpm/" VM "/tpm0/v-1",
        "keyferry/vtpm/" VM "/tpm0/v2147483648",
        "keyferry/vtpm/" VM "/tpm0/v1/",
        "keyferry/vtpm/" VM "/tpm10/v1",
        "keyferry/vtpm/" VM "/" VOLUME "/v1",
        "keyferry/disk/" VM "/tpm0/v1",
        "keyferry/vtpm/3F2504E0-4f89-41d3-9a0c-0305e82c3303/tpm0/v1",
        "Keyferry/vtpm/" VM "/tpm0/v1",
    };
    struct secret_key key = {.vm_uuid = {VM}, .purpose = "volume", .key_version = 2147483647, .usage_instance = VOLUME};
    struct secret_key back;
    char usage_id[USAGE_ID_MAX_CHARS + 1];

    (void)state;
    secret_usage_id(&key, usage_id);
    assert_true(secret_key_parse(usage_id, &back));
    assert_true(secret_key_equal(&key, &back));
    for (size_t i = 0; i < COUNT(others); i++)
        if (secret_key_parse(others[i], &back))
            fail_msg("took '%s'", others[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_comes_back_as_it_was_in_both_encodings),
        cmocka_unit_test(a_whole_list_fits_what_the_ledger_keeps_of_an_outcome),
        cmocka_unit_test(findings_of_another_form_are_no_reply),
        cmocka_unit_test(an_identity_comes_back_from_its_usage_id),
    };

    return cmocka_run_group_tests_name("reconcile messages", tests, NULL, NULL);
}
