#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/headers.h"
#include "cli/letter.h"

#define A      "aaaaaaaa-0000-4000-8000-00000000000a"
#define A_HEX  "aaaaaaaa00004000800000000000000a"
#define W      HEADER_WITHIN
#define DAY_MS INT64_C(86400000)
#define DIED                                                                                                           \
    {"x-death" W "0" W "queue", 'S', "keyferry.host." A_HEX}, {"x-death" W "0" W "reason", 'S', "rejected"},           \
        {"x-death" W "0" W "time", 'T', "1700000000"},                                                                 \
    {                                                                                                                  \
        "x-death" W "0" W "routing-keys" W "0", 'S', "host." A_HEX                                                     \
    }

static const char good[] = "{\"SecretHostGetMsg\": {\"id\": \"r-1\", \"createdTime\": 1600000000000}}";
static struct letter *letter;

/* A delivery with these headers, as bus/headers.h has them. */
static struct delivery *delivery_of(const char *body, const struct header *headers, size_t count)
{
    struct delivery *d = calloc(1, sizeof(*d) + strlen(body) + 8192);
    char *at;

    assert_non_null(d);
    d->body_bytes = strlen(body);
    d->whole_bytes = d->body_bytes;
    memcpy(d->body, body, d->body_bytes);
    at = (char *)d->body + d->body_bytes;
    for (size_t i = 0; i < count; i++) {
        size_t name = strlen(headers[i].name) + 1;
        memcpy(at, headers[i].name, name);
        at[name] = headers[i].type;
        memcpy(at + name + 1, headers[i].text, strlen(headers[i].text) + 1);
        at += name + 1 + strlen(headers[i].text) + 1;
    }
    d->headers_bytes = (size_t)(at - (char *)d->body) - d->body_bytes;
    strcpy(d->user_id, "host-a");
    return d;
}

#define LETTER(body, ...)                                                                                              \
    do {                                                                                                               \
        const struct header headers_[] = {__VA_ARGS__};                                                                \
        letter = letter_new(delivery_of((body), headers_, COUNT(headers_)));                                           \
        assert_non_null(letter);                                                                                       \
    } while (0)

static int drop(void **state)
{
    (void)state;
    letter_free(letter);
    letter = NULL;
    return 0;
}

static void a_workers_letter_is_believed_in_the_workers_name(void **state)
{
    (void)state;
    LETTER("{", {"x-keyferry-code", 'S', "SYS.1007"}, {"x-keyferry-details", 'S', "why\n"},
           {"x-keyferry-user", 'S', "mgmt"}, {"x-keyferry-queue", 'S', "keyferry.host." A_HEX},
           {"x-keyferry-routing-key", 'S', "host." A_HEX}, {"x-keyferry-time", 'S', "1700000000123"});
    assert_false(letter->by_broker);
    assert_string_equal(letter->code, "SYS.1007");
    assert_string_equal(letter->details, "why ");
    assert_string_equal(letter->host.text, A);
    assert_string_equal(letter->sender, "mgmt");
    assert_true(letter->is_vouched);
    assert_int_equal(letter->dead_ms, INT64_C(1700000000123));
    assert_false(letter->is_readable);
    assert_true(letter->has_complaint);
    assert_string_equal(letter->id, "");
    assert_null(letter_hindrance(letter));
}

static void whom_an_operator_had_spoken_for_is_its_sender(void **state)
{
    const struct header user = {"x-keyferry-user", 'S', "ops"};
    struct delivery *d = delivery_of(good, &user, 1);

    (void)state;
    d->on_behalf_of = (struct claim){true, "mgmt"};
    letter = letter_new(d);
    assert_string_equal(letter->sender, "mgmt");
    assert_true(letter->is_vouched);
}

static void what_says_nothing_is_its_publishers(void **state)
{
    (void)state;
    LETTER(good, {"x-keyferry-user", 'x', "4 bytes"});
    assert_string_equal(letter->sender, "host-a");
    assert_false(letter->is_vouched);
}

/* The broker puts x-death on what it moves: the rest are the sender's words. */
static void on_a_brokers_letter_headers_of_ours_count_for_nothing(void **state)
{
    (void)state;
    LETTER(good, {"x-keyferry-code", 'S', "mine"}, {"x-keyferry-user", 'S', "mgmt"},
           {"x-keyferry-routing-key", 'S', "host.elsewhere"}, {"x-keyferry-time", 'S', "1"}, DIED);
    assert_true(letter->by_broker);
    assert_string_equal(letter->code, "rejected");
    assert_string_equal(letter->route, "host." A_HEX);
    assert_string_equal(letter->host.text, A);
    assert_string_equal(letter->sender, "host-a");
    assert_false(letter->is_vouched);
    assert_int_equal(letter->dead_ms, INT64_C(1700000000000));
    assert_string_equal(letter->id, "r-1");
    assert_ptr_equal(letter->message, &get_message);
    assert_int_equal(letter->sent_ms, INT64_C(1600000000000));
}

static void what_another_said_of_another_is_not_passed_on(void **state)
{
    const struct header died[] = {DIED};
    struct delivery *d = delivery_of(good, died, COUNT(died));

    (void)state;
    d->on_behalf_of = (struct claim){true, "mgmt"};
    d->vouched_by = (struct claim){true, "ops"};
    letter = letter_new(d);
    assert_non_null(strstr(letter_hindrance(letter), "passed on"));
}

static void one_without_a_route_or_its_body_cannot_be_sent(void **state)
{
    struct delivery *d;

    (void)state;
    LETTER(good, {"x", 'S', "y"});
    assert_non_null(strstr(letter_hindrance(letter), "routing key"));
    letter_free(letter);
    d = delivery_of("", NULL, 0);
    strcpy(d->routing_key, "host." A_HEX);
    d->whole_bytes = BODY_MAX_BYTES + 1;
    letter = letter_new(d);
    assert_non_null(strstr(letter_hindrance(letter), "larger"));
    assert_true(letter->has_complaint);
}

static bool has_pair(const char *const *headers, const char *name, const char *text)
{
    for (; headers[0] != NULL; headers += 2)
        if (strcmp(headers[0], name) == 0)
            return strcmp(headers[1], text) == 0;
    return false;
}

static void goes_with_its_senders_headers_and_ours_anew(void **state)
{
    const char *headers[LETTER_HEADERS_ROOM];
    size_t pairs = 0;

    (void)state;
    LETTER(good, {"traceparent", 'S', "00-1"}, {"CC" W "0", 'S', "host.x"}, {"x-keyferry-user", 'S', "mgmt"},
           {"x-keyferry-on-behalf-of", 'S', "boss"}, {"x-delivery-count", 'l', "3"}, {"x-first-death-queue", 'S', "q"},
           {"number", 'I', "7"}, {"map" W "a", 'S', "b"}, {"CC", 'S', "host.x"});
    strcpy(letter->delivery->signature, "c2ln");
    assert_int_equal(letter_headers(letter, headers), 2); /* the number and what is in the map */
    assert_true(has_pair(headers, "traceparent", "00-1"));
    assert_true(has_pair(headers, "x-keyferry-signature", "c2ln"));
    assert_true(has_pair(headers, "x-keyferry-on-behalf-of", "mgmt"));
    assert_true(has_pair(headers, "x-keyferry-vouched-by", "host-a"));
    for (; headers[2 * pairs] != NULL; pairs++)
        ;
    assert_int_equal(pairs, 4);
}

static void more_headers_than_can_be_published_are_left_out(void **state)
{
    const char *headers[LETTER_HEADERS_ROOM];
    struct header many[30];
    static char large[1800];

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct header){"n", 'S', "v"};
    letter = letter_new(delivery_of(good, many, COUNT(many)));
    assert_int_equal(letter_headers(letter, headers), 30 - 15);
    letter_free(letter);
    many[0].text = many[1].text = large;
    letter = letter_new(delivery_of(good, many, 3));
    assert_int_equal(letter_headers(letter, headers), 1);
}

static void is_old_when_workers_may_have_forgotten_its_id(void **state)
{
    (void)state;
    LETTER("{", {"x-keyferry-time", 'S', "1700000000000"});
    assert_false(letter_is_old(letter, INT64_C(1700000000000) + 7 * DAY_MS));
    assert_true(letter_is_old(letter, INT64_C(1700000000000) + 7 * DAY_MS + 1));
    letter_free(letter);
    LETTER("{", {"x", 'S', "y"});
    assert_false(letter_is_old(letter, INT64_C(1700000000000)));
}

static void its_reference_tells_letters_apart_and_nothing_of_the_body(void **state)
{
    char ref[REF_CHARS + 1];

    (void)state;
    LETTER("{1", {"x-keyferry-time", 'S', "1"});
    strcpy(ref, letter->ref);
    assert_int_equal(strlen(ref), REF_CHARS);
    letter_free(letter);
    LETTER("{2", {"x-keyferry-time", 'S', "1"});
    assert_string_equal(ref, letter->ref);
    letter_free(letter);
    LETTER("{1", {"x-keyferry-time", 'S', "2"});
    assert_string_not_equal(ref, letter->ref);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_workers_letter_is_believed_in_the_workers_name, drop),
        cmocka_unit_test_teardown(whom_an_operator_had_spoken_for_is_its_sender, drop),
        cmocka_unit_test_teardown(what_says_nothing_is_its_publishers, drop),
        cmocka_unit_test_teardown(on_a_brokers_letter_headers_of_ours_count_for_nothing, drop),
        cmocka_unit_test_teardown(what_another_said_of_another_is_not_passed_on, drop),
        cmocka_unit_test_teardown(one_without_a_route_or_its_body_cannot_be_sent, drop),
        cmocka_unit_test_teardown(goes_with_its_senders_headers_and_ours_anew, drop),
        cmocka_unit_test_teardown(more_headers_than_can_be_published_are_left_out, drop),
        cmocka_unit_test_teardown(is_old_when_workers_may_have_forgotten_its_id, drop),
        cmocka_unit_test_teardown(its_reference_tells_letters_apart_and_nothing_of_the_body, drop),
    };

    return cmocka_run_group_tests_name("letter", tests, NULL, NULL);
}
