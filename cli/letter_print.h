/* Dead letters for people and, as an object a line, for programs. Never a value that may be secret. */
#ifndef CLI_LETTER_PRINT_H
#define CLI_LETTER_PRINT_H

#include "cli/letter.h"

void letter_print_heading(void);
void letter_print_line(const struct letter *letter);  /* how it came here; nothing of its body */
void letter_print_whole(const struct letter *letter); /* with its headers and the envelope */

/* The same as JSON; `whole`: with headers and envelope. False: no memory. */
MUST_CHECK bool letter_print_json(const struct letter *letter, bool whole, struct err *e);

#endif
