// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include "handlers/handlers.h"
#include "schemas/version.h"

static const struct capabilities_reply *ask(struct fake_host *fake)
{
    const struct capabilities_request request = {.to.host_uuid = fake_uuid(HOST_A)};

    assert_int_equal(fake_run(fake, &capabilities_handler, &request), WORK_DONE);
    assert_false(fake->work.failed);
    return (const struct capabilities_reply *)fake->work.reply;
}

static bool lists(const struct text_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->texts[i], text) == 0)
            return true;
    return false;
}

static void names_each_message_that_has_a_handler(void **state)
{
    const struct capabilities_reply *reply = ask(*state);
    const struct handler *h;
    size_t count = 0;

    for (; (h = handler_at(count)) != NULL; count++)
        assert_true(lists(&reply->messages, h->message->name));
    assert_int_equal(reply->messages.count, count);
}

static void tells_its_version_and_what_the_configuration_opens(void **state)
{
    static const char *const words[] = {[SEAL_BOUND] = "bound", [SEAL_COMPATIBLE] = "compatible", [SEAL_BOTH] = "both"};
    struct fake_host *fake = *state;

    for (size_t i = 0; i < COUNT(words); i++) {
        fake->host.envelope = (enum seal_layout)i;
        fake->host.plaintext_dek = i == 0 ? "refuse" : "allow";
        const struct capabilities_reply *reply = ask(fake);
        assert_string_equal(reply->version, KEYFERRY_VERSION);
        assert_string_equal(reply->envelope, words[i]);
        assert_string_equal(reply->plaintext_dek, i == 0 ? "refuse" : "allow");
        assert_int_equal(reply->suites.count, seal_suites((enum seal_layout)i).count);
    }
}

static void tells_whether_libvirt_is_there_and_what_the_worker_has_in_hand(void **state)
{
    struct fake_host *fake = *state;
    const struct capabilities_reply *reply = ask(fake);
    struct err e;

    assert_int_equal(reply->libvirt_up, YES);
    assert_string_equal(reply->why, "");
    assert_int_equal(reply->in_flight, 0);
    fake->host.hv->down = true;
    fake->work.load = (struct load){.in_hand = 3, .oldest_ms = 5000};
    assert_int_equal(capabilities_handler.steps[0].run(&fake->work, &e), STEP_NEXT);
    assert_int_equal(reply->libvirt_up, NO);
    assert_string_equal(reply->why, "it is down"); /* one line, which a reply can hold */
    assert_int_equal(reply->in_flight, 3);
    assert_int_equal(reply->oldest_ms, 5000);
}

static void changes_nothing_and_has_nothing_to_tell(void **state)
{
    struct fake_host *fake = *state;
    struct host_event event;

    ask(fake);
    assert_false(fake->work.begun);
    assert_false(work_event(&fake->work, &event));
}

/* Lists are not in the ledger: they are filled in anew. */
static void a_recorded_reply_gets_its_lists_back(void **state)
{
    struct fake_host *fake = *state;
    struct capabilities_reply before = *ask(fake), *reply = (struct capabilities_reply *)fake->work.reply;

    memset(&reply->messages, 0, sizeof(reply->messages));
    memset(&reply->suites, 0, sizeof(reply->suites));
    capabilities_handler.recall(&fake->work);
    assert_memory_equal(reply, &before, sizeof(before));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_host_open, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_each_message_that_has_a_handler),
        TEST(tells_its_version_and_what_the_configuration_opens),
        TEST(tells_whether_libvirt_is_there_and_what_the_worker_has_in_hand),
        TEST(changes_nothing_and_has_nothing_to_tell),
        TEST(a_recorded_reply_gets_its_lists_back),
    };

    return cmocka_run_group_tests_name("capabilities", tests, NULL, NULL);
}
