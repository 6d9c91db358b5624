#include "bench.h"

#include <amqp_tcp_socket.h>
#include <string.h>

amqp_connection_state_t bench_connect(const char *url)
{
    struct amqp_connection_info to;
    char *copy = strdup(url);
    amqp_connection_state_t c = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(c);

    if (amqp_parse_url(copy, &to) != AMQP_STATUS_OK)
        DIE("not a URL: %s", url);
    if (amqp_socket_open(socket, to.host, to.port) != AMQP_STATUS_OK)
        DIE("cannot connect to %s:%d", to.host, to.port);
    if (amqp_login(c, to.vhost, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, to.user, to.password).reply_type !=
        AMQP_RESPONSE_NORMAL)
        DIE("cannot log in");
    amqp_channel_open(c, 1);
    if (amqp_get_rpc_reply(c).reply_type != AMQP_RESPONSE_NORMAL)
        DIE("cannot open a channel");
    free(copy);
    return c;
}

void bench_publish(amqp_connection_state_t c, const char *exchange, amqp_bytes_t key, amqp_bytes_t correlation_id,
                   amqp_bytes_t reply_to, amqp_bytes_t body)
{
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                                           AMQP_BASIC_CORRELATION_ID_FLAG,
                                 .content_type = amqp_cstring_bytes("application/msgpack"),
                                 .delivery_mode = 2,
                                 .correlation_id = correlation_id,
                                 .reply_to = reply_to};

    if (reply_to.len != 0)
        p._flags |= AMQP_BASIC_REPLY_TO_FLAG;
    if (amqp_basic_publish(c, 1, amqp_cstring_bytes(exchange), key, 0, 0, &p, body) != AMQP_STATUS_OK)
        DIE("cannot publish");
}

void bench_publish_json(amqp_connection_state_t c, const char *exchange, amqp_bytes_t key, amqp_bytes_t body)
{
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG,
                                 .content_type = amqp_cstring_bytes("application/json"),
                                 .content_encoding = amqp_cstring_bytes("utf-8")};

    if (amqp_basic_publish(c, 1, amqp_cstring_bytes(exchange), key, 0, 0, &p, body) != AMQP_STATUS_OK)
        DIE("cannot publish");
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

void bench_report(int64_t *ns, size_t count, int64_t total_ns, size_t failed)
{
    qsort(ns, count, sizeof(*ns), compare);
    printf("{\"seconds\": %.4f, \"median_us\": %.1f, \"p99_us\": %.1f, \"failed\": %zu}\n", (double)total_ns / 1e9,
           (double)ns[count / 2] / 1e3, (double)ns[count * 99 / 100] / 1e3, failed);
}
