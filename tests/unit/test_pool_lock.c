#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/pool_lock.h"

static char top[32], path[64];
static int fd;

static int open_one(void **state)
{
    struct err e;

    (void)state;
    strcpy(top, "/tmp/keyferry-pool-XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/pool", top);
    return pool_lock_open(path, &fd, &e) ? 0 : -1;
}

static int close_one(void **state)
{
    (void)state;
    close(fd);
    unlink(path);
    return rmdir(top);
}

/* Another process, which is there until it is killed, or is not, and lives all the same. */
static pid_t start_other(bool is_there)
{
    int ready[2], file;
    char done;
    struct err e;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        done = !is_there || pool_lock_open(path, &file, &e) ? 'y' : 'n';
        (void)!write(ready[1], &done, 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &done, 1), 1);
    assert_int_equal(done, 'y');
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end_other(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void makes_a_file_that_only_we_can_open(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void who_is_there_is_seen_until_it_dies(void **state)
{
    pid_t one, other;

    (void)state;
    assert_false(pool_lock_has_others(fd));
    one = start_other(true);
    other = start_other(true);
    assert_true(pool_lock_has_others(fd));
    assert_true(pool_lock_has(fd, one) && pool_lock_has(fd, other));
    end_other(one);
    assert_false(pool_lock_has(fd, one));
    assert_true(pool_lock_has(fd, other));
    end_other(other);
    assert_false(pool_lock_has_others(fd));
}

static void a_process_that_only_lives_is_not_there_nor_are_we_another(void **state)
{
    pid_t other = start_other(false);

    (void)state;
    assert_false(pool_lock_has(fd, other));
    assert_false(pool_lock_has(fd, getpid()));
    assert_false(pool_lock_has(fd, 1));
    end_other(other);
}

static void says_which_file_cannot_be_opened(void **state)
{
    struct err e;
    int out;

    (void)state;
    assert_false(pool_lock_open("/proc/none/pool", &out, &e));
    assert_non_null(strstr(e.text, "/proc/none/pool"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_a_file_that_only_we_can_open, open_one, close_one),
        cmocka_unit_test_setup_teardown(who_is_there_is_seen_until_it_dies, open_one, close_one),
        cmocka_unit_test_setup_teardown(a_process_that_only_lives_is_not_there_nor_are_we_another, open_one, close_one),
        cmocka_unit_test(says_which_file_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
