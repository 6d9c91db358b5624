#include "bus/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct url_list read_all(const char *text, const char *password)
{
    struct url_list list = {0};
    struct err e;

    if (!url_list_read(text, password, &list, &e))
        fail_msg("%s: %s", text, e.text);
    return list;
}

static void reads_every_part(void **state)
{
    struct url_list list = read_all("amqp://kf:pa%3Ass%2Fw%40rd@broker.example:5673/my%2fvhost", NULL);

    (void)state;
    assert_int_equal(list.count, 1);
    assert_string_equal(list.urls[0].host, "broker.example");
    assert_int_equal(list.urls[0].port, 5673);
    assert_string_equal(list.urls[0].user, "kf");
    assert_string_equal(list.urls[0].password, "pa:ss/w@rd");
    assert_string_equal(list.urls[0].vhost, "my/vhost");
    url_list_done(&list);
    url_list_done(&list);
}

static void what_is_left_out_has_its_usual_value(void **state)
{
    struct url_list list = read_all("AMQP://broker,amqp://broker/,amqp://u@broker", NULL);

    (void)state;
    assert_int_equal(list.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(list.urls[i].port, 5672);
        assert_string_equal(list.urls[i].vhost, "/");
        assert_string_equal(list.urls[i].user, i == 2 ? "u" : "guest");
        assert_string_equal(list.urls[i].password, i == 2 ? "" : "guest");
    }
    url_list_done(&list);
}

static void tells_whether_it_names_the_user(void **state)
{
    struct url_list list;
    struct err e;

    (void)state;
    assert_true(url_list_read("amqp://h,amqp://guest@h,amqp://guest:x@h/v,amqp://h/a%40b", NULL, &list, &e));
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(list.urls[i].has_login, i == 1 || i == 2);
    url_list_done(&list);
}

static void an_s_stands_for_tls_and_its_port(void **state)
{
    struct url_list list = read_all("amqps://a,AMQPS://u:p@[::1]/v,amqps://b:5672,amqp://c:5671", NULL);

    (void)state;
    assert_int_equal(list.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(list.urls[i].tls, i < 3);
        assert_int_equal(list.urls[i].port, i == 2 ? 5672 : 5671);
    }
    assert_string_equal(list.urls[1].host, "::1");
    assert_string_equal(list.urls[1].user, "u");
    assert_string_equal(list.urls[1].vhost, "v");
    url_list_done(&list);
}

static void reads_several_with_blanks_between_them(void **state)
{
    struct url_list list = read_all(" amqp://a:1/x , amqp://b:2/y,amqp://[::1]:3 ", NULL);

    (void)state;
    assert_int_equal(list.count, 3);
    assert_string_equal(list.urls[1].host, "b");
    assert_string_equal(list.urls[1].vhost, "y");
    assert_string_equal(list.urls[2].host, "::1");
    assert_int_equal(list.urls[2].port, 3);
    url_list_done(&list);
}

static void a_password_of_its_own_takes_the_place_of_all(void **state)
{
    struct url_list list = read_all("amqp://u:one@a,amqp://u:two@b,amqp://c", "three,@/:");

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(list.urls[i].password, "three,@/:");
    url_list_done(&list);
}

static void refuses_what_is_no_url_and_quotes_nothing_of_it(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "does not begin with amqp:// or amqps://"},
        {"http://hunter2", "does not begin with amqp://"},
        {"amqpss://u:hunter2@h", "does not begin with amqp://"},
        {"amqps:/u:hunter2@h", "does not begin with amqp://"},
        {"amqps://", "has no host"},
        {"amqp://", "has no host"},
        {"amqp://u:hunter2@", "has no host"},
        {"amqp://u:hunter2@:5672", "has no host"},
        {"amqp://u:hunter2@h:", "port"},
        {"amqp://u:hunter2@h:0", "port"},
        {"amqp://u:hunter2@h:65536", "port"},
        {"amqp://u:hunter2@h:99999999999999999999", "port"},
        {"amqp://u:hunter2@h:5672x", "port"},
        {"amqp://u:hun/ter2@h", "port"},
        {"amqp://u:hunter2@hun@ter2", "no host name has"},
        {"amqp://u:hunter2%@h", "'%'"},
        {"amqp://u:hunter2%0@h", "'%'"},
        {"amqp://u:hunter2%0g@h", "'%'"},
        {"amqp://u:hunter2%00@h", "'%'"},
        {"amqp://u%zz:hunter2@h", "'%'"},
        {"amqp://h/v%", "'%'"},
        {"amqp://h/?heartbeat=10", "options"},
        {"amqp://u:hunter2#@h", "%23"},
        {"amqp://[::1", "']'"},
        {"amqp://[::1]5672", "':'"},
        {"amqp://[h]", "IPv6"},
        {"amqp://::1", "no host"},
        {"amqp://h h", "no host name has"},
        {"amqp://h,", "2 of 2"},
        {"amqp://u:hun,ter2@h", "1 of 2"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct url_list list = {0};
        struct err e;
        if (url_list_read(cases[i].text, NULL, &list, &e))
            fail_msg("'%s' was read", cases[i].text);
        assert_int_equal(e.kind, ERR_CONFIG);
        if (strstr(e.text, cases[i].why) == NULL || strstr(e.text, "hun") != NULL || strstr(e.text, "ter2") != NULL)
            fail_msg("'%s': %s", cases[i].text, e.text);
    }
}

static void refuses_what_is_too_long(void **state)
{
    char text[700], long_part[300];
    struct url_list list = {0};
    struct err e;

    (void)state;
    memset(long_part, 'a', sizeof(long_part) - 1);
    long_part[sizeof(long_part) - 1] = '\0';
    snprintf(text, sizeof(text), "amqp://%s@h", long_part);
    assert_false(url_list_read(text, NULL, &list, &e));
    assert_non_null(strstr(e.text, "user name is longer than 255"));
    snprintf(text, sizeof(text), "amqp://%s", long_part);
    assert_false(url_list_read(text, NULL, &list, &e));
    assert_false(url_list_read("amqp://h", long_part, &list, &e));
    assert_non_null(strstr(e.text, "password is longer"));
    memset(text, ',', 40);
    text[40] = '\0';
    assert_false(url_list_read(text, NULL, &list, &e));
    assert_non_null(strstr(e.text, "more than 32"));
}

static void knows_this_machine(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {
        {"amqp://127.0.0.1", true},
        {"amqp://127.9.9.9:1/x,amqp://[::1]", true},
        {"amqp://LocalHost", true},
        {"amqps://127.0.0.1,amqp://localhost", true},
        {"amqps://broker", false},
        {"amqp://127.0.0.1,amqp://broker", false},
        {"amqp://localhost.example", false},
        {"amqp://128.0.0.1", false},
        {"amqp://[::2]", false},
        {"amqp://0.0.0.0", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct url_list list = read_all(cases[i].text, NULL);
        if (url_list_is_loopback(&list) != cases[i].loopback)
            fail_msg("%s", cases[i].text);
        url_list_done(&list);
    }
}

static void names_host_and_port(void **state)
{
    struct url_list list = read_all("amqp://broker:1,amqp://[fe80::1]:2", NULL);
    char name[64];

    (void)state;
    url_name(&list.urls[0], name, sizeof(name));
    assert_string_equal(name, "broker:1");
    url_name(&list.urls[1], name, sizeof(name));
    assert_string_equal(name, "[fe80::1]:2");
    url_list_done(&list);
}

static void adds_what_each_line_of_a_file_says(void **state)
{
    char list[32] = "";

    (void)state;
    assert_true(url_list_add(list, sizeof(list), ""));
    assert_true(url_list_add(list, sizeof(list), "amqp://a ; the first"));
    assert_true(url_list_add(list, sizeof(list), "amqp://b;c\t; as inih leaves it"));
    assert_string_equal(list, "amqp://a,amqp://b;c");
    assert_true(url_list_add(list, sizeof(list), ""));              /* no comma for nothing */
    assert_false(url_list_add(list, sizeof(list), "amqp://cd.ef")); /* a comma and a NUL come to it */
    assert_string_equal(list, "amqp://a,amqp://b;c");
    assert_true(url_list_add(list, sizeof(list), "amqp://c,"));
    assert_true(url_list_add(list, sizeof(list), "x"));
    assert_string_equal(list, "amqp://a,amqp://b;c,amqp://c,x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_part),
        cmocka_unit_test(what_is_left_out_has_its_usual_value),
        cmocka_unit_test(tells_whether_it_names_the_user),
        cmocka_unit_test(an_s_stands_for_tls_and_its_port),
        cmocka_unit_test(reads_several_with_blanks_between_them),
        cmocka_unit_test(a_password_of_its_own_takes_the_place_of_all),
        cmocka_unit_test(refuses_what_is_no_url_and_quotes_nothing_of_it),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(knows_this_machine),
        cmocka_unit_test(names_host_and_port),
        cmocka_unit_test(adds_what_each_line_of_a_file_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
