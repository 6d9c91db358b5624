/* The words that follow `dead` and `audit` on the command line, and the options that go with them. */
#ifndef CLI_ACTIONS_H
#define CLI_ACTIONS_H

#include "schemas/base.h"

struct options;

/* What becomes of a letter that is meant. */
enum fate_of_letter { LETTER_LISTED, LETTER_SHOWN, LETTER_SENT, LETTER_DROPPED };

struct action {
    const char *command, *word;
    unsigned bit; /* in the table of options, which goes with which */
    enum fate_of_letter fate;
    int (*run)(const struct options *options); /* the exit status */
    const char *arguments, *help;
};

/* True for a command that has actions. */
bool actions_has(const char *command);

/* The name of option `index`, and whether it has an argument; NULL past the last. */
const char *actions_option(size_t index, bool *has_argument);

/* Take that option. False: its argument is wrong, and stderr has been told. */
MUST_CHECK bool actions_option_take(struct options *options, size_t index, const char *argument);

/* Take what stands behind the command, and check all of it. False: stderr has been told. */
MUST_CHECK bool actions_take(struct options *options, const char *command, int count, char **words);

/* False where an option of an action was given, but --dry-run if that may be: stderr has been told. For other commands. */
MUST_CHECK bool actions_absent(const struct options *options, const char *command, bool may_be_dry);

void actions_print_commands(void);
void actions_print_options(void);

#endif
