#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schemas/hosts_dir.h"

#define A "aaaaaaaa-0000-4000-8000-00000000000a"
#define B "bbbbbbbb-0000-4000-8000-00000000000b"

static char folder[64];

/* What was told of, and what to refuse. */
static struct {
    struct host_config hosts[4];
    size_t count;
    bool is_refused;
} taken;

static bool take(void *arg, const struct host_config *host, struct err *e)
{
    assert_ptr_equal(arg, &taken);
    if (taken.is_refused)
        return err_set(e, ERR_CONFIG, "not this one");
    assert_true(taken.count < COUNT(taken.hosts));
    taken.hosts[taken.count++] = *host;
    return true;
}

static bool read_all(struct err *e)
{
    taken.count = 0;
    return hosts_dir_read(folder, take, &taken, e);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/keyferry-hosts-XXXXXX");
    taken.is_refused = false;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void has_a_host_by_the_name_of_its_file_or_by_its_section(void **state)
{
    struct err e;

    (void)state;
    write_file(B ".conf", "libvirt_uri = test:///b\n");
    write_file("AAAAAAAA00004000800000000000000A", "");
    write_file("rack.conf", "# the third\n[host.cccccccc-0000-4000-8000-00000000000c]\n");
    assert_true(read_all(&e));
    assert_int_equal(taken.count, 3);
    assert_string_equal(taken.hosts[0].uuid.text, A);
    assert_string_equal(taken.hosts[0].libvirt_uri, "qemu:///system");
    assert_string_equal(taken.hosts[1].uuid.text, B);
    assert_string_equal(taken.hosts[1].libvirt_uri, "test:///b");
    assert_true(taken.hosts[1].is_of_dir);
    assert_string_equal(taken.hosts[2].uuid.text, "cccccccc-0000-4000-8000-00000000000c");
    remove_file(B ".conf");
    remove_file("AAAAAAAA00004000800000000000000A");
    remove_file("rack.conf");
}

static void leaves_other_names_alone(void **state)
{
    static const char *const names[] = {"README", "." A ".conf", A ".conf~", A ".conf.new", ".conf", "conf"};
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        write_file(names[i], "nonsense");
    assert_true(read_all(&e));
    assert_int_equal(taken.count, 0);
    for (size_t i = 0; i < COUNT(names); i++)
        remove_file(names[i]);
}

static void refuses(const char *name, const char *text, int line, const char *says)
{
    char where[256];
    struct err e;

    write_file(name, text);
    if (read_all(&e))
        fail_msg("accepted: %s", text);
    snprintf(where, sizeof(where), line == 0 ? "%s/%s: " : "%s/%s:%d: ", folder, name, line);
    if (strncmp(e.text, where, strlen(where)) != 0 || strstr(e.text, says) == NULL)
        fail_msg("'%s' is not '%s...%s'", e.text, where, says);
    assert_int_equal(e.kind, ERR_CONFIG);
    remove_file(name);
}

static void names_file_and_line_of_what_is_wrong(void **state)
{
    struct err e;

    (void)state;
    refuses(A ".conf", "uri = x\n", 1, "unknown key 'uri'");
    refuses(A ".conf", "\nlibvirt_uri = x\nlibvirt_uri = y\n", 3, "given twice");
    refuses(A ".conf", "libvirt_uri =\n", 1, "1 to 255");
    refuses(A ".conf", "just words\n", 1, "neither");
    refuses(A ".conf", "[worker]\n", 1, "unknown section [worker]");
    refuses(A ".conf", "[host." B "]\n", 1, "not the host that the file's name tells");
    refuses(A ".conf", "libvirt_uri = x\n[host." A "]\n", 2, "another");
    refuses("two.conf", "[host." A "]\n[host." B "]\n", 2, "another");
    refuses("none.conf", "libvirt_uri = x\n", 1, "of no host");
    refuses("none.conf", "", 0, "neither is its name a UUID");
    refuses("none.conf", "[host.x]\n", 1, "not a UUID");
    taken.is_refused = true;
    refuses(A ".conf", "", 0, "not this one");
    assert_int_equal(rmdir(folder), 0);
    assert_false(read_all(&e));
    assert_non_null(strstr(e.text, folder));
    make_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(has_a_host_by_the_name_of_its_file_or_by_its_section, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(leaves_other_names_alone, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(names_file_and_line_of_what_is_wrong, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
