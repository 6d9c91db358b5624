#include "cli/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit.h"
#include "cli/flight.h"
#include "cli/grid.h"
#include "cli/hosts.h"
#include "cli/interrupt.h"
#include "schemas/envelope.h"
#include "schemas/writer.h"

enum { IN_FLIGHT_MAX = 256, AGAIN_MS = 2000, SLICE_MS = 100 };

enum state { STATE_UNASKED, STATE_SERVED, STATE_REFUSED, STATE_SILENT, STATE_UNSERVED, STATE_NO_QUEUE };

/* clang-format off */
static const struct {
    const char *name;
    enum tone tone;
} states[] = {
    [STATE_UNASKED]  = { "unknown",  TONE_WARNING },
    [STATE_SERVED]   = { "served",   TONE_GOOD },
    [STATE_REFUSED]  = { "refused",  TONE_WARNING },  /* its worker answers with an error */
    [STATE_SILENT]   = { "silent",   TONE_BAD },      /* somebody consumes, and does not answer in time */
    [STATE_UNSERVED] = { "unserved", TONE_BAD },      /* nobody consumes */
    [STATE_NO_QUEUE] = { "no queue", TONE_BAD },
};
/* clang-format on */

/* What is known of one host. */
struct seen {
    enum state state;
    struct capabilities_reply what; /* SERVED */
    int64_t took_us;
    char details[256];
};

struct status {
    const struct options *options;
    const struct settings *settings;
    struct depths depths;
    struct session session;
    struct flight *flight;
    struct progress progress;
    struct seen *seen;
};

static const char *const headings[] = {"HOST", "STATE", "WAITING", "CONSUMERS", "VERSION", "ENVELOPE", "MS", "", NULL};

/* ---- what is asked ---- */

/* What would only wait in a queue is not sent. A host without a queue of its own may be served by partitions. */
static bool is_to_be_asked(const struct status *s, size_t host)
{
    const struct survey_question *q = s->depths.hosts[host].seen;

    s->seen[host] = (struct seen){.state = STATE_UNASKED};
    if (!q->is_answered || (!q->is_granted && q->code != AMQP_NOT_FOUND))
        snprintf(s->seen[host].details, sizeof(s->seen[host].details), "%.250s",
                 q->is_answered ? q->text : "no answer");
    else if (q->is_granted && q->consumers == 0)
        s->seen[host].state = STATE_UNSERVED;
    else
        return true;
    return false;
}

/* A worker that does not know the question is of a version before it, and serves. */
static bool is_older(const struct flight_answer *a, const struct err *e)
{
    return a->is_reply && e->kind == ERR_NO_HANDLER;
}

static enum state state_of(const struct flight_answer *a, const struct err *e)
{
    return a->is_reply               ? STATE_REFUSED
           : e->kind == ERR_TIMEOUT  ? STATE_SILENT
           : e->kind == ERR_NO_ROUTE ? STATE_NO_QUEUE
                                     : STATE_UNASKED;
}

static void note(struct status *s, struct flight_answer *a)
{
    struct seen *seen = &s->seen[a->tag];
    struct err e = a->why;

    seen->took_us = a->took_us;
    if (a->is_reply && reply_read(a->answer.body.data, a->answer.body.len, a->answer.content_type,
                                  capabilities_message.reply, &seen->what, &e)) {
        seen->state = STATE_SERVED;
    } else if (is_older(a, &e)) {
        seen->state = STATE_SERVED;
        seen->what = (struct capabilities_reply){.version = "older", .envelope = "-", .plaintext_dek = "-"};
    } else {
        seen->state = state_of(a, &e);
        if (seen->state != STATE_NO_QUEUE)
            snprintf(seen->details, sizeof(seen->details), "%s%s%.200s", e.code, e.code[0] != '\0' ? ": " : "", e.text);
    }
    bytes_free(&a->answer.body);
}

static bool take_one(struct status *s, size_t *done, struct err *e)
{
    struct flight_answer answer;
    bool ended;

    if (!flight_next(s->flight, SLICE_MS, &ended, &answer, e))
        return false;
    if (ended) {
        note(s, &answer);
        (*done)++;
    }
    progress_draw(&s->progress, "hosts", *done, s->depths.count);
    return true;
}

static bool ask_workers(struct status *s, struct err *e)
{
    size_t next = 0, done = 0;

    s->progress = (struct progress){0};
    while ((next < s->depths.count || flight_count(s->flight) > 0) && !interrupt_came()) {
        const struct uuid *host = next < s->depths.count ? &s->depths.hosts[next].host : NULL;
        const struct capabilities_request request = {.to.host_uuid = host != NULL ? *host : (struct uuid){""}};

        if (host != NULL && flight_count(s->flight) < IN_FLIGHT_MAX) {
            bool is_asked = is_to_be_asked(s, next);
            if (is_asked && !flight_ask(s->flight, &capabilities_message, host, &request, next, e))
                return false;
            done += !is_asked;
            next++;
        } else if (!take_one(s, &done, e)) {
            return false;
        }
    }
    progress_clear(&s->progress);
    return true;
}

/* ---- what is told ---- */

static const char *details_of(const struct seen *seen)
{
    static const char *const words[] = {[STATE_UNSERVED] = "nobody consumes: no worker of this host is connected",
                                        [STATE_NO_QUEUE] = "no worker has served it yet, or its queue was deleted",
                                        [STATE_SILENT] = "somebody consumes, and has not answered in time"};

    return seen->details[0] != '\0' && seen->state != STATE_SILENT    ? seen->details
           : seen->state < COUNT(words) && words[seen->state] != NULL ? words[seen->state]
                                                                      : "";
}

static void add_row(struct grid *g, const struct host_depth *host, const struct seen *seen)
{
    bool is_served = seen->state == STATE_SERVED;

    grid_cell(g, TONE_PLAIN, "%s", host->host.text);
    grid_cell(g, states[seen->state].tone, "%s", states[seen->state].name);
    if (host->seen->is_granted) {
        grid_cell(g, TONE_PLAIN, "%u", host->seen->messages);
        grid_cell(g, TONE_PLAIN, "%u", host->seen->consumers);
    } else {
        grid_cell(g, TONE_DIM, "-");
        grid_cell(g, TONE_DIM, "-");
    }
    grid_cell(g, TONE_PLAIN, "%s", is_served ? seen->what.version : "-");
    grid_cell(g, TONE_PLAIN, "%s", is_served ? seen->what.envelope : "-");
    if (is_served)
        grid_cell(g, TONE_PLAIN, "%.1f", (double)seen->took_us / 1000);
    else
        grid_cell(g, TONE_DIM, "-");
    grid_cell(g, TONE_DIM, "%s", details_of(seen));
}

static size_t count_well(const struct status *s)
{
    size_t well = 0;

    for (size_t i = 0; i < s->depths.count; i++)
        well += s->seen[i].state == STATE_SERVED;
    return well;
}

static void print_grid(const struct status *s)
{
    struct grid *g = grid_new(headings, 1 << 2 | 1 << 3 | 1 << 6);
    const struct survey_question *dead = &s->depths.questions[s->depths.count];

    for (size_t i = 0; g != NULL && i < s->depths.count; i++)
        add_row(g, &s->depths.hosts[i], &s->seen[i]);
    if (g != NULL)
        grid_print(g);
    grid_free(g);
    printf("%zu of %zu served; broker %s", count_well(s), s->depths.count, s->depths.survey.broker_at);
    if (dead->is_granted)
        printf("; %s%u dead letters%s", paint_on(stdout, dead->messages > 0 ? TONE_WARNING : TONE_PLAIN),
               dead->messages, paint_off(stdout, dead->messages > 0 ? TONE_WARNING : TONE_PLAIN));
    putchar('\n');
}

static void write_host(struct writer *w, const struct host_depth *host, const struct seen *seen)
{
    bool is_served = seen->state == STATE_SERVED, has_queue = host->seen->is_granted;
    const char *details = details_of(seen);

    writer_map(w, 2 + 2 * (size_t)has_queue + 4 * (size_t)is_served + (details[0] != '\0'));
    writer_key(w, "hostUuid"), writer_text(w, host->host.text);
    writer_key(w, "state"), writer_text(w, states[seen->state].name);
    if (has_queue) {
        writer_key(w, "waiting"), writer_whole(w, host->seen->messages);
        writer_key(w, "consumers"), writer_whole(w, host->seen->consumers);
    }
    if (is_served) {
        writer_key(w, "version"), writer_text(w, seen->what.version);
        writer_key(w, "envelope"), writer_text(w, seen->what.envelope);
        writer_key(w, "plaintextDek"), writer_text(w, seen->what.plaintext_dek);
        writer_key(w, "answerMicroseconds"), writer_whole(w, seen->took_us);
    }
    if (details[0] != '\0')
        writer_key(w, "details"), writer_text(w, details);
}

static void print_json(const struct status *s)
{
    const struct survey_question *dead = &s->depths.questions[s->depths.count];
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes text;
    struct err e;

    if (w == NULL)
        return;
    writer_map(w, 2 + (size_t)dead->is_granted);
    writer_key(w, "broker"), writer_text(w, s->depths.survey.broker_at);
    writer_key(w, "hosts"), writer_list(w, s->depths.count);
    for (size_t i = 0; i < s->depths.count; i++)
        write_host(w, &s->depths.hosts[i], &s->seen[i]);
    if (dead->is_granted)
        writer_key(w, "deadLetters"), writer_whole(w, dead->messages);
    if (!writer_finish(w, &text, &e))
        return;
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    bytes_free(&text);
}

static bool look(struct status *s, struct err *e)
{
    if (!depths_ask(&s->depths, s->settings, s->options->timeout_ms, e) || !ask_workers(s, e))
        return false;
    if (interrupt_came())
        return true;
    if (s->options->watch && !s->options->json)
        fputs(isatty(STDOUT_FILENO) ? "\033[H\033[J" : "", stdout);
    (s->options->json ? print_json : print_grid)(s);
    fflush(stdout);
    return true;
}

static void disconnect(struct status *s)
{
    flight_free(TAKE(s->flight));
    session_close(&s->session);
    s->session.client = NULL;
}

static bool connect_and_look(struct status *s, struct err *e)
{
    if (s->flight == NULL) {
        if (!session_open(s->settings, s->options->timeout_ms, NULL, &s->session, e))
            return false;
        s->flight = flight_new(&s->session, IN_FLIGHT_MAX);
    }
    return s->flight != NULL ? look(s, e) : err_set(e, ERR_LOCAL, "out of memory");
}

/* The session is kept alive meanwhile, where there is one: client_next() answers the broker's heartbeats. */
static bool pause_until_next(struct status *s, struct err *e)
{
    struct flight_answer answer;
    bool ended;

    for (int64_t end = progress_clock_ms() + AGAIN_MS; progress_clock_ms() < end && !interrupt_came();)
        if (s->flight == NULL)
            usleep(SLICE_MS * 1000);
        else if (!flight_next(s->flight, SLICE_MS, &ended, &answer, e))
            return false;
    return true;
}

/* A broker that goes is what somebody who watches wants to know of, and when it is back. */
static void watch(struct status *s)
{
    struct err e;

    interrupt_note();
    while (!interrupt_came()) {
        if (!connect_and_look(s, &e) || !pause_until_next(s, &e)) {
            exit_explain(&e);
            disconnect(s);
            (void)!pause_until_next(s, &e);
        }
    }
}

static bool run(struct status *s, struct err *e)
{
    s->seen = calloc(s->depths.count, sizeof(*s->seen));
    if (s->seen == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    if (!s->options->watch)
        return connect_and_look(s, e);
    watch(s);
    return true;
}

int status_run(const struct options *options)
{
    struct settings settings;
    struct status s = {.options = options, .settings = &settings};
    struct err e;
    int status;

    if (!settings_read(options, &settings, &e))
        return exit_explain(&e);
    if (!depths_of(options, &settings, false, &s.depths, &e) || !run(&s, &e))
        status = exit_explain(&e);
    else
        status = options->watch || count_well(&s) == s.depths.count ? EXIT_SUCCESS : EXIT_ERROR_REPLY;
    disconnect(&s);
    free(s.seen);
    depths_done(&s.depths);
    settings_done(&settings);
    return status;
}
