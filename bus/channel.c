#include "bus/channel.h"

#include <stdio.h>

void channel_open(struct channel *channel, uint16_t number, struct ask_row row, const struct ask_values *values,
                  struct outbox *out)
{
    *channel = (struct channel){.state = CHANNEL_OPENING, .number = number, .row = row};
    for (size_t i = 0; i < row.count; i++)
        ask_write(&row.asks[i], values, out, number);
}

void channel_close(struct channel *channel, struct outbox *out)
{
    if (channel->state == CHANNEL_SHUT || channel->state == CHANNEL_CLOSING)
        return;
    wire_put_channel_close(out, channel->number);
    channel->state = CHANNEL_CLOSING;
}

void channel_reset(struct channel *channel)
{
    channel->state = CHANNEL_SHUT;
}

static void lost_text(const struct channel *channel, const struct wire_frame *frame, const struct ask_values *values,
                      struct err *e)
{
    char doing[192] = "the broker closed the channel";

    if (channel->state == CHANNEL_OPENING)
        ask_describe(&channel->row.asks[channel->at], values, doing, sizeof(doing));
    err_set(e, ERR_BUS, "%s: %u %.*s", doing, frame->code, (int)frame->text.len, frame->text.at);
}

static enum channel_event take_close(struct channel *channel, const struct wire_frame *frame,
                                     const struct ask_values *values, struct outbox *out, struct err *e)
{
    bool ours_too = channel->state == CHANNEL_CLOSING;

    wire_put_channel_close_ok(out, channel->number);
    if (ours_too) /* both at once: the answer to ours still comes */
        return CHANNEL_NOTHING;
    lost_text(channel, frame, values, e);
    channel->state = CHANNEL_SHUT;
    return CHANNEL_LOST;
}

static enum channel_event take_close_ok(struct channel *channel, struct err *e)
{
    if (channel->state != CHANNEL_CLOSING) {
        err_set(e, ERR_BUS, "the answer to a close of channel %u that was not sent", channel->number);
        return CHANNEL_BROKEN;
    }
    channel->state = CHANNEL_SHUT;
    return CHANNEL_CLOSED;
}

static enum channel_event take_answer(struct channel *channel, const struct wire_frame *frame, struct err *e)
{
    if (frame->kind != WIRE_METHOD || frame->method != ask_answer(&channel->row.asks[channel->at])) {
        err_set(e, ERR_BUS, "an unexpected answer (%u.%u) on channel %u", frame->method_id >> 16,
                frame->method_id & 0xffff, channel->number);
        return CHANNEL_BROKEN;
    }
    if (frame->method == METHOD_QUEUE_OK)
        channel->messages = frame->message_count;
    if (++channel->at < channel->row.count)
        return CHANNEL_NOTHING;
    channel->state = CHANNEL_READY;
    return CHANNEL_OPENED;
}

enum channel_event channel_take(struct channel *channel, const struct wire_frame *frame,
                                const struct ask_values *values, struct outbox *out, struct err *e)
{
    if (channel->state == CHANNEL_SHUT) {
        err_set(e, ERR_BUS, "a frame on channel %u, which is not open", frame->channel);
        return CHANNEL_BROKEN;
    }
    if (frame->kind == WIRE_METHOD && frame->method == METHOD_CHANNEL_CLOSE)
        return take_close(channel, frame, values, out, e);
    if (frame->kind == WIRE_METHOD && frame->method == METHOD_CHANNEL_CLOSE_OK)
        return take_close_ok(channel, e);
    if (channel->state == CHANNEL_CLOSING)
        return CHANNEL_NOTHING;
    if (channel->state == CHANNEL_OPENING)
        return take_answer(channel, frame, e);
    return CHANNEL_FRAME;
}

bool content_note(struct content *content, const struct wire_frame *frame, bool begins, struct err *e)
{
    bool is_due =
        (frame->kind == WIRE_METHOD && content->due == CONTENT_NONE) ||
        (frame->kind == WIRE_HEADER && content->due == CONTENT_HEADER) ||
        (frame->kind == WIRE_BODY && content->due == CONTENT_BODY && frame->piece_bytes <= content->body_left);

    if (!is_due)
        return err_set(e, ERR_BUS, "a frame out of turn on channel %u", frame->channel);
    if (frame->kind == WIRE_METHOD)
        content->due = begins ? CONTENT_HEADER : CONTENT_NONE;
    if (frame->kind == WIRE_HEADER)
        *content = (struct content){frame->body_bytes > 0 ? CONTENT_BODY : CONTENT_NONE, frame->body_bytes};
    if (frame->kind == WIRE_BODY && (content->body_left -= frame->piece_bytes) == 0)
        content->due = CONTENT_NONE;
    return true;
}
