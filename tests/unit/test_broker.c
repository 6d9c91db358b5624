#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "bus/broker.h"

static void a_version_is_read_as_brokers_write_it(void **state)
{
    static const struct {
        const char *version;
        unsigned major, minor, patch;
    } all[] = {{"3.10.8", 3, 10, 8}, {"4.1.0-rc.2", 4, 1, 0}, {"3.13.7+12.gabc", 3, 13, 7}, {"4.0", 4, 0, 0}};
    struct broker b;

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        broker_name(&b, "RabbitMQ", all[i].version);
        assert_true(b.is_known);
        assert_int_equal(b.major, all[i].major);
        assert_int_equal(b.minor, all[i].minor);
        assert_int_equal(b.patch, all[i].patch);
        assert_string_equal(b.version, all[i].version);
    }
}

static void of_what_is_not_known_nothing_is_assumed(void **state)
{
    static const char *const all[][2] = {{"RabbitMQ", ""}, {"RabbitMQ", "next"}, {"RabbitMQ", "4"},
                                         {"", "3.10.8"},   {"LavinMQ", "2.0.0"}, {"RabbitMQ", "-3.10"}};
    struct broker b;

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        size_t at = 0;
        broker_name(&b, all[i][0], all[i][1]);
        assert_false(b.is_known);
        assert_false(broker_is_from(&b, 0, 0));
        assert_null(broker_trait(&b, &at));
    }
}

static void versions_are_compared_as_numbers(void **state)
{
    struct broker b;

    (void)state;
    broker_name(&b, "RabbitMQ", "3.10.8");
    assert_true(broker_is_from(&b, 3, 8));
    assert_true(broker_is_from(&b, 3, 10));
    assert_false(broker_is_from(&b, 3, 11));
    assert_false(broker_is_from(&b, 4, 0));
    broker_name(&b, "RabbitMQ", "4.0.2");
    assert_true(broker_is_from(&b, 3, 13));
    assert_true(broker_is_from(&b, 4, 0));
}

static bool says(const char *version, const char *words, bool *trouble)
{
    const struct broker_trait *t;
    struct broker b;

    broker_name(&b, "RabbitMQ", version);
    for (size_t at = 0; (t = broker_trait(&b, &at)) != NULL;)
        if (strstr(t->is_so, words) != NULL) {
            *trouble = t->is_trouble;
            return true;
        }
    return false;
}

static void each_version_has_what_is_so_of_it_and_no_more(void **state)
{
    static const struct {
        const char *words;
        bool is_trouble;
        const char *so[3], *not_so[3];
    } all[] = {
        {"knows no quorum queues", true, {"3.7.28"}, {"3.8.0", "3.10.8", "4.0.0"}},
        {"x-dead-letter-strategy", true, {"3.8.0", "3.9.29"}, {"3.7.28", "3.10.0", "4.1.0"}},
        {"CC header", false, {"3.10.8", "3.13.7"}, {"4.0.0", "4.3.0"}},
        {"reject and nack", false, {"3.10.8", "4.2.1"}, {"4.3.0"}},
        {"x-delivery-limit", false, {"4.0.0", "4.3.0"}, {"3.10.8", "3.13.7"}},
    };
    bool trouble;

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        for (size_t j = 0; j < 3 && all[i].so[j] != NULL; j++) {
            if (!says(all[i].so[j], all[i].words, &trouble))
                fail_msg("%s is not told that: %s", all[i].so[j], all[i].words);
            assert_int_equal(trouble, all[i].is_trouble);
        }
        for (size_t j = 0; j < 3 && all[i].not_so[j] != NULL; j++)
            if (says(all[i].not_so[j], all[i].words, &trouble))
                fail_msg("%s is told that: %s", all[i].not_so[j], all[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_read_as_brokers_write_it),
        cmocka_unit_test(of_what_is_not_known_nothing_is_assumed),
        cmocka_unit_test(versions_are_compared_as_numbers),
        cmocka_unit_test(each_version_has_what_is_so_of_it_and_no_more),
    };

    return cmocka_run_group_tests_name("broker", tests, NULL, NULL);
}
