/* Ctrl-C, for what runs until then. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include "schemas/base.h"

/* From now on SIGINT and SIGTERM are noted; the second one ends the program as if it were not. */
void interrupt_note(void);
bool interrupt_came(void);

#endif
