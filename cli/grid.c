#include "cli/grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/text.h"

enum { COLUMNS_MAX = 12, CELL_BYTES = 256 };

struct cell {
    enum tone tone;
    char text[CELL_BYTES];
};

struct grid {
    const char *const *headings;
    unsigned numbers;
    size_t columns, count, room;
    size_t widths[COLUMNS_MAX];
    struct cell *cells;
};

/* Of UTF-8, a character each: what follows the first byte of one is passed over. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

struct grid *grid_new(const char *const *headings, unsigned numbers)
{
    struct grid *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return NULL;
    g->headings = headings;
    g->numbers = numbers;
    for (; g->columns < COLUMNS_MAX && headings[g->columns] != NULL; g->columns++)
        g->widths[g->columns] = width_of(headings[g->columns]);
    return g;
}

void grid_free(struct grid *g)
{
    if (g == NULL)
        return;
    free(g->cells);
    free(g);
}

static bool make_room(struct grid *g)
{
    size_t room = g->room == 0 ? 64 : 2 * g->room;
    struct cell *cells;

    if (g->count < g->room)
        return true;
    cells = reallocarray(g->cells, room, sizeof(*cells));
    if (cells == NULL)
        return false;
    g->room = room;
    g->cells = cells;
    return true;
}

void grid_cell(struct grid *g, enum tone tone, const char *format, ...)
{
    char text[CELL_BYTES];
    size_t *width = &g->widths[g->count % g->columns], own;
    struct cell *cell;
    va_list args;

    if (!make_room(g))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cell = &g->cells[g->count++];
    cell->tone = tone;
    text_copy_clean(cell->text, sizeof(cell->text), text, strlen(text));
    own = width_of(cell->text);
    *width = own > *width ? own : *width;
}

static void print_cell(const struct grid *g, size_t column, enum tone tone, const char *text)
{
    size_t gap = g->widths[column] - width_of(text);
    bool is_number = (g->numbers >> column & 1) != 0, is_last = column + 1 == g->columns;

    printf("%*s%s%s%s", is_number ? (int)gap : 0, "", paint_on(stdout, tone), text, paint_off(stdout, tone));
    if (!is_last)
        printf("%*s", (is_number ? 0 : (int)gap) + 2, "");
    else
        putchar('\n');
}

void grid_print(const struct grid *g)
{
    if (g->count == 0)
        return;
    for (size_t i = 0; i < g->columns; i++)
        print_cell(g, i, TONE_DIM, g->headings[i]);
    for (size_t i = 0; i < g->count; i++)
        print_cell(g, i % g->columns, g->cells[i].tone, g->cells[i].text);
}
