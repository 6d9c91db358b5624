#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/handlers.h"
#include "worker/metrics_table.h"

static struct metrics metrics;
static struct status status;
static char text[8 << 20];
static int64_t ready_below; /* hosts of a lower index are ready */

static void host(void *arg, size_t index, struct host_status *out)
{
    static char uuid[UUID_CHARS + 1];

    (void)arg;
    snprintf(uuid, sizeof(uuid), "aaaaaaaa-0000-4000-8000-%012zx", index);
    *out =
        (struct host_status){.uuid = uuid, .is_ready = (int64_t)index < ready_below, .heard_ms = 1500, .messages = -1};
}

static int set_up(void **state)
{
    (void)state;
    memset(&metrics, 0, sizeof(metrics));
    status = (struct status){.metrics = &metrics, .worker = "w", .hosts = 2, .host = host};
    ready_below = 1;
    return 0;
}

static const char *written(void)
{
    struct evbuffer *out = evbuffer_new();
    size_t len;

    metrics_write(&status, out);
    len = evbuffer_get_length(out);
    assert_true(len < sizeof(text));
    evbuffer_remove(out, text, len);
    text[len] = '\0';
    evbuffer_free(out);
    return text;
}

static void says(const char *line)
{
    char whole[300];

    snprintf(whole, sizeof(whole), "\n%s\n", line);
    if (strstr(written(), whole) == NULL)
        fail_msg("no line %s", line);
}

static void says_not(const char *what)
{
    if (strstr(written(), what) != NULL)
        fail_msg("it has %s", what);
}

static size_t count_lines(const char *begin)
{
    size_t count = 0;

    for (const char *at = written(); (at = strstr(at, begin)) != NULL; at++)
        count += at == text || at[-1] == '\n';
    return count;
}

/* As life.c has it when a request is settled. */
static struct request *answered(const struct handler *handler, bool failed, enum err_kind kind)
{
    static struct request r;

    memset(&r, 0, sizeof(r));
    r.arrived_us = 1000000;
    r.begun_us = 1000300;
    r.work.handler = handler;
    r.work.libvirt_us = 2000;
    r.work.failed = failed;
    r.work.err.kind = kind;
    metrics_answered(&metrics, &r, 1003000);
    return &r;
}

static void the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < metric_count; i++) {
        const struct metric *m = &metric_table[i];
        char line[600];

        assert_non_null(m->write);
        assert_true(m->help[0] != '\0' && m->help[strlen(m->help) - 1] == '.');
        assert_null(strpbrk(m->help, "\\\n"));
        snprintf(line, sizeof(line), "# HELP %s ", m->name);
        assert_int_equal(count_lines(line), 1);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(m->name, metric_table[k].name);
    }
    assert_in_range(metric_count, 40, 200);
    for (size_t i = 0; message_at(i) != NULL; i++)
        assert_true(i < METRICS_MESSAGES);
}

static void a_request_counts_by_its_message_and_outcome(void **state)
{
    (void)state;
    answered(handler_find("SecretHostGetMsg"), false, ERR_NONE);
    answered(handler_find("SecretHostGetMsg"), true, ERR_NOT_FOUND);
    answered(NULL, true, ERR_NO_HANDLER);
    says("keyferry_requests_total{message=\"SecretHostGetMsg\",code=\"ok\"} 1");
    says("keyferry_requests_total{message=\"SecretHostGetMsg\",code=\"KEY_AGENT_SECRET_NOT_FOUND\"} 1");
    says("keyferry_requests_total{message=\"other\",code=\"SYS.1008\"} 1");
    says("keyferry_requests_total{message=\"SecretHostDefineMsg\",code=\"ok\"} 0");
    says_not("keyferry_requests_total{message=\"SecretHostDefineMsg\",code=\"SYS.1006\"}");
}

static void kinds_of_one_code_are_one_series_and_others_codes_are_not_labels(void **state)
{
    const struct handler *get = handler_find("SecretHostGetMsg");

    (void)state;
    answered(get, true, ERR_REQUIRED);
    answered(get, true, ERR_LIBVIRT);
    answered(get, true, ERR_DEADLY);
    answered(get, true, ERR_FOREIGN);
    says("keyferry_requests_total{message=\"SecretHostGetMsg\",code=\"SYS.1006\"} 3");
    says("keyferry_requests_total{message=\"SecretHostGetMsg\",code=\"other\"} 1");
    assert_int_equal(count_lines("keyferry_requests_total{message=\"SecretHostGetMsg\""), 3);
}

static void times_are_in_seconds_and_buckets_add_up(void **state)
{
    (void)state;
    answered(handler_find("SecretHostGetMsg"), false, ERR_NONE);
    answered(handler_find("SecretHostGetMsg"), false, ERR_NONE);
    says("keyferry_request_duration_seconds_bucket{message=\"SecretHostGetMsg\",le=\"0.0025\"} 0");
    says("keyferry_request_duration_seconds_bucket{message=\"SecretHostGetMsg\",le=\"0.005\"} 2");
    says("keyferry_request_duration_seconds_bucket{message=\"SecretHostGetMsg\",le=\"+Inf\"} 2");
    says("keyferry_request_duration_seconds_sum{message=\"SecretHostGetMsg\"} 0.006000");
    says("keyferry_request_duration_seconds_count{message=\"SecretHostGetMsg\"} 2");
    says("keyferry_request_libvirt_seconds_sum{message=\"SecretHostGetMsg\"} 0.004000");
    says("keyferry_request_waiting_seconds_bucket{le=\"0.00025\"} 0");
    says("keyferry_request_waiting_seconds_bucket{le=\"0.0005\"} 2");
    says("keyferry_request_waiting_seconds_sum 0.000600");
}

static void what_was_never_begun_has_not_waited_to_be_begun(void **state)
{
    struct request r = {.arrived_us = 5, .is_duplicate = true, .was_dead_lettered = true};

    (void)state;
    metrics_answered(&metrics, &r, 10);
    says("keyferry_request_waiting_seconds_count 0");
    says("keyferry_request_duration_seconds_count{message=\"other\"} 1");
    says_not("keyferry_request_libvirt_seconds_count");
    says("keyferry_duplicates_total 1");
    says("keyferry_dead_lettered_total 1");
}

static void what_is_not_known_is_absent(void **state)
{
    (void)state;
    status.dead_letters = status.leases = status.usage.open_fds = -1;
    status.secrets = 0;
    status.usage.cpu_us = 1500000;
    says("keyferry_secrets 0");
    says("process_cpu_seconds_total 1.500000");
    says_not("\nkeyferry_dead_letters ");
    says_not("\nkeyferry_leases ");
    says_not("\nprocess_open_fds ");
    says("# TYPE keyferry_dead_letters gauge");
}

static void each_host_has_its_series(void **state)
{
    (void)state;
    says("keyferry_host_ready{host=\"aaaaaaaa-0000-4000-8000-000000000000\"} 1");
    says("keyferry_host_ready{host=\"aaaaaaaa-0000-4000-8000-000000000001\"} 0");
    says("keyferry_host_queue_heard_timestamp_seconds{host=\"aaaaaaaa-0000-4000-8000-000000000001\"} 1.500");
    says_not("\nkeyferry_host_queue_messages");
}

static void of_very_many_hosts_only_those_that_are_not_ready_have_and_not_all_of_them(void **state)
{
    (void)state;
    status.hosts = METRICS_HOSTS_MAX + 1;
    ready_below = METRICS_HOSTS_MAX - 1;
    assert_int_equal(count_lines("keyferry_host_ready{"), 2);
    ready_below = 0;
    assert_int_equal(count_lines("keyferry_host_ready{"), METRICS_HOSTS_MAX);
    status.hosts = METRICS_HOSTS_MAX;
    ready_below = METRICS_HOSTS_MAX;
    assert_int_equal(count_lines("keyferry_host_ready{"), METRICS_HOSTS_MAX);
}

static void the_workers_name_cannot_end_its_label(void **state)
{
    (void)state;
    status.worker = "a\"b\\c\nd";
    assert_non_null(strstr(written(), ",worker=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_table_is_sound, set_up),
        cmocka_unit_test_setup(a_request_counts_by_its_message_and_outcome, set_up),
        cmocka_unit_test_setup(kinds_of_one_code_are_one_series_and_others_codes_are_not_labels, set_up),
        cmocka_unit_test_setup(times_are_in_seconds_and_buckets_add_up, set_up),
        cmocka_unit_test_setup(what_was_never_begun_has_not_waited_to_be_begun, set_up),
        cmocka_unit_test_setup(what_is_not_known_is_absent, set_up),
        cmocka_unit_test_setup(each_host_has_its_series, set_up),
        cmocka_unit_test_setup(of_very_many_hosts_only_those_that_are_not_ready_have_and_not_all_of_them, set_up),
        cmocka_unit_test_setup(the_workers_name_cannot_end_its_label, set_up),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
