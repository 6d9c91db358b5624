#include "bus/bus.h"

#include "bus/bus_config.h"
#include "bus/consumer.h"
#include "bus/intake.h"
#include "bus/publisher.h"
#include "bus/timer.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A flag of the whole link that is told when it changes. */
struct told {
    struct tray_item item;
    bool is_so;
    char text[512];
};

struct bus {
    struct bus_config config; /* its strings are in `memory` */
    void *memory;
    struct url_list urls;
    struct tray tray;
    struct event *wake_event;
    bus_wake *wake;
    void *arg;
    struct consumer *consumer;
    struct publisher *publisher;
    struct told up, blocked, notices;
    bool stopping;
    char reply_queue[SHORTSTR_MAX_CHARS + 1], notices_queue[SHORTSTR_MAX_CHARS + 1];
};

static void told_set(struct bus *bus, struct told *told, bool is_so, const char *text)
{
    bool is_news = told->is_so != is_so || strcmp(told->text, text) != 0;

    told->is_so = is_so;
    snprintf(told->text, sizeof(told->text), "%s", text);
    if (is_news)
        tray_put(&bus->tray, &told->item);
}

static void told_fill(struct tray_item *item, struct bus_news *news, enum bus_event yes, enum bus_event no)
{
    const struct told *told = (const struct told *)((const char *)item - offsetof(struct told, item));

    news->event = told->is_so ? yes : no;
    snprintf(news->text, sizeof(news->text), "%s", told->text);
}

static void tell_up(struct tray_item *item, struct bus_news *news)
{
    told_fill(item, news, BUS_LINK_UP, BUS_LINK_DOWN);
}

static void tell_blocked(struct tray_item *item, struct bus_news *news)
{
    told_fill(item, news, BUS_BLOCKED, BUS_UNBLOCKED);
}

static void tell_notices(struct tray_item *item, struct bus_news *news)
{
    told_fill(item, news, BUS_NOTICES_UP, BUS_NOTICES_DOWN);
}

static void tell_stopped(struct bus *bus)
{
    if (!consumer_is_over(bus->consumer) || !publisher_is_over(bus->publisher))
        return;
    bus->up.is_so = false;
    snprintf(bus->up.text, sizeof(bus->up.text), "closed");
    tray_put(&bus->tray, &bus->up.item);
}

static void on_changed(void *arg)
{
    struct bus *bus = arg;

    publisher_release(bus->publisher, consumer_has_topology(bus->consumer));
    if (consumer_is_ready(bus->consumer) && publisher_is_ready(bus->publisher))
        told_set(bus, &bus->up, true, consumer_peer_name(bus->consumer));
}

static void on_lost(void *arg, const char *why)
{
    struct bus *bus = arg;

    if (bus->stopping) {
        tell_stopped(bus);
        return;
    }
    publisher_release(bus->publisher, consumer_has_topology(bus->consumer));
    told_set(bus, &bus->up, false, why);
}

static void on_blocked(void *arg, const char *why)
{
    struct bus *bus = arg;

    told_set(bus, &bus->blocked, why != NULL, why != NULL ? why : "");
}

static void on_notices(void *arg, const char *why)
{
    struct bus *bus = arg;

    told_set(bus, &bus->notices, why == NULL, why != NULL ? why : "");
}

/*
 * To the queue as everybody's requests come to it: whoever may send its hosts requests may send this. The random id
 * tells one from another where they are watched; a forged one is acked like any other, and proves as much.
 */
static bool on_canary(void *arg, size_t queue, uint64_t *number)
{
    struct bus *bus = arg;
    char id[UUID_HEX_CHARS + 1];
    struct publication canary = {.exchange = bus->config.exchange,
                                 .routing_key = bus->config.queues[queue].routing_key,
                                 .content_type = CANARY_TYPE,
                                 .message_id = id,
                                 .correlation_id = bus->config.name,
                                 .mandatory = true};
    struct err e;

    snprintf(id, sizeof(id), "%08x%08x%08x%08x", random_bits(), random_bits(), random_bits(), random_bits());
    return publisher_publish(bus->publisher, &canary, number, &e);
}

static void on_canary_forgotten(void *arg, uint64_t number)
{
    struct bus *bus = arg;

    publisher_forget(bus->publisher, number);
}

static const struct consumer_owner consumer_owner = {
    .changed = on_changed,
    .lost = on_lost,
    .notices = on_notices,
    .send_canary = on_canary,
    .forget_canary = on_canary_forgotten,
};
static const struct publisher_owner publisher_owner = {
    .changed = on_changed,
    .lost = on_lost,
    .blocked = on_blocked,
};

/* The last thing done here: the callee may end the bus. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct bus *bus = arg;

    (void)fd, (void)what;
    bus->wake(bus->arg);
}

static bool own_queues_name(struct bus *bus, struct err *e)
{
    int reply = snprintf(bus->reply_queue, sizeof(bus->reply_queue), "keyferry.reply.%s", bus->config.name);
    int notices = snprintf(bus->notices_queue, sizeof(bus->notices_queue), "keyferry.workers.%s", bus->config.name);

    return (reply < (int)sizeof(bus->reply_queue) && notices < (int)sizeof(bus->notices_queue)) ||
           err_set(e, ERR_CONFIG, "the name of the worker is too long for those of its queues");
}

static bool halves_new(struct bus *bus, struct event_base *base, struct err *e)
{
    bus->wake_event = event_new(base, -1, 0, on_wake, bus);
    if (bus->wake_event == NULL)
        return err_set(e, ERR_LOCAL, "no memory for the bus");
    bus->tray.wake = bus->wake == NULL ? NULL : bus->wake_event;
    bus->up.item.tell = tell_up;
    bus->blocked.item.tell = tell_blocked;
    bus->notices.item.tell = tell_notices;
    return consumer_new(base, &bus->config, &bus->urls, bus->reply_queue, bus->notices_queue, &bus->tray,
                        &consumer_owner, bus, &bus->consumer, e) &&
           publisher_new(base, &bus->config, &bus->urls, &bus->tray, &publisher_owner, bus, &bus->publisher, e);
}

/* A write to a connection that the broker has reset must be an error, not the end of the process. */
static void ignore_sigpipe(void)
{
    struct sigaction present;

    if (sigaction(SIGPIPE, NULL, &present) == 0 && present.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

bool bus_open(struct event_base *base, const struct bus_config *config, bus_wake *wake, void *arg, struct bus **out,
              struct err *e)
{
    struct bus *bus = calloc(1, sizeof(*bus));

    if (bus == NULL)
        return err_set(e, ERR_LOCAL, "no memory for the bus");
    ignore_sigpipe();
    bus->wake = wake;
    bus->arg = arg;
    if (!bus_config_fits(config, e) || !url_list_read(config->urls, config->password, &bus->urls, e) ||
        !tls_check(&config->tls, &bus->urls, e) || !bus_config_keep(config, &bus->config, &bus->memory, e) ||
        !own_queues_name(bus, e) || !halves_new(bus, base, e)) {
        bus_close(bus);
        return false;
    }
    *out = bus;
    return true;
}

void bus_close(struct bus *bus)
{
    if (bus == NULL)
        return;
    tray_done(&bus->tray);
    consumer_free(bus->consumer);
    publisher_free(bus->publisher);
    if (bus->wake_event != NULL)
        event_free(bus->wake_event);
    url_list_done(&bus->urls);
    free(bus->memory);
    free(bus);
}

/* What came by a channel that is gone meanwhile will come again; what became of a canary is our own business. */
static bool is_for_others(struct bus *bus, struct bus_news *news)
{
    if (news->event == BUS_PUBLISHED)
        return !consumer_published(bus->consumer, news);
    if (news->event != BUS_DELIVERY || bus_is_current(bus, news->delivery))
        return true;
    delivery_free(news->delivery);
    return false;
}

enum bus_event bus_next(struct bus *bus, struct bus_news *news)
{
    do
        tray_take(&bus->tray, news);
    while (!is_for_others(bus, news));
    return news->event;
}

bool bus_publish(struct bus *bus, const struct publication *publication, uint64_t *number, struct err *e)
{
    return publisher_publish(bus->publisher, publication, number, e);
}

void bus_forget(struct bus *bus, uint64_t number)
{
    publisher_forget(bus->publisher, number);
}

void bus_settle(struct bus *bus, struct delivery *delivery, enum verdict verdict)
{
    consumer_settle(bus->consumer, delivery, verdict);
    delivery_free(delivery);
}

bool bus_is_current(const struct bus *bus, const struct delivery *delivery)
{
    return consumer_is_current(bus->consumer, delivery);
}

void bus_queue_prove(struct bus *bus, size_t queue)
{
    consumer_queue_prove(bus->consumer, queue);
}

void bus_queue_renew(struct bus *bus, size_t queue, const char *why)
{
    consumer_queue_renew(bus->consumer, queue, why);
}

void bus_queue_open(struct bus *bus, size_t queue)
{
    consumer_queue_open(bus->consumer, queue);
}

void bus_queue_close(struct bus *bus, size_t queue)
{
    consumer_queue_close(bus->consumer, queue);
}

void bus_queue_count(struct bus *bus, size_t queue)
{
    consumer_queue_count(bus->consumer, queue);
}

void bus_count(struct bus *bus)
{
    consumer_count(bus->consumer);
}

struct bus_depth bus_queue_depth(const struct bus *bus, size_t queue)
{
    return consumer_depth(bus->consumer, queue);
}

struct bus_depth bus_dead_depth(const struct bus *bus)
{
    return consumer_depth(bus->consumer, bus->config.queue_count);
}

uint64_t bus_queue_heard_ms(const struct bus *bus, size_t queue)
{
    return consumer_heard_ms(bus->consumer, queue);
}

void bus_stop(struct bus *bus)
{
    bus->stopping = true;
    consumer_stop(bus->consumer);
    publisher_stop(bus->publisher);
}

const char *bus_user(const struct bus *bus)
{
    return publisher_user(bus->publisher);
}

const struct broker *bus_broker(const struct bus *bus)
{
    return consumer_broker(bus->consumer);
}

const char *bus_reply_queue(const struct bus *bus)
{
    return bus->reply_queue;
}

bool bus_is_loopback(const struct bus *bus)
{
    return url_list_is_loopback(&bus->urls);
}

bool bus_is_deaf(const struct bus *bus)
{
    return consumer_is_deaf(bus->consumer);
}

bool bus_is_up(const struct bus *bus)
{
    return bus->up.is_so;
}
