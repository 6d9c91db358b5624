/*
 * The headers of a delivery, of a bus that only looks: a list of names and values,
 * all as text. Maps and lists are told by what is in them, with names such as
 * "x-death", "0" and "queue" joined by HEADER_WITHIN, which no name can hold.
 */
#ifndef BUS_HEADERS_H
#define BUS_HEADERS_H

#include "bus/bus.h"

#define HEADER_WITHIN "\x1f"

enum { HEADER_TEXT = 'S', HEADER_BYTES = 'x', HEADERS_LISTED_BYTES = 64 * 1024 };

struct header {
    const char *name;
    char type;        /* AMQP's letter: HEADER_TEXT, or a number, a flag, a time, ... */
    const char *text; /* of bytes, and of text with a NUL in it, only how long they are */
};

/*
 * Step through them: *at is NULL before the first. False past the last. What is
 * beyond HEADERS_LISTED_BYTES, or lies deeper than 4, is not listed.
 */
bool header_next(const struct delivery *delivery, const char **at, struct header *out);

/* The text of the first header of this name, if it is text, a number, a flag or a time; else NULL. */
const char *header_text(const struct delivery *delivery, const char *name);

#endif
