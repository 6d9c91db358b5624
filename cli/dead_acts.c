/* What is done to the letters that are meant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dead_parts.h"
#include "cli/exit.h"
#include "cli/letter_print.h"
#include "schemas/text.h"

enum {
    ON_THE_WAY_MAX = 64,
    TO_SEND_MAX_BYTES = 64 * 1024 * 1024, /* bodies that wait here, where --rate holds them up */
};

/* ---- lists ---- */

void letter_list_add(struct letter_list *list, struct letter *letter)
{
    letter->next = NULL;
    if (list->last != NULL)
        list->last->next = letter;
    else
        list->first = letter;
    list->last = letter;
    list->count++;
    list->body_bytes += letter->delivery->body_bytes;
}

/* Take out the letter behind `before`; NULL: the first. */
static struct letter *take_behind(struct letter_list *list, struct letter *before)
{
    struct letter *letter = before != NULL ? before->next : list->first;

    if (before != NULL)
        before->next = letter->next;
    else
        list->first = letter->next;
    if (list->last == letter)
        list->last = before;
    list->count--;
    list->body_bytes -= letter->delivery->body_bytes;
    return letter;
}

struct letter *letter_list_take(struct letter_list *list)
{
    return list->first != NULL ? take_behind(list, NULL) : NULL;
}

struct letter *letter_list_find(struct letter_list *list, uint64_t number)
{
    struct letter *before = NULL;

    for (struct letter *l = list->first; l != NULL; before = l, l = l->next)
        if (l->number == number)
            return take_behind(list, before);
    return NULL;
}

/* ---- the audit ---- */

static bool note(struct dead *d, const struct letter *l, const char *result, const char *details, struct err *e)
{
    char sender[sizeof(l->sender)];

    text_copy_clean(sender, sizeof(sender), l->sender, strlen(l->sender));
    return audit_add(d->audit,
                     &(struct audit_entry){.user = bus_user(d->bus),
                                           .action = d->options->command->word,
                                           .result = result,
                                           .id = l->id,
                                           .ref = l->ref,
                                           .host = l->host.text,
                                           .code = l->code,
                                           .sender = sender,
                                           .details = details},
                     e);
}

bool dead_note_run(struct dead *d, const char *result, const char *details, struct err *e)
{
    return audit_add(
               d->audit,
               &(struct audit_entry){
                   .user = bus_user(d->bus), .action = d->options->command->word, .result = result, .details = details},
               e) &&
           audit_commit(d->audit, e);
}

void dead_note_unconfirmed(struct dead *d)
{
    struct err e;

    for (const struct letter *l = d->on_the_way.first; l != NULL; l = l->next)
        if (!note(d, l, "not confirmed", "it stays, and may have been sent", &e)) {
            exit_explain(&e);
            return;
        }
}

/* ---- one letter ---- */

static bool print_line(const struct dead *d, const struct letter *l, bool whole, struct err *e)
{
    if (d->options->json)
        return letter_print_json(l, whole, e);
    if (d->counts.meant == 1 && !whole)
        letter_print_heading();
    if (d->counts.meant > 1 && whole)
        putchar('\n');
    (whole ? letter_print_whole : letter_print_line)(l);
    return true;
}

/* It stays where it is. */
static bool keep(struct dead *d, struct letter *l, size_t *count, const char *result, const char *why, struct err *e)
{
    bool ok;

    (*count)++;
    dead_say(d, l, result, why);
    ok = d->audit == NULL || note(d, l, result, why, e);
    letter_free(l);
    return ok;
}

static bool only_print(struct dead *d, struct letter *l, struct err *e)
{
    bool ok = print_line(d, l, d->options->command->fate == LETTER_SHOWN, e);

    letter_free(l);
    return ok;
}

static void warn_of_age(struct dead *d, const struct letter *l)
{
    if (!letter_is_old(l, d->now_ms))
        return;
    d->counts.old++;
    dead_say(d, l, "old",
             "its id is older than the 7 days that workers know ids for sure: if it was done, it may be done again");
}

static bool will_send(struct dead *d, struct letter *l, struct err *e)
{
    const char *hindrance = letter_hindrance(l);

    if (hindrance != NULL)
        return keep(d, l, &d->counts.kept, "kept", hindrance, e);
    warn_of_age(d, l);
    if (d->options->dry_run)
        return only_print(d, l, e);
    letter_list_add(&d->to_send, l);
    return true;
}

static bool will_drop(struct dead *d, struct letter *l, struct err *e)
{
    if (d->options->dry_run)
        return only_print(d, l, e);
    letter_list_add(&d->to_send, l);
    return true;
}

bool dead_take(struct dead *d, struct letter *l, struct err *e)
{
    static bool (*const takers[])(struct dead * d, struct letter * l, struct err * e) = {
        [LETTER_LISTED] = only_print,
        [LETTER_SHOWN] = only_print,
        [LETTER_SENT] = will_send,
        [LETTER_DROPPED] = will_drop,
    };

    if (d->to_send.body_bytes > TO_SEND_MAX_BYTES) {
        d->counts.left++;
        letter_free(l);
        return true;
    }
    d->counts.meant++;
    return takers[d->options->command->fate](d, l, e);
}

/* ---- on its way ---- */

static bool publish(struct dead *d, struct letter *l, struct err *e)
{
    const struct delivery *from = l->delivery;
    const char *headers[LETTER_HEADERS_ROOM];
    struct publication p = {.exchange = d->settings->exchange,
                            .routing_key = l->route,
                            .mandatory = true,
                            .content_type = from->content_type,
                            .message_id = from->message_id,
                            .correlation_id = from->correlation_id,
                            .reply_to = from->reply_to,
                            .headers = headers,
                            .body = from->body,
                            .body_bytes = from->body_bytes};
    struct err why;

    if (letter_headers(l, headers) > 0)
        dead_say(d, l, "note", "it goes without those of its sender's headers that are no text, or too long");
    if (!bus_publish(d->bus, &p, &l->number, &why))
        return keep(d, l, &d->counts.kept, "kept", why.text, e);
    letter_list_add(&d->on_the_way, l);
    return true;
}

static bool drop(struct dead *d, struct letter *l, struct err *e)
{
    letter_list_add(&d->to_settle, l);
    return note(d, l, "dropped", "", e);
}

/* By --rate, when the next one may go: monotonic. */
static int64_t next_ms(const struct dead *d)
{
    return d->options->rate == 0 ? 0 : d->begun_ms + (int64_t)d->sent * 1000 / d->options->rate;
}

int64_t dead_send_wait_ms(const struct dead *d)
{
    int64_t now = progress_clock_ms(), next = next_ms(d);

    if (d->to_send.first == NULL || d->on_the_way.count >= ON_THE_WAY_MAX)
        return -1;
    return next > now ? next - now : 0;
}

bool dead_send(struct dead *d, struct err *e)
{
    bool is_drop = d->options->command->fate == LETTER_DROPPED;

    for (size_t i = 0; i < ON_THE_WAY_MAX && dead_send_wait_ms(d) == 0; i++) {
        d->sent++;
        d->moved_ms = progress_clock_ms();
        if (!(is_drop ? drop : publish)(d, letter_list_take(&d->to_send), e))
            return false;
    }
    return true;
}

bool dead_published(struct dead *d, const struct bus_news *news, struct err *e)
{
    struct letter *l = letter_list_find(&d->on_the_way, news->number);

    if (l == NULL)
        return true;
    d->moved_ms = progress_clock_ms();
    if (news->how == PUBLISHED_RETURNED)
        return keep(d, l, &d->counts.no_route, "no route", news->text, e);
    if (news->how == PUBLISHED_REFUSED)
        return keep(d, l, &d->counts.refused, "refused", news->text, e);
    letter_list_add(&d->to_settle, l);
    return note(d, l, "sent", letter_is_old(l, d->now_ms) ? "its id is old" : "", e);
}

bool dead_settle(struct dead *d, struct err *e)
{
    if (d->audit == NULL)
        return true;
    if (!audit_commit(d->audit, e))
        return false;
    for (struct letter *l; (l = letter_list_take(&d->to_settle)) != NULL;) {
        bus_settle(d->bus, TAKE(l->delivery), VERDICT_ACK);
        letter_free(l);
        d->counts.done++;
    }
    return true;
}
