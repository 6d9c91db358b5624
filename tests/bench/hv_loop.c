/* libvirtd alone: define and set COUNT secrets by THREADS threads. hv_loop LIBVIRT_URI COUNT THREADS */
#include <pthread.h>
#include <sys/random.h>

#include "bare.h"
#include "bench.h"

struct share {
    virConnectPtr hv;
    int64_t *took;
    size_t count;
};

static void *run(void *arg)
{
    struct share *s = arg;
    uint8_t r[16];
    char vm[37], uuid[37], dek[32] = "a key of thirty-two bytes, no?";

    for (size_t i = 0; i < s->count; i++) {
        if (getrandom(r, sizeof(r), 0) != sizeof(r))
            DIE("no randomness");
        for (size_t j = 0; j < 18; j++)
            sprintf(vm + 2 * j, "%02x", r[j % sizeof(r)]);
        s->took[i] = -now_ns();
        bare_define(s->hv, vm, dek, sizeof(dek), uuid);
        s->took[i] += now_ns();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    size_t count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0, threads = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    int64_t *took = calloc(count + 1, sizeof(*took)), began;
    struct share shares[64];
    pthread_t ids[64];
    virConnectPtr hv;

    if (count == 0 || threads == 0 || threads > 64 || count % threads != 0)
        DIE("hv_loop LIBVIRT_URI COUNT THREADS; COUNT a multiple of THREADS");
    hv = virConnectOpen(argv[1]);
    if (hv == NULL)
        DIE("no libvirt at %s", argv[1]);
    began = now_ns();
    for (size_t i = 0; i < threads; i++) {
        shares[i] = (struct share){hv, took + i * (count / threads), count / threads};
        pthread_create(&ids[i], NULL, run, &shares[i]);
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    bench_report(took, count, now_ns() - began, 0);
    virConnectClose(hv);
    return 0;
}
