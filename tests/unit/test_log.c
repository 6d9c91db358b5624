#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
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
    says(line(), " id=\"x\\x0alevel=error event=\\\"gone\\\" \\\\ a=b\\x7f\"\n");
}

static void a_line_that_is_too_long_still_ends_with_a_newline(void **state)
{
    char value[6000];
    const char *got;

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    log_event(LOG_LEVEL_INFO, "request", "details", value, (char *)NULL);
    got = line();
    assert_int_equal(strlen(got), 4096);
    assert_int_equal(got[4095], '\n');
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_pairs_and_leaves_empty_ones_out, catch_stderr, give_stderr_back),
        cmocka_unit_test_setup_teardown(an_outsiders_value_cannot_forge_a_line, catch_stderr, give_stderr_back),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_still_ends_with_a_newline, catch_stderr,
                                        give_stderr_back),
        cmocka_unit_test_setup_teardown(lines_above_the_level_are_not_written, catch_stderr, give_stderr_back),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
