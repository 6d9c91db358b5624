/* Every metric there is; tests/check-metrics makes deploy/METRICS.md of it. */
#ifndef WORKER_METRICS_TABLE_H
#define WORKER_METRICS_TABLE_H

#include "worker/status.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
    const char *name;
    enum metric_type type;
    const char *unit;   /* "" : it is a number of things */
    const char *labels; /* separated by ", "; for people */
    const char *help;   /* one sentence */
    void (*write)(const struct metric *metric, const struct status *status, struct evbuffer *out);
    size_t offset; /* of what `write` looks at, in struct metrics, struct status or struct host_status */
    int64_t per;   /* how many of what is counted are one of `unit` */
};

extern const struct metric metric_table[];
extern const size_t metric_count;

/* metrics.c: how they are written */
typedef void metric_write(const struct metric *metric, const struct status *status, struct evbuffer *out);
metric_write write_count;    /* a uint64_t of struct metrics */
metric_write write_value;    /* an int64_t of struct status */
metric_write write_host;     /* an int64_t of struct host_status, for each host */
metric_write write_times;    /* a struct histogram of struct metrics */
metric_write write_messages; /* one of them for each message */
metric_write write_requests, write_stages, write_published, write_events, write_findings, write_build;

#endif
