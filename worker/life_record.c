/* What the ledger is told of a request, and what it tells. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "worker/life_parts.h"

static void record(struct life *life, struct request *r, enum stage stage, enum inbox_state state)
{
    const struct world *w = &life->config->world;
    struct inbox_row *row = &r->entry.row;

    row->state = state;
    row->attempts = r->work.attempts;
    row->secret_uuid = r->work.record.secret_uuid;
    row->replaced_uuid = r->work.record.replaced_uuid;
    row->is_new = r->work.record.is_new;
    row->changed_ms = life_now(life);
    memcpy(row->dek, r->work.record.dek, sizeof(row->dek));
    for (size_t i = 0; i < r->work.record.change_count; i++)
        r->work.record.changes[i].row.changed_ms = row->changed_ms;
    r->entry.record = &r->work.record;
    life_enter(r, stage);
    w->record(w->ctx, &r->entry);
}

/* What is known of the outcome, as a reply to nobody. */
static void outcome_write(struct request *r)
{
    const struct message *message = r->work.handler->message;
    struct reply_head head = {ENCODING_MSGPACK, "", message->name, "", "", 0};
    ON_EXIT(bytes_free) struct bytes body = {0};
    struct err e;

    if (!reply_write(&head, message->reply, r->work.reply, r->work.failed ? &r->work.err : NULL, &body, &e))
        abort(); /* for want of memory; the broker still has the delivery */
    assert(body.len <= sizeof(r->entry.row.outcome));
    memcpy(r->entry.row.outcome, body.data, body.len);
    r->entry.row.outcome_bytes = body.len;
}

/* It may have ended before it looked at its DEK: another envelope of the same must be known for a duplicate all the same. */
void record_dek(struct request *r)
{
    const struct handler *h = r->work.handler;
    char digest[DIGEST_CHARS + 1];

    if (h->dek_digest == NULL || r->slot == NULL || r->work.record.dek[0] != '\0')
        return;
    if (h->dek_digest(r->work.host, r->slot, digest))
        memcpy(r->work.record.dek, digest, sizeof(digest));
}

void record_intent(struct life *life, struct request *r)
{
    record_dek(r);
    if (r->work.failed)
        outcome_write(r);
    else
        r->work.attempts++;
    record(life, r, STAGE_RECORDING, r->work.failed ? INBOX_UNDOING : INBOX_BEGUN);
}

/* Of what nobody asked for only the change is recorded, if there is one. */
bool record_is_due(const struct request *r)
{
    return !r->is_internal || r->work.record.change_count > 0;
}

void record_outcome(struct life *life, struct request *r)
{
    if (r->work.failed && r->work.attempts > 1)
        r->work.err.attempt = (unsigned)r->work.attempts;
    if (!r->is_internal)
        outcome_write(r);
    record(life, r, STAGE_CONCLUDING, INBOX_DONE);
}

/* Into the work's reply or error. */
static void outcome_read(struct request *r, const struct inbox_row *row)
{
    const struct handler *h = r->work.handler;

    r->work.failed = !reply_read(row->outcome, row->outcome_bytes, "application/msgpack", h->message->reply,
                                 r->work.reply, &r->work.err);
    if (!r->work.failed && h->recall != NULL)
        h->recall(&r->work);
}

/* What was begun and not finished: it is taken up where that worker left it. */
static void take_up(struct life *life, struct request *r)
{
    const struct inbox_row *known = r->known;
    bool is_late = r->work.deadline_ms != 0 && life_now(life) >= r->work.deadline_ms;
    struct err e;

    r->work.attempts = known->attempts;
    r->work.was_begun = r->work.is_recorded = true;
    r->work.record.secret_uuid = known->secret_uuid;
    r->work.record.replaced_uuid = known->replaced_uuid;
    r->work.record.is_new = known->is_new;
    if (known->state == INBOX_UNDOING) {
        outcome_read(r, known);
        work_resume_undo(&r->work, &r->work.err);
        r->work.is_undoing = true;
    } else if (is_late && r->work.handler->resume != NULL) {
        err_set(&e, ERR_TIMEOUT, "the deadline had passed before %s, once begun, could be finished", r->envelope.name);
        work_resume_undo(&r->work, &e);
    }
}

bool record_recalls(struct life *life, struct request *r)
{
    struct err e;

    if (r->known == NULL)
        return false;
    if (!request_asks_for(r, r->known, NULL)) {
        err_field(&e, ERR_INVALID, "id", "id %s is that of a request with other content", r->id);
        life_refuse(life, r, &e);
        return true;
    }
    if (request_is_deadly(r)) {
        err_set(&e, ERR_DEADLY, "%s was begun %d times, and each time the worker ended before it was done",
                r->envelope.name, ATTEMPTS_MAX);
        e.effect = EFFECT_UNKNOWN;
        e.attempt = ATTEMPTS_MAX;
        life_refuse(life, r, &e);
        return true;
    }
    if (r->known->state != INBOX_DONE) {
        take_up(life, r);
        return false;
    }
    r->is_duplicate = true;
    outcome_read(r, r->known);
    life_finish(life, r);
    return true;
}
