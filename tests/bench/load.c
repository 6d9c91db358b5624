/*
 * The load: COUNT requests, WINDOW in flight.
 * load URL ROUTING_KEY HOST_UUID COUNT WINDOW [KIND [VMS|echoed]]
 *
 * KIND define (each of a VM of its own; with VMS, of the VMs numbered from 0 on), get (of those VMs, in turn), or
 * refused (without a vmUuid). With @FILE for HOST_UUID they go to the hosts that it names, one a line, in turn, and
 * ROUTING_KEY counts for nothing. `queue` sends them all and waits for no answer; they are gets. `oslo` defines as an
 * RPC client of oslo.messaging does, ROUTING_KEY being the topic.
 */
#include "bench.h"

#include <msgpack.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

enum kind { DEFINE, GET, REFUSED, QUEUE, OSLO, KINDS };

static const struct {
    const char *name, *message;
    bool answered;
    const char *sign; /* that a reply bears if it is as it should be */
} kinds[] = {
    [DEFINE] = {"define", "SecretHostDefineMsg", true, "\xa7success\xc3"},
    [GET] = {"get", "SecretHostGetMsg", true, "\xa7success\xc3"},
    [REFUSED] = {"refused", "SecretHostGetMsg", true, "vmUuid"},
    [QUEUE] = {"queue", "SecretHostGetMsg", false, ""},
    [OSLO] = {"oslo", "", true, "\\\"failure\\\": null"},
};

struct load {
    enum kind kind;
    size_t vms;
    amqp_connection_state_t c;
    amqp_bytes_t queue, key;
    const char *host;
    char (*hosts)[37]; /* of a file; else NULL */
    size_t host_count;
    char route[48];
    bool is_echoed; /* nothing is answered, but all of it comes back */
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

static void pack_request(msgpack_packer *p, const struct load *l)
{
    char id[37], vm[37], dek[32];

    new_uuid(id);
    new_uuid(vm);
    if (l->vms > 0)
        snprintf(vm, sizeof(vm), "%08x-0000-4000-8000-000000000000", (unsigned)(l->sent % l->vms));
    memcpy(dek, vm, sizeof(dek));
    msgpack_pack_map(p, 1);
    pack_text(p, kinds[l->kind].message);
    msgpack_pack_map(p, 5 + (l->kind == DEFINE) + (l->kind != REFUSED));
    pack_pair(p, "id", id);
    pack_pair(p, "hostUuid", l->host);
    if (l->kind != REFUSED)
        pack_pair(p, "vmUuid", vm);
    pack_pair(p, "purpose", "vtpm");
    pack_pair(p, "usageInstance", "tpm0");
    pack_text(p, "keyVersion");
    msgpack_pack_int(p, 1);
    if (l->kind != DEFINE)
        return;
    pack_text(p, "dekBase64");
    msgpack_pack_bin_with_body(p, dek, sizeof(dek));
}

/* docs.openstack.org/oslo.messaging: an envelope of JSON, in which the message is JSON in a text. */
static void send_oslo(struct load *l)
{
    static const char dek[] = "YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgbm8/";
    char body[1024], vm[37];
    int len;

    new_uuid(vm);
    len = snprintf(body, sizeof(body),
                   "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"define\\\", \\\"version\\\": "
                   "\\\"1.0\\\", \\\"args\\\": {\\\"hostUuid\\\": \\\"%s\\\", \\\"vmUuid\\\": \\\"%s\\\", "
                   "\\\"purpose\\\": \\\"vtpm\\\", \\\"usageInstance\\\": \\\"tpm0\\\", \\\"keyVersion\\\": 1, "
                   "\\\"dekBase64\\\": \\\"%s\\\"}, \\\"_msg_id\\\": \\\"%zu\\\", \\\"_unique_id\\\": \\\"%s\\\", "
                   "\\\"_reply_q\\\": \\\"%.*s\\\", \\\"_timeout\\\": null}\"}",
                   l->host, vm, dek, l->sent, vm, (int)l->queue.len, (const char *)l->queue.bytes);
    l->began[l->sent++] = now_ns();
    bench_publish_json(l->c, "openstack", l->key, (amqp_bytes_t){(size_t)len, body});
}

static void read_hosts(struct load *l, const char *path)
{
    FILE *file = fopen(path, "r");
    char host[37];

    while (file != NULL && fscanf(file, "%36s", host) == 1) {
        l->hosts = realloc(l->hosts, (l->host_count + 1) * sizeof(*l->hosts));
        strcpy(l->hosts[l->host_count++], host);
    }
    if (l->host_count == 0)
        DIE("no hosts in %s", path);
    fclose(file);
}

static void address_next(struct load *l)
{
    char *to = l->route + sprintf(l->route, "host.");

    if (l->hosts == NULL)
        return;
    l->host = l->hosts[l->sent % l->host_count];
    for (const char *c = l->host; *c != '\0'; c++)
        if (*c != '-')
            *to++ = *c;
    *to = '\0';
    l->key = amqp_cstring_bytes(l->route);
}

static void send_one(struct load *l)
{
    msgpack_sbuffer b;
    msgpack_packer p;
    char number[24];

    if (l->kind == OSLO) {
        send_oslo(l);
        return;
    }
    address_next(l);
    snprintf(number, sizeof(number), "%zu", l->sent);
    msgpack_sbuffer_init(&b);
    msgpack_packer_init(&p, &b, msgpack_sbuffer_write);
    pack_request(&p, l);
    l->began[l->sent++] = now_ns();
    bench_publish(l->c, "keyferry.p2p", l->key, amqp_cstring_bytes(number),
                  kinds[l->kind].answered ? l->queue : amqp_empty_bytes, (amqp_bytes_t){b.size, b.data});
    msgpack_sbuffer_destroy(&b);
}

static void take_one(struct load *l)
{
    static const char msg_id[] = "\\\"_msg_id\\\": \\\"";
    const char *sign = kinds[l->kind].sign, *at;
    struct timeval limit = {30, 0};
    amqp_envelope_t e;
    char number[24] = "";
    size_t i;

    amqp_maybe_release_buffers(l->c);
    if (amqp_consume_message(l->c, &e, &limit, 0).reply_type != AMQP_RESPONSE_NORMAL)
        DIE("no reply");
    if (l->kind != OSLO)
        memcpy(number, e.message.properties.correlation_id.bytes,
               e.message.properties.correlation_id.len % sizeof(number));
    else if ((at = memmem(e.message.body.bytes, e.message.body.len, msg_id, sizeof(msg_id) - 1)) != NULL)
        memcpy(number, at + sizeof(msg_id) - 1, sizeof(number) - 1);
    i = strtoul(number, NULL, 10);
    l->took[i] = now_ns() - l->began[i];
    if (memmem(e.message.body.bytes, e.message.body.len, sign, strlen(sign)) == NULL && !l->is_echoed)
        l->failed++;
    amqp_destroy_envelope(&e);
}

int main(int argc, char **argv)
{
    struct load l = {0};
    char name[37];
    size_t window;
    int64_t began;

    if (argc < 6 || argc > 8)
        DIE("load URL ROUTING_KEY HOST_UUID COUNT WINDOW [KIND [VMS|echoed]]");
    while (argc > 6 && strcmp(kinds[l.kind].name, argv[6]) != 0)
        if (++l.kind == KINDS)
            DIE("no such kind: %s", argv[6]);
    l.is_echoed = argc > 7 && strcmp(argv[7], "echoed") == 0;
    l.vms = argc > 7 ? strtoul(argv[7], NULL, 10) : 0;
    l.c = bench_connect(argv[1]);
    l.key = amqp_cstring_bytes(argv[2]);
    l.host = argv[3];
    if (argv[3][0] == '@')
        read_hosts(&l, argv[3] + 1);
    l.count = strtoul(argv[4], NULL, 10);
    window = strtoul(argv[5], NULL, 10);
    l.began = calloc(l.count, sizeof(*l.began));
    l.took = calloc(l.count, sizeof(*l.took));
    /* oslo.messaging's server answers through an exchange of the queue's name, which the broker's own cannot be. */
    new_uuid(name);
    l.queue = amqp_bytes_malloc_dup(
        amqp_queue_declare(l.c, 1, amqp_cstring_bytes(l.kind == OSLO ? name : ""), 0, 0, 1, 1, amqp_empty_table)
            ->queue);
    if (l.kind == OSLO) {
        amqp_exchange_declare(l.c, 1, l.queue, amqp_cstring_bytes("direct"), 0, 0, 1, 0, amqp_empty_table);
        amqp_queue_bind(l.c, 1, l.queue, l.queue, l.queue, amqp_empty_table);
    }
    amqp_basic_consume(l.c, 1, l.queue, amqp_empty_bytes, 0, 1, 1, amqp_empty_table);

    began = now_ns();
    for (size_t done = 0; done < l.count; done++) {
        while (l.sent < l.count && l.sent < done + window)
            send_one(&l);
        if (kinds[l.kind].answered)
            take_one(&l);
    }
    /* What was published is the broker's when it has answered something after it. */
    amqp_queue_declare(l.c, 1, l.queue, 1, 0, 1, 1, amqp_empty_table);
    bench_report(l.took, l.count, now_ns() - began, l.failed);
    return 0;
}
