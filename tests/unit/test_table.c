#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "handlers/handlers.h"
#include "handlers/work.h"

static void each_handler_is_found_by_its_message(void **state)
{
    size_t count = 0;

    (void)state;
    for (const struct handler *h; (h = handler_at(count)) != NULL; count++)
        assert_ptr_equal(handler_find(h->message->name), h);
    assert_int_equal(count, 10);
    assert_null(handler_find("HostCapabilitiesPutMsg"));
    assert_null(handler_find(""));
    assert_null(handler_at(SIZE_MAX));
}

static void every_step_can_be_driven(void **state)
{
    const struct handler *h;

    (void)state;
    for (size_t i = 0; (h = handler_at(i)) != NULL; i++) {
        assert_in_range(h->count, 1, 8);
        assert_in_range(h->notes_bytes, 0, VAULT_SLOT_BYTES);
        assert_in_range(h->message->reply->size, 1, WORK_REPLY_MAX_BYTES);
        for (size_t s = 0; s < h->count; s++) {
            assert_non_null(h->steps[s].name);
            assert_non_null(h->steps[s].run);
        }
    }
}

static void what_has_an_identity_acts_in_its_order(void **state)
{
    const struct handler *h;

    (void)state;
    for (size_t i = 0; (h = handler_at(i)) != NULL; i++)
        assert_int_equal(h->lane, h == &resolve_handler || h == &host_key_get_handler ||
                                          h == &host_key_rotate_handler || h == &reconcile_handler ||
                                          h == &capabilities_handler
                                      ? LANE_NONE
                                      : LANE_IDENTITY);
}

/* Contract 8: readers get, resolve, and ask for keys and capabilities; managers send all; peers send what a migration needs. */
static void each_role_may_send_its_messages_and_no_others(void **state)
{
    static const struct {
        const struct handler *handler;
        unsigned senders;
    } want[] = {
        {&define_handler, MAY_MANAGE | MAY_PEER},
        {&get_handler, MAY_MANAGE | MAY_READ},
        {&delete_handler, MAY_MANAGE | MAY_PEER},
        {&resolve_handler, MAY_MANAGE | MAY_READ},
        {&host_key_get_handler, MAY_MANAGE | MAY_READ | MAY_PEER},
        {&host_key_rotate_handler, MAY_MANAGE},
        {&pre_migrate_handler, MAY_MANAGE},
        {&post_migrate_handler, MAY_MANAGE | MAY_PEER},
        {&reconcile_handler, MAY_MANAGE},
        {&capabilities_handler, MAY_MANAGE | MAY_READ},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(want); i++)
        assert_int_equal(want[i].handler->senders, want[i].senders);
    assert_null(handler_at(COUNT(want)));
}

/* What changes something may not be changed by a peer without a rule. */
static void what_a_peer_may_change_has_rules(void **state)
{
    const struct handler *h;

    (void)state;
    for (size_t i = 0; (h = handler_at(i)) != NULL; i++)
        assert_true(!(h->senders & MAY_PEER) || (h->senders & MAY_READ) || h->peer_may != NULL);
}

static void a_post_migrate_that_was_forwarded_waits_for_nobody(void **state)
{
    struct post_migrate_request request = {.src_host_uuid = {"a"}, .dst_host_uuid = {"b"}};

    (void)state;
    request.to.host_uuid = request.src_host_uuid;
    assert_true(post_migrate_handler.waits_for_peers(&request));
    request.to.host_uuid = request.dst_host_uuid;
    assert_false(post_migrate_handler.waits_for_peers(&request));
    assert_true(pre_migrate_handler.waits_for_peers(&request));
    assert_null(define_handler.waits_for_peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_handler_is_found_by_its_message),
        cmocka_unit_test(every_step_can_be_driven),
        cmocka_unit_test(what_has_an_identity_acts_in_its_order),
        cmocka_unit_test(each_role_may_send_its_messages_and_no_others),
        cmocka_unit_test(what_a_peer_may_change_has_rules),
        cmocka_unit_test(a_post_migrate_that_was_forwarded_waits_for_nobody),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
