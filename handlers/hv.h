/*
 * The hypervisor, as little of it as the handlers need. hv_secrets.c, hv_domains.c, hv_loan.c, hv_keeper.c,
 * hv_conn.c, hv_version.c and hv_xml.c are its real half; tests/unit/fake_hv.c the other.
 *
 * One struct hv is one libvirt URI, kept connected by a thread of its own, since
 * virConnectOpen() may block for ever. Any thread may call anything below; calls
 * block for as long as libvirt takes, at most the keepalive's 3 s on a dead link.
 *
 * Every call may fail with ERR_HYPERVISOR_AWAY: the connection is gone or was
 * lost on the way (e->effect EFFECT_UNKNOWN where a change may have happened).
 * The keeper is already reconnecting; hv_is_up() tells when. What libvirt refuses
 * is told by the pair (code, domain), never by text, and carried in the err.
 */
#ifndef HANDLERS_HV_H
#define HANDLERS_HV_H

#include "schemas/err.h"
#include "schemas/schema.h"
#include "schemas/uuid.h"

struct hv;

enum { HV_DESCRIPTION_MAX_BYTES = 1024 };

/* Called on the keeper's thread when the connection comes or goes, and when the first attempt fails. */
typedef void hv_watch(void *arg, bool up, const char *why);

/*
 * Begin to keep a connection to `uri`, for example "qemu:///system". Does not
 * block and does not wait for libvirt. `watch` may be NULL. SIGPIPE is ignored from
 * then on, unless somebody handles it. Fails with ERR_LOCAL.
 */
MUST_CHECK bool hv_open(const char *uri, hv_watch *watch, void *arg, struct hv **out, struct err *e);

/* Ends `hv`; NULL is fine. No call on it may be in progress. Waits for its thread for a second at most. */
void hv_close(struct hv *hv);

/* The same in two parts, for many of them: begin to, without waiting; and wait so long at most, or a moment. NULL is fine. */
void hv_bid(struct hv *hv);
void hv_close_within(struct hv *hv, unsigned patience_ms);

bool hv_is_up(struct hv *hv);

/* The same, and why not: "" where it is up. */
enum { HV_WHY_BYTES = 200 };
bool hv_state(struct hv *hv, char why[HV_WHY_BYTES]);

struct hv_release {
    unsigned major, minor, patch;
};

/* Who answers: the daemon, this process's library, and the driver, such as "QEMU". */
struct hv_version {
    char driver[32];
    struct hv_release daemon, client;
};
MUST_CHECK bool hv_version(struct hv *hv, struct hv_version *out, struct err *e);

/* How long this thread has spent in libvirt, in microseconds: what is below, since it began. */
uint64_t hv_spent_us(void);

/*
 * Tell which VMs begin to run here, having started or arrived: from now on, each as
 * often as libvirt says so. `on_arrival` is called on libvirt's thread, must be quick and
 * call nothing above or below. It is not called any more once hv_close() has been.
 */
typedef void hv_arrival(void *arg, const struct uuid *vm);
void hv_watch_arrivals(struct hv *hv, hv_arrival *on_arrival, void *arg);

enum hv_usage { HV_USAGE_VTPM, HV_USAGE_VOLUME };

/* One libvirt secret, without its value, which libvirt never gives back (private='yes'). */
struct hv_secret {
    struct uuid uuid;
    enum hv_usage usage;
    bool other_usage;                               /* another type than the two above */
    bool is_ours_in_form;                           /* ephemeral and private */
    char usage_id[USAGE_ID_MAX_CHARS + 1];          /* "" where it is longer than any of ours */
    char description[HV_DESCRIPTION_MAX_BYTES + 1]; /* likewise */
};

/* ERR_NOT_FOUND where there is none. *out is untouched on failure. */
MUST_CHECK bool hv_secret_by_usage(struct hv *hv, enum hv_usage usage, const char *usage_id, struct hv_secret *out,
                                   struct err *e);
MUST_CHECK bool hv_secret_by_uuid(struct hv *hv, const struct uuid *uuid, struct hv_secret *out, struct err *e);

/*
 * Whether there is a secret of this UUID and this usage. Of all look-ups the cheapest: by a UUID libvirt finds one at
 * once, by a usage it walks through all.
 */
MUST_CHECK bool hv_secret_is(struct hv *hv, const struct uuid *uuid, enum hv_usage usage, const char *usage_id,
                             bool *found, struct err *e);

/* The UUIDs of all secrets, in no order. *out is the caller's, to be free()d. */
MUST_CHECK bool hv_secret_list(struct hv *hv, struct uuid **out, size_t *count, struct err *e);

/*
 * Define an ephemeral, private secret of these properties and set its value, or
 * give the one of this UUID a new description and value; without `dek` (NULL) its
 * value stays. ERR_CONFLICT where the UUID has another usage id, or the usage id
 * another UUID: libvirt's pair (1, 30). Where e->effect is EFFECT_DONE it was
 * defined, and its value could not be set. A usage type that differs is not
 * noticed by libvirt, and what is persistent should be undefined first, since its
 * file would stay: look before redefining.
 */
MUST_CHECK bool hv_secret_define(struct hv *hv, const struct hv_secret *secret, const struct dek *dek, struct err *e);

/* ERR_NOT_FOUND where it was not there. */
MUST_CHECK bool hv_secret_undefine(struct hv *hv, const struct uuid *uuid, struct err *e);

/*
 * Who names a secret here, by its UUID or its usage id (NULL: its UUID alone) in a
 * domain's XML, live or stored: `used` by an active domain (paused and incoming
 * included), `named` by any.
 */
struct hv_users {
    bool used, named;
    bool is_arriving; /* used by one that is still on its way: paused, until its migration to here has ended */
    char domain[64];  /* the name of one that does, the active before the others; may be cut off */
};
MUST_CHECK bool hv_secret_users(struct hv *hv, const struct uuid *uuid, const char *usage_id, struct hv_users *out,
                                struct err *e);

/*
 * All that domains name here, live or stored: each UUID that any attribute is, and
 * each usage id; `tell` gets one of the two, the other is NULL. Some more than once.
 */
typedef void hv_name(void *arg, const struct uuid *uuid, const char *usage_id);
MUST_CHECK bool hv_named_each(struct hv *hv, hv_name *tell, void *arg, struct err *e);

/* The TPM of a live domain. ERR_NOT_FOUND where no active domain has this UUID. */
struct hv_tpm {
    bool present;
    bool encrypted;
    struct uuid secret_uuid; /* set if encrypted */
};
MUST_CHECK bool hv_live_tpm(struct hv *hv, const struct uuid *vm_uuid, struct hv_tpm *out, struct err *e);

#endif
