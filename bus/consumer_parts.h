/* What consumer.c (what happens) and consumer_make.c (the making) share, and nobody else sees. */
#ifndef BUS_CONSUMER_PARTS_H
#define BUS_CONSUMER_PARTS_H

#include "bus/consumer.h"
#include "bus/counting.h"
#include "bus/source.h"

/* Those before the queues' are `own`. */
enum { CHANNEL_TOPOLOGY = 1, CHANNEL_REPLIES, CHANNEL_NOTICES, CHANNEL_COUNTING, CHANNEL_FIRST_QUEUE };
enum { CONSUMER_TICK_MS = 1000 };

struct consumer {
    struct intake_host host;
    const struct bus_config *config;
    const struct consumer_owner *owner;
    void *arg;
    struct intake topology, replies, notices;
    struct ask *asks; /* what the topology's row asks */
    struct source *sources;
    struct counting counting;
    struct canary_sender canaries;
    struct event *tick;
    char lost_text[INTAKE_WHY_CHARS + 64];
};

extern const struct connection_owner consumer_connection_owner;
void consumer_on_intake_opened(void *arg, struct intake *intake);
void consumer_on_intake_lost(void *arg, struct intake *intake, const char *why);
void consumer_on_intake_delivered(void *arg, struct intake *intake);
void consumer_on_intake_counted(void *arg, uint32_t messages);
void consumer_on_turn_end(int fd, short what, void *arg);
void consumer_on_tick(int fd, short what, void *arg);

#endif
