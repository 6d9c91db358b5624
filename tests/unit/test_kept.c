// with: fake_hv.c
// with: fake_host.c
#include "fake_host.h"

#include "handlers/handlers.h"
#include "handlers/kept.h"

static struct define_request request;
static struct err e;

static int set_up(void **state)
{
    struct fake_host *fake;

    if (fake_host_open(state) != 0)
        return -1;
    fake = *state;
    fake_define(fake, UUID_1, "", 1);
    request = (struct define_request){.to = fake_address(HOST_A)};
    fake->work = (struct work){
        .handler = &define_handler, .host = &fake->host, .ledger = fake->ledger, .id = "id", .request = &request};
    return 0;
}

static void must(bool ok)
{
    if (!ok)
        fail_msg("%s", e.text);
}

static void lose(struct fake_host *fake)
{
    memset(fake->host.hv->secrets, 0, sizeof(fake->host.hv->secrets));
}

static struct dek recalled(struct fake_host *fake, const struct secret_row *row)
{
    struct addressed to = {row->host, row->key};
    struct seal_use use = {&to, &row->uuid};
    struct dek dek = {0};

    must(host_keys_recall(&fake->keys, &use, &row->sealed, &dek, &e));
    return dek;
}

static void assert_dek(const struct dek *dek, uint8_t fill)
{
    const struct dek want = fake_dek(fill);

    assert_int_equal(dek->len, want.len);
    assert_memory_equal(dek->data, want.data, want.len);
}

static void finds_the_row_of_the_requests_identity(void **state)
{
    struct fake_host *fake = *state;
    struct secret_row row;
    bool found;

    must(kept_find(&fake->work, &row, &found, &e));
    assert_true(found);
    assert_string_equal(row.uuid.text, UUID_1);
    request.to.key.key_version = 2;
    must(kept_find(&fake->work, &row, &found, &e));
    assert_false(found);
}

static void of_two_rows_the_one_that_should_be_there_comes_first(void **state)
{
    static const enum secret_state states[] = {SECRET_ACTIVE, SECRET_RESTORING};
    struct fake_host *fake = *state;
    struct secret_row row = *fake_kept(fake), other = row;
    bool found;

    other.uuid = fake_uuid(UUID_2);
    other.state = SECRET_DEFINING;
    other.changed_ms = row.changed_ms + 1000;
    must(secret_row_write(fake->ledger, &other, &e));
    for (size_t i = 0; i < COUNT(states); i++) {
        row.state = states[i];
        must(secret_row_write(fake->ledger, &row, &e));
        must(kept_find(&fake->work, &row, &found, &e));
        assert_string_equal(row.uuid.text, UUID_1);
        assert_true(kept_is_due(&row));
    }
    assert_false(kept_is_due(&other));
}

static void a_row_is_as_libvirt_would_show_it(void **state)
{
    struct fake_host *fake = *state;
    struct held held = {0};

    kept_held(fake_kept(fake), &held);
    assert_memory_equal(&held.secret, &fake_secret_at(fake->host.hv, UUID_1)->secret, sizeof(held.secret));
    assert_string_equal(held.mark.by, MADE_BY_REQUEST);
}

static void a_row_that_is_composed_holds_the_dek_sealed_for_this_very_secret(void **state)
{
    struct fake_host *fake = *state;
    const struct uuid uuid = fake_uuid(UUID_2);
    const struct dek dek = fake_dek(3);
    struct secret_row row = {0};
    struct mark mark = {.text = "for web-1"};
    struct dek opened;

    must(kept_compose(&fake->work, &uuid, &mark, &dek, SECRET_DEFINING, &row, &e));
    assert_string_equal(row.host.text, HOST_A);
    assert_string_equal(row.uuid.text, UUID_2);
    assert_true(secret_key_equal(&row.key, &request.to.key));
    assert_int_equal(row.state, SECRET_DEFINING);
    opened = recalled(fake, &row);
    assert_dek(&opened, 3);
    row.uuid = fake_uuid(UUID_1); /* it does not open as another's */
    assert_false(host_keys_recall(&fake->keys, &(struct seal_use){&request.to, &row.uuid}, &row.sealed, &opened, &e));
}

static void the_same_dek_is_not_sealed_again_and_another_one_is(void **state)
{
    struct fake_host *fake = *state;
    struct secret_row row = *fake_kept(fake);
    const struct dek same = fake_dek(1), other = fake_dek(2);
    const struct uuid uuid = row.uuid;
    struct mark mark = fake_mark(fake, UUID_1);
    struct dek opened;

    must(kept_compose(&fake->work, &uuid, &mark, &same, SECRET_ACTIVE, &row, &e));
    assert_int_equal(row.sealed.len, 0);
    kept_write(&fake->work, &row);
    must(secret_row_write(fake->ledger, &fake->work.record.changes[0].row, &e));
    opened = recalled(fake, fake_kept(fake)); /* it has stayed */
    assert_dek(&opened, 1);

    row = *fake_kept(fake);
    mark.digest[0] = mark.digest[0] == '0' ? '1' : '0';
    must(kept_compose(&fake->work, &uuid, &mark, &other, SECRET_ACTIVE, &row, &e));
    opened = recalled(fake, &row);
    assert_dek(&opened, 2);
    row.sealed.len = 0;
}

static void without_a_key_nothing_is_composed(void **state)
{
    struct fake_host *fake = *state;
    const struct uuid uuid = fake_uuid(UUID_2);
    const struct dek dek = fake_dek(3);
    const struct mark mark = {0};
    struct secret_row row = {0};

    strcpy(fake->keys.path, "/nowhere/key");
    assert_false(kept_compose(&fake->work, &uuid, &mark, &dek, SECRET_ACTIVE, &row, &e));
    assert_int_equal(e.kind, ERR_KEYS_MISSING);
}

static void a_change_of_state_or_mark_is_of_a_row_that_is_known_and_leaves_the_rest(void **state)
{
    struct fake_host *fake = *state;
    const struct uuid known = fake_uuid(UUID_1), unknown = fake_uuid(UUID_2);
    const struct mark mark = {.text = "another"};
    struct record *record = &fake->work.record;

    must(kept_state(&fake->work, &unknown, SECRET_DELETING, &e) && kept_mark(&fake->work, &unknown, &mark, &e));
    assert_int_equal(record->change_count, 0);
    must(kept_state(&fake->work, &known, SECRET_DELETING, &e) && kept_mark(&fake->work, &known, &mark, &e));
    assert_int_equal(record->change_count, 2);
    assert_int_equal(record->changes[0].row.state, SECRET_DELETING);
    assert_string_equal(record->changes[0].row.mark, fake_kept(fake)->mark);
    assert_int_equal(record->changes[1].row.state, SECRET_ACTIVE);
    assert_string_not_equal(record->changes[1].row.mark, fake_kept(fake)->mark);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(record->changes[i].row.sealed.len, 0);
}

static void a_new_mark_does_not_say_that_it_was_restored(void **state)
{
    struct fake_host *fake = *state;
    struct secret_row row = *fake_kept(fake);
    const struct mark mark = {.text = "another"};

    row.state = SECRET_RESTORING;
    must(secret_row_write(fake->ledger, &row, &e) && kept_mark(&fake->work, &row.uuid, &mark, &e));
    assert_int_equal(fake->work.record.changes[0].row.state, SECRET_RESTORING);
}

static void an_undone_delete_stays_unless_it_may_have_been_done(void **state)
{
    static const enum effect effects[] = {EFFECT_UNKNOWN, EFFECT_NONE};
    struct fake_host *fake = *state;
    struct record *record = &fake->work.record;

    for (size_t i = 0; i < COUNT(effects); i++) {
        record->secret_uuid = fake_uuid(UUID_1);
        record->change_count = 0;
        fake->work.err.effect = effects[i];
        kept_remove(&fake->work, &record->secret_uuid);
        assert_int_equal(kept_undo_delete(&fake->work), STEP_NEXT);
        assert_int_equal(record->change_count, effects[i] == EFFECT_NONE ? 1 : 0);
    }
    assert_false(record->changes[0].is_removed);
    assert_int_equal(record->changes[0].row.state, SECRET_ACTIVE);
}

static void what_is_restored_is_as_it_was(void **state)
{
    struct fake_host *fake = *state;
    const struct fake_secret before = *fake_secret_at(fake->host.hv, UUID_1);

    lose(fake);
    must(kept_restore(&fake->work, fake_kept(fake), &e));
    assert_memory_equal(&fake_secret_at(fake->host.hv, UUID_1)->secret, &before.secret, sizeof(before.secret));
    assert_dek(&fake_secret_at(fake->host.hv, UUID_1)->value, 1);
}

static void where_libvirt_has_it_otherwise_that_is_a_conflict(void **state)
{
    struct fake_host *fake = *state;

    lose(fake);
    fake_secret_put(fake->host.hv, UUID_2, HV_USAGE_VTPM, USAGE_ID, "");
    assert_false(kept_restore(&fake->work, fake_kept(fake), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
}

static void whoever_dies_while_it_restores_alone_leaves_a_row_that_says_so(void **state)
{
    struct fake_host *fake = *state;
    const struct secret_row row = *fake_kept(fake);
    struct dek opened;

    lose(fake);
    fake_fault_set(fake->host.hv, 1, FAULT_LOST_HALF);
    assert_false(kept_restore_alone(&fake->work, &row, &e));
    assert_int_equal(e.kind, ERR_HYPERVISOR_AWAY);
    assert_int_equal(fake_kept(fake)->state, SECRET_RESTORING);
    assert_false(fake_secret_at(fake->host.hv, UUID_1)->has_value);
    must(kept_restore_alone(&fake->work, fake_kept(fake), &e));
    assert_int_equal(fake_kept(fake)->state, SECRET_ACTIVE);
    assert_true(fake_secret_at(fake->host.hv, UUID_1)->has_value);
    opened = recalled(fake, fake_kept(fake));
    assert_dek(&opened, 1);
}

static void all_is_sealed_anew_before_keys_are_forgotten_and_what_is_lost_is_passed_over(void **state)
{
    struct fake_host *fake = *state;
    const struct secret_row first = *fake_kept(fake);
    struct secret_row row = first;
    struct public_key key;
    struct dek opened;
    bool is_new, found;

    row.uuid = fake_uuid(UUID_2); /* its copy is another UUID's: it does not open */
    must(secret_row_write(fake->ledger, &row, &e));
    must(host_keys_rotate(&fake->keys, "rotation", &key, &is_new, &e));
    must(kept_reseal(&fake->work, &e));
    must(host_keys_retire(&fake->keys, "retirement", &key, &key, &e));
    must(secret_row_get(fake->ledger, &first.host, &first.uuid, &row, &found, &e));
    assert_memory_not_equal(&row.sealed, &first.sealed, sizeof(row.sealed));
    opened = recalled(fake, &row);
    assert_dek(&opened, 1);
    assert_false(
        host_keys_recall(&fake->keys, &(struct seal_use){&request.to, &first.uuid}, &first.sealed, &opened, &e));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_host_close)
    const struct CMUnitTest tests[] = {
        TEST(finds_the_row_of_the_requests_identity),
        TEST(of_two_rows_the_one_that_should_be_there_comes_first),
        TEST(a_row_is_as_libvirt_would_show_it),
        TEST(a_row_that_is_composed_holds_the_dek_sealed_for_this_very_secret),
        TEST(the_same_dek_is_not_sealed_again_and_another_one_is),
        TEST(without_a_key_nothing_is_composed),
        TEST(a_change_of_state_or_mark_is_of_a_row_that_is_known_and_leaves_the_rest),
        TEST(a_new_mark_does_not_say_that_it_was_restored),
        TEST(an_undone_delete_stays_unless_it_may_have_been_done),
        TEST(what_is_restored_is_as_it_was),
        TEST(where_libvirt_has_it_otherwise_that_is_a_conflict),
        TEST(whoever_dies_while_it_restores_alone_leaves_a_row_that_says_so),
        TEST(all_is_sealed_anew_before_keys_are_forgotten_and_what_is_lost_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
