#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/base64.h"
#include "schemas/signature.h"

/* RFC 8032 7.1, test 3. */
static const uint8_t rfc_key[] = {0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18, 0xa1, 0xa3, 0x8d, 0xa4, 0x7e,
                                  0xd0, 0x02, 0x30, 0xf0, 0x58, 0x08, 0x16, 0xed, 0x13, 0xba, 0x33,
                                  0x03, 0xac, 0x5d, 0xeb, 0x91, 0x15, 0x48, 0x90, 0x80, 0x25};
static const uint8_t rfc_signature[] = {0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02, 0x48, 0x27, 0xe6, 0x9c, 0x3a,
                                        0xbe, 0x01, 0xa3, 0x0c, 0xe5, 0x48, 0xa2, 0x84, 0x74, 0x3a, 0x44, 0x5e, 0x36,
                                        0x80, 0xd7, 0xdb, 0x5a, 0xc3, 0xac, 0x18, 0xff, 0x9b, 0x53, 0x8d, 0x16, 0xf2,
                                        0x90, 0xae, 0x67, 0xf7, 0x60, 0x98, 0x4d, 0xc6, 0x59, 0x4a, 0x7c, 0x15, 0xe9,
                                        0x71, 0x6e, 0xd2, 0x8d, 0xc0, 0x27, 0xbe, 0xce, 0xea, 0x1e, 0xc4, 0x0a};
static const uint8_t rfc_body[] = {0xaf, 0x82};

static void accepts_what_rfc_8032_signs(void **state)
{
    char base64[SIGNATURE_CHARS + 1];

    (void)state;
    base64_write(rfc_signature, sizeof(rfc_signature), base64, sizeof(base64));
    assert_int_equal(strlen(base64), SIGNATURE_CHARS);
    assert_true(signature_is_of(base64, rfc_key, rfc_body, sizeof(rfc_body)));
}

static void refuses_every_flipped_bit(void **state)
{
    uint8_t bytes[sizeof(rfc_signature) + sizeof(rfc_body)];
    char base64[SIGNATURE_CHARS + 1];

    (void)state;
    memcpy(bytes, rfc_signature, sizeof(rfc_signature));
    memcpy(bytes + sizeof(rfc_signature), rfc_body, sizeof(rfc_body));
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        base64_write(bytes, sizeof(rfc_signature), base64, sizeof(base64));
        assert_false(signature_is_of(base64, rfc_key, bytes + sizeof(rfc_signature), sizeof(rfc_body)));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void refuses_what_is_no_signature(void **state)
{
    static const char *const none[] = {"", "?", "AAAA", "not base64 at all"};

    (void)state;
    for (size_t i = 0; i < COUNT(none); i++)
        assert_false(signature_is_of(none[i], rfc_key, rfc_body, sizeof(rfc_body)));
}

static void a_key_is_32_bytes_of_base64(void **state)
{
    static const char *const none[] = {"", "AAAA", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR", "_nonsense_"};
    uint8_t key[PUBLIC_KEY_BYTES];
    char base64[64];

    (void)state;
    base64_write(rfc_key, sizeof(rfc_key), base64, sizeof(base64));
    assert_true(signature_key_read(base64, key));
    assert_memory_equal(key, rfc_key, sizeof(key));
    for (size_t i = 0; i < COUNT(none); i++)
        assert_false(signature_key_read(none[i], key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_rfc_8032_signs),
        cmocka_unit_test(refuses_every_flipped_bit),
        cmocka_unit_test(refuses_what_is_no_signature),
        cmocka_unit_test(a_key_is_32_bytes_of_base64),
    };

    return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
