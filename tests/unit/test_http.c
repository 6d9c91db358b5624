#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "worker/http.h"

static void reads(const char *text, const char *wanted_host, uint16_t wanted_port)
{
    char host[HTTP_HOST_BYTES];
    uint16_t port;
    struct err e;

    if (!http_address_read(text, host, &port, &e))
        fail_msg("%s", e.text);
    assert_string_equal(host, wanted_host);
    assert_int_equal(port, wanted_port);
}

static void refuses(const char *text)
{
    char host[HTTP_HOST_BYTES];
    uint16_t port;
    struct err e;

    if (http_address_read(text, host, &port, &e))
        fail_msg("accepted: '%s' as '%s' and %u", text, host, port);
    assert_int_equal(e.kind, ERR_CONFIG);
    assert_non_null(strstr(e.text, "not address:port"));
}

static void reads_names_and_addresses_of_both_kinds(void **state)
{
    (void)state;
    reads("127.0.0.1:9464", "127.0.0.1", 9464);
    reads("localhost:1", "localhost", 1);
    reads("[::1]:65535", "::1", 65535);
    reads("::1:80", "::1", 80);
}

static void refuses_a_host_that_is_none(void **state)
{
    (void)state;
    refuses("");
    refuses(":80");
    refuses("[]:80"); /* which would be every address of the machine */
    refuses("[:80");
    refuses("[[::1]]:80");
    refuses("a b:80");
    refuses("a-name-of-sixty-four-characters-which-is-one-more-than-there-may:80");
}

static void refuses_a_port_that_is_none(void **state)
{
    (void)state;
    refuses("h");
    refuses("h:");
    refuses("h:0");
    refuses("h:65536");
    refuses("h:184467440737095516170000080");
    refuses("h:80x");
    refuses("h: 80");
    refuses("h:+80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_names_and_addresses_of_both_kinds),
        cmocka_unit_test(refuses_a_host_that_is_none),
        cmocka_unit_test(refuses_a_port_that_is_none),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
