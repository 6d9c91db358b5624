/*
 * A hypervisor in memory, behind handlers/hv.h: libvirt's semantics as seen on
 * libvirt 9.0.0, and any of its calls made to fail. For one thread.
 */
#ifndef TESTS_FAKE_HV_H
#define TESTS_FAKE_HV_H

#include "handlers/hv.h"

struct fake_secret {
    struct hv_secret secret; /* uuid "": a free place */
    bool has_value;
    bool has_file; /* persistent at some time; only undefining it takes the file away */
    struct dek value;
};

struct fake_domain {
    struct uuid uuid; /* "": a free place */
    const char *name;
    bool live, stored;
    bool is_arriving; /* live, and its migration to here has not ended */
    struct hv_tpm tpm;
    const char *usage_id; /* named by an attribute "usage", or NULL */
};

/* How a call fails. What only reads has no effect however it fails. */
enum fake_fault {
    FAULT_NONE,
    FAULT_EMPTIED,       /* it does not, but somebody else removed every secret just before */
    FAULT_DOWN,          /* known to be away: not even tried */
    FAULT_LOST_BEFORE,   /* the connection is lost, and it was not done */
    FAULT_LOST_AFTER,    /* the connection is lost, and it was done */
    FAULT_LOST_HALF,     /* ... and of a define with a value only the define was done */
    FAULT_CRASHED,       /* libvirtd died after it was done, and with it every ephemeral secret */
    FAULT_REFUSED,       /* libvirt has an error of its own */
    FAULT_VALUE_REFUSED, /* ... and of a define with a value only the define was done */
    FAULTS
};

enum { FAKE_SECRETS_MAX = 64, FAKE_DOMAINS_MAX = 8 };

struct hv {
    struct fake_secret secrets[FAKE_SECRETS_MAX];
    struct fake_domain domains[FAKE_DOMAINS_MAX];
    bool down;         /* every call fails as by FAULT_DOWN */
    bool lists_none;   /* as if all of its secrets had been made just after they were listed */
    unsigned calls;    /* made so far */
    unsigned fault_at; /* the number of the call that fails, counted from 1; 0: none */
    enum fake_fault fault;
};

/* The secret, or NULL. */
struct fake_secret *fake_secret_at(struct hv *hv, const char *uuid);
size_t fake_secret_count(const struct hv *hv);

/* Put one there as somebody else would: not ephemeral, no value; the caller may change it. */
struct fake_secret *fake_secret_put(struct hv *hv, const char *uuid, enum hv_usage usage, const char *usage_id,
                                    const char *description);

/* A domain that is live and stored, without a TPM; the caller may change it. */
struct fake_domain *fake_domain_put(struct hv *hv, const char *uuid, const char *name);

/* ... with a TPM that is encrypted with this secret. */
struct fake_domain *fake_vtpm_put(struct hv *hv, const char *uuid, const char *name, const char *secret_uuid);

/* Let the nth call from now fail. */
void fake_fault_set(struct hv *hv, unsigned nth, enum fake_fault fault);

#endif
