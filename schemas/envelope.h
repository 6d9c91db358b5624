/*
 * The map around every message: {"<prefix><Name>": {fields}}, its reading and its
 * writing, for requests and replies, in msgpack and in JSON. Pure: time and
 * randomness are handed in.
 */
#ifndef SCHEMAS_ENVELOPE_H
#define SCHEMAS_ENVELOPE_H

#include "schemas/schema.h"
#include "schemas/writer.h"

/* A body that was read whole and is one name with one map of fields. */
struct body;

/*
 * Read a body. `content_type` (may be NULL) chooses the encoding:
 * "application/msgpack" or "application/json", parameters ignored; NULL, empty or
 * another one: the first byte does ('{' is JSON). Fails with ERR_MALFORMED, in a
 * text that tells what is wrong and never quotes the body. Keeps no pointer into
 * `bytes`. Keys given twice, deep nesting, trailing bytes and extension types
 * are found here or by the decoders below. *out is the caller's: body_free().
 */
MUST_CHECK bool body_read(const uint8_t *bytes, size_t len, const char *content_type, struct body **out, struct err *e);
void body_free(struct body *body); /* wipes; NULL is fine */

/* body_free(), for ON_EXIT. */
static inline void body_release(struct body **body)
{
    body_free(*body);
}

/* The encoding body_read() would choose: for an answer to what it refused. */
enum encoding encoding_of(const uint8_t *bytes, size_t len, const char *content_type);

/* What every request may carry beside its own fields. */
struct envelope {
    enum encoding encoding;
    char prefix[PREFIX_MAX_CHARS + 1];           /* "org.zstack.header.secret." or "" */
    char name[NAME_MAX_CHARS + 1];               /* "SecretHostDefineMsg" */
    char id[ID_MAX_CHARS + 1];                   /* "": none in the body */
    int64_t created_ms;                          /* since 1970; 0: not said */
    int64_t timeout_ms;                          /* 0 or less: none */
    int64_t deadline_ms;                         /* messageDeadline, since 1970; 0 or less: none */
    char correlation_id[SHORTSTR_MAX_CHARS + 1]; /* from the body's headers, or "" */
    char reply_to[SHORTSTR_MAX_CHARS + 1];       /* likewise */
    bool no_reply;                               /* likewise: the text "true", or true */
};

extern const struct schema envelope_schema; /* its keys, for schema_decode()'s `beside` and for documents */

/* True for 1 to ID_MAX_CHARS of [A-Za-z0-9._:-]. */
bool id_is_acceptable(const char *text);

/*
 * The name, prefix and common fields of a body. On failure `out` still holds the
 * encoding, name and prefix and every common field that was acceptable, so that
 * an answer can be addressed. ERR_INVALID names the field.
 */
MUST_CHECK bool envelope_read(const struct body *body, struct envelope *out, struct err *e);

/* The message's own fields, by its schema. */
MUST_CHECK bool message_read(const struct body *body, const struct schema *schema, void *out, struct err *e);

/* The hostUuid of any message, known here or not. Fails with ERR_REQUIRED or ERR_INVALID. */
MUST_CHECK bool body_host(const struct body *body, struct uuid *out, struct err *e);

/* When a request's time ends, in ms since 1970; 0: never. `arrived_ms` stands in for createdTime. */
int64_t envelope_deadline_ms(const struct envelope *envelope, int64_t arrived_ms);

struct request_head {
    enum encoding encoding;
    const char *name;
    const char *id;
    int64_t created_ms;
    int64_t deadline_ms; /* 0: none */
};

/* Write a request. *out is the caller's: bytes_free(). Fails with ERR_LOCAL only. */
MUST_CHECK bool request_write(const struct request_head *head, const struct schema *schema, const void *message,
                              struct bytes *out, struct err *e);

struct reply_head {
    enum encoding encoding;
    const char *prefix, *name;  /* the request's: "...Msg" is answered by "...Reply" */
    const char *id;             /* the reply's own */
    const char *correlation_id; /* what the requester matches by */
    int64_t created_ms;
};

/*
 * Write a reply: of success with `message` by `schema`, or of failure with
 * `failure` (then `schema` and `message` may be NULL). As request_write().
 */
MUST_CHECK bool reply_write(const struct reply_head *head, const struct schema *schema, const void *message,
                            const struct err *failure, struct bytes *out, struct err *e);

/*
 * Read a reply. True: success, and `out` holds the fields (keys the schema does
 * not know are passed over: the peer may be newer). False: *e holds the peer's
 * error, or ERR_FOREIGN where the body is not the reply `schema->name`, or one of
 * its fields is not as the schema has it; `out` is then all zero. A NULL schema
 * (then `out` is NULL too) reads any reply for its success or error alone.
 */
MUST_CHECK bool reply_read(const uint8_t *bytes, size_t len, const char *content_type, const struct schema *schema,
                           void *out, struct err *e);

#endif
