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

enum { STACK_WIPED_BYTES = 16 * 1024 };

/*
 * Wipe so much of the calling thread's stack below its caller: what hashes, ciphers
 * and decoders have left there of a DEK or a key: BLAKE2b its whole input. X25519, BLAKE2b, the reading
 * of a JSON body each go 3 to 5 KiB deep (libsodium 1.0.18, jansson 2.14, x86-64). To
 * be called where they have returned and the thread turns to something else.
 */
void stack_wipe(void);

#endif
