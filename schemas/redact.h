/* What of a body may be shown to people. */
#ifndef SCHEMAS_REDACT_H
#define SCHEMAS_REDACT_H

#include "schemas/envelope.h"

/*
 * Write the envelope as one value, as it came, but for the values that might be a
 * DEK: in the place of each that is secret, sealed, not acceptable in its field, of
 * a field or message that is not known, or free text in a message that is not
 * acceptable as a whole, stands what it is and how large, such as "<secret: text of
 * 44 bytes>". Nothing else of such a value is written.
 */
void redact_write(const struct body *body, struct writer *w);

/* The message of a body, NULL where it is none that is known: its name may then be anything. */
const struct message *redact_message(const struct body *body);

#endif
