/*
 * A whole bus against a broker that says anything: the input is a row of steps, in
 * which frames come, whole or cut, in and out of turn, connections end, time passes,
 * and the program publishes, settles and parts. Dialling and the clock are stood in
 * for: a connection is a pair of buffers, and a pause is over when a step says so.
 *
 * What the bus sends is AMQP; it acknowledges what it was told to, once; of each
 * publication it tells once what became of it; and no text holds the password.
 */
#include "tests/fuzz/fuzz.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>

#include "bus/bus.h"
#include "bus/dial.h"
#include "bus/timer.h"
#include "bus/wire.h"

#define PASSWORD "h1dd3n"

enum { STEPS_MAX = 96, ASKED_MAX = 64, HELD_MAX = 8, PUBLISHED_MAX = 64, TIMERS_MAX = 16, BODY_MOST = 4096 };
enum { TYPE_METHOD = 1, TYPE_HEADER, TYPE_BODY, FRAME_END = 0xce };
enum { FIRST_QUEUE_CHANNEL = 5, QUEUES = 2 };

#define ID(class, method) ((uint32_t)(class) << 16 | (method))

/* ---- what stands in for dialling and time ---- */

/* The other end of a connection. */
struct fake_broker {
    const void *of; /* whose connection */
    struct bufferevent *bev;
    struct wire_reader *reader; /* of what we are sent */
    bool greeted;
    struct asked {
        uint32_t id;
        uint16_t channel;
    } asked[ASKED_MAX]; /* and not answered yet */
    size_t asked_count;
    uint64_t published; /* on the channel that is open */
};

struct ack_due {
    uint16_t channel;
    uint64_t tag;
};

static struct event_base *base;
static struct fake_broker brokers[2]; /* of what consumes, of what publishes */
static enum { DIAL_ANSWERS, DIAL_REFUSES, DIAL_HANGS } dialling;
static uint64_t clock_ms;
static unsigned timers_set;
static struct ack_due acks_due[HELD_MAX * 4];
static size_t ack_count;

uint64_t monotonic_ms(void)
{
    return clock_ms;
}

uint32_t random_bits(void)
{
    return 0x5eed;
}

/* Due in the far future, each later than the one before it: step_time() chooses. */
void timer_set(struct event *timer, unsigned ms)
{
    struct timeval in = {.tv_sec = 86400 + (time_t)timers_set++};

    if (ms == 0)
        event_active(timer, EV_TIMEOUT, 0);
    else
        event_add(timer, &in);
}

static void broker_drop(struct fake_broker *b)
{
    if (b->bev != NULL)
        bufferevent_free(b->bev);
    wire_reader_free(b->reader);
    *b = (struct fake_broker){.of = b->of};
    if (b == &brokers[0])
        ack_count = 0;
}

void dial_begin(struct event_base *of, const struct url *url, const struct tls_config *tls, dial_done *done, void *arg,
                struct dial **out)
{
    struct fake_broker *b = brokers[0].of == NULL || brokers[0].of == arg ? &brokers[0] : &brokers[1];
    struct bufferevent *pair[2];

    (void)url;
    (void)tls;
    *out = NULL;
    broker_drop(b);
    b->of = arg;
    if (dialling == DIAL_HANGS)
        return;
    if (dialling == DIAL_REFUSES) {
        done(arg, NULL, "Connection refused");
        return;
    }
    MUST(bufferevent_pair_new(of, BEV_OPT_CLOSE_ON_FREE, pair) == 0);
    b->bev = pair[1];
    b->reader = wire_reader_new();
    bufferevent_enable(b->bev, EV_READ | EV_WRITE);
    done(arg, pair[0], NULL);
}

void dial_cancel(struct dial *dial)
{
    MUST(dial == NULL);
}

const char *dial_missing(const struct dial *dial)
{
    (void)dial;
    return "no connection";
}

/* ---- what the broker hears ---- */

static void hear_ack(const struct wire_frame *f)
{
    for (size_t i = 0; i < ack_count; i++)
        if (acks_due[i].channel == f->channel && acks_due[i].tag == f->tag) {
            acks_due[i] = acks_due[--ack_count];
            return;
        }
    abort(); /* nobody acknowledged that */
}

static void hear_frame(struct fake_broker *b, const struct wire_frame *f)
{
    if (f->kind != WIRE_METHOD)
        return;
    if (f->method == METHOD_ACK)
        hear_ack(f);
    if (b->asked_count < ASKED_MAX)
        b->asked[b->asked_count++] = (struct asked){f->method_id, f->channel};
}

static void hear(struct fake_broker *b)
{
    static const uint8_t greeting[] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};
    struct evbuffer *in = b->bev == NULL ? NULL : bufferevent_get_input(b->bev);
    size_t len = in == NULL ? 0 : evbuffer_get_length(in), at = 0, used;
    const uint8_t *bytes = len == 0 ? NULL : evbuffer_pullup(in, -1);
    struct wire_frame f;
    struct err e;

    if (len > 0 && !b->greeted) {
        MUST(len >= sizeof(greeting) && memcmp(bytes, greeting, sizeof(greeting)) == 0);
        at = sizeof(greeting);
        b->greeted = true;
        b->asked[b->asked_count++] = (struct asked){0, 0};
    }
    for (; at < len; at += used) {
        MUST(wire_read(b->reader, bytes + at, len - at, &used, &f, &e));
        hear_frame(b, &f);
    }
    if (len > 0)
        evbuffer_drain(in, len);
}

/* ---- what the broker says ---- */

static void put(uint8_t *at, uint64_t n, size_t bytes)
{
    while (bytes-- > 0) {
        at[bytes] = (uint8_t)n;
        n >>= 8;
    }
}

static void say(struct fake_broker *b, const void *bytes, size_t len)
{
    if (b->bev != NULL)
        bufferevent_write(b->bev, bytes, len);
}

static void say_frame(struct fake_broker *b, uint8_t type, uint16_t channel, const uint8_t *payload, size_t len)
{
    uint8_t head[7] = {type};

    put(head + 1, channel, 2);
    put(head + 3, len, 4);
    say(b, head, sizeof(head));
    say(b, payload, len);
    say(b, &(uint8_t){FRAME_END}, 1);
}

static void say_method(struct fake_broker *b, uint16_t channel, uint32_t id, const uint8_t *args, size_t len)
{
    uint8_t payload[512];

    put(payload, id, 4);
    memcpy(payload + 4, args, len);
    say_frame(b, TYPE_METHOD, channel, payload, 4 + len);
}

static void answer(struct fake_broker *b, struct asked asked)
{
    static const uint8_t start[] = "\0\11\0\0\0\0\0\0\0\5PLAIN\0\0\0\0", zeros[16] = {0};
    static const uint32_t granted_by_the_next[] = {
        ID(10, 40), ID(10, 50), ID(20, 10), ID(20, 40), ID(40, 10),
        ID(50, 10), ID(50, 20), ID(60, 10), ID(60, 20), ID(85, 10),
    };
    uint8_t ack[9] = {0};

    if (asked.id == 0)
        say_method(b, 0, ID(10, 10), start, sizeof(start) - 1);
    if (asked.id == ID(10, 11))
        say_method(b, 0, ID(10, 30), zeros, 8);
    for (size_t i = 0; i < COUNT(granted_by_the_next); i++)
        if (asked.id == granted_by_the_next[i])
            say_method(b, asked.channel, asked.id + 1, zeros, 9);
    if (asked.id == ID(85, 10))
        b->published = 0;
    put(ack, ++b->published, 8);
    if (asked.id == ID(60, 40))
        say_method(b, asked.channel, ID(60, 80), ack, sizeof(ack));
    else
        b->published--;
}

/* ---- the program ---- */

struct program {
    struct bus *bus;
    struct input in;
    const uint8_t *all; /* the input */
    size_t all_bytes;
    struct delivery *held[HELD_MAX];
    struct {
        uint64_t number;
        bool is_told;
    } published[PUBLISHED_MAX];
    size_t published_count;
};

static void on_wake(void *arg)
{
    (void)arg;
}

static void check_delivery(const struct program *p, const struct delivery *d, enum bus_event event)
{
    MUST(event == BUS_ANSWER   ? d->queue == DELIVERY_ANSWER
         : event == BUS_NOTICE ? d->queue == DELIVERY_NOTICE
                               : d->queue < QUEUES && bus_is_current(p->bus, d));
    MUST(d->body_bytes <= BODY_MOST);
    MUST(memchr(d->content_type, 0, sizeof(d->content_type)) && memchr(d->reply_to, 0, sizeof(d->reply_to)));
    MUST(memchr(d->message_id, 0, sizeof(d->message_id)) && memchr(d->user_id, 0, sizeof(d->user_id)));
    MUST(memchr(d->routing_key, 0, sizeof(d->routing_key)) && memchr(d->signature, 0, sizeof(d->signature)));
    MUST(memchr(d->correlation_id, 0, sizeof(d->correlation_id)));
}

static void hold(struct program *p, struct delivery *d)
{
    for (size_t i = 0; i < HELD_MAX; i++)
        if (p->held[i] == NULL) {
            p->held[i] = d;
            return;
        }
    bus_settle(p->bus, d, VERDICT_REJECT);
}

static void take_published(struct program *p, uint64_t number)
{
    for (size_t i = 0; i < p->published_count; i++)
        if (p->published[i].number == number) {
            MUST(!p->published[i].is_told);
            p->published[i].is_told = true;
            return;
        }
    abort(); /* nobody published that */
}

static void take_news(struct program *p)
{
    bool guessed = p->all_bytes > 0 && memmem(p->all, p->all_bytes, PASSWORD, strlen(PASSWORD)) != NULL;
    struct bus_news news;

    while (bus_next(p->bus, &news) != BUS_QUIET) {
        bool has_text = news.event != BUS_DELIVERY && news.event != BUS_ANSWER && news.event != BUS_NOTICE;

        MUST(!has_text || (memchr(news.text, 0, sizeof(news.text)) && (guessed || !strstr(news.text, PASSWORD))));
        if (!has_text)
            check_delivery(p, news.delivery, news.event);
        if (news.event == BUS_DELIVERY)
            hold(p, news.delivery);
        if (news.event == BUS_ANSWER || news.event == BUS_NOTICE)
            delivery_free(news.delivery);
        if (news.event == BUS_PUBLISHED)
            take_published(p, news.number);
    }
}

/* Let all that is under way arrive. */
static void pump(struct program *p)
{
    for (int i = 0; i < 3; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        hear(&brokers[0]);
        hear(&brokers[1]);
    }
    take_news(p);
}

/* ---- the steps ---- */

/* A byte says which broker (1), and which channel (the rest). */
static struct fake_broker *broker_of(uint8_t byte, uint16_t *channel)
{
    *channel = byte >> 1 & 7;
    return &brokers[byte & 1];
}

/* Grant all that was asked for, and what is asked for thereupon. */
static void step_grant(struct program *p)
{
    struct fake_broker *b = &brokers[input_byte(&p->in) & 1];

    for (int round = 0; round < 6 && b->asked_count > 0; round++) {
        struct fake_broker was = *b;
        b->asked_count = 0;
        for (size_t i = 0; i < was.asked_count; i++)
            answer(b, was.asked[i]);
        pump(p);
    }
}

/* A method with the arguments of the input, and zeros behind them. */
static void step_method(struct program *p)
{
    static const uint32_t ids[] = {
        ID(10, 10), ID(10, 30), ID(10, 41), ID(10, 50),  ID(10, 51), ID(10, 60),  ID(10, 61), ID(20, 11),
        ID(20, 40), ID(20, 41), ID(40, 11), ID(50, 11),  ID(50, 21), ID(60, 11),  ID(60, 21), ID(60, 30),
        ID(60, 50), ID(60, 60), ID(60, 80), ID(60, 120), ID(85, 11), ID(60, 111),
    };
    uint16_t channel;
    struct fake_broker *b = broker_of(input_byte(&p->in), &channel);
    uint32_t id = ids[input_byte(&p->in) % COUNT(ids)];
    uint8_t args[96] = {0}, want = input_byte(&p->in) % 64;
    size_t got;
    const uint8_t *given = input_bytes(&p->in, want, &got);

    if (got > 0)
        memcpy(args, given, got);
    say_method(b, channel, id, args, want + 32u);
}

static void step_header(struct program *p)
{
    uint16_t channel;
    struct fake_broker *b = broker_of(input_byte(&p->in), &channel);
    uint8_t payload[12 + 256] = {0, 60};
    size_t got, want;
    const uint8_t *given;

    payload[10] = input_byte(&p->in);
    payload[11] = input_byte(&p->in);
    want = input_byte(&p->in);
    given = input_bytes(&p->in, want, &got);
    if (got > 0)
        memcpy(payload + 12, given, got);
    say_frame(b, TYPE_HEADER, channel, payload, 12 + (want < 2 ? 2 : want));
}

static void say_body(struct fake_broker *b, uint16_t channel, size_t len)
{
    static const uint8_t body[4096] = {'a', 'n', 'y'}; /* nothing here looks at it */

    say_frame(b, TYPE_BODY, channel, body, len);
}

static void step_body(struct program *p)
{
    uint16_t channel;
    struct fake_broker *b = broker_of(input_byte(&p->in), &channel);

    say_body(b, channel, input_byte(&p->in) * 16u);
}

/* A delivery as it should be, but for its size perhaps. */
static void step_delivery(struct program *p)
{
    uint8_t queue = input_byte(&p->in), args[32] = {0}, head[14] = {0, 60};
    uint16_t channel = (uint16_t)(FIRST_QUEUE_CHANNEL - 3 +
                                  queue % (QUEUES + 3)); /* before them those of replies, notices and counting */
    size_t len = input_byte(&p->in) % 80 * 64;

    put(args + 1, input_byte(&p->in), 8);
    put(head + 4, len, 8);
    say_method(&brokers[0], channel, ID(60, 60), args, sizeof(args));
    say_frame(&brokers[0], TYPE_HEADER, channel, head, sizeof(head));
    for (size_t at = 0; at < len; at += 2048)
        say_body(&brokers[0], channel, len - at < 2048 ? len - at : 2048);
}

/* A publication of step_publish() comes back, if the input has its id and size. */
static void step_return(struct program *p)
{
    static const uint8_t args[] = "\1\70\10NO_ROUTE\1x\1k", list[] = "\0\200\2m0"; /* a message id alone */
    uint8_t header[12 + sizeof(list) - 1] = {0, 60}, bytes;

    memcpy(header + 12, list, sizeof(list) - 1);
    header[sizeof(header) - 1] = (uint8_t)('0' + input_byte(&p->in) % 10);
    header[11] = bytes = input_byte(&p->in);
    say_method(&brokers[1], 1, ID(60, 50), args, sizeof(args) - 1);
    say_frame(&brokers[1], TYPE_HEADER, 1, header, sizeof(header));
    if (bytes > 0)
        say_body(&brokers[1], 1, bytes);
}

static void step_raw(struct program *p)
{
    struct fake_broker *b = &brokers[input_byte(&p->in) & 1];
    size_t got;
    const uint8_t *given = input_bytes(&p->in, input_byte(&p->in), &got);

    say(b, given, got);
}

static void step_hang_up(struct program *p)
{
    struct fake_broker *b = &brokers[input_byte(&p->in) & 1];

    if (b->bev != NULL)
        bufferevent_flush(b->bev, EV_WRITE, BEV_FINISHED);
}

struct timers {
    struct event *pending[TIMERS_MAX];
    size_t count;
};

static int timer_collect(const struct event_base *of, const struct event *event, void *arg)
{
    struct timers *timers = arg;

    (void)of;
    if (event_pending(event, EV_TIMEOUT, NULL) && timers->count < TIMERS_MAX)
        timers->pending[timers->count++] = (struct event *)(uintptr_t)event;
    return 0;
}

static void step_time(struct program *p)
{
    struct timers timers = {.count = 0};
    uint8_t which = input_byte(&p->in);

    clock_ms += which * 100u;
    event_base_foreach_event(base, timer_collect, &timers);
    if (timers.count > 0)
        event_active(timers.pending[which % timers.count], EV_TIMEOUT, 0);
}

static void step_publish(struct program *p)
{
    static const char *const headers[] = {"x-keyferry-code", "SYS.1007", NULL};
    static const uint8_t body[6000] = {1};
    uint8_t how = input_byte(&p->in);
    char id[] = {'m', (char)('0' + p->published_count % 10), '\0'};
    struct publication publication = {
        .exchange = (how & 1) != 0 ? "x" : "",
        .routing_key = "k",
        .message_id = id,
        .reply_to = (how & 2) != 0 ? bus_reply_queue(p->bus) : NULL,
        .headers = (how & 4) != 0 ? headers : NULL,
        .body = body,
        .body_bytes = (how & 8) != 0 ? sizeof(body) : how,
        .mandatory = (how & 16) != 0,
    };
    uint64_t number;
    struct err e;

    if (p->published_count == PUBLISHED_MAX)
        return;
    MUST(bus_publish(p->bus, &publication, &number, &e));
    p->published[p->published_count++].number = number;
}

static void step_settle(struct program *p)
{
    uint8_t which = input_byte(&p->in);
    struct delivery *d = TAKE(p->held[which % HELD_MAX]);
    enum verdict verdict = which / HELD_MAX % 2 == 0 ? VERDICT_ACK : VERDICT_REJECT;

    if (d == NULL)
        return;
    if (verdict == VERDICT_ACK && bus_is_current(p->bus, d) && ack_count < COUNT(acks_due))
        acks_due[ack_count++] = (struct ack_due){(uint16_t)(FIRST_QUEUE_CHANNEL + d->queue), d->tag};
    bus_settle(p->bus, d, verdict);
}

static void step_local(struct program *p)
{
    uint8_t what = input_byte(&p->in), which = what >> 3;

    if (what % 8 < 3)
        dialling = what % 8;
    else if (what % 8 == 3)
        bus_queue_open(p->bus, which % QUEUES);
    else if (what % 8 == 4)
        bus_queue_close(p->bus, which % QUEUES);
    else if (what % 8 < 7 && p->published_count > 0)
        bus_forget(p->bus, p->published[which % p->published_count].number);
    else if (what % 8 == 7)
        bus_stop(p->bus);
}

static void step(struct program *p)
{
    static void (*const steps[])(struct program *) = {
        step_grant, step_method, step_header,  step_body,   step_delivery, step_return,
        step_raw,   step_time,   step_hang_up, step_settle, step_publish,  step_local,
    };

    steps[input_byte(&p->in) % COUNT(steps)](p);
    pump(p);
}

static struct bus *open_bus(void)
{
    static const struct bus_queue queues[QUEUES] = {{"qa", "host.a"}, {"qb", "host.b"}};
    static const struct bus_config config = {
        .urls = "amqp://u:" PASSWORD "@a,amqp://u:" PASSWORD "@b:1/v",
        .name = "fuzz",
        .heartbeat_s = 10,
        .prefetch = 4,
        .declare = true,
        .answers_wanted = true,
        .exchange = "x",
        .dead_exchange = "dead",
        .events_exchange = "events",
        .reply_exchange = "",
        .notices_exchange = "notices",
        .notices_key = "key",
        .body_max_bytes = BODY_MOST,
        .queues = queues,
        .queue_count = QUEUES,
    };
    struct bus *bus;
    struct err e;

    MUST(bus_open(base, &config, on_wake, NULL, &bus, &e));
    return bus;
}

static void program_end(struct program *p)
{
    for (size_t i = 0; i < HELD_MAX; i++)
        delivery_free(p->held[i]);
    bus_close(p->bus);
    for (size_t i = 0; i < COUNT(brokers); i++) {
        broker_drop(&brokers[i]);
        brokers[i].of = NULL;
    }
    event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program p = {.in = {data, size}, .all = data, .all_bytes = size};

    if (base == NULL)
        base = event_base_new();
    clock_ms = 1000;
    timers_set = 0;
    dialling = DIAL_ANSWERS;
    p.bus = open_bus();
    pump(&p);
    for (int i = 0; i < STEPS_MAX && p.in.left > 0; i++)
        step(&p);
    program_end(&p);
    return 0;
}
