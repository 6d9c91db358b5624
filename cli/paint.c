#include "cli/paint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* https://no-color.org: any value but an empty one. */
static bool has_colour(FILE *to)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(to)) && (no == NULL || no[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

const char *paint_on(FILE *to, enum tone tone)
{
    static const char *const codes[] = {
        [TONE_PLAIN] = "",         [TONE_GOOD] = "\033[32m", [TONE_WARNING] = "\033[33m",
        [TONE_BAD] = "\033[1;31m", [TONE_DIM] = "\033[2m",   [TONE_BOLD] = "\033[1m",
    };

    return has_colour(to) ? codes[tone] : "";
}

const char *paint_off(FILE *to, enum tone tone)
{
    return tone != TONE_PLAIN && has_colour(to) ? "\033[0m" : "";
}
