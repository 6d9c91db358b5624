#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "handlers/work.h"

/* What a toy step does when it runs, when it is answered, and when it is undone. */
enum deed { NEXT, FINISH, FAIL, CALL_NEXT, CALL_FINISH, CALL_FAIL, CALL_FAILED, DEEDS };
enum undoing { NO_UNDO, UNDO, UNDO_CALL, UNDO_CALL_FAILED, UNDOINGS };

enum { STEPS = 3, NEVER = -1 };

struct script {
    enum deed deed[STEPS];
    enum undoing undoing[STEPS];
    int away_at; /* this invocation of a run or answered, counted from 0, finds libvirt away */
    bool gives_up;
};

static struct script script;
static int invocations;
static char log_text[256];

static void note(const char *what, size_t step)
{
    size_t used = strlen(log_text);

    snprintf(log_text + used, sizeof(log_text) - used, "%s%zu ", what, step);
}

static enum step_result fails(struct err *e, enum err_kind kind, size_t step)
{
    err_set(e, kind, "step %zu", step);
    return STEP_FAIL;
}

static enum step_result toy_run(struct work *work, struct err *e)
{
    size_t i = work->step;

    note("r", i);
    if (invocations++ == script.away_at)
        return fails(e, ERR_HYPERVISOR_AWAY, 99);
    if (script.deed[i] == FAIL)
        return fails(e, ERR_CONFLICT, i);
    return script.deed[i] == NEXT ? STEP_NEXT : script.deed[i] == FINISH ? STEP_FINISH : STEP_CALL;
}

static enum step_result toy_answered(struct work *work, struct err *e)
{
    size_t i = work->step;

    note("a", i);
    if (work->call.failed) {
        *e = work->call.err;
        return STEP_FAIL;
    }
    if (invocations++ == script.away_at)
        return fails(e, ERR_HYPERVISOR_AWAY, 99);
    if (script.deed[i] == CALL_FAIL)
        return fails(e, ERR_CONFLICT, i);
    return script.deed[i] == CALL_FINISH ? STEP_FINISH : STEP_NEXT;
}

static enum step_result toy_undo(struct work *work)
{
    note("u", work->step);
    return script.undoing[work->step] == UNDO ? STEP_NEXT : STEP_CALL;
}

/* The answer to a call: the destination's libvirt may be away, which is not ours. */
static void answer(struct work *work)
{
    bool undoing = work->failed;

    work->call.failed =
        undoing ? script.undoing[work->step] == UNDO_CALL_FAILED : script.deed[work->step] == CALL_FAILED;
    if (work->call.failed)
        err_set(&work->call.err, ERR_HYPERVISOR_AWAY, "step %zu", undoing ? 77 : work->step);
}

static void run_script(struct work *work)
{
    static struct step steps[STEPS];
    static const struct handler handler = {.steps = steps, .count = STEPS};
    struct err late;
    enum work_state state;

    for (size_t i = 0; i < STEPS; i++)
        steps[i] = (struct step){
            .run = toy_run, .answered = toy_answered, .undo = script.undoing[i] == NO_UNDO ? NULL : toy_undo};
    *work = (struct work){.handler = &handler};
    invocations = 0;
    log_text[0] = '\0';
    err_set(&late, ERR_TIMEOUT, "too late");
    while ((state = work_advance(work)) != WORK_DONE) {
        if (state == WORK_CALLING)
            answer(work);
        else if (script.gives_up)
            work_give_up(work, &late);
    }
}

/* What should have happened, told without a driver. */
struct expected {
    char log[256];
    int invocations;
    bool failed, gave_up, undo_failed;
    size_t at;
};

static void expect(struct expected *x, const char *what, size_t step)
{
    size_t used = strlen(x->log);

    snprintf(x->log + used, sizeof(x->log) - used, "%s%zu ", what, step);
}

/* One invocation, twice if libvirt is away at first. False: given up. */
static bool expect_invocation(struct expected *x, const char *what, size_t step)
{
    expect(x, what, step);
    if (x->invocations++ != script.away_at)
        return true;
    x->gave_up = script.gives_up;
    if (!x->gave_up)
        expect(x, what, step);
    x->invocations++;
    return !x->gave_up;
}

/* Steps until one ends the row. */
static void expect_steps(struct expected *x)
{
    for (size_t i = 0; i < STEPS; i++) {
        enum deed deed = script.deed[i];

        x->at = i;
        x->failed = !expect_invocation(x, "r", i) || deed == FAIL;
        if (!x->failed && deed == CALL_FAILED) {
            expect(x, "a", i);
            x->failed = true;
        } else if (!x->failed && deed >= CALL_NEXT) {
            x->failed = !expect_invocation(x, "a", i) || deed == CALL_FAIL;
        }
        if (x->failed || deed == FINISH || deed == CALL_FINISH)
            return;
    }
}

static void expect_undo(struct expected *x)
{
    for (size_t i = x->at + 1; i-- > 0;)
        if (script.undoing[i] != NO_UNDO) {
            expect(x, "u", i);
            x->undo_failed |= script.undoing[i] == UNDO_CALL_FAILED;
        }
}

static void check_script(void)
{
    struct expected x = {0};
    struct work work;
    char first[32];

    expect_steps(&x);
    if (x.failed)
        expect_undo(&x);
    snprintf(first, sizeof(first), x.gave_up ? "too late" : "step %zu", x.at);
    run_script(&work);
    if (strcmp(log_text, x.log) != 0)
        fail_msg("did   '%s'\nshould '%s'", log_text, x.log);
    assert_int_equal(work.failed, x.failed);
    if (!x.failed)
        return;
    assert_string_equal(work.err.text, first);
    assert_int_equal(work.err.effect, x.undo_failed ? EFFECT_UNKNOWN : EFFECT_NONE);
}

/* Every row of three steps there is. */
static void check_all(int away_at, bool gives_up)
{
    for (unsigned n = 0; n < DEEDS * DEEDS * DEEDS * UNDOINGS * UNDOINGS * UNDOINGS; n++) {
        unsigned rest = n;

        for (size_t i = 0; i < STEPS; i++) {
            script.deed[i] = (enum deed)(rest % DEEDS);
            rest /= DEEDS;
            script.undoing[i] = (enum undoing)(rest % UNDOINGS);
            rest /= UNDOINGS;
        }
        script.away_at = away_at;
        script.gives_up = gives_up;
        check_script();
    }
}

static void every_row_goes_on_until_one_step_ends_it_and_undoes_in_reverse(void **state)
{
    (void)state;
    check_all(NEVER, false);
}

static void a_step_that_found_libvirt_away_runs_again(void **state)
{
    (void)state;
    for (int at = 0; at < 2 * STEPS; at++)
        check_all(at, false);
}

static void giving_up_fails_the_row_with_the_reason_and_undoes_it(void **state)
{
    (void)state;
    for (int at = 0; at < 2 * STEPS; at++)
        check_all(at, true);
}

static void a_peer_whose_libvirt_is_away_is_an_error_and_no_wait(void **state)
{
    struct work work;

    (void)state;
    script = (struct script){.deed = {CALL_FAILED}, .away_at = NEVER};
    run_script(&work);
    assert_true(work.failed);
    assert_int_equal(work.err.kind, ERR_HYPERVISOR_AWAY);
    assert_string_equal(log_text, "r0 a0 ");
}

static void giving_up_tells_what_is_known_of_the_effect(void **state)
{
    static const struct handler handler = {.count = 0};
    struct work work = {.handler = &handler};
    struct err late;

    (void)state;
    err_set(&late, ERR_TIMEOUT, "too late");
    work_give_up(&work, &late);
    assert_int_equal(work.err.effect, EFFECT_NONE);
    assert_false(work.begun);

    work = (struct work){.handler = &handler, .begun = true};
    work_give_up(&work, &late);
    assert_int_equal(work.err.effect, EFFECT_UNKNOWN);
    assert_true(work.begun);

    work = (struct work){.handler = &handler, .was_begun = true};
    work_give_up(&work, &late);
    assert_int_equal(work.err.effect, EFFECT_UNKNOWN);
}

static void only_what_was_not_begun_can_be_late(void **state)
{
    static const struct handler handler = {.count = 1};
    struct work work = {.handler = &handler, .deadline_ms = 100};

    (void)state;
    assert_false(work_is_late(&work, 99));
    assert_true(work_is_late(&work, 100));
    assert_false(work_is_late(&(struct work){.handler = &handler}, INT64_MAX));
    assert_false(work_is_late(&(struct work){.deadline_ms = 100, .step = 1}, 100));
    assert_false(work_is_late(&(struct work){.deadline_ms = 100, .phase = PHASE_ANSWERED}, 100));
    assert_false(work_is_late(&(struct work){.deadline_ms = 100, .begun = true}, 100));
    assert_false(work_is_late(&(struct work){.deadline_ms = 100, .failed = true}, 100));
}

static void giving_up_what_has_failed_keeps_the_first_error(void **state)
{
    static const struct handler handler = {.count = 0};
    struct work work = {.handler = &handler, .failed = true};
    struct err late;

    (void)state;
    err_set(&work.err, ERR_CONFLICT, "first");
    err_set(&late, ERR_TIMEOUT, "too late");
    work_give_up(&work, &late);
    assert_string_equal(work.err.text, "first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_goes_on_until_one_step_ends_it_and_undoes_in_reverse),
        cmocka_unit_test(a_step_that_found_libvirt_away_runs_again),
        cmocka_unit_test(giving_up_fails_the_row_with_the_reason_and_undoes_it),
        cmocka_unit_test(a_peer_whose_libvirt_is_away_is_an_error_and_no_wait),
        cmocka_unit_test(giving_up_tells_what_is_known_of_the_effect),
        cmocka_unit_test(only_what_was_not_begun_can_be_late),
        cmocka_unit_test(giving_up_what_has_failed_keeps_the_first_error),
    };

    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
