/*
 * The workers that have announced themselves, and what they said. Pure: time is
 * handed in, and so is whether the process is there (worker/pool_lock.h).
 *
 * An announcement is one line: "1 <pid> <word> <queues> <consuming>", where `word` is
 * hello (others are to answer), here or bye, `queues` a digest of the names of all
 * its queues, and `consuming` says in hex, a bit each, most significant first, in
 * the order of their names, from which of them it consumes; "-" for none.
 */
#ifndef WORKER_MEMBERS_H
#define WORKER_MEMBERS_H

#include <sys/types.h>

#include "schemas/digest.h"

enum {
    MEMBERS_MAX = 64,
    MEMBER_NAME_MAX = 255,
    MEMBER_QUEUES_MAX = 65536,
    MEMBER_LIFE_MS = 4000, /* it says so each second */
};

enum member_word { MEMBER_HELLO, MEMBER_HERE, MEMBER_BYE };

struct announcement {
    pid_t pid;
    enum member_word word;
    char queues[DIGEST_CHARS + 1];
    uint8_t *consuming; /* the caller's, to be freed */
    size_t bytes;
};

/* The room for a written one of so many queues. */
#define ANNOUNCEMENT_BYTES(queues) (64 + DIGEST_CHARS + (queues) / 4)

void announcement_write(const struct announcement *what, char *out, size_t size);

/* Any bytes. On true end it with free(out->consuming). */
bool announcement_read(const uint8_t *text, size_t len, struct announcement *out);

struct member {
    char name[MEMBER_NAME_MAX + 1];
    pid_t pid;
    int64_t seen_ms;
    char queues[DIGEST_CHARS + 1];
    uint8_t *consuming;
    size_t bytes;
};

/* Zeroed is empty; in the order of names. */
struct members {
    struct member list[MEMBERS_MAX];
    size_t count;
};

/* Note what `name` said; takes what->consuming. True if the list, or somebody's queues, are others than before. */
bool members_note(struct members *members, const char *name, struct announcement *what, int64_t now_ms);

void members_remove(struct members *members, size_t index);

/* Forget who was silent for too long; true if there was one. */
bool members_expire(struct members *members, int64_t now_ms);

/* They could not be heard: count from now. */
void members_pardon(struct members *members, int64_t now_ms);

void members_done(struct members *members);

/* By the queue's place in the order of names. */
bool member_consumes(const struct member *member, size_t place);

#endif
