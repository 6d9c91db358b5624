/* What the programs of the bench share. They end at the first error: there is nobody to recover for. */
#ifndef BENCH_H
#define BENCH_H

#include <amqp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DIE(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))

static inline int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* A blocking connection to an amqp:// URL, with channel 1 open. */
amqp_connection_state_t bench_connect(const char *url);

/* Publish a persistent message of msgpack. */
void bench_publish(amqp_connection_state_t c, const char *exchange, amqp_bytes_t key, amqp_bytes_t correlation_id,
                   amqp_bytes_t reply_to, amqp_bytes_t body);

/* The same of JSON, as oslo.messaging sends it: transient, and nothing to match an answer by. */
void bench_publish_json(amqp_connection_state_t c, const char *exchange, amqp_bytes_t key, amqp_bytes_t body);

/* Print {"seconds", "median_us", "p99_us", "failed"} of `count` durations, which are sorted. */
void bench_report(int64_t *ns, size_t count, int64_t total_ns, size_t failed);

#endif
