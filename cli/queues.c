#include "cli/queues.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/exit.h"
#include "cli/grid.h"
#include "cli/hosts.h"
#include "schemas/writer.h"

static const char *const headings[] = {"HOST", "QUEUE", "WAITING", "CONSUMERS", "", NULL};

static const char *remark(const struct survey_question *q)
{
    if (!q->is_answered)
        return "no answer";
    if (!q->is_granted)
        return q->code == AMQP_NOT_FOUND ? "not there: no worker has served it yet" : q->text;
    return q->consumers == 0 ? "nobody consumes" : "";
}

static void add_row(struct grid *g, const char *host, const char *queue, const struct survey_question *q, bool is_dead)
{
    bool is_dry = !is_dead && q->is_granted && q->consumers == 0, has_letters = is_dead && q->messages > 0;

    grid_cell(g, TONE_PLAIN, "%s", host);
    grid_cell(g, TONE_PLAIN, "%s", queue);
    if (!q->is_granted) {
        grid_cell(g, TONE_DIM, "-");
        grid_cell(g, TONE_DIM, "-");
    } else {
        grid_cell(g, has_letters ? TONE_WARNING : TONE_PLAIN, "%u", q->messages);
        grid_cell(g, is_dry ? TONE_BAD : TONE_PLAIN, "%u", q->consumers);
    }
    grid_cell(g, TONE_WARNING, "%s", is_dead && q->is_granted ? "" : remark(q));
}

static int print_grid(const struct depths *d)
{
    struct grid *g = grid_new(headings, 1 << 2 | 1 << 3);
    const struct survey_question *dead = &d->questions[d->count];

    if (g == NULL)
        return EXIT_FAILURE;
    for (size_t i = 0; i < d->count; i++)
        add_row(g, d->hosts[i].host.text[0] != '\0' ? d->hosts[i].host.text : "(any)", d->hosts[i].queue,
                d->hosts[i].seen, false);
    add_row(g, "(dead letters)", dead->name, dead, true);
    grid_print(g);
    grid_free(g);
    return EXIT_SUCCESS;
}

static void write_row(struct writer *w, const char *host, const char *queue, const struct survey_question *q)
{
    writer_map(w, (size_t)(host[0] != '\0') + 2 + 2 * (size_t)q->is_granted + (remark(q)[0] != '\0'));
    if (host[0] != '\0')
        writer_key(w, "hostUuid"), writer_text(w, host);
    writer_key(w, "queue"), writer_text(w, queue);
    writer_key(w, "isThere"), writer_bool(w, q->is_granted);
    if (q->is_granted) {
        writer_key(w, "waiting"), writer_whole(w, q->messages);
        writer_key(w, "consumers"), writer_whole(w, q->consumers);
    }
    if (remark(q)[0] != '\0')
        writer_key(w, "details"), writer_text(w, remark(q));
}

static int print_json(const struct depths *d)
{
    struct writer *w = writer_new(ENCODING_JSON);
    const struct survey_question *dead = &d->questions[d->count];
    struct bytes text;
    struct err e;

    if (w == NULL)
        return EXIT_FAILURE;
    writer_map(w, 3);
    writer_key(w, "broker"), writer_text(w, d->survey.broker_at);
    writer_key(w, "hosts"), writer_list(w, d->count);
    for (size_t i = 0; i < d->count; i++)
        write_row(w, d->hosts[i].host.text, d->hosts[i].queue, d->hosts[i].seen);
    writer_key(w, "deadLetters");
    write_row(w, "", dead->name, dead);
    if (!writer_finish(w, &text, &e))
        return EXIT_FAILURE;
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    bytes_free(&text);
    return EXIT_SUCCESS;
}

int queues_run(const struct options *options)
{
    struct settings settings;
    struct depths depths;
    struct err e;
    int status;

    if (!settings_read(options, &settings, &e))
        return exit_explain(&e);
    if (!depths_of(options, &settings, true, &depths, &e)) {
        settings_done(&settings);
        return exit_explain(&e);
    }
    if (depths_ask(&depths, &settings, options->timeout_ms, &e))
        status = options->json ? print_json(&depths) : print_grid(&depths);
    else
        status = exit_explain(&e);
    depths_done(&depths);
    settings_done(&settings);
    return status;
}
