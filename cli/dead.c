#include "cli/dead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dead_parts.h"
#include "cli/exit.h"
#include "schemas/digest.h"
#include "schemas/writer.h"

enum {
    NEWS_AT_ONCE = 256,
    QUIET_MS = 3000, /* no letter came for so long: somebody else holds the rest */
    DRAW_MS = 200,
    GIVE_BACK_MS = 2000,
    PATH_ROOM = 512,
};

void dead_say(struct dead *d, const struct letter *l, const char *what, const char *why)
{
    progress_clear(&d->progress);
    fprintf(stderr, "keyferry: %s: %s: %s\n", l->id[0] != '\0' ? l->id : l->ref, what, why);
}

/* ---- what comes ---- */

static bool on_delivery(struct dead *d, struct delivery *delivery, struct err *e)
{
    struct letter *l;

    d->came_ms = progress_clock_ms();
    d->taken++;
    if (d->counts.seen ==
        d->counts.waiting) { /* it died since: what is sent again and dies again is not sent for ever */
        delivery_free(delivery);
        return true;
    }
    d->counts.seen++;
    l = letter_new(delivery);
    if (l == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for a letter");
    if (selection_fits(&d->selection, l, d->now_ms))
        return dead_take(d, l, e);
    letter_free(l);
    return true;
}

static bool on_news(struct dead *d, struct bus_news *news, struct err *e)
{
    switch (news->event) {
    case BUS_DELIVERY:
        return on_delivery(d, news->delivery, e);
    case BUS_PUBLISHED:
        return dead_published(d, news, e);
    case BUS_QUEUE_UP:
        return err_set(e, ERR_BUS, "the connection to the broker was lost, and made again");
    case BUS_QUEUE_DOWN:
    case BUS_LINK_DOWN:
        return err_set(e, ERR_BUS, "%s", news->text);
    case BUS_BLOCKED:
        progress_clear(&d->progress);
        fprintf(stderr, "keyferry: the broker takes no messages for now: %s\n", news->text);
        return true;
    case BUS_ANSWER:
    case BUS_NOTICE:
        delivery_free(news->delivery);
        return true;
    case BUS_QUIET:
    case BUS_LINK_UP:
    case BUS_QUEUE_DEAF:
    case BUS_UNBLOCKED:
    case BUS_NOTICES_UP:
    case BUS_NOTICES_DOWN:
        break;
    }
    return true;
}

static bool take_news(struct dead *d, unsigned wait_ms, struct err *e)
{
    struct bus_news news;

    for (unsigned i = 0; i < NEWS_AT_ONCE; i++) {
        if (client_next(d->session.client, i == 0 ? wait_ms : 0, &news) == BUS_QUIET)
            return true;
        if (!on_news(d, &news, e))
            return false;
    }
    return true;
}

/* ---- the run ---- */

static bool is_at_work(const struct dead *d)
{
    return d->to_send.count + d->on_the_way.count + d->to_settle.count > 0;
}

static bool is_quiet(const struct dead *d)
{
    return progress_clock_ms() - d->came_ms >= QUIET_MS;
}

static unsigned wait_ms(const struct dead *d)
{
    int64_t ms = dead_send_wait_ms(d);

    return ms >= 0 && ms < DRAW_MS ? (unsigned)ms : DRAW_MS;
}

static bool is_in_time(const struct dead *d, struct err *e)
{
    if (d->on_the_way.count == 0 || progress_clock_ms() - d->moved_ms < d->options->timeout_ms)
        return true;
    return err_set(e, ERR_TIMEOUT, "the broker has not confirmed what was sent within %lld ms",
                   (long long)d->options->timeout_ms);
}

static size_t count_ended(const struct dead *d)
{
    return d->counts.seen - d->to_send.count - d->on_the_way.count - d->to_settle.count;
}

static bool walk(struct dead *d, struct err *e)
{
    d->begun_ms = d->came_ms = d->moved_ms = progress_clock_ms();
    while (is_at_work(d) || (d->counts.seen < d->counts.waiting && !is_quiet(d))) {
        if (!dead_send(d, e) || !dead_settle(d, e) || !take_news(d, is_at_work(d) ? wait_ms(d) : DRAW_MS, e) ||
            !is_in_time(d, e))
            return false;
        progress_draw(&d->progress, d->options->command->word, count_ended(d), d->counts.waiting);
    }
    return dead_settle(d, e);
}

/* Until the queue is closed or, to be counted, open: and how many letters then wait in it. */
static bool wait_for_queue(struct dead *d, enum bus_event wanted, size_t *messages, struct err *e)
{
    struct bus_news news;

    for (;;) {
        enum bus_event event = client_next(d->session.client, (unsigned)d->options->timeout_ms, &news);

        if (event == BUS_DELIVERY)
            delivery_free(news.delivery);
        if (event == wanted && (event == BUS_QUEUE_UP || strcmp(news.text, "closed") == 0)) {
            *messages = news.messages;
            return true;
        }
        if (event == BUS_LINK_DOWN || event == BUS_QUEUE_DOWN || event == BUS_QUIET)
            return err_set(e, ERR_BUS,
                           "the connection was lost before the broker had taken it all out: some may still lie there");
    }
}

/*
 * The last acks are in when the close is answered. What was held here is back a
 * little later: who looks next must find it. Where another takes it at once, that
 * cannot be seen, and is not waited for for long.
 */
static bool give_back(struct dead *d, struct err *e)
{
    int64_t end_ms = progress_clock_ms() + GIVE_BACK_MS;
    size_t held = d->taken - d->counts.done, messages = 0;

    bus_queue_close(d->bus, 0);
    if (!wait_for_queue(d, BUS_QUEUE_DOWN, &messages, e))
        return false;
    for (messages = 0; messages < held && progress_clock_ms() < end_ms;) {
        size_t nothing;

        bus_queue_count(d->bus, 0);
        if (!wait_for_queue(d, BUS_QUEUE_UP, &messages, e))
            return false;
        bus_queue_close(d->bus, 0);
        if (!wait_for_queue(d, BUS_QUEUE_DOWN, &nothing, e))
            return false;
    }
    return true;
}

static bool act(struct dead *d, struct err *e)
{
    char words[PATH_ROOM];
    struct err later;
    bool ok;

    selection_words(&d->selection, words, sizeof(words));
    if (d->audit != NULL && !dead_note_run(d, "begun", words, e))
        return false;
    ok = walk(d, e) && give_back(d, e);
    progress_clear(&d->progress);
    if (d->audit == NULL)
        return ok;
    dead_note_unconfirmed(d);
    snprintf(words, sizeof(words), "%zu of %zu done%s%.300s", d->counts.done, d->counts.meant, ok ? "" : ": ",
             ok ? "" : e->text);
    return dead_note_run(d, ok ? "ended" : "broken off", words, ok ? e : &later) && ok;
}

/* ---- what is told at the end ---- */

static void tell_json(const struct dead *d)
{
    const struct {
        const char *key;
        size_t count;
    } all[] = {
        {"waiting", d->counts.waiting}, {"seen", d->counts.seen},        {"meant", d->counts.meant},
        {"done", d->counts.done},       {"noRoute", d->counts.no_route}, {"refused", d->counts.refused},
        {"kept", d->counts.kept},       {"old", d->counts.old},          {"left", d->counts.left},
    };
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes text = {0};
    struct err e;

    if (w == NULL)
        return;
    writer_map(w, 2 + COUNT(all));
    writer_key(w, "action"), writer_text(w, d->options->command->word);
    writer_key(w, "dryRun"), writer_bool(w, d->options->dry_run);
    for (size_t i = 0; i < COUNT(all); i++)
        writer_key(w, all[i].key), writer_whole(w, (int64_t)all[i].count);
    if (writer_finish(w, &text, &e))
        printf("%.*s\n", (int)text.len, (const char *)text.data);
    bytes_free(&text);
}

static void tell(const struct dead *d)
{
    const struct counts *c = &d->counts;
    const char *word = d->options->command->word;

    if (c->seen < c->waiting)
        fprintf(stderr,
                "keyferry: %zu of %zu have come: another holds the rest, or there are more than one look can hold\n",
                c->seen, c->waiting);
    if (c->left > 0)
        fprintf(stderr, "keyferry: %zu more are meant than one run holds: run it again\n", c->left);
    if (d->options->command->fate < LETTER_SENT)
        return;
    if (d->options->json)
        tell_json(d);
    else if (d->options->dry_run)
        printf("%s: %zu of %zu are meant; nothing was done\n", word, c->meant, c->seen);
    else
        printf("%s: %zu of %zu done; %zu had no route, %zu were refused, %zu cannot be\n", word, c->done, c->meant,
               c->no_route, c->refused, c->kept);
}

static int status_of(const struct dead *d)
{
    const char *missing = selection_missing(&d->selection);

    if (missing != NULL)
        fprintf(stderr, "keyferry: no dead letter has the id %s\n", missing);
    if (d->counts.no_route > 0)
        return EXIT_NO_ROUTE;
    return missing != NULL || d->counts.refused + d->counts.kept > 0 ? EXIT_ERROR_REPLY : EXIT_SUCCESS;
}

static void lists_free(struct dead *d)
{
    struct letter_list *lists[] = {&d->to_send, &d->on_the_way, &d->to_settle};

    for (size_t i = 0; i < COUNT(lists); i++)
        for (struct letter *l; (l = letter_list_take(lists[i])) != NULL;)
            letter_free(l);
}

static bool open_audit(struct dead *d, struct err *e)
{
    char path[PATH_ROOM];

    if (d->options->command->fate < LETTER_SENT || d->options->dry_run)
        return true;
    return audit_path(d->options, d->settings, path, sizeof(path), e) && audit_open(path, &d->audit, e);
}

/* Which letters, and that somebody has said so. */
static bool choose(const struct options *o, struct selection *selection)
{
    *selection = o->selection;
    for (size_t i = 0; i < o->word_count; i++)
        if (!selection_add_id(selection, o->words[i]))
            return false;
    if (o->command->fate < LETTER_SENT || o->all == selection_is_empty(selection))
        return true;
    fprintf(stderr, "keyferry: dead %s needs --all, or else which: --host, --code, --older-than, --newer-than, --id\n",
            o->command->word);
    return false;
}

int dead_run(const struct options *options)
{
    struct settings settings;
    struct dead d = {.options = options, .settings = &settings};
    struct err e;
    bool ok;

    if (!choose(options, &d.selection))
        return EXIT_USAGE;
    if (!settings_read(options, &settings, &e))
        return exit_explain(&e);
    d.now_ms = session_now_ms();
    ok = open_audit(&d, &e) && session_open(&settings, options->timeout_ms, settings.dead_exchange, &d.session, &e);
    if (ok) {
        d.bus = client_bus(d.session.client);
        d.counts.waiting = client_waiting(d.session.client);
        ok = act(&d, &e);
        tell(&d);
    }
    session_close(&d.session);
    lists_free(&d);
    audit_close(d.audit);
    settings_done(&settings);
    fflush(stdout);
    return ok ? status_of(&d) : exit_explain(&e);
}
