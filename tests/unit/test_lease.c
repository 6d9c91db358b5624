// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include "handlers/handlers.h"
#include "handlers/lease.h"

enum { SECONDS = 60 };

/* Defined on HOST_A for "m-1", with a lease. */
static int set_up(void **state)
{
    struct define_request request = {.to = fake_address(HOST_A),
                                     .secret_uuid = {UUID_1},
                                     .migration_id = "m-1",
                                     .lease_seconds = SECONDS,
                                     .dek = fake_dek(1)};
    struct fake_host *fake;

    if (fake_host_open(state) != 0)
        return -1;
    fake = *state;
    assert_int_equal(fake_run(fake, &define_handler, &request), WORK_DONE);
    return fake->work.failed ? -1 : 0;
}

static enum work_state look(struct fake_host *fake)
{
    static struct lease_request request;

    request = (struct lease_request){.to = fake_address(HOST_A), .secret_uuid = fake_uuid(UUID_1)};
    return fake_run(fake, &lease_handler, &request);
}

static void assert_looked(struct fake_host *fake, enum leased what)
{
    assert_int_equal(look(fake), WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
    assert_string_equal(leased_name(((const struct lease_reply *)fake->work.reply)->what), leased_name(what));
}

static void is_over(struct fake_host *fake)
{
    fake->now_ms += SECONDS * 1000;
}

static void assert_leased(struct fake_host *fake)
{
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
    assert_int_not_equal(fake_mark(fake, UUID_1).until_ms, 0);
    assert_int_not_equal(fake_kept(fake)->lease_until_ms, 0);
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
}

static void assert_permanent(struct fake_host *fake)
{
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
    assert_int_equal(fake_mark(fake, UUID_1).until_ms, 0);
    assert_true(fake_mark(fake, UUID_1).confirmed);
    assert_int_equal(fake_kept(fake)->lease_until_ms, 0);
    assert_string_equal(fake_kept(fake)->mark, fake_secret_at(fake->host.hv, UUID_1)->secret.description);
}

static void assert_gone(struct fake_host *fake)
{
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
    assert_null(fake_kept(fake));
}

static void what_nobody_names_is_removed_when_its_time_is_over_and_that_is_told(void **state)
{
    struct fake_host *fake = *state;
    struct host_event event;

    fake->now_ms += SECONDS * 1000 - 1;
    assert_looked(fake, LEASED_STILL);
    assert_false(work_event(&fake->work, &event));
    assert_leased(fake);
    fake->now_ms += 1;
    assert_looked(fake, LEASED_ENDED);
    assert_int_equal(fake->recordings, 1); /* before it */
    assert_gone(fake);
    assert_true(work_event(&fake->work, &event));
    assert_int_equal(event.kind, HOST_EVENT_LEASE_ENDED);
    assert_string_equal(event.secret_uuid.text, UUID_1);
    assert_string_equal(event.migration_id, "m-1");
    assert_looked(fake, LEASED_STILL); /* again, for nothing */
    assert_false(work_event(&fake->work, &event));
}

static void what_a_domain_names_is_permanent_running_or_only_defined(void **state)
{
    struct fake_host *fake = *state;
    struct fake_domain *domain = fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    struct host_event event;

    domain->live = false;
    is_over(fake);
    assert_looked(fake, LEASED_PERMANENT);
    assert_false(work_event(&fake->work, &event));
    assert_permanent(fake);
    assert_looked(fake, LEASED_STILL);
    assert_permanent(fake);
}

static void the_arrival_of_its_vm_makes_it_permanent_before_its_time_is_over(void **state)
{
    struct fake_host *fake = *state;
    struct fake_domain *domain = fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);

    domain->is_arriving = true;
    assert_looked(fake, LEASED_STILL);
    assert_leased(fake);
    domain->is_arriving = false;
    assert_looked(fake, LEASED_PERMANENT);
    assert_permanent(fake);
}

/* Its migration may still fail, and then nobody names it. */
static void what_a_vm_on_its_way_uses_waits_for_it(void **state)
{
    struct fake_host *fake = *state;
    struct fake_domain *domain = fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);

    domain->is_arriving = true;
    is_over(fake);
    assert_looked(fake, LEASED_WAITS);
    assert_leased(fake);
    memset(domain, 0, sizeof(*domain));
    assert_looked(fake, LEASED_ENDED);
    assert_gone(fake);
}

static void what_a_post_migrate_confirmed_has_no_lease(void **state)
{
    struct fake_host *fake = *state;
    const struct post_migrate_request request = {.to = fake_address(HOST_A),
                                                 .src_host_uuid = {HOST_B},
                                                 .dst_host_uuid = {HOST_A},
                                                 .migration_id = "m-1",
                                                 .outcome = "success"};

    assert_int_equal(fake_run(fake, &post_migrate_handler, &request), WORK_DONE);
    assert_permanent(fake);
    is_over(fake);
    assert_looked(fake, LEASED_STILL);
    assert_permanent(fake);
}

static void a_longer_lease_meanwhile_counts(void **state)
{
    struct fake_host *fake = *state;
    struct define_request request = {.to = fake_address(HOST_A),
                                     .secret_uuid = {UUID_1},
                                     .migration_id = "m-2",
                                     .lease_seconds = SECONDS,
                                     .dek = fake_dek(1)};

    is_over(fake);
    assert_int_equal(fake_run(fake, &define_handler, &request), WORK_DONE);
    assert_looked(fake, LEASED_STILL);
    assert_leased(fake);
}

/* libvirt was started again, and recovery has not come to it yet. */
static void what_libvirt_has_lost_ends_in_the_ledger_or_comes_back_for_its_vm(void **state)
{
    struct fake_host *fake = *state;

    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    assert_looked(fake, LEASED_PERMANENT);
    assert_permanent(fake);

    assert_int_equal(fake_host_close(state), 0);
    assert_int_equal(set_up(state), 0);
    fake = *state;
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
    is_over(fake);
    assert_looked(fake, LEASED_ENDED);
    assert_gone(fake);
}

static void somebody_elses_secret_in_its_place_is_left_alone(void **state)
{
    struct fake_host *fake = *state;

    strcpy(fake_secret_at(fake->host.hv, UUID_1)->secret.usage_id, "another");
    is_over(fake);
    assert_looked(fake, LEASED_ENDED);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
    assert_null(fake_kept(fake));
}

static void a_connection_lost_at_any_call_does_not_change_what_comes_of_it(void **state)
{
    for (enum fake_fault fault = FAULT_DOWN; fault <= FAULT_CRASHED; fault++)
        for (unsigned nth = 1; nth <= 3; nth++)
            for (int named = 0; named < 2; named++) {
                struct fake_host *fake;

                assert_int_equal(fake_host_close(state), 0);
                assert_int_equal(set_up(state), 0);
                fake = *state;
                if (named != 0)
                    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
                is_over(fake);
                if (fault == FAULT_LOST_HALF)
                    continue;
                fake_fault_set(fake->host.hv, nth, fault);
                assert_looked(fake, named != 0 ? LEASED_PERMANENT : LEASED_ENDED);
                if (named == 0)
                    assert_gone(fake);
                else
                    assert_int_equal(fake_kept(fake)->lease_until_ms, 0);
            }
}

static void where_libvirt_refuses_it_stays_leased(void **state)
{
    struct fake_host *fake = *state;

    for (unsigned nth = 1; nth <= 3; nth++) {
        is_over(fake);
        fake_fault_set(fake->host.hv, nth, FAULT_REFUSED);
        assert_int_equal(look(fake), WORK_DONE);
        assert_true(fake->work.failed);
        assert_leased(fake);
    }
    assert_looked(fake, LEASED_ENDED);
}

/* Recovery settles what another worker has begun: until then it is not touched. */
static void what_is_half_done_waits(void **state)
{
    struct fake_host *fake = *state;
    struct secret_row row = *fake_kept(fake);
    struct err e;

    row.state = SECRET_DELETING;
    assert_true(secret_row_write(fake->ledger, &row, &e));
    is_over(fake);
    assert_looked(fake, LEASED_WAITS);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_nobody_names_is_removed_when_its_time_is_over_and_that_is_told),
        TEST(what_a_domain_names_is_permanent_running_or_only_defined),
        TEST(the_arrival_of_its_vm_makes_it_permanent_before_its_time_is_over),
        TEST(what_a_vm_on_its_way_uses_waits_for_it),
        TEST(what_a_post_migrate_confirmed_has_no_lease),
        TEST(a_longer_lease_meanwhile_counts),
        TEST(what_libvirt_has_lost_ends_in_the_ledger_or_comes_back_for_its_vm),
        TEST(somebody_elses_secret_in_its_place_is_left_alone),
        TEST(a_connection_lost_at_any_call_does_not_change_what_comes_of_it),
        TEST(where_libvirt_refuses_it_stays_leased),
        TEST(what_is_half_done_waits),
    };

    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
