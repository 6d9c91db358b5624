/*
 * The practical limit: blocking librabbitmq, four threads, each with a connection of its own; define and set, reply,
 * ack. No checks, no confirms, no record. bare_worker URL QUEUE LIBVIRT_URI
 */
#include <msgpack.h>
#include <pthread.h>
#include <string.h>

#include "bare.h"
#include "bench.h"

enum { THREADS = 4, PREFETCH = 16 };

struct worker {
    const char *url, *queue;
    virConnectPtr hv;
};

/* The value of a key in a map of texts and bytes. */
static msgpack_object_str find(const msgpack_object *map, const char *key)
{
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *kv = &map->via.map.ptr[i];

        if (kv->key.via.str.size == strlen(key) && memcmp(kv->key.via.str.ptr, key, strlen(key)) == 0)
            return kv->val.via.str;
    }
    DIE("no %s", key);
}

static void pack_text(msgpack_packer *p, const char *text)
{
    msgpack_pack_str_with_body(p, text, strlen(text));
}

static void answer(amqp_connection_state_t c, const amqp_envelope_t *e, const char *uuid)
{
    msgpack_sbuffer b;
    msgpack_packer p;

    msgpack_sbuffer_init(&b);
    msgpack_packer_init(&p, &b, msgpack_sbuffer_write);
    msgpack_pack_map(&p, 1);
    pack_text(&p, "SecretHostDefineReply");
    msgpack_pack_map(&p, 2);
    pack_text(&p, "success");
    msgpack_pack_true(&p);
    pack_text(&p, "secretUuid");
    pack_text(&p, uuid);
    bench_publish(c, "", e->message.properties.reply_to, e->message.properties.correlation_id, amqp_empty_bytes,
                  (amqp_bytes_t){b.size, b.data});
    msgpack_sbuffer_destroy(&b);
}

static void serve(struct worker *w, amqp_connection_state_t c, const amqp_envelope_t *e)
{
    char vm[37] = "", uuid[37];
    const msgpack_object *fields;
    msgpack_object_str dek;
    msgpack_unpacked m;

    msgpack_unpacked_init(&m);
    if (msgpack_unpack_next(&m, e->message.body.bytes, e->message.body.len, NULL) != MSGPACK_UNPACK_SUCCESS)
        DIE("not msgpack");
    fields = &m.data.via.map.ptr[0].val;
    memcpy(vm, find(fields, "vmUuid").ptr, 36);
    dek = find(fields, "dekBase64");
    bare_define(w->hv, vm, dek.ptr, dek.size, uuid);
    answer(c, e, uuid);
    amqp_basic_ack(c, 1, e->delivery_tag, 0);
    msgpack_unpacked_destroy(&m);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    amqp_connection_state_t c = bench_connect(w->url);
    amqp_envelope_t e;

    amqp_basic_qos(c, 1, 0, PREFETCH, 0);
    amqp_basic_consume(c, 1, amqp_cstring_bytes(w->queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    for (;;) {
        amqp_maybe_release_buffers(c);
        if (amqp_consume_message(c, &e, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL)
            DIE("the broker went");
        serve(w, c, &e);
        amqp_destroy_envelope(&e);
    }
}

int main(int argc, char **argv)
{
    struct worker w;
    pthread_t threads[THREADS];

    if (argc != 4)
        DIE("bare_worker URL QUEUE LIBVIRT_URI");
    w = (struct worker){argv[1], argv[2], virConnectOpen(argv[3])};
    if (w.hv == NULL)
        DIE("no libvirt at %s", argv[3]);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run, &w);
    pthread_join(threads[0], NULL);
    return 1;
}
