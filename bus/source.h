/*
 * A host's queue: its channel, whether it is proven to be consumed from, and what is
 * told of it.
 */
#ifndef BUS_SOURCE_H
#define BUS_SOURCE_H

#include "bus/intake.h"
#include "bus/proof.h"

enum source_state {
    SOURCE_DOWN, /* not consumed from; `why` of the intake */
    SOURCE_UP,   /* consumed from; `why`: it cannot be proven, or "" */
    SOURCE_DEAF, /* consumed from, and nothing comes; consumed anew, and not proven yet */
};

/* Canaries go out by the other half of the bus. */
struct canary_sender {
    size_t on_their_way; /* of all sources: what is published and neither confirmed nor forgotten */
    bool (*send)(void *arg, size_t queue, uint64_t *number); /* as bus_publish() */
    void (*forget)(void *arg, uint64_t number);
    void *arg;
};

struct source {
    struct intake intake; /* `intake.why` is of the state */
    struct proof proof;
    struct tray_item item;
    struct canary_sender *sender;
    enum source_state state;
    bool is_renewed;   /* its channel is being closed to be proven by a new one: that is no news */
    uint64_t heard_ms; /* when it last delivered anything; 0: never */
    uint64_t canary;   /* the publication that is not confirmed; 0: none */
};

/* `source` is zero but for `intake`, whose host's tray is told. `quiet_ms`: as bus_config's. */
void source_init(struct source *source, struct canary_sender *sender, uint64_t quiet_ms);
void source_done(struct source *source);

/* What the intake said. */
void source_opened(struct source *source);
void source_lost(struct source *source, const char *why);
void source_delivered(struct source *source);

/* Consume anew, behind whoever else does: told as lost, and as opened. Nothing where it is not consumed from. */
void source_renew(struct source *source, const char *why);

/* The connection is gone. */
void source_reset(struct source *source, const char *why);

/* Time has passed. May end the connection. */
void source_tick(struct source *source, uint16_t prefetch, uint64_t now_ms);

/* True if the publication was its canary: nobody else has to do with it. */
bool source_published(struct source *source, const struct bus_news *news);

#endif
