/* The few words every room may use. Keep this file under a screen. */
#ifndef SCHEMAS_BASE_H
#define SCHEMAS_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define MUST_CHECK         __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a)  __attribute__((format(printf, f, a)))

/* Run fn(&variable) when the variable leaves its scope, however it leaves. */
#define ON_EXIT(fn)        __attribute__((cleanup(fn)))

/* Hand a pointer over: yields its value and leaves NULL behind. */
#define TAKE(p) \
    __extension__({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

#define COUNT(array)       (sizeof(array) / sizeof((array)[0]))
/* clang-format on */

/* Bytes on the heap that somebody owns. Freed, and wiped first, by bytes_free(). */
struct bytes {
    uint8_t *data;
    size_t len;
};

/* Wipes and frees what `b` holds and empties it. Safe on an empty one, and twice. */
void bytes_free(struct bytes *b);

/* Zero `len` bytes in a way no compiler removes. */
void wipe(void *data, size_t len);

#endif
