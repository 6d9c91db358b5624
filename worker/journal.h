/*
 * What was answered lately: by the minute over the last hour, and the last requests
 * one by one. Bounded, in memory, for people who look; without anybody's secrets. In the loop.
 */
#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H

#include "worker/histogram.h"
#include "worker/request.h"

enum { HISTORY_MINUTES = 60, RECENT_MAX = 100 };

struct minute {
    uint64_t number; /* of all minutes of the clock; another one than asked for: it has none of it */
    uint32_t ok, failed;
    uint64_t took_us; /* all of them together */
};

struct history {
    struct minute minutes[HISTORY_MINUTES];
};

/* A request that was answered. */
struct recent {
    char message[NAME_MAX_CHARS + 1]; /* as its sender wrote it */
    char id[ID_MAX_CHARS + 1];
    char host[UUID_CHARS + 1];
    char identity[USAGE_ID_MAX_CHARS + 1]; /* "vtpm/<vm>/tpm0/v1", or "" */
    char code[48];                         /* "": it succeeded */
    char details[256];
    int64_t at_ms; /* since 1970 */
    uint64_t took_us;
    bool is_duplicate, is_redelivered;
};

struct journal {
    struct history all;
    struct histogram times[HISTORY_MINUTES]; /* of the same minutes */
    struct recent recent[RECENT_MAX];
    uint64_t recent_count; /* ever; the last RECENT_MAX of them are here */
};

/* Note a request. `of_host` is what there is of its host, made at its first (NULL before): whoever has it frees it. */
void journal_answered(struct journal *journal, struct history **of_host, const struct request *r, int64_t now_ms,
                      uint64_t now_us);

/* What there is of the minute so many before that of `now_us`. `history` may be NULL. Never NULL. */
const struct minute *history_ago(const struct history *history, uint64_t now_us, size_t ago);

/* How long the requests of that minute took; NULL: there were none. */
const struct histogram *journal_times_ago(const struct journal *journal, uint64_t now_us, size_t ago);

/* The so-manieth but last; NULL: there is none. */
const struct recent *journal_recent(const struct journal *journal, size_t ago);

#endif
