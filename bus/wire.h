/*
 * AMQP 0-9-1 frames: bytes in, plain structs out, and back. No socket, no clock,
 * no state but that of a frame that has come in part. librabbitmq encodes and
 * decodes methods, properties and tables; framing is done here, since its
 * amqp_handle_input() reads past a frame that is shorter than what it announces,
 * and copies every body once more into memory that nobody wipes.
 * <amqp.h> is included by bus/wire_*.c only.
 */
#ifndef BUS_WIRE_H
#define BUS_WIRE_H

#include "schemas/err.h"

struct outbox;
struct publication;

enum {
    FRAME_MIN_BYTES = 4096,       /* AMQP 0-9-1 4.2.3: any peer takes frames of this size */
    FRAME_MAX_BYTES = 128 * 1024, /* what we offer, and RabbitMQ's default; head and end included */
    FRAME_FIXED_BYTES = 8,        /* head 7, end 1 */
    HEADER_PAIRS_MAX = 16,        /* a publication's own headers: we send five at most */
    HEADERS_MAX_BYTES = 2048,     /* all of them: with the other properties they fit FRAME_MIN_BYTES */
};

/* The methods a client reads. */
enum wire_method {
    METHOD_UNKNOWN,
    METHOD_START,
    METHOD_TUNE,
    METHOD_OPEN_OK,
    METHOD_CLOSE,
    METHOD_CLOSE_OK,
    METHOD_BLOCKED,
    METHOD_UNBLOCKED,
    METHOD_CHANNEL_OPEN_OK,
    METHOD_CHANNEL_CLOSE,
    METHOD_CHANNEL_CLOSE_OK,
    METHOD_EXCHANGE_OK,
    METHOD_LINK_OK,
    METHOD_QUEUE_OK,
    METHOD_BIND_OK,
    METHOD_QOS_OK,
    METHOD_CONSUME_OK,
    METHOD_CONFIRM_OK,
    METHOD_DELIVER,
    METHOD_CANCEL,
    METHOD_RETURN,
    METHOD_ACK,
    METHOD_NACK,
};

enum wire_kind {
    WIRE_NOTHING, /* no frame yet: more bytes are needed */
    WIRE_METHOD,
    WIRE_HEADER, /* of a content that follows */
    WIRE_BODY,   /* a piece of a content; a body frame may come in several */
    WIRE_HEARTBEAT,
};

/* Not terminated, as it came; valid until the next wire_read(). Absent: len 0. */
struct wire_text {
    const char *at;
    size_t len;
};

/* One thing that came. Only what belongs to its kind and method is set; the rest is zero. */
struct wire_frame {
    enum wire_kind kind;
    uint16_t channel;
    enum wire_method method;
    uint32_t method_id;                     /* class and method as AMQP numbers them, for error texts */
    uint64_t tag;                           /* deliver, ack, nack */
    bool multiple;                          /* ack, nack */
    bool redelivered;                       /* deliver */
    uint16_t code;                          /* close, channel.close, return */
    uint32_t cause_id;                      /* close, channel.close: the method that failed, or 0 */
    struct wire_text text;                  /* close, channel.close, return, blocked: the broker's words */
    struct wire_text exchange, routing_key; /* deliver, return */
    uint32_t consumers;                     /* queue.declare-ok: how many consume from it */
    uint16_t channel_max, heartbeat_s;      /* tune */
    uint32_t frame_max;                     /* tune */
    uint32_t message_count;                 /* queue.declare-ok */
    struct wire_text mechanisms;            /* start */
    struct wire_text product, version;      /* start: of the server's properties */
    uint64_t body_bytes;                    /* header: of the whole content */
    uint64_t timestamp_s;                   /* header: since 1970; 0: absent */
    struct wire_text content_type, message_id, correlation_id, reply_to, user_id; /* header */
    struct wire_text signature;   /* header: of its own headers, x-keyferry-signature; "?" where that is no text */
    struct wire_text traceparent; /* likewise, traceparent; "" where that is no text */
    struct wire_text on_behalf_of, vouched_by; /* likewise; `at` NULL: absent; "" where that is no text */
    const void *headers;                       /* header: all of its own, for wire_headers_list(); NULL: none */
    const uint8_t *piece;                      /* body: points into the bytes given to wire_read() */
    size_t piece_bytes;
};

extern const uint32_t wire_publish_id; /* `cause_id` of what a publication has caused */

struct wire_reader;

/* NULL: no memory. Ended by wire_reader_free(), for which NULL is fine. */
struct wire_reader *wire_reader_new(void);
void wire_reader_free(struct wire_reader *reader);

/* Refuse longer frames from now on. `bytes` is from FRAME_MIN_BYTES to FRAME_MAX_BYTES. */
void wire_reader_limit(struct wire_reader *reader, uint32_t bytes);

/*
 * Take bytes in whatever pieces they come, until there is one frame or piece of a
 * body in *out. *used is how many were taken; call again with the rest. Fails
 * with ERR_BUS on what is not AMQP 0-9-1; the reader is of no use after that.
 */
MUST_CHECK bool wire_read(struct wire_reader *reader, const uint8_t *bytes, size_t len, size_t *used,
                          struct wire_frame *out, struct err *e);

/* Copy a text into `out`, or leave "" there when it is absent, does not fit or holds a NUL. */
void wire_text_copy(struct wire_text text, char *out, size_t size);

/*
 * Write the headers of a header frame, the last that was read, into `room` bytes as
 * bus/headers.h has them, as many as fit; gives how many bytes they take.
 */
size_t wire_headers_list(const struct wire_frame *header, char *out, size_t room);

/*
 * True if `bytes` is one whole AMQP table, its own length in front, of known
 * types and no deeper than a sane one (librabbitmq's decoder recurses as deep as
 * the sender likes).
 */
MUST_CHECK bool wire_table_is_sane(const uint8_t *bytes, size_t len);

/*
 * Writers: each appends one frame (a publication several) to `out`. They cannot
 * fail but for memory, which the outbox remembers. Texts are at most
 * SHORTSTR_MAX_CHARS long; who calls has seen to it.
 */
struct wire_login {
    const char *user, *password;
    const char *connection_name;
    bool external; /* by the certificate: user and password are not sent */
};

/* An argument of a queue: text, or a number when `text` is NULL. */
struct wire_argument {
    const char *name;
    const char *text;
    int32_t number;
    bool is_flag; /* then `number` is a bool */
};

/* An exclusive queue is auto-delete as well; a passive declaration makes nothing, and asks how it is with the queue. */
enum { QUEUE_DURABLE = 1, QUEUE_EXCLUSIVE = 2, QUEUE_PASSIVE = 4 };

void wire_put_greeting(struct outbox *out);
void wire_put_start_ok(struct outbox *out, const struct wire_login *login);
void wire_put_tune_ok(struct outbox *out, uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat_s);
void wire_put_open(struct outbox *out, const char *vhost);
void wire_put_close(struct outbox *out, uint16_t code, const char *text);
void wire_put_close_ok(struct outbox *out);
void wire_put_heartbeat(struct outbox *out);
void wire_put_channel_open(struct outbox *out, uint16_t channel);
void wire_put_channel_close(struct outbox *out, uint16_t channel);
void wire_put_channel_close_ok(struct outbox *out, uint16_t channel);
void wire_put_exchange(struct outbox *out, uint16_t channel, const char *name, const char *type, unsigned flags);
void wire_put_queue(struct outbox *out, uint16_t channel, const char *name, unsigned flags,
                    const struct wire_argument *arguments, size_t count);
void wire_put_bind(struct outbox *out, uint16_t channel, const char *queue, const char *exchange, const char *key);
/* exchange.bind: what comes to the exchange `from` by `key` goes on to the exchange `to`. */
void wire_put_link(struct outbox *out, uint16_t channel, const char *to, const char *from, const char *key);
void wire_put_qos(struct outbox *out, uint16_t channel, uint16_t prefetch);
void wire_put_consume(struct outbox *out, uint16_t channel, const char *queue, const char *tag, bool no_ack);
void wire_put_confirm(struct outbox *out, uint16_t channel);
void wire_put_ack(struct outbox *out, uint16_t channel, uint64_t tag, bool multiple);
void wire_put_reject(struct outbox *out, uint16_t channel, uint64_t tag);

/* What must be refused as invalid, once it has been looked whether it may be done: a consumer of no priority there is, */
void wire_put_trial_consume(struct outbox *out, uint16_t channel, const char *queue);

/* ... and a publication that expires at no time there is. */
void wire_put_trial_publication(struct outbox *out, uint16_t channel, const char *exchange, const char *key);

/*
 * basic.publish, its header and its body, in frames of at most `frame_max` bytes.
 * `user_id`: this connection's user, for whom the broker vouches to whoever reads
 * it; "": not said.
 */
void wire_put_publication(struct outbox *out, uint16_t channel, uint32_t frame_max,
                          const struct publication *publication, const char *user_id);

#endif
