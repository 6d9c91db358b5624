#include "bus/topology.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct argument host_arguments[] = {
    { .name = "x-queue-type",             .text = "quorum",         .quorum_only = true },
    { .name = "x-single-active-consumer", .number = 1,              .is_flag = true },
    { .name = "x-dead-letter-exchange",   .subject = SUBJECT_DEAD },
    { .name = "x-dead-letter-strategy",   .text = "at-least-once",  .quorum_only = true },
    { .name = "x-overflow",               .text = "reject-publish" },
    { .name = "x-delivery-limit",         .number = 50,             .quorum_only = true },
};

static const struct argument dead_arguments[] = {
    { .name = "x-queue-type",     .text = "quorum" }, /* even where the host queues are classic */
    { .name = "x-delivery-limit", .number = INT32_MAX, .from_major = 4 }, /* else each look counts, and 20 would be the last */
};

#define ARGUMENTS(table) .arguments = (table), .argument_count = COUNT(table)
#define ROW(table)       { .asks = (table), .count = COUNT(table) }

static const struct ask shared[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_EXCHANGE, .exchange = SUBJECT_REQUESTS, .type = "topic" },
    { .kind = ASK_EXCHANGE, .exchange = SUBJECT_EVENTS,   .type = "topic" },
    { .kind = ASK_EXCHANGE, .exchange = SUBJECT_DEAD,     .type = "fanout" },
    { .kind = ASK_QUEUE,    .queue = SUBJECT_DEAD,        .flags = QUEUE_DURABLE, ARGUMENTS(dead_arguments) },
    { .kind = ASK_BIND,     .queue = SUBJECT_DEAD,        .exchange = SUBJECT_DEAD },
};

static const struct ask host_queue[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_DURABLE, ARGUMENTS(host_arguments) },
    { .kind = ASK_BIND,    .queue = SUBJECT_QUEUE, .exchange = SUBJECT_REQUESTS },
    { .kind = ASK_QOS },
    { .kind = ASK_CONSUME, .queue = SUBJECT_QUEUE },
};

/* "host.*": all that comes for hosts. "1": each queue gets as much as any other. */
static const struct ask partition_exchange[] = {
    { .kind = ASK_EXCHANGE, .exchange = SUBJECT_PARTITIONS, .type = "x-consistent-hash" },
    { .kind = ASK_LINK,     .exchange = SUBJECT_REQUESTS, .queue = SUBJECT_PARTITIONS, .key = "host.*" },
};

static const struct ask partition_listed[] = {
    { .kind = ASK_QUEUE, .queue = SUBJECT_LISTED, .flags = QUEUE_DURABLE, ARGUMENTS(host_arguments) },
    { .kind = ASK_BIND,  .queue = SUBJECT_LISTED, .exchange = SUBJECT_PARTITIONS, .key = "1" },
};

static const struct ask partition[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_DURABLE, ARGUMENTS(host_arguments) },
    { .kind = ASK_BIND,    .queue = SUBJECT_QUEUE, .exchange = SUBJECT_PARTITIONS, .key = "1" },
    { .kind = ASK_BIND,    .queue = SUBJECT_QUEUE, .exchange = SUBJECT_REQUESTS },
    { .kind = ASK_QOS },
    { .kind = ASK_CONSUME, .queue = SUBJECT_QUEUE },
};

static const struct ask host_queue_as_it_is[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_PASSIVE },  /* to be told how much it holds, and how many consume */
    { .kind = ASK_QOS },
    { .kind = ASK_CONSUME, .queue = SUBJECT_QUEUE },
};

static const struct ask counted[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_PASSIVE },
};

static const struct ask exchange[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_EXCHANGE, .exchange = SUBJECT_REQUESTS, .type = "topic", .flags = QUEUE_PASSIVE },
};

static const struct ask host_declared[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_DURABLE, ARGUMENTS(host_arguments) },
};

static const struct ask dead_declared[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_DEAD, .flags = QUEUE_DURABLE, ARGUMENTS(dead_arguments) },
};

static const struct ask trial_consume[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_TRIAL_CONSUME, .queue = SUBJECT_QUEUE },
};

static const struct ask trial_publish[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_TRIAL_PUBLISH, .exchange = SUBJECT_REQUESTS },
};

/* RabbitMQ looks at the rights first, and then at what x-expires may be: check_declare_arguments() of 3.10 to 4.x. */
static const struct argument impossible_arguments[] = {
    { .name = "x-expires", .number = 0 },
};

static const struct ask trial_declare[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE, .queue = SUBJECT_QUEUE, .flags = QUEUE_EXCLUSIVE, ARGUMENTS(impossible_arguments) },
};

static const struct ask trial_bind[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_BIND, .queue = SUBJECT_QUEUE, .exchange = SUBJECT_REQUESTS },
};

static const struct ask exchange_declared[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_EXCHANGE, .exchange = SUBJECT_REQUESTS, .type = "topic" },
};

static const struct ask reply_queue[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_EXCLUSIVE },
    { .kind = ASK_CONSUME, .queue = SUBJECT_QUEUE, .flags = ASK_NO_ACK },
};

static const struct ask reply_queue_bound[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_EXCLUSIVE },
    { .kind = ASK_BIND,    .queue = SUBJECT_QUEUE, .exchange = SUBJECT_REPLIES },
    { .kind = ASK_CONSUME, .queue = SUBJECT_QUEUE, .flags = ASK_NO_ACK },
};

static const struct ask reply_queue_listening[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_EXCLUSIVE },
    { .kind = ASK_BIND,    .queue = SUBJECT_QUEUE, .exchange = SUBJECT_EVENTS },
    { .kind = ASK_CONSUME, .queue = SUBJECT_QUEUE, .flags = ASK_NO_ACK },
};

static const struct ask reply_queue_bound_listening[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,   .queue = SUBJECT_QUEUE, .flags = QUEUE_EXCLUSIVE },
    { .kind = ASK_BIND,    .queue = SUBJECT_QUEUE, .exchange = SUBJECT_REPLIES },
    { .kind = ASK_BIND,    .queue = SUBJECT_QUEUE, .exchange = SUBJECT_EVENTS },
    { .kind = ASK_CONSUME, .queue = SUBJECT_QUEUE, .flags = ASK_NO_ACK },
};

static const struct ask notices[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_EXCHANGE, .exchange = SUBJECT_NOTICES, .type = "topic" },
    { .kind = ASK_QUEUE,    .queue = SUBJECT_QUEUE, .flags = QUEUE_EXCLUSIVE },
    { .kind = ASK_BIND,     .queue = SUBJECT_QUEUE, .exchange = SUBJECT_NOTICES },
    { .kind = ASK_CONSUME,  .queue = SUBJECT_QUEUE, .flags = ASK_NO_ACK },
};

static const struct ask notices_as_they_are[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_QUEUE,    .queue = SUBJECT_QUEUE, .flags = QUEUE_EXCLUSIVE },
    { .kind = ASK_BIND,     .queue = SUBJECT_QUEUE, .exchange = SUBJECT_NOTICES },
    { .kind = ASK_CONSUME,  .queue = SUBJECT_QUEUE, .flags = ASK_NO_ACK },
};

static const struct ask publisher[] = {
    { .kind = ASK_CHANNEL },
    { .kind = ASK_CONFIRM },
};

const struct ask_row topology_shared = ROW(shared);
const struct ask_row topology_publisher = ROW(publisher);
const struct ask_row topology_nothing = { .asks = counted, .count = 1 };
const struct ask_row topology_counted = ROW(counted);
const struct ask_row topology_exchange = ROW(exchange);
const struct ask_row topology_host = ROW(host_declared);
const struct ask_row topology_dead = ROW(dead_declared);
const struct ask_row topology_trial_consume = ROW(trial_consume);
const struct ask_row topology_trial_publish = ROW(trial_publish);
const struct ask_row topology_trial_declare = ROW(trial_declare);
const struct ask_row topology_trial_bind = ROW(trial_bind);
const struct ask_row topology_topic = ROW(exchange_declared);
const struct ask_row topology_partition = ROW(partition);
/* clang-format on */

struct ask_row topology_host_queue(bool declare)
{
    return declare ? (struct ask_row)ROW(host_queue) : (struct ask_row)ROW(host_queue_as_it_is);
}

size_t topology_all_count(size_t queue_count)
{
    return COUNT(shared) + (queue_count == 0 ? 0 : COUNT(partition_exchange) + queue_count * COUNT(partition_listed));
}

struct ask_row topology_all(size_t queue_count, struct ask *asks)
{
    struct ask *at = mempcpy(asks, shared, sizeof(shared));

    if (queue_count > 0)
        at = mempcpy(at, partition_exchange, sizeof(partition_exchange));
    for (size_t i = 0; i < queue_count; i++)
        for (size_t k = 0; k < COUNT(partition_listed); k++, at++) {
            *at = partition_listed[k];
            at->number = i;
        }
    return (struct ask_row){asks, (size_t)(at - asks)};
}

bool topology_relent(struct ask *asks, size_t number)
{
    if (number >= COUNT(shared) || asks[number].kind != ASK_QUEUE)
        return false;
    asks[number].flags ^= QUEUE_DURABLE ^ QUEUE_PASSIVE;
    return (asks[number].flags & QUEUE_PASSIVE) != 0;
}

struct ask_row topology_reply_queue(bool bound, bool listens)
{
    static const struct ask_row rows[2][2] = {{ROW(reply_queue), ROW(reply_queue_listening)},
                                              {ROW(reply_queue_bound), ROW(reply_queue_bound_listening)}};

    return rows[bound][listens];
}

struct ask_row topology_notices(bool declare)
{
    return declare ? (struct ask_row)ROW(notices) : (struct ask_row)ROW(notices_as_they_are);
}

struct ask_values topology_values(const struct bus_config *config)
{
    return (struct ask_values){
        .names =
            {
                [SUBJECT_NONE] = "",
                [SUBJECT_REQUESTS] = config->exchange,
                [SUBJECT_DEAD] = config->dead_exchange,
                [SUBJECT_EVENTS] = config->events_exchange,
                [SUBJECT_REPLIES] = config->reply_exchange,
                [SUBJECT_EVENTS_KEY] = config->events_key,
                [SUBJECT_PARTITIONS] = config->partition_exchange,
                [SUBJECT_NOTICES] = config->notices_exchange,
            },
        .listed = config->queues,
        .consumer_tag = config->name,
        .prefetch = config->prefetch,
        .queue_type = config->queue_type,
    };
}

static const char *name_of(const struct ask *ask, enum subject subject, const struct ask_values *values)
{
    return subject == SUBJECT_LISTED ? values->listed[ask->number].name : values->names[subject];
}

static void write_channel(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    (void)ask;
    (void)values;
    wire_put_channel_open(out, channel);
}

static void write_exchange(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    wire_put_exchange(out, channel, values->names[ask->exchange], ask->type, ask->flags);
}

static bool is_for(const struct argument *a, const struct ask_values *values)
{
    if (a->quorum_only && values->queue_type != QUEUE_QUORUM)
        return false;
    return a->from_major == 0 || (values->broker != NULL && broker_is_from(values->broker, a->from_major, 0));
}

static void write_queue(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    struct wire_argument arguments[HEADER_PAIRS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < ask->argument_count; i++) {
        const struct argument *a = &ask->arguments[i];
        if (!is_for(a, values))
            continue;
        arguments[count++] = (struct wire_argument){
            .name = a->name,
            .text = a->subject != SUBJECT_NONE ? values->names[a->subject] : a->text,
            .number = a->number,
            .is_flag = a->is_flag,
        };
    }
    wire_put_queue(out, channel, name_of(ask, ask->queue, values), ask->flags, arguments, count);
}

static void write_link(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    wire_put_link(out, channel, values->names[ask->queue], values->names[ask->exchange], ask->key);
}

static void write_bind(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    enum subject by = ask->queue != SUBJECT_QUEUE       ? SUBJECT_NONE
                      : ask->exchange == SUBJECT_EVENTS ? SUBJECT_EVENTS_KEY
                                                        : SUBJECT_KEY;
    const char *own = values->names[by];

    wire_put_bind(out, channel, name_of(ask, ask->queue, values), values->names[ask->exchange],
                  ask->key != NULL ? ask->key : own);
}

static void write_qos(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    (void)ask;
    wire_put_qos(out, channel, values->prefetch);
}

static void write_consume(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    wire_put_consume(out, channel, values->names[ask->queue], values->consumer_tag, ask->flags == ASK_NO_ACK);
}

static void write_confirm(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    (void)ask;
    (void)values;
    wire_put_confirm(out, channel);
}

static void write_trial_consume(const struct ask *ask, const struct ask_values *values, struct outbox *out,
                                uint16_t channel)
{
    wire_put_trial_consume(out, channel, values->names[ask->queue]);
}

static void write_trial_publish(const struct ask *ask, const struct ask_values *values, struct outbox *out,
                                uint16_t channel)
{
    wire_put_trial_publication(out, channel, values->names[ask->exchange], values->names[SUBJECT_KEY]);
}

static const struct {
    enum wire_method answer;
    const char *doing;
    void (*write)(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel);
} kinds[] = {
    /* clang-format off */
    [ASK_CHANNEL]  = { METHOD_CHANNEL_OPEN_OK, "opening a channel",   write_channel },
    [ASK_EXCHANGE] = { METHOD_EXCHANGE_OK,     "declaring exchange",  write_exchange },
    [ASK_LINK]     = { METHOD_LINK_OK,         "binding exchange",    write_link },
    [ASK_QUEUE]    = { METHOD_QUEUE_OK,        "declaring queue",     write_queue },
    [ASK_BIND]     = { METHOD_BIND_OK,         "binding queue",       write_bind },
    [ASK_QOS]      = { METHOD_QOS_OK,          "setting prefetch",    write_qos },
    [ASK_CONSUME]  = { METHOD_CONSUME_OK,      "consuming from queue", write_consume },
    [ASK_CONFIRM]  = { METHOD_CONFIRM_OK,      "asking for confirms", write_confirm },
    [ASK_TRIAL_CONSUME] = { METHOD_UNKNOWN,    "consuming from queue", write_trial_consume },
    [ASK_TRIAL_PUBLISH] = { METHOD_UNKNOWN,    "publishing to",       write_trial_publish },
    /* clang-format on */
};

void ask_write(const struct ask *ask, const struct ask_values *values, struct outbox *out, uint16_t channel)
{
    kinds[ask->kind].write(ask, values, out, channel);
}

enum wire_method ask_answer(const struct ask *ask)
{
    return kinds[ask->kind].answer;
}

void ask_describe(const struct ask *ask, const struct ask_values *values, char *out, size_t size)
{
    enum subject about = ask->queue != SUBJECT_NONE ? ask->queue : ask->exchange;
    bool is_queue = ask->kind == ASK_QUEUE, is_named = is_queue || ask->kind == ASK_EXCHANGE;
    bool is_passive = is_named && (ask->flags & QUEUE_PASSIVE) != 0;
    const char *doing = !is_passive ? kinds[ask->kind].doing : is_queue ? "looking for queue" : "looking for exchange";

    if (about == SUBJECT_NONE)
        snprintf(out, size, "%s", doing);
    else
        snprintf(out, size, "%s '%.150s'", doing, name_of(ask, about, values));
}
