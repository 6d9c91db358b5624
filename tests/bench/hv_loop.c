/*
 * libvirtd alone, by THREADS threads: define and set COUNT secrets, or look COUNT of them up by their usage, of
 * the VMs numbered from 0 to VMS. hv_loop LIBVIRT_URI COUNT THREADS [VMS]
 */
#include <pthread.h>
#include <sys/random.h>

#include "bare.h"
#include "bench.h"

struct share {
    virConnectPtr hv;
    int64_t *took;
    size_t count, vms;
};

static void look_up(const struct share *s, size_t i)
{
    char usage[128];
    virSecretPtr secret;

    snprintf(usage, sizeof(usage), "keyferry/vtpm/%08x-0000-4000-8000-000000000000/tpm0/v1", (unsigned)(i % s->vms));
    secret = virSecretLookupByUsage(s->hv, VIR_SECRET_USAGE_TYPE_VTPM, usage);
    if (secret == NULL)
        DIE("libvirt has no %s", usage);
    virSecretFree(secret);
}

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
        if (s->vms > 0)
            look_up(s, i);
        else
            bare_define(s->hv, vm, dek, sizeof(dek), uuid);
        s->took[i] += now_ns();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    size_t count = argc >= 4 ? strtoul(argv[2], NULL, 10) : 0, threads = argc >= 4 ? strtoul(argv[3], NULL, 10) : 0;
    size_t vms = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
    int64_t *took = calloc(count + 1, sizeof(*took)), began;
    struct share shares[64];
    pthread_t ids[64];
    virConnectPtr hv;

    if (count == 0 || threads == 0 || threads > 64 || count % threads != 0)
        DIE("hv_loop LIBVIRT_URI COUNT THREADS [VMS]; COUNT a multiple of THREADS");
    hv = virConnectOpen(argv[1]);
    if (hv == NULL)
        DIE("no libvirt at %s", argv[1]);
    began = now_ns();
    for (size_t i = 0; i < threads; i++) {
        shares[i] = (struct share){hv, took + i * (count / threads), count / threads, vms};
        pthread_create(&ids[i], NULL, run, &shares[i]);
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    bench_report(took, count, now_ns() - began, 0);
    virConnectClose(hv);
    return 0;
}
