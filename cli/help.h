/* What `keyferry --help` says, from the tables of commands and options. All give the exit status. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/options.h"

int help_all(void);
int help_command(const struct command *command);
int help_family(const char *name); /* of commands of two words */

/* Everything the tables say, as one JSON value: for manuals and completion. */
int help_json(void);

#endif
