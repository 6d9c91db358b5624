/* The status page and its JSON: what they say, and that nobody from outside can say anything in HTML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/body.h"
#include "worker/page.h"
#include "worker/page_files.h"
#include "worker/trouble.h"

#define EVIL  "<script>alert('x')</script>&\"\x01"
#define TAMED "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot; "

static struct metrics metrics;
static struct journal journal;
static struct census census;
static struct status status;
static struct host_status hosts[30];
static char text[1 << 20];

static void host(void *arg, size_t index, struct host_status *out)
{
    (void)arg;
    *out = hosts[index];
}

static int set_up(void **state)
{
    static char uuids[COUNT(hosts)][UUID_CHARS + 1];

    (void)state;
    memset(&journal, 0, sizeof(journal));
    memset(&census, 0, sizeof(census));
    for (size_t i = 0; i < COUNT(hosts); i++) {
        snprintf(uuids[i], sizeof(uuids[i]), "aaaaaaaa-0000-4000-8000-%012zx", i);
        hosts[i] = (struct host_status){.uuid = uuids[i], .uri = "qemu:///system", .why = ""};
        hosts[i].is_ready = hosts[i].is_consuming = hosts[i].is_served = hosts[i].is_libvirt_up = 1;
    }
    status = (struct status){.metrics = &metrics,
                             .journal = &journal,
                             .census = &census,
                             .worker = "worker-1",
                             .broker = "broker",
                             .broker_why = "refused",
                             .blocked_why = "memory",
                             .ledger_why = "full",
                             .config_why = "hosts/x.conf:1: nonsense",
                             .is_config_read = 1,
                             .is_broker_up = 1,
                             .is_ledger_up = 1,
                             .hosts = 2,
                             .hosts_ready = 2,
                             .host = host,
                             .now_ms = 1700000000000,
                             .now_us = UINT64_C(7200000000)};
    return 0;
}

static const char *written(void (*write)(const struct status *, struct evbuffer *))
{
    struct evbuffer *out = evbuffer_new();
    size_t len;

    write(&status, out);
    len = evbuffer_get_length(out);
    assert_in_range(len, 1, sizeof(text) - 1);
    evbuffer_remove(out, text, len);
    text[len] = '\0';
    evbuffer_free(out);
    return text;
}

static void says(const char *what)
{
    if (strstr(written(page_write), what) == NULL)
        fail_msg("the page does not say: %s", what);
}

static void says_not(const char *what)
{
    if (strstr(written(page_write), what) != NULL)
        fail_msg("the page says: %s", what);
}

static void note_recent(const char *said)
{
    struct recent *recent = &journal.recent[journal.recent_count++];

    *recent = (struct recent){.at_ms = 1700000000000, .took_us = 1500};
    snprintf(recent->message, sizeof(recent->message), "%s", said);
    snprintf(recent->id, sizeof(recent->id), "%s", said);
    snprintf(recent->identity, sizeof(recent->identity), "%s", said);
    snprintf(recent->code, sizeof(recent->code), "%s", said);
    snprintf(recent->details, sizeof(recent->details), "%s", said);
}

static void all_is_well_where_nothing_is_wrong(void **state)
{
    (void)state;
    says("All is well");
    says("<title>worker-1 – Keyferry</title>");
    says("class=\"banner ok\"");
    says_not("attention");
    assert_int_equal(troubles_tell(&status, NULL, NULL), 0);
}

static void every_host_is_named(void **state)
{
    (void)state;
    status.hosts = (int64_t)COUNT(hosts);
    for (size_t i = 0; i < COUNT(hosts); i++) {
        hosts[i].is_ready = i % 3 != 0;
        says(hosts[i].uuid);
        assert_non_null(strstr(written(page_json_write), hosts[i].uuid));
    }
}

static void what_is_wrong_is_said_in_words_the_worst_first(void **state)
{
    (void)state;
    status.is_broker_up = 0;
    status.is_ledger_up = 0;
    status.is_broker_blocked = 1;
    status.is_draining = 1;
    status.dead_letters = 3;
    status.findings[0] = 1;
    hosts[1].is_ready = hosts[1].is_libvirt_up = 0;
    hosts[1].why = "no socket";
    says("The broker cannot be reached: refused.");
    says("The broker takes nothing for now: memory.");
    says("The ledger cannot be written: full.");
    says("libvirt of host aaaaaaaa-0000-4000-8000-000000000001 cannot be reached: no socket.");
    says("3 messages lie among the dead letters");
    says("found 1 secret of which this is so: no VM has named it for a day (orphan).");
    says("<title>(7) worker-1");
    says("7 things need attention");
    says("class=\"banner bad\"");
}

static void a_host_that_is_left_to_other_workers_is_no_trouble(void **state)
{
    (void)state;
    hosts[1].is_consuming = 0;
    hosts[1].why = "connected, but deaf";
    says("Requests for host aaaaaaaa-0000-4000-8000-000000000001 are not taken from its queue: connected, but deaf.");
    hosts[1].is_left = 1;
    assert_int_equal(troubles_tell(&status, NULL, NULL), 0);
}

static void what_can_wait_is_no_alarm(void **state)
{
    (void)state;
    status.dead_letters = 1;
    status.is_config_read = 0;
    says("1 message lies among the dead letters");
    says("could not be read again: hosts/x.conf:1: nonsense. What was in force before still is.");
    says("2 things need attention");
    says("class=\"banner warn\"");
}

static void of_many_hosts_that_are_away_some_are_named_and_the_rest_counted(void **state)
{
    (void)state;
    status.hosts = (int64_t)COUNT(hosts);
    for (size_t i = 0; i < COUNT(hosts); i++)
        hosts[i].is_ready = hosts[i].is_libvirt_up = 0;
    assert_int_equal(troubles_tell(&status, NULL, NULL), TROUBLE_HOSTS_MAX + 1);
    says("The same holds for 20 more hosts");
}

static void what_comes_from_outside_is_escaped_wherever_it_stands(void **state)
{
    size_t count = 0;

    (void)state;
    note_recent(EVIL);
    status.worker = status.broker = EVIL;
    status.flight_count = 1;
    status.flights[0].stage = STAGE_AWAY;
    strcpy(status.flights[0].message, EVIL);
    strcpy(status.flights[0].id, EVIL);
    hosts[0].is_libvirt_up = hosts[0].is_ready = 0;
    hosts[0].why = EVIL;
    census.finding_count = 1;
    strcpy(census.findings[0].what, "<b>&\"'");
    says_not("<script>");
    says_not("alert('");
    says_not("\x01");
    says_not("<b>&");
    written(page_write);
    for (const char *at = text; (at = strstr(at, TAMED)) != NULL; at++)
        count++;
    assert_int_equal(count, 2 + 1 + 5 + 2 + 1); /* worker, broker, the recent one, the flight, the host's */
}

static void nothing_of_it_needs_a_style_or_script_of_its_own(void **state)
{
    (void)state;
    note_recent("SecretHostGetMsg");
    says_not(" style=");
    says_not(" onload=");
    says_not("http://");
    says_not("https://");
    says("<script src=\"/page.js\" defer></script>");
}

static void what_is_not_known_is_a_dash(void **state)
{
    (void)state;
    hosts[0].messages = -1;
    status.census = NULL;
    says("aria-label=\"not known\">–</span>");
    says("The ledger is being counted.");
}

static void the_json_can_be_read(void **state)
{
    struct body *body;
    struct err e;

    (void)state;
    note_recent(EVIL);
    census.lease_count = census.finding_count = status.flight_count = 1;
    status.flights[0].stage = STAGE_LANE;
    hosts[0].is_libvirt_up = 0;
    written(page_json_write);
    /* one map with one key is what an envelope is: so it is put into one */
    memmove(text + 7, text, strlen(text) + 1);
    memcpy(text, "{\"all\":", 7);
    strcat(text, "}");
    if (!body_read((const uint8_t *)text, strlen(text), "application/json", &body, &e))
        fail_msg("%s: %s", e.text, text);
    body_free(body);
}

static void the_files_are_there_and_whole(void **state)
{
    static const char *const paths[] = {"/page.css", "/page.js", "/icon.svg"};

    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        const struct page_file *file = page_file_find(paths[i]);

        assert_non_null(file);
        assert_true(file->end - file->begin > 200);
        assert_int_equal(file->end[-1], '\n');
    }
    assert_null(page_file_find("/page.cs"));
    assert_null(page_file_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_is_well_where_nothing_is_wrong, set_up),
        cmocka_unit_test_setup(every_host_is_named, set_up),
        cmocka_unit_test_setup(what_is_wrong_is_said_in_words_the_worst_first, set_up),
        cmocka_unit_test_setup(a_host_that_is_left_to_other_workers_is_no_trouble, set_up),
        cmocka_unit_test_setup(what_can_wait_is_no_alarm, set_up),
        cmocka_unit_test_setup(of_many_hosts_that_are_away_some_are_named_and_the_rest_counted, set_up),
        cmocka_unit_test_setup(what_comes_from_outside_is_escaped_wherever_it_stands, set_up),
        cmocka_unit_test_setup(nothing_of_it_needs_a_style_or_script_of_its_own, set_up),
        cmocka_unit_test_setup(what_is_not_known_is_a_dash, set_up),
        cmocka_unit_test_setup(the_json_can_be_read, set_up),
        cmocka_unit_test(the_files_are_there_and_whole),
    };

    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
