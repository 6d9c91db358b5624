/* How far a long run is, for whoever looks at a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "schemas/base.h"

/* Zeroed: nothing was drawn. */
struct progress {
    int64_t begun_ms, drawn_ms; /* monotonic */
    bool is_drawn;
};

int64_t progress_clock_ms(void); /* monotonic */

/* Draw `done` of `total` on stderr, if that is a terminal, this takes more than a second, and it was not drawn just now. */
void progress_draw(struct progress *progress, const char *what, size_t done, size_t total);

/* Wipe it away, so that something else can be printed. */
void progress_clear(struct progress *progress);

#endif
