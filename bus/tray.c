#include "bus/tray.h"

#include "schemas/text.h"

#include <event2/event.h>
#include <string.h>

static void tray_wake(struct tray *tray)
{
    if (tray->awake || tray->wake == NULL)
        return;
    tray->awake = true;
    event_active(tray->wake, 0, 0);
}

void tray_put(struct tray *tray, struct tray_item *item)
{
    if (item->listed)
        return;
    item->listed = true;
    item->next = NULL;
    if (tray->last != NULL)
        tray->last->next = item;
    else
        tray->first = item;
    tray->last = item;
    tray_wake(tray);
}

void tray_put_delivery(struct tray *tray, struct delivery *delivery)
{
    delivery->next = NULL;
    if (tray->last_delivery != NULL)
        tray->last_delivery->next = delivery;
    else
        tray->first_delivery = delivery;
    tray->last_delivery = delivery;
    tray_wake(tray);
}

void tray_remove(struct tray *tray, struct tray_item *item)
{
    struct tray_item **at = &tray->first, *before = NULL;

    if (!item->listed)
        return;
    for (; *at != item; at = &before->next)
        before = *at;
    *at = item->next;
    if (tray->last == item)
        tray->last = before;
    item->listed = false;
}

static struct delivery *take_delivery(struct tray *tray)
{
    struct delivery *delivery = tray->first_delivery;

    if (delivery == NULL)
        return NULL;
    tray->first_delivery = delivery->next;
    if (tray->first_delivery == NULL)
        tray->last_delivery = NULL;
    delivery->next = NULL;
    return delivery;
}

enum bus_event tray_take(struct tray *tray, struct bus_news *news)
{
    struct tray_item *item = tray->first;

    news->event = BUS_QUIET;
    news->code = 0;
    news->text[0] = '\0';
    if (item != NULL) {
        tray_remove(tray, item);
        item->tell(item, news);
        text_clean(news->text, strlen(news->text)); /* it may hold words of the broker's */
    } else if ((news->delivery = take_delivery(tray)) != NULL) {
        news->event = news->delivery->queue == DELIVERY_ANSWER   ? BUS_ANSWER
                      : news->delivery->queue == DELIVERY_NOTICE ? BUS_NOTICE
                                                                 : BUS_DELIVERY;
    } else {
        tray->awake = false;
    }
    return news->event;
}

void tray_done(struct tray *tray)
{
    struct bus_news news;

    while (tray->first != NULL)
        (void)tray_take(tray, &news);
    for (struct delivery *delivery; (delivery = take_delivery(tray)) != NULL;)
        delivery_free(delivery);
}
