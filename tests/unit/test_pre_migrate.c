// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include <ctype.h>
#include <unistd.h>

#include "handlers/handlers.h"

#define ROUTE_B  "host.aaaaaaaa00004000800000000000000b"
#define TPM_UUID "dddddddd-0000-4000-8000-00000000000d"

static struct pre_migrate_request request;

static int set_up(void **state)
{
    request = (struct pre_migrate_request){
        .to = fake_address(HOST_A),
        .src_host_uuid = fake_uuid(HOST_A),
        .dst_host_uuid = fake_uuid(HOST_B),
        .tpm_uuid = fake_uuid(TPM_UUID),
        .dek = fake_dek(1),
    };
    strcpy(request.migration_id, "m-1");
    return fake_host_open(state);
}

/* A secret of ours, whose DEK the ledger keeps, and a live VM that names it. */
static void source_kept_set(struct fake_host *fake)
{
    fake_define(fake, UUID_1, "", 1);
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
}

/* The usual source: the same, but the ledger knows nothing, so that the DEK must come from elsewhere. */
static void source_set(struct fake_host *fake)
{
    source_kept_set(fake);
    fake_forget(fake);
}

/* The destination's, which the source asks for first. */
static struct hpke_key_pair destination_keys(void)
{
    struct hpke_key_pair pair = {.private_key = {1, 2, 3}};

    hpke_public_key(&pair);
    return pair;
}

static enum work_state destination_gave_key(struct fake_host *fake)
{
    struct hpke_key_pair pair = destination_keys();
    struct host_key_reply *answer = fake->work.call.answer;

    answer->public_key.len = PUBLIC_KEY_BYTES;
    memcpy(answer->public_key.data, pair.public_key, PUBLIC_KEY_BYTES);
    return fake_answered(fake, NULL);
}

/* Up to the first call after that for the destination's key, where there is one. */
static enum work_state begin(struct fake_host *fake)
{
    enum work_state state = fake_run(fake, &pre_migrate_handler, &request);

    return state == WORK_CALLING && fake->work.call.message == &host_key_get_message ? destination_gave_key(fake)
                                                                                     : state;
}

/* The define that is asked of the destination carries this DEK, and only sealed, for itself. */
static void assert_carries(const struct define_request *ask, uint8_t fill)
{
    struct hpke_key_pair pair = destination_keys();
    struct seal_use use = {&ask->to, &ask->secret_uuid};
    struct dek dek, want = fake_dek(fill);
    struct err e;

    assert_int_equal(ask->dek.len, 0);
    if (!seal_open(SEAL_BOUND, &pair, 1, &use, &ask->encrypted_dek, &dek, &e))
        fail_msg("%s", e.text);
    assert_memory_equal(&dek, &want, sizeof(dek));
}

static const struct err *assert_failed(struct fake_host *fake, enum work_state state, enum err_kind kind)
{
    assert_int_equal(state, WORK_DONE);
    assert_true(fake->work.failed);
    if (fake->work.err.kind != kind)
        fail_msg("failed with %s: %s", fake->work.err.code, fake->work.err.text);
    return &fake->work.err;
}

static const struct pre_migrate_reply *reply_of(struct fake_host *fake, enum work_state state)
{
    assert_int_equal(state, WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    return (const struct pre_migrate_reply *)fake->work.reply;
}

static void assert_calls(struct fake_host *fake, enum work_state state, const struct message *message,
                         const char *route, const char *step)
{
    assert_int_equal(state, WORK_CALLING);
    assert_string_equal(fake->work.call.message->name, message->name);
    assert_string_equal(fake->work.call.route, route);
    assert_string_equal(fake->work.call.step, step);
}

/* The destination has defined it. */
static enum work_state destination_defined(struct fake_host *fake, const char *uuid, bool created)
{
    struct define_reply *answer = fake->work.call.answer;

    answer->secret_uuid = fake_uuid(uuid);
    answer->created = created;
    return fake_answered(fake, NULL);
}

static enum work_state keymanager_answered(struct fake_host *fake, uint8_t fill, int64_t version)
{
    struct resource_key_reply *answer = fake->work.call.answer;

    answer->dek = fake_dek(fill);
    answer->key_version = version;
    return fake_answered(fake, NULL);
}

static struct err failure(enum err_kind kind, enum effect effect)
{
    struct err e;

    err_set(&e, kind, "the first error");
    e.effect = effect;
    return e;
}

/* It wants to undo on the destination: let it, or not. */
static enum work_state assert_undoes(struct fake_host *fake, enum work_state state, const struct err *undo_fails)
{
    const struct delete_request *ask = fake->work.call.request;

    assert_calls(fake, state, &delete_message, ROUTE_B, "undo-define");
    assert_true(fake->work.call.without_deadline);
    assert_string_equal(ask->to.host_uuid.text, HOST_B);
    assert_string_equal(ask->migration_id, "m-1");
    assert_string_equal(ask->secret_uuid.text, "");
    assert_false(ask->force);
    return fake_answered(fake, undo_fails);
}

static void a_vm_without_tpm_or_with_an_unencrypted_one_is_skipped(void **state)
{
    struct fake_host *fake = *state;
    struct fake_domain *domain = fake_domain_put(fake->host.hv, VM, "web-1");
    const struct pre_migrate_reply nothing_but_skipped = {.skipped = true};

    fake_define(fake, UUID_1, "", 1);
    assert_memory_equal(reply_of(fake, begin(fake)), &nothing_but_skipped, sizeof(nothing_but_skipped));
    domain->tpm.present = true;
    assert_memory_equal(reply_of(fake, begin(fake)), &nothing_but_skipped, sizeof(nothing_but_skipped));
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "");
}

static void defines_on_the_destination_and_marks_the_source(void **state)
{
    struct fake_host *fake = *state;
    const struct define_request *ask;
    const struct pre_migrate_reply *reply;

    source_set(fake);
    assert_calls(fake, begin(fake), &define_message, ROUTE_B, "define");
    ask = fake->work.call.request;
    assert_string_equal(ask->to.host_uuid.text, HOST_B);
    assert_memory_equal(&ask->to.key, &request.to.key, sizeof(ask->to.key));
    assert_string_equal(ask->secret_uuid.text, UUID_1);
    assert_string_equal(ask->migration_id, "m-1");
    assert_string_equal(ask->description, "");
    assert_carries(ask, 1);
    assert_false(fake->work.call.without_deadline);
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "");

    reply = reply_of(fake, destination_defined(fake, UUID_1, true));
    assert_false(reply->skipped);
    assert_string_equal(reply->secret_uuid.text, UUID_1);
    assert_string_equal(reply->migration_id, "m-1");
    assert_int_equal(reply->created, YES);
    assert_string_equal(reply->dek_source, "request");
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "m-1");
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
}

static void what_it_makes_on_the_destination_is_leased(void **state)
{
    struct fake_host *fake = *state;

    source_set(fake);
    begin(fake);
    assert_int_equal(((const struct define_request *)fake->work.call.request)->lease_seconds, 900);
    request.lease_seconds = 86400;
    begin(fake);
    assert_int_equal(((const struct define_request *)fake->work.call.request)->lease_seconds, 86400);
}

static void what_the_destination_had_already_was_not_created(void **state)
{
    struct fake_host *fake = *state;

    source_set(fake);
    begin(fake);
    assert_int_equal(reply_of(fake, destination_defined(fake, UUID_1, false))->created, NO);
}

static void forgets_a_clear_dek_once_it_is_sealed(void **state)
{
    struct fake_host *fake = *state;
    struct resource_key_reply *answer;
    struct dek dek = {.len = DEK_MAX_BYTES};

    memset(dek.data, 0xd7, DEK_MAX_BYTES);
    source_set(fake);
    request.dek.len = 0;
    begin(fake);
    answer = fake->work.call.answer;
    *answer = (struct resource_key_reply){.dek = dek, .key_version = 1};
    fake_answered(fake, NULL);
    assert_null(memmem(fake->notes, sizeof(fake->notes), dek.data, 8));
}

static void without_a_live_domain_the_secret_is_found_by_identity(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    begin(fake);
    assert_string_equal(((const struct define_request *)fake->work.call.request)->secret_uuid.text, UUID_1);
    assert_string_equal(reply_of(fake, destination_defined(fake, UUID_1, true))->secret_uuid.text, UUID_1);
}

static void without_a_live_domain_and_a_secret_there_is_nothing_to_prepare(void **state)
{
    struct fake_host *fake = *state;

    assert_failed(fake, begin(fake), ERR_NOT_FOUND);
}

static void a_live_domain_that_names_another_identity_of_ours_is_a_conflict(void **state)
{
    struct fake_host *fake = *state;

    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, OTHERS_ID, "");
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_2);
    assert_failed(fake, begin(fake), ERR_CONFLICT);
    strcpy(fake_secret_at(fake->host.hv, UUID_2)->secret.usage_id, USAGE_ID);
    fake_secret_at(fake->host.hv, UUID_2)->secret.usage = HV_USAGE_VOLUME;
    assert_failed(fake, begin(fake), ERR_CONFLICT);
}

static void a_live_domain_that_names_nobodys_secret_of_ours_goes_on_with_that_uuid(void **state)
{
    struct fake_host *fake = *state;

    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_2); /* lost with a restart of libvirtd, say */
    assert_int_equal(begin(fake), WORK_CALLING);
    assert_string_equal(((const struct define_request *)fake->work.call.request)->secret_uuid.text, UUID_2);
    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, "by-hand", "");
    assert_int_equal(begin(fake), WORK_CALLING);
    reply_of(fake, destination_defined(fake, UUID_2, true));
    assert_string_equal(fake_secret_at(fake->host.hv, UUID_2)->secret.description, ""); /* not ours to mark */
}

static void a_migration_id_that_is_not_given_follows_from_the_request(void **state)
{
    struct fake_host *fake = *state;
    char first[MIGRATION_ID_MAX_CHARS + 1];

    source_set(fake);
    request.migration_id[0] = '\0';
    begin(fake);
    strcpy(first, ((const struct define_request *)fake->work.call.request)->migration_id);
    assert_memory_equal(first, "m-", 2);
    assert_int_equal(strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"), strlen(first));
    assert_string_equal(reply_of(fake, destination_defined(fake, UUID_1, true))->migration_id, first);
    begin(fake);
    assert_string_equal(((const struct define_request *)fake->work.call.request)->migration_id, first);
}

static void takes_the_dek_that_the_ledger_keeps_where_the_request_brings_none(void **state)
{
    struct fake_host *fake = *state;
    const struct pre_migrate_reply *reply = (const struct pre_migrate_reply *)fake->work.reply;

    source_kept_set(fake);
    request.dek.len = 0;
    assert_int_equal(begin(fake), WORK_CALLING);
    assert_ptr_equal(fake->work.call.message, &define_message);
    assert_carries(fake->work.call.request, 1);
    assert_int_equal(destination_defined(fake, UUID_1, true), WORK_DONE);
    assert_false(fake->work.failed);
    assert_string_equal(reply->dek_source, "ledger");
}

/* The ledger's is of another secret than the VM lives with: it may hold another DEK. */
static void does_not_take_what_the_ledger_keeps_of_another_secret(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_2);
    request.dek.len = 0;
    assert_int_equal(begin(fake), WORK_CALLING);
    assert_string_equal(fake->work.call.route, "service.keymanager");
}

/* What is sent along, and what a destination that defined this DEK answers. */
static enum work_state destination_defined_dek(struct fake_host *fake, uint8_t fill)
{
    const struct define_request *ask = fake->work.call.request;
    struct define_reply *answer = fake->work.call.answer;
    struct dek dek = fake_dek(fill);

    assert_int_equal(ask->digest_salt.len, SALT_BYTES);
    digest_dek_salted(&ask->digest_salt, &dek, answer->dek_digest);
    return destination_defined(fake, UUID_1, true);
}

static void a_clear_dek_that_is_not_the_vms_is_refused_before_anybody_is_asked(void **state)
{
    struct fake_host *fake = *state;
    const struct err *e;

    source_kept_set(fake);
    request.dek = fake_dek(2);
    e = assert_failed(fake, fake_run(fake, &pre_migrate_handler, &request), ERR_DEK_MISMATCH);
    assert_string_equal(e->code, "KEY_AGENT_DEK_MISMATCH");
    assert_int_equal(e->effect, EFFECT_NONE);
    assert_int_equal(fake->recordings, 0);
    request.dek = fake_dek(1);
    begin(fake);
    reply_of(fake, destination_defined_dek(fake, 1));
}

static void a_sealed_dek_that_is_not_the_vms_is_found_out_by_the_destinations_digest_and_undone(void **state)
{
    struct fake_host *fake = *state;

    source_kept_set(fake);
    request.dek.len = 0;
    request.encrypted_dek = (struct sealed_dek){50, "an envelope"};
    begin(fake);
    assert_failed(fake, assert_undoes(fake, destination_defined_dek(fake, 2), NULL), ERR_DEK_MISMATCH);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "");
    begin(fake);
    assert_string_equal(reply_of(fake, destination_defined_dek(fake, 1))->dek_source, "request");
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "m-1");
}

static void a_destination_that_gives_no_digest_passes(void **state)
{
    struct fake_host *fake = *state;

    source_kept_set(fake);
    begin(fake);
    reply_of(fake, destination_defined(fake, UUID_1, true));
}

/* Else the destination would take it for another request, or answer what was asked before. */
static void who_asks_again_asks_under_the_same_salt_and_another_request_under_another(void **state)
{
    struct fake_host *fake = *state;
    struct salt first;

    source_kept_set(fake);
    begin(fake);
    first = ((const struct define_request *)fake->work.call.request)->digest_salt;
    begin(fake);
    assert_memory_equal(&((const struct define_request *)fake->work.call.request)->digest_salt, &first, sizeof(first));
    fake->work = (struct work){.handler = &pre_migrate_handler,
                               .host = &fake->host,
                               .ledger = fake->ledger,
                               .id = "request-2",
                               .request = &request,
                               .notes = memset(fake->notes, 0, sizeof(fake->notes))};
    fake_advance(fake);
    destination_gave_key(fake);
    assert_memory_not_equal(&((const struct define_request *)fake->work.call.request)->digest_salt, &first,
                            sizeof(first));
}

static void no_digest_is_asked_for_where_there_is_nothing_to_compare(void **state)
{
    struct fake_host *fake = *state;

    source_set(fake); /* the ledger knows nothing */
    begin(fake);
    assert_int_equal(((const struct define_request *)fake->work.call.request)->digest_salt.len, 0);
    fake_define(fake, UUID_1, "", 1); /* it does, and the DEK is its own */
    request.dek.len = 0;
    begin(fake);
    assert_int_equal(((const struct define_request *)fake->work.call.request)->digest_salt.len, 0);
}

/* The host's keys are lost, say: nothing can be proven, and the VM must be able to leave. */
static void a_copy_that_does_not_open_holds_up_nobody(void **state)
{
    struct fake_host *fake = *state;

    source_kept_set(fake);
    assert_int_equal(unlink(fake->keys.path), 0);
    request.dek = fake_dek(2);
    begin(fake);
    assert_int_equal(((const struct define_request *)fake->work.call.request)->digest_salt.len, 0);
    reply_of(fake, destination_defined(fake, UUID_1, true));
}

static void what_an_earlier_attempt_began_is_undone_where_this_one_fails_sooner(void **state)
{
    struct fake_host *fake = *state;

    fake_begin(fake, &pre_migrate_handler, &request); /* no such VM here, and no such secret: it fails */
    assert_true(fake->work.failed);
    fake->work = (struct work){.handler = &pre_migrate_handler,
                               .host = &fake->host,
                               .ledger = fake->ledger,
                               .id = "request-1",
                               .request = &request,
                               .notes = fake->notes,
                               .was_begun = true,
                               .is_recorded = true};
    memset(fake->notes, 0, sizeof(fake->notes));
    assert_failed(fake, assert_undoes(fake, fake_advance(fake), NULL), ERR_NOT_FOUND);
    assert_true(fake->work.is_undoing);
}

static void asks_the_key_manager_where_the_request_brings_no_dek(void **state)
{
    struct fake_host *fake = *state;
    const struct resource_key_request *ask;
    struct hpke_key_pair pair = destination_keys();

    source_set(fake);
    request.dek.len = 0;
    request.key_provider_uuid = fake_uuid(UUID_2);
    strcpy(request.key_provider_name, "vault");
    assert_calls(fake, begin(fake), &resource_key_message, "service.keymanager", "key");
    ask = fake->work.call.request;
    assert_string_equal(ask->to.host_uuid.text, HOST_A);
    assert_memory_equal(&ask->to.key, &request.to.key, sizeof(ask->to.key));
    assert_string_equal(ask->resource_uuid.text, TPM_UUID);
    assert_string_equal(ask->resource_type, "TpmVO");
    assert_string_equal(ask->key_provider_uuid.text, UUID_2);
    assert_string_equal(ask->key_provider_name, "vault");
    assert_string_equal(ask->dst_host_uuid.text, HOST_B);
    assert_string_equal(ask->secret_uuid.text, UUID_1);
    assert_int_equal(ask->recipient_key.len, PUBLIC_KEY_BYTES);
    assert_memory_equal(ask->recipient_key.data, pair.public_key, PUBLIC_KEY_BYTES);

    assert_calls(fake, keymanager_answered(fake, 9, 1), &define_message, ROUTE_B, "define");
    assert_carries(fake->work.call.request, 9);
    assert_string_equal(reply_of(fake, destination_defined(fake, UUID_1, true))->dek_source, "keymanager");
}

static void without_a_dek_the_tpm_uuid_is_required(void **state)
{
    struct fake_host *fake = *state;

    source_set(fake);
    request.dek.len = 0;
    request.tpm_uuid = fake_uuid("");
    assert_string_equal(assert_failed(fake, begin(fake), ERR_REQUIRED)->field, "tpmUuid");
}

static void another_version_from_the_key_manager_is_a_conflict(void **state)
{
    struct fake_host *fake = *state;

    source_set(fake);
    request.dek.len = 0;
    begin(fake);
    assert_failed(fake, keymanager_answered(fake, 9, 2), ERR_CONFLICT);
}

static void an_absent_key_manager_is_named(void **state)
{
    struct fake_host *fake = *state;
    struct err e = failure(ERR_NO_ROUTE, EFFECT_NONE);
    const struct err *first;

    source_set(fake);
    request.dek.len = 0;
    begin(fake);
    first = assert_failed(fake, fake_answered(fake, &e), ERR_NO_ROUTE);
    assert_string_equal(first->code, "SYS.1009");
    assert_non_null(strstr(first->text, "key manager"));
    assert_true(first->retryable);
}

static void an_error_of_the_key_manager_is_passed_on(void **state)
{
    struct fake_host *fake = *state;
    struct err e;

    source_set(fake);
    request.dek.len = 0;
    begin(fake);
    err_from_wire(&e, "KMS.42", "no such key", false);
    assert_int_equal(fake_answered(fake, &e), WORK_DONE);
    assert_memory_equal(&fake->work.err, &e, sizeof(e));
}

static void a_silent_key_manager_has_no_effect(void **state)
{
    struct fake_host *fake = *state;
    struct err e = failure(ERR_TIMEOUT, EFFECT_UNKNOWN);

    source_set(fake);
    request.dek.len = 0;
    begin(fake);
    assert_int_equal(assert_failed(fake, fake_answered(fake, &e), ERR_TIMEOUT)->effect, EFFECT_NONE);
}

static void a_clear_dek_of_the_key_manager_is_refused_where_the_configuration_does(void **state)
{
    struct fake_host *fake = *state;
    const struct err *e;

    source_set(fake);
    fake->host.accepts_clear_deks = false;
    request.dek.len = 0;
    begin(fake);
    e = assert_failed(fake, keymanager_answered(fake, 9, 1), ERR_PLAINTEXT);
    assert_non_null(strstr(e->text, "plaintext_dek"));
    assert_int_equal(begin(fake), WORK_CALLING);
}

static void an_envelope_of_the_key_manager_is_passed_on_as_it_is(void **state)
{
    struct fake_host *fake = *state;
    const struct define_request *define;
    const struct sealed_dek envelope = {50, "an envelope"};
    struct resource_key_reply *answer;

    source_set(fake);
    fake->host.accepts_clear_deks = false;
    request.dek.len = 0;
    begin(fake);
    answer = fake->work.call.answer;
    answer->encrypted_dek = envelope;
    answer->key_version = 1;
    assert_calls(fake, fake_answered(fake, NULL), &define_message, ROUTE_B, "define");
    define = fake->work.call.request;
    assert_int_equal(define->dek.len, 0);
    assert_memory_equal(&define->encrypted_dek, &envelope, sizeof(envelope));
    assert_string_equal(reply_of(fake, destination_defined(fake, UUID_1, true))->dek_source, "keymanager");
}

static void an_envelope_that_came_along_is_passed_on_as_it_is_and_asks_for_no_key(void **state)
{
    struct fake_host *fake = *state;
    const struct define_request *define;

    source_set(fake);
    request.dek.len = 0;
    request.encrypted_dek = (struct sealed_dek){50, "an envelope"};
    assert_calls(fake, fake_run(fake, &pre_migrate_handler, &request), &define_message, ROUTE_B, "define");
    define = fake->work.call.request;
    assert_int_equal(define->dek.len, 0);
    assert_memory_equal(&define->encrypted_dek, &request.encrypted_dek, sizeof(struct sealed_dek));
    assert_string_equal(reply_of(fake, destination_defined(fake, UUID_1, true))->dek_source, "request");
}

/* [trust]: only to a key that is pinned for this host, and where one is pinned to no other. */
static void seals_to_pinned_keys_where_there_are_any(void **state)
{
    struct fake_host *fake = *state;
    struct hpke_key_pair pair = destination_keys();
    struct pin list[] = {{.host = fake_uuid(HOST_B)}, {.host = fake_uuid(HOST_B)}};
    struct pins *pins = &fake->host.pins;

    source_set(fake);
    pins->dst_key = DST_KEY_PINNED;
    assert_int_equal(fake_run(fake, &pre_migrate_handler, &request), WORK_DONE);
    assert_int_equal(fake->work.err.kind, ERR_ENVELOPE);
    assert_non_null(strstr(fake->work.err.text, "host." HOST_B));

    memset(list[0].fingerprint, 'a', FINGERPRINT_CHARS);
    *pins = (struct pins){DST_KEY_ANY, list, 1};
    assert_int_equal(begin(fake), WORK_DONE);
    assert_int_equal(fake->work.err.kind, ERR_ENVELOPE);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);

    seal_fingerprint(pair.public_key, list[1].fingerprint);
    list[1].fingerprint[63] = (char)toupper(list[1].fingerprint[63]);
    *pins = (struct pins){DST_KEY_PINNED, list, 2};
    assert_int_equal(begin(fake), WORK_CALLING);
    assert_ptr_equal(fake->work.call.message, &define_message);
}

static void asks_the_destination_for_its_key_and_compares_the_fingerprint(void **state)
{
    struct fake_host *fake = *state;
    struct hpke_key_pair pair = destination_keys();
    const struct host_key_get_request *ask;

    source_set(fake);
    for (int sealed = 0; sealed < 2; sealed++) {
        if (sealed != 0) {
            request.dek.len = 0;
            request.encrypted_dek = (struct sealed_dek){50, "an envelope"};
        }
        seal_fingerprint(pair.public_key, request.dst_key_fingerprint);
        request.dst_key_fingerprint[63] = (char)toupper(request.dst_key_fingerprint[63]);
        assert_calls(fake, fake_run(fake, &pre_migrate_handler, &request), &host_key_get_message, ROUTE_B, "host-key");
        ask = fake->work.call.request;
        assert_string_equal(ask->to.host_uuid.text, HOST_B);
        assert_calls(fake, destination_gave_key(fake), &define_message, ROUTE_B, "define");

        request.dst_key_fingerprint[0] ^= 1;
        assert_string_equal(assert_failed(fake, begin(fake), ERR_ENVELOPE)->field, "dstKeyFingerprint");
    }
}

static void a_key_of_the_destination_that_is_none_is_refused(void **state)
{
    struct fake_host *fake = *state;
    struct host_key_reply *answer;

    source_set(fake);
    fake_run(fake, &pre_migrate_handler, &request);
    answer = fake->work.call.answer;
    answer->public_key = (struct public_key){.len = PUBLIC_KEY_BYTES}; /* of low order */
    assert_failed(fake, fake_answered(fake, NULL), ERR_ENVELOPE);
}

static void a_destination_that_gives_no_key_gets_no_dek(void **state)
{
    struct fake_host *fake = *state;
    struct err e = failure(ERR_KEYS_MISSING, EFFECT_NONE);

    source_set(fake);
    fake_run(fake, &pre_migrate_handler, &request);
    assert_failed(fake, fake_answered(fake, &e), ERR_KEYS_MISSING);
}

/* Whether two requests, the same but for their DEKs, are the same. */
static bool deks_are_same(const struct host *host, const void *one, const void *other)
{
    char a[DIGEST_CHARS + 1], b[DIGEST_CHARS + 1];

    return pre_migrate_handler.dek_digest(host, one, a) && pre_migrate_handler.dek_digest(host, other, b) &&
           digest_equal(a, b);
}

/* Whether another request under the id of one that runs may join it. */
static void requests_are_told_apart_by_clear_deks_and_not_by_ciphertext(void **state)
{
    const struct pre_migrate_request clear = {.dek = fake_dek(1)}, other = {.dek = fake_dek(2)}, none = {0};
    const struct pre_migrate_request sealed = {.encrypted_dek = {50, "one"}}, again = {.encrypted_dek = {50, "two"}};
    const struct host *host = &((struct fake_host *)*state)->host;

    assert_true(deks_are_same(host, &clear, &clear));
    assert_false(deks_are_same(host, &clear, &other));
    assert_false(deks_are_same(host, &clear, &none));
    assert_false(deks_are_same(host, &sealed, &none));
    assert_false(deks_are_same(host, &sealed, &clear));
    assert_true(deks_are_same(host, &sealed, &again));
    assert_true(deks_are_same(host, &none, &none));
}

static void another_uuid_from_the_destination_is_a_conflict_and_undone(void **state)
{
    struct fake_host *fake = *state;

    source_set(fake);
    begin(fake);
    assert_failed(fake, assert_undoes(fake, destination_defined(fake, UUID_2, true), NULL), ERR_CONFLICT);
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "");
}

static void an_absent_destination_is_named_and_nothing_is_undone(void **state)
{
    struct fake_host *fake = *state;
    struct err e = failure(ERR_NO_ROUTE, EFFECT_NONE);

    source_set(fake);
    begin(fake);
    assert_non_null(strstr(assert_failed(fake, fake_answered(fake, &e), ERR_NO_ROUTE)->text, "destination"));
}

static void an_error_of_the_destination_without_effect_is_passed_on_and_nothing_undone(void **state)
{
    static const enum err_kind kinds[] = {ERR_CONFLICT, ERR_LIBVIRT, ERR_HYPERVISOR_AWAY, ERR_PLAINTEXT};
    struct fake_host *fake = *state;

    source_set(fake);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct err e = failure(kinds[i], EFFECT_NONE);

        begin(fake);
        assert_failed(fake, fake_answered(fake, &e), kinds[i]);
        assert_memory_equal(&fake->work.err, &e, sizeof(e));
    }
}

static void what_the_destination_may_have_done_is_undone(void **state)
{
    const struct err failures[] = {
        failure(ERR_TIMEOUT, EFFECT_UNKNOWN), failure(ERR_TIMEOUT, EFFECT_NONE),
        failure(ERR_LIBVIRT, EFFECT_DONE),    failure(ERR_HYPERVISOR_AWAY, EFFECT_UNKNOWN),
        failure(ERR_FOREIGN, EFFECT_UNKNOWN),
    };
    struct fake_host *fake = *state;

    source_set(fake);
    for (size_t i = 0; i < COUNT(failures); i++) {
        begin(fake);
        assert_failed(fake, assert_undoes(fake, fake_answered(fake, &failures[i]), NULL), failures[i].kind);
        assert_string_equal(fake->work.err.text, "the first error");
    }
}

static void a_failure_of_the_undo_is_not_the_one_that_is_told(void **state)
{
    struct fake_host *fake = *state;
    struct err e = failure(ERR_NO_ROUTE, EFFECT_NONE);

    source_set(fake);
    begin(fake);
    assert_failed(fake, assert_undoes(fake, destination_defined(fake, UUID_2, true), &e), ERR_CONFLICT);
    assert_int_equal(fake->work.err.effect, EFFECT_UNKNOWN);
}

static void a_mark_that_libvirt_refuses_undoes_the_destination(void **state)
{
    struct fake_host *fake = *state;

    source_set(fake);
    begin(fake);
    fake_fault_set(fake->host.hv, 2, FAULT_REFUSED);
    assert_failed(fake, assert_undoes(fake, destination_defined(fake, UUID_1, true), NULL), ERR_LIBVIRT);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "");
}

static void giving_up_on_the_mark_takes_it_back_and_undoes_the_destination(void **state)
{
    struct fake_host *fake = *state;
    struct define_reply *answer;

    source_set(fake);
    begin(fake);
    answer = fake->work.call.answer;
    answer->secret_uuid = fake_uuid(UUID_1);
    fake_fault_set(fake->host.hv, 2, FAULT_LOST_AFTER);
    assert_int_equal(work_advance(&fake->work), WORK_AWAY);
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "m-1");
    work_give_up(&fake->work, &(struct err){.kind = ERR_TIMEOUT});
    assert_failed(fake, assert_undoes(fake, fake_advance(fake), NULL), ERR_TIMEOUT);
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "");
}

static void a_connection_lost_at_any_call_does_not_change_the_answer(void **state)
{
    struct fake_host *fake = *state;

    source_set(fake);
    for (enum fake_fault fault = FAULT_DOWN; fault <= FAULT_LOST_AFTER; fault++)
        for (unsigned nth = 1; nth <= 5; nth++) {
            const struct pre_migrate_reply *reply;

            fake_define(fake, UUID_1, "", 1);
            fake_fault_set(fake->host.hv, nth, fault);
            assert_int_equal(begin(fake), WORK_CALLING);
            reply = reply_of(fake, destination_defined(fake, UUID_1, true));
            assert_string_equal(reply->secret_uuid.text, UUID_1);
            assert_int_equal(reply->created, YES);
            assert_string_equal(fake_mark(fake, UUID_1).leaving, "m-1");
        }
}

static void a_secret_that_is_not_in_our_form_is_moved_and_not_marked(void **state)
{
    struct fake_host *fake = *state;

    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, USAGE_ID, "made with virsh");
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    begin(fake);
    reply_of(fake, destination_defined(fake, UUID_1, true));
    assert_string_equal(fake_secret_at(fake->host.hv, UUID_1)->secret.description, "made with virsh");
    assert_false(fake_secret_at(fake->host.hv, UUID_1)->secret.is_ours_in_form);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_vm_without_tpm_or_with_an_unencrypted_one_is_skipped),
        TEST(defines_on_the_destination_and_marks_the_source),
        TEST(what_it_makes_on_the_destination_is_leased),
        TEST(what_the_destination_had_already_was_not_created),
        TEST(forgets_a_clear_dek_once_it_is_sealed),
        TEST(without_a_live_domain_the_secret_is_found_by_identity),
        TEST(without_a_live_domain_and_a_secret_there_is_nothing_to_prepare),
        TEST(a_live_domain_that_names_another_identity_of_ours_is_a_conflict),
        TEST(a_live_domain_that_names_nobodys_secret_of_ours_goes_on_with_that_uuid),
        TEST(a_migration_id_that_is_not_given_follows_from_the_request),
        TEST(takes_the_dek_that_the_ledger_keeps_where_the_request_brings_none),
        TEST(does_not_take_what_the_ledger_keeps_of_another_secret),
        TEST(a_clear_dek_that_is_not_the_vms_is_refused_before_anybody_is_asked),
        TEST(a_sealed_dek_that_is_not_the_vms_is_found_out_by_the_destinations_digest_and_undone),
        TEST(a_destination_that_gives_no_digest_passes),
        TEST(who_asks_again_asks_under_the_same_salt_and_another_request_under_another),
        TEST(no_digest_is_asked_for_where_there_is_nothing_to_compare),
        TEST(a_copy_that_does_not_open_holds_up_nobody),
        TEST(what_an_earlier_attempt_began_is_undone_where_this_one_fails_sooner),
        TEST(asks_the_key_manager_where_the_request_brings_no_dek),
        TEST(without_a_dek_the_tpm_uuid_is_required),
        TEST(another_version_from_the_key_manager_is_a_conflict),
        TEST(an_absent_key_manager_is_named),
        TEST(an_error_of_the_key_manager_is_passed_on),
        TEST(a_clear_dek_of_the_key_manager_is_refused_where_the_configuration_does),
        TEST(an_envelope_of_the_key_manager_is_passed_on_as_it_is),
        TEST(an_envelope_that_came_along_is_passed_on_as_it_is_and_asks_for_no_key),
        TEST(seals_to_pinned_keys_where_there_are_any),
        TEST(asks_the_destination_for_its_key_and_compares_the_fingerprint),
        TEST(a_key_of_the_destination_that_is_none_is_refused),
        TEST(a_destination_that_gives_no_key_gets_no_dek),
        TEST(requests_are_told_apart_by_clear_deks_and_not_by_ciphertext),
        TEST(a_silent_key_manager_has_no_effect),
        TEST(another_uuid_from_the_destination_is_a_conflict_and_undone),
        TEST(an_absent_destination_is_named_and_nothing_is_undone),
        TEST(an_error_of_the_destination_without_effect_is_passed_on_and_nothing_undone),
        TEST(what_the_destination_may_have_done_is_undone),
        TEST(a_failure_of_the_undo_is_not_the_one_that_is_told),
        TEST(a_mark_that_libvirt_refuses_undoes_the_destination),
        TEST(giving_up_on_the_mark_takes_it_back_and_undoes_the_destination),
        TEST(a_connection_lost_at_any_call_does_not_change_the_answer),
        TEST(a_secret_that_is_not_in_our_form_is_moved_and_not_marked),
    };

    return cmocka_run_group_tests_name("pre-migrate", tests, NULL, NULL);
}
