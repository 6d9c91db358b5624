/* Writes one value in msgpack or JSON: the caller says what, the encoding says how. */
#ifndef SCHEMAS_WRITER_H
#define SCHEMAS_WRITER_H

#include "schemas/base.h"
#include "schemas/err.h"

enum encoding { ENCODING_MSGPACK, ENCODING_JSON };

/* "application/msgpack" or "application/json": for the AMQP property. */
const char *encoding_content_type(enum encoding encoding);

struct writer;

/* NULL when out of memory. To be ended with writer_finish() or writer_free(). */
struct writer *writer_new(enum encoding encoding);
void writer_free(struct writer *w); /* NULL is fine; wipes */

/* A map of `pairs` pairs, or a list of `count` values, follows at once. */
void writer_map(struct writer *w, size_t pairs);
void writer_list(struct writer *w, size_t count);

void writer_key(struct writer *w, const char *key);
void writer_text(struct writer *w, const char *text); /* NUL at the end; what is not UTF-8 becomes '?' */
void writer_whole(struct writer *w, int64_t value);
void writer_bool(struct writer *w, bool value);
void writer_bytes(struct writer *w, const uint8_t *data, size_t len); /* msgpack: bin; JSON: base64 */

/*
 * The finished bytes, now the caller's; ends the writer either way. Out of memory
 * anywhere on the way is told here: ERR_LOCAL, *out untouched.
 */
MUST_CHECK bool writer_finish(struct writer *w, struct bytes *out, struct err *e);

#endif
