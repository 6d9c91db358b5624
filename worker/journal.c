#include "worker/journal.h"

#include <stdlib.h>
#include <string.h>

#include "schemas/text.h"

static uint64_t minute_of(uint64_t now_us)
{
    return now_us / 60000000 + HISTORY_MINUTES; /* so that there always was an hour before */
}

/* True: it is the first of its minute. */
static bool history_add(struct history *history, uint64_t now_us, bool failed, uint64_t took_us)
{
    uint64_t number = minute_of(now_us);
    struct minute *minute = &history->minutes[number % HISTORY_MINUTES];
    bool is_first = minute->number != number;

    if (is_first)
        *minute = (struct minute){.number = number};
    minute->ok += !failed;
    minute->failed += failed;
    minute->took_us += took_us;
    return is_first;
}

const struct minute *history_ago(const struct history *history, uint64_t now_us, size_t ago)
{
    static const struct minute nothing = {.number = 0};
    uint64_t number = minute_of(now_us) - ago;
    const struct minute *minute = history == NULL ? &nothing : &history->minutes[number % HISTORY_MINUTES];

    return minute->number == number ? minute : &nothing;
}

const struct histogram *journal_times_ago(const struct journal *journal, uint64_t now_us, size_t ago)
{
    const struct minute *minute = history_ago(&journal->all, now_us, ago);

    return minute->number == 0 ? NULL : &journal->times[minute->number % HISTORY_MINUTES];
}

const struct recent *journal_recent(const struct journal *journal, size_t ago)
{
    if (ago >= RECENT_MAX || ago >= journal->recent_count)
        return NULL;
    return &journal->recent[(journal->recent_count - 1 - ago) % RECENT_MAX];
}

/* Of "<host>/keyferry/vtpm/..." what is behind the host and our name. */
static const char *identity_of(const struct request *r)
{
    const char *rest = strlen(r->identity) > UUID_CHARS ? r->identity + UUID_CHARS + 1 : "";
    size_t prefix = strlen(KEYFERRY_USAGE_PREFIX);

    return strncmp(rest, KEYFERRY_USAGE_PREFIX, prefix) == 0 ? rest + prefix : rest;
}

static void note_recent(struct journal *journal, const struct request *r, int64_t now_ms, uint64_t took_us)
{
    struct recent *recent = &journal->recent[journal->recent_count++ % RECENT_MAX];
    const struct work *w = &r->work;

    *recent = (struct recent){.at_ms = now_ms,
                              .took_us = took_us,
                              .is_duplicate = r->is_duplicate,
                              .is_redelivered = r->delivery->redelivered};
    text_copy(recent->message, sizeof(recent->message), r->envelope.name);
    text_copy(recent->id, sizeof(recent->id), r->id);
    text_copy(recent->host, sizeof(recent->host), w->host != NULL ? w->host->uuid.text : "");
    text_copy(recent->identity, sizeof(recent->identity), identity_of(r));
    if (!w->failed)
        return;
    text_copy(recent->code, sizeof(recent->code), w->err.code[0] != '\0' ? w->err.code : "error");
    text_copy(recent->details, sizeof(recent->details), w->err.text);
}

void journal_answered(struct journal *journal, struct history **of_host, const struct request *r, int64_t now_ms,
                      uint64_t now_us)
{
    uint64_t took_us = now_us - r->arrived_us;
    struct histogram *times = &journal->times[minute_of(now_us) % HISTORY_MINUTES];

    if (*of_host == NULL)
        *of_host = calloc(1, sizeof(**of_host));
    if (*of_host != NULL)
        (void)history_add(*of_host, now_us, r->work.failed, took_us);
    if (history_add(&journal->all, now_us, r->work.failed, took_us))
        *times = (struct histogram){.sum_us = 0};
    histogram_add(times, took_us);
    note_recent(journal, r, now_ms, took_us);
}
