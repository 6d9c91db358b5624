#include "cli/queues.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/exit.h"
#include "cli/grid.h"
#include "cli/workers.h"
#include "schemas/writer.h"

static const char *const headings[] = {"HOST", "QUEUE", "WAITING", "IN HAND", "OLDEST", "CONSUMERS", "", NULL};

/* One row: a queue, and what its worker says; NULL: that of dead letters has none. */
struct row {
    const char *host, *queue;
    const struct survey_question *q;
    const struct worker_seen *seen;
};

static const char *remark(const struct row *row)
{
    const struct survey_question *q = row->q;

    if (!q->is_answered)
        return "no answer";
    if (!q->is_granted && row->seen != NULL && worker_answers(row->seen))
        return row->seen->state == WORKER_AWAY ? worker_details(row->seen) : "served by partitions";
    if (!q->is_granted)
        return q->code == AMQP_NOT_FOUND ? "not there: no worker has served it yet" : q->text;
    if (row->seen == NULL)
        return "";
    if (q->consumers == 0)
        return "nobody consumes";
    return row->seen->state == WORKER_SILENT ? "its worker does not answer: what came before our question waits"
                                             : worker_details(row->seen);
}

/* Its worker is of a version that tells what it has in hand. */
static bool is_told(const struct row *row)
{
    return row->seen != NULL && worker_answers(row->seen) && row->seen->what.libvirt_up != UNSAID;
}

static bool is_silent(const struct row *row)
{
    return row->seen != NULL && row->seen->state == WORKER_SILENT;
}

/* What comes before a question that is not answered waits at least as long. */
static int64_t oldest_ms(const struct row *row)
{
    return is_silent(row) ? row->seen->took_us / 1000 : row->seen->what.oldest_ms;
}

static void add_age(struct grid *g, const struct row *row)
{
    static const struct {
        int64_t least, unit;
        const char *name;
    } units[] = {{172800000, 86400000, "d"}, {7200000, 3600000, "h"}, {120000, 60000, "min"}, {10000, 1000, "s"}};
    int64_t ms = oldest_ms(row);
    size_t i = 0;

    while (i < COUNT(units) && ms < units[i].least)
        i++;
    if (i < COUNT(units))
        grid_cell(g, TONE_PLAIN, "%s%" PRId64 " %s", is_silent(row) ? "> " : "", ms / units[i].unit, units[i].name);
    else
        grid_cell(g, TONE_PLAIN, "%s%.1f s", is_silent(row) ? "> " : "", (double)ms / 1000);
}

static void add_load(struct grid *g, const struct row *row)
{
    if (is_told(row))
        grid_cell(g, TONE_PLAIN, "%" PRId64, row->seen->what.in_flight);
    else
        grid_cell(g, TONE_DIM, "-");
    if ((is_told(row) && row->seen->what.in_flight > 0) || is_silent(row))
        add_age(g, row);
    else
        grid_cell(g, TONE_DIM, "-");
}

static void add_row(struct grid *g, const struct row *row)
{
    const struct survey_question *q = row->q;
    bool is_dead = row->seen == NULL;
    bool is_dry = !is_dead && q->is_granted && q->consumers == 0, has_letters = is_dead && q->messages > 0;

    grid_cell(g, TONE_PLAIN, "%s", row->host);
    grid_cell(g, TONE_PLAIN, "%s", row->queue);
    if (q->is_granted)
        grid_cell(g, has_letters ? TONE_WARNING : TONE_PLAIN, "%u", q->messages);
    else
        grid_cell(g, TONE_DIM, "-");
    add_load(g, row);
    if (q->is_granted)
        grid_cell(g, is_dry ? TONE_BAD : TONE_PLAIN, "%u", q->consumers);
    else
        grid_cell(g, TONE_DIM, "-");
    grid_cell(g, TONE_WARNING, "%s", remark(row));
}

static struct row row_at(const struct workers *w, size_t i)
{
    const struct depths *d = w->depths;
    const struct survey_question *dead = &d->questions[d->count];

    return i == d->count ? (struct row){"", dead->name, dead, NULL}
                         : (struct row){d->hosts[i].host.text, d->hosts[i].queue, d->hosts[i].seen, &w->seen[i]};
}

static int print_grid(const struct workers *w)
{
    struct grid *g = grid_new(headings, 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5);

    if (g == NULL)
        return EXIT_FAILURE;
    for (size_t i = 0; i <= w->depths->count; i++) {
        struct row row = row_at(w, i);

        if (row.host[0] == '\0')
            row.host = row.seen == NULL ? "(dead letters)" : "(any)";
        add_row(g, &row);
    }
    grid_print(g);
    grid_free(g);
    return EXIT_SUCCESS;
}

static void write_load(struct writer *w, const struct row *row)
{
    if (is_told(row))
        writer_key(w, "inFlight"), writer_whole(w, row->seen->what.in_flight);
    if (is_silent(row))
        writer_key(w, "oldestAtLeastMilliseconds"), writer_whole(w, oldest_ms(row));
    else if (is_told(row))
        writer_key(w, "oldestMilliseconds"), writer_whole(w, oldest_ms(row));
}

static void write_row(struct writer *w, const struct row *row)
{
    bool has_host = row->host[0] != '\0', has_remark = remark(row)[0] != '\0';

    writer_map(w, 2 + (size_t)has_host + 2 * (size_t)row->q->is_granted + 2 * (size_t)is_told(row) + is_silent(row) +
                      has_remark);
    if (has_host)
        writer_key(w, "hostUuid"), writer_text(w, row->host);
    writer_key(w, "queue"), writer_text(w, row->queue);
    writer_key(w, "isThere"), writer_bool(w, row->q->is_granted);
    if (row->q->is_granted) {
        writer_key(w, "waiting"), writer_whole(w, row->q->messages);
        writer_key(w, "consumers"), writer_whole(w, row->q->consumers);
    }
    write_load(w, row);
    if (has_remark)
        writer_key(w, "details"), writer_text(w, remark(row));
}

static int print_json(const struct workers *all)
{
    struct writer *w = writer_new(ENCODING_JSON);
    size_t count = all->depths->count;
    struct bytes text;
    struct row row;
    struct err e;

    if (w == NULL)
        return EXIT_FAILURE;
    writer_map(w, 3);
    writer_key(w, "broker"), writer_text(w, all->depths->survey.broker_at);
    writer_key(w, "hosts"), writer_list(w, count);
    for (size_t i = 0; i < count; i++)
        row = row_at(all, i), write_row(w, &row);
    writer_key(w, "deadLetters");
    row = row_at(all, count), write_row(w, &row);
    if (!writer_finish(w, &text, &e))
        return EXIT_FAILURE;
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    bytes_free(&text);
    return EXIT_SUCCESS;
}

/* The broker tells everybody what waits; to ask workers, one must be allowed to. */
static int look(struct workers *w, struct depths *depths)
{
    struct err e;

    if (!depths_ask(depths, w->settings, w->options->timeout_ms, &e))
        return exit_explain(&e);
    if (!workers_ask(w, &e))
        fprintf(stderr, "keyferry: workers cannot be asked how long requests wait: %s\n", e.text);
    return w->options->json ? print_json(w) : print_grid(w);
}

int queues_run(const struct options *options)
{
    struct settings settings;
    struct workers workers = {0};
    struct depths depths;
    struct err e;
    int status;

    if (!settings_read(options, &settings, &e))
        return exit_explain(&e);
    if (!depths_of(options, &settings, true, &depths, &e)) {
        settings_done(&settings);
        return exit_explain(&e);
    }
    if (workers_init(&workers, options, &settings, &depths, &e))
        status = look(&workers, &depths);
    else
        status = exit_explain(&e);
    workers_done(&workers);
    depths_done(&depths);
    settings_done(&settings);
    return status;
}
