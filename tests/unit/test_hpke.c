#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "schemas/hpke.h"

enum { ROOM = 128 };

/* RFC 9180 A.2.1, as published. */
static json_t *figures;

static int read_figures(void **state)
{
    (void)state;
    figures = json_load_file("tests/vectors/rfc9180-a2-base.json", 0, NULL);
    return figures == NULL || sodium_init() < 0;
}

static int forget_figures(void **state)
{
    (void)state;
    json_decref(figures);
    return 0;
}

static size_t bytes_of(const json_t *object, const char *key, uint8_t out[ROOM])
{
    const char *hex = json_string_value(json_object_get(object, key));
    size_t len;

    assert_non_null(hex);
    assert_int_equal(sodium_hex2bin(out, ROOM, hex, strlen(hex), NULL, &len, NULL), 0);
    return len;
}

static void assert_figure(const char *key, const uint8_t *got, size_t len)
{
    uint8_t want[ROOM];

    assert_int_equal(bytes_of(json_object_get(figures, "setup"), key, want), len);
    assert_memory_equal(got, want, len);
}

static struct hpke_key_pair pair_of(const char *private_key)
{
    struct hpke_key_pair pair;
    uint8_t bytes[ROOM];

    assert_int_equal(bytes_of(json_object_get(figures, "setup"), private_key, bytes), HPKE_KEY_BYTES);
    memcpy(pair.private_key, bytes, HPKE_KEY_BYTES);
    hpke_public_key(&pair);
    return pair;
}

static void key_pairs_are_those_of_the_rfc(void **state)
{
    (void)state;
    assert_figure("pkRm", pair_of("skRm").public_key, HPKE_KEY_BYTES);
    assert_figure("pkEm", pair_of("skEm").public_key, HPKE_KEY_BYTES);
}

static void encap_and_decap_are_those_of_the_rfc(void **state)
{
    struct hpke_key_pair recipient = pair_of("skRm"), ephemeral = pair_of("skEm");
    uint8_t enc[HPKE_KEY_BYTES], shared_secret[HPKE_KEY_BYTES];

    (void)state;
    assert_true(hpke_encap(ephemeral.private_key, recipient.public_key, enc, shared_secret));
    assert_figure("enc", enc, sizeof(enc));
    assert_figure("shared_secret", shared_secret, sizeof(shared_secret));
    memset(shared_secret, 0, sizeof(shared_secret));
    assert_true(hpke_decap(enc, &recipient, shared_secret));
    assert_figure("shared_secret", shared_secret, sizeof(shared_secret));
}

static void the_key_schedule_is_that_of_the_rfc(void **state)
{
    uint8_t shared_secret[ROOM], info[ROOM];
    struct hpke_context context;

    (void)state;
    bytes_of(json_object_get(figures, "setup"), "shared_secret", shared_secret);
    hpke_key_schedule(HPKE_CHACHA20_POLY1305, shared_secret,
                      (struct hpke_text){info, bytes_of(json_object_get(figures, "setup"), "info", info)}, &context);
    assert_figure("key", context.key, sizeof(context.key));
    assert_figure("base_nonce", context.base_nonce, sizeof(context.base_nonce));
}

static void seals_and_opens_as_the_rfc_does(void **state)
{
    const json_t *first = json_array_get(json_object_get(figures, "encryptions"), 0);
    struct hpke_key_pair recipient = pair_of("skRm"), ephemeral = pair_of("skEm");
    uint8_t info[ROOM], aad[ROOM], plain[ROOM], want[ROOM], enc[HPKE_KEY_BYTES], sealed[ROOM], opened[ROOM];
    struct hpke_text i = {info, bytes_of(json_object_get(figures, "setup"), "info", info)};
    struct hpke_text a = {aad, bytes_of(first, "aad", aad)}, p = {plain, bytes_of(first, "pt", plain)};
    size_t len = bytes_of(first, "ct", want);

    (void)state;
    assert_int_equal(len, p.len + HPKE_TAG_BYTES);
    assert_true(hpke_seal(HPKE_CHACHA20_POLY1305, ephemeral.private_key, recipient.public_key, i, a, p, enc, sealed));
    assert_figure("enc", enc, sizeof(enc));
    assert_memory_equal(sealed, want, len);
    assert_true(hpke_open(HPKE_CHACHA20_POLY1305, &recipient, enc, i, a, (struct hpke_text){sealed, len}, opened));
    assert_memory_equal(opened, plain, p.len);
    i.len--;
    assert_false(hpke_open(HPKE_CHACHA20_POLY1305, &recipient, enc, i, a, (struct hpke_text){sealed, len}, opened));
}

/* Orders 1, 2, 4 and 8, canonical and not: cr.yp.to/ecdh.html, "validate public keys". */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void refuses_public_keys_of_low_order(void **state)
{
    struct hpke_key_pair pair = pair_of("skRm");
    uint8_t point[HPKE_KEY_BYTES], enc[HPKE_KEY_BYTES], shared_secret[HPKE_KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(low_order) / sizeof(low_order[0]); i++) {
        assert_int_equal(sodium_hex2bin(point, sizeof(point), low_order[i], 64, NULL, NULL, NULL), 0);
        assert_false(hpke_encap(pair.private_key, point, enc, shared_secret));
        assert_false(hpke_decap(point, &pair, shared_secret));
    }
}

static void knows_its_two_aeads_and_no_other(void **state)
{
    (void)state;
    assert_true(hpke_has_aead(HPKE_CHACHA20_POLY1305));
    assert_int_equal(hpke_has_aead(HPKE_AES_256_GCM), crypto_aead_aes256gcm_is_available());
    assert_false(hpke_has_aead(0x0001)); /* AES-128-GCM */
    assert_false(hpke_has_aead(0xffff)); /* export only */
    assert_false(hpke_has_aead(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_pairs_are_those_of_the_rfc),      cmocka_unit_test(encap_and_decap_are_those_of_the_rfc),
        cmocka_unit_test(the_key_schedule_is_that_of_the_rfc), cmocka_unit_test(seals_and_opens_as_the_rfc_does),
        cmocka_unit_test(refuses_public_keys_of_low_order),    cmocka_unit_test(knows_its_two_aeads_and_no_other),
    };

    return cmocka_run_group_tests_name("hpke", tests, read_figures, forget_figures);
}
