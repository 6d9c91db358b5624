/* Which dead letters are meant. Pure. */
#ifndef CLI_SELECTION_H
#define CLI_SELECTION_H

#include "cli/letter.h"

enum { SELECTED_IDS_MAX = 256 };

/* All that are given must fit; of ids, one. */
struct selection {
    struct uuid host;                     /* "": any */
    const char *code;                     /* as the letter's; NULL: any */
    int64_t older_than_ms, newer_than_ms; /* than so long ago; 0: not given */
    const char *ids[SELECTED_IDS_MAX];    /* of the message, or its letter's reference */
    bool id_found[SELECTED_IDS_MAX];
    size_t id_count;
};

bool selection_is_empty(const struct selection *selection);

/* A time such as 90s, 15m, 1h, 2d or 1w, of at most ten years. False: it is none. */
MUST_CHECK bool duration_read(const char *text, int64_t *ms);

/* False: there are SELECTED_IDS_MAX. Keeps the pointer. */
MUST_CHECK bool selection_add_id(struct selection *selection, const char *id);

/* A letter of unknown age fits no age. Notes which ids were found. */
bool selection_fits(struct selection *selection, const struct letter *letter, int64_t now_ms);

/* The first id that fitted no letter, or NULL. */
const char *selection_missing(const struct selection *selection);

/* As it would be written on the command line, cut off where it does not fit: for the audit. */
void selection_words(const struct selection *selection, char *out, size_t room);

#endif
