/*
 * Any bytes as a sealed DEK, opened in every layout: what was not sealed never
 * opens; what was, does, and not with a byte changed. The first byte chooses.
 */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>
#include <string.h>

#include "schemas/seal.h"

static const struct addressed to = {
    .host_uuid = {"aaaaaaaa-0000-4000-8000-00000000000a"},
    .key = {{"cccccccc-0000-4000-8000-00000000000c"}, "vtpm", 1, "tpm0"},
};
static const struct uuid secret_uuid = {"11111111-1111-4111-8111-111111111111"};
static const struct seal_use use = {&to, &secret_uuid};

static struct hpke_key_pair pair = {.private_key = {7}};

static void check_refused(const struct sealed_dek *sealed)
{
    struct dek dek;
    struct err e;

    for (int layout = SEAL_BOUND; layout <= SEAL_BOTH; layout++) {
        MUST(!seal_open((enum seal_layout)layout, &pair, 1, &use, sealed, &dek, &e));
        MUST(e.kind == ERR_ENVELOPE && e.text[0] != '\0');
        MUST(sodium_is_zero((const uint8_t *)&dek, sizeof(dek)));
    }
}

static void check_sealed(const uint8_t *data, size_t size, enum seal_layout layout)
{
    const uint8_t ephemeral[HPKE_KEY_BYTES] = {9};
    struct public_key recipient = {.len = PUBLIC_KEY_BYTES};
    struct dek dek = {.len = (uint16_t)(size < DEK_MAX_BYTES ? size : DEK_MAX_BYTES)}, opened;
    struct sealed_dek sealed;
    struct err e;

    memcpy(dek.data, data, dek.len);
    memcpy(recipient.data, pair.public_key, sizeof(recipient.data));
    MUST(seal_seal(layout, ephemeral, &recipient, &use, &dek, &sealed, &e));
    MUST(seal_open(layout, &pair, 1, &use, &sealed, &opened, &e));
    MUST(memcmp(&dek, &opened, sizeof(dek)) == 0);
    sealed.data[data[0] % sealed.len] ^= (uint8_t)(1 << data[0] % 8);
    check_refused(&sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sealed_dek sealed = {0};

    if (size < 2 || sodium_init() < 0)
        return 0;
    hpke_public_key(&pair);
    if (data[0] % 4 == 1 || (data[0] % 4 == 2 && hpke_has_aead(HPKE_AES_256_GCM))) {
        check_sealed(data + 1, size - 1, data[0] % 4 == 1 ? SEAL_BOUND : SEAL_COMPATIBLE);
        return 0;
    }
    sealed.len = (uint16_t)(size - 1 < sizeof(sealed.data) ? size - 1 : sizeof(sealed.data));
    memcpy(sealed.data, data + 1, sealed.len);
    check_refused(&sealed);
    return 0;
}
