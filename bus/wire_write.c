#include "bus/wire.h"

#include "bus/bus.h"
#include "bus/outbox.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <string.h>

enum { TWO_FRAMES_BYTES = 2 * FRAME_MIN_BYTES };
enum { HEAD_BYTES = 7, METHOD_ID_BYTES = 4, PROPERTIES_AT = 12 };

static const char protocol_header[] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};

static void put16(uint8_t *at, uint16_t n)
{
    at[0] = (uint8_t)(n >> 8);
    at[1] = (uint8_t)n;
}

static void put32(uint8_t *at, uint32_t n)
{
    put16(at, (uint16_t)(n >> 16));
    put16(at + 2, (uint16_t)n);
}

static void put_head(uint8_t *at, uint8_t type, uint16_t channel, size_t payload)
{
    at[0] = type;
    put16(at + 1, channel);
    put32(at + 3, (uint32_t)payload);
}

static amqp_bytes_t text(const char *s)
{
    return s == NULL ? amqp_empty_bytes : amqp_cstring_bytes(s);
}

/* Write a method frame at `frame`, which has room for FRAME_MIN_BYTES. Gives its length. */
static size_t method_write(uint8_t *frame, uint16_t channel, amqp_method_number_t id, void *method)
{
    amqp_bytes_t arguments = {
        .len = FRAME_MIN_BYTES - FRAME_FIXED_BYTES - METHOD_ID_BYTES,
        .bytes = frame + HEAD_BYTES + METHOD_ID_BYTES,
    };
    int len = amqp_encode_method(id, method, arguments);

    if (len < 0)
        return 0;
    size_t payload = METHOD_ID_BYTES + (size_t)len;
    put_head(frame, AMQP_FRAME_METHOD, channel, payload);
    put32(frame + HEAD_BYTES, id);
    frame[HEAD_BYTES + payload] = AMQP_FRAME_END;
    return payload + FRAME_FIXED_BYTES;
}

static void put_method(struct outbox *out, uint16_t channel, amqp_method_number_t id, void *method)
{
    uint8_t *frame = outbox_reserve(out, FRAME_MIN_BYTES);

    if (frame == NULL)
        return;
    size_t len = method_write(frame, channel, id, method);
    out->failed |= len == 0;
    outbox_commit(out, len);
}

void wire_put_greeting(struct outbox *out)
{
    uint8_t *at = outbox_reserve(out, sizeof(protocol_header));

    if (at == NULL)
        return;
    memcpy(at, protocol_header, sizeof(protocol_header));
    outbox_commit(out, sizeof(protocol_header));
}

static amqp_table_entry_t entry_text(const char *key, const char *value)
{
    return (amqp_table_entry_t){
        .key = text(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = text(value)},
    };
}

static amqp_table_entry_t entry_true(const char *key)
{
    return (amqp_table_entry_t){
        .key = text(key),
        .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1},
    };
}

/* SASL PLAIN (RFC 4616): NUL, user, NUL, password. */
static size_t plain_response(const struct wire_login *login, char *at)
{
    size_t user = strlen(login->user), password = strlen(login->password);

    at[0] = '\0';
    memcpy(at + 1, login->user, user);
    at[1 + user] = '\0';
    memcpy(at + 2 + user, login->password, password);
    return 2 + user + password;
}

void wire_put_start_ok(struct outbox *out, const struct wire_login *login)
{
    char plain[2 + 2 * SHORTSTR_MAX_CHARS];
    size_t plain_len = plain_response(login, plain);
    /* SASL EXTERNAL (RFC 4422 A): nothing is said, the certificate says who we are. */
    amqp_bytes_t response = login->external ? text("") : (amqp_bytes_t){.len = plain_len, .bytes = plain};
    amqp_table_entry_t can[] = {
        entry_true("publisher_confirms"),
        entry_true("consumer_cancel_notify"),
        entry_true("connection.blocked"),
        entry_true("authentication_failure_close"),
    };
    amqp_table_entry_t properties[] = {
        entry_text("product", "Keyferry"),
        entry_text("connection_name", login->connection_name),
        {.key = text("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {.num_entries = COUNT(can), .entries = can}}},
    };
    amqp_connection_start_ok_t m = {
        .client_properties = {.num_entries = COUNT(properties), .entries = properties},
        .mechanism = text(login->external ? "EXTERNAL" : "PLAIN"),
        .response = response,
        .locale = text("en_US"),
    };

    put_method(out, 0, AMQP_CONNECTION_START_OK_METHOD, &m);
    wipe(plain, sizeof(plain));
}

void wire_put_tune_ok(struct outbox *out, uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat_s)
{
    amqp_connection_tune_ok_t m = {.channel_max = channel_max, .frame_max = frame_max, .heartbeat = heartbeat_s};

    put_method(out, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &m);
}

void wire_put_open(struct outbox *out, const char *vhost)
{
    amqp_connection_open_t m = {.virtual_host = text(vhost)};

    put_method(out, 0, AMQP_CONNECTION_OPEN_METHOD, &m);
}

void wire_put_close(struct outbox *out, uint16_t code, const char *words)
{
    amqp_connection_close_t m = {.reply_code = code, .reply_text = text(words)};

    put_method(out, 0, AMQP_CONNECTION_CLOSE_METHOD, &m);
}

void wire_put_close_ok(struct outbox *out)
{
    put_method(out, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &(amqp_connection_close_ok_t){0});
}

void wire_put_heartbeat(struct outbox *out)
{
    uint8_t *at = outbox_reserve(out, FRAME_FIXED_BYTES);

    if (at == NULL)
        return;
    put_head(at, AMQP_FRAME_HEARTBEAT, 0, 0);
    at[HEAD_BYTES] = AMQP_FRAME_END;
    outbox_commit(out, FRAME_FIXED_BYTES);
}

void wire_put_channel_open(struct outbox *out, uint16_t channel)
{
    put_method(out, channel, AMQP_CHANNEL_OPEN_METHOD, &(amqp_channel_open_t){0});
}

void wire_put_channel_close(struct outbox *out, uint16_t channel)
{
    amqp_channel_close_t m = {.reply_code = AMQP_REPLY_SUCCESS, .reply_text = text("goodbye")};

    put_method(out, channel, AMQP_CHANNEL_CLOSE_METHOD, &m);
}

void wire_put_channel_close_ok(struct outbox *out, uint16_t channel)
{
    put_method(out, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &(amqp_channel_close_ok_t){0});
}

void wire_put_exchange(struct outbox *out, uint16_t channel, const char *name, const char *type, unsigned flags)
{
    amqp_exchange_declare_t m = {
        .exchange = text(name), .type = text(type), .passive = (flags & QUEUE_PASSIVE) != 0, .durable = 1};

    put_method(out, channel, AMQP_EXCHANGE_DECLARE_METHOD, &m);
}

static amqp_table_entry_t entry_argument(const struct wire_argument *argument)
{
    amqp_table_entry_t entry = {.key = text(argument->name)};

    if (argument->text != NULL)
        return entry_text(argument->name, argument->text);
    if (argument->is_flag)
        entry.value = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = argument->number};
    else
        entry.value = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_I32, .value.i32 = argument->number};
    return entry;
}

void wire_put_queue(struct outbox *out, uint16_t channel, const char *name, unsigned flags,
                    const struct wire_argument *arguments, size_t count)
{
    amqp_table_entry_t entries[HEADER_PAIRS_MAX];
    amqp_queue_declare_t m = {
        .queue = text(name),
        .passive = (flags & QUEUE_PASSIVE) != 0,
        .durable = (flags & QUEUE_DURABLE) != 0,
        .exclusive = (flags & QUEUE_EXCLUSIVE) != 0,
        .auto_delete = (flags & QUEUE_EXCLUSIVE) != 0,
        .arguments = {.num_entries = (int)count, .entries = entries},
    };

    for (size_t i = 0; i < count; i++)
        entries[i] = entry_argument(&arguments[i]);
    put_method(out, channel, AMQP_QUEUE_DECLARE_METHOD, &m);
}

void wire_put_bind(struct outbox *out, uint16_t channel, const char *queue, const char *exchange, const char *key)
{
    amqp_queue_bind_t m = {.queue = text(queue), .exchange = text(exchange), .routing_key = text(key)};

    put_method(out, channel, AMQP_QUEUE_BIND_METHOD, &m);
}

void wire_put_link(struct outbox *out, uint16_t channel, const char *to, const char *from, const char *key)
{
    amqp_exchange_bind_t m = {.destination = text(to), .source = text(from), .routing_key = text(key)};

    put_method(out, channel, AMQP_EXCHANGE_BIND_METHOD, &m);
}

void wire_put_qos(struct outbox *out, uint16_t channel, uint16_t prefetch)
{
    amqp_basic_qos_t m = {.prefetch_count = prefetch};

    put_method(out, channel, AMQP_BASIC_QOS_METHOD, &m);
}

void wire_put_consume(struct outbox *out, uint16_t channel, const char *queue, const char *tag, bool no_ack)
{
    amqp_basic_consume_t m = {.queue = text(queue), .consumer_tag = text(tag), .no_ack = no_ack};

    put_method(out, channel, AMQP_BASIC_CONSUME_METHOD, &m);
}

void wire_put_trial_consume(struct outbox *out, uint16_t channel, const char *queue)
{
    amqp_table_entry_t priority = entry_text("x-priority", "none");
    amqp_basic_consume_t m = {.queue = text(queue), .arguments = {.num_entries = 1, .entries = &priority}};

    put_method(out, channel, AMQP_BASIC_CONSUME_METHOD, &m);
}

void wire_put_confirm(struct outbox *out, uint16_t channel)
{
    put_method(out, channel, AMQP_CONFIRM_SELECT_METHOD, &(amqp_confirm_select_t){0});
}

/* The two that go out by the thousand are short enough to reserve only what they need. */
static void put_verdict(struct outbox *out, uint16_t channel, amqp_method_number_t id, uint64_t tag, bool bit)
{
    enum { PAYLOAD = METHOD_ID_BYTES + 8 + 1 }; /* id, tag, and a bit: multiple, or requeue */
    uint8_t *at = outbox_reserve(out, PAYLOAD + FRAME_FIXED_BYTES);

    if (at == NULL)
        return;
    put_head(at, AMQP_FRAME_METHOD, channel, PAYLOAD);
    put32(at + HEAD_BYTES, id);
    put32(at + HEAD_BYTES + 4, (uint32_t)(tag >> 32));
    put32(at + HEAD_BYTES + 8, (uint32_t)tag);
    at[HEAD_BYTES + 12] = bit;
    at[HEAD_BYTES + PAYLOAD] = AMQP_FRAME_END;
    outbox_commit(out, PAYLOAD + FRAME_FIXED_BYTES);
}

void wire_put_ack(struct outbox *out, uint16_t channel, uint64_t tag, bool multiple)
{
    put_verdict(out, channel, AMQP_BASIC_ACK_METHOD, tag, multiple);
}

void wire_put_reject(struct outbox *out, uint16_t channel, uint64_t tag)
{
    put_verdict(out, channel, AMQP_BASIC_REJECT_METHOD, tag, false);
}

static int headers_collect(const char *const *pairs, amqp_table_entry_t entries[HEADER_PAIRS_MAX])
{
    int count = 0;

    for (; pairs != NULL && pairs[0] != NULL && count < HEADER_PAIRS_MAX; pairs += 2)
        entries[count++] = entry_text(pairs[0], pairs[1]);
    return count;
}

static void property_set(amqp_basic_properties_t *p, amqp_bytes_t *to, amqp_flags_t flag, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    *to = text(value);
    p->_flags |= flag;
}

/* Write a content header at `frame`, which has room for FRAME_MIN_BYTES. Gives its length. */
static size_t header_write(uint8_t *frame, uint16_t channel, const struct publication *publication, const char *user_id,
                           const char *expiration)
{
    enum { PERSISTENT = 2 };
    amqp_table_entry_t entries[HEADER_PAIRS_MAX];
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = PERSISTENT};
    uint8_t *payload = frame + HEAD_BYTES;
    amqp_bytes_t list = {
        .len = FRAME_MIN_BYTES - FRAME_FIXED_BYTES - PROPERTIES_AT,
        .bytes = payload + PROPERTIES_AT,
    };

    property_set(&p, &p.content_type, AMQP_BASIC_CONTENT_TYPE_FLAG, publication->content_type);
    property_set(&p, &p.message_id, AMQP_BASIC_MESSAGE_ID_FLAG, publication->message_id);
    property_set(&p, &p.correlation_id, AMQP_BASIC_CORRELATION_ID_FLAG, publication->correlation_id);
    property_set(&p, &p.reply_to, AMQP_BASIC_REPLY_TO_FLAG, publication->reply_to);
    property_set(&p, &p.user_id, AMQP_BASIC_USER_ID_FLAG, user_id);
    property_set(&p, &p.expiration, AMQP_BASIC_EXPIRATION_FLAG, expiration);
    p.headers = (amqp_table_t){.num_entries = headers_collect(publication->headers, entries), .entries = entries};
    if (p.headers.num_entries > 0)
        p._flags |= AMQP_BASIC_HEADERS_FLAG;

    int len = amqp_encode_properties(AMQP_BASIC_CLASS, &p, list);
    if (len < 0)
        return 0;
    put_head(frame, AMQP_FRAME_HEADER, channel, PROPERTIES_AT + (size_t)len);
    put16(payload, AMQP_BASIC_CLASS);
    put16(payload + 2, 0);
    put32(payload + 4, (uint32_t)((uint64_t)publication->body_bytes >> 32));
    put32(payload + 8, (uint32_t)publication->body_bytes);
    payload[PROPERTIES_AT + len] = AMQP_FRAME_END;
    return PROPERTIES_AT + (size_t)len + FRAME_FIXED_BYTES;
}

static void put_body(struct outbox *out, uint16_t channel, uint32_t frame_max, const uint8_t *body, size_t len)
{
    size_t most = frame_max - FRAME_FIXED_BYTES;

    for (size_t at = 0; at < len;) {
        size_t piece = len - at < most ? len - at : most;
        uint8_t *frame = outbox_reserve(out, piece + FRAME_FIXED_BYTES);
        if (frame == NULL)
            return;
        put_head(frame, AMQP_FRAME_BODY, channel, piece);
        memcpy(frame + HEAD_BYTES, body + at, piece);
        frame[HEAD_BYTES + piece] = AMQP_FRAME_END;
        outbox_commit(out, piece + FRAME_FIXED_BYTES);
        at += piece;
    }
}

static void publication_put(struct outbox *out, uint16_t channel, uint32_t frame_max,
                            const struct publication *publication, const char *user_id, const char *expiration)
{
    amqp_basic_publish_t m = {
        .exchange = text(publication->exchange),
        .routing_key = text(publication->routing_key),
        .mandatory = publication->mandatory,
    };
    uint8_t *frames = outbox_reserve(out, TWO_FRAMES_BYTES);

    if (frames == NULL)
        return;
    size_t method = method_write(frames, channel, AMQP_BASIC_PUBLISH_METHOD, &m);
    size_t header = method == 0 ? 0 : header_write(frames + method, channel, publication, user_id, expiration);
    out->failed |= header == 0;
    outbox_commit(out, method + header);
    put_body(out, channel, frame_max, publication->body, publication->body_bytes);
}

void wire_put_publication(struct outbox *out, uint16_t channel, uint32_t frame_max,
                          const struct publication *publication, const char *user_id)
{
    publication_put(out, channel, frame_max, publication, user_id, NULL);
}

void wire_put_trial_publication(struct outbox *out, uint16_t channel, const char *exchange, const char *key)
{
    struct publication p = {.exchange = exchange, .routing_key = key};

    publication_put(out, channel, FRAME_MIN_BYTES, &p, "", "never");
}
