#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "worker/usage.h"

static void tells_what_this_process_uses(void **state)
{
    struct usage usage;

    (void)state;
    usage_read(&usage);
    assert_in_range(usage.resident_bytes, 1 << 20, usage.virtual_bytes);
    assert_in_range(usage.cpu_us, 1, 600000000);
    assert_in_range(usage.open_fds, 3, usage.max_fds);
    assert_in_range(usage.started_ms / 1000, time(NULL) - 600, time(NULL) + 1); /* time(2) may be a tick behind */
}

static void counts_each_open_file(void **state)
{
    struct usage before, after;
    int fd;

    (void)state;
    usage_read(&before);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    usage_read(&after);
    close(fd);
    assert_int_equal(after.open_fds, before.open_fds + 1);
}

static void is_not_misled_by_a_name_that_looks_like_the_rest_of_the_line(void **state)
{
    struct usage usage;

    (void)state;
    assert_int_equal(prctl(PR_SET_NAME, ") R 1 2 3 4 5"), 0);
    usage_read(&usage);
    assert_in_range(usage.started_ms / 1000, time(NULL) - 600, time(NULL) + 1); /* time(2) may be a tick behind */
    assert_in_range(usage.resident_bytes, 1 << 20, usage.virtual_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_this_process_uses),
        cmocka_unit_test(counts_each_open_file),
        cmocka_unit_test(is_not_misled_by_a_name_that_looks_like_the_rest_of_the_line),
    };

    return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
