#include "handlers/host_keys.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "handlers/private_file.h"
#include "schemas/digest.h"

/* The file, byte for byte; what is not used of it is zero. */
struct key_ring {
    char magic[16];
    uint8_t count;
    struct hpke_key_pair pairs[HOST_KEYS_MAX];  /* the current one first, then the later before the earlier */
    char made_for[HOST_KEYS_MAX][DIGEST_CHARS]; /* a digest of the id that asked for it */
    char retired_for[DIGEST_CHARS];             /* likewise, of the last retirement */
    char digest[DIGEST_CHARS];                  /* of all before it: shows damage */
};
_Static_assert(sizeof(struct key_ring) == 16 + 1 + HOST_KEYS_MAX * (64 + DIGEST_CHARS) + 2 * DIGEST_CHARS, "no gaps");
_Static_assert(sizeof(struct key_ring) <= VAULT_SLOT_BYTES, "it is read into a slot");

static const char magic[] = "keyferry keys 1\n";

static void ring_digest(const struct key_ring *ring, char out[DIGEST_CHARS + 1])
{
    digest_damage(ring, offsetof(struct key_ring, digest), out);
}

static bool ring_is_whole(const struct key_ring *ring)
{
    char digest[DIGEST_CHARS + 1];

    ring_digest(ring, digest);
    return memcmp(ring->magic, magic, sizeof(ring->magic)) == 0 && ring->count >= 1 && ring->count <= HOST_KEYS_MAX &&
           memcmp(ring->digest, digest, DIGEST_CHARS) == 0;
}

static void ring_finish(struct key_ring *ring)
{
    char digest[DIGEST_CHARS + 1];

    memcpy(ring->magic, magic, sizeof(ring->magic));
    ring_digest(ring, digest);
    memcpy(ring->digest, digest, DIGEST_CHARS);
}

static bool random_fill(uint8_t *out, size_t bytes, struct err *e)
{
    return getrandom(out, bytes, 0) == (ssize_t)bytes || err_set(e, ERR_LOCAL, "the system gave no random bytes");
}

/* A new pair before the others, of which there are not too many. */
static bool ring_add(struct key_ring *ring, const char made_for[DIGEST_CHARS], struct err *e)
{
    struct hpke_key_pair *fresh = &ring->pairs[0];

    memmove(ring->pairs + 1, ring->pairs, ring->count * sizeof(ring->pairs[0]));
    memmove(ring->made_for + 1, ring->made_for, ring->count * sizeof(ring->made_for[0]));
    ring->count++;
    if (!random_fill(fresh->private_key, sizeof(fresh->private_key), e))
        return false;
    hpke_public_key(fresh);
    memcpy(ring->made_for[0], made_for, DIGEST_CHARS);
    return true;
}

static struct key_ring *ring_take(const struct host_keys *keys, struct err *e)
{
    struct key_ring *ring = vault_take(keys->vault);

    if (ring == NULL)
        err_set(e, ERR_LOCAL, "no locked memory is left to read %s into", keys->path);
    return ring;
}

/* To be given back to the vault, or NULL. */
static struct key_ring *ring_read(const struct host_keys *keys, struct err *e)
{
    struct key_ring *ring = ring_take(keys, e);

    if (ring == NULL)
        return NULL;
    if (private_file_read(keys->path, keys->is_credential, ring, sizeof(*ring), e)) {
        if (ring_is_whole(ring))
            return ring;
        err_set(e, ERR_KEYS_DAMAGED, "%s is damaged: its digest is wrong", keys->path);
    }
    vault_give(keys->vault, ring);
    return NULL;
}

static void public_copy(const struct hpke_key_pair *pair, struct public_key *out)
{
    out->len = PUBLIC_KEY_BYTES;
    memcpy(out->data, pair->public_key, PUBLIC_KEY_BYTES);
}

static bool first_make(const struct host_keys *keys, struct err *e)
{
    static const char nobody[DIGEST_CHARS];
    struct key_ring *ring = ring_take(keys, e);
    bool ok;

    if (ring == NULL)
        return false;
    ok = ring_add(ring, nobody, e);
    ring_finish(ring);
    ok = ok && private_file_make(keys->path, ring, sizeof(*ring), e);
    vault_give(keys->vault, ring);
    return ok;
}

static bool path_choose(const char *folder, const struct uuid *host, struct host_keys *out)
{
    char hex[UUID_HEX_CHARS + 1];

    uuid_hex(host, hex);
    snprintf(out->path, sizeof(out->path), "%s/%s.key", folder, hex);
    return access(out->path, F_OK) == 0;
}

bool host_keys_open(const char *state_dir, const char *credentials, const struct uuid *host, struct vault *vault,
                    struct host_keys *out, struct err *e)
{
    out->vault = vault;
    out->is_credential = credentials != NULL && path_choose(credentials, host, out);
    return out->is_credential || path_choose(state_dir, host, out) || first_make(out, e);
}

bool host_keys_current(const struct host_keys *keys, struct public_key *out, struct err *e)
{
    struct key_ring *ring = ring_read(keys, e);

    if (ring == NULL)
        return false;
    public_copy(&ring->pairs[0], out);
    vault_give(keys->vault, ring);
    return true;
}

bool host_keys_unseal(const struct host_keys *keys, enum seal_layout layouts, const struct seal_use *use,
                      const struct sealed_dek *sealed, struct dek *out, struct err *e)
{
    struct key_ring *ring = ring_read(keys, e);
    bool ok;

    if (ring == NULL)
        return false;
    ok = seal_open(layouts, ring->pairs, ring->count, use, sealed, out, e);
    vault_give(keys->vault, ring);
    return ok;
}

/* ---- what the worker keeps for itself ---- */

bool host_keys_keep(const struct host_keys *keys, const struct seal_use *use, const struct dek *dek,
                    struct sealed_dek *out, struct err *e)
{
    uint8_t nonce[KEPT_NONCE_BYTES];
    struct key_ring *ring;

    if (!random_fill(nonce, sizeof(nonce), e) || (ring = ring_read(keys, e)) == NULL)
        return false;
    seal_keep(nonce, &ring->pairs[0], use, dek, out);
    vault_give(keys->vault, ring);
    return true;
}

bool host_keys_recall(const struct host_keys *keys, const struct seal_use *use, const struct sealed_dek *sealed,
                      struct dek *out, struct err *e)
{
    struct key_ring *ring = ring_read(keys, e);
    bool ok;

    if (ring == NULL)
        return false;
    ok = seal_recall(ring->pairs, ring->count, use, sealed, out, e);
    vault_give(keys->vault, ring);
    return ok;
}

/* ---- changing them: one at a time, whichever thread or worker ---- */

/* Who asks for a change. */
struct asking {
    const char *id;                  /* of the request */
    const struct public_key *oldest; /* to retire: the oldest key that is kept */
    char made_for[ID_MAX_CHARS + 1]; /* a digest of the id */
};

/* Change *ring, and set *index to the pair that answers; *is_done: it had been changed already. */
typedef bool ring_change(struct key_ring *ring, const struct asking *by, size_t *index, bool *is_done, struct err *e);

static bool rotate(struct key_ring *ring, const struct asking *by, size_t *index, bool *is_done, struct err *e)
{
    for (*index = 0; *index < ring->count; (*index)++) {
        *is_done = memcmp(ring->made_for[*index], by->made_for, DIGEST_CHARS) == 0;
        if (*is_done)
            return true;
    }
    *index = 0;
    if (ring->count == HOST_KEYS_MAX)
        return err_set(e, ERR_LOCAL, "%d keys of this host are kept already: retire the earlier ones first",
                       HOST_KEYS_MAX);
    return ring_add(ring, by->made_for, e);
}

/* How many there are down to this one. Where it is gone, all of them are later. */
static size_t pairs_down_to(const struct key_ring *ring, const struct public_key *oldest)
{
    for (size_t i = 0; i < ring->count; i++)
        if (memcmp(ring->pairs[i].public_key, oldest->data, PUBLIC_KEY_BYTES) == 0)
            return i + 1;
    return ring->count;
}

static bool retire(struct key_ring *ring, const struct asking *by, size_t *index, bool *is_done, struct err *e)
{
    size_t left = pairs_down_to(ring, by->oldest);

    (void)e;
    *index = 0;
    *is_done = memcmp(ring->retired_for, by->made_for, DIGEST_CHARS) == 0;
    if (*is_done)
        return true;
    ring->count = (uint8_t)left;
    wipe(ring->pairs + left, sizeof(ring->pairs) - left * sizeof(ring->pairs[0]));
    wipe(ring->made_for + left, sizeof(ring->made_for) - left * sizeof(ring->made_for[0]));
    memcpy(ring->retired_for, by->made_for, DIGEST_CHARS);
    return true;
}

static bool ring_update(const struct host_keys *keys, ring_change *change, const struct asking *by,
                        struct public_key *out, bool *is_done, struct err *e)
{
    struct key_ring *ring = ring_read(keys, e);
    size_t index;
    bool ok;

    if (ring == NULL)
        return false;
    ok = change(ring, by, &index, is_done, e);
    if (ok)
        public_copy(&ring->pairs[index], out);
    ring_finish(ring);
    ok = ok && (*is_done || private_file_replace(keys->path, ring, sizeof(*ring), e));
    vault_give(keys->vault, ring);
    return ok;
}

static bool ring_update_alone(const struct host_keys *keys, ring_change *change, struct asking by,
                              struct public_key *out, bool *is_done, struct err *e)
{
    ON_EXIT(private_folder_unlock) int lock = -1;

    *is_done = false;
    if (keys->is_credential)
        return err_set(e, ERR_LOCAL, "the key of this host is a systemd credential, %s: change it there", keys->path);
    digest_derived_id(by.id, "keys", by.made_for);
    lock = private_folder_lock(keys->path, e);
    return lock >= 0 && ring_update(keys, change, &by, out, is_done, e);
}

bool host_keys_rotate(const struct host_keys *keys, const char *id, struct public_key *out, bool *is_new, struct err *e)
{
    bool is_done, ok = ring_update_alone(keys, rotate, (struct asking){.id = id}, out, &is_done, e);

    *is_new = ok && !is_done;
    return ok;
}

bool host_keys_retire(const struct host_keys *keys, const char *id, const struct public_key *oldest,
                      struct public_key *out, struct err *e)
{
    bool is_done;

    return ring_update_alone(keys, retire, (struct asking){.id = id, .oldest = oldest}, out, &is_done, e);
}
