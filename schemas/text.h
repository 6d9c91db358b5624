/* Text from outside: whether it is fit to keep, and how to make it fit to print. */
#ifndef SCHEMAS_TEXT_H
#define SCHEMAS_TEXT_H

#include "schemas/base.h"

/* Well-formed UTF-8 (Unicode 15, table 3-7). */
bool text_is_utf8(const char *text, size_t len);

/* Well-formed UTF-8 without control characters: U+0000 to U+001F and U+007F to U+009F. */
bool text_is_plain(const char *text, size_t len);

/* Nothing, or nothing but ASCII white space. */
bool text_is_blank(const char *text, size_t len);

/* In place and of the same length: what is not UTF-8 becomes '?', a control character a space. */
void text_clean(char *text, size_t len);

/* Copy into `room` bytes, NUL included: cut off where it is too long. As snprintf() does, in a tenth of its time. */
void text_copy(char *out, size_t room, const char *text);

/* The same, and cleaned. */
void text_copy_clean(char *out, size_t room, const char *text, size_t len);

#endif
