#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/key_file.h"

/* A state_dir that is not there yet, in a folder that is. */
static char top[] = "/tmp/keyferry-keys-XXXXXX", state_dir[64], path[96];

static int make_top(void **state)
{
    (void)state;
    if (mkdtemp(top) == NULL)
        return -1;
    snprintf(state_dir, sizeof(state_dir), "%s/state", top);
    snprintf(path, sizeof(path), "%s/digest.key", state_dir);
    return 0;
}

static int remove_top(void **state)
{
    (void)state;
    unlink(path);
    rmdir(state_dir);
    return rmdir(top);
}

static void makes_a_key_that_only_we_can_read_and_keeps_it(void **state)
{
    struct digest_key first = {0}, second = {0};
    struct stat st;
    struct err e;

    (void)state;
    assert_true(key_file_digest_key(state_dir, &first, &e));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(state_dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(key_file_digest_key(state_dir, &second, &e));
    assert_memory_equal(first.bytes, second.bytes, DIGEST_KEY_BYTES);
    assert_string_equal(first.name, second.name);
    assert_int_equal(strlen(first.name), DIGEST_KEY_NAME_CHARS);
}

static void refuses_a_key_that_others_can_read(void **state)
{
    struct digest_key key;
    struct err e;

    (void)state;
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(key_file_digest_key(state_dir, &key, &e));
    assert_non_null(strstr(e.text, "chmod 600"));
    assert_int_equal(chmod(path, 0600), 0);
}

static void refuses_a_key_that_was_cut_off(void **state)
{
    struct digest_key key;
    struct err e;

    (void)state;
    assert_int_equal(truncate(path, 31), 0);
    assert_false(key_file_digest_key(state_dir, &key, &e));
    assert_non_null(strstr(e.text, "31 bytes instead of 32"));
}

static void says_which_folder_cannot_be_made(void **state)
{
    struct digest_key key;
    struct err e;

    (void)state;
    assert_false(key_file_digest_key("/proc/none/state", &key, &e));
    assert_int_equal(e.kind, ERR_LOCAL);
    assert_non_null(strstr(e.text, "/proc/none/state"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_key_that_only_we_can_read_and_keeps_it),
        cmocka_unit_test(refuses_a_key_that_others_can_read),
        cmocka_unit_test(refuses_a_key_that_was_cut_off),
        cmocka_unit_test(says_which_folder_cannot_be_made),
    };

    return cmocka_run_group_tests_name("key file", tests, make_top, remove_top);
}
