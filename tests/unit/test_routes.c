#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "worker/routes.h"

static struct host_config hosts[] = {{.uuid = {"11111111-2222-4333-8444-555555555555"}},
                                     {.uuid = {"aaaaaaaa-2222-4333-8444-55555555555b"}}};

static struct config of(int64_t partitions)
{
    return (struct config){.partitions = partitions, .hosts = hosts, .host_count = COUNT(hosts)};
}

static size_t host_of(const struct routes *routes, size_t queue, const char *routing_key)
{
    struct delivery delivery = {.queue = queue};

    strcpy(delivery.routing_key, routing_key);
    return routes_host(routes, &delivery);
}

static void a_host_has_a_queue_of_its_own_and_all_it_brings_is_for_that_host(void **state)
{
    struct config config = of(0);
    struct routes *routes = routes_new(&config);
    struct route route;

    (void)state;
    assert_int_equal(routes_queue_count(&config), 2);
    routes_queue(&config, 1, &route);
    assert_string_equal(route.queue, "keyferry.host.aaaaaaaa22224333844455555555555b");
    assert_string_equal(route.key, "host.aaaaaaaa22224333844455555555555b");
    assert_int_equal(host_of(routes, 0, "host.aaaaaaaa22224333844455555555555b"), 0);
    assert_int_equal(host_of(routes, 1, "anything"), 1);
    routes_free(routes);
}

static void of_partitions_the_routing_key_tells_whatever_the_queue(void **state)
{
    static const char *const nobodys[] = {"",
                                          "host.",
                                          "host.11111111222243338444555555555556",
                                          "host.1111111122224333844455555555555",
                                          "host.111111112222433384445555555555555",
                                          "host.AAAAAAAA22224333844455555555555B",
                                          "host.11111111-2222-4333-8444-555555555555",
                                          "HOST.11111111222243338444555555555555",
                                          "11111111222243338444555555555555",
                                          "partition.0001"};
    struct config config = of(3);
    struct routes *routes = routes_new(&config);

    (void)state;
    for (size_t queue = 0; queue < 3; queue++) {
        assert_int_equal(host_of(routes, queue, "host.11111111222243338444555555555555"), 0);
        assert_int_equal(host_of(routes, queue, "host.aaaaaaaa22224333844455555555555b"), 1);
        for (size_t i = 0; i < COUNT(nobodys); i++)
            assert_int_equal(host_of(routes, queue, nobodys[i]), config.host_count);
    }
    routes_free(routes);
    routes_free(NULL);
}

static void the_names_of_partitions_are_in_order_when_they_are_sorted(void **state)
{
    struct config config = of(1024);
    struct route route, before = {{0}, {0}};

    (void)state;
    assert_int_equal(routes_queue_count(&config), 1024);
    for (size_t i = 0; i < 1024; i++) {
        routes_queue(&config, i, &route);
        assert_true(strcmp(before.queue, route.queue) < 0);
        before = route;
    }
    assert_string_equal(route.queue, "keyferry.partition.1023");
    assert_string_equal(route.key, "partition.1023");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_has_a_queue_of_its_own_and_all_it_brings_is_for_that_host),
        cmocka_unit_test(of_partitions_the_routing_key_tells_whatever_the_queue),
        cmocka_unit_test(the_names_of_partitions_are_in_order_when_they_are_sorted),
    };
    return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
