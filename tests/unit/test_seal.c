#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "schemas/seal.h"

#define OTHER "ffffffff-0000-4000-8000-00000000000f"

static struct addressed to;
static struct uuid secret_uuid;
static const struct seal_use use = {&to, &secret_uuid};
static struct hpke_key_pair pair;
static struct public_key recipient;
static struct dek dek, opened;
static struct sealed_dek sealed;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    to = (struct addressed){.host_uuid = {"aaaaaaaa-0000-4000-8000-00000000000a"},
                            .key = {.vm_uuid = {"cccccccc-0000-4000-8000-00000000000c"}, .key_version = 1}};
    strcpy(to.key.purpose, "vtpm");
    strcpy(to.key.usage_instance, "tpm0");
    secret_uuid = (struct uuid){"11111111-1111-4111-8111-111111111111"};
    memset(pair.private_key, 7, sizeof(pair.private_key));
    hpke_public_key(&pair);
    recipient.len = PUBLIC_KEY_BYTES;
    memcpy(recipient.data, pair.public_key, PUBLIC_KEY_BYTES);
    dek.len = 32;
    memset(dek.data, 3, dek.len);
    return 0;
}

static void seal_it(enum seal_layout layout)
{
    uint8_t ephemeral[HPKE_KEY_BYTES];

    randombytes_buf(ephemeral, sizeof(ephemeral));
    if (!seal_seal(layout, ephemeral, &recipient, &use, &dek, &sealed, &e))
        fail_msg("%s", e.text);
}

static bool opens(enum seal_layout layouts)
{
    return seal_open(layouts, &pair, 1, &use, &sealed, &opened, &e);
}

static void assert_opens(enum seal_layout layouts)
{
    if (!opens(layouts))
        fail_msg("%s", e.text);
    assert_memory_equal(&opened, &dek, offsetof(struct dek, data) + dek.len);
}

/* Always in the same words, whatever was wrong, and nothing of it is left. */
static void assert_refused(enum seal_layout layouts)
{
    memset(&opened, 0xee, sizeof(opened));
    assert_false(opens(layouts));
    assert_int_equal(e.kind, ERR_ENVELOPE);
    assert_string_equal(e.code, "KEY_AGENT_ENVELOPE_INVALID");
    assert_string_equal(e.field, "encryptedDek");
    assert_non_null(strstr(e.text, "does not open here"));
    assert_true(sodium_is_zero((const uint8_t *)&opened, sizeof(opened)));
}

static bool has_aes(void)
{
    return hpke_has_aead(HPKE_AES_256_GCM);
}

static void what_is_sealed_opens_in_its_layout_and_in_both(void **state)
{
    (void)state;
    for (dek.len = 1; dek.len <= DEK_MAX_BYTES; dek.len = (uint16_t)(dek.len * 2)) {
        seal_it(SEAL_BOUND);
        assert_int_equal(sealed.len, 2 + 32 + dek.len + 16);
        assert_memory_equal(sealed.data, "\0\3", 2);
        assert_opens(SEAL_BOUND);
        assert_opens(SEAL_BOTH);
        assert_refused(SEAL_COMPATIBLE);
        if (!has_aes())
            continue;
        seal_it(SEAL_COMPATIBLE);
        assert_int_equal(sealed.len, 32 + dek.len + 16);
        assert_opens(SEAL_COMPATIBLE);
        assert_opens(SEAL_BOTH);
        assert_refused(SEAL_BOUND);
    }
}

static void keep_it(void)
{
    uint8_t nonce[KEPT_NONCE_BYTES];

    randombytes_buf(nonce, sizeof(nonce));
    seal_keep(nonce, &pair, &use, &dek, &sealed);
}

static bool recalls(void)
{
    memset(&opened, 0xee, sizeof(opened));
    return seal_recall(&pair, 1, &use, &sealed, &opened, &e);
}

/* In words about the ledger, and of no field: nobody sent it. */
static void assert_not_recalled(void)
{
    assert_false(recalls());
    assert_int_equal(e.kind, ERR_ENVELOPE);
    assert_string_equal(e.field, "");
    assert_non_null(strstr(e.text, secret_uuid.text));
    assert_true(sodium_is_zero((const uint8_t *)&opened, sizeof(opened)));
}

static void what_is_kept_is_recalled_and_opens_as_nothing_else(void **state)
{
    (void)state;
    for (dek.len = 1; dek.len <= DEK_MAX_BYTES; dek.len = (uint16_t)(dek.len * 2)) {
        keep_it();
        assert_int_equal(sealed.len, 24 + dek.len + 16);
        assert_true(recalls());
        assert_memory_equal(&opened, &dek, offsetof(struct dek, data) + dek.len);
        assert_refused(SEAL_BOUND);
        if (has_aes())
            assert_refused(SEAL_BOTH);
    }
}

static void no_envelope_from_outside_is_recalled(void **state)
{
    (void)state;
    seal_it(SEAL_BOUND);
    assert_not_recalled();
    if (has_aes()) {
        seal_it(SEAL_COMPATIBLE);
        assert_not_recalled();
    }
    for (sealed.len = 0; sealed.len < SEALED_MAX_BYTES; sealed.len++)
        assert_not_recalled();
}

static void what_is_kept_is_bound_as_well(void **state)
{
    (void)state;
    keep_it();
    to.host_uuid.text[0] = 'b';
    assert_not_recalled();
    to.host_uuid.text[0] = 'a';
    to.key.key_version = 2;
    assert_not_recalled();
    to.key.key_version = 1;
    secret_uuid.text[0] = '2';
    assert_not_recalled();
    secret_uuid.text[0] = '1';
    for (size_t bit = 0; bit < 8u * sealed.len; bit++) {
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_not_recalled();
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(recalls());
}

static void every_change_of_one_bit_is_refused(void **state)
{
    (void)state;
    for (int layout = SEAL_BOUND; layout <= (has_aes() ? SEAL_BOTH : SEAL_BOUND); layout++) {
        seal_it((enum seal_layout)layout);
        for (size_t bit = 0; bit < 8u * sealed.len; bit++) {
            /* That of enc which X25519 passes over (RFC 7748 5), too: enc itself is in the KEM's context. */
            sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(opens((enum seal_layout)layout));
            assert_int_equal(e.kind, ERR_ENVELOPE);
            sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_opens((enum seal_layout)layout);
    }
}

static void every_other_length_is_refused(void **state)
{
    uint16_t len;

    (void)state;
    seal_it(SEAL_BOUND);
    len = sealed.len;
    for (sealed.len = 0; sealed.len < SEALED_MAX_BYTES; sealed.len++)
        if (sealed.len != len)
            assert_refused(SEAL_BOTH);
}

/* Set a member to something else, see that it is refused, and put it back. */
static void assert_bound_to(void *member, size_t size, const void *other)
{
    uint8_t keep[128];

    assert_in_range(size, 1, sizeof(keep));
    memcpy(keep, member, size);
    memcpy(member, other, size);
    assert_refused(SEAL_BOTH);
    memcpy(member, keep, size);
    assert_opens(SEAL_BOUND);
}

static void an_envelope_opens_only_for_what_it_was_sealed_for(void **state)
{
    const struct uuid other = {OTHER}, none = {""};
    const char volume[PURPOSE_MAX_CHARS + 1] = "volume", tpm1[USAGE_MAX_CHARS + 1] = "tpm1";
    const int64_t two = 2;

    (void)state;
    seal_it(SEAL_BOUND);
    assert_opens(SEAL_BOUND);
    assert_bound_to(&to.host_uuid, sizeof(other), &other);
    assert_bound_to(&to.key.vm_uuid, sizeof(other), &other);
    assert_bound_to(to.key.purpose, sizeof(volume), volume);
    assert_bound_to(to.key.usage_instance, sizeof(tpm1), tpm1);
    assert_bound_to(&to.key.key_version, sizeof(two), &two);
    assert_bound_to(&secret_uuid, sizeof(other), &other);
    assert_bound_to(&secret_uuid, sizeof(none), &none);
}

static void a_compatible_one_is_bound_to_nothing(void **state)
{
    (void)state;
    if (!has_aes())
        return;
    seal_it(SEAL_COMPATIBLE);
    to.host_uuid = to.key.vm_uuid = secret_uuid = (struct uuid){OTHER};
    assert_opens(SEAL_COMPATIBLE);
}

static void opens_with_any_of_several_keys_and_with_no_other(void **state)
{
    struct hpke_key_pair pairs[3] = {0};

    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        memset(pairs[i].private_key, i + 1, HPKE_KEY_BYTES);
        hpke_public_key(&pairs[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        memcpy(recipient.data, pairs[i].public_key, PUBLIC_KEY_BYTES);
        seal_it(SEAL_BOUND);
        assert_true(seal_open(SEAL_BOUND, pairs, 3, &use, &sealed, &opened, &e));
        assert_false(seal_open(SEAL_BOUND, pairs, i, &use, &sealed, &opened, &e));
        assert_refused(SEAL_BOTH);
    }
}

static void refuses_an_aead_it_does_not_know(void **state)
{
    (void)state;
    seal_it(SEAL_BOUND);
    for (uint8_t id = 0; id < 9; id++) {
        sealed.data[1] = id;
        assert_int_equal(opens(SEAL_BOUND), id == 3);
    }
}

static void says_so_where_the_processor_has_no_aes(void **state)
{
    (void)state;
    if (has_aes())
        return;
    seal_it(SEAL_BOUND);
    sealed.data[1] = HPKE_AES_256_GCM;
    assert_false(opens(SEAL_BOUND));
    assert_non_null(strstr(e.text, "processor has no AES"));
}

static void refuses_to_seal_to_what_is_no_key(void **state)
{
    const uint8_t ephemeral[HPKE_KEY_BYTES] = {1};

    (void)state;
    memset(recipient.data, 0, sizeof(recipient.data));
    assert_false(seal_seal(SEAL_BOUND, ephemeral, &recipient, &use, &dek, &sealed, &e));
    assert_int_equal(e.kind, ERR_ENVELOPE);
    recipient.len = 0;
    assert_false(seal_seal(SEAL_BOUND, ephemeral, &recipient, &use, &dek, &sealed, &e));
}

static void the_fingerprint_is_the_hash_of_the_public_key(void **state)
{
    char out[FINGERPRINT_CHARS + 1];
    uint8_t public_key[PUBLIC_KEY_BYTES] = {0};

    (void)state;
    seal_fingerprint(public_key, out);
    assert_string_equal(out, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
}

static void the_suites_are_what_can_be_opened(void **state)
{
    struct text_list bound = seal_suites(SEAL_BOUND), compatible = seal_suites(SEAL_COMPATIBLE);

    (void)state;
    assert_int_equal(bound.count, has_aes() ? 2 : 1);
    assert_string_equal(bound.texts[0], "0x0020/0x0001/0x0003");
    assert_int_equal(compatible.count, has_aes() ? 1 : 0);
    assert_string_equal(compatible.texts[0], "0x0020/0x0001/0x0002");
    assert_int_equal(seal_suites(SEAL_BOTH).count, bound.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_sealed_opens_in_its_layout_and_in_both, set_up),
        cmocka_unit_test_setup(what_is_kept_is_recalled_and_opens_as_nothing_else, set_up),
        cmocka_unit_test_setup(no_envelope_from_outside_is_recalled, set_up),
        cmocka_unit_test_setup(what_is_kept_is_bound_as_well, set_up),
        cmocka_unit_test_setup(every_change_of_one_bit_is_refused, set_up),
        cmocka_unit_test_setup(every_other_length_is_refused, set_up),
        cmocka_unit_test_setup(an_envelope_opens_only_for_what_it_was_sealed_for, set_up),
        cmocka_unit_test_setup(a_compatible_one_is_bound_to_nothing, set_up),
        cmocka_unit_test_setup(opens_with_any_of_several_keys_and_with_no_other, set_up),
        cmocka_unit_test_setup(refuses_an_aead_it_does_not_know, set_up),
        cmocka_unit_test_setup(says_so_where_the_processor_has_no_aes, set_up),
        cmocka_unit_test_setup(refuses_to_seal_to_what_is_no_key, set_up),
        cmocka_unit_test_setup(the_fingerprint_is_the_hash_of_the_public_key, set_up),
        cmocka_unit_test_setup(the_suites_are_what_can_be_opened, set_up),
    };

    return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
