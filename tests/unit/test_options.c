#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"

#define HOST "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
#define HEX  "3F2504E04F8941D39A0C0305E82C3302"

static struct options options;
static int status;

/* What it complains of goes nowhere: that it does is seen end to end. */
static bool read_line(const char *line)
{
    static char text[1024], program[] = "keyferry";
    char *words[64] = {program};
    int count = 1, before = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    bool ok;

    strcpy(text, line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        words[count++] = word;
    dup2(nowhere, STDERR_FILENO);
    optind = 0; /* getopt(3): anew */
    ok = options_read(count, words, &options, &status);
    dup2(before, STDERR_FILENO);
    close(before);
    close(nowhere);
    return ok;
}

static void refuse(const char *line)
{
    if (read_line(line))
        fail_msg("'%s' was taken", line);
    assert_int_equal(status, 2);
}

static const char *value_of(const char *field)
{
    const char *option, *name;

    for (size_t i = 0; (name = option_field(i, &option)) != NULL; i++)
        if (strcmp(name, field) == 0)
            return options.values[i];
    return NULL;
}

static void tables_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &commands[i];
        assert_non_null(c->name);
        assert_non_null(c->run);
        assert_true(c->least <= c->most);
        assert_int_equal(c->most > 0, c->arguments[0] != '\0');
        assert_int_equal(c->examples[strlen(c->examples) - 1], '\n');
        assert_ptr_equal(command_find(c->name, c->word), c);
    }
    for (size_t i = 0; i < cli_option_count; i++) {
        bool goes = cli_options[i].with == UINT32_MAX;
        for (size_t c = 0; c < COMMAND_COUNT; c++)
            goes |= option_goes_with(&cli_options[i], &commands[c]);
        assert_true(goes); /* with some command */
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(cli_options[i].name, cli_options[j].name);
    }
}

static void of_a_message_fields_come_with_their_defaults(void **state)
{
    (void)state;
    assert_true(read_line("get --host " HOST " --vm " HEX " --key-version 7"));
    assert_string_equal(value_of("hostUuid"), HOST);
    assert_string_equal(value_of("purpose"), "vtpm");
    assert_string_equal(value_of("usageInstance"), "tpm0");
    assert_null(value_of("migrationId"));
    assert_ptr_equal(options.message, &get_message);
    assert_int_equal(options.timeout_ms, 30000);
    assert_true(read_line("status --host " HOST));
    assert_int_equal(options.timeout_ms, 3000); /* its own */
    assert_true(read_line("pre-migrate --src " HOST " --dst " HEX " --vm " HEX " --key-version 1"));
    assert_string_equal(value_of("hostUuid"), HOST); /* a migration is asked of its source */
}

static void host_key_asks_unless_it_is_to_change_it(void **state)
{
    (void)state;
    assert_true(read_line("host-key --host " HOST));
    assert_ptr_equal(options.message, &host_key_get_message);
    assert_true(read_line("host-key --host " HOST " --retire"));
    assert_ptr_equal(options.message, &host_key_rotate_message);
    assert_string_equal(value_of("retire"), "true");
    assert_true(read_line("--rotate host-key --host " HOST));
    assert_ptr_equal(options.message, &host_key_rotate_message);
    refuse("host-key --host " HOST " --rotate --retire");
    refuse("get --host " HOST " --vm " HEX " --key-version 1 --rotate");
}

static void several_hosts_are_for_those_that_tell_of_hosts(void **state)
{
    (void)state;
    assert_true(read_line("queues --host " HOST " --host " HEX));
    assert_int_equal(options.host_count, 2);
    assert_string_equal(options.hosts[1].text, "3f2504e0-4f89-41d3-9a0c-0305e82c3302");
    assert_true(read_line("dead list --host " HOST));
    assert_string_equal(options.selection.host.text, HOST);
    refuse("watch --host " HOST " --host " HEX);
    refuse("get --host " HOST " --host " HEX " --vm " HEX " --key-version 1");
    refuse("queues --host x");
}

static void words_behind_a_command_are_counted(void **state)
{
    (void)state;
    assert_true(read_line("send request.json"));
    assert_string_equal(option_word(&options, 0), "request.json");
    assert_null(option_word(&options, 1));
    assert_true(read_line("dead show one two"));
    assert_int_equal(options.word_count, 2);
    assert_true(read_line("audit verify"));
    refuse("send");
    refuse("send a b");
    refuse("dead show");
    refuse("dead");
    refuse("dead sing");
    refuse("audit verify a b");
    refuse("queues more");
    refuse("completion");
    refuse("");
}

static void what_an_option_may_be_is_looked_at(void **state)
{
    static const char *const bad[] = {
        "--timeout 0 queues",   "--timeout 86400001 queues",   "--timeout x queues",
        "watch --event",        "watch --event secret-found",  "watch --event worker-up,nobody",
        "watch --count 0",      "bench --in-flight 257",       "bench --count -1",
        "dead replay --rate 0", "dead list --older-than soon", "audit verify --head 12",
        "queues --watch",       "status --event worker-up",    "reconcile --all",
        "get --count 3"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        refuse(bad[i]);
    assert_true(read_line("watch --event worker-up,secret-lost --count 3"));
    assert_int_equal(options.count, 3);
    assert_true(read_line("reconcile --dry-run --host " HOST));
    assert_true(options.dry_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(of_a_message_fields_come_with_their_defaults),
        cmocka_unit_test(host_key_asks_unless_it_is_to_change_it),
        cmocka_unit_test(several_hosts_are_for_those_that_tell_of_hosts),
        cmocka_unit_test(words_behind_a_command_are_counted),
        cmocka_unit_test(what_an_option_may_be_is_looked_at),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
