/* A host with a fake hypervisor, and one request on its way through its handler. */
#ifndef TESTS_FAKE_HOST_H
#define TESTS_FAKE_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fake_hv.h"
#include "handlers/host_keys.h"
#include "handlers/mark.h"
#include "handlers/work.h"

#define HOST_A    "aaaaaaaa-0000-4000-8000-00000000000a"
#define HOST_B    "aaaaaaaa-0000-4000-8000-00000000000b"
#define VM        "cccccccc-0000-4000-8000-00000000000c"
#define UUID_1    "11111111-1111-4111-8111-111111111111"
#define UUID_2    "22222222-2222-4222-8222-222222222222"
#define USAGE_ID  "keyferry/vtpm/" VM "/tpm0/v1"
#define OTHERS_ID "keyferry/vtpm/" VM "/tpm1/v1"

struct fake_host {
    struct host host;
    struct digest_key digest_key;
    struct host_keys keys;
    struct vault *vault;
    struct ledger *ledger;
    int64_t now_ms;
    unsigned recordings;     /* how often a request had to be recorded before it went on */
    char folder[32];         /* of the keys and the ledger */
    const struct peer *peer; /* who sends; NULL: somebody who may do all */
    struct work work;
    _Alignas(8) uint8_t notes[VAULT_SLOT_BYTES];
};

/* For cmocka: a fresh struct fake_host of HOST_A in *state, on an empty hypervisor. */
int fake_host_open(void **state);
int fake_host_close(void **state);

/* The identity of every request here: vtpm, VM, tpm0, version 1. */
struct addressed fake_address(const char *host_uuid);
struct uuid fake_uuid(const char *text);
struct dek fake_dek(uint8_t fill);

/* work_advance(), and what is to be recorded is. */
enum work_state fake_advance(struct fake_host *fake);

/* Begin with a request, which must live on, and go on until it ends, calls or finds libvirt away. */
enum work_state fake_begin(struct fake_host *fake, const struct handler *handler, const void *request);

/* The same, and whenever libvirt is away it is back at once, and what is to be recorded is. */
enum work_state fake_run(struct fake_host *fake, const struct handler *handler, const void *request);

/* Go on after a call, again past libvirt's absences. NULL: answered, by what was put into work.call.answer. */
enum work_state fake_answered(struct fake_host *fake, const struct err *failure);

/* A secret of the identity, made by the define handler itself; `migration_id` may be "". */
void fake_define(struct fake_host *fake, const char *secret_uuid, const char *migration_id, uint8_t fill);

/* The ledger loses all that it knows of secrets. */
void fake_forget(struct fake_host *fake);

/* The row of the identity of every request here, or NULL. Static. */
const struct secret_row *fake_kept(struct fake_host *fake);

/* Its mark. Fails the test where the secret is not there. */
struct mark fake_mark(struct fake_host *fake, const char *secret_uuid);

/* Change the mark of a secret that is there. */
void fake_mark_set(struct fake_host *fake, const char *secret_uuid, const struct mark *mark);

#endif
