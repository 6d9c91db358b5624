#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schemas/digest.h"

static struct digest_key key_of(uint8_t byte)
{
    struct digest_key key = {0};

    memset(key.bytes, byte, sizeof(key.bytes));
    digest_key_name(&key);
    return key;
}

static struct dek dek_of(const char *text)
{
    struct dek dek = {.len = (uint16_t)strlen(text)};

    memcpy(dek.data, text, dek.len);
    return dek;
}

struct thing {
    char first[4], second[4];
    struct dek dek;
    struct sealed_dek sealed;
};

static const struct field thing_fields[] = {
    TEXT(struct thing, first, "first", OPTIONAL, 1, 3, NULL, NULL),
    TEXT(struct thing, second, "second", OPTIONAL, 1, 3, NULL, NULL),
    SECRET_BYTES(struct thing, dek, "dek", OPTIONAL, 1, 16),
    SEALED_DEK(struct thing, sealed, "sealed", OPTIONAL),
};

static const struct schema thing_schema = SCHEMA("FooMsg", NULL, struct thing, thing_fields, NULL);

/* Python: hmac.new(bytes(range(32)), b"secret", "sha256").hexdigest(); hashlib.blake2b(b"what", ...) as below */
static void salted_digests_and_salts_agree_with_another_implementation(void **state)
{
    static const uint8_t want[] = {0x95, 0xca, 0xa7, 0xa2, 0xc5, 0xaf, 0xfa, 0x1c, 0xfd, 0xa8, 0xa8,
                                   0xb5, 0x5a, 0x28, 0xf8, 0x91, 0x6d, 0x70, 0xec, 0x4d, 0x1e, 0x39,
                                   0x60, 0xe6, 0x8d, 0x46, 0x42, 0xf3, 0x3a, 0xa3, 0x43, 0x44};
    struct digest_key key = key_of(7), other = key_of(8);
    struct dek dek = dek_of("secret");
    struct salt salt = {.len = SALT_BYTES};
    char out[DEK_DIGEST_CHARS + 1];

    (void)state;
    for (uint8_t i = 0; i < SALT_BYTES; i++)
        salt.data[i] = i;
    digest_dek_salted(&salt, &dek, out);
    assert_string_equal(out, "723f228d66d0f98dd0b43d22396eda3938365077ed1737631b6ca62d2dca6b43");
    digest_salt(&key, "what", &salt);
    assert_int_equal(salt.len, SALT_BYTES);
    assert_memory_equal(salt.data, want, SALT_BYTES);
    digest_salt(&other, "what", &salt);
    assert_memory_not_equal(salt.data, want, SALT_BYTES);
}

/* Python: hashlib.blake2b(data, digest_size=16, key=key, person=person).hexdigest() */
static void agrees_with_another_implementation(void **state)
{
    struct digest_key key = key_of(7);
    struct dek dek = dek_of("secret");
    char out[ID_MAX_CHARS + 1];

    (void)state;
    assert_string_equal(key.name, "10fbf5ba");
    digest_dek(&key, "context", &dek, out);
    assert_string_equal(out, "49c686b908f2410b4dbb6b937c0d2fee");
    digest_content(&key, &thing_schema, &(struct thing){.first = "ab", .second = "c"}, out);
    assert_string_equal(out, "c9941255e44b475ae71f34057794dd41");
    digest_whole(&key, &thing_schema, &(struct thing){.first = "ab", .second = "c", .dek = dek}, out);
    assert_string_equal(out, "0a47731c664358cbd2bdc325e0b6b0b2");
    digest_derived_id("an-id", "define", out);
    assert_string_equal(out, "3b92c78315f79a4e63280ca1678d1e99.define");
}

static void what_is_asked_for_is_told_apart_by_every_field_but_deks(void **state)
{
    struct digest_key key = key_of(7);
    struct thing thing = {.first = "ab"}, other = {.second = "ab"};
    char a[DIGEST_CHARS + 1], b[DIGEST_CHARS + 1];

    (void)state;
    digest_content(&key, &thing_schema, &thing, a);
    digest_content(&key, &thing_schema, &other, b);
    assert_false(digest_equal(a, b));
    thing.dek = dek_of("secret");
    thing.sealed.len = SEALED_MAX_BYTES;
    digest_content(&key, &thing_schema, &thing, b);
    assert_true(digest_equal(a, b));
}

static void the_whole_is_told_apart_by_its_deks_too(void **state)
{
    struct digest_key key = key_of(7);
    struct thing thing = {.first = "ab"}, other;
    char a[DIGEST_CHARS + 1], b[DIGEST_CHARS + 1];

    (void)state;
    digest_whole(&key, &thing_schema, &thing, a);
    digest_content(&key, &thing_schema, &thing, b);
    assert_false(digest_equal(a, b));
    other = thing;
    other.dek = dek_of("secret");
    digest_whole(&key, &thing_schema, &other, b);
    assert_false(digest_equal(a, b));
    other = thing;
    other.sealed.len = SEALED_MAX_BYTES;
    digest_whole(&key, &thing_schema, &other, b);
    assert_false(digest_equal(a, b));
    digest_whole(&key, &thing_schema, &thing, b);
    assert_true(digest_equal(a, b));
}

static void equal_deks_of_two_identities_look_different(void **state)
{
    struct digest_key key = key_of(1);
    struct dek dek = dek_of("secret");
    char a[DIGEST_CHARS + 1], b[DIGEST_CHARS + 1], again[DIGEST_CHARS + 1];

    (void)state;
    digest_dek(&key, "a", &dek, a);
    digest_dek(&key, "b", &dek, b);
    digest_dek(&key, "a", &dek, again);
    assert_false(digest_equal(a, b));
    assert_true(digest_equal(a, again));
}

static void another_dek_or_key_gives_another_digest(void **state)
{
    struct digest_key one = key_of(1), two = key_of(2);
    struct dek dek = dek_of("secret"), other = dek_of("secres");
    char a[DIGEST_CHARS + 1], b[DIGEST_CHARS + 1], c[DIGEST_CHARS + 1];

    (void)state;
    digest_dek(&one, "a", &dek, a);
    digest_dek(&one, "a", &other, b);
    digest_dek(&two, "a", &dek, c);
    assert_false(digest_equal(a, b));
    assert_false(digest_equal(a, c));
    assert_string_not_equal(one.name, two.name);
}

static void context_and_dek_cannot_be_shifted_into_each_other(void **state)
{
    struct digest_key key = key_of(1);
    struct dek dek = dek_of("bc"), shorter = dek_of("c");
    char a[DIGEST_CHARS + 1], b[DIGEST_CHARS + 1];

    (void)state;
    digest_dek(&key, "a", &dek, a);
    digest_dek(&key, "ab", &shorter, b);
    assert_false(digest_equal(a, b));
}

static void derived_ids_follow_from_id_and_step(void **state)
{
    char a[ID_MAX_CHARS + 1], b[ID_MAX_CHARS + 1], longest[ID_MAX_CHARS + 1];
    char step[DIGEST_STEP_MAX_CHARS + 1] = {0};

    (void)state;
    digest_derived_id("one", "define", a);
    digest_derived_id("one", "define", b);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), DIGEST_CHARS + 1 + 6);
    digest_derived_id("two", "define", b);
    assert_memory_not_equal(a, b, DIGEST_CHARS);
    digest_derived_id("one", "undo", b);
    assert_memory_not_equal(a, b, DIGEST_CHARS);

    memset(step, 'a', DIGEST_STEP_MAX_CHARS);
    digest_derived_id("one", step, longest);
    assert_int_equal(strlen(longest), DIGEST_CHARS + 1 + DIGEST_STEP_MAX_CHARS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_another_implementation),
        cmocka_unit_test(salted_digests_and_salts_agree_with_another_implementation),
        cmocka_unit_test(what_is_asked_for_is_told_apart_by_every_field_but_deks),
        cmocka_unit_test(the_whole_is_told_apart_by_its_deks_too),
        cmocka_unit_test(equal_deks_of_two_identities_look_different),
        cmocka_unit_test(another_dek_or_key_gives_another_digest),
        cmocka_unit_test(context_and_dek_cannot_be_shifted_into_each_other),
        cmocka_unit_test(derived_ids_follow_from_id_and_step),
    };

    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
