#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "worker/roster.h"

/* Not in the order of their names, in which announcements speak of them. */
static const char *const queues[] = {"q.3", "q.1", "q.2"};
static struct roster roster;

static int set_up(void **state)
{
    struct err e;

    (void)state;
    return roster_init(&roster, "self", queues, COUNT(queues), &e) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    roster_done(&roster);
    return 0;
}

/* `bits`: a 1 in 0x80, 0x40 and 0x20 for q.1, q.2 and q.3. */
static void say(const char *name, const char *digest, uint8_t bits)
{
    struct announcement what = {.pid = 17, .word = MEMBER_HERE, .consuming = malloc(1), .bytes = 1};

    strcpy(what.queues, digest);
    what.consuming[0] = bits;
    (void)members_note(&roster.members, name, &what, 0);
    roster_place(&roster);
}

static void who_is_alone_is_first_and_best_of_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(queues); i++) {
        assert_null(roster_first(&roster, i));
        assert_false(roster_is_consumed(&roster, i));
    }
    assert_true(roster_is_best(&roster, "anything"));
    assert_false(roster_has(&roster, 17));
    say("other", roster.digest, 0);
    assert_true(roster_has(&roster, 17));
    assert_false(roster_has(&roster, 18));
}

static void what_members_consume_is_told_by_their_bits_in_the_order_of_names(void **state)
{
    (void)state;
    say("other", roster.digest, 0x80); /* q.1 */
    assert_false(roster_is_consumed(&roster, 0));
    assert_true(roster_is_consumed(&roster, 1));
    assert_false(roster_is_consumed(&roster, 2));
    say("third", roster.digest, 0x20); /* q.3 */
    assert_true(roster_is_consumed(&roster, 0));
    assert_true(roster_is_consumed(&roster, 1));
}

static void who_has_other_queues_takes_nothing_away(void **state)
{
    char digest[DIGEST_CHARS + 1];

    (void)state;
    strcpy(digest, roster.digest);
    digest[0] = digest[0] == '0' ? '1' : '0';
    say("stranger", digest, 0xe0);
    for (size_t i = 0; i < COUNT(queues); i++) {
        assert_null(roster_first(&roster, i));
        assert_false(roster_is_consumed(&roster, i));
    }
    assert_true(roster_is_best(&roster, "anything"));
}

static void a_name_is_for_some_and_all_agree_on_whom(void **state)
{
    struct roster others;
    struct err e;
    size_t own = 0;
    char name[] = "host-00";

    (void)state;
    assert_true(roster_init(&others, "other", queues, COUNT(queues), &e));
    say("other", roster.digest, 0);
    (void)members_note(&others.members, "self", &(struct announcement){.pid = 18, .word = MEMBER_HERE, .queues = ""},
                       0);
    strcpy(others.members.list[0].queues, roster.digest);
    roster_place(&others);
    for (int i = 0; i < 50; i++) {
        name[5] = (char)('0' + i / 10);
        name[6] = (char)('0' + i % 10);
        own += roster_is_best(&roster, name);
        assert_true(roster_is_best(&roster, name) != roster_is_best(&others, name));
    }
    assert_in_range(own, 10, 40);
    roster_done(&others);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_is_alone_is_first_and_best_of_all),
        TEST(what_members_consume_is_told_by_their_bits_in_the_order_of_names),
        TEST(who_has_other_queues_takes_nothing_away),
        TEST(a_name_is_for_some_and_all_agree_on_whom),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
