#include "bus/wire_decode.h"

#include <amqp_framing.h>
#include <string.h>

#include "schemas/headers.h"
#include "schemas/signature.h"

enum { METHOD_ID_BYTES = 4, PROPERTIES_AT = 12 }; /* class 2, weight 2, body size 8 (AMQP 0-9-1 4.2.6.1) */

const uint32_t wire_publish_id = AMQP_BASIC_PUBLISH_METHOD;

static struct wire_text text_of(amqp_bytes_t bytes)
{
    return (struct wire_text){bytes.bytes, bytes.len};
}

void wire_text_copy(struct wire_text text, char *out, size_t size)
{
    if (text.len >= size || (text.len > 0 && memchr(text.at, '\0', text.len) != NULL))
        text.len = 0;
    if (text.len > 0)
        memcpy(out, text.at, text.len);
    out[text.len] = '\0';
}

/* Of each method, what of it is wanted. */

static const amqp_field_value_t *table_value(const amqp_table_t *table, const char *key)
{
    for (int i = 0; i < table->num_entries; i++) {
        const amqp_table_entry_t *entry = &table->entries[i];
        if (entry->key.len == strlen(key) && memcmp(entry->key.bytes, key, entry->key.len) == 0)
            return &entry->value;
    }
    return NULL;
}

static struct wire_text table_text(const amqp_table_t *table, const char *key)
{
    const amqp_field_value_t *value = table_value(table, key);

    return value != NULL && value->kind == AMQP_FIELD_KIND_UTF8 ? text_of(value->value.bytes) : (struct wire_text){0};
}

/* One that is there and cannot be good must not look like none. */
static struct wire_text table_signature(const amqp_table_t *table)
{
    const amqp_field_value_t *value = table_value(table, SIGNATURE_HEADER);

    if (value == NULL)
        return (struct wire_text){0};
    if ((value->kind == AMQP_FIELD_KIND_UTF8 || value->kind == AMQP_FIELD_KIND_BYTES) && value->value.bytes.len > 0)
        return text_of(value->value.bytes);
    return (struct wire_text){"?", 1};
}

/* Nor must a claim: one that cannot be a user's name is nobody's. */
static struct wire_text table_claim(const amqp_table_t *table, const char *key)
{
    const amqp_field_value_t *value = table_value(table, key);

    if (value == NULL)
        return (struct wire_text){0};
    if (value->kind == AMQP_FIELD_KIND_UTF8 && value->value.bytes.len > 0)
        return text_of(value->value.bytes);
    return (struct wire_text){"", 0};
}

static void take_start(const void *decoded, struct wire_frame *out)
{
    const amqp_connection_start_t *m = decoded;

    out->mechanisms = text_of(m->mechanisms);
    out->product = table_text(&m->server_properties, "product");
    out->version = table_text(&m->server_properties, "version");
}

static void take_tune(const void *decoded, struct wire_frame *out)
{
    const amqp_connection_tune_t *m = decoded;

    out->channel_max = m->channel_max;
    out->frame_max = m->frame_max;
    out->heartbeat_s = m->heartbeat;
}

static void take_close(const void *decoded, struct wire_frame *out)
{
    const amqp_connection_close_t *m = decoded;

    out->code = m->reply_code;
    out->text = text_of(m->reply_text);
    out->cause_id = (uint32_t)m->class_id << 16 | m->method_id;
}

static void take_channel_close(const void *decoded, struct wire_frame *out)
{
    const amqp_channel_close_t *m = decoded;

    out->code = m->reply_code;
    out->text = text_of(m->reply_text);
    out->cause_id = (uint32_t)m->class_id << 16 | m->method_id;
}

static void take_blocked(const void *decoded, struct wire_frame *out)
{
    out->text = text_of(((const amqp_connection_blocked_t *)decoded)->reason);
}

static void take_deliver(const void *decoded, struct wire_frame *out)
{
    const amqp_basic_deliver_t *m = decoded;

    out->tag = m->delivery_tag;
    out->redelivered = m->redelivered != 0;
    out->exchange = text_of(m->exchange);
    out->routing_key = text_of(m->routing_key);
}

static void take_return(const void *decoded, struct wire_frame *out)
{
    const amqp_basic_return_t *m = decoded;

    out->code = m->reply_code;
    out->text = text_of(m->reply_text);
    out->exchange = text_of(m->exchange);
    out->routing_key = text_of(m->routing_key);
}

static void take_ack(const void *decoded, struct wire_frame *out)
{
    const amqp_basic_ack_t *m = decoded;

    out->tag = m->delivery_tag;
    out->multiple = m->multiple != 0;
}

static void take_nack(const void *decoded, struct wire_frame *out)
{
    const amqp_basic_nack_t *m = decoded;

    out->tag = m->delivery_tag;
    out->multiple = m->multiple != 0;
}

static void take_queue_ok(const void *decoded, struct wire_frame *out)
{
    const amqp_queue_declare_ok_t *m = decoded;

    out->message_count = m->message_count;
    out->consumers = m->consumer_count;
}

static void take_nothing(const void *decoded, struct wire_frame *out)
{
    (void)decoded;
    (void)out;
}

static const struct {
    amqp_method_number_t id;
    enum wire_method method;
    void (*take)(const void *decoded, struct wire_frame *out);
} methods[] = {
    /* clang-format off */
    { AMQP_BASIC_DELIVER_METHOD,        METHOD_DELIVER,          take_deliver },
    { AMQP_BASIC_ACK_METHOD,            METHOD_ACK,              take_ack },
    { AMQP_BASIC_NACK_METHOD,           METHOD_NACK,             take_nack },
    { AMQP_BASIC_RETURN_METHOD,         METHOD_RETURN,           take_return },
    { AMQP_BASIC_CANCEL_METHOD,         METHOD_CANCEL,           take_nothing },
    { AMQP_BASIC_QOS_OK_METHOD,         METHOD_QOS_OK,           take_nothing },
    { AMQP_BASIC_CONSUME_OK_METHOD,     METHOD_CONSUME_OK,       take_nothing },
    { AMQP_CONNECTION_START_METHOD,     METHOD_START,            take_start },
    { AMQP_CONNECTION_TUNE_METHOD,      METHOD_TUNE,             take_tune },
    { AMQP_CONNECTION_OPEN_OK_METHOD,   METHOD_OPEN_OK,          take_nothing },
    { AMQP_CONNECTION_CLOSE_METHOD,     METHOD_CLOSE,            take_close },
    { AMQP_CONNECTION_CLOSE_OK_METHOD,  METHOD_CLOSE_OK,         take_nothing },
    { AMQP_CONNECTION_BLOCKED_METHOD,   METHOD_BLOCKED,          take_blocked },
    { AMQP_CONNECTION_UNBLOCKED_METHOD, METHOD_UNBLOCKED,        take_nothing },
    { AMQP_CHANNEL_OPEN_OK_METHOD,      METHOD_CHANNEL_OPEN_OK,  take_nothing },
    { AMQP_CHANNEL_CLOSE_METHOD,        METHOD_CHANNEL_CLOSE,    take_channel_close },
    { AMQP_CHANNEL_CLOSE_OK_METHOD,     METHOD_CHANNEL_CLOSE_OK, take_nothing },
    { AMQP_EXCHANGE_DECLARE_OK_METHOD,  METHOD_EXCHANGE_OK,      take_nothing },
    { AMQP_EXCHANGE_BIND_OK_METHOD,     METHOD_LINK_OK,          take_nothing },
    { AMQP_QUEUE_DECLARE_OK_METHOD,     METHOD_QUEUE_OK,         take_queue_ok },
    { AMQP_QUEUE_BIND_OK_METHOD,        METHOD_BIND_OK,          take_nothing },
    { AMQP_CONFIRM_SELECT_OK_METHOD,    METHOD_CONFIRM_OK,       take_nothing },
    /* clang-format on */
};

uint16_t wire_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t wire_get32(const uint8_t *at)
{
    return (uint32_t)wire_get16(at) << 16 | wire_get16(at + 2);
}

/* The one method with a table in it: two bytes of version, the table, and two long strings. */
static bool start_is_sane(const uint8_t *arguments, size_t len)
{
    if (len < 2 + 4)
        return false;
    size_t table = (size_t)wire_get32(arguments + 2) + 4;
    return table <= len - 2 && wire_table_is_sane(arguments + 2, table);
}

/* What follows the first `skip` bytes, which are there. */
static amqp_bytes_t rest_of(amqp_bytes_t bytes, size_t skip)
{
    return (amqp_bytes_t){.len = bytes.len - skip, .bytes = (uint8_t *)bytes.bytes + skip};
}

bool wire_decode_method(amqp_pool_t *pool, amqp_bytes_t payload, struct wire_frame *out, struct err *e)
{
    void *decoded;

    if (payload.len < METHOD_ID_BYTES)
        return err_set(e, ERR_BUS, "a method frame of %zu bytes", payload.len);
    amqp_bytes_t arguments = rest_of(payload, METHOD_ID_BYTES);

    out->kind = WIRE_METHOD;
    out->method_id = wire_get32(payload.bytes);
    if (out->method_id == AMQP_CONNECTION_START_METHOD && !start_is_sane(arguments.bytes, arguments.len))
        return err_set(e, ERR_BUS, "a connection.start whose table is malformed");

    for (size_t i = 0; i < COUNT(methods); i++) {
        if (methods[i].id != out->method_id)
            continue;
        if (amqp_decode_method(out->method_id, pool, arguments, &decoded) < 0)
            return err_set(e, ERR_BUS, "a malformed method %u.%u", out->method_id >> 16, out->method_id & 0xffff);
        out->method = methods[i].method;
        methods[i].take(decoded, out);
        return true;
    }
    return true;
}

/* Step over a short string. */
static bool skip_short(const uint8_t *list, size_t len, size_t *at)
{
    if (*at >= len)
        return false;
    *at += 1 + (size_t)list[*at];
    return *at <= len;
}

/*
 * True if librabbitmq may see this property list: it shifts flag words after the
 * first one by 16 bits each, without end, and its table decoder has no depth.
 */
static bool properties_are_sane(const uint8_t *list, size_t len)
{
    size_t at = 2;

    if (len < 2)
        return false;
    unsigned flags = wire_get16(list);
    if ((flags & 3) != 0)
        return false;
    if ((flags & AMQP_BASIC_CONTENT_TYPE_FLAG) != 0 && !skip_short(list, len, &at))
        return false;
    if ((flags & AMQP_BASIC_CONTENT_ENCODING_FLAG) != 0 && !skip_short(list, len, &at))
        return false;
    if ((flags & AMQP_BASIC_HEADERS_FLAG) == 0)
        return true;
    if (len - at < 4)
        return false;
    size_t table = (size_t)wire_get32(list + at) + 4;
    return table <= len - at && wire_table_is_sane(list + at, table);
}

static struct wire_text property(const amqp_basic_properties_t *p, amqp_flags_t flag, amqp_bytes_t value)
{
    return (p->_flags & flag) != 0 ? text_of(value) : (struct wire_text){0};
}

bool wire_decode_header(amqp_pool_t *pool, amqp_bytes_t payload, struct wire_frame *out, struct err *e)
{
    const uint8_t *head = payload.bytes;
    void *decoded;

    if (payload.len < PROPERTIES_AT || wire_get16(head) != AMQP_BASIC_CLASS)
        return err_set(e, ERR_BUS, "a malformed content header");
    amqp_bytes_t list = rest_of(payload, PROPERTIES_AT);
    if (!properties_are_sane(list.bytes, list.len) ||
        amqp_decode_properties(AMQP_BASIC_CLASS, pool, list, &decoded) < 0)
        return err_set(e, ERR_BUS, "a malformed content header");

    const amqp_basic_properties_t *p = decoded;
    out->kind = WIRE_HEADER;
    out->body_bytes = (uint64_t)wire_get32(head + 4) << 32 | wire_get32(head + 8);
    out->content_type = property(p, AMQP_BASIC_CONTENT_TYPE_FLAG, p->content_type);
    out->message_id = property(p, AMQP_BASIC_MESSAGE_ID_FLAG, p->message_id);
    out->correlation_id = property(p, AMQP_BASIC_CORRELATION_ID_FLAG, p->correlation_id);
    out->reply_to = property(p, AMQP_BASIC_REPLY_TO_FLAG, p->reply_to);
    out->user_id = property(p, AMQP_BASIC_USER_ID_FLAG, p->user_id);
    if ((p->_flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0)
        out->timestamp_s = p->timestamp;
    if ((p->_flags & AMQP_BASIC_HEADERS_FLAG) == 0)
        return true;
    out->headers = &p->headers;
    out->signature = table_signature(&p->headers);
    out->traceparent = table_claim(&p->headers, TRACEPARENT_HEADER);
    out->on_behalf_of = table_claim(&p->headers, ON_BEHALF_OF_HEADER);
    out->vouched_by = table_claim(&p->headers, VOUCHED_BY_HEADER);
    return true;
}
