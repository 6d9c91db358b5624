/* Colour, for terminals alone: where NO_COLOR is set, TERM is dumb or the output goes elsewhere, there is none. */
#ifndef CLI_PAINT_H
#define CLI_PAINT_H

#include "schemas/base.h"

#include <stdio.h>

enum tone { TONE_PLAIN, TONE_GOOD, TONE_WARNING, TONE_BAD, TONE_DIM, TONE_BOLD };

/* What is written before a text of this tone, and behind it; "" where there is no colour. */
const char *paint_on(FILE *to, enum tone tone);
const char *paint_off(FILE *to, enum tone tone);

#endif
