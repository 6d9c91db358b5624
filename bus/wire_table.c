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

static bool values_are_sane(struct cursor c, bool named, unsigned depth);

static bool value_is_sane(struct cursor *c, unsigned depth)
{
    struct cursor part = {c->at, 0};
    uint8_t type = *c->at;

    if (!skip(c, 1) || type >= sizeof(fixed_bytes))
        return false;
    if (type == 'S' || type == 'x')
        return cut_long(c, &part);
    if (type == 'F' || type == 'A')
        return cut_long(c, &part) && values_are_sane(part, type == 'F', depth + 1);
    return (type == 'V' || fixed_bytes[type] != 0) && skip(c, fixed_bytes[type]);
}

static bool values_are_sane(struct cursor c, bool named, unsigned depth)
{
    if (depth > TABLE_DEPTH_MAX)
        return false;
    while (c.left > 0) {
        if (named && !skip(&c, 1 + (size_t)*c.at))
            return false;
        if (c.left == 0 || !value_is_sane(&c, depth))
            return false;
    }
    return true;
}

bool wire_table_is_sane(const uint8_t *bytes, size_t len)
{
    struct cursor all = {bytes, len}, table;

    return cut_long(&all, &table) && all.left == 0 && values_are_sane(table, true, 1);
}
