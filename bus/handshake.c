#include "bus/handshake.h"

#include <string.h>

static uint32_t lower(uint32_t ours, uint32_t theirs)
{
    return theirs != 0 && theirs < ours ? theirs : ours;
}

bool terms_agree(struct terms *terms, const struct wire_frame *tune, struct err *e)
{
    if (tune->frame_max != 0 && tune->frame_max < FRAME_MIN_BYTES)
        return err_set(e, ERR_BUS, "the broker offers frames of %u bytes, and %d are the least", tune->frame_max,
                       FRAME_MIN_BYTES);
    terms->channel_max = (uint16_t)lower(terms->channel_max, tune->channel_max);
    terms->frame_max = lower(terms->frame_max, tune->frame_max);
    terms->heartbeat_s = (uint16_t)lower(terms->heartbeat_s, tune->heartbeat_s);
    return true;
}

/* Mechanisms come as words between blanks. */
static bool offers(struct wire_text mechanisms, const char *word)
{
    const size_t len = strlen(word);

    for (size_t at = 0; at + len <= mechanisms.len; at++) {
        bool begins = at == 0 || mechanisms.at[at - 1] == ' ';
        bool ends = at + len == mechanisms.len || mechanisms.at[at + len] == ' ';
        if (begins && ends && memcmp(mechanisms.at + at, word, len) == 0)
            return true;
    }
    return false;
}

static enum handshake_event take_start(struct handshake *h, const struct wire_frame *frame, struct err *e)
{
    struct wire_login login = {
        .user = h->url->user,
        .password = h->url->password,
        .connection_name = h->name,
        .external = h->external,
    };
    const char *wanted = h->external ? "EXTERNAL" : "PLAIN";
    char offered[96], product[sizeof(h->broker.product)], version[sizeof(h->broker.version)];

    wire_text_copy(frame->mechanisms, offered, sizeof(offered));
    if (!offers(frame->mechanisms, wanted)) {
        err_set(e, ERR_BUS, "the broker does not offer SASL %s, only: %s", wanted, offered);
        return HANDSHAKE_BROKEN;
    }
    wire_text_copy(frame->product, product, sizeof(product));
    wire_text_copy(frame->version, version, sizeof(version));
    broker_name(&h->broker, product, version);
    wire_put_start_ok(h->out, &login);
    h->state = HANDSHAKE_TUNE;
    return HANDSHAKE_NOTHING;
}

static enum handshake_event take_tune(struct handshake *h, const struct wire_frame *frame, struct err *e)
{
    if (!terms_agree(&h->terms, frame, e))
        return HANDSHAKE_BROKEN;
    wire_put_tune_ok(h->out, h->terms.channel_max, h->terms.frame_max, h->terms.heartbeat_s);
    wire_put_open(h->out, h->url->vhost);
    h->state = HANDSHAKE_OPEN;
    return HANDSHAKE_TUNED;
}

/* What an operator may do about it, where that is known: what brokers say is short, or in their own log. */
static const char *advice(const struct handshake *h, const struct wire_frame *frame)
{
    /* AMQP 0-9-1 1.2; RabbitMQ's authentication_failure_close, and what it says of connection.open */
    static const struct {
        enum handshake_state state;
        uint16_t code;
        const char *advice;
    } known[] = {
        {HANDSHAKE_TUNE, 403,
         " (is there such a user, with this password? guest gets in from the broker's machine only)"},
        {HANDSHAKE_OPEN, 530,
         " (the vhost is what follows the host in the URL, / where nothing does: is it there, and may the user use "
         "it?)"},
    };

    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i].state == h->state && known[i].code == frame->code)
            return known[i].advice;
    return "";
}

static enum handshake_event take_close(struct handshake *h, const struct wire_frame *frame, struct err *e)
{
    err_set(e, ERR_BUS, "the broker closed the connection: %u %.*s%s", frame->code, (int)frame->text.len,
            frame->text.at, advice(h, frame));
    wire_put_close_ok(h->out);
    return HANDSHAKE_CLOSED;
}

static enum handshake_event take_open_ok(struct handshake *h)
{
    h->state = HANDSHAKE_DONE;
    return HANDSHAKE_OPENED;
}

static enum handshake_event take_unexpected(const struct wire_frame *frame, struct err *e)
{
    err_set(e, ERR_BUS, "the broker sent a method (%u.%u) out of turn", frame->method_id >> 16,
            frame->method_id & 0xffff);
    return HANDSHAKE_BROKEN;
}

enum handshake_event handshake_take(struct handshake *h, const struct wire_frame *frame, struct err *e)
{
    enum wire_method method = frame->kind == WIRE_METHOD ? frame->method : METHOD_UNKNOWN;

    if (method == METHOD_CLOSE)
        return take_close(h, frame, e);
    if (method == METHOD_START && h->state == HANDSHAKE_START)
        return take_start(h, frame, e);
    if (method == METHOD_TUNE && h->state == HANDSHAKE_TUNE)
        return take_tune(h, frame, e);
    if (method == METHOD_OPEN_OK && h->state == HANDSHAKE_OPEN)
        return take_open_ok(h);
    if (method == METHOD_CLOSE_OK && h->state == HANDSHAKE_DONE)
        return HANDSHAKE_CLOSE_OK;
    if (method == METHOD_BLOCKED && h->state == HANDSHAKE_DONE)
        return HANDSHAKE_BLOCKED;
    if (method == METHOD_UNBLOCKED && h->state == HANDSHAKE_DONE)
        return HANDSHAKE_UNBLOCKED;
    return take_unexpected(frame, e);
}
