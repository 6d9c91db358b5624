/*
 * The load: COUNT define requests, WINDOW in flight, each of a VM of its own.
 * load URL ROUTING_KEY HOST_UUID COUNT WINDOW
 */
#include "bench.h"

#include <msgpack.h>
#include <string.h>
#include <sys/random.h>

struct load {
    amqp_connection_state_t c;
    amqp_bytes_t queue, key;
    const char *host;
    size_t sent, count, failed;
    int64_t *began, *took;
};

static void pack_text(msgpack_packer *p, const char *text)
{
    msgpack_pack_str_with_body(p, text, strlen(text));
}

static void pack_pair(msgpack_packer *p, const char *key, const char *value)
{
    pack_text(p, key);
    pack_text(p, value);
}

static void new_uuid(char out[37])
{
    uint8_t r[16];

    if (getrandom(r, sizeof(r), 0) != sizeof(r))
        DIE("no randomness");
    sprintf(out, "%02x%02x%02x%02x-%02x%02x-4%x%02x-a%x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3], r[4],
            r[5], r[6] & 15, r[7], r[8] & 15, r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

static void pack_request(msgpack_packer *p, const char *host)
{
    char id[37], vm[37], dek[32];

    new_uuid(id);
    new_uuid(vm);
    memcpy(dek, vm, sizeof(dek));
    msgpack_pack_map(p, 1);
    pack_text(p, "SecretHostDefineMsg");
    msgpack_pack_map(p, 7);
    pack_pair(p, "id", id);
    pack_pair(p, "hostUuid", host);
    pack_pair(p, "vmUuid", vm);
    pack_pair(p, "purpose", "vtpm");
    pack_pair(p, "usageInstance", "tpm0");
    pack_text(p, "keyVersion");
    msgpack_pack_int(p, 1);
    pack_text(p, "dekBase64");
    msgpack_pack_bin_with_body(p, dek, sizeof(dek));
}

static void send_one(struct load *l)
{
    msgpack_sbuffer b;
    msgpack_packer p;
    char number[24];

    snprintf(number, sizeof(number), "%zu", l->sent);
    msgpack_sbuffer_init(&b);
    msgpack_packer_init(&p, &b, msgpack_sbuffer_write);
    pack_request(&p, l->host);
    l->began[l->sent++] = now_ns();
    bench_publish(l->c, "keyferry.p2p", l->key, amqp_cstring_bytes(number), l->queue, (amqp_bytes_t){b.size, b.data});
    msgpack_sbuffer_destroy(&b);
}

static void take_one(struct load *l)
{
    static const char success[] = "\xa7success\xc3";
    struct timeval limit = {30, 0};
    amqp_envelope_t e;
    char number[24] = "";
    size_t i;

    amqp_maybe_release_buffers(l->c);
    if (amqp_consume_message(l->c, &e, &limit, 0).reply_type != AMQP_RESPONSE_NORMAL)
        DIE("no reply");
    memcpy(number, e.message.properties.correlation_id.bytes, e.message.properties.correlation_id.len % sizeof(number));
    i = strtoul(number, NULL, 10);
    l->took[i] = now_ns() - l->began[i];
    if (memmem(e.message.body.bytes, e.message.body.len, success, sizeof(success) - 1) == NULL)
        l->failed++;
    amqp_destroy_envelope(&e);
}

int main(int argc, char **argv)
{
    struct load l = {0};
    size_t window;
    int64_t began;

    if (argc != 6)
        DIE("load URL ROUTING_KEY HOST_UUID COUNT WINDOW");
    l.c = bench_connect(argv[1]);
    l.key = amqp_cstring_bytes(argv[2]);
    l.host = argv[3];
    l.count = strtoul(argv[4], NULL, 10);
    window = strtoul(argv[5], NULL, 10);
    l.began = calloc(l.count, sizeof(*l.began));
    l.took = calloc(l.count, sizeof(*l.took));
    l.queue = amqp_bytes_malloc_dup(amqp_queue_declare(l.c, 1, amqp_empty_bytes, 0, 0, 1, 1, amqp_empty_table)->queue);
    amqp_basic_consume(l.c, 1, l.queue, amqp_empty_bytes, 0, 1, 1, amqp_empty_table);

    began = now_ns();
    for (size_t done = 0; done < l.count; done++) {
        while (l.sent < l.count && l.sent < done + window)
            send_one(&l);
        take_one(&l);
    }
    bench_report(l.took, l.count, now_ns() - began, l.failed);
    return 0;
}
