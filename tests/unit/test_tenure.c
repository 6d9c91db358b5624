/* Workers that serve the same hosts are processes: so are those here, and the test speaks with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/log.h"
#include "worker/tenure.h"
#include "worker/tenure_lock.h"

enum {
    HOSTS = 2000,
    A = 0,
    B = 1,
    HEAR_MS = 20000,         /* the longest a test waits for what must come */
    FENCE_NEVER_MS = 600000, /* nothing that comes within HEAR_MS came of it */
    FENCE_SOON_MS = 300,
    FENCE_LATER_MS = 2000,
    NOBODY = 65534,
    QUIET = '-', /* what hear() gives when it is time to give up */
};

/* A worker in another process. What it is told and what it says is a letter and a host. */
struct process {
    pid_t pid;
    int fd;
};

struct word {
    char letter;
    uint16_t host;
};

/* ---- the side of the worker ---- */

struct self {
    struct event_base *base;
    struct tenures *tenures;
    int fd;
    bool is_obliging; /* gives up whatever it is asked for */
    bool is_alert;    /* says what is free, too */
};

static char top[] = "/tmp/keyferry-tenure-XXXXXX";
static struct config config;
static struct process started[4]; /* by the test that runs */
static size_t started_count;

static void say(int fd, char letter, size_t host)
{
    struct word word = {letter, (uint16_t)host};

    (void)!send(fd, &word, sizeof(word), MSG_NOSIGNAL);
}

static void on_news(void *arg, size_t host, enum tenure_news news, const char *text)
{
    static const char letters[] = {
        [TENURE_GRANTED] = 'G', [TENURE_ASKED] = 'A', [TENURE_FREE] = 'F', [TENURE_STUCK] = 'S'};
    struct self *self = arg;

    if ((news == TENURE_STUCK) != (text[0] != '\0'))
        abort();
    if (news == TENURE_ASKED && self->is_obliging)
        tenure_give(self->tenures, host);
    if (news != TENURE_FREE || self->is_alert)
        say(self->fd, letters[news], host);
}

/* A child that lives on with all that is open here. */
static void leave_a_child(void)
{
    if (fork() == 0)
        for (;;)
            pause();
}

static void obey(struct self *self, struct word word)
{
    struct tenures *t = self->tenures;

    if (word.letter == 'w')
        tenure_want(t, word.host);
    else if (word.letter == 'W')
        for (size_t i = 0; i < HOSTS; i++)
            tenure_want(t, i);
    else if (word.letter == 'g')
        tenure_give(t, word.host);
    else if (word.letter == 'o')
        self->is_obliging = true;
    else if (word.letter == 'a')
        self->is_alert = true;
    else if (word.letter == 'f')
        leave_a_child();
    else if (word.letter == 'u')
        (void)!setresuid(NOBODY, NOBODY, NOBODY);
    else if (word.letter == 't')
        say(self->fd, tenure_try(t, word.host) ? 'y' : 'n', word.host);
    else if (word.letter == 'h')
        say(self->fd, tenure_is_held(t, word.host) ? 'y' : 'n', word.host);
    else if (word.letter == 'p')
        say(self->fd, tenure_holder(t, word.host) != 0 ? 'y' : 'n', word.host);
    else if (word.letter == 'q')
        say(self->fd, tenure_is_wanted(t, word.host) ? 'y' : 'n', word.host);
}

static void on_word(evutil_socket_t fd, short what, void *arg)
{
    struct word word;

    (void)what;
    if (recv(fd, &word, sizeof(word), 0) != sizeof(word))
        _exit(0);
    obey(arg, word);
}

static _Noreturn void be_worker(int fd, unsigned fence_ms)
{
    struct self self = {.base = event_base_new(), .fd = fd};
    struct event *words = event_new(self.base, fd, EV_READ | EV_PERSIST, on_word, &self);
    struct err e;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    if (!tenures_open(self.base, &config, fence_ms, on_news, &self, &self.tenures, &e))
        _exit(1);
    event_add(words, NULL);
    say(fd, 'r', 0);
    event_base_dispatch(self.base);
    _exit(0);
}

/* ---- the side of the test ---- */

/* The next thing it says, and of which host; QUIET if nothing comes. */
static struct word hear_any(const struct process *p)
{
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    struct word word;

    if (poll(&ready, 1, HEAR_MS) != 1 || recv(p->fd, &word, sizeof(word), 0) != sizeof(word))
        return (struct word){QUIET, 0};
    return word;
}

static char hear(const struct process *p, size_t host)
{
    struct word word = hear_any(p);

    assert_true(word.host == host || word.letter == QUIET);
    return word.letter;
}

static void tell(const struct process *p, char letter, size_t host)
{
    say(p->fd, letter, host);
}

/* What it says to a question; and so all it has been told before is done. */
static char ask(const struct process *p, char letter, size_t host)
{
    tell(p, letter, host);
    return hear(p, host);
}

static struct process *start(unsigned fence_ms)
{
    struct process *p = &started[started_count++];
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    p->pid = fork();
    if (p->pid == 0) {
        close(ends[0]);
        be_worker(ends[1], fence_ms);
    }
    close(ends[1]);
    p->fd = ends[0];
    assert_int_equal(hear(p, 0), 'r');
    return p;
}

/* By which signal it ended by itself. */
static int await_end(struct process *p)
{
    int status;

    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    p->pid = 0;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static bool has_ended(const struct process *p)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

/* And what it has started, which is in its group. */
static void end(struct process *p)
{
    kill(-p->pid, SIGKILL);
    await_end(p);
}

static int end_all(void **state)
{
    (void)state;
    for (; started_count > 0; started_count--) {
        if (started[started_count - 1].pid != 0)
            end(&started[started_count - 1]);
        close(started[started_count - 1].fd);
    }
    config.host_count = 2;
    return 0;
}

static int make_top(void **state)
{
    struct rlimit files;

    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    config.hosts = calloc(HOSTS, sizeof(*config.hosts));
    if (config.hosts == NULL || mkdtemp(top) == NULL)
        return -1;
    for (unsigned i = 0; i < HOSTS; i++)
        snprintf(config.hosts[i].uuid.text, sizeof(config.hosts[i].uuid.text), "4c4c4544-0000-1000-8000-%012x", i);
    snprintf(config.state_dir, sizeof(config.state_dir), "%s", top);
    config.host_count = 2;
    return 0;
}

static void path_of(size_t host, char *out, size_t size)
{
    snprintf(out, size, "%s/tenure/%02x", top, tenure_place_of(&config.hosts[host].uuid).file);
}

static int remove_top(void **state)
{
    char path[128];

    (void)state;
    for (size_t i = 0; i < HOSTS; i++) {
        path_of(i, path, sizeof(path));
        unlink(path);
    }
    free(config.hosts);
    snprintf(path, sizeof(path), "%s/tenure", top);
    rmdir(path);
    return rmdir(top);
}

/* ---- the tests ---- */

static void first_come_holds_and_a_try_takes_only_what_is_free(void **state)
{
    struct process *first = start(FENCE_NEVER_MS), *second = start(FENCE_NEVER_MS);

    (void)state;
    assert_int_equal(ask(first, 'h', A), 'n');
    assert_int_equal(ask(first, 't', A), 'y');
    assert_int_equal(ask(second, 't', A), 'n');
    assert_int_equal(ask(second, 't', B), 'y');
    assert_int_equal(ask(first, 't', A), 'y');
    assert_int_equal(ask(first, 'h', B), 'n');
    tell(first, 'g', A);
    assert_int_equal(ask(first, 'h', A), 'n');
    assert_int_equal(ask(second, 't', A), 'y');
}

static void what_nobody_has_is_granted_at_once_and_once(void **state)
{
    struct process *p = start(FENCE_NEVER_MS);

    (void)state;
    tell(p, 'w', A);
    tell(p, 'w', A);
    assert_int_equal(hear(p, A), 'G');
    tell(p, 'w', A);
    assert_int_equal(ask(p, 'h', A), 'y');
}

static void a_holder_that_is_asked_gives_and_the_other_has_it(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_NEVER_MS);

    (void)state;
    tell(holder, 'w', A);
    assert_int_equal(hear(holder, A), 'G');
    tell(taker, 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    assert_int_equal(ask(taker, 'h', A), 'n');
    assert_int_equal(ask(taker, 't', A), 'n');
    assert_int_equal(ask(holder, 'h', A), 'y');
    tell(holder, 'g', A);
    assert_int_equal(hear(taker, A), 'G');
    assert_int_equal(ask(holder, 'h', A), 'n');
    tell(holder, 'w', A);
    assert_int_equal(hear(taker, A), 'A');
    end(taker);
    assert_int_equal(hear(holder, A), 'G');
}

static void tells_whether_another_holds_it_and_whether_it_is_wanted(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_NEVER_MS);

    (void)state;
    assert_int_equal(ask(taker, 'p', A), 'n');
    tell(holder, 'w', A);
    assert_int_equal(hear(holder, A), 'G');
    assert_int_equal(ask(holder, 'p', A), 'n'); /* it does itself */
    assert_int_equal(ask(holder, 'q', A), 'n');
    assert_int_equal(ask(taker, 'p', A), 'y');
    assert_int_equal(ask(taker, 'q', A), 'n');
    tell(taker, 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    assert_int_equal(ask(taker, 'q', A), 'y');
    tell(holder, 'g', A);
    assert_int_equal(hear(taker, A), 'G');
    assert_int_equal(ask(taker, 'q', A), 'n');
    assert_int_equal(ask(holder, 'p', A), 'y');
}

static void who_no_longer_wants_it_does_not_get_it(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_SOON_MS);

    (void)state;
    assert_int_equal(ask(holder, 't', A), 'y');
    tell(taker, 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    tell(taker, 'g', A);
    assert_int_equal(ask(taker, 'h', A), 'n');
    tell(holder, 'g', A);
    assert_int_equal(ask(holder, 't', A), 'y');
    tell(taker, 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    end(holder);
    assert_int_equal(hear(taker, A), 'G');
}

static void a_try_does_not_overtake_who_asked(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_NEVER_MS), *third = start(FENCE_NEVER_MS);

    (void)state;
    assert_int_equal(ask(holder, 't', A), 'y');
    tell(taker, 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    kill(taker->pid, SIGSTOP);
    tell(holder, 'g', A);
    assert_int_equal(ask(holder, 't', A), 'n');
    assert_int_equal(ask(third, 't', A), 'n');
    kill(taker->pid, SIGCONT);
    assert_int_equal(hear(taker, A), 'G');
}

static void of_a_holder_that_dies_it_is_granted_long_before_the_fence(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_NEVER_MS);

    (void)state;
    assert_int_equal(ask(holder, 't', A), 'y');
    tell(taker, 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    end(holder);
    assert_int_equal(hear(taker, A), 'G');
}

static void who_stands_by_is_told_when_the_holder_has_gone_and_nobody_asks(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *by = start(FENCE_NEVER_MS), *taker = start(FENCE_NEVER_MS);

    (void)state;
    assert_int_equal(ask(holder, 't', A), 'y');
    assert_int_equal(ask(taker, 't', B), 'y');
    tell(by, 'a', A);
    assert_int_equal(ask(by, 'h', A), 'n'); /* and has said nothing before */
    end(holder);
    assert_int_equal(hear(by, A), 'F');
    tell(taker, 'g', B);
    assert_int_equal(hear(by, B), 'F');
    assert_int_equal(ask(by, 't', B), 'y');
    tell(taker, 'w', A);
    assert_int_equal(hear(taker, A), 'G');
}

static void what_a_holder_has_started_does_not_hold_in_its_stead(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_NEVER_MS);

    (void)state;
    assert_int_equal(ask(holder, 't', A), 'y');
    tell(holder, 'f', A);
    tell(taker, 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    kill(holder->pid, SIGKILL);
    assert_int_equal(hear(taker, A), 'G');
}

static void a_frozen_holder_is_killed_and_never_acts_again(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_SOON_MS);

    (void)state;
    assert_int_equal(ask(holder, 't', A), 'y');
    kill(holder->pid, SIGSTOP);
    tell(taker, 'w', A);
    assert_int_equal(hear(taker, A), 'G');
    kill(holder->pid, SIGCONT);
    assert_int_equal(await_end(holder), SIGKILL);
    assert_int_equal(hear(holder, A), QUIET);
}

static void so_is_one_that_is_alive_but_does_not_let_go(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_SOON_MS);

    (void)state;
    assert_int_equal(ask(holder, 't', A), 'y');
    tell(taker, 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    assert_int_equal(hear(taker, A), 'G');
    assert_int_equal(await_end(holder), SIGKILL);
}

static void of_two_takers_one_gets_it_and_the_other_after_it(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *takers[] = {start(FENCE_NEVER_MS), start(FENCE_NEVER_MS)};
    struct pollfd ready[] = {{.fd = takers[0]->fd, .events = POLLIN}, {.fd = takers[1]->fd, .events = POLLIN}};
    size_t one;

    (void)state;
    assert_int_equal(ask(holder, 't', A), 'y');
    tell(takers[0], 'w', A);
    tell(takers[1], 'w', A);
    assert_int_equal(hear(holder, A), 'A');
    assert_int_equal(ask(takers[0], 'h', A), 'n');
    assert_int_equal(ask(takers[1], 'h', A), 'n');
    tell(holder, 'g', A);
    assert_int_equal(poll(ready, 2, HEAR_MS), 1);
    one = ready[0].revents != 0 ? 0 : 1;
    assert_int_equal(hear(takers[one], A), 'G');
    assert_int_equal(hear(takers[one], A), 'A');
    assert_int_equal(ask(takers[1 - one], 'h', A), 'n');
    tell(takers[one], 'g', A);
    assert_int_equal(hear(takers[1 - one], A), 'G');
}

/* The other host, wanted at the same time, tells when the first holder's time would have been over. */
static void another_holder_has_its_own_time_to_let_go(void **state)
{
    struct process *first = start(FENCE_NEVER_MS), *second = start(FENCE_NEVER_MS), *taker = start(FENCE_LATER_MS);
    struct process *slow = start(FENCE_NEVER_MS);

    (void)state;
    assert_int_equal(ask(first, 't', A), 'y');
    assert_int_equal(ask(slow, 't', B), 'y');
    tell(taker, 'w', A);
    tell(taker, 'w', B);
    assert_int_equal(hear(first, A), 'A');
    tell(second, 'w', A);
    poll(NULL, 0, FENCE_LATER_MS / 2); /* of the first one's time: no condition can tell */
    kill(taker->pid, SIGSTOP);         /* so that the second one gets it */
    end(first);
    assert_int_equal(hear(second, A), 'G');
    kill(taker->pid, SIGCONT);
    assert_int_equal(hear(second, A), 'A');
    assert_int_equal(hear(taker, B), 'G');
    assert_int_equal(ask(second, 'h', A), 'y');
    tell(second, 'g', A);
    assert_int_equal(hear(taker, A), 'G');
    assert_int_equal(ask(second, 'h', A), 'n');
}

static void says_that_a_holder_cannot_be_killed_and_goes_on(void **state)
{
    struct process *holder = start(FENCE_NEVER_MS), *taker = start(FENCE_SOON_MS);

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(ask(holder, 't', A), 'y');
    tell(taker, 'u', A);
    tell(taker, 'w', A);
    assert_int_equal(hear(taker, A), 'S');
    assert_int_equal(hear(taker, A), 'S');
    assert_false(has_ended(holder));
    end(holder);
    assert_int_equal(hear(taker, A), 'G');
}

static void a_worker_whose_lock_file_is_removed_ends_itself(void **state)
{
    struct process *p = start(FENCE_NEVER_MS);
    char path[128];

    (void)state;
    assert_int_equal(ask(p, 't', A), 'y');
    path_of(B, path, sizeof(path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(await_end(p), SIGKILL);
}

static void refuses_a_state_dir_that_is_missing_or_cannot_be_written(void **state)
{
    static const char *const bad[] = {"/tmp/keyferry-none/state", "/proc", "/dev/null"};
    struct event_base *base = event_base_new();
    struct config other = config;
    struct tenures *t;
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(other.state_dir, sizeof(other.state_dir), "%s", bad[i]);
        assert_false(tenures_open(base, &other, FENCE_NEVER_MS, on_news, NULL, &t, &e));
        assert_int_equal(e.kind, ERR_LOCAL);
        assert_non_null(strstr(e.text, bad[i]));
    }
    event_base_free(base);
}

static void says_that_it_has_not_enough_descriptors(void **state)
{
    struct event_base *base = event_base_new();
    struct rlimit before, few = {64, 64};
    struct tenures *t;
    struct err e;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &before);
    few.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    config.host_count = HOSTS;
    assert_false(tenures_open(base, &config, FENCE_NEVER_MS, on_news, NULL, &t, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_non_null(strstr(e.text, "Too many open files"));
    setrlimit(RLIMIT_NOFILE, &before);
    event_base_free(base);
}

/* Of each host once, in any order. */
static void hear_all(const struct process *p, char letter)
{
    bool is_heard[HOSTS] = {false};

    for (size_t i = 0; i < HOSTS; i++) {
        struct word word = hear_any(p);

        assert_int_equal(word.letter, letter);
        assert_false(is_heard[word.host]);
        is_heard[word.host] = true;
    }
}

static void two_thousand_hosts_go_from_one_to_another_and_on(void **state)
{
    struct process *first, *second, *third;

    (void)state;
    config.host_count = HOSTS;
    first = start(FENCE_NEVER_MS);
    second = start(FENCE_NEVER_MS);
    third = start(FENCE_NEVER_MS);
    tell(first, 'o', 0);
    tell(first, 'W', 0);
    hear_all(first, 'G');
    tell(second, 'W', 0);
    hear_all(first, 'A');
    hear_all(second, 'G');
    tell(third, 'W', 0);
    hear_all(second, 'A');
    end(second);
    hear_all(third, 'G');
}

static void two_thousand_hosts_are_opened_tried_and_given_here(void **state)
{
    struct event_base *base = event_base_new();
    struct self self = {.fd = -1};
    struct tenures *t;
    struct err e;

    (void)state;
    config.host_count = HOSTS;
    assert_true(tenures_open(base, &config, FENCE_NEVER_MS, on_news, &self, &t, &e));
    for (size_t i = 0; i < HOSTS; i++)
        assert_true(tenure_try(t, i));
    for (size_t i = 0; i < HOSTS; i++)
        tenure_give(t, i);
    for (size_t i = 0; i < HOSTS; i++)
        assert_false(tenure_is_held(t, i));
    event_base_loop(base, EVLOOP_NONBLOCK);
    tenures_close(t);
    tenures_close(NULL);
    event_base_free(base);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end_all)
    const struct CMUnitTest tests[] = {
        TEST(first_come_holds_and_a_try_takes_only_what_is_free),
        TEST(what_nobody_has_is_granted_at_once_and_once),
        TEST(a_holder_that_is_asked_gives_and_the_other_has_it),
        TEST(tells_whether_another_holds_it_and_whether_it_is_wanted),
        TEST(who_no_longer_wants_it_does_not_get_it),
        TEST(a_try_does_not_overtake_who_asked),
        TEST(of_a_holder_that_dies_it_is_granted_long_before_the_fence),
        TEST(who_stands_by_is_told_when_the_holder_has_gone_and_nobody_asks),
        TEST(what_a_holder_has_started_does_not_hold_in_its_stead),
        TEST(a_frozen_holder_is_killed_and_never_acts_again),
        TEST(so_is_one_that_is_alive_but_does_not_let_go),
        TEST(of_two_takers_one_gets_it_and_the_other_after_it),
        TEST(another_holder_has_its_own_time_to_let_go),
        TEST(says_that_a_holder_cannot_be_killed_and_goes_on),
        TEST(a_worker_whose_lock_file_is_removed_ends_itself),
        TEST(refuses_a_state_dir_that_is_missing_or_cannot_be_written),
        TEST(says_that_it_has_not_enough_descriptors),
        TEST(two_thousand_hosts_go_from_one_to_another_and_on),
        TEST(two_thousand_hosts_are_opened_tried_and_given_here),
    };

    return cmocka_run_group_tests_name("tenure", tests, make_top, remove_top);
}
