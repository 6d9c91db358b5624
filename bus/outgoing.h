/* One publication, from bus_publish() to the news of what became of it. */
#ifndef BUS_OUTGOING_H
#define BUS_OUTGOING_H

#include "bus/tray.h"

struct outgoing {
    struct outgoing *next; /* in the order they were published */
    struct tray_item item;
    struct publication publication; /* points into `memory` */
    uint64_t number;
    uint64_t tag;   /* on the present channel; 0: not sent on it */
    bool forgotten; /* nobody is told, and it is not sent again */
    enum published how;
    uint16_t code; /* of a return or refusal, as is the text */
    char text[SHORTSTR_MAX_CHARS + 1];
    size_t bytes;  /* of `memory` */
    char memory[]; /* wiped when freed: a body may hold a clear DEK */
};

/* A copy. Fails with ERR_LOCAL: no memory, or a text longer than AMQP has room for. */
MUST_CHECK bool outgoing_new(const struct publication *publication, struct outgoing **out, struct err *e);
void outgoing_free(struct outgoing *outgoing); /* NULL is fine */

#endif
