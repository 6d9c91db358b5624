#include "handlers/work.h"

/* Undo begins at the step that failed: it may have got half way. An earlier attempt may have got further. */
static void work_fail(struct work *work, const struct err *e)
{
    work->failed = true;
    work->err = *e;
    work->step++;
    if (work->was_begun && work->handler->resume != NULL) {
        work->step = work->handler->count;
        work->handler->resume(work);
    }
}

/*
 * What it takes is away, and comes back. An answer that says its sender's libvirt is away is an error like any other: our
 * own is there.
 */
static bool is_away(const struct work *work, const struct err *e)
{
    return e->kind == ERR_LEDGER ||
           (e->kind == ERR_HYPERVISOR_AWAY && !(work->phase == PHASE_ANSWERED && work->call.failed));
}

/* From here `step` counts the steps that are still to undo. */
static enum work_state work_undo(struct work *work)
{
    if (work->phase == PHASE_UNDO && work->call.failed)
        work->err.effect = EFFECT_UNKNOWN;
    while (work->step > 0) {
        const struct step *step = &work->handler->steps[--work->step];

        work->phase = PHASE_UNDO;
        if (step->undo != NULL && step->undo(work) == STEP_CALL)
            return WORK_CALLING;
    }
    return WORK_DONE;
}

/* Once undoing has begun, nobody may begin anew: before the first of it, the ledger knows. */
static bool undo_must_be_known(struct work *work)
{
    if (work->handler->resume == NULL || !work->is_recorded || work->is_undoing)
        return false;
    work->is_undoing = true;
    return true;
}

enum work_state work_advance(struct work *work)
{
    while (!work->failed && work->step < work->handler->count) {
        const struct step *step = &work->handler->steps[work->step];
        struct err e;
        enum step_result result = work->phase == PHASE_ANSWERED ? step->answered(work, &e) : step->run(work, &e);

        if (result == STEP_FINISH)
            return WORK_DONE;
        work->waits_for_ledger = result == STEP_FAIL && e.kind == ERR_LEDGER;
        if (result == STEP_FAIL && is_away(work, &e))
            return WORK_AWAY;
        if (result == STEP_FAIL)
            work_fail(work, &e);
        if (result == STEP_NEXT || result == STEP_RECORD)
            work->step++;
        if (!work->failed)
            work->phase = result == STEP_CALL ? PHASE_ANSWERED : PHASE_RUN;
        if (result == STEP_CALL)
            return WORK_CALLING;
        work->is_recorded |= result == STEP_RECORD;
        if (result == STEP_RECORD)
            return WORK_RECORDING;
    }
    if (!work->failed)
        return WORK_DONE;
    return undo_must_be_known(work) ? WORK_RECORDING : work_undo(work);
}

void work_give_up(struct work *work, const struct err *why)
{
    bool by_an_earlier_attempt = work->was_begun && work->handler->resume == NULL;

    if (work->failed)
        return;
    work_fail(work, why);
    work->err.effect = work->begun || by_an_earlier_attempt ? EFFECT_UNKNOWN : EFFECT_NONE;
}

void work_resume_undo(struct work *work, const struct err *why)
{
    work_fail(work, why);
}

bool work_event(const struct work *work, struct host_event *out)
{
    const struct addressed *to = work->request;

    if (work->request == NULL || work->host == NULL || work->handler->event == NULL)
        return false;
    *out = (struct host_event){.host_uuid = work->host->uuid, .key = to->key};
    return work->handler->event(work, out);
}

bool work_is_late(const struct work *work, int64_t now_ms)
{
    bool at_start = work->step == 0 || (work->is_recorded && work->handler->resume == NULL);
    bool is_fresh = at_start && work->phase == PHASE_RUN && !work->begun && !work->failed && !work->was_begun;

    return is_fresh && work->deadline_ms != 0 && now_ms >= work->deadline_ms;
}
