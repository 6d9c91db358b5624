#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/log.h"

/* What log_event() writes to stderr lands in a pipe. */
static int pipe_ends[2], real_stderr;

static int catch_stderr(void **state)
{
    (void)state;
    real_stderr = dup(STDERR_FILENO);
    return pipe(pipe_ends) != 0 || dup2(pipe_ends[1], STDERR_FILENO) < 0;
}

static int give_stderr_back(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(pipe_ends[0]);
    return close(pipe_ends[1]);
}

static const char *line(void)
{
    static char text[8192];
    ssize_t n = read(pipe_ends[0], text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' lacks '%s'", text, part);
}

static void writes_pairs_and_leaves_empty_ones_out(void **state)
{
    const char *got;

    (void)state;
    log_event(LOG_LEVEL_INFO, "request", "id", "r-1", "field", "", "user", (char *)NULL, "outcome", "ok", (char *)NULL);
    got = line();
    assert_int_equal(strncmp(got, "ts=2", 4), 0);
    says(got, " level=info event=request id=r-1 outcome=ok\n");
    assert_null(strstr(got, "field"));
}

static void an_outsiders_value_cannot_forge_a_line(void **state)
{
    (void)state;
    log_event(LOG_LEVEL_INFO, "request", "id", "x\nlevel=error event=\"gone\" \\ a=b\x7f", (char *)NULL);
    says(line(), " id=\"x\\u000alevel=error event=\\\"gone\\\" \\\\ a=b\\u007f\"\n");
}

static void lines_above_the_level_are_not_written(void **state)
{
    const char *got;

    (void)state;
    log_set_level(LOG_LEVEL_WARN);
    log_event(LOG_LEVEL_INFO, "quiet", (char *)NULL);
    log_event(LOG_LEVEL_WARN, "loud", (char *)NULL);
    log_set_level(LOG_LEVEL_INFO);
    got = line();
    says(got, "event=loud\n");
    assert_null(strstr(got, "quiet"));
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

static void lines_are_json_from_when_on_it_is_wanted(void **state)
{
    const char *got;

    (void)state;
    log_set_format(LOG_FORMAT_JSON);
    log_event(LOG_LEVEL_WARN, "reloaded", "details", "a \"b\"", (char *)NULL);
    log_set_format(LOG_FORMAT_LOGFMT);
    got = line();
    assert_int_equal(strncmp(got, "{\"ts\":\"2", 8), 0);
    says(got, "\"level\":\"warn\",\"event\":\"reloaded\",\"details\":\"a \\\"b\\\"\"}\n");
}

static void what_says_the_same_but_for_ids_is_left_out_and_that_is_told(void **state)
{
    char id[16];
    const char *got;

    (void)state;
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof(id), "r-%d", i);
        log_event(LOG_LEVEL_WARN, "answer-ignored", "id", id, "user", "mallory", (char *)NULL);
        log_event(LOG_LEVEL_INFO, "request", "id", "r-1", (char *)NULL); /* requests are all told */
    }
    log_event(LOG_LEVEL_WARN, "answer-ignored", "id", "r-1", "user", "another", (char *)NULL);
    log_tell_left_out(true);
    got = line();
    assert_int_equal(count(got, "user=mallory"), 5);
    assert_int_equal(count(got, "event=request"), 12);
    assert_int_equal(count(got, "user=another"), 1);
    says(got, " level=warn event=left-out of=answer-ignored count=7 ");
}

/* sd-daemon(3): "<4>" is a warning. */
static void journald_is_told_how_bad_it_is(void **state)
{
    char stream[64];
    struct stat st;

    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_open();
    log_event(LOG_LEVEL_WARN, "watched", (char *)NULL);
    assert_int_equal(strncmp(line(), "<4>ts=", 6), 0);
    setenv("JOURNAL_STREAM", "1:2", 1); /* inherited, and stderr is another file since */
    log_open();
    log_event(LOG_LEVEL_WARN, "unwatched", (char *)NULL);
    assert_int_equal(strncmp(line(), "ts=", 3), 0);
    unsetenv("JOURNAL_STREAM");
    log_open();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_pairs_and_leaves_empty_ones_out, catch_stderr, give_stderr_back),
        cmocka_unit_test_setup_teardown(an_outsiders_value_cannot_forge_a_line, catch_stderr, give_stderr_back),
        cmocka_unit_test_setup_teardown(lines_above_the_level_are_not_written, catch_stderr, give_stderr_back),
        cmocka_unit_test_setup_teardown(lines_are_json_from_when_on_it_is_wanted, catch_stderr, give_stderr_back),
        cmocka_unit_test_setup_teardown(what_says_the_same_but_for_ids_is_left_out_and_that_is_told, catch_stderr,
                                        give_stderr_back),
        cmocka_unit_test_setup_teardown(journald_is_told_how_bad_it_is, catch_stderr, give_stderr_back),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
