#include "schemas/unpack.h"

#include "schemas/limits.h"

/* What follows a type byte: a number of `count_bytes`, and so many bytes or values for each it counts. */
struct shape {
    uint8_t count_bytes;
    uint8_t fixed_bytes;
    uint8_t bytes_each, values_each;
    bool is_refused;
};

/* The msgpack specification's "formats", 0xc0 to 0xdf; the others carry their count in the type byte. */
static const struct shape shapes[0x20] = {
    /* clang-format off */
    [0x01] = { .is_refused = true },                       /* never used */
    [0x04] = { .count_bytes = 1, .bytes_each = 1 },        /* bin 8, 16, 32 */
    [0x05] = { .count_bytes = 2, .bytes_each = 1 },
    [0x06] = { .count_bytes = 4, .bytes_each = 1 },
    [0x07] = { .is_refused = true },                       /* ext 8, 16, 32 */
    [0x08] = { .is_refused = true },
    [0x09] = { .is_refused = true },
    [0x0a] = { .fixed_bytes = 4 },                         /* float 32, 64 */
    [0x0b] = { .fixed_bytes = 8 },
    [0x0c] = { .fixed_bytes = 1 },                         /* uint 8, 16, 32, 64 */
    [0x0d] = { .fixed_bytes = 2 },
    [0x0e] = { .fixed_bytes = 4 },
    [0x0f] = { .fixed_bytes = 8 },
    [0x10] = { .fixed_bytes = 1 },                         /* int 8, 16, 32, 64 */
    [0x11] = { .fixed_bytes = 2 },
    [0x12] = { .fixed_bytes = 4 },
    [0x13] = { .fixed_bytes = 8 },
    [0x14] = { .is_refused = true },                       /* fixext 1, 2, 4, 8, 16 */
    [0x15] = { .is_refused = true },
    [0x16] = { .is_refused = true },
    [0x17] = { .is_refused = true },
    [0x18] = { .is_refused = true },
    [0x19] = { .count_bytes = 1, .bytes_each = 1 },        /* str 8, 16, 32 */
    [0x1a] = { .count_bytes = 2, .bytes_each = 1 },
    [0x1b] = { .count_bytes = 4, .bytes_each = 1 },
    [0x1c] = { .count_bytes = 2, .values_each = 1 },       /* array 16, 32 */
    [0x1d] = { .count_bytes = 4, .values_each = 1 },
    [0x1e] = { .count_bytes = 2, .values_each = 2 },       /* map 16, 32 */
    [0x1f] = { .count_bytes = 4, .values_each = 2 },
    /* clang-format on */
};

static const char too_short[] = "it ends too early";

/* The shape of a type byte, and the count that is in the byte itself. */
static struct shape shape_of(uint8_t type, uint64_t *count)
{
    *count = 0;
    if (type <= 0x7f || type >= 0xe0)
        return (struct shape){0};
    if (type >= 0xc0)
        return shapes[type - 0xc0];
    *count = type >= 0xa0 ? type & 0x1f : type & 0x0f;
    if (type >= 0xa0)
        return (struct shape){.bytes_each = 1};
    return (struct shape){.values_each = type >= 0x90 ? 1 : 2};
}

/* Step over one value's head and bytes; `values` more belong to it if it is a container. */
static const char *head_skip(const uint8_t **at, const uint8_t *end, bool *is_container, uint64_t *values)
{
    uint64_t count;
    struct shape shape = shape_of(*(*at)++, &count);

    if (shape.is_refused)
        return "it holds an extension type";
    if (shape.count_bytes > end - *at)
        return too_short;
    for (unsigned i = 0; i < shape.count_bytes; i++)
        count = count << 8 | *(*at)++;

    uint64_t bytes = shape.fixed_bytes + count * shape.bytes_each;
    if (bytes > (uint64_t)(end - *at))
        return too_short;
    *at += bytes;
    *is_container = shape.values_each != 0;
    *values = count * shape.values_each;
    return *values > (uint64_t)(end - *at) ? too_short : NULL;
}

const char *unpack_complaint(const uint8_t *bytes, size_t len)
{
    uint64_t owed[BODY_MAX_DEPTH + 1] = {1}; /* values still to come, at each depth */
    const uint8_t *at = bytes, *end = bytes + len;
    size_t depth = 0;

    for (;;) {
        bool is_container;
        uint64_t values;

        while (owed[depth] == 0 && depth > 0)
            depth--;
        if (owed[depth] == 0)
            return at == end ? NULL : "more follows after it";
        if (at == end)
            return too_short;
        const char *complaint = head_skip(&at, end, &is_container, &values);
        if (complaint != NULL)
            return complaint;
        owed[depth]--;
        if (is_container && depth == BODY_MAX_DEPTH)
            return "it is nested too deep";
        if (is_container)
            owed[++depth] = values;
    }
}
