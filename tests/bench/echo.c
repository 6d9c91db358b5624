/*
 * What the broker alone allows: blocking librabbitmq on one thread, each body sent back as it came, then acked. Nothing is
 * decoded. `confirmed`: acked when the broker has confirmed what was sent back. echo plain|confirmed URL QUEUE ANYTHING
 */
#include "bench.h"

#include <stdbool.h>
#include <string.h>

enum { PREFETCH = 64 };

/* With a window of one, no delivery comes before it. */
static void await_confirm(amqp_connection_state_t c)
{
    amqp_frame_t frame = {.frame_type = 0};

    while (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
        if (amqp_simple_wait_frame(c, &frame) != AMQP_STATUS_OK)
            DIE("no confirm");
}

int main(int argc, char **argv)
{
    bool is_confirmed = argc == 5 && strcmp(argv[1], "confirmed") == 0;
    amqp_connection_state_t c;
    amqp_envelope_t e;

    if (argc != 5)
        DIE("echo plain|confirmed URL QUEUE ANYTHING");
    c = bench_connect(argv[2]);
    if (is_confirmed)
        amqp_confirm_select(c, 1);
    amqp_basic_qos(c, 1, 0, is_confirmed ? 1 : PREFETCH, 0);
    amqp_basic_consume(c, 1, amqp_cstring_bytes(argv[3]), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    for (;;) {
        amqp_maybe_release_buffers(c);
        if (amqp_consume_message(c, &e, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL)
            DIE("the broker went");
        bench_publish(c, "", e.message.properties.reply_to, e.message.properties.correlation_id, amqp_empty_bytes,
                      e.message.body);
        if (is_confirmed)
            await_confirm(c);
        amqp_basic_ack(c, 1, e.delivery_tag, 0);
        amqp_destroy_envelope(&e);
    }
}
