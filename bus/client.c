#include "bus/client.h"

#include "bus/bus.h"
#include "bus/timer.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum { PARTING_MS = 500, SLICE_MS = 200 };

struct client {
    struct event_base *base;
    struct event *alarm;
    struct bus *bus;
    bool timed_out;
    uint32_t waiting; /* messages in the queue to look through, when that was opened */
};

/* What a call waits for. */
struct waiting {
    const struct client_request *request;
    uint64_t number;
    struct delivery *answer;
};

static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ((struct client *)arg)->timed_out = true;
}

static void alarm_set(struct client *client, unsigned ms)
{
    client->timed_out = false;
    timer_set(client->alarm, ms);
}

/* Nothing to do but to leave event_base_loop(), which happens by itself after each turn. */
static void on_wake(void *arg)
{
    (void)arg;
}

/* The next news, waiting for it until the alarm. BUS_QUIET: the time is over. */
static enum bus_event news_wait(struct client *client, struct bus_news *news)
{
    while (bus_next(client->bus, news) == BUS_QUIET && !client->timed_out)
        event_base_loop(client->base, EVLOOP_ONCE);
    return news->event;
}

static void release_client(struct client **client)
{
    client_close(*client);
}

/*
 * Until answers can come or, of a queue to look through, until it is open: deliveries
 * come only after that, and who publishes then may be waited for later.
 */
static bool client_connect(struct client *client, enum bus_event wanted, struct err *e)
{
    for (struct bus_news news;;) {
        enum bus_event event = news_wait(client, &news);
        if (event == wanted) {
            client->waiting = news.messages;
            return true;
        }
        if (event == BUS_LINK_DOWN || event == BUS_QUEUE_DOWN)
            return err_set(e, ERR_BUS, "%s", news.text);
        if (event == BUS_QUIET)
            return err_set(e, ERR_BUS, "no broker answered in time");
    }
}

bool client_open(const struct client_config *config, unsigned timeout_ms, struct client **out, struct err *e)
{
    ON_EXIT(release_client) struct client *client = calloc(1, sizeof(*client));
    struct bus_config bus = {
        .urls = config->urls,
        .password = config->password,
        .tls = config->tls,
        .name = config->name,
        .heartbeat_s = config->heartbeat_s,
        .answers_wanted = config->queue == NULL,
        .looks = config->queue != NULL,
        .prefetch = UINT16_MAX,
        .queues = &(struct bus_queue){.name = config->queue, .routing_key = ""},
        .queue_count = config->queue != NULL,
        .exchange = "",
        .dead_exchange = "",
        .events_exchange = config->events_key != NULL ? config->events_exchange : "",
        .events_key = config->events_key,
        .reply_exchange = config->reply_exchange != NULL ? config->reply_exchange : "",
        .body_max_bytes = config->body_max_bytes,
    };

    if (client != NULL)
        client->base = event_base_new();
    if (client == NULL || client->base == NULL)
        return err_set(e, ERR_LOCAL, "no memory for a client");
    client->alarm = evtimer_new(client->base, on_alarm, client);
    if (client->alarm == NULL)
        return err_set(e, ERR_LOCAL, "no memory for a client");
    if (!bus_open(client->base, &bus, on_wake, client, &client->bus, e))
        return false;
    alarm_set(client, timeout_ms);
    if (!client_connect(client, config->queue != NULL ? BUS_QUEUE_UP : BUS_LINK_UP, e))
        return false;
    *out = TAKE(client);
    return true;
}

static bool call_refused(const struct bus_news *news, struct err *e)
{
    enum { NOT_FOUND = 404 }; /* AMQP 0-9-1 1.2: here, no such exchange */
    bool no_route = news->how == PUBLISHED_RETURNED || news->code == NOT_FOUND;

    return err_set(e, no_route ? ERR_NO_ROUTE : ERR_BUS, "%s", news->text);
}

/* True: the answer is there, or *failed. */
static bool call_take(struct waiting *waiting, struct bus_news *news, bool *failed, struct err *e)
{
    *failed = false;
    if (news->event == BUS_ANSWER && strcmp(news->delivery->correlation_id, waiting->request->id) == 0) {
        waiting->answer = news->delivery;
        return true;
    }
    if (news->event == BUS_ANSWER || news->event == BUS_DELIVERY)
        delivery_free(news->delivery);
    if (news->event == BUS_PUBLISHED && news->number == waiting->number && news->how != PUBLISHED_TAKEN)
        *failed = !call_refused(news, e);
    if (news->event == BUS_LINK_DOWN)
        *failed = !err_set(e, ERR_BUS, "%s", news->text);
    return *failed;
}

bool client_answer_keep(const struct delivery *delivery, struct client_answer *out)
{
    uint8_t *body = malloc(delivery->body_bytes + 1);

    if (body == NULL)
        return false;
    memcpy(body, delivery->body, delivery->body_bytes);
    out->body = (struct bytes){body, delivery->body_bytes};
    memcpy(out->content_type, delivery->content_type, sizeof(out->content_type));
    return true;
}

static bool answer_take(struct delivery *delivery, struct client_answer *out, struct err *e)
{
    bool ok = client_answer_keep(delivery, out);

    delivery_free(delivery);
    return ok || err_set(e, ERR_LOCAL, "no memory for an answer");
}

/* Wait for the answer, until `until_ms`. */
static bool call_wait(struct client *client, struct waiting *waiting, uint64_t until_ms, struct err *e)
{
    const struct client_request *request = waiting->request;
    uint64_t begun_ms = monotonic_ms();

    for (uint64_t now = begun_ms; now < until_ms; now = monotonic_ms()) {
        struct bus_news news;
        bool failed;

        alarm_set(client, until_ms - now < SLICE_MS ? (unsigned)(until_ms - now) : SLICE_MS);
        news_wait(client, &news);
        if (call_take(waiting, &news, &failed, e))
            return !failed;
        if (request->waits != NULL)
            request->waits(request->arg, (unsigned)(now - begun_ms));
    }
    return err_set(e, ERR_TIMEOUT, "no answer in time");
}

bool client_call(struct client *client, const struct client_request *request, unsigned timeout_ms,
                 struct client_answer *out, struct err *e)
{
    struct waiting waiting = {.request = request};
    struct publication publication = {
        .exchange = request->exchange,
        .routing_key = request->routing_key,
        .content_type = request->content_type,
        .message_id = request->id,
        .correlation_id = request->id,
        .reply_to = bus_reply_queue(client->bus),
        .headers = request->headers,
        .body = request->body,
        .body_bytes = request->body_bytes,
        .mandatory = true,
    };
    bool ok;

    if (!bus_publish(client->bus, &publication, &waiting.number, e))
        return false;
    ok = call_wait(client, &waiting, monotonic_ms() + timeout_ms, e);
    bus_forget(client->bus, waiting.number);
    return ok && answer_take(waiting.answer, out, e);
}

enum bus_event client_next(struct client *client, unsigned wait_ms, struct bus_news *news)
{
    alarm_set(client, wait_ms);
    return news_wait(client, news);
}

uint32_t client_waiting(const struct client *client)
{
    return client->waiting;
}

struct bus *client_bus(struct client *client)
{
    return client->bus;
}

static void client_part(struct client *client)
{
    struct bus_news news;

    alarm_set(client, PARTING_MS);
    bus_stop(client->bus);
    do {
        enum bus_event event = news_wait(client, &news);
        if (event == BUS_ANSWER)
            delivery_free(news.delivery);
    } while (news.event != BUS_LINK_DOWN && news.event != BUS_QUIET);
}

void client_close(struct client *client)
{
    if (client == NULL)
        return;
    if (client->bus != NULL && bus_is_up(client->bus))
        client_part(client);
    bus_close(client->bus);
    if (client->alarm != NULL)
        event_free(client->alarm);
    if (client->base != NULL)
        event_base_free(client->base);
    free(client);
}
