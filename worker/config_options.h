/* The table of options, for reading and for printing them. */
#ifndef WORKER_CONFIG_OPTIONS_H
#define WORKER_CONFIG_OPTIONS_H

#include "worker/config.h"

enum option_type { OPTION_TEXT, OPTION_LIST, OPTION_WHOLE, OPTION_WORD };

struct option {
    const char *section, *key;
    enum option_type type;
    const char *preset;       /* the default, as the file would say it */
    const char *const *words; /* WORD: what is accepted, in the order of their values; NULL at the end */
    int64_t min, max;         /* WHOLE */
    size_t offset, size;
    const char *doc;
};

extern const struct option options[];
extern const size_t option_count;
extern const char *const plaintext_words[]; /* by enum plaintext */
enum { OPTIONS_MAX = 64 };

#endif
