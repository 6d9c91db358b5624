// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include <unistd.h>

#include "handlers/handlers.h"

static struct define_request request;

static const struct define_reply *define_it(struct fake_host *fake)
{
    assert_int_equal(fake_run(fake, &define_handler, &request), WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    return (const struct define_reply *)fake->work.reply;
}

static const struct err *define_fails(struct fake_host *fake)
{
    assert_int_equal(fake_run(fake, &define_handler, &request), WORK_DONE);
    assert_true(fake->work.failed);
    return &fake->work.err;
}

static int set_up(void **state)
{
    request = (struct define_request){.to = fake_address(HOST_A), .dek = fake_dek(1)};
    return fake_host_open(state);
}

static void assert_value(struct fake_host *fake, const char *uuid, uint8_t fill)
{
    const struct fake_secret *secret = fake_secret_at(fake->host.hv, uuid);
    struct dek dek = fake_dek(fill);

    assert_non_null(secret);
    assert_true(secret->has_value);
    assert_memory_equal(&secret->value, &dek, sizeof(dek));
}

static void makes_a_uuid_where_none_is_wanted_in_two_calls_to_libvirt(void **state)
{
    struct fake_host *fake = *state;
    const struct define_reply *reply = define_it(fake);
    const struct fake_secret *secret = fake_secret_at(fake->host.hv, reply->secret_uuid.text);

    assert_true(reply->created);
    assert_string_equal(reply->replaced_secret_uuid.text, "");
    assert_value(fake, reply->secret_uuid.text, 1);
    assert_true(secret->secret.is_ours_in_form);
    assert_int_equal(secret->secret.usage, HV_USAGE_VTPM);
    assert_string_equal(secret->secret.usage_id, USAGE_ID);
    assert_int_equal(fake->host.hv->calls, 1); /* define and value are one of ours */
}

/* The request's DEK as an envelope to this host, bound to the request as it is. */
static void seal_dek(struct fake_host *fake)
{
    struct seal_use use = {&request.to, &request.secret_uuid};
    uint8_t ephemeral[HPKE_KEY_BYTES] = {5};
    struct public_key recipient;
    static uint8_t nth;
    struct err e;

    ephemeral[1] = nth++;
    if (!host_keys_current(&fake->keys, &recipient, &e) ||
        !seal_seal(SEAL_BOUND, ephemeral, &recipient, &use, &request.dek, &request.encrypted_dek, &e))
        fail_msg("%s", e.text);
    request.dek = (struct dek){0};
}

static void a_sealed_dek_is_opened_and_ends_as_the_value(void **state)
{
    struct fake_host *fake = *state;

    request.secret_uuid = fake_uuid(UUID_1);
    seal_dek(fake);
    assert_true(define_it(fake)->created);
    assert_value(fake, UUID_1, 1);

    request.encrypted_dek.len = 0;
    request.dek = fake_dek(1);
    assert_false(define_it(fake)->created); /* the same DEK in clear */
    request.dek = fake_dek(2);
    seal_dek(fake);
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    assert_value(fake, UUID_1, 1);
}

static void a_salt_is_answered_by_the_digest_of_the_dek_however_it_came(void **state)
{
    struct fake_host *fake = *state;
    char want[DEK_DIGEST_CHARS + 1];

    assert_string_equal(define_it(fake)->dek_digest, "");
    request.digest_salt = (struct salt){SALT_BYTES, "a salt"};
    digest_dek_salted(&request.digest_salt, &request.dek, want);
    assert_string_equal(define_it(fake)->dek_digest, want);
    seal_dek(fake);
    assert_string_equal(define_it(fake)->dek_digest, want);
}

/* ---- leases ---- */

static void define_leased(struct fake_host *fake, const char *migration_id, int64_t seconds)
{
    strcpy(request.migration_id, migration_id);
    request.lease_seconds = seconds;
    define_it(fake);
}

/* By libvirt's mark, and the ledger says the same. */
static int64_t until_of(struct fake_host *fake, const char *uuid)
{
    int64_t until_ms = fake_mark(fake, uuid).until_ms;

    assert_int_equal(fake_kept(fake)->lease_until_ms, until_ms);
    assert_string_equal(fake_kept(fake)->mark, fake_secret_at(fake->host.hv, uuid)->secret.description);
    return until_ms;
}

static void a_lease_runs_from_when_it_is_defined(void **state)
{
    struct fake_host *fake = *state;

    request.secret_uuid = fake_uuid(UUID_1);
    define_leased(fake, "m-1", 900);
    assert_int_equal(until_of(fake, UUID_1), fake->now_ms + 900000);
    assert_true(mark_is_provisional(&(struct mark){.until_ms = until_of(fake, UUID_1)}));
}

static void a_lease_never_shortens_the_life_of_what_has_none(void **state)
{
    struct fake_host *fake = *state;

    request.secret_uuid = fake_uuid(UUID_1);
    define_leased(fake, "", 0);
    define_leased(fake, "m-1", 30);
    assert_int_equal(until_of(fake, UUID_1), 0);
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "");
    fake_forget(fake); /* by what libvirt shows alone */
    define_leased(fake, "m-1", 30);
    assert_int_equal(until_of(fake, UUID_1), 0);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets)); /* by what the ledger knows alone */
    define_leased(fake, "m-1", 30);
    assert_int_equal(until_of(fake, UUID_1), 0);
    request.secret_uuid = fake_uuid(UUID_2); /* nor what takes its place */
    define_leased(fake, "m-1", 30);
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
    assert_int_equal(until_of(fake, UUID_2), 0);
}

static void a_define_without_a_lease_makes_it_permanent(void **state)
{
    struct fake_host *fake = *state;

    request.secret_uuid = fake_uuid(UUID_1);
    define_leased(fake, "m-1", 30);
    define_leased(fake, "", 0);
    assert_int_equal(until_of(fake, UUID_1), 0);
    assert_string_equal(fake_mark(fake, UUID_1).by, MADE_BY_REQUEST);
}

static void a_newer_migration_takes_a_leased_one_over(void **state)
{
    struct fake_host *fake = *state;

    request.secret_uuid = fake_uuid(UUID_1);
    define_leased(fake, "", 86400);
    fake->now_ms += 1000;
    define_leased(fake, "m-2", 900);
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "m-2");
    assert_int_equal(until_of(fake, UUID_1), fake->now_ms + 900000);
    request.secret_uuid = fake_uuid(UUID_2); /* under another UUID, too */
    define_leased(fake, "m-3", 60);
    assert_int_equal(until_of(fake, UUID_2), fake->now_ms + 60000);
}

static void an_envelope_that_was_moved_does_not_open_and_touches_nothing(void **state)
{
    struct fake_host *fake = *state;

    seal_dek(fake);
    request.to.key.key_version = 2;
    assert_string_equal(define_fails(fake)->code, "KEY_AGENT_ENVELOPE_INVALID");
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    assert_false(fake->work.begun);
    assert_int_equal(fake->host.hv->calls, 0);
}

static void a_missing_key_file_is_told(void **state)
{
    struct fake_host *fake = *state;

    seal_dek(fake);
    unlink(fake->keys.path);
    assert_string_equal(define_fails(fake)->code, "KEY_AGENT_KEYS_NOT_ON_DISK");
    request.encrypted_dek.len = 0;
    request.dek = fake_dek(1);
    assert_string_equal(define_fails(fake)->code, "KEY_AGENT_KEYS_NOT_ON_DISK"); /* it is kept sealed to it */
    assert_int_equal(fake->host.hv->calls, 0);
}

/* Whether two requests, the same but for their DEKs, are the same. */
static bool deks_are_same(const struct host *host, const void *one, const void *other)
{
    char a[DIGEST_CHARS + 1], b[DIGEST_CHARS + 1];

    return define_handler.dek_digest(host, one, a) && define_handler.dek_digest(host, other, b) && digest_equal(a, b);
}

static void another_envelope_of_the_same_dek_is_the_same_request(void **state)
{
    struct fake_host *fake = *state;
    const struct define_request clear = request;
    struct define_request one, other, different;

    seal_dek(fake);
    one = request;
    request = clear;
    seal_dek(fake);
    other = request;
    request = clear;
    request.dek = fake_dek(2);
    seal_dek(fake);
    different = request;

    assert_memory_not_equal(&one.encrypted_dek, &other.encrypted_dek, sizeof(one.encrypted_dek));
    assert_true(deks_are_same(&fake->host, &one, &other));
    assert_true(deks_are_same(&fake->host, &clear, &other));
    assert_false(deks_are_same(&fake->host, &one, &different));
    assert_false(deks_are_same(&fake->host, &clear, &different));
    other.encrypted_dek.data[40] ^= 1; /* does not open */
    assert_false(deks_are_same(&fake->host, &one, &other));
}

static void two_identities_get_two_uuids(void **state)
{
    struct fake_host *fake = *state;
    struct uuid first = define_it(fake)->secret_uuid;

    request.to.key.key_version = 2;
    assert_false(uuid_equal(&define_it(fake)->secret_uuid, &first));
    assert_int_equal(fake_secret_count(fake->host.hv), 2);
}

static void gives_the_wanted_uuid(void **state)
{
    struct fake_host *fake = *state;

    request.secret_uuid = fake_uuid(UUID_1);
    assert_string_equal(define_it(fake)->secret_uuid.text, UUID_1);
    assert_true(((const struct define_reply *)fake->work.reply)->created);
    assert_value(fake, UUID_1, 1);
}

static void a_volume_has_the_usage_of_a_volume(void **state)
{
    struct fake_host *fake = *state;
    const struct define_reply *reply;

    strcpy(request.to.key.purpose, "volume");
    strcpy(request.to.key.usage_instance, "volume-" UUID_2);
    reply = define_it(fake);
    assert_int_equal(fake_secret_at(fake->host.hv, reply->secret_uuid.text)->secret.usage, HV_USAGE_VOLUME);
    assert_string_equal(fake_secret_at(fake->host.hv, reply->secret_uuid.text)->secret.usage_id,
                        "keyferry/volume/" VM "/volume-" UUID_2 "/v1");
}

static void writes_who_made_it_and_the_text_into_the_description(void **state)
{
    struct fake_host *fake = *state;
    struct mark mark;

    strcpy(request.description, "for web-1; really");
    mark = fake_mark(fake, define_it(fake)->secret_uuid.text);
    assert_string_equal(mark.by, MADE_BY_REQUEST);
    assert_string_equal(mark.migration_id, "");
    assert_string_equal(mark.text, "for web-1; really");
    assert_string_equal(mark.key_name, fake->digest_key.name);
    assert_int_equal(strlen(mark.digest), DIGEST_CHARS);
}

static void again_is_the_same_secret_with_or_without_its_uuid(void **state)
{
    struct fake_host *fake = *state;
    struct uuid first = define_it(fake)->secret_uuid;
    const struct define_reply *reply = define_it(fake);

    assert_false(reply->created);
    assert_true(uuid_equal(&reply->secret_uuid, &first));
    request.secret_uuid = first;
    reply = define_it(fake);
    assert_false(reply->created);
    assert_true(uuid_equal(&reply->secret_uuid, &first));
    assert_string_equal(reply->replaced_secret_uuid.text, "");
    assert_int_equal(fake_secret_count(fake->host.hv), 1);
}

static void again_makes_sure_of_the_value(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_secret_at(fake->host.hv, UUID_1)->has_value = false;
    define_it(fake);
    assert_value(fake, UUID_1, 1);
}

static void a_new_description_replaces_the_old_and_none_keeps_it(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    strcpy(request.description, "new");
    define_it(fake);
    assert_string_equal(fake_mark(fake, UUID_1).text, "new");
    request.description[0] = '\0';
    define_it(fake);
    assert_string_equal(fake_mark(fake, UUID_1).text, "new");
}

static void another_dek_is_a_conflict_and_nothing_is_touched(void **state)
{
    struct fake_host *fake = *state;
    struct hv_secret before;

    fake_define(fake, UUID_1, "", 1);
    before = fake_secret_at(fake->host.hv, UUID_1)->secret;
    strcpy(request.description, "new");
    request.dek = fake_dek(2);
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    request.secret_uuid = fake_uuid(UUID_1);
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    request.secret_uuid = fake_uuid(UUID_2);
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    assert_false(fake->work.begun);
    assert_memory_equal(&fake_secret_at(fake->host.hv, UUID_1)->secret, &before, sizeof(before));
    assert_value(fake, UUID_1, 1);
}

static void another_dek_of_another_version_is_none(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    request.to.key.key_version = 2;
    request.dek = fake_dek(2);
    assert_true(define_it(fake)->created);
}

static void under_an_unknown_digest_key_nothing_is_compared_and_the_value_is_set(void **state)
{
    struct fake_host *fake = *state;
    struct mark mark;

    fake_define(fake, UUID_1, "", 1);
    mark = fake_mark(fake, UUID_1);
    mark.key_name[0] = mark.key_name[0] == 'x' ? 'y' : 'x';
    fake_mark_set(fake, UUID_1, &mark);
    request.dek = fake_dek(2);
    assert_false(define_it(fake)->created);
    assert_value(fake, UUID_1, 2);
    assert_string_equal(fake_mark(fake, UUID_1).key_name, fake->digest_key.name);
}

static void a_secret_without_our_mark_is_adopted_with_the_dek(void **state)
{
    struct fake_host *fake = *state;
    struct fake_secret *secret = fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, USAGE_ID, "made with virsh");

    secret->secret.is_ours_in_form = true;
    secret->has_file = false;
    assert_false(define_it(fake)->created);
    assert_value(fake, UUID_1, 1);
    assert_string_equal(fake_mark(fake, UUID_1).text, "");
    assert_string_equal(fake_mark(fake, UUID_1).by, MADE_BY_REQUEST);
}

static void one_that_is_persistent_is_made_anew_under_its_uuid(void **state)
{
    struct fake_host *fake = *state;
    const struct define_reply *reply;

    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, USAGE_ID, "");
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    reply = define_it(fake);
    assert_string_equal(reply->secret_uuid.text, UUID_1);
    assert_string_equal(reply->replaced_secret_uuid.text, "");
    assert_false(reply->created);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->secret.is_ours_in_form);
    assert_false(fake_secret_at(fake->host.hv, UUID_1)->has_file);
    assert_value(fake, UUID_1, 1);
}

static void what_is_made_anew_under_its_uuid_keeps_its_mark(void **state)
{
    struct fake_host *fake = *state;

    strcpy(request.description, "old");
    request.secret_uuid = fake_uuid(UUID_1);
    define_it(fake);
    fake_secret_at(fake->host.hv, UUID_1)->secret.is_ours_in_form = false;
    fake_define(fake, UUID_1, "m-1", 1);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->secret.is_ours_in_form);
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "");
    assert_string_equal(fake_mark(fake, UUID_1).text, "old");
}

static void a_wanted_uuid_of_another_identity_is_a_conflict(void **state)
{
    struct fake_host *fake = *state;
    const struct err *e;

    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, OTHERS_ID, "theirs");
    request.secret_uuid = fake_uuid(UUID_1);
    e = define_fails(fake);
    assert_int_equal(e->kind, ERR_CONFLICT);
    assert_int_equal(e->effect, EFFECT_NONE);
    assert_string_equal(fake_secret_at(fake->host.hv, UUID_1)->secret.description, "theirs");

    fake_define(fake, UUID_2, "", 1); /* and also where the identity has one already */
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    assert_value(fake, UUID_2, 1);
}

static void a_wanted_uuid_with_our_usage_id_and_another_usage_type_is_another_identity(void **state)
{
    struct fake_host *fake = *state;

    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VOLUME, USAGE_ID, "");
    request.secret_uuid = fake_uuid(UUID_1);
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    fake_secret_at(fake->host.hv, UUID_1)->secret.usage = HV_USAGE_VTPM;
    fake_secret_at(fake->host.hv, UUID_1)->secret.other_usage = true;
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->secret.other_usage);
}

static void a_stale_uuid_is_replaced_and_reported(void **state)
{
    struct fake_host *fake = *state;
    const struct define_reply *reply;

    fake_define(fake, UUID_1, "", 1);
    request.secret_uuid = fake_uuid(UUID_2);
    reply = define_it(fake);
    assert_string_equal(reply->secret_uuid.text, UUID_2);
    assert_string_equal(reply->replaced_secret_uuid.text, UUID_1);
    assert_true(reply->created);
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
    assert_value(fake, UUID_2, 1);
}

static void a_uuid_that_a_domain_names_is_not_replaced(void **state)
{
    struct fake_host *fake = *state;
    struct fake_domain *domain;
    const struct err *e;

    fake_define(fake, UUID_1, "", 1);
    domain = fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    request.secret_uuid = fake_uuid(UUID_2);
    e = define_fails(fake);
    assert_int_equal(e->kind, ERR_CONFLICT);
    assert_non_null(strstr(e->text, "web-1"));
    domain->live = false; /* defined only: named all the same */
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    assert_value(fake, UUID_1, 1);
    assert_int_equal(fake_secret_count(fake->host.hv), 1);
}

static void a_domain_that_names_the_usage_id_alone_does_not_mind_another_uuid(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_domain_put(fake->host.hv, VM, "web-1")->usage_id = USAGE_ID;
    request.secret_uuid = fake_uuid(UUID_2);
    assert_string_equal(define_it(fake)->replaced_secret_uuid.text, UUID_1);
}

static void what_a_migration_makes_is_provisional(void **state)
{
    struct fake_host *fake = *state;
    struct mark mark;

    fake_define(fake, UUID_1, "m-1", 1);
    mark = fake_mark(fake, UUID_1);
    assert_string_equal(mark.by, MADE_BY_MIGRATION);
    assert_string_equal(mark.migration_id, "m-1");
    assert_true(mark_is_provisional(&mark));
}

static void a_newer_migration_takes_over_what_is_provisional(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "m-1", 1);
    fake_define(fake, UUID_1, "m-2", 1);
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "m-2");
}

static void a_define_outside_of_any_migration_makes_it_permanent(void **state)
{
    struct fake_host *fake = *state;
    struct mark mark;

    fake_define(fake, UUID_1, "m-1", 1);
    fake_define(fake, UUID_1, "", 1);
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "");
    assert_string_equal(fake_mark(fake, UUID_1).by, MADE_BY_REQUEST);

    mark = fake_mark(fake, UUID_1);
    strcpy(mark.migration_id, "m-1");
    mark.confirmed = true;
    fake_mark_set(fake, UUID_1, &mark);
    fake_define(fake, UUID_1, "", 1);
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "");
    assert_false(fake_mark(fake, UUID_1).confirmed);
}

static void a_migration_leaves_what_is_permanent_as_it_was_made(void **state)
{
    struct fake_host *fake = *state;
    struct mark mark;

    fake_define(fake, UUID_1, "", 1);
    fake_define(fake, UUID_1, "m-2", 1);
    mark = fake_mark(fake, UUID_1);
    assert_string_equal(mark.migration_id, "");
    assert_string_equal(mark.by, MADE_BY_REQUEST);

    fake_define(fake, UUID_1, "m-2", 1);
    mark.confirmed = true;
    strcpy(mark.by, MADE_BY_MIGRATION);
    strcpy(mark.migration_id, "m-1");
    fake_mark_set(fake, UUID_1, &mark);
    fake_define(fake, UUID_1, "m-2", 1);
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "m-1");
    assert_true(fake_mark(fake, UUID_1).confirmed);
}

static void any_define_clears_leaving(void **state)
{
    struct fake_host *fake = *state;
    static const char *const ids[] = {"", "m-9"};
    struct mark mark;

    fake_define(fake, UUID_1, "", 1);
    for (size_t i = 0; i < COUNT(ids); i++) {
        mark = fake_mark(fake, UUID_1);
        strcpy(mark.leaving, "m-1");
        fake_mark_set(fake, UUID_1, &mark);
        fake_define(fake, UUID_1, ids[i], 1);
        assert_string_equal(fake_mark(fake, UUID_1).leaving, "");
    }
}

static void a_value_that_cannot_be_set_undoes_the_definition_and_says_so(void **state)
{
    struct fake_host *fake = *state;
    const struct err *e;

    fake_fault_set(fake->host.hv, 1, FAULT_VALUE_REFUSED);
    e = define_fails(fake);
    assert_int_equal(e->kind, ERR_LIBVIRT);
    assert_int_equal(e->effect, EFFECT_NONE);
    assert_int_equal(e->libvirt_code, 38);
    assert_non_null(strstr(e->text, "libvirt would not; the definition was undone"));
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
}

/* The undo looks before it removes: its second call is the one that removes. */
static void a_definition_that_cannot_be_undone_is_told(void **state)
{
    struct fake_host *fake = *state;
    const struct err *e;

    request.secret_uuid = fake_uuid(UUID_1);
    fake_fault_set(fake->host.hv, 2, FAULT_VALUE_REFUSED);
    assert_int_equal(fake_begin(fake, &define_handler, &request), WORK_DONE);
    assert_int_equal(fake_secret_count(fake->host.hv), 0);

    fake->host.hv->calls = 0;
    fake_fault_set(fake->host.hv, 2, FAULT_LOST_HALF); /* defined without a value, and libvirt stays away */
    assert_int_equal(fake_begin(fake, &define_handler, &request), WORK_AWAY);
    fake->host.hv->down = true;
    work_give_up(&fake->work, &(struct err){.kind = ERR_TIMEOUT, .text = "too late"});
    assert_int_equal(fake_advance(fake), WORK_DONE);
    e = &fake->work.err;
    assert_int_equal(e->kind, ERR_TIMEOUT);
    assert_int_equal(e->effect, EFFECT_UNKNOWN);
    assert_string_equal(e->text, "too late; the definition could not be undone");
}

static void giving_up_removes_what_has_no_value_if_libvirt_is_back(void **state)
{
    struct fake_host *fake = *state;

    fake_fault_set(fake->host.hv, 1, FAULT_LOST_HALF);
    assert_int_equal(fake_begin(fake, &define_handler, &request), WORK_AWAY);
    assert_int_equal(fake_secret_count(fake->host.hv), 1);
    work_give_up(&fake->work, &(struct err){.kind = ERR_TIMEOUT});
    assert_int_equal(fake_advance(fake), WORK_DONE);
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
}

static void giving_up_removes_nobody_elses_secret(void **state)
{
    struct fake_host *fake = *state;

    request.secret_uuid = fake_uuid(UUID_1);
    fake_fault_set(fake->host.hv, 2, FAULT_LOST_BEFORE);
    assert_int_equal(fake_begin(fake, &define_handler, &request), WORK_AWAY);
    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, OTHERS_ID, "theirs");
    work_give_up(&fake->work, &(struct err){.kind = ERR_TIMEOUT});
    assert_int_equal(fake_advance(fake), WORK_DONE);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void a_libvirt_that_was_never_there_leaves_no_effect(void **state)
{
    struct fake_host *fake = *state;

    fake->host.hv->down = true;
    assert_int_equal(fake_begin(fake, &define_handler, &request), WORK_AWAY);
    assert_false(fake->work.begun);
    work_give_up(&fake->work, &(struct err){.kind = ERR_HYPERVISOR_AWAY, .text = "away"});
    assert_int_equal(fake_advance(fake), WORK_DONE);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    assert_string_equal(fake->work.err.text, "away");
}

static void the_old_secret_is_put_back_where_the_new_one_cannot_be_made(void **state)
{
    static const enum fake_fault faults[] = {FAULT_REFUSED, FAULT_VALUE_REFUSED};
    struct fake_host *fake = *state;
    struct hv_secret before;

    for (size_t i = 0; i < 2 * COUNT(faults); i++) {
        bool is_known = i % 2 != 0;
        const struct err *e;

        fake_define(fake, UUID_1, "", 1);
        if (!is_known)
            fake_forget(fake);
        before = fake_secret_at(fake->host.hv, UUID_1)->secret;
        request.secret_uuid = fake_uuid(UUID_2);
        /* look, find, users, undefine, define; where the ledger knows nothing, one try more */
        fake_fault_set(fake->host.hv, is_known ? 5 : 6, faults[i / 2]);
        e = define_fails(fake);
        assert_int_equal(e->kind, ERR_LIBVIRT);
        assert_int_equal(e->effect, EFFECT_NONE);
        assert_non_null(strstr(e->text, "the secret it was to replace was put back"));
        assert_memory_equal(&fake_secret_at(fake->host.hv, UUID_1)->secret, &before, sizeof(before));
        assert_value(fake, UUID_1, 1);
        assert_int_equal(fake_secret_count(fake->host.hv), 1);
    }
}

/* What stands before a define, and what it wants. */
struct scene {
    const char *name;
    const char *there, *wanted; /* UUIDs, or "" */
    bool persistent, provisional;
    bool created, replaced;
};

static const struct scene scenes[] = {
    {"new", "", "", false, false, true, false},
    {"new, wanted", "", UUID_2, false, false, true, false},
    {"there", UUID_2, "", false, false, false, false},
    {"there, wanted", UUID_2, UUID_2, false, true, false, false},
    {"stale", UUID_1, UUID_2, false, true, true, true},
    {"persistent", UUID_2, "", true, false, false, false},
    {"persistent, wanted", UUID_2, UUID_2, true, false, false, false},
    {"persistent and stale", UUID_1, UUID_2, true, false, true, true},
};

/* `is_known`: to the ledger. */
static void scene_set(struct fake_host *fake, const struct scene *scene, bool is_known)
{
    memset(fake->host.hv, 0, sizeof(*fake->host.hv));
    fake_forget(fake);
    if (scene->there[0] != '\0')
        fake_define(fake, scene->there, scene->provisional ? "m-0" : "", 1);
    if (!is_known)
        fake_forget(fake);
    if (scene->persistent) {
        fake_secret_at(fake->host.hv, scene->there)->secret.is_ours_in_form = false;
        fake_secret_at(fake->host.hv, scene->there)->has_file = true;
    }
    request.secret_uuid = fake_uuid(scene->wanted);
    strcpy(request.migration_id, "m-1");
}

/* The ledger has this secret of the identity and no other, or none at all (""). */
static void assert_ledger(struct fake_host *fake, const char *uuid)
{
    struct uuid after = {0};
    struct secret_row row;
    size_t count = 0;
    bool found;
    struct err e;

    for (;;) {
        if (!secret_row_next(fake->ledger, &fake->host.uuid, uuid_is_set(&after) ? &after : NULL, &row, &found, &e))
            fail_msg("%s", e.text);
        if (!found)
            break;
        assert_string_equal(row.uuid.text, uuid);
        assert_int_equal(row.state, SECRET_ACTIVE);
        if (!fake->work.failed) /* else libvirt may have got the new one, and refused the value */
            assert_string_equal(row.mark, fake_secret_at(fake->host.hv, uuid)->secret.description);
        after = row.uuid;
        count++;
    }
    assert_int_equal(count, uuid[0] != '\0');
}

static void assert_outcome(struct fake_host *fake, const struct scene *scene, bool crashed)
{
    const struct define_reply *reply = (const struct define_reply *)fake->work.reply;
    const struct fake_secret *secret = fake_secret_at(fake->host.hv, reply->secret_uuid.text);

    assert_non_null(secret);
    assert_true(secret->secret.is_ours_in_form);
    assert_false(secret->has_file);
    assert_value(fake, reply->secret_uuid.text, 1);
    assert_int_equal(fake_secret_count(fake->host.hv), 1);
    assert_ledger(fake, reply->secret_uuid.text);
    if (scene->wanted[0] != '\0')
        assert_string_equal(reply->secret_uuid.text, scene->wanted);
    if (crashed)
        return; /* what was there before is gone, and rightly made anew */
    assert_int_equal(reply->created, scene->created);
    assert_string_equal(reply->replaced_secret_uuid.text, scene->replaced ? UUID_1 : "");
    if (scene->there[0] != '\0' && scene->wanted[0] == '\0')
        assert_string_equal(reply->secret_uuid.text, scene->there);
}

/* One fault of any kind at any call: the outcome is the same as without, once libvirt is back. */
static void a_lost_connection_at_any_call_changes_nothing_in_the_end(void **state)
{
    static const enum fake_fault faults[] = {FAULT_NONE,       FAULT_DOWN,      FAULT_LOST_BEFORE,
                                             FAULT_LOST_AFTER, FAULT_LOST_HALF, FAULT_CRASHED};
    struct fake_host *fake = *state;

    for (size_t s = 0; s < COUNT(scenes); s++)
        for (size_t f = 0; f < COUNT(faults); f++)
            for (unsigned n = 0; n < 16; n++) {
                unsigned nth = 1 + n / 2;
                scene_set(fake, &scenes[s], n % 2);
                fake_fault_set(fake->host.hv, nth, faults[f]);
                define_it(fake);
                assert_outcome(fake, &scenes[s], faults[f] == FAULT_CRASHED);
            }
}

/* The same with a refusal: all as before, or all as wanted; never a secret without a value. */
static void a_refusal_at_any_call_leaves_all_as_it_was(void **state)
{
    struct fake_host *fake = *state;

    for (size_t s = 0; s < COUNT(scenes); s++)
        for (enum fake_fault fault = FAULT_REFUSED; fault < FAULTS; fault++)
            for (unsigned n = 0; n < 16; n++) {
                unsigned nth = 1 + n / 2;
                const struct scene *scene = &scenes[s];

                scene_set(fake, scene, n % 2);
                fake_fault_set(fake->host.hv, nth, fault);
                assert_int_equal(fake_run(fake, &define_handler, &request), WORK_DONE);
                if (!fake->work.failed) {
                    assert_outcome(fake, scene, false);
                    continue;
                }
                assert_int_equal(fake_secret_count(fake->host.hv), scene->there[0] != '\0');
                if (scene->there[0] != '\0')
                    assert_value(fake, scene->there, 1);
                assert_ledger(fake, n % 2 ? scene->there : "");
                assert_int_equal(fake->work.err.kind, ERR_LIBVIRT);
            }
}

/* Given up at any call with libvirt back for the undo: nothing without a value stays. */
static void giving_up_at_any_call_leaves_nothing_half_made(void **state)
{
    struct fake_host *fake = *state;

    for (size_t s = 0; s < COUNT(scenes); s++)
        for (enum fake_fault fault = FAULT_DOWN; fault <= FAULT_LOST_HALF; fault++)
            for (unsigned n = 0; n < 16; n++) {
                unsigned nth = 1 + n / 2;
                const struct scene *scene = &scenes[s];

                scene_set(fake, scene, n % 2);
                fake_fault_set(fake->host.hv, nth, fault);
                if (fake_begin(fake, &define_handler, &request) != WORK_AWAY)
                    continue;
                work_give_up(&fake->work, &(struct err){.kind = ERR_TIMEOUT});
                assert_int_equal(fake_advance(fake), WORK_DONE);
                assert_true(fake->work.failed);
                assert_int_equal(fake_secret_count(fake->host.hv), scene->there[0] != '\0');
                if (scene->there[0] != '\0')
                    assert_value(fake, scene->there, 1);
                assert_ledger(fake, n % 2 ? scene->there : "");
            }
}

static void a_conflict_with_a_secret_that_vanished_since_is_a_conflict(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake_forget(fake);
    fake_fault_set(fake->host.hv, 2, FAULT_EMPTIED); /* between our define and our look */
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
}

static void before_libvirt_is_asked_the_ledger_has_the_secret_as_it_shall_be(void **state)
{
    struct fake_host *fake = *state;
    const struct secret_change *change = fake->work.record.changes;
    struct uuid chosen;

    fake->work = (struct work){.handler = &define_handler,
                               .host = &fake->host,
                               .ledger = fake->ledger,
                               .id = "request-1",
                               .request = &request,
                               .notes = fake->notes};
    assert_int_equal(work_advance(&fake->work), WORK_RECORDING);
    assert_int_equal(fake->host.hv->calls, 0);
    assert_true(fake->work.record.is_new);
    assert_int_equal(fake->work.record.change_count, 1);
    assert_false(change->is_removed);
    assert_int_equal(change->row.state, SECRET_DEFINING);
    assert_true(secret_key_equal(&change->row.key, &request.to.key));
    assert_true(change->row.sealed.len > 0);
    assert_int_equal(strlen(fake->work.record.dek), DIGEST_CHARS);
    chosen = fake->work.record.secret_uuid;
    assert_string_equal(change->row.uuid.text, chosen.text);
    assert_int_equal(fake_advance(fake), WORK_DONE);
    assert_ledger(fake, chosen.text);
}

static void what_the_ledger_knows_already_stays_as_it_is_until_the_define_is_done(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake->host.hv->down = true;
    strcpy(request.description, "another");
    assert_int_equal(fake_begin(fake, &define_handler, &request), WORK_AWAY);
    assert_int_equal(fake->recordings, 1);
    assert_false(fake->work.record.is_new);
    assert_string_equal(fake->work.record.secret_uuid.text, UUID_1);
    fake->host.hv->down = false;
    assert_ledger(fake, UUID_1);
}

/* Else who takes it up half done, and libvirt has lost the old one, has nothing to compare. */
static void another_dek_under_another_uuid_is_refused_before_anything_is_intended(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    fake->recordings = 0;
    fake->host.hv->down = true;
    request.dek = fake_dek(2);
    request.secret_uuid = fake_uuid(UUID_2);
    assert_int_equal(fake_begin(fake, &define_handler, &request), WORK_DONE);
    assert_int_equal(fake->work.err.kind, ERR_CONFLICT);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    assert_int_equal(fake->recordings, 0);
    assert_string_equal(fake_kept(fake)->uuid.text, UUID_1);
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
}

/* Libvirt has lost it, and would take the define; the ledger would restore the other one. */
static void a_wanted_uuid_that_the_ledger_has_of_another_identity_is_a_conflict(void **state)
{
    struct fake_host *fake = *state;
    const char *mark;

    fake_define(fake, UUID_1, "", 1);
    mark = fake_secret_at(fake->host.hv, UUID_1)->secret.description;
    assert_string_equal(fake_kept(fake)->mark, mark);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    request.to.key.key_version = 2;
    request.secret_uuid = fake_uuid(UUID_1);
    assert_int_equal(define_fails(fake)->kind, ERR_CONFLICT);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
    assert_int_equal(fake_secret_count(fake->host.hv), 0);
    assert_string_equal(fake_kept(fake)->uuid.text, UUID_1);
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
}

/* How far the worker had come that died, in whose ledger the intent is. */
enum died { DIED_BEFORE, DIED_HALF, DIED_AFTER, DEATHS };

/* The same request, taken up by another worker: as the life cycle does. */
static const struct define_reply *define_again(struct fake_host *fake, enum died died)
{
    static const enum fake_fault faults[DEATHS] = {FAULT_LOST_BEFORE, FAULT_LOST_HALF, FAULT_LOST_AFTER};
    struct record known;
    bool is_wanted = uuid_is_set(&request.secret_uuid);

    fake_fault_set(fake->host.hv, is_wanted ? 2 : 1, faults[died]);
    assert_int_equal(fake_begin(fake, &define_handler, &request), WORK_AWAY);
    known = (struct record){.secret_uuid = fake->work.record.secret_uuid, .is_new = fake->work.record.is_new};
    memset(fake->notes, 0, sizeof(fake->notes));
    fake->work = (struct work){.handler = &define_handler,
                               .host = &fake->host,
                               .ledger = fake->ledger,
                               .id = "request-1",
                               .request = &request,
                               .notes = fake->notes,
                               .attempts = 1,
                               .was_begun = true,
                               .is_recorded = true,
                               .record = known};
    assert_int_equal(fake_advance(fake), WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    assert_string_equal(((const struct define_reply *)fake->work.reply)->secret_uuid.text, known.secret_uuid.text);
    return (const struct define_reply *)fake->work.reply;
}

static void what_a_worker_died_of_is_finished_under_the_same_uuid_and_was_created(void **state)
{
    struct fake_host *fake = *state;

    for (int i = 0; i < 2 * DEATHS; i++) {
        memset(fake->host.hv, 0, sizeof(*fake->host.hv));
        fake_forget(fake);
        request.secret_uuid = fake_uuid(i % 2 ? UUID_2 : "");
        const struct define_reply *reply = define_again(fake, (enum died)(i / 2));

        assert_true(reply->created);
        assert_string_equal(reply->replaced_secret_uuid.text, "");
        assert_value(fake, reply->secret_uuid.text, 1);
        assert_int_equal(fake_secret_count(fake->host.hv), 1);
        assert_ledger(fake, reply->secret_uuid.text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_a_uuid_where_none_is_wanted_in_two_calls_to_libvirt),
        TEST(a_sealed_dek_is_opened_and_ends_as_the_value),
        TEST(a_lease_runs_from_when_it_is_defined),
        TEST(a_lease_never_shortens_the_life_of_what_has_none),
        TEST(a_define_without_a_lease_makes_it_permanent),
        TEST(a_newer_migration_takes_a_leased_one_over),
        TEST(a_salt_is_answered_by_the_digest_of_the_dek_however_it_came),
        TEST(an_envelope_that_was_moved_does_not_open_and_touches_nothing),
        TEST(a_missing_key_file_is_told),
        TEST(another_envelope_of_the_same_dek_is_the_same_request),
        TEST(two_identities_get_two_uuids),
        TEST(gives_the_wanted_uuid),
        TEST(a_volume_has_the_usage_of_a_volume),
        TEST(writes_who_made_it_and_the_text_into_the_description),
        TEST(again_is_the_same_secret_with_or_without_its_uuid),
        TEST(again_makes_sure_of_the_value),
        TEST(a_new_description_replaces_the_old_and_none_keeps_it),
        TEST(another_dek_is_a_conflict_and_nothing_is_touched),
        TEST(another_dek_of_another_version_is_none),
        TEST(another_dek_under_another_uuid_is_refused_before_anything_is_intended),
        TEST(under_an_unknown_digest_key_nothing_is_compared_and_the_value_is_set),
        TEST(a_secret_without_our_mark_is_adopted_with_the_dek),
        TEST(one_that_is_persistent_is_made_anew_under_its_uuid),
        TEST(what_is_made_anew_under_its_uuid_keeps_its_mark),
        TEST(a_wanted_uuid_of_another_identity_is_a_conflict),
        TEST(a_wanted_uuid_with_our_usage_id_and_another_usage_type_is_another_identity),
        TEST(a_stale_uuid_is_replaced_and_reported),
        TEST(a_uuid_that_a_domain_names_is_not_replaced),
        TEST(a_domain_that_names_the_usage_id_alone_does_not_mind_another_uuid),
        TEST(what_a_migration_makes_is_provisional),
        TEST(a_newer_migration_takes_over_what_is_provisional),
        TEST(a_define_outside_of_any_migration_makes_it_permanent),
        TEST(a_migration_leaves_what_is_permanent_as_it_was_made),
        TEST(any_define_clears_leaving),
        TEST(a_value_that_cannot_be_set_undoes_the_definition_and_says_so),
        TEST(a_definition_that_cannot_be_undone_is_told),
        TEST(giving_up_removes_what_has_no_value_if_libvirt_is_back),
        TEST(giving_up_removes_nobody_elses_secret),
        TEST(a_libvirt_that_was_never_there_leaves_no_effect),
        TEST(the_old_secret_is_put_back_where_the_new_one_cannot_be_made),
        TEST(a_lost_connection_at_any_call_changes_nothing_in_the_end),
        TEST(a_refusal_at_any_call_leaves_all_as_it_was),
        TEST(giving_up_at_any_call_leaves_nothing_half_made),
        TEST(a_conflict_with_a_secret_that_vanished_since_is_a_conflict),
        TEST(before_libvirt_is_asked_the_ledger_has_the_secret_as_it_shall_be),
        TEST(what_the_ledger_knows_already_stays_as_it_is_until_the_define_is_done),
        TEST(a_wanted_uuid_that_the_ledger_has_of_another_identity_is_a_conflict),
        TEST(what_a_worker_died_of_is_finished_under_the_same_uuid_and_was_created),
    };

    return cmocka_run_group_tests_name("define", tests, NULL, NULL);
}
