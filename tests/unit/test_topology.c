#include "bus/topology.h"
#include "frames.h"

static const struct bus_queue listed[] = {{"keyferry.partition.0000", "p.0"}, {"keyferry.partition.0001", "p.1"}};

static struct bus_config config_of(enum queue_type type)
{
    return (struct bus_config){
        .name = "worker-1",
        .prefetch = 64,
        .queue_type = type,
        .exchange = "keyferry.p2p",
        .dead_exchange = "keyferry.dead",
        .events_exchange = "keyferry.events",
        .reply_exchange = "replies",
        .events_key = "host.*.secret-lost",
        .partition_exchange = "keyferry.partitions",
        .queues = listed,
        .queue_count = COUNT(listed),
        .notices_exchange = "notices",
    };
}

/* The frames of one row, in order. */
struct asked {
    uint8_t bytes[16 * 1024];
    const uint8_t *at;
    size_t left;
    amqp_pool_t pool;
    struct sent frame;
};

static void ask_all_of(struct asked *asked, struct ask_row row, enum queue_type type, unsigned broker_major)
{
    struct broker broker = {.is_known = broker_major != 0, .major = broker_major};
    struct bus_config config = config_of(type);
    struct ask_values values = topology_values(&config);
    struct outbox out = {0};

    values.names[SUBJECT_QUEUE] = "keyferry.host.aa";
    values.names[SUBJECT_KEY] = "host.aa";
    values.broker = &broker;
    for (size_t i = 0; i < row.count; i++)
        ask_write(&row.asks[i], &values, &out, 3);
    init_amqp_pool(&asked->pool, 0);
    asked->left = outbox_taken(&out, asked->bytes, sizeof(asked->bytes));
    asked->at = asked->bytes;
}

static void ask_all(struct asked *asked, struct ask_row row, enum queue_type type)
{
    ask_all_of(asked, row, type, 0);
}

static const void *next(struct asked *asked, amqp_method_number_t id)
{
    assert_true(sent_next(&asked->at, &asked->left, &asked->pool, &asked->frame));
    assert_int_equal(asked->frame.channel, 3);
    assert_int_equal(asked->frame.id, id);
    return asked->frame.method;
}

static void done(struct asked *asked)
{
    assert_int_equal(asked->left, 0);
    empty_amqp_pool(&asked->pool);
}

static void assert_exchange(struct asked *asked, const char *name, const char *type)
{
    const amqp_exchange_declare_t *m = next(asked, AMQP_EXCHANGE_DECLARE_METHOD);

    assert_text(m->exchange, name);
    assert_text(m->type, type);
    assert_true(m->durable);
    assert_false(m->passive || m->auto_delete || m->internal);
    assert_int_equal(m->arguments.num_entries, 0);
}

static void assert_bind(struct asked *asked, const char *queue, const char *exchange, const char *key)
{
    const amqp_queue_bind_t *m = next(asked, AMQP_QUEUE_BIND_METHOD);

    assert_text(m->queue, queue);
    assert_text(m->exchange, exchange);
    assert_text(m->routing_key, key);
}

static void dead_letters_have_a_queue_bound_before_there_is_any_host_queue(void **state)
{
    struct asked asked;

    (void)state;
    for (unsigned major = 3; major <= 4; major++) {
        ask_all_of(&asked, topology_shared, major == 3 ? QUEUE_CLASSIC : QUEUE_QUORUM, major);
        next(&asked, AMQP_CHANNEL_OPEN_METHOD);
        assert_exchange(&asked, "keyferry.p2p", "topic");
        assert_exchange(&asked, "keyferry.events", "topic");
        assert_exchange(&asked, "keyferry.dead", "fanout");
        const amqp_queue_declare_t *m = next(&asked, AMQP_QUEUE_DECLARE_METHOD);
        assert_text(m->queue, "keyferry.dead");
        assert_true(m->durable);
        assert_int_equal(m->arguments.num_entries, major - 2);
        assert_text(m->arguments.entries[0].key, "x-queue-type");
        assert_text(m->arguments.entries[0].value.value.bytes, "quorum");
        if (major == 4) {
            assert_text(m->arguments.entries[1].key, "x-delivery-limit");
            assert_int_equal(m->arguments.entries[1].value.value.i32, INT32_MAX);
        }
        assert_bind(&asked, "keyferry.dead", "keyferry.dead", "");
        done(&asked);
    }
}

struct expected {
    const char *key, *text;
    int32_t number;
};

static void assert_arguments(const amqp_table_t *got, const struct expected *want, size_t count)
{
    assert_int_equal(got->num_entries, count);
    for (size_t i = 0; i < count; i++) {
        const amqp_field_value_t *value = &got->entries[i].value;
        assert_text(got->entries[i].key, want[i].key);
        if (want[i].text != NULL)
            assert_text(value->value.bytes, want[i].text);
        else if (value->kind == AMQP_FIELD_KIND_BOOLEAN)
            assert_int_equal(value->value.boolean, want[i].number);
        else
            assert_int_equal(value->value.i32, want[i].number);
    }
}

static void a_host_queue_is_as_the_contract_says(void **state)
{
    static const struct expected quorum[] = {
        {"x-queue-type", "quorum", 0},
        {"x-single-active-consumer", NULL, 1},
        {"x-dead-letter-exchange", "keyferry.dead", 0},
        {"x-dead-letter-strategy", "at-least-once", 0},
        {"x-overflow", "reject-publish", 0},
        {"x-delivery-limit", NULL, 50},
    };
    static const struct expected classic[] = {
        {"x-single-active-consumer", NULL, 1},
        {"x-dead-letter-exchange", "keyferry.dead", 0},
        {"x-overflow", "reject-publish", 0},
    };
    struct asked asked;

    (void)state;
    for (int type = QUEUE_QUORUM; type <= QUEUE_CLASSIC; type++) {
        ask_all(&asked, topology_host_queue(true), (enum queue_type)type);
        next(&asked, AMQP_CHANNEL_OPEN_METHOD);
        const amqp_queue_declare_t *m = next(&asked, AMQP_QUEUE_DECLARE_METHOD);
        assert_text(m->queue, "keyferry.host.aa");
        assert_true(m->durable);
        assert_false(m->exclusive || m->auto_delete);
        if (type == QUEUE_QUORUM)
            assert_arguments(&m->arguments, quorum, COUNT(quorum));
        else
            assert_arguments(&m->arguments, classic, COUNT(classic));
        assert_bind(&asked, "keyferry.host.aa", "keyferry.p2p", "host.aa");
        const amqp_basic_qos_t *qos = next(&asked, AMQP_BASIC_QOS_METHOD);
        assert_int_equal(qos->prefetch_count, 64);
        const amqp_basic_consume_t *consume = next(&asked, AMQP_BASIC_CONSUME_METHOD);
        assert_text(consume->queue, "keyferry.host.aa");
        assert_text(consume->consumer_tag, "worker-1");
        assert_false(consume->no_ack || consume->exclusive);
        done(&asked);
    }
}

static void assert_link(struct asked *asked, const char *to, const char *from, const char *key)
{
    const amqp_exchange_bind_t *m = next(asked, AMQP_EXCHANGE_BIND_METHOD);

    assert_text(m->destination, to);
    assert_text(m->source, from);
    assert_text(m->routing_key, key);
}

static void assert_partition(struct asked *asked, const char *queue)
{
    const amqp_queue_declare_t *m = next(asked, AMQP_QUEUE_DECLARE_METHOD);

    assert_text(m->queue, queue);
    assert_true(m->durable);
    assert_int_equal(m->arguments.num_entries, 6);
    assert_text(m->arguments.entries[1].key, "x-single-active-consumer");
    assert_bind(asked, queue, "keyferry.partitions", "1");
}

static void a_queue_of_dead_letters_that_others_declared_is_looked_for_and_one_that_is_gone_declared(void **state)
{
    enum { DEAD_QUEUE = 4 };
    const amqp_queue_declare_t *m;
    struct ask asks[16];
    struct asked asked;
    struct ask_row row = topology_all(0, asks);

    (void)state;
    for (size_t i = 0; i <= row.count; i++)
        assert_true(i == DEAD_QUEUE || !topology_relent(asks, i));
    for (int is_passive = 1; is_passive >= 0; is_passive--) {
        assert_int_equal(topology_relent(asks, DEAD_QUEUE), is_passive);
        ask_all(&asked, row, QUEUE_QUORUM);
        for (size_t i = 0; i < DEAD_QUEUE; i++)
            assert_true(sent_next(&asked.at, &asked.left, &asked.pool, &asked.frame));
        m = next(&asked, AMQP_QUEUE_DECLARE_METHOD);
        assert_int_equal(m->passive, is_passive);
        assert_int_equal(m->durable, !is_passive);
        assert_bind(&asked, "keyferry.dead", "keyferry.dead", "");
        done(&asked);
    }
}

static void partitions_are_bound_in_their_order_by_one_channel_before_any_is_consumed(void **state)
{
    struct ask asks[16];
    struct asked asked;

    (void)state;
    assert_int_equal(topology_all_count(0), topology_shared.count);
    assert_int_equal(topology_all_count(COUNT(listed)), topology_shared.count + 2 + 2 * COUNT(listed));
    ask_all(&asked, topology_all(COUNT(listed), asks), QUEUE_QUORUM);
    for (size_t i = 0; i < topology_shared.count; i++)
        assert_true(sent_next(&asked.at, &asked.left, &asked.pool, &asked.frame));
    assert_exchange(&asked, "keyferry.partitions", "x-consistent-hash");
    assert_link(&asked, "keyferry.partitions", "keyferry.p2p", "host.*");
    assert_partition(&asked, "keyferry.partition.0000");
    assert_partition(&asked, "keyferry.partition.0001");
    done(&asked);
}

static void a_partition_has_a_key_of_its_own_too_for_its_canaries(void **state)
{
    struct asked asked;

    (void)state;
    ask_all(&asked, topology_partition, QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    assert_partition(&asked, "keyferry.host.aa");
    assert_bind(&asked, "keyferry.host.aa", "keyferry.p2p", "host.aa");
    next(&asked, AMQP_BASIC_QOS_METHOD);
    next(&asked, AMQP_BASIC_CONSUME_METHOD);
    done(&asked);
}

static void a_queue_that_is_there_is_only_consumed(void **state)
{
    struct asked asked;

    (void)state;
    ask_all(&asked, topology_host_queue(false), QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    const amqp_queue_declare_t *m = next(&asked, AMQP_QUEUE_DECLARE_METHOD);
    assert_text(m->queue, "keyferry.host.aa");
    assert_true(m->passive);
    assert_int_equal(m->arguments.num_entries, 0);
    next(&asked, AMQP_BASIC_QOS_METHOD);
    next(&asked, AMQP_BASIC_CONSUME_METHOD);
    done(&asked);
}

static void the_reply_queue_is_exclusive_and_needs_no_acks(void **state)
{
    struct asked asked;

    (void)state;
    for (int i = 0; i < 4; i++) {
        bool bound = i & 1, listens = i & 2;
        ask_all(&asked, topology_reply_queue(bound, listens), QUEUE_QUORUM);
        next(&asked, AMQP_CHANNEL_OPEN_METHOD);
        const amqp_queue_declare_t *m = next(&asked, AMQP_QUEUE_DECLARE_METHOD);
        assert_true(m->exclusive && m->auto_delete);
        assert_false(m->durable);
        assert_int_equal(m->arguments.num_entries, 0);
        if (bound)
            assert_bind(&asked, "keyferry.host.aa", "replies", "host.aa");
        if (listens)
            assert_bind(&asked, "keyferry.host.aa", "keyferry.events", "host.*.secret-lost");
        const amqp_basic_consume_t *consume = next(&asked, AMQP_BASIC_CONSUME_METHOD);
        assert_true(consume->no_ack);
        done(&asked);
    }
}

/* Of a survey: what is there is not made, and what is tried cannot be granted. */
static void what_is_only_looked_at_is_neither_made_nor_taken(void **state)
{
    struct asked asked;

    (void)state;
    ask_all(&asked, topology_exchange, QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    const amqp_exchange_declare_t *exchange = next(&asked, AMQP_EXCHANGE_DECLARE_METHOD);
    assert_text(exchange->exchange, "keyferry.p2p");
    assert_true(exchange->passive);
    done(&asked);
    ask_all(&asked, topology_counted, QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    const amqp_queue_declare_t *queue = next(&asked, AMQP_QUEUE_DECLARE_METHOD);
    assert_true(queue->passive);
    done(&asked);
    ask_all(&asked, topology_trial_consume, QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    const amqp_basic_consume_t *consume = next(&asked, AMQP_BASIC_CONSUME_METHOD);
    assert_text(consume->queue, "keyferry.host.aa");
    assert_int_equal(consume->arguments.num_entries, 1);
    assert_text(consume->arguments.entries[0].key, "x-priority");
    assert_int_equal(consume->arguments.entries[0].value.kind, AMQP_FIELD_KIND_UTF8); /* a number would be granted */
    done(&asked);
    ask_all(&asked, topology_trial_publish, QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    const amqp_basic_publish_t *publish = next(&asked, AMQP_BASIC_PUBLISH_METHOD);
    assert_text(publish->exchange, "keyferry.p2p");
    assert_text(publish->routing_key, "host.aa");
    assert_true(sent_next(&asked.at, &asked.left, &asked.pool, &asked.frame));
    void *decoded;
    amqp_bytes_t list = {.len = asked.frame.len - 12, .bytes = (void *)(uintptr_t)(asked.frame.payload + 12)};
    assert_int_equal(amqp_decode_properties(AMQP_BASIC_CLASS, &asked.pool, list, &decoded), 0);
    assert_text(((amqp_basic_properties_t *)decoded)->expiration, "never"); /* a number would be granted */
    done(&asked);
}

static void a_queue_of_ones_own_is_tried_and_not_made(void **state)
{
    struct asked asked;

    (void)state;
    ask_all(&asked, topology_trial_declare, QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    const amqp_queue_declare_t *queue = next(&asked, AMQP_QUEUE_DECLARE_METHOD);
    assert_text(queue->queue, "keyferry.host.aa");
    assert_true(queue->exclusive);
    assert_int_equal(queue->arguments.num_entries, 1);
    assert_text(queue->arguments.entries[0].key, "x-expires");
    assert_int_equal(queue->arguments.entries[0].value.value.i32, 0); /* more would be granted */
    done(&asked);
    ask_all(&asked, topology_trial_bind, QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    assert_bind(&asked, "keyferry.host.aa", "keyferry.p2p", "host.aa");
    done(&asked);
    ask_all(&asked, topology_topic, QUEUE_QUORUM);
    next(&asked, AMQP_CHANNEL_OPEN_METHOD);
    assert_exchange(&asked, "keyferry.p2p", "topic");
    done(&asked);
}

static void notices_come_to_an_exclusive_queue_bound_by_its_key(void **state)
{
    struct asked asked;

    (void)state;
    for (int declare = 0; declare <= 1; declare++) {
        ask_all(&asked, topology_notices(declare), QUEUE_QUORUM);
        next(&asked, AMQP_CHANNEL_OPEN_METHOD);
        if (declare)
            assert_exchange(&asked, "notices", "topic");
        const amqp_queue_declare_t *m = next(&asked, AMQP_QUEUE_DECLARE_METHOD);
        assert_true(m->exclusive && m->auto_delete);
        assert_bind(&asked, "keyferry.host.aa", "notices", "host.aa");
        const amqp_basic_consume_t *consume = next(&asked, AMQP_BASIC_CONSUME_METHOD);
        assert_true(consume->no_ack);
        done(&asked);
    }
}

static void says_what_is_asked_of_what(void **state)
{
    struct bus_config config = config_of(QUEUE_QUORUM);
    struct ask_values values = topology_values(&config);
    struct ask_row row = topology_host_queue(true);
    struct ask asks[16];
    char text[200];

    (void)state;
    values.names[SUBJECT_QUEUE] = "keyferry.host.aa";
    ask_describe(&row.asks[0], &values, text, sizeof(text));
    assert_string_equal(text, "opening a channel");
    ask_describe(&row.asks[1], &values, text, sizeof(text));
    assert_string_equal(text, "declaring queue 'keyferry.host.aa'");
    ask_describe(&topology_shared.asks[3], &values, text, sizeof(text));
    assert_string_equal(text, "declaring exchange 'keyferry.dead'");
    row = topology_all(COUNT(listed), asks);
    ask_describe(&row.asks[row.count - 1], &values, text, sizeof(text));
    assert_string_equal(text, "binding queue 'keyferry.partition.0001'");
    ask_describe(&row.asks[topology_shared.count + 1], &values, text, sizeof(text));
    assert_string_equal(text, "binding exchange 'keyferry.partitions'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_letters_have_a_queue_bound_before_there_is_any_host_queue),
        cmocka_unit_test(a_host_queue_is_as_the_contract_says),
        cmocka_unit_test(a_queue_of_dead_letters_that_others_declared_is_looked_for_and_one_that_is_gone_declared),
        cmocka_unit_test(partitions_are_bound_in_their_order_by_one_channel_before_any_is_consumed),
        cmocka_unit_test(a_partition_has_a_key_of_its_own_too_for_its_canaries),
        cmocka_unit_test(a_queue_that_is_there_is_only_consumed),
        cmocka_unit_test(the_reply_queue_is_exclusive_and_needs_no_acks),
        cmocka_unit_test(what_is_only_looked_at_is_neither_made_nor_taken),
        cmocka_unit_test(a_queue_of_ones_own_is_tried_and_not_made),
        cmocka_unit_test(notices_come_to_an_exclusive_queue_bound_by_its_key),
        cmocka_unit_test(says_what_is_asked_of_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
