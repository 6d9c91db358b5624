/*
 * What the bus has to tell, until bus_next() takes it. Nothing here allocates: an
 * item is part of what it is about, and deliveries are chained by themselves, so
 * news are never lost for want of memory. Of a queue or the link only the latest
 * is kept.
 */
#ifndef BUS_TRAY_H
#define BUS_TRAY_H

#include "bus/bus.h"

struct event;

/* Embedded in what it tells of. Zeroed, with `tell` set: not in the tray. */
struct tray_item {
    struct tray_item *next;
    bool listed;
    void (*tell)(struct tray_item *item, struct bus_news *news); /* taken out already; may free what it is part of */
};

struct tray {
    struct event *wake; /* made active when something is put in; NULL: nobody is told */
    bool awake;         /* until bus_next() has found nothing */
    struct tray_item *first, *last;
    struct delivery *first_delivery, *last_delivery;
};

/* Put in, at the end; nothing where it is in already. */
void tray_put(struct tray *tray, struct tray_item *item);
void tray_put_delivery(struct tray *tray, struct delivery *delivery);

/* Take the next thing: items first. News of BUS_QUIET: there is none. */
enum bus_event tray_take(struct tray *tray, struct bus_news *news);

/* Take an item out before its turn; nothing where it is not in. */
void tray_remove(struct tray *tray, struct tray_item *item);

/* What nobody took is told to nobody: deliveries are freed, and publications. The owners of all items are still there. */
void tray_done(struct tray *tray);

#endif
