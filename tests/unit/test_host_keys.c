#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers/host_keys.h"

static const struct uuid host = {"aaaaaaaa-0000-4000-8000-00000000000a"};
#define FILE_NAME "/aaaaaaaa00004000800000000000000a.key"

static char folder[32];
static struct vault *vault;
static struct host_keys keys;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/keyferry-keys-XXXXXX");
    return mkdtemp(folder) == NULL || !vault_open(4, &vault, &e) ||
           !host_keys_open(folder, NULL, &host, vault, &keys, &e);
}

/* Nothing but the one file is left in the folder, and every slot is back. */
static int tear_down(void **state)
{
    void *slots[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_non_null(slots[i] = vault_take(vault));
    for (size_t i = 0; i < 4; i++)
        vault_give(vault, slots[i]);
    vault_close(vault);
    unlink(keys.path);
    return rmdir(folder);
}

static struct public_key current(void)
{
    struct public_key key;

    if (!host_keys_current(&keys, &key, &e))
        fail_msg("%s", e.text);
    return key;
}

static bool is_new; /* what the last rotation said of its key */

static struct public_key rotated(const char *id)
{
    struct public_key key;

    if (!host_keys_rotate(&keys, id, &key, &is_new, &e))
        fail_msg("%s", e.text);
    return key;
}

static struct public_key retired(const char *id)
{
    struct public_key oldest = current(), key;

    if (!host_keys_retire(&keys, id, &oldest, &key, &e))
        fail_msg("%s", e.text);
    return key;
}

static bool is_same(struct public_key a, struct public_key b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static const struct addressed to = {.host_uuid = {"aaaaaaaa-0000-4000-8000-00000000000a"}};
static const struct uuid none = {""};
static const struct seal_use use = {&to, &none};

static struct sealed_dek seal_to(struct public_key recipient)
{
    const uint8_t ephemeral[HPKE_KEY_BYTES] = {5};
    const struct dek dek = {3, "dek"};
    struct sealed_dek sealed;

    assert_true(seal_seal(SEAL_BOUND, ephemeral, &recipient, &use, &dek, &sealed, &e));
    return sealed;
}

static bool opens(struct sealed_dek sealed)
{
    struct dek dek;

    return host_keys_unseal(&keys, SEAL_BOUND, &use, &sealed, &dek, &e) && dek.len == 3 &&
           memcmp(dek.data, "dek", 3) == 0;
}

static void assert_unusable(enum err_kind kind, const char *code)
{
    struct public_key key;

    assert_false(host_keys_current(&keys, &key, &e));
    assert_int_equal(e.kind, kind);
    assert_string_equal(e.code, code);
    assert_non_null(strstr(e.text, keys.path));
    assert_false(host_keys_rotate(&keys, "an-id", &key, &is_new, &e));
    assert_int_equal(e.kind, kind);
    assert_false(host_keys_retire(&keys, "an-id", &key, &key, &e));
    assert_int_equal(e.kind, kind);
    assert_false(opens((struct sealed_dek){60, {0, 3}}));
    assert_int_equal(e.kind, kind);
}

static void makes_a_key_that_only_we_can_read_and_keeps_it(void **state)
{
    struct public_key first = current();
    struct stat st;

    (void)state;
    assert_int_equal(first.len, PUBLIC_KEY_BYTES);
    assert_string_equal(keys.path + strlen(folder), FILE_NAME);
    assert_int_equal(stat(keys.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(host_keys_open(folder, NULL, &host, vault, &keys, &e));
    assert_true(is_same(current(), first));
    assert_true(opens(seal_to(first)));
}

static void a_rotation_keeps_the_earlier_keys_for_opening(void **state)
{
    struct public_key first = current(), second = rotated("r-1"), third = rotated("r-2");

    (void)state;
    assert_false(is_same(first, second) || is_same(second, third));
    assert_true(is_same(current(), third));
    assert_true(opens(seal_to(first)) && opens(seal_to(second)) && opens(seal_to(third)));
}

static void a_rotation_is_done_once_for_one_id(void **state)
{
    struct public_key second = rotated("r-1"), third = rotated("r-2");

    (void)state;
    assert_true(is_new);
    assert_true(is_same(rotated("r-1"), second));
    assert_false(is_new);
    assert_true(is_same(rotated("r-2"), third));
    assert_true(is_same(current(), third));
}

static void retiring_forgets_the_earlier_keys_once_for_one_id(void **state)
{
    struct public_key first = current(), second = rotated("r-1");

    (void)state;
    assert_true(is_same(retired("r-2"), second));
    assert_true(is_same(current(), second));
    assert_true(opens(seal_to(second)));
    assert_false(opens(seal_to(first)));
    assert_string_equal(e.code, "KEY_AGENT_ENVELOPE_INVALID");

    rotated("r-3");
    retired("r-2"); /* delivered again */
    assert_true(opens(seal_to(second)));
}

static void a_key_made_while_others_are_retired_does_not_take_the_last_one_with_it(void **state)
{
    struct public_key first = current(), second = rotated("r-1"), third = rotated("r-2"), key;

    (void)state;
    assert_true(host_keys_retire(&keys, "r-3", &second, &key, &e));
    assert_true(is_same(key, third) && is_same(current(), third));
    assert_true(opens(seal_to(third)) && opens(seal_to(second)));
    assert_false(opens(seal_to(first)));
    assert_true(host_keys_retire(&keys, "r-4", &first, &key, &e)); /* gone already: nothing earlier is left */
    assert_true(opens(seal_to(third)) && opens(seal_to(second)));
}

static struct sealed_dek kept(void)
{
    const struct dek dek = {3, "dek"};
    struct sealed_dek sealed;

    if (!host_keys_keep(&keys, &use, &dek, &sealed, &e))
        fail_msg("%s", e.text);
    return sealed;
}

static bool recalls(struct sealed_dek sealed)
{
    struct dek dek;

    return host_keys_recall(&keys, &use, &sealed, &dek, &e) && dek.len == 3 && memcmp(dek.data, "dek", 3) == 0;
}

static void what_is_kept_opens_until_its_key_is_retired(void **state)
{
    struct sealed_dek first = kept(), again = kept(), second;

    (void)state;
    assert_memory_not_equal(&first, &again, sizeof(first));
    assert_false(opens(first));
    rotated("r-1");
    second = kept();
    assert_true(recalls(first) && recalls(again) && recalls(second));
    assert_false(recalls(seal_to(current())));
    retired("r-2");
    assert_true(recalls(second));
    assert_false(recalls(first));
    assert_int_equal(e.kind, ERR_ENVELOPE);
    assert_int_equal(unlink(keys.path), 0);
    assert_false(recalls(second));
    assert_int_equal(e.kind, ERR_KEYS_MISSING);
    assert_false(host_keys_keep(&keys, &use, &(struct dek){3, "dek"}, &second, &e));
    assert_int_equal(e.kind, ERR_KEYS_MISSING);
}

static void more_keys_than_there_is_room_for_are_refused_and_nothing_is_lost(void **state)
{
    struct public_key first = current(), key;
    char id[16];

    (void)state;
    for (int i = 1; i < HOST_KEYS_MAX; i++) {
        snprintf(id, sizeof(id), "r-%d", i);
        rotated(id);
    }
    assert_false(host_keys_rotate(&keys, "one-more", &key, &is_new, &e));
    assert_non_null(strstr(e.text, "retire"));
    assert_true(opens(seal_to(first)));
    retired("then");
    rotated("one-more");
}

static void a_file_that_is_gone_is_told_and_not_made_again_while_we_run(void **state)
{
    (void)state;
    assert_int_equal(unlink(keys.path), 0);
    assert_unusable(ERR_KEYS_MISSING, "KEY_AGENT_KEYS_NOT_ON_DISK");
    assert_int_equal(access(keys.path, F_OK), -1);
    assert_true(host_keys_open(folder, NULL, &host, vault, &keys, &e)); /* the next start */
    current();
}

static void a_change_of_any_byte_is_told(void **state)
{
    int fd = open(keys.path, O_RDWR);
    struct public_key key;
    struct stat st;

    (void)state;
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = 0; at < st.st_size; at++) {
        uint8_t byte, changed;

        assert_int_equal(pread(fd, &byte, 1, at), 1);
        changed = byte ^ 0x10;
        assert_int_equal(pwrite(fd, &changed, 1, at), 1);
        assert_false(host_keys_current(&keys, &key, &e));
        assert_string_equal(e.code, "KEY_AGENT_KEY_FILES_INTEGRITY_MISMATCH");
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    current();
    assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
    close(fd);
    assert_unusable(ERR_KEYS_DAMAGED, "KEY_AGENT_KEY_FILES_INTEGRITY_MISMATCH");
    assert_true(host_keys_open(folder, NULL, &host, vault, &keys, &e)); /* it is not made again */
    assert_unusable(ERR_KEYS_DAMAGED, "KEY_AGENT_KEY_FILES_INTEGRITY_MISMATCH");
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(keys.path, 0640), 0);
    assert_unusable(ERR_KEYS_DAMAGED, "KEY_AGENT_KEY_FILES_INTEGRITY_MISMATCH");
    assert_non_null(strstr(e.text, "chmod 600"));
}

static void a_pipe_in_its_place_is_refused_and_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(unlink(keys.path), 0);
    assert_int_equal(mkfifo(keys.path, 0600), 0);
    alarm(10);
    assert_unusable(ERR_KEYS_DAMAGED, "KEY_AGENT_KEY_FILES_INTEGRITY_MISMATCH");
    alarm(0);
}

static void a_file_of_another_user_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return; /* only root can give a file away */
    assert_int_equal(chown(keys.path, 65534, 65534), 0);
    assert_unusable(ERR_KEYS_DAMAGED, "KEY_AGENT_KEY_FILES_INTEGRITY_MISMATCH");
    assert_non_null(strstr(e.text, "chown"));
}

static void a_credential_comes_before_the_state_folder_and_is_not_changed(void **state)
{
    struct public_key first = current(), key;

    (void)state;
    assert_int_equal(chmod(keys.path, 0440), 0); /* as systemd leaves it */
    assert_true(host_keys_open("/proc/none", folder, &host, vault, &keys, &e));
    assert_true(is_same(current(), first));
    assert_false(host_keys_rotate(&keys, "r-1", &key, &is_new, &e));
    assert_non_null(strstr(e.text, "credential"));
    assert_false(host_keys_retire(&keys, "r-1", &key, &key, &e));
    assert_true(is_same(current(), first));
}

static void says_where_it_cannot_make_a_file(void **state)
{
    (void)state;
    assert_false(host_keys_open("/proc/none", "/proc/none", &host, vault, &keys, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_non_null(strstr(e.text, "/proc/none" FILE_NAME));
    assert_true(host_keys_open(folder, NULL, &host, vault, &keys, &e));
}

static void what_a_crash_left_is_in_nobodys_way(void **state)
{
    char fresh[sizeof(keys.path) + 16];
    int fd;

    (void)state;
    snprintf(fresh, sizeof(fresh), "%s.%d", keys.path, (int)getpid());
    fd = open(fresh, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    rotated("r-1");
    assert_int_equal(access(fresh, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_a_key_that_only_we_can_read_and_keeps_it),
        TEST(a_rotation_keeps_the_earlier_keys_for_opening),
        TEST(a_rotation_is_done_once_for_one_id),
        TEST(retiring_forgets_the_earlier_keys_once_for_one_id),
        TEST(a_key_made_while_others_are_retired_does_not_take_the_last_one_with_it),
        TEST(what_is_kept_opens_until_its_key_is_retired),
        TEST(more_keys_than_there_is_room_for_are_refused_and_nothing_is_lost),
        TEST(a_file_that_is_gone_is_told_and_not_made_again_while_we_run),
        TEST(a_change_of_any_byte_is_told),
        TEST(a_file_that_others_may_read_is_refused),
        TEST(a_pipe_in_its_place_is_refused_and_not_waited_for),
        TEST(a_file_of_another_user_is_refused),
        TEST(a_credential_comes_before_the_state_folder_and_is_not_changed),
        TEST(says_where_it_cannot_make_a_file),
        TEST(what_a_crash_left_is_in_nobodys_way),
    };

    return cmocka_run_group_tests_name("host keys", tests, NULL, NULL);
}
