#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/grid.h"

static const char *const headings[] = {"NAME", "N", "", NULL};

/* What it prints to a pipe: no terminal, so no colour. */
static const char *printed(struct grid *grid)
{
    static char text[4096];
    int ends[2], before;

    fflush(stdout);
    before = dup(STDOUT_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    grid_print(grid);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    grid_free(grid);
    return text;
}

static void row(struct grid *grid, const char *name, int n, const char *more)
{
    grid_cell(grid, TONE_BAD, "%s", name);
    grid_cell(grid, TONE_PLAIN, "%d", n);
    grid_cell(grid, TONE_DIM, "%s", more);
}

static void columns_are_as_wide_as_what_stands_in_them_and_numbers_stand_to_the_right(void **state)
{
    struct grid *grid = grid_new(headings, 1 << 1);

    (void)state;
    row(grid, "a", 1000, "x");
    row(grid, "long name", 7, "");
    assert_string_equal(printed(grid), "NAME          N  \n"
                                       "a          1000  x\n"
                                       "long name     7  \n");
}

/* A character of several bytes is as wide as one of one, and what would command a terminal is none. */
static void characters_are_counted_and_cleaned(void **state)
{
    struct grid *grid = grid_new(headings, 0);

    (void)state;
    row(grid, "gr\xc3\xbc\xc3\x9f", 1, "\x1b[31m\xff");
    row(grid, "grass", 2, "y");
    assert_string_equal(printed(grid), "NAME   N  \n"
                                       "gr\xc3\xbc\xc3\x9f   1   [31m?\n"
                                       "grass  2  y\n");
}

static void without_a_row_nothing_is_printed(void **state)
{
    (void)state;
    assert_string_equal(printed(grid_new(headings, 0)), "");
    grid_free(NULL);
}

static void holds_as_many_rows_as_there_are(void **state)
{
    struct grid *grid = grid_new(headings, 1 << 1);
    const char *text;
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        row(grid, "n", i, "");
    for (text = printed(grid); *text != '\0'; text++)
        lines += *text == '\n';
    assert_int_equal(lines, 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_what_stands_in_them_and_numbers_stand_to_the_right),
        cmocka_unit_test(characters_are_counted_and_cleaned),
        cmocka_unit_test(without_a_row_nothing_is_printed),
        cmocka_unit_test(holds_as_many_rows_as_there_are),
    };

    return cmocka_run_group_tests_name("grid", tests, NULL, NULL);
}
