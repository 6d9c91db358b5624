#include "bus/outgoing.h"
#include "bus/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void keeps_a_copy_of_everything(void **state)
{
    char exchange[] = "ex", key[] = "key", id[] = "id", name[] = "x-a", value[] = "1", body[] = "bytes";
    const char *const headers[] = {name, value, NULL};
    struct publication publication = {
        .exchange = exchange,
        .routing_key = key,
        .message_id = id,
        .headers = headers,
        .body = (const uint8_t *)body,
        .body_bytes = 5,
        .mandatory = true,
    };
    struct outgoing *o;
    struct err e;

    (void)state;
    assert_true(outgoing_new(&publication, &o, &e));
    memset(exchange, 'z', 2);
    memset(key, 'z', 3);
    memset(id, 'z', 2);
    memset(name, 'z', 3);
    memset(value, 'z', 1);
    memset(body, 'z', 5);
    assert_string_equal(o->publication.exchange, "ex");
    assert_string_equal(o->publication.routing_key, "key");
    assert_string_equal(o->publication.message_id, "id");
    assert_string_equal(o->publication.content_type, "");
    assert_string_equal(o->publication.headers[0], "x-a");
    assert_string_equal(o->publication.headers[1], "1");
    assert_null(o->publication.headers[2]);
    assert_memory_equal(o->publication.body, "bytes", 5);
    assert_true(o->publication.mandatory);
    outgoing_free(o);
    outgoing_free(NULL);
}

static void refuses_what_amqp_has_no_room_for(void **state)
{
    static char long_text[3000];
    const char *many[2 * HEADER_PAIRS_MAX + 3] = {0};
    const char *const odd[] = {"name", NULL};
    const char *const long_name[] = {long_text + 3000 - 257, "v", NULL};
    const char *const long_value[] = {"n", long_text, NULL};
    const char *const *const headers[] = {many, odd, long_name, long_value};
    struct outgoing *o;
    struct err e;

    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    for (size_t i = 0; i < COUNT(many) - 1; i++)
        many[i] = "h";
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct publication p = {.exchange = "", .routing_key = "q", .headers = headers[i]};
        assert_false(outgoing_new(&p, &o, &e));
        assert_int_equal(e.kind, ERR_LOCAL);
    }
    struct publication key = {.exchange = "", .routing_key = long_text};
    assert_false(outgoing_new(&key, &o, &e));
    struct publication id = {.exchange = "", .routing_key = "q", .message_id = long_text};
    assert_false(outgoing_new(&id, &o, &e));
}

/* All texts at their longest must fit the smallest header frame. */
static void takes_the_most_that_fits_a_frame(void **state)
{
    char longest[SHORTSTR_MAX_CHARS + 1], value[HEADERS_MAX_BYTES];
    const char *const headers[] = {"n", value, NULL};
    struct publication p = {
        .exchange = longest,
        .routing_key = longest,
        .content_type = longest,
        .message_id = longest,
        .correlation_id = longest,
        .reply_to = longest,
        .headers = headers,
    };
    struct outgoing *o;
    struct err e;

    (void)state;
    memset(longest, 'x', SHORTSTR_MAX_CHARS);
    longest[SHORTSTR_MAX_CHARS] = '\0';
    memset(value, 'v', sizeof(value));
    value[HEADERS_MAX_BYTES - 7] = '\0';
    assert_true(outgoing_new(&p, &o, &e));
    outgoing_free(o);
    value[HEADERS_MAX_BYTES - 7] = 'v';
    value[HEADERS_MAX_BYTES - 6] = '\0';
    assert_false(outgoing_new(&p, &o, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_a_copy_of_everything),
        cmocka_unit_test(refuses_what_amqp_has_no_room_for),
        cmocka_unit_test(takes_the_most_that_fits_a_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
