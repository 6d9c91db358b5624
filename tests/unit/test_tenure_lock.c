#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/tenure_lock.h"

static char top[] = "/tmp/keyferry-tenure-XXXXXX", path[64];
static int fd = -1;
#define LOCK ((struct tenure_lock){fd, 40})

static int open_one(void **state)
{
    struct err e;

    (void)state;
    strcpy(top + strlen(top) - 6, "XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/host", top);
    return tenure_lock_open(path, &fd, &e) ? 0 : -1;
}

static int close_one(void **state)
{
    (void)state;
    close(fd);
    unlink(path);
    return rmdir(top);
}

/* A process of its own that calls fn() with the file opened anew and then stays until end_other(). */
static pid_t start_other(bool (*fn)(int file))
{
    int ready[2], file;
    char done = 'n';
    struct err e;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        done = tenure_lock_open(path, &file, &e) && fn(file) ? 'y' : 'n';
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

/* How it ended: by which signal. */
static int end_other(pid_t pid)
{
    int status;

    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static bool take(int file)
{
    return tenure_lock_take((struct tenure_lock){file, 40});
}

static bool cannot_take(int file)
{
    return !tenure_lock_take((struct tenure_lock){file, 40});
}

static bool ask(int file)
{
    tenure_lock_ask((struct tenure_lock){file, 40}, true);
    return true;
}

static bool do_nothing(int file)
{
    (void)file;
    return true;
}

static void makes_a_file_that_only_we_can_open_and_no_program_we_start_gets(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void says_which_file_cannot_be_opened_or_locked(void **state)
{
    struct err e;
    int out;

    (void)state;
    assert_false(tenure_lock_open("/proc/none/host", &out, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_non_null(strstr(e.text, "/proc/none/host"));
    assert_int_equal(symlink("/etc/passwd", "/tmp/keyferry-tenure-link"), 0);
    assert_false(tenure_lock_open("/tmp/keyferry-tenure-link", &out, &e));
    assert_int_equal(unlink("/tmp/keyferry-tenure-link"), 0);
}

static void one_holds_and_the_kernel_says_who(void **state)
{
    pid_t other = start_other(take);

    (void)state;
    assert_false(tenure_lock_take(LOCK));
    assert_int_equal(tenure_lock_holder(LOCK), other);
    assert_int_equal(end_other(other), SIGTERM);
    assert_int_equal(tenure_lock_holder(LOCK), 0);
    assert_true(tenure_lock_take(LOCK));
    assert_true(tenure_lock_take(LOCK));
    other = start_other(cannot_take);
    tenure_lock_drop(LOCK);
    end_other(other);
}

static void a_child_does_not_hold_what_its_parent_does(void **state)
{
    int status;
    pid_t child;

    (void)state;
    assert_true(tenure_lock_take(LOCK));
    child = fork();
    if (child == 0)
        _exit(tenure_lock_holder(LOCK) == getppid() && !tenure_lock_take(LOCK) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    end_other(start_other(cannot_take));
}

static void several_may_ask_and_the_dead_ask_no_more(void **state)
{
    pid_t first, second;

    (void)state;
    tenure_lock_ask(LOCK, true);
    assert_false(tenure_lock_is_asked(LOCK));
    first = start_other(do_nothing);
    second = start_other(do_nothing);
    assert_false(tenure_lock_is_asked(LOCK));
    end_other(first);
    end_other(second);
    tenure_lock_ask(LOCK, false);
    first = start_other(ask);
    second = start_other(ask);
    assert_true(tenure_lock_is_asked(LOCK));
    end_other(first);
    assert_true(tenure_lock_is_asked(LOCK));
    end_other(second);
    assert_false(tenure_lock_is_asked(LOCK));
}

static void two_hosts_of_one_file_know_nothing_of_each_other(void **state)
{
    const struct tenure_lock neighbours[] = {{fd, 38}, {fd, 42}};
    pid_t holder = start_other(take), asker = start_other(ask);

    (void)state;
    assert_int_equal(tenure_lock_holder(LOCK), holder);
    assert_true(tenure_lock_is_asked(LOCK));
    for (size_t i = 0; i < COUNT(neighbours); i++) {
        assert_int_equal(tenure_lock_holder(neighbours[i]), 0);
        assert_false(tenure_lock_is_asked(neighbours[i]));
        assert_true(tenure_lock_take(neighbours[i]));
    }
    end_other(holder);
    end_other(asker);
    assert_true(tenure_lock_take(LOCK));
    tenure_lock_drop(neighbours[0]);
    end_other(start_other(cannot_take));
}

/* Those of machines of one delivery may differ in their last digits only. */
static void hosts_are_spread_over_the_files(void **state)
{
    enum { HOSTS = 20000, EVEN = HOSTS / TENURE_FILES };
    unsigned in_file[TENURE_FILES] = {0};
    struct uuid host;

    (void)state;
    for (unsigned i = 1; i <= HOSTS; i++) {
        struct tenure_place place;

        snprintf(host.text, sizeof(host.text), "4c4c4544-0000-1000-8000-%012x", i);
        place = tenure_place_of(&host);
        assert_true(place.at >= 0 && place.at % 2 == 0);
        in_file[place.file]++;
    }
    for (size_t i = 0; i < TENURE_FILES; i++)
        assert_in_range(in_file[i], EVEN / 2, EVEN * 2);
}

/* As it is where a pid was given to another process after the holder had died. */
static void does_not_kill_whoever_does_not_hold_it(void **state)
{
    pid_t bystander = start_other(ask), holder;
    struct err e;

    (void)state;
    assert_false(tenure_lock_kill(LOCK, bystander, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_non_null(strstr(e.text, "does not hold it any more"));
    holder = start_other(take);
    assert_false(tenure_lock_kill(LOCK, bystander, &e));
    assert_int_equal(end_other(bystander), SIGTERM);
    assert_false(tenure_lock_kill(LOCK, bystander, &e));
    assert_non_null(strstr(e.text, "No such process"));
    assert_int_equal(end_other(holder), SIGTERM);
}

static void kills_a_holder_that_is_stopped(void **state)
{
    pid_t holder = start_other(take);
    int status;
    struct err e;

    (void)state;
    kill(holder, SIGSTOP);
    assert_true(tenure_lock_kill(LOCK, holder, &e));
    assert_int_equal(waitpid(holder, &status, 0), holder);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_true(tenure_lock_take(LOCK));
}

/* 0: as it should be; 1: not; 77: namespaces are not to be had. */
static int look_from_another_namespace(void)
{
    struct err e;
    int status;
    pid_t child;

    if (unshare(CLONE_NEWPID) != 0)
        return 77;
    child = fork();
    if (child == 0)
        _exit(tenure_lock_holder(LOCK) == -1 && !tenure_lock_kill(LOCK, -1, &e) && strstr(e.text, "namespace") ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : 77;
}

static void a_holder_outside_the_pid_namespace_is_nobody_it_could_kill(void **state)
{
    pid_t holder = start_other(take), child = fork();
    int status;

    (void)state;
    if (child == 0)
        _exit(look_from_another_namespace());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(end_other(holder), SIGTERM);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_one, close_one)
    const struct CMUnitTest tests[] = {
        TEST(makes_a_file_that_only_we_can_open_and_no_program_we_start_gets),
        TEST(says_which_file_cannot_be_opened_or_locked),
        TEST(one_holds_and_the_kernel_says_who),
        TEST(a_child_does_not_hold_what_its_parent_does),
        TEST(several_may_ask_and_the_dead_ask_no_more),
        TEST(two_hosts_of_one_file_know_nothing_of_each_other),
        TEST(hosts_are_spread_over_the_files),
        TEST(does_not_kill_whoever_does_not_hold_it),
        TEST(kills_a_holder_that_is_stopped),
        TEST(a_holder_outside_the_pid_namespace_is_nobody_it_could_kill),
    };

    return cmocka_run_group_tests_name("tenure lock", tests, NULL, NULL);
}
