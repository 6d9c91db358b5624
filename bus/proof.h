/*
 * Whether a queue that is consumed from is really consumed from: "connected" is not
 * "consuming". Any delivery proves it, and so does a full prefetch window. After a
 * quiet while a canary is sent through the queue, which must come back by it. Pure:
 * time is handed in, and what is to be done is what a call gives back.
 *
 * A standby (single active consumer gives it nothing) sees no canary either, the
 * active worker has it. What tells the two apart is how many consume while this one
 * does not, which every opening of its channel learns: a quorum queue tells of the
 * active consumer only, without saying whose it is. So one that never had a delivery,
 * and did not find itself alone, consumes anew to ask.
 */
#ifndef BUS_PROOF_H
#define BUS_PROOF_H

#include "schemas/base.h"

enum proof_state {
    PROOF_SHUT,       /* the channel is not open */
    PROOF_QUIET,      /* all is well until next_ms */
    PROOF_ON_ITS_WAY, /* the broker has not confirmed the canary: it may take nothing at all for now */
    PROOF_AWAITED,    /* it is in the queue, and must come until next_ms */
};

struct proof {
    uint64_t quiet_ms; /* how long nothing need be heard; 0: nothing is ever proven */
    uint64_t next_ms;
    uint64_t ticked_ms; /* last; 0: never */
    enum proof_state state;
    bool has_delivered; /* on this channel */
    bool is_alone;      /* nobody else consumed when it was opened */
    bool is_asking;     /* it is consumed anew to learn that */
    bool is_muted;      /* canaries cannot be sent */
    unsigned strikes;   /* how often in a row it was found deaf */
};

/* What is to be done about it. */
enum proof_step {
    PROOF_NOTHING,
    PROOF_PROVEN, /* it consumes, or is a healthy standby */
    PROOF_SEND,   /* a canary; then proof_sent() */
    PROOF_ASK,    /* close the channel, and consume anew: it may be a standby, or deaf */
    PROOF_DEAF,   /* it does not: close the channel, and consume anew */
};

/* A queue is quiet for so much less than quiet_ms at most when its canary is sent: an eighth. */
enum { PROOF_ROUNDS = 8 };

/* A canary must come back within quiet_ms / PROOF_PATIENCE. */
enum { PROOF_PATIENCE = 4 };

/* Without a tick for this long it was we who stood still, and what came meanwhile has yet to be read. */
enum { PROOF_STALL_MS = 5000 };

/* The channel has its consume-ok, and just before that `others` consumed. Where there are any, it is a standby. */
void proof_opened(struct proof *proof, unsigned others, uint64_t now_ms);

void proof_shut(struct proof *proof); /* it is gone */
void proof_anew(struct proof *proof); /* with its whole connection: the next one is not to blame */

void proof_hurry(struct proof *proof, uint64_t now_ms);     /* do not wait until it was quiet for long */
void proof_delivered(struct proof *proof, uint64_t now_ms); /* anything, a canary too */
void proof_sent(struct proof *proof);
void proof_taken(struct proof *proof, uint64_t now_ms);  /* the broker has confirmed the canary */
void proof_unsent(struct proof *proof, uint64_t now_ms); /* it came back or was refused: nothing is known */
void proof_mute(struct proof *proof, uint64_t now_ms);   /* canaries cannot be sent on this connection */

/* Time has passed; to be called each second or so. */
enum proof_step proof_tick(struct proof *proof, bool window_is_full, uint64_t now_ms);

/* It was found deaf, was consumed anew, and is not proven yet. */
bool proof_is_doubted(const struct proof *proof);

/* It was consumed anew, and is deaf all the same. */
bool proof_is_hopeless(const struct proof *proof);

#endif
