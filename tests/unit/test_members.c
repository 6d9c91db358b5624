#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/members.h"

#define QUEUES_A "00112233445566778899aabbccddeeff"
#define QUEUES_B "ffeeddccbbaa99887766554433221100"

static struct announcement said(pid_t pid, enum member_word word, const char *queues, uint8_t first_bits)
{
    struct announcement what = {.pid = pid, .word = word, .consuming = malloc(2), .bytes = 2};

    assert_non_null(what.consuming);
    strcpy(what.queues, queues);
    what.consuming[0] = first_bits;
    what.consuming[1] = 0x01;
    return what;
}

static bool note(struct members *members, const char *name, enum member_word word, const char *queues, int64_t now_ms)
{
    struct announcement what = said(17, word, queues, 0x80);
    bool is_news = members_note(members, name, &what, now_ms);

    assert_null(what.consuming);
    return is_news;
}

static void what_is_written_is_read(void **state)
{
    struct announcement what = said(4711, MEMBER_HELLO, QUEUES_A, 0xa5), again;
    char text[ANNOUNCEMENT_BYTES(16)];

    (void)state;
    announcement_write(&what, text, sizeof(text));
    assert_string_equal(text, "1 4711 hello " QUEUES_A " a501");
    assert_true(announcement_read((const uint8_t *)text, strlen(text), &again));
    assert_int_equal(again.pid, 4711);
    assert_int_equal(again.word, MEMBER_HELLO);
    assert_string_equal(again.queues, QUEUES_A);
    assert_int_equal(again.bytes, 2);
    assert_memory_equal(again.consuming, what.consuming, 2);
    free(again.consuming);
    what.bytes = 0;
    announcement_write(&what, text, sizeof(text));
    assert_string_equal(text, "1 4711 hello " QUEUES_A " -");
    assert_true(announcement_read((const uint8_t *)text, strlen(text), &again));
    assert_int_equal(again.bytes, 0);
    free(again.consuming);
    free(what.consuming);
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "2 1 here " QUEUES_A " 80",
        "1 0 here " QUEUES_A " 80",
        "1 -1 here " QUEUES_A " 80",
        "1 1x here " QUEUES_A " 80",
        "1 9999999999 here " QUEUES_A " 80",
        "1 1 there " QUEUES_A " 80",
        "1 1 here 0011 80",
        "1 1 here ZZ112233445566778899aabbccddeeff 80",
        "1 1 here " QUEUES_A,
        "1 1 here " QUEUES_A " 8",
        "1 1 here " QUEUES_A " 8G",
        "1 1 here " QUEUES_A " 80 80",
    };
    struct announcement out;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(announcement_read((const uint8_t *)bad[i], strlen(bad[i]), &out));
    assert_false(announcement_read((const uint8_t *)"1 1 here " QUEUES_A " 80", 46, &out)); /* with its NUL */
}

static void who_comes_goes_or_has_other_queues_is_news_and_the_rest_is_not(void **state)
{
    struct members members = {0};

    (void)state;
    assert_true(note(&members, "b", MEMBER_HELLO, QUEUES_A, 1));
    assert_false(note(&members, "b", MEMBER_HERE, QUEUES_A, 2));
    assert_true(note(&members, "a", MEMBER_HERE, QUEUES_A, 3));
    assert_true(note(&members, "b", MEMBER_HERE, QUEUES_B, 4));
    assert_int_equal(members.count, 2);
    assert_string_equal(members.list[0].name, "a");
    assert_string_equal(members.list[1].name, "b");
    assert_false(note(&members, "c", MEMBER_BYE, QUEUES_A, 5));
    assert_true(note(&members, "a", MEMBER_BYE, QUEUES_A, 5));
    assert_int_equal(members.count, 1);
    members_done(&members);
    assert_int_equal(members.count, 0);
}

static void who_is_silent_for_too_long_is_forgotten(void **state)
{
    struct members members = {0};

    (void)state;
    (void)note(&members, "a", MEMBER_HERE, QUEUES_A, 1000);
    (void)note(&members, "b", MEMBER_HERE, QUEUES_A, 2000);
    assert_false(members_expire(&members, 1000 + MEMBER_LIFE_MS));
    members_pardon(&members, 2000);
    assert_false(members_expire(&members, 2000 + MEMBER_LIFE_MS));
    (void)note(&members, "b", MEMBER_HERE, QUEUES_A, 3000);
    assert_true(members_expire(&members, 2001 + MEMBER_LIFE_MS));
    assert_int_equal(members.count, 1);
    assert_string_equal(members.list[0].name, "b");
    members_done(&members);
}

static void who_consumes_from_what_is_known_by_the_bits(void **state)
{
    struct members members = {0};

    (void)state;
    (void)note(&members, "a", MEMBER_HERE, QUEUES_A, 1);
    assert_true(member_consumes(&members.list[0], 0));
    assert_false(member_consumes(&members.list[0], 1));
    assert_true(member_consumes(&members.list[0], 15));
    assert_false(member_consumes(&members.list[0], 16)); /* it said nothing of that */
    members_done(&members);
}

static void there_is_an_end_to_them_and_to_their_names(void **state)
{
    struct members members = {0};
    char name[MEMBER_NAME_MAX + 2];

    (void)state;
    for (int i = 0; i < MEMBERS_MAX + 3; i++) {
        snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(note(&members, name, MEMBER_HERE, QUEUES_A, 1), i < MEMBERS_MAX);
    }
    assert_int_equal(members.count, MEMBERS_MAX);
    members_done(&members);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_false(note(&members, name, MEMBER_HERE, QUEUES_A, 1));
    assert_int_equal(members.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(who_comes_goes_or_has_other_queues_is_news_and_the_rest_is_not),
        cmocka_unit_test(who_is_silent_for_too_long_is_forgotten),
        cmocka_unit_test(who_consumes_from_what_is_known_by_the_bits),
        cmocka_unit_test(there_is_an_end_to_them_and_to_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
