#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/config_options.h"

static char *sample(void)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    config_print_sample(to);
    fclose(to);
    return text;
}

/* The sample with its options in force, and with what it lacks: a broker, somebody who may send, a host. */
static void write_in_force(FILE *to)
{
    char *text = sample();

    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strcmp(line, ";url =") == 0)
            fputs("url = amqp://guest@localhost\n", to);
        else if (strcmp(line, ";[senders]") == 0)
            fputs("[senders]\nmgmt = manager\n", to);
        else if (strcmp(line, ";[host.<UUID>]") == 0)
            fputs("[host.c0ffee00111142228333444455556666]\n", to);
        else
            fprintf(to, "%s\n", line[0] == ';' && islower((unsigned char)line[1]) ? line + 1 : line);
    free(text);
}

static void what_it_shows_is_what_is_in_force_without_it(void **state)
{
    static const char least[] = "[bus]\nurl = amqp://guest@localhost\n[senders]\nmgmt = manager\n"
                                "[host.c0ffee00111142228333444455556666]\n";
    char path[] = "/tmp/keyferry-sample-XXXXXX", *printed[2] = {NULL, NULL};
    size_t len;
    struct config c;
    struct err e;

    (void)state;
    close(mkstemp(path));
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(path, "w"), *to = open_memstream(&printed[i], &len);

        if (i == 0)
            fputs(least, file);
        else
            write_in_force(file);
        fclose(file);
        if (!config_read(path, &c, &e))
            fail_msg("%s", e.text);
        config_print(&c, to);
        fclose(to);
        config_done(&c);
    }
    unlink(path);
    assert_string_equal(printed[0], printed[1]);
    free(printed[0]);
    free(printed[1]);
}

static void says_of_every_option_what_it_may_be(void **state)
{
    char *text = sample(), line[256];

    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        snprintf(line, sizeof(line), "\n;%s =", options[i].key);
        if (strstr(text, line) == NULL)
            fail_msg("%s is not shown", options[i].key);
    }
    assert_non_null(strstr(text, "[1 to 3600]\n;heartbeat_s = 15\n"));
    assert_non_null(strstr(text, "[quorum, classic]\n;queue_type = quorum\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_shows_is_what_is_in_force_without_it),
        cmocka_unit_test(says_of_every_option_what_it_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
