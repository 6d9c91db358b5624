#include "cli/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/exit.h"
#include "cli/grid.h"
#include "cli/interrupt.h"
#include "cli/workers.h"
#include "schemas/writer.h"

enum { AGAIN_MS = 2000, SLICE_MS = 100 };

/* clang-format off */
static const struct {
    const char *name;
    enum tone tone;
} states[] = {
    [WORKER_UNASKED]  = { "unknown",      TONE_WARNING },
    [WORKER_SERVES]   = { "served",       TONE_GOOD },
    [WORKER_AWAY]     = { "libvirt away", TONE_BAD },
    [WORKER_REFUSES]  = { "refused",      TONE_WARNING },
    [WORKER_SILENT]   = { "silent",       TONE_BAD },
    [WORKER_NONE]     = { "unserved",     TONE_BAD },
    [WORKER_NO_QUEUE] = { "no queue",     TONE_BAD },
};
/* clang-format on */

struct status {
    const struct options *options;
    const struct settings *settings;
    struct depths depths;
    struct workers workers;
};

static const char *const headings[] = {"HOST", "STATE", "WAITING", "CONSUMERS", "VERSION", "ENVELOPE", "MS", "", NULL};

static void add_row(struct grid *g, const struct host_depth *host, const struct worker_seen *seen)
{
    bool is_served = worker_answers(seen);

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
    grid_cell(g, TONE_DIM, "%s", worker_details(seen));
}

static size_t count_well(const struct status *s)
{
    size_t well = 0;

    for (size_t i = 0; i < s->depths.count; i++)
        well += s->workers.seen[i].state == WORKER_SERVES;
    return well;
}

static void print_grid(const struct status *s)
{
    struct grid *g = grid_new(headings, 1 << 2 | 1 << 3 | 1 << 6);
    const struct survey_question *dead = &s->depths.questions[s->depths.count];

    for (size_t i = 0; g != NULL && i < s->depths.count; i++)
        add_row(g, &s->depths.hosts[i], &s->workers.seen[i]);
    if (g != NULL)
        grid_print(g);
    grid_free(g);
    printf("%zu of %zu served; broker %s", count_well(s), s->depths.count, s->depths.survey.broker_at);
    if (dead->is_granted)
        printf("; %s%u dead letters%s", paint_on(stdout, dead->messages > 0 ? TONE_WARNING : TONE_PLAIN),
               dead->messages, paint_off(stdout, dead->messages > 0 ? TONE_WARNING : TONE_PLAIN));
    putchar('\n');
}

static void write_host(struct writer *w, const struct host_depth *host, const struct worker_seen *seen)
{
    bool is_served = worker_answers(seen), has_queue = host->seen->is_granted;
    const char *details = worker_details(seen);

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
        write_host(w, &s->depths.hosts[i], &s->workers.seen[i]);
    if (dead->is_granted)
        writer_key(w, "deadLetters"), writer_whole(w, dead->messages);
    if (!writer_finish(w, &text, &e))
        return;
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    bytes_free(&text);
}

static bool look(struct status *s, struct err *e)
{
    if (!depths_ask(&s->depths, s->settings, s->options->timeout_ms, e) || !workers_ask(&s->workers, e))
        return false;
    if (interrupt_came())
        return true;
    if (s->options->watch && !s->options->json)
        fputs(isatty(STDOUT_FILENO) ? "\033[H\033[J" : "", stdout);
    (s->options->json ? print_json : print_grid)(s);
    fflush(stdout);
    return true;
}

/* The session is kept alive meanwhile, where there is one: client_next() answers the broker's heartbeats. */
static bool pause_until_next(struct status *s, struct err *e)
{
    struct flight_answer answer;
    bool ended;

    for (int64_t end = progress_clock_ms() + AGAIN_MS; progress_clock_ms() < end && !interrupt_came();)
        if (s->workers.flight == NULL)
            usleep(SLICE_MS * 1000);
        else if (!flight_next(s->workers.flight, SLICE_MS, &ended, &answer, e))
            return false;
    return true;
}

/* A broker that goes is what somebody who watches wants to know of, and when it is back. */
static void watch(struct status *s)
{
    struct err e;

    interrupt_note();
    while (!interrupt_came()) {
        if (!look(s, &e) || !pause_until_next(s, &e)) {
            exit_explain(&e);
            workers_disconnect(&s->workers);
            (void)!pause_until_next(s, &e);
        }
    }
}

static bool run(struct status *s, struct err *e)
{
    if (!workers_init(&s->workers, s->options, s->settings, &s->depths, e))
        return false;
    if (!s->options->watch)
        return look(s, e);
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
    workers_done(&s.workers);
    depths_done(&s.depths);
    settings_done(&settings);
    return status;
}
