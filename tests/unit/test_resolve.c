// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include "handlers/handlers.h"

static struct resolve_request request;

static int set_up(void **state)
{
    request = (struct resolve_request){.to = {.key = {.vm_uuid = fake_uuid(VM)}}};
    return fake_host_open(state);
}

static void gives_the_secret_that_the_live_domain_names_whosever_it_is(void **state)
{
    struct fake_host *fake = *state;

    fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    assert_int_equal(fake_run(fake, &resolve_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    assert_string_equal(((const struct resolve_reply *)fake->work.reply)->secret_uuid.text, UUID_1);
}

static void assert_not_found(struct fake_host *fake, const char *text)
{
    assert_int_equal(fake_run(fake, &resolve_handler, &request), WORK_DONE);
    assert_true(fake->work.failed);
    assert_int_equal(fake->work.err.kind, ERR_NOT_FOUND);
    assert_string_equal(fake->work.err.text, text);
}

static void says_which_of_domain_tpm_and_encryption_there_is_not(void **state)
{
    struct fake_host *fake = *state;
    struct fake_domain *domain;

    assert_not_found(fake, "no such domain");
    domain = fake_vtpm_put(fake->host.hv, VM, "web-1", UUID_1);
    domain->live = false;
    assert_not_found(fake, "no such domain");
    domain->live = true;
    domain->tpm.encrypted = false;
    assert_not_found(fake, "the TPM of domain " VM " is not encrypted");
    domain->tpm.present = false;
    assert_not_found(fake, "domain " VM " has no TPM");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_the_secret_that_the_live_domain_names_whosever_it_is),
        TEST(says_which_of_domain_tpm_and_encryption_there_is_not),
    };

    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
