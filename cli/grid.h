/* A table for people: columns as wide as what stands in them. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "cli/paint.h"

struct grid;

/* `headings` are static, NULL at the end; `numbers` has a bit for each column that stands to the right. NULL: no memory. */
struct grid *grid_new(const char *const *headings, unsigned numbers);
void grid_free(struct grid *grid); /* NULL is fine */

/* A cell of the row under way, the next one when that is full. Copied; control characters become '?'. */
void grid_cell(struct grid *grid, enum tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Nothing where it has no row. */
void grid_print(const struct grid *grid);

#endif
