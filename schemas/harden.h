/*
 * What a process does for the secrets that pass through it, beside keeping its own
 * in a vault. Both programs do, by being linked with harden.c:
 *
 * every free() and realloc() in it wipes what it gives back, also those of the
 * libraries, which keep copies of DEKs of their own: jansson, msgpack, libevent,
 * libvirt's client. Not in a build for a sanitizer, which has an allocator of its
 * own and keeps what is freed for a while, to catch its use.
 */
#ifndef SCHEMAS_HARDEN_H
#define SCHEMAS_HARDEN_H

#include "schemas/base.h"

/* True where free() wipes. */
extern const bool heap_wipes;

/*
 * Leave no core file, and let no other process of this user look into this one.
 * To be called first of all; does not fail.
 */
void process_harden(void);

#endif
