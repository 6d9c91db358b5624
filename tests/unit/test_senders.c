#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "handlers/handlers.h"
#include "worker/senders.h"

#define A "aaaaaaaa-0000-4000-8000-00000000000a"
#define B "aaaaaaaa-0000-4000-8000-00000000000b"

static struct senders senders;

static void given(const char *user, const char *value)
{
    struct err e;

    if (!senders_add(&senders, user, value, &e))
        fail_msg("%s = %s: %s", user, value, e.text);
}

static void refused(const char *user, const char *value, const char *says)
{
    struct err e;

    if (senders_add(&senders, user, value, &e))
        fail_msg("accepted: %s = %s", user, value);
    assert_int_equal(e.kind, ERR_CONFIG);
    if (strstr(e.text, says) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static int forget(void **state)
{
    (void)state;
    senders_done(&senders);
    return 0;
}

static struct call call_to(const char *host)
{
    struct call call = {.host = {""}};

    strcpy(call.host.text, host);
    return call;
}

static void the_most_specific_line_counts(void **state)
{
    (void)state;
    given("*", "reader");
    given("host-*", "peer *");
    given("host-a*", "manager");
    given("host-a", "operator");
    assert_int_equal(senders_find(&senders, "host-a")->role, ROLE_OPERATOR);
    assert_int_equal(senders_find(&senders, "host-a1")->role, ROLE_MANAGER);
    assert_int_equal(senders_find(&senders, "host-")->role, ROLE_PEER);
    assert_int_equal(senders_find(&senders, "host")->role, ROLE_READER);
    assert_int_equal(senders_find(&senders, "Host-a")->role, ROLE_READER);
    assert_null(senders_find(&senders, ""));
}

static void a_name_without_a_star_is_no_prefix(void **state)
{
    (void)state;
    given("mgmt", "manager");
    assert_non_null(senders_find(&senders, "mgmt"));
    assert_null(senders_find(&senders, "mgmt2"));
    assert_null(senders_find(&senders, "mgm"));
}

static void a_peers_hosts_may_come_in_any_form_and_on_several_lines(void **state)
{
    struct uuid b = {B};
    struct peer peer;

    (void)state;
    given("h", "peer\tAAAAAAAA00004000800000000000000A , " A);
    assert_true(sender_is_peer(senders_find(&senders, "h"), "h", &peer));
    assert_false(peer_serves(&peer, &b));
    given("h", B);
    given("h", "peer " B " ; as before");
    assert_true(sender_is_peer(senders_find(&senders, "h"), "h", &peer));
    assert_true(peer_serves(&peer, &b));
    assert_int_equal(senders.count, 1);
}

static void refuses_what_says_nothing_or_two_things(void **state)
{
    (void)state;
    refused("m", "", "must be one of");
    refused("m", "Manager", "must be one of");
    refused("m", "manager " A, "nothing may follow");
    refused("m", "peer", "either");
    refused("h", "peer *, " A, "either");
    refused("**", "reader", "last character");
    forget(NULL);
    given("m", "manager");
    refused("m", "manager", "given twice");
    refused("m", "peer *", "given twice");
    given("p", "peer " A);
    refused("p", "manager", "given twice");
    given("p*", "manager");
}

static void without_roles_everyone_may_send_everything(void **state)
{
    const struct sender *sender;
    const struct handler *h;
    struct peer peer;
    struct err e;

    (void)state;
    assert_true(senders_know(&senders, "", &sender, &e));
    for (size_t i = 0; (h = handler_at(i)) != NULL; i++)
        assert_true(sender_may(sender, h, &e));
    assert_false(sender_is_peer(sender, "", &peer));
    assert_true(sender_manages(sender));
}

static void who_has_no_role_or_no_name_is_refused(void **state)
{
    const struct sender *sender;
    struct err e;

    (void)state;
    senders.require_user_id = true;
    assert_false(senders_know(&senders, "", &sender, &e));
    assert_int_equal(e.kind, ERR_SENDER);
    assert_non_null(strstr(e.text, "user_id"));
    assert_true(senders_know(&senders, "anybody", &sender, &e));
    senders.require_user_id = false;
    given("mgmt", "manager");
    assert_false(senders_know(&senders, "", &sender, &e));
    assert_non_null(strstr(e.text, "user_id"));
    assert_false(senders_know(&senders, "mallory", &sender, &e));
    assert_int_equal(e.kind, ERR_SENDER);
    assert_int_equal(e.effect, EFFECT_NONE);
    assert_non_null(strstr(e.text, "'mallory'"));
    assert_true(senders_know(&senders, "mgmt", &sender, &e));
}

/* Every message and every role. */
static void a_role_lets_pass_what_the_table_of_handlers_says(void **state)
{
    static const struct {
        const char *user, *value;
        unsigned may;
    } roles[] = {{"r", "reader", MAY_READ},
                 {"m", "manager", MAY_MANAGE},
                 {"o", "operator", MAY_MANAGE},
                 {"p", "peer *", MAY_PEER}};
    const struct handler *h;
    struct err e;

    (void)state;
    for (size_t r = 0; r < COUNT(roles); r++) {
        given(roles[r].user, roles[r].value);
        for (size_t i = 0; (h = handler_at(i)) != NULL; i++) {
            bool may = sender_may(senders_find(&senders, roles[r].user), h, &e);
            assert_int_equal(may, (h->senders & roles[r].may) != 0);
            if (may)
                continue;
            assert_int_equal(e.kind, ERR_SENDER);
            assert_non_null(strstr(e.text, h->message->name));
        }
    }
}

static void a_hosts_answer_is_believed_from_its_peer_alone(void **state)
{
    struct call to_a = call_to(A), to_b = call_to(B);

    (void)state;
    assert_true(senders_believe(&senders, "", &to_a));
    given("a", "peer " A);
    given("mgmt", "manager");
    given("any", "peer *");
    assert_true(senders_believe(&senders, "a", &to_a));
    assert_false(senders_believe(&senders, "a", &to_b));
    assert_true(senders_believe(&senders, "any", &to_b));
    assert_false(senders_believe(&senders, "mgmt", &to_a));
    assert_false(senders_believe(&senders, "mallory", &to_a));
    assert_false(senders_believe(&senders, "", &to_a));
}

static void a_services_answer_is_believed_from_whoever_manages(void **state)
{
    struct call to_service = call_to("");

    (void)state;
    given("a", "peer *");
    given("kms", "manager");
    given("ops", "operator");
    given("r", "reader");
    assert_true(senders_believe(&senders, "kms", &to_service));
    assert_true(senders_believe(&senders, "ops", &to_service));
    assert_false(senders_believe(&senders, "a", &to_service));
    assert_false(senders_believe(&senders, "r", &to_service));
    assert_false(senders_believe(&senders, "", &to_service));
}

static void two_users_of_one_line_leave_different_marks(void **state)
{
    struct peer one, other;

    (void)state;
    given("host-*", "peer *");
    assert_true(sender_is_peer(senders_find(&senders, "host-1"), "host-1", &one));
    assert_true(sender_is_peer(senders_find(&senders, "host-2"), "host-2", &other));
    assert_int_equal(strlen(one.mark), DIGEST_CHARS);
    assert_string_not_equal(one.mark, other.mark);
}

static void disbelieved(const char *user, const char *vouched_by, const char *says)
{
    struct uuid a = {A};
    struct err e;

    assert_false(senders_believe_claim(&senders, user, vouched_by, &a, &e));
    assert_int_equal(e.kind, ERR_SENDER);
    if (strstr(e.text, says) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void who_speaks_for_another_is_an_operator(void **state)
{
    struct uuid a = {A};
    struct err e;

    (void)state;
    assert_true(senders_believe_claim(&senders, "", "", &a, &e));
    given("ops*", "operator");
    given("mgmt", "manager");
    given("host-a", "peer " A);
    assert_true(senders_believe_claim(&senders, "ops-1", NULL, &a, &e));
    disbelieved("mgmt", NULL, "x-keyferry-on-behalf-of");
    disbelieved("host-a", NULL, "x-keyferry-on-behalf-of");
    disbelieved("mallory", NULL, "'mallory'");
    disbelieved("", NULL, "x-keyferry-on-behalf-of");
}

static void a_letter_is_vouched_for_by_an_operator_or_the_worker_of_its_host(void **state)
{
    struct uuid a = {A};
    struct err e;

    (void)state;
    given("ops*", "operator");
    given("mgmt", "manager");
    given("host-a", "peer " A);
    given("host-b", "peer " B);
    assert_true(senders_believe_claim(&senders, "ops-1", "ops-2", &a, &e));
    assert_true(senders_believe_claim(&senders, "ops-1", "host-a", &a, &e));
    disbelieved("ops-1", "host-b", "x-keyferry-vouched-by");
    disbelieved("ops-1", "mgmt", "x-keyferry-vouched-by");
    disbelieved("ops-1", "", "x-keyferry-vouched-by");
    disbelieved("mgmt", "host-a", "x-keyferry-on-behalf-of");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_most_specific_line_counts, forget),
        cmocka_unit_test_teardown(a_name_without_a_star_is_no_prefix, forget),
        cmocka_unit_test_teardown(a_peers_hosts_may_come_in_any_form_and_on_several_lines, forget),
        cmocka_unit_test_teardown(refuses_what_says_nothing_or_two_things, forget),
        cmocka_unit_test_teardown(without_roles_everyone_may_send_everything, forget),
        cmocka_unit_test_teardown(who_has_no_role_or_no_name_is_refused, forget),
        cmocka_unit_test_teardown(a_role_lets_pass_what_the_table_of_handlers_says, forget),
        cmocka_unit_test_teardown(a_hosts_answer_is_believed_from_its_peer_alone, forget),
        cmocka_unit_test_teardown(a_services_answer_is_believed_from_whoever_manages, forget),
        cmocka_unit_test_teardown(two_users_of_one_line_leave_different_marks, forget),
        cmocka_unit_test_teardown(who_speaks_for_another_is_an_operator, forget),
        cmocka_unit_test_teardown(a_letter_is_vouched_for_by_an_operator_or_the_worker_of_its_host, forget),
    };

    return cmocka_run_group_tests_name("senders", tests, NULL, NULL);
}
