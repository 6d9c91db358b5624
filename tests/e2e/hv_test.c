/*
 * The real half of handlers/hv.h, on a real libvirtd that may be killed and frozen:
 *
 *     tests/lab/with --hypervisor -- build/tests/hv_test
 *
 * KEYFERRY_TEST_URI is its URI; KEYFERRY_TEST_LIBVIRTD a command to which freeze,
 * thaw, kill or start is appended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handlers/hv.h"

enum { PATIENCE_MS = 15000, THREADS = 8 };

static const struct uuid uuid_a = {"aaaaaaaa-0000-4000-8000-000000000001"};
static const struct uuid uuid_b = {"aaaaaaaa-0000-4000-8000-000000000002"};
static const struct uuid vm = {"aaaaaaaa-0000-4000-8000-0000000000ff"};
static const struct dek dek = {.len = 4, .data = {1, 2, 3, 4}};

static struct hv *hv;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool becomes(struct hv *which, bool up)
{
    int64_t until = now_ms() + PATIENCE_MS;

    while (hv_is_up(which) != up && now_ms() < until)
        sleep_ms(5);
    return hv_is_up(which) == up;
}

static void libvirtd(const char *action)
{
    const char *command = getenv("KEYFERRY_TEST_LIBVIRTD");
    char line[512];

    if (command == NULL)
        skip();
    snprintf(line, sizeof(line), "%s %s", command, action);
    assert_int_equal(system(line), 0);
}

/* With something on its standard input; true if it succeeded. */
static bool virsh(const char *command, const char *input)
{
    char line[512];
    FILE *f;

    snprintf(line, sizeof(line), "virsh -q -c '%s' %s >/dev/null 2>&1", getenv("KEYFERRY_TEST_URI"), command);
    f = popen(line, "w");
    fputs(input, f);
    return pclose(f) == 0;
}

static int open_hv(void **state)
{
    struct err e;

    (void)state;
    if (getenv("KEYFERRY_TEST_URI") == NULL || !hv_open(getenv("KEYFERRY_TEST_URI"), NULL, NULL, &hv, &e))
        return -1;
    return becomes(hv, true) ? 0 : -1;
}

static int close_hv(void **state)
{
    (void)state;
    hv_close(hv);
    return 0;
}

static struct hv_secret secret_make(const struct uuid *uuid, const char *usage_id)
{
    struct hv_secret secret = {.uuid = *uuid, .usage = HV_USAGE_VTPM};

    snprintf(secret.usage_id, sizeof(secret.usage_id), "%s", usage_id);
    snprintf(secret.description, sizeof(secret.description), "%s", "one <&\"'> \xc3\xbc");
    return secret;
}

static int no_secrets(void **state)
{
    struct err e;

    (void)state;
    if (!becomes(hv, true))
        return -1;
    if (!hv_secret_undefine(hv, &uuid_a, &e) && e.kind != ERR_NOT_FOUND)
        return -1;
    return hv_secret_undefine(hv, &uuid_b, &e) || e.kind == ERR_NOT_FOUND ? 0 : -1;
}

static void what_was_defined_is_found_by_uuid_and_by_usage(void **state)
{
    struct hv_secret secret = secret_make(&uuid_a, "keyferry/vtpm/a"), by_uuid, by_usage;
    bool found;
    struct err e;

    (void)state;
    assert_true(hv_secret_define(hv, &secret, &dek, &e));
    assert_true(hv_secret_by_uuid(hv, &uuid_a, &by_uuid, &e));
    assert_true(hv_secret_is(hv, &uuid_a, HV_USAGE_VTPM, "keyferry/vtpm/a", &found, &e) && found);
    assert_true(hv_secret_is(hv, &uuid_a, HV_USAGE_VTPM, "keyferry/vtpm/b", &found, &e) && !found);
    assert_true(hv_secret_is(hv, &uuid_a, HV_USAGE_VOLUME, "keyferry/vtpm/a", &found, &e) && !found);
    assert_true(hv_secret_by_usage(hv, HV_USAGE_VTPM, "keyferry/vtpm/a", &by_usage, &e));
    secret.is_ours_in_form = true;
    assert_memory_equal(&by_uuid, &secret, sizeof(secret));
    assert_memory_equal(&by_usage, &secret, sizeof(secret));
}

static void what_is_not_there_is_told_by_the_pair_66_30(void **state)
{
    struct hv_secret secret;
    bool found;
    struct err e;

    (void)state;
    assert_false(hv_secret_by_uuid(hv, &uuid_a, &secret, &e));
    assert_true(hv_secret_is(hv, &uuid_a, HV_USAGE_VTPM, "keyferry/vtpm/a", &found, &e) && !found);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(e.libvirt_code, 66);
    assert_int_equal(e.libvirt_domain, 30);
    assert_false(hv_secret_by_usage(hv, HV_USAGE_VOLUME, "nobody's", &secret, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_false(hv_secret_undefine(hv, &uuid_a, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_true(hv_is_up(hv));
}

static void another_usage_id_or_another_uuid_is_a_conflict_told_by_1_30(void **state)
{
    struct hv_secret secret = secret_make(&uuid_a, "keyferry/vtpm/a"), other;
    struct err e;

    (void)state;
    assert_true(hv_secret_define(hv, &secret, NULL, &e));
    other = secret_make(&uuid_a, "keyferry/vtpm/b");
    assert_false(hv_secret_define(hv, &other, NULL, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(e.libvirt_code, 1);
    assert_int_equal(e.libvirt_domain, 30);
    assert_int_equal(e.effect, EFFECT_NONE);
    other = secret_make(&uuid_b, "keyferry/vtpm/a");
    assert_false(hv_secret_define(hv, &other, NULL, &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
}

/* libvirt itself does not mind; the handlers must. */
static void another_usage_type_is_silently_accepted(void **state)
{
    struct hv_secret secret = secret_make(&uuid_a, "keyferry/vtpm/a"), found;
    struct err e;

    (void)state;
    assert_true(hv_secret_define(hv, &secret, NULL, &e));
    secret.usage = HV_USAGE_VOLUME;
    assert_true(hv_secret_define(hv, &secret, NULL, &e));
    assert_true(hv_secret_by_uuid(hv, &uuid_a, &found, &e));
    assert_int_equal(found.usage, HV_USAGE_VOLUME);
}

static void what_others_defined_is_seen_for_what_it_is(void **state)
{
    struct hv_secret found;
    struct err e;

    (void)state;
    assert_true(virsh("secret-define /dev/stdin", "<secret><uuid>aaaaaaaa-0000-4000-8000-000000000001</uuid>"
                                                  "<usage type='ceph'><name>theirs</name></usage></secret>"));
    assert_true(hv_secret_by_uuid(hv, &uuid_a, &found, &e));
    assert_true(found.other_usage);
    assert_false(found.is_ours_in_form);
    assert_string_equal(found.usage_id, "theirs");
    assert_string_equal(found.description, "");
}

static void what_libvirt_cannot_take_is_its_error_and_changes_nothing(void **state)
{
    struct hv_secret secret = secret_make(&uuid_a, "keyferry/vtpm/a"), found;
    struct err e;

    (void)state;
    snprintf(secret.description, sizeof(secret.description), "%s", "\xef\xbf\xbe"); /* U+FFFE: not in XML 1.0 */
    assert_false(hv_secret_define(hv, &secret, &dek, &e));
    assert_int_equal(e.kind, ERR_LIBVIRT);
    assert_int_equal(e.effect, EFFECT_NONE);
    assert_false(hv_secret_by_uuid(hv, &uuid_a, &found, &e));
    assert_true(hv_is_up(hv));
}

#define DOMAIN(type, uuid, extra)                                                                                      \
    "<domain type='qemu'><name>" type "</name><uuid>" uuid "</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>"       \
    "<os><type arch='x86_64' machine='pc'>hvm</type></os><cpu mode='custom'><model>qemu64</model></cpu><devices>"      \
    "<controller type='usb' model='none'/><memballoon model='none'/>" extra "</devices></domain>"
#define TPM(inner) "<tpm model='tpm-crb'><backend type='emulator' version='2.0'>" inner "</backend></tpm>"
#define VM         "aaaaaaaa-0000-4000-8000-0000000000ff"
#define ENCRYPTED  TPM("<encryption secret='aaaaaaaa-0000-4000-8000-000000000001'/>")

static int no_domain(void **state)
{
    virsh("destroy hv-test", "");
    virsh("undefine hv-test --nvram", "");
    return no_secrets(state);
}

static void a_stored_domain_names_a_secret_and_has_no_live_tpm(void **state)
{
    struct hv_users users;
    struct hv_tpm tpm;
    struct err e;

    (void)state;
    assert_false(hv_live_tpm(hv, &vm, &tpm, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(e.libvirt_code, 42);
    assert_true(virsh("define /dev/stdin", DOMAIN("hv-test", VM, ENCRYPTED)));
    assert_false(hv_live_tpm(hv, &vm, &tpm, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);

    assert_true(hv_secret_users(hv, &uuid_a, "x", &users, &e));
    assert_true(users.named);
    assert_false(users.used);
    assert_string_equal(users.domain, "hv-test");
    assert_true(hv_secret_users(hv, &uuid_b, NULL, &users, &e));
    assert_false(users.named);
}

/* That it starts proves that the value outlived the new description. */
static void a_live_domain_uses_its_secret_whose_value_a_new_description_keeps(void **state)
{
    struct hv_secret secret = secret_make(&uuid_a, "keyferry/vtpm/a");
    struct hv_users users;
    struct hv_tpm tpm;
    struct err e;

    (void)state;
    assert_true(hv_secret_define(hv, &secret, NULL, &e));
    assert_true(virsh("define /dev/stdin", DOMAIN("hv-test", VM, ENCRYPTED)));
    assert_false(virsh("start hv-test --paused", "")); /* no value yet */
    assert_true(hv_secret_define(hv, &secret, &dek, &e));
    snprintf(secret.description, sizeof(secret.description), "another");
    assert_true(hv_secret_define(hv, &secret, NULL, &e));
    assert_true(virsh("start hv-test --paused", ""));

    assert_true(hv_live_tpm(hv, &vm, &tpm, &e));
    assert_true(tpm.present && tpm.encrypted);
    assert_string_equal(tpm.secret_uuid.text, uuid_a.text);
    assert_true(hv_secret_users(hv, &uuid_a, NULL, &users, &e));
    assert_true(users.used && users.named);
}

static void a_live_domain_without_encryption_or_without_tpm_says_so(void **state)
{
    struct hv_tpm tpm;
    struct err e;

    (void)state;
    assert_true(virsh("create /dev/stdin --paused", DOMAIN("hv-test", VM, TPM(""))));
    assert_true(hv_live_tpm(hv, &vm, &tpm, &e));
    assert_true(tpm.present);
    assert_false(tpm.encrypted);
    assert_true(virsh("destroy hv-test", ""));
    assert_true(virsh("create /dev/stdin --paused", DOMAIN("hv-test", VM, "")));
    assert_true(hv_live_tpm(hv, &vm, &tpm, &e));
    assert_false(tpm.present);
}

/* One call on a thread of its own, and how long it took. */
struct caller {
    pthread_t thread;
    unsigned number, rounds;
    bool ok;
    struct err e;
    int64_t took_ms;
};

static void *define_once(void *arg)
{
    struct caller *c = arg;
    struct hv_secret secret = secret_make(&uuid_a, "keyferry/vtpm/a");
    int64_t began = now_ms();

    c->ok = hv_secret_define(hv, &secret, &dek, &c->e);
    c->took_ms = now_ms() - began;
    return NULL;
}

static void *define_many(void *arg)
{
    struct caller *c = arg;
    struct hv_secret secret = secret_make(&uuid_a, ""), found;

    snprintf(secret.uuid.text, sizeof(secret.uuid.text), "bbbbbbbb-0000-4000-8000-%012u", c->number);
    snprintf(secret.usage_id, sizeof(secret.usage_id), "keyferry/vtpm/many-%u", c->number);
    c->ok = true;
    for (unsigned i = 0; i < c->rounds && c->ok; i++)
        c->ok = hv_secret_define(hv, &secret, &dek, &c->e) &&
                hv_secret_by_usage(hv, HV_USAGE_VTPM, secret.usage_id, &found, &c->e) &&
                strcmp(found.uuid.text, secret.uuid.text) == 0 && hv_secret_undefine(hv, &secret.uuid, &c->e);
    return NULL;
}

static void callers_start(struct caller callers[THREADS], void *(*run)(void *), unsigned rounds)
{
    for (unsigned i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.number = i, .rounds = rounds};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, run, &callers[i]), 0);
    }
}

static void callers_join(struct caller callers[THREADS])
{
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(callers[i].thread, NULL);
}

static void many_threads_share_one_hypervisor(void **state)
{
    struct caller callers[THREADS];

    (void)state;
    callers_start(callers, define_many, 50);
    callers_join(callers);
    for (unsigned i = 0; i < THREADS; i++)
        if (!callers[i].ok)
            fail_msg("thread %u: %s", i, callers[i].e.text);
}

static void a_killed_libvirtd_is_away_until_it_is_back_with_nothing(void **state)
{
    struct hv_secret secret = secret_make(&uuid_a, "keyferry/vtpm/a"), found;
    struct err e;

    (void)state;
    assert_true(hv_secret_define(hv, &secret, &dek, &e));
    libvirtd("kill");
    assert_false(hv_secret_by_uuid(hv, &uuid_a, &found, &e));
    assert_int_equal(e.kind, ERR_HYPERVISOR_AWAY);
    assert_int_equal(e.effect, EFFECT_NONE);
    assert_true(becomes(hv, false));
    assert_false(hv_secret_define(hv, &secret, &dek, &e));
    assert_int_equal(e.kind, ERR_HYPERVISOR_AWAY);
    assert_int_equal(e.effect, EFFECT_NONE); /* it was known to be away: nothing was sent */
    libvirtd("start");
    assert_true(becomes(hv, true));
    assert_false(hv_secret_by_uuid(hv, &uuid_a, &found, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

/* Whether the write or the read finds out first is a matter of luck: under valgrind it is the write. */
static void a_write_to_a_libvirtd_that_died_does_not_end_the_process(void **state)
{
    struct sigaction action;

    (void)state;
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_ptr_equal(action.sa_handler, SIG_IGN);
}

static void calls_on_the_way_when_libvirtd_dies_have_an_unknown_effect(void **state)
{
    struct caller callers[THREADS];
    unsigned unknown = 0;

    (void)state;
    libvirtd("freeze");
    callers_start(callers, define_once, 0);
    sleep_ms(300);
    libvirtd("kill");
    callers_join(callers);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_false(callers[i].ok);
        assert_int_equal(callers[i].e.kind, ERR_HYPERVISOR_AWAY);
        unknown += callers[i].e.effect == EFFECT_UNKNOWN;
    }
    assert_in_range(unknown, 1, THREADS);
    libvirtd("start");
    assert_true(becomes(hv, true));
}

static void all_calls_to_a_frozen_libvirtd_return_within_4_s(void **state)
{
    struct caller callers[THREADS];

    (void)state;
    libvirtd("freeze");
    callers_start(callers, define_once, 0);
    callers_join(callers);
    libvirtd("thaw");
    for (unsigned i = 0; i < THREADS; i++) {
        assert_false(callers[i].ok);
        assert_int_equal(callers[i].e.kind, ERR_HYPERVISOR_AWAY);
        assert_in_range(callers[i].took_ms, 0, 4000);
    }
    assert_true(becomes(hv, true));
}

static void a_frozen_libvirtd_is_noticed_without_a_call(void **state)
{
    (void)state;
    libvirtd("freeze");
    assert_true(becomes(hv, false));
    libvirtd("thaw");
    assert_true(becomes(hv, true));
}

/* What a keeper told. */
struct told {
    pthread_mutex_t lock;
    unsigned ups, downs;
    char why[200];
};

static void on_change(void *arg, bool up, const char *why)
{
    struct told *told = arg;

    pthread_mutex_lock(&told->lock);
    told->ups += up;
    told->downs += !up;
    snprintf(told->why, sizeof(told->why), "%s", why);
    pthread_mutex_unlock(&told->lock);
}

static bool was_told(struct told *told, unsigned ups, unsigned downs)
{
    int64_t until = now_ms() + PATIENCE_MS;
    bool so = false;

    while (!so && now_ms() < until) {
        sleep_ms(5);
        pthread_mutex_lock(&told->lock);
        so = told->ups == ups && told->downs == downs;
        pthread_mutex_unlock(&told->lock);
    }
    return so;
}

static void a_keeper_tells_once_of_each_change(void **state)
{
    struct told told = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct hv *watched;
    struct err e;

    (void)state;
    libvirtd("kill");
    assert_true(hv_open(getenv("KEYFERRY_TEST_URI"), on_change, &told, &watched, &e));
    assert_true(was_told(&told, 0, 1));
    assert_non_null(strstr(told.why, "connect"));
    assert_false(hv_is_up(watched));
    libvirtd("start");
    assert_true(was_told(&told, 1, 1));
    assert_true(hv_is_up(watched));
    libvirtd("restart");
    assert_true(was_told(&told, 2, 2));
    hv_close(watched);
    assert_int_equal(told.downs, 2);
}

struct arrivals {
    pthread_mutex_t lock;
    unsigned count;
    struct uuid last;
};

static void on_arrival(void *arg, const struct uuid *who)
{
    struct arrivals *arrivals = arg;

    pthread_mutex_lock(&arrivals->lock);
    arrivals->count++;
    arrivals->last = *who;
    pthread_mutex_unlock(&arrivals->lock);
}

static bool arrived(struct arrivals *arrivals, unsigned count)
{
    int64_t until = now_ms() + PATIENCE_MS;
    bool so = false;

    while (!so && now_ms() < until) {
        sleep_ms(5);
        pthread_mutex_lock(&arrivals->lock);
        so = arrivals->count == count;
        pthread_mutex_unlock(&arrivals->lock);
    }
    return so;
}

static void vms_that_begin_to_run_are_told_over_restarts_of_libvirtd(void **state)
{
    struct arrivals arrivals = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct hv *watched;
    struct err e;

    (void)state;
    assert_true(hv_open(getenv("KEYFERRY_TEST_URI"), NULL, NULL, &watched, &e));
    hv_watch_arrivals(watched, on_arrival, &arrivals);
    assert_true(becomes(watched, true));
    for (unsigned i = 1; i <= 2; i++) {
        assert_true(virsh("define /dev/stdin", DOMAIN("hv-test", VM, "")));
        assert_true(arrived(&arrivals, i - 1));
        assert_true(virsh("start hv-test --paused", ""));
        assert_true(arrived(&arrivals, i));
        no_domain(NULL);
        if (i == 1) {
            libvirtd("restart");
            assert_true(becomes(watched, false) || hv_is_up(watched));
            assert_true(becomes(watched, true));
            assert_true(becomes(hv, true));
        }
    }
    hv_close(watched);
    assert_true(virsh("create /dev/stdin --paused", DOMAIN("hv-test", VM, "")));
    assert_int_equal(arrivals.count, 2); /* nobody else has it any more */
    assert_string_equal(arrivals.last.text, vm.text);
}

static void closing_waits_a_second_for_a_frozen_libvirtd_and_no_longer(void **state)
{
    struct hv *frozen;
    struct err e;
    int64_t began;

    (void)state;
    libvirtd("freeze");
    assert_true(hv_open(getenv("KEYFERRY_TEST_URI"), NULL, NULL, &frozen, &e));
    sleep_ms(200);
    began = now_ms();
    hv_close(frozen);
    assert_in_range(now_ms() - began, 0, 1800);
    libvirtd("thaw");
}

static void closing_at_once_and_closing_nothing_are_fine(void **state)
{
    struct hv *brief;
    struct err e;

    (void)state;
    hv_close(NULL);
    for (int i = 0; i < 20; i++) {
        assert_true(hv_open(getenv("KEYFERRY_TEST_URI"), NULL, NULL, &brief, &e));
        if (i % 2 == 1)
            assert_true(becomes(brief, true));
        hv_close(brief);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_defined_is_found_by_uuid_and_by_usage, no_secrets, no_secrets),
        cmocka_unit_test_setup(what_is_not_there_is_told_by_the_pair_66_30, no_secrets),
        cmocka_unit_test_setup(another_usage_id_or_another_uuid_is_a_conflict_told_by_1_30, no_secrets),
        cmocka_unit_test_setup(another_usage_type_is_silently_accepted, no_secrets),
        cmocka_unit_test_setup_teardown(what_others_defined_is_seen_for_what_it_is, no_secrets, no_secrets),
        cmocka_unit_test_setup(what_libvirt_cannot_take_is_its_error_and_changes_nothing, no_secrets),
        cmocka_unit_test_setup_teardown(a_stored_domain_names_a_secret_and_has_no_live_tpm, no_domain, no_domain),
        cmocka_unit_test_setup_teardown(a_live_domain_uses_its_secret_whose_value_a_new_description_keeps, no_domain,
                                        no_domain),
        cmocka_unit_test_setup_teardown(a_live_domain_without_encryption_or_without_tpm_says_so, no_domain, no_domain),
        cmocka_unit_test(many_threads_share_one_hypervisor),
        cmocka_unit_test_setup(a_killed_libvirtd_is_away_until_it_is_back_with_nothing, no_secrets),
        cmocka_unit_test(a_write_to_a_libvirtd_that_died_does_not_end_the_process),
        cmocka_unit_test(calls_on_the_way_when_libvirtd_dies_have_an_unknown_effect),
        cmocka_unit_test(all_calls_to_a_frozen_libvirtd_return_within_4_s),
        cmocka_unit_test(a_frozen_libvirtd_is_noticed_without_a_call),
        cmocka_unit_test(a_keeper_tells_once_of_each_change),
        cmocka_unit_test_setup_teardown(vms_that_begin_to_run_are_told_over_restarts_of_libvirtd, no_domain, no_domain),
        cmocka_unit_test(closing_waits_a_second_for_a_frozen_libvirtd_and_no_longer),
        cmocka_unit_test(closing_at_once_and_closing_nothing_are_fine),
    };

    return cmocka_run_group_tests_name("hypervisor", tests, open_hv, close_hv);
}
