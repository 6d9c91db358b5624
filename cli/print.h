/* Replies for people. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "schemas/schema.h"

/* Each field of a reply that is present, a line each: name and value. A field flagged secret is never printed. */
void print_fields(const struct schema *schema, const void *message);

#endif
