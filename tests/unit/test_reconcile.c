// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include "handlers/handlers.h"
#include "handlers/orphan.h"
#include "handlers/restore.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static struct reconcile_request request;

static int set_up(void **state)
{
    request = (struct reconcile_request){.to.host_uuid = {HOST_A}};
    return fake_host_open(state);
}

/* What was asked to be mended is: by its own handler, on a work of its own, as the life cycle does. */
static void mend(struct fake_host *fake)
{
    struct work parent = fake->work;
    static uint8_t what[512];
    static uint8_t notes[VAULT_SLOT_BYTES];

    memcpy(what, parent.call.request, parent.call.request_bytes);
    memcpy(notes, fake->notes, sizeof(notes));
    assert_int_equal(fake_run(fake, parent.call.local, what), WORK_DONE);
    parent.call.failed = fake->work.failed;
    parent.call.err = fake->work.err;
    memcpy(fake->notes, notes, sizeof(notes));
    memcpy(parent.call.answer, fake->work.reply, sizeof(int64_t));
    fake->work = parent;
}

static const struct reconcile_reply *reconcile(struct fake_host *fake)
{
    enum work_state state = fake_run(fake, &reconcile_handler, &request);

    while (state == WORK_CALLING) {
        assert_non_null(fake->work.call.local);
        mend(fake);
        state = fake_advance(fake);
    }
    assert_int_equal(state, WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    return (const struct reconcile_reply *)fake->work.reply;
}

static void assert_found(const struct reconcile_reply *reply, size_t count, const char *what, int64_t mended)
{
    assert_int_equal(reply->found_count, count);
    assert_int_equal(reply->found.count, count);
    if (count > 0)
        assert_string_equal(reply->found.at[0].what, what);
    assert_int_equal(reply->mended, mended);
}

static void what_fits_together_is_not_found(void **state)
{
    struct fake_host *fake = *state;

    assert_found(reconcile(fake), 0, "", 0);
    fake_define(fake, UUID_1, "", 1);
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, "another product's", "");
    fake->now_ms += 10 * DAY_MS;
    assert_found(reconcile(fake), 0, "", 0);
}

static void what_no_domain_names_for_a_day_is_an_orphan_and_told_of_once(void **state)
{
    struct fake_host *fake = *state;
    int64_t since_ms;

    fake_define(fake, UUID_1, "", 1);
    since_ms = fake->now_ms += DAY_MS; /* since it was found so, not since it was made: its VM may be about to come */
    assert_found(reconcile(fake), 0, "", 0);
    fake->now_ms += DAY_MS - 1;
    assert_found(reconcile(fake), 0, "", 0);
    fake->now_ms += 1;
    request.dry_run = true;
    assert_found(reconcile(fake), 1, "orphan", 0);
    assert_null(fake->work.call.local);
    request.dry_run = false;
    assert_int_equal(fake_run(fake, &reconcile_handler, &request), WORK_CALLING);
    assert_ptr_equal(fake->work.call.local, &orphan_handler);
    mend(fake);
    assert_int_equal(fake_advance(fake), WORK_DONE);
    assert_found((const struct reconcile_reply *)fake->work.reply, 1, "orphan", 0);
    assert_int_equal(((const struct reconcile_reply *)fake->work.reply)->found.at[0].since_ms, since_ms);
    assert_int_equal(fake_run(fake, &reconcile_handler, &request), WORK_DONE); /* found again, and nobody told */
    assert_found((const struct reconcile_reply *)fake->work.reply, 1, "orphan", 0);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void a_domain_that_comes_between_begins_the_day_anew(void **state)
{
    struct fake_host *fake = *state;
    struct fake_domain *domain;

    fake_define(fake, UUID_1, "", 1);
    reconcile(fake);
    domain = fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    fake->now_ms += DAY_MS;
    assert_found(reconcile(fake), 0, "", 0);
    memset(domain, 0, sizeof(*domain));
    fake->now_ms += 1;
    assert_found(reconcile(fake), 0, "", 0);
    fake->now_ms += DAY_MS;
    assert_found(reconcile(fake), 1, "orphan", 0);
}

static void orphans_are_deleted_where_that_is_the_policy(void **state)
{
    struct fake_host *fake = *state;

    fake->host.deletes_orphans = true;
    fake_define(fake, UUID_1, "", 1);
    reconcile(fake);
    fake->now_ms += DAY_MS;
    request.dry_run = true;
    assert_found(reconcile(fake), 1, "orphan", 0);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
    request.dry_run = false;
    assert_found(reconcile(fake), 1, "orphan", 1);
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
    assert_null(fake_kept(fake));
    assert_found(reconcile(fake), 0, "", 0);
}

static void what_is_leased_is_no_orphan(void **state)
{
    struct fake_host *fake = *state;
    struct define_request define = {
        .to = fake_address(HOST_A), .secret_uuid = {UUID_1}, .lease_seconds = 86400, .dek = fake_dek(1)};

    fake->host.deletes_orphans = true;
    assert_int_equal(fake_run(fake, &define_handler, &define), WORK_DONE);
    reconcile(fake);
    fake->now_ms += 2 * DAY_MS;
    assert_found(reconcile(fake), 0, "", 0);
    fake_forget(fake); /* by the mark alone */
    assert_found(reconcile(fake), 1, "not-in-ledger", 0);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

/* Between the comparison and its turn in the lane. */
static void what_is_named_meanwhile_stays(void **state)
{
    struct fake_host *fake = *state;
    const struct orphan_request what = {.to = fake_address(HOST_A), .secret_uuid = {UUID_1}, .removes = true};

    fake_define(fake, UUID_1, "", 1);
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    assert_int_equal(fake_run(fake, &orphan_handler, &what), WORK_DONE);
    assert_int_equal(((const struct orphan_reply *)fake->work.reply)->what, ORPHAN_IS_NONE);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void what_libvirt_has_lost_is_restored_whatever_the_policy(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    request.dry_run = true;
    assert_found(reconcile(fake), 1, "not-in-libvirt", 0);
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
    request.dry_run = false;
    assert_found(reconcile(fake), 1, "not-in-libvirt", 1);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
}

static void what_was_left_half_done_gets_its_value(void **state)
{
    struct fake_host *fake = *state;
    struct secret_row row;
    struct err e;

    fake_define(fake, UUID_1, "", 1);
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    row = *fake_kept(fake);
    row.state = SECRET_DEFINING;
    row.changed_ms = fake->now_ms;
    assert_true(secret_row_write(fake->ledger, &row, &e));
    fake_secret_at(fake->host.hv, UUID_1)->has_value = false;
    assert_found(reconcile(fake), 0, "", 0); /* it may be somebody's who is at it */
    fake->now_ms += 60001;
    assert_found(reconcile(fake), 1, "valueless", 1);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
}

static void what_nobody_could_put_back_and_another_usage_type_are_only_found(void **state)
{
    struct fake_host *fake = *state;

    fake->host.deletes_orphans = true;
    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, USAGE_ID, "");
    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    assert_found(reconcile(fake), 1, "not-in-ledger", 0);
    fake_secret_at(fake->host.hv, UUID_1)->secret.usage = HV_USAGE_VOLUME;
    assert_found(reconcile(fake), 1, "wrong-usage", 0);
    strcpy(fake_secret_at(fake->host.hv, UUID_1)->secret.usage_id, "keyferry/vtpm/nonsense");
    assert_found(reconcile(fake), 1, "wrong-usage", 0);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void define_number(struct fake_host *fake, int number)
{
    struct define_request define = {.to = fake_address(HOST_A), .dek = fake_dek(1)};

    define.to.key.key_version = number;
    assert_int_equal(fake_run(fake, &define_handler, &define), WORK_DONE);
    assert_false(fake->work.failed);
}

/* More than fit a reply, and than are mended between two comparisons. */
static void many_are_all_mended_and_the_first_of_them_listed(void **state)
{
    struct fake_host *fake = *state;
    const struct reconcile_reply *reply;

    for (int i = 0; i < 50; i++)
        define_number(fake, i);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    reply = reconcile(fake);
    assert_int_equal(reply->found_count, 50);
    assert_int_equal(reply->found.count, FINDINGS_MAX);
    assert_int_equal(reply->mended, 50);
    assert_int_equal(fake_secret_count(fake->host.hv), 50);
}

static void one_that_cannot_be_mended_holds_up_no_other(void **state)
{
    struct fake_host *fake = *state;
    enum work_state work_state;

    for (int i = 0; i < 3; i++)
        define_number(fake, i);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    work_state = fake_run(fake, &reconcile_handler, &request);
    for (int i = 0; work_state == WORK_CALLING; i++) {
        if (i == 1) {
            fake->work.call.failed = true;
            err_set(&fake->work.call.err, ERR_LIBVIRT, "no");
        } else {
            mend(fake);
        }
        work_state = fake_advance(fake);
    }
    assert_false(fake->work.failed);
    assert_int_equal(((const struct reconcile_reply *)fake->work.reply)->mended, 2);
}

static void libvirt_away_is_waited_for(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "", 1);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    for (unsigned nth = 1; nth <= 2; nth++) {
        fake_fault_set(fake->host.hv, nth, FAULT_DOWN);
        request.dry_run = true;
        assert_found(reconcile(fake), 1, "not-in-libvirt", 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_fits_together_is_not_found),
        TEST(what_no_domain_names_for_a_day_is_an_orphan_and_told_of_once),
        TEST(a_domain_that_comes_between_begins_the_day_anew),
        TEST(orphans_are_deleted_where_that_is_the_policy),
        TEST(what_is_leased_is_no_orphan),
        TEST(what_is_named_meanwhile_stays),
        TEST(what_libvirt_has_lost_is_restored_whatever_the_policy),
        TEST(what_was_left_half_done_gets_its_value),
        TEST(what_nobody_could_put_back_and_another_usage_type_are_only_found),
        TEST(many_are_all_mended_and_the_first_of_them_listed),
        TEST(one_that_cannot_be_mended_holds_up_no_other),
        TEST(libvirt_away_is_waited_for),
    };

    return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
