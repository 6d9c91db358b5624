/*
 * Any bytes as the key file of a host, which an administrator may have restored
 * from anywhere. One without its own digest is never used; of one that has it (the
 * first byte asks for that) the current key is told, and what was sealed to any key
 * that is kept, and to no other, opens.
 */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handlers/host_keys.h"
#include "schemas/digest.h"

/* As handlers/host_keys.c lays the file out. */
enum { MAGIC_BYTES = 16, PAIRS_AT = MAGIC_BYTES + 1, PAIR_BYTES = 64 };
enum { RING_BYTES = PAIRS_AT + HOST_KEYS_MAX * (PAIR_BYTES + DIGEST_CHARS) + 2 * DIGEST_CHARS };
enum { DIGEST_AT = RING_BYTES - DIGEST_CHARS };

static const struct addressed to = {
    .host_uuid = {"aaaaaaaa-0000-4000-8000-00000000000a"},
    .key = {{"cccccccc-0000-4000-8000-00000000000c"}, "vtpm", 1, "tpm0"},
};
static const struct uuid none = {""};
static const struct seal_use use = {&to, &none};

static int file = -1;
static struct host_keys keys = {.is_credential = true}; /* its owner and mode are systemd's business */

static void open_once(void)
{
    struct err e;

    if (file >= 0)
        return;
    file = memfd_create("ring", MFD_CLOEXEC);
    snprintf(keys.path, sizeof(keys.path), "/proc/self/fd/%d", file);
    MUST(sodium_init() >= 0 && file >= 0 && vault_open(2, &keys.vault, &e));
}

static void check_nothing_opens(const struct sealed_dek *sealed)
{
    struct public_key key;
    struct dek dek;
    struct err e;

    MUST(!host_keys_current(&keys, &key, &e));
    MUST(e.kind == ERR_KEYS_DAMAGED && e.text[0] != '\0');
    MUST(!host_keys_unseal(&keys, SEAL_BOTH, &use, sealed, &dek, &e));
    MUST(e.kind == ERR_KEYS_DAMAGED);
}

static struct sealed_dek seal_to(const struct hpke_key_pair *pair)
{
    const uint8_t ephemeral[HPKE_KEY_BYTES] = {9};
    struct public_key recipient = {.len = PUBLIC_KEY_BYTES};
    struct dek dek = {.len = 32, .data = "the one"};
    struct sealed_dek sealed;
    struct err e;

    memcpy(recipient.data, pair->public_key, PUBLIC_KEY_BYTES);
    MUST(seal_seal(SEAL_BOUND, ephemeral, &recipient, &use, &dek, &sealed, &e));
    return sealed;
}

static void check_opens(const uint8_t *ring, size_t kept)
{
    struct hpke_key_pair pair = {.private_key = {7}};
    struct public_key current;
    struct sealed_dek sealed;
    struct dek dek;
    bool is_new;
    struct err e;

    MUST(host_keys_current(&keys, &current, &e));
    MUST(memcmp(current.data, ring + PAIRS_AT + offsetof(struct hpke_key_pair, public_key), PUBLIC_KEY_BYTES) == 0);

    hpke_public_key(&pair);
    sealed = seal_to(&pair);
    MUST(host_keys_unseal(&keys, SEAL_BOUND, &use, &sealed, &dek, &e) == (kept < ring[MAGIC_BYTES]));
    MUST(kept >= ring[MAGIC_BYTES] || strcmp((const char *)dek.data, "the one") == 0);
    MUST(!host_keys_rotate(&keys, "id", &current, &is_new, &e) && e.kind == ERR_LOCAL && !is_new);
}

/* Give the ring a pair of ours at place `kept`, and its own digest. */
static void make_whole(uint8_t ring[RING_BYTES], size_t kept)
{
    struct hpke_key_pair pair = {.private_key = {7}};
    char digest[DIGEST_CHARS + 1];

    _Static_assert(sizeof(pair) == PAIR_BYTES, "no gaps");
    hpke_public_key(&pair);
    memcpy(ring + PAIRS_AT + kept * PAIR_BYTES, &pair, sizeof(pair));
    digest_damage(ring, DIGEST_AT, digest);
    memcpy(ring + DIGEST_AT, digest, DIGEST_CHARS);
}

static void write_file(const uint8_t *data, size_t size)
{
    MUST(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char magic[] = "keyferry keys 1\n";
    struct sealed_dek sealed = {.len = SEALED_MIN_BYTES};
    uint8_t ring[RING_BYTES] = {0};
    bool is_whole;

    if (size < 2)
        return 0;
    open_once();
    if (data[0] % 2 == 0) {
        write_file(data + 1, size - 1); /* that the digest fits by chance does not happen */
        check_nothing_opens(&sealed);
        return 0;
    }
    memcpy(ring, data + 1, size - 1 < RING_BYTES ? size - 1 : RING_BYTES);
    make_whole(ring, data[0] / 2 % HOST_KEYS_MAX);
    write_file(ring, sizeof(ring));
    is_whole = memcmp(ring, magic, MAGIC_BYTES) == 0 && ring[MAGIC_BYTES] >= 1 && ring[MAGIC_BYTES] <= HOST_KEYS_MAX;
    if (is_whole)
        check_opens(ring, data[0] / 2 % HOST_KEYS_MAX);
    else
        check_nothing_opens(&sealed);
    return 0;
}
