#include "cli/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"
#include "schemas/envelope.h"

enum { IN_FLIGHT_MAX = 256, SLICE_MS = 100 };

bool workers_init(struct workers *w, const struct options *options, const struct settings *settings,
                  const struct depths *depths, struct err *e)
{
    *w = (struct workers){.options = options, .settings = settings, .depths = depths};
    w->seen = calloc(depths->count, sizeof(*w->seen));
    return w->seen != NULL || err_set(e, ERR_LOCAL, "out of memory");
}

void workers_disconnect(struct workers *w)
{
    flight_free(TAKE(w->flight));
    session_close(&w->session);
    w->session.client = NULL;
}

void workers_done(struct workers *w)
{
    workers_disconnect(w);
    free(w->seen);
}

/* A host without a queue of its own may be served by partitions. */
static bool is_to_be_asked(struct workers *w, size_t host)
{
    const struct survey_question *q = w->depths->hosts[host].seen;
    struct worker_seen *seen = &w->seen[host];

    *seen = (struct worker_seen){.state = WORKER_UNASKED};
    if (!uuid_is_set(&w->depths->hosts[host].host))
        return false;
    if (!q->is_answered || (!q->is_granted && q->code != AMQP_NOT_FOUND))
        snprintf(seen->details, sizeof(seen->details), "%.250s", q->is_answered ? q->text : "no answer");
    else if (q->is_granted && q->consumers == 0)
        seen->state = WORKER_NONE;
    else
        return true;
    return false;
}

/* A worker that does not know the question is of a version before it, and serves. */
static bool is_older(const struct flight_answer *a, const struct err *e)
{
    return a->is_reply && e->kind == ERR_NO_HANDLER;
}

static enum worker_state state_of(const struct flight_answer *a, const struct err *e)
{
    return a->is_reply               ? WORKER_REFUSES
           : e->kind == ERR_TIMEOUT  ? WORKER_SILENT
           : e->kind == ERR_NO_ROUTE ? WORKER_NO_QUEUE
                                     : WORKER_UNASKED;
}

static void note(struct workers *w, struct flight_answer *a)
{
    struct worker_seen *seen = &w->seen[a->tag];
    struct err e = a->why;

    seen->took_us = a->took_us;
    if (a->is_reply && reply_read(a->answer.body.data, a->answer.body.len, a->answer.content_type,
                                  capabilities_message.reply, &seen->what, &e)) {
        seen->state = seen->what.libvirt_up == NO ? WORKER_AWAY : WORKER_SERVES;
        if (seen->state == WORKER_AWAY)
            snprintf(seen->details, sizeof(seen->details), "its requests wait a while; running VMs are not hurt: %s",
                     seen->what.why);
    } else if (is_older(a, &e)) {
        seen->state = WORKER_SERVES;
        seen->what = (struct capabilities_reply){.version = "older", .envelope = "-", .plaintext_dek = "-"};
    } else {
        seen->state = state_of(a, &e);
        if (seen->state != WORKER_NO_QUEUE)
            snprintf(seen->details, sizeof(seen->details), "%s%s%.200s", e.code, e.code[0] != '\0' ? ": " : "", e.text);
    }
    bytes_free(&a->answer.body);
}

static bool take_one(struct workers *w, size_t *done, struct err *e)
{
    struct flight_answer answer;
    bool ended;

    if (!flight_next(w->flight, SLICE_MS, &ended, &answer, e))
        return false;
    if (ended) {
        note(w, &answer);
        (*done)++;
    }
    progress_draw(&w->progress, "hosts", *done, w->depths->count);
    return true;
}

static bool ask_all(struct workers *w, struct err *e)
{
    size_t next = 0, done = 0, count = w->depths->count;

    while ((next < count || flight_count(w->flight) > 0) && !interrupt_came()) {
        if (next == count || flight_count(w->flight) == IN_FLIGHT_MAX) {
            if (!take_one(w, &done, e))
                return false;
            continue;
        }
        const struct uuid *host = &w->depths->hosts[next].host;
        const struct capabilities_request request = {.to.host_uuid = *host};
        bool is_asked = is_to_be_asked(w, next);

        if (is_asked && !flight_ask(w->flight, &capabilities_message, host, &request, next, e))
            return false;
        done += !is_asked;
        next++;
    }
    return true;
}

static bool connect(struct workers *w, struct err *e)
{
    if (w->flight != NULL)
        return true;
    if (!session_open(w->settings, w->options->timeout_ms, NULL, &w->session, e))
        return false;
    w->flight = flight_new(&w->session, IN_FLIGHT_MAX);
    return w->flight != NULL || err_set(e, ERR_LOCAL, "out of memory");
}

bool workers_ask(struct workers *w, struct err *e)
{
    bool ok;

    if (!connect(w, e))
        return false;
    w->progress = (struct progress){0};
    ok = ask_all(w, e);
    progress_clear(&w->progress);
    return ok;
}

bool worker_answers(const struct worker_seen *seen)
{
    return seen->state == WORKER_SERVES || seen->state == WORKER_AWAY;
}

const char *worker_details(const struct worker_seen *seen)
{
    static const char *const words[] = {[WORKER_NONE] = "nobody consumes: no worker of this host is connected",
                                        [WORKER_NO_QUEUE] = "no worker has served it yet, or its queue was deleted",
                                        [WORKER_SILENT] = "somebody consumes, and has not answered in time"};

    return seen->details[0] != '\0' && seen->state != WORKER_SILENT   ? seen->details
           : seen->state < COUNT(words) && words[seen->state] != NULL ? words[seen->state]
                                                                      : "";
}
