/* Replies for people. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "schemas/schema.h"

/* Each field of a reply that is present, a line each: name and value. A field flagged secret is never printed. */
void print_fields(const struct schema *schema, const void *message);

enum { TIME_CHARS = 24 };

/* Milliseconds since 1970 as "2026-11-26T16:01:11.123Z"; what is no such time as "-". */
void print_time(int64_t ms, char out[TIME_CHARS + 1]);

#endif
