#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <string.h>

#include "schemas/host_event.h"

#define HOST "aaaaaaaa-0000-4000-8000-00000000000a"
#define HEX  "aaaaaaaa00004000800000000000000a"
#define VM   "cccccccc-0000-4000-8000-00000000000c"
#define ID   "11111111-1111-4111-8111-111111111111"

static void assert_said(const struct host_event *event, const char *want)
{
    struct bytes body = {0};
    struct err e;

    assert_true(host_event_write(event, "worker-1", 1700000000000, &body, &e));
    assert_int_equal(body.len, strlen(want));
    assert_memory_equal(body.data, want, body.len);
    bytes_free(&body);
}

static void of_a_host_alone_it_says_no_more(void **state)
{
    struct host_event event = {.kind = HOST_EVENT_HYPERVISOR_DOWN, .host_uuid = {HOST}};

    (void)state;
    host_event_reason(&event, "gone\nfor \"good\"");
    assert_said(&event,
                "{\"HostSecretEvent\":{\"event\":\"hypervisor-down\",\"hostUuid\":\"" HOST
                "\",\"reason\":\"gone for \\\"good\\\"\",\"worker\":\"worker-1\",\"createdTime\":1700000000000}}");
    event = (struct host_event){.kind = HOST_EVENT_WORKER_UP, .host_uuid = {HOST}};
    assert_said(&event, "{\"HostSecretEvent\":{\"event\":\"worker-up\",\"hostUuid\":\"" HOST
                        "\",\"worker\":\"worker-1\",\"createdTime\":1700000000000}}");
}

static void of_a_secret_it_says_whose_even_of_version_0(void **state)
{
    const struct host_event event = {.kind = HOST_EVENT_SECRET_REPLACED,
                                     .host_uuid = {HOST},
                                     .key = {{VM}, "vtpm", 0, "tpm0"},
                                     .secret_uuid = {ID},
                                     .migration_id = "m-1",
                                     .reason = "in place of another"};

    (void)state;
    assert_said(&event, "{\"HostSecretEvent\":{\"event\":\"secret-replaced\",\"hostUuid\":\"" HOST "\",\"vmUuid\":\"" VM
                        "\",\"purpose\":\"vtpm\",\"keyVersion\":0,\"usageInstance\":\"tpm0\",\"secretUuid\":\"" ID
                        "\",\"migrationId\":\"m-1\",\"reason\":\"in place of another\",\"worker\":\"worker-1\","
                        "\"createdTime\":1700000000000}}");
}

static void its_route_is_the_host_and_its_name(void **state)
{
    const struct host_event event = {.kind = HOST_EVENT_SECRET_DEFINED, .host_uuid = {HOST}};
    char route[EVENT_ROUTE_MAX_CHARS + 1];

    (void)state;
    host_event_route(&event, route);
    assert_string_equal(route, "host." HEX ".secret-defined");
}

/* deploy/broker-user lets a worker publish "host.<hex>.[a-z-]+". */
static void every_kind_has_a_name_of_its_own_that_fits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HOST_EVENT_COUNT; i++) {
        const char *name = host_event_name((enum host_event_kind)i);
        assert_in_range(strlen(name), 1, EVENT_NAME_MAX_CHARS);
        for (const char *c = name; *c != '\0'; c++)
            assert_true(islower(*c) || *c == '-');
        for (unsigned other = 0; other < i; other++)
            assert_string_not_equal(name, host_event_name((enum host_event_kind)other));
    }
    assert_int_equal(HOST_EVENT_COUNT, 12);
}

static void a_long_reason_is_cut_off(void **state)
{
    struct host_event event = {0};
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    host_event_reason(&event, text);
    assert_int_equal(strlen(event.reason), EVENT_REASON_MAX_BYTES);
}

static bool read(const char *text, struct host_event_said *out, struct err *e)
{
    memset(out, 0xee, sizeof(*out));
    return host_event_read((const uint8_t *)text, strlen(text), out, e);
}

static void what_is_written_is_read_again(void **state)
{
    struct host_event event = {.kind = HOST_EVENT_SECRET_REPLACED,
                               .host_uuid = {HOST},
                               .key = {{VM}, "vtpm", 0, "tpm0"},
                               .secret_uuid = {ID},
                               .migration_id = "m-1"};
    struct host_event_said said;
    struct bytes body = {0};
    struct err e;

    (void)state;
    host_event_reason(&event, "in place of another");
    assert_true(host_event_write(&event, "worker-1", 1700000000000, &body, &e));
    assert_true(host_event_read(body.data, body.len, &said, &e));
    bytes_free(&body);
    assert_memory_equal(&said.event, &event, sizeof(event));
    assert_string_equal(said.name, "secret-replaced");
    assert_string_equal(said.worker, "worker-1");
    assert_int_equal(said.created_ms, 1700000000000);
}

#define EVENT(more)                                                                                                    \
    "{\"HostSecretEvent\":{\"event\":\"worker-up\",\"hostUuid\":\"" HOST "\",\"worker\":\"w\",\"createdTime\":1" more  \
    "}}"

static void what_a_newer_worker_says_beside_is_passed_over_and_what_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"HostSecretEvent\":{}}",
                                      "{\"OtherEvent\":{\"event\":\"worker-up\"}}",
                                      EVENT(",\"worker\":\"twice\""),
                                      EVENT(",\"secretUuid\":7"),
                                      "{\"HostSecretEvent\":{\"event\":\"worker-sideways\",\"hostUuid\":\"" HOST
                                      "\",\"worker\":\"w\",\"createdTime\":1}}"};
    struct host_event_said said;
    struct err e;

    (void)state;
    assert_true(read(EVENT(",\"mood\":\"good\""), &said, &e));
    assert_int_equal(said.event.kind, HOST_EVENT_WORKER_UP);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(read(bad[i], &said, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_host_alone_it_says_no_more),
        cmocka_unit_test(of_a_secret_it_says_whose_even_of_version_0),
        cmocka_unit_test(its_route_is_the_host_and_its_name),
        cmocka_unit_test(every_kind_has_a_name_of_its_own_that_fits),
        cmocka_unit_test(a_long_reason_is_cut_off),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_a_newer_worker_says_beside_is_passed_over_and_what_is_none_is_refused),
    };

    return cmocka_run_group_tests_name("host event", tests, NULL, NULL);
}
