#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/base64.h"
#include "worker/trust.h"

#define NOW_MS INT64_C(1800000000000)

static const char body[] = "{\"SecretHostGetMsg\": {}}";

/* One request, and what is configured. */
static struct scene {
    struct trust trust;
    struct senders senders;
    struct delivery *delivery;
    struct envelope envelope;
    uint8_t mgmt[crypto_sign_SECRETKEYBYTES], ops[crypto_sign_SECRETKEYBYTES];
} scene;

static void key_made(const char *name, uint8_t seed, uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES], seeds[crypto_sign_SEEDBYTES] = {seed};
    char key[32], base64[64];
    struct err e;

    crypto_sign_seed_keypair(public, secret, seeds);
    base64_write(public, sizeof(public), base64, sizeof(base64));
    snprintf(key, sizeof(key), "sender.%s", name);
    assert_true(trust_add(&scene.trust, key, base64, &e));
}

static int set_up(void **state)
{
    (void)state;
    scene = (struct scene){.envelope = {.id = "r-1", .created_ms = NOW_MS}};
    scene.delivery = calloc(1, sizeof(*scene.delivery) + sizeof(body));
    scene.delivery->body_bytes = sizeof(body) - 1;
    memcpy(scene.delivery->body, body, sizeof(body));
    strcpy(scene.delivery->user_id, "mgmt");
    key_made("mgmt", 1, scene.mgmt);
    key_made("ops", 2, scene.ops);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    trust_done(&scene.trust);
    senders_done(&scene.senders);
    free(scene.delivery);
    return 0;
}

static void role(const char *user, const char *value)
{
    struct err e;

    assert_true(senders_add(&scene.senders, user, value, &e));
}

static void sign(const uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
    uint8_t signature[crypto_sign_BYTES];

    crypto_sign_detached(signature, NULL, scene.delivery->body, scene.delivery->body_bytes, secret);
    base64_write(signature, sizeof(signature), scene.delivery->signature, sizeof(scene.delivery->signature));
}

static bool passes(struct err *e)
{
    const struct sender *sender = senders_find(&scene.senders, scene.delivery->user_id);

    return trust_check(&scene.trust, &scene.senders, sender, scene.delivery->user_id, scene.delivery, &scene.envelope,
                       NOW_MS, e);
}

static void accepted(void)
{
    struct err e;

    if (!passes(&e))
        fail_msg("%s", e.text);
}

static void refused(const char *says, const char *field)
{
    struct err e;

    assert_false(passes(&e));
    assert_int_equal(e.kind, ERR_SENDER);
    assert_string_equal(e.field, field);
    if (strstr(e.text, says) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void what_need_not_be_signed_passes_unsigned(void **state)
{
    (void)state;
    accepted();
}

static void what_must_be_signed_does_not(void **state)
{
    (void)state;
    scene.senders.require_signature = true;
    refused("is not signed", "");
    sign(scene.mgmt);
    accepted();
}

static void a_bad_signature_is_refused_even_where_none_is_required(void **state)
{
    (void)state;
    strcpy(scene.delivery->signature, "?");
    refused("is not any known sender's signature", "");
    sign(scene.mgmt);
    scene.delivery->body[3] ^= 1;
    refused("is not any known sender's signature", "");
}

static void without_keys_a_signature_means_nothing(void **state)
{
    (void)state;
    trust_done(&scene.trust);
    strcpy(scene.delivery->signature, "?");
    accepted();
}

static void without_roles_any_key_will_do(void **state)
{
    (void)state;
    sign(scene.ops);
    accepted();
    scene.delivery->user_id[0] = '\0';
    accepted();
}

static void with_roles_it_must_be_the_users_own(void **state)
{
    (void)state;
    role("mgmt", "manager");
    role("ops", "operator");
    role("else", "manager");
    sign(scene.mgmt);
    accepted();
    sign(scene.ops);
    refused("is not its user's signature", "");
    strcpy(scene.delivery->user_id, "else");
    refused("no key sender.else", "");
}

static void workers_of_other_hosts_need_not_sign(void **state)
{
    (void)state;
    scene.senders.require_signature = true;
    role("host-*", "peer *");
    role("mgmt", "manager");
    refused("is not signed", "");
    strcpy(scene.delivery->user_id, "host-1");
    accepted();
}

static void what_is_signed_is_of_these_days(void **state)
{
    (void)state;
    sign(scene.mgmt);
    scene.envelope.created_ms = NOW_MS - SIGNED_PAST_MS;
    accepted();
    scene.envelope.created_ms--;
    refused("7 days", "createdTime");
    scene.envelope.created_ms = NOW_MS + SIGNED_FUTURE_MS;
    accepted();
    scene.envelope.created_ms++;
    refused("5 minutes", "createdTime");
    scene.envelope.created_ms = 0;
    refused("createdTime", "createdTime");
    scene.envelope.created_ms = WHOLE_MAX;
    refused("createdTime", "createdTime");
}

static void what_is_signed_has_its_own_id(void **state)
{
    (void)state;
    sign(scene.mgmt);
    scene.envelope.id[0] = '\0';
    refused("id must be in the body", "id");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_need_not_be_signed_passes_unsigned),
        TEST(what_must_be_signed_does_not),
        TEST(a_bad_signature_is_refused_even_where_none_is_required),
        TEST(without_keys_a_signature_means_nothing),
        TEST(without_roles_any_key_will_do),
        TEST(with_roles_it_must_be_the_users_own),
        TEST(workers_of_other_hosts_need_not_sign),
        TEST(what_is_signed_is_of_these_days),
        TEST(what_is_signed_has_its_own_id),
    };

    return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
