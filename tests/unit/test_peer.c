// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include "handlers/handlers.h"
#include "handlers/peer.h"

/* HOST_A is here. HOST_B's worker and HOST_C's send. */
#define HOST_C "aaaaaaaa-0000-4000-8000-0000000000cc"

static struct uuid served_by_b[] = {{HOST_B}}, served_by_c[] = {{HOST_C}};
static struct peer b = {.mark = "b", .hosts = served_by_b, .host_count = 1};
static struct peer c = {.mark = "c", .hosts = served_by_c, .host_count = 1};

static struct define_request define;
static struct delete_request delete;
static struct post_migrate_request post;

static int set_up(void **state)
{
    define = (struct define_request){.to = fake_address(HOST_A),
                                     .secret_uuid = fake_uuid(UUID_1),
                                     .migration_id = "m-1",
                                     .lease_seconds = 900,
                                     .dek = fake_dek(1)};
    delete = (struct delete_request){.to = fake_address(HOST_A), .migration_id = "m-1"};
    post = (struct post_migrate_request){.to = fake_address(HOST_A),
                                         .src_host_uuid = fake_uuid(HOST_B),
                                         .dst_host_uuid = fake_uuid(HOST_A),
                                         .migration_id = "m-1",
                                         .outcome = "failure"};
    return fake_host_open(state);
}

static void sends(struct fake_host *fake, const struct peer *who, const struct handler *handler, const void *request)
{
    fake->peer = who;
    assert_int_equal(fake_run(fake, handler, request), WORK_DONE);
}

static void succeeds(struct fake_host *fake, const struct peer *who, const struct handler *handler, const void *request)
{
    sends(fake, who, handler, request);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
}

static void fails(struct fake_host *fake, const struct peer *who, const void *request, enum err_kind kind)
{
    sends(fake, who, &define_handler, request);
    assert_true(fake->work.failed);
    assert_int_equal(fake->work.err.kind, kind);
    assert_int_equal(fake->work.err.effect, EFFECT_NONE);
}

static bool deletes(struct fake_host *fake, const struct peer *who)
{
    succeeds(fake, who, &delete_handler, &delete);
    return ((const struct delete_reply *)fake->work.reply)->deleted;
}

/* Permanent, made by a manager, with this DEK. */
static void permanent(struct fake_host *fake, uint8_t fill)
{
    fake->peer = NULL;
    fake_define(fake, UUID_1, "", fill);
}

/* ---- what the fields alone tell ---- */

static void refuses(const struct handler *handler, const void *request, const char *field)
{
    struct err e;

    assert_false(handler->peer_may(&b, request, &e));
    assert_int_equal(e.kind, ERR_SENDER);
    assert_string_equal(e.field, field);
}

static void a_peer_defines_for_a_migration_of_a_vtpm_only(void **state)
{
    struct err e;

    (void)state;
    assert_true(define_handler.peer_may(&b, &define, &e));
    define.migration_id[0] = '\0';
    refuses(&define_handler, &define, "migrationId");
    strcpy(define.migration_id, "m-1");
    define.lease_seconds = 0;
    refuses(&define_handler, &define, "leaseSeconds");
    define.lease_seconds = 900;
    strcpy(define.to.key.purpose, "volume");
    refuses(&define_handler, &define, "purpose");
}

static void a_peer_deletes_for_a_migration_and_without_force_only(void **state)
{
    struct err e;

    (void)state;
    assert_true(delete_handler.peer_may(&b, &delete, &e));
    delete.force = true;
    refuses(&delete_handler, &delete, "force");
    delete.force = false;
    delete.migration_id[0] = '\0';
    refuses(&delete_handler, &delete, "migrationId");
}

static void a_peer_ends_its_own_migrations_to_here_only(void **state)
{
    struct err e;

    (void)state;
    assert_true(post_migrate_handler.peer_may(&b, &post, &e));
    assert_false(post_migrate_handler.peer_may(&c, &post, &e));
    assert_string_equal(e.field, "srcHostUuid");
    post.src_host_uuid = fake_uuid(HOST_A);
    post.dst_host_uuid = fake_uuid(HOST_B);
    refuses(&post_migrate_handler, &post, "hostUuid");
}

/* ---- what depends on what is there ---- */

static void what_a_peer_makes_is_provisional_and_bears_its_mark(void **state)
{
    struct fake_host *fake = *state;

    succeeds(fake, &b, &define_handler, &define);
    assert_string_equal(fake_mark(fake, UUID_1).peer, "b");
    assert_string_equal(fake_mark(fake, UUID_1).migration_id, "m-1");
    assert_false(fake_mark(fake, UUID_1).confirmed);
}

static void the_same_again_is_the_same_secret(void **state)
{
    struct fake_host *fake = *state;

    succeeds(fake, &b, &define_handler, &define);
    succeeds(fake, &b, &define_handler, &define);
    assert_int_equal(fake_secret_count(fake->host.hv), 1);
}

static void a_peer_undoes_what_it_made(void **state)
{
    struct fake_host *fake = *state;

    succeeds(fake, &b, &define_handler, &define);
    assert_true(deletes(fake, &b));
    assert_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void a_peer_does_not_undo_what_another_made(void **state)
{
    struct fake_host *fake = *state;

    succeeds(fake, &b, &define_handler, &define);
    assert_false(deletes(fake, &c));
    post.src_host_uuid = fake_uuid(HOST_C);
    succeeds(fake, &c, &post_migrate_handler, &post);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
    strcpy(post.outcome, "success");
    succeeds(fake, &c, &post_migrate_handler, &post);
    assert_false(fake_mark(fake, UUID_1).confirmed);
}

static void a_peer_does_not_undo_what_a_manager_made_for_the_same_migration(void **state)
{
    struct fake_host *fake = *state;

    fake_define(fake, UUID_1, "m-1", 1);
    assert_false(deletes(fake, &b));
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void a_peer_does_not_undo_what_was_confirmed(void **state)
{
    struct fake_host *fake = *state;

    succeeds(fake, &b, &define_handler, &define);
    strcpy(post.outcome, "success");
    succeeds(fake, &b, &post_migrate_handler, &post);
    assert_true(fake_mark(fake, UUID_1).confirmed);
    assert_false(deletes(fake, &b));
    strcpy(post.outcome, "failure");
    succeeds(fake, &b, &post_migrate_handler, &post);
    assert_non_null(fake_secret_at(fake->host.hv, UUID_1));
}

static void a_manager_undoes_what_a_peer_made(void **state)
{
    struct fake_host *fake = *state;

    succeeds(fake, &b, &define_handler, &define);
    assert_true(deletes(fake, NULL));
}

static void of_what_is_permanent_a_peer_changes_nothing(void **state)
{
    struct fake_host *fake = *state;
    struct mark before, after;

    permanent(fake, 1);
    before = fake_mark(fake, UUID_1);
    strcpy(define.description, "by a peer");
    succeeds(fake, &b, &define_handler, &define);
    assert_false(((const struct define_reply *)fake->work.reply)->created);
    after = fake_mark(fake, UUID_1);
    assert_memory_equal(&after, &before, sizeof(after));
    assert_false(deletes(fake, &b));
    define.dek = fake_dek(2);
    fails(fake, &b, &define, ERR_CONFLICT);
}

/* A VM that comes back must find it: whatever a late post-migrate says of its departure is over. */
static void a_peers_define_clears_leaving(void **state)
{
    struct fake_host *fake = *state;
    struct mark mark;

    permanent(fake, 1);
    mark = fake_mark(fake, UUID_1);
    strcpy(mark.leaving, "m-0");
    fake_mark_set(fake, UUID_1, &mark);
    succeeds(fake, &b, &define_handler, &define);
    assert_string_equal(fake_mark(fake, UUID_1).leaving, "");
}

static void a_peer_does_not_set_what_is_permanent_and_cannot_be_compared(void **state)
{
    struct fake_host *fake = *state;
    struct mark mark;

    permanent(fake, 1);
    mark = fake_mark(fake, UUID_1);
    strcpy(mark.key_name, "ffffffff");
    fake_mark_set(fake, UUID_1, &mark);
    fails(fake, &b, &define, ERR_SENDER);
    define.secret_uuid = fake_uuid(UUID_2);
    fails(fake, &b, &define, ERR_SENDER);
    succeeds(fake, NULL, &define_handler, &(struct define_request){.to = fake_address(HOST_A), .dek = fake_dek(2)});
}

static void a_peer_does_not_adopt_what_is_not_marked(void **state)
{
    struct fake_host *fake = *state;

    fake_secret_put(fake->host.hv, UUID_1, HV_USAGE_VTPM, USAGE_ID, "somebody's");
    fails(fake, &b, &define, ERR_SENDER);
    assert_string_equal(fake_secret_at(fake->host.hv, UUID_1)->secret.description, "somebody's");
}

static void a_newer_migration_of_another_peer_takes_over_what_is_provisional(void **state)
{
    struct fake_host *fake = *state;

    succeeds(fake, &b, &define_handler, &define);
    strcpy(define.migration_id, "m-2");
    succeeds(fake, &c, &define_handler, &define);
    assert_string_equal(fake_mark(fake, UUID_1).peer, "c");
    assert_false(deletes(fake, &b));
    define.dek = fake_dek(2);
    fails(fake, &b, &define, ERR_CONFLICT);
}

static void a_stale_uuid_that_nobody_names_is_replaced_for_a_peer(void **state)
{
    struct fake_host *fake = *state;

    permanent(fake, 1);
    define.secret_uuid = fake_uuid(UUID_2);
    succeeds(fake, &b, &define_handler, &define);
    assert_string_equal(((const struct define_reply *)fake->work.reply)->replaced_secret_uuid.text, UUID_1);
    fake_domain_put(fake->host.hv, VM, "vm");
    fake_vtpm_put(fake->host.hv, VM, "vm", UUID_2);
    define.secret_uuid = fake_uuid(UUID_1);
    fails(fake, &b, &define, ERR_CONFLICT);
}

static void a_define_outside_of_migrations_makes_it_permanent_and_nobodys(void **state)
{
    struct fake_host *fake = *state;

    succeeds(fake, &b, &define_handler, &define);
    permanent(fake, 1);
    assert_string_equal(fake_mark(fake, UUID_1).peer, "");
    assert_false(deletes(fake, &b));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_peer_defines_for_a_migration_of_a_vtpm_only),
        TEST(a_peer_deletes_for_a_migration_and_without_force_only),
        TEST(a_peer_ends_its_own_migrations_to_here_only),
        TEST(what_a_peer_makes_is_provisional_and_bears_its_mark),
        TEST(the_same_again_is_the_same_secret),
        TEST(a_peer_undoes_what_it_made),
        TEST(a_peer_does_not_undo_what_another_made),
        TEST(a_peer_does_not_undo_what_a_manager_made_for_the_same_migration),
        TEST(a_peer_does_not_undo_what_was_confirmed),
        TEST(a_manager_undoes_what_a_peer_made),
        TEST(of_what_is_permanent_a_peer_changes_nothing),
        TEST(a_peers_define_clears_leaving),
        TEST(a_peer_does_not_set_what_is_permanent_and_cannot_be_compared),
        TEST(a_peer_does_not_adopt_what_is_not_marked),
        TEST(a_newer_migration_of_another_peer_takes_over_what_is_provisional),
        TEST(a_stale_uuid_that_nobody_names_is_replaced_for_a_peer),
        TEST(a_define_outside_of_migrations_makes_it_permanent_and_nobodys),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
