#include "bus/wire.h"

enum { TABLE_DEPTH_MAX = 8 };

/* Bytes of a value of a type that has one size, as RabbitMQ and librabbitmq have them; else the table says 0. */
static const uint8_t fixed_bytes[128] = {
    ['t'] = 1, ['b'] = 1, ['B'] = 1, ['s'] = 2, ['u'] = 2, ['I'] = 4, ['i'] = 4,
    ['l'] = 8, ['L'] = 8, ['f'] = 4, ['d'] = 8, ['D'] = 5, ['T'] = 8,
};

struct cursor {
    const uint8_t *at;
    size_t left;
};

static bool skip(struct cursor *c, size_t len)
{
    if (len > c->left)
        return false;
    c->at += len;
    c->left -= len;
    return true;
}

/* Cut off a part that has its length in front of it, in four bytes. */
static bool cut_long(struct cursor *c, struct cursor *part)
{
    const uint8_t *n = c->at;

    if (!skip(c, 4))
        return false;
    size_t len = (size_t)n[0] << 24 | (size_t)n[1] << 16 | (size_t)n[2] << 8 | n[3];
    *part = (struct cursor){c->at, len};
    return skip(c, len);
}

/* A table or array that is being looked at; what is left of it. */
struct level {
    struct cursor values;
    bool named;
};

struct levels {
    struct level at[TABLE_DEPTH_MAX];
    unsigned depth;
};

static bool enter(struct levels *levels, struct cursor values, bool named)
{
    if (levels->depth == TABLE_DEPTH_MAX)
        return false;
    levels->at[levels->depth++] = (struct level){values, named};
    return true;
}

/* Step over one value, or into it where it holds others. */
static bool take_value(struct levels *levels, struct level *level)
{
    struct cursor *c = &level->values, part;
    uint8_t type;

    if (level->named && !skip(c, 1 + (size_t)*c->at))
        return false;
    if (c->left == 0 || (type = *c->at) >= sizeof(fixed_bytes) || !skip(c, 1))
        return false;
    if (type == 'S' || type == 'x')
        return cut_long(c, &part);
    if (type == 'F' || type == 'A')
        return cut_long(c, &part) && enter(levels, part, type == 'F');
    return (type == 'V' || fixed_bytes[type] != 0) && skip(c, fixed_bytes[type]);
}

bool wire_table_is_sane(const uint8_t *bytes, size_t len)
{
    struct cursor all = {bytes, len}, table;
    struct levels levels = {.depth = 0};

    if (!cut_long(&all, &table) || all.left != 0 || !enter(&levels, table, true))
        return false;
    while (levels.depth > 0) {
        struct level *level = &levels.at[levels.depth - 1];
        if (level->values.left == 0)
            levels.depth--;
        else if (!take_value(&levels, level))
            return false;
    }
    return true;
}
