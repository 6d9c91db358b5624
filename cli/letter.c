#include "cli/letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/headers.h"
#include "schemas/digest.h"
#include "schemas/headers.h"
#include "schemas/redact.h"
#include "schemas/signature.h"
#include "schemas/text.h"

#define DEATH(what) "x-death" HEADER_WITHIN "0" HEADER_WITHIN what

static void text_take(const struct delivery *d, const char *header, char *out, size_t room)
{
    const char *text = header_text(d, header);

    if (text != NULL)
        text_copy_clean(out, room, text, strlen(text));
}

static int64_t number_of(const struct delivery *d, const char *header)
{
    const char *text = header_text(d, header);
    long long n = text != NULL ? strtoll(text, NULL, 10) : 0;

    return n > 0 && n < WHOLE_MAX / 1000 ? n : 0;
}

/* ---- how it came here ---- */

static void by_broker_read(struct letter *l)
{
    const struct delivery *d = l->delivery;

    text_take(d, DEATH("reason"), l->code, sizeof(l->code));
    text_take(d, DEATH("queue"), l->queue, sizeof(l->queue));
    text_take(d, DEATH("routing-keys") HEADER_WITHIN "0", l->route, sizeof(l->route));
    l->dead_ms = number_of(d, DEATH("time")) * 1000;
    strcpy(l->sender, d->on_behalf_of.is_made ? d->on_behalf_of.user : d->user_id);
    l->is_vouched = d->on_behalf_of.is_made;
    l->is_passed_on = d->vouched_by.is_made;
}

static void by_worker_read(struct letter *l)
{
    const struct delivery *d = l->delivery;
    const char *user = header_text(d, USER_HEADER);

    text_take(d, CODE_HEADER, l->code, sizeof(l->code));
    text_take(d, DETAILS_HEADER, l->details, sizeof(l->details));
    text_take(d, QUEUE_HEADER, l->queue, sizeof(l->queue));
    text_take(d, ROUTING_KEY_HEADER, l->route, sizeof(l->route));
    l->dead_ms = number_of(d, TIME_HEADER);
    l->is_vouched = d->on_behalf_of.is_made || user != NULL;
    if (d->on_behalf_of.is_made)
        strcpy(l->sender, d->on_behalf_of.user);
    else
        snprintf(l->sender, sizeof(l->sender), "%s", user != NULL ? user : d->user_id);
}

static void host_read(struct letter *l)
{
    static const char *const prefixes[] = {"host.", "keyferry.host."};
    const char *names[] = {l->route, l->queue};

    for (size_t i = 0; i < COUNT(names); i++) {
        size_t len = strlen(prefixes[i]);

        if (strncmp(names[i], prefixes[i], len) == 0 && uuid_parse(names[i] + len, strlen(names[i] + len), &l->host))
            return;
    }
}

/* ---- what it says ---- */

static void body_look(struct letter *l)
{
    const struct delivery *d = l->delivery;
    ON_EXIT(body_release) struct body *body = NULL;
    struct envelope envelope;

    if (id_is_acceptable(d->message_id))
        strcpy(l->id, d->message_id);
    if (d->whole_bytes > d->body_bytes) {
        l->has_complaint =
            !err_set(&l->complaint, ERR_MALFORMED, "it is larger than the %d bytes a worker takes", BODY_MAX_BYTES);
        return;
    }
    l->is_readable = body_read(d->body, d->body_bytes, d->content_type, &body, &l->complaint);
    l->has_complaint = !l->is_readable;
    if (!l->is_readable)
        return;
    l->message = redact_message(body);
    if (!envelope_read(body, &envelope, &l->complaint)) /* and yet it may have an id */
        l->has_complaint = true;
    if (envelope.id[0] != '\0')
        strcpy(l->id, envelope.id);
    l->sent_ms = envelope.created_ms;
}

static void earliest(int64_t *ms, int64_t other_ms)
{
    if (other_ms > 0 && (*ms == 0 || other_ms < *ms))
        *ms = other_ms;
}

/* Not of the body, of which nobody is to learn anything. */
static void ref_write(struct letter *l)
{
    const struct delivery *d = l->delivery;
    char all[4 * (SHORTSTR_MAX_CHARS + 1) + CODE_ROOM + 80], hash[SHA256_CHARS + 1];
    int len =
        snprintf(all, sizeof(all), "%s\n%s\n%s\n%s\n%s\n%" PRId64 "\n%" PRIu64 "\n%" PRIu64, l->route, d->message_id,
                 d->correlation_id, l->sender, l->code, l->dead_ms, d->whole_bytes, d->timestamp_s);

    digest_sha256(all, (size_t)len, hash);
    snprintf(l->ref, sizeof(l->ref), "#%.*s", REF_CHARS - 1, hash);
}

struct letter *letter_new(struct delivery *delivery)
{
    struct letter *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        delivery_free(delivery);
        return NULL;
    }
    l->delivery = delivery;
    l->by_broker = header_text(delivery, DEATH("queue")) != NULL;
    (l->by_broker ? by_broker_read : by_worker_read)(l);
    if (l->route[0] == '\0')
        text_copy_clean(l->route, sizeof(l->route), delivery->routing_key, strlen(delivery->routing_key));
    host_read(l);
    body_look(l);
    l->looks = (unsigned)number_of(delivery, "x-delivery-count");
    earliest(&l->sent_ms, delivery->timestamp_s < WHOLE_MAX / 1000 ? (int64_t)delivery->timestamp_s * 1000 : 0);
    earliest(&l->sent_ms, l->dead_ms);
    ref_write(l);
    return l;
}

void letter_free(struct letter *letter)
{
    if (letter == NULL)
        return;
    delivery_free(letter->delivery);
    free(letter);
}

bool letter_is_old(const struct letter *letter, int64_t now_ms)
{
    return letter->sent_ms != 0 && now_ms - letter->sent_ms > ID_KNOWN_MS;
}

/* ---- how it is sent again ---- */

const char *letter_hindrance(const struct letter *l)
{
    if (l->delivery->whole_bytes > l->delivery->body_bytes)
        return "its body is larger than a worker takes";
    if (l->route[0] == '\0')
        return "it does not say by which routing key it came";
    if (l->is_passed_on)
        return "it was sent again before, on the word of another than the one who did: that cannot be passed on";
    return NULL;
}

/* The broker's own, and ours: they are written anew. CC would send it to others, too. */
static bool is_senders_own(const struct header *header)
{
    static const char *const begins[] = {"x-death",          "x-first-death-", "x-last-death-", "x-delivery-count",
                                         "x-acquired-count", "x-opt-",         "x-keyferry-"};

    size_t len = strcspn(header->name, HEADER_WITHIN);

    if ((len == 2 && memcmp(header->name, "CC", len) == 0) || (len == 3 && memcmp(header->name, "BCC", len) == 0))
        return false;
    for (size_t i = 0; i < COUNT(begins); i++)
        if (strncmp(header->name, begins[i], strlen(begins[i])) == 0)
            return false;
    return true;
}

/* Pairs in the order they are added, while there is room: bus_publish() takes 16 of 2 KiB. */
struct pairs {
    const char **out;
    size_t count, bytes;
};

static bool pair_add(struct pairs *pairs, const char *name, const char *text)
{
    enum { PAIRS_MAX = 16, BYTES_MAX = 2048, OVERHEAD = 6 };
    size_t bytes = pairs->bytes + strlen(name) + strlen(text) + OVERHEAD;

    if (pairs->count == PAIRS_MAX || bytes > BYTES_MAX)
        return false;
    pairs->out[2 * pairs->count] = name;
    pairs->out[2 * pairs->count + 1] = text;
    pairs->out[2 * ++pairs->count] = NULL;
    pairs->bytes = bytes;
    return true;
}

size_t letter_headers(const struct letter *letter, const char *out[LETTER_HEADERS_ROOM])
{
    const struct delivery *d = letter->delivery;
    struct pairs pairs = {.out = out};
    struct header header;
    size_t left_out = 0;

    left_out += !pair_add(&pairs, ON_BEHALF_OF_HEADER, letter->sender);
    if (letter->is_vouched)
        left_out += !pair_add(&pairs, VOUCHED_BY_HEADER, d->user_id);
    if (d->signature[0] != '\0')
        left_out += !pair_add(&pairs, SIGNATURE_HEADER, d->signature);
    for (const char *at = NULL; header_next(d, &at, &header);)
        if (is_senders_own(&header)) {
            bool is_plain = header.type == HEADER_TEXT && strstr(header.name, HEADER_WITHIN) == NULL;
            left_out += !(is_plain && pair_add(&pairs, header.name, header.text));
        }
    return left_out;
}
