/*
 * HostReconcileMsg: compare ledger, secrets and domains, and have mended what can be,
 * each in the lane of its identity. Whatever comes between is seen there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/handlers.h"
#include "handlers/orphan.h"
#include "handlers/reconcile_parts.h"
#include "handlers/restore.h"

enum { TASKS_MAX = 16 }; /* between two comparisons */

struct reconcile_notes {
    struct task {
        bool is_orphan;
        struct uuid uuid;
        struct secret_key key;
        int64_t since_ms;
    } tasks[TASKS_MAX];
    size_t count, next;
    bool has_more; /* behind the last of them */
    bool is_asked; /* the one before `next` is being mended */
    int64_t answer;
    union {
        struct restore_request restore;
        struct orphan_request orphan;
    } ask;
};

_Static_assert(sizeof(struct reconcile_notes) <= VAULT_SLOT_BYTES, "notes fit their slot");
_Static_assert(sizeof(struct reconcile_reply) <= WORK_REPLY_MAX_BYTES, "the reply fits");

static void suspects_done(struct suspects *suspects)
{
    free(suspects->at);
}

static void reply_fill(struct work *work, const struct suspects *suspects)
{
    struct reconcile_reply *reply = (struct reconcile_reply *)work->reply;
    struct finding_list *found = &reply->found;

    memset(reply, 0, sizeof(*reply));
    for (size_t i = 0; i < suspects->count && found->count < FINDINGS_MAX; i++) {
        struct finding *f = &found->at[found->count++];

        snprintf(f->what, sizeof(f->what), "%s", suspicion_name(suspects->at[i].kind));
        f->secret_uuid = suspects->at[i].uuid;
        f->since_ms = suspects->at[i].since_ms;
    }
    reply->found_count = (int64_t)suspects->count;
}

/* Whether something is to be done about it, beside saying so in the reply. */
static bool is_task(const struct work *work, const struct suspect *s)
{
    if (s->kind == SUSPECT_ORPHAN)
        return work->host->deletes_orphans || !s->is_told;
    return s->kind == SUSPECT_NOT_IN_LIBVIRT || s->kind == SUSPECT_VALUELESS;
}

/* The next tasks, behind those that were. */
static void tasks_take(struct work *work, const struct suspects *suspects)
{
    struct reconcile_notes *notes = work->notes;
    struct uuid after = notes->count > 0 ? notes->tasks[notes->count - 1].uuid : (struct uuid){0};

    notes->count = notes->next = 0;
    notes->has_more = false;
    for (size_t i = 0; i < suspects->count; i++) {
        const struct suspect *s = &suspects->at[i];

        if (strcmp(s->uuid.text, after.text) <= 0 || !is_task(work, s))
            continue;
        notes->has_more = notes->count == TASKS_MAX;
        if (notes->has_more)
            return;
        notes->tasks[notes->count++] = (struct task){s->kind == SUSPECT_ORPHAN, s->uuid, s->key, s->since_ms};
    }
}

static enum step_result find_run(struct work *work, struct err *e)
{
    const struct reconcile_request *request = work->request;
    const struct reconcile_notes *notes = work->notes;
    ON_EXIT(suspects_done) struct suspects suspects = {0};

    if (!suspects_find(work, &suspects, e))
        return STEP_FAIL;
    reply_fill(work, &suspects);
    tasks_take(work, &suspects);
    return request->dry_run || notes->count == 0 ? STEP_FINISH : STEP_RECORD;
}

static enum step_result ask(struct work *work, const struct task *task)
{
    struct reconcile_notes *notes = work->notes;
    struct addressed to = {work->host->uuid, task->key};

    memset(&notes->ask, 0, sizeof(notes->ask));
    work->call = (struct call){.host = work->host->uuid, .request = &notes->ask, .answer = &notes->answer};
    if (task->is_orphan) {
        notes->ask.orphan = (struct orphan_request){to, task->uuid, task->since_ms, work->host->deletes_orphans};
        work->call.local = &orphan_handler;
        work->call.request_bytes = sizeof(notes->ask.orphan);
    } else {
        notes->ask.restore = (struct restore_request){.to = to, .secret_uuid = task->uuid};
        work->call.local = &restore_handler;
        work->call.request_bytes = sizeof(notes->ask.restore);
    }
    notes->is_asked = true;
    return STEP_CALL;
}

static enum step_result mend_run(struct work *work, struct err *e)
{
    struct reconcile_notes *notes = work->notes;
    ON_EXIT(suspects_done) struct suspects suspects = {0};

    if (notes->next == notes->count && notes->has_more) {
        if (!suspects_find(work, &suspects, e))
            return STEP_FAIL;
        tasks_take(work, &suspects);
    }
    if (notes->next == notes->count)
        return STEP_NEXT;
    return ask(work, &notes->tasks[notes->next++]);
}

static bool was_mended(const struct task *task, int64_t answer)
{
    if (task->is_orphan)
        return answer == ORPHAN_REMOVED;
    return answer == RESTORED_SECRET || answer == RESTORED_FINISHED || answer == RESTORED_UNDONE;
}

/* One that could not be mended is found again. Where there is no room, or the worker ends, so is the rest. */
static enum step_result mend_answered(struct work *work, struct err *e)
{
    struct reconcile_notes *notes = work->notes;
    struct reconcile_reply *reply = (struct reconcile_reply *)work->reply;

    if (work->call.failed && work->call.err.kind == ERR_BUSY)
        return STEP_NEXT;
    if (notes->is_asked && !work->call.failed)
        reply->mended += was_mended(&notes->tasks[notes->next - 1], notes->answer);
    notes->is_asked = false;
    work->call.failed = false;
    return mend_run(work, e);
}

static const struct step steps[] = {
    {.name = "find", .run = find_run},
    {.name = "mend", .run = mend_run, .answered = mend_answered},
};

const struct handler reconcile_handler = {
    .message = &reconcile_message,
    .senders = MAY_MANAGE,
    .steps = steps,
    .count = COUNT(steps),
    .notes_bytes = sizeof(struct reconcile_notes),
};
