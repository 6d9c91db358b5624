/* The command line of `keyferry`: contract section 9. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/actions.h"
#include "cli/selection.h"
#include "schemas/messages.h"

/* Options that become a field of the message, in the order of the table in options.c. */
enum { FIELD_OPTIONS_MAX = 24, ACTION_OPTIONS_MAX = 12 };

/* Whether a DEK is sealed to the host it is for. */
enum seal_choice { SEAL_IF_POSSIBLE, SEAL_ALWAYS, SEAL_NEVER };

struct options {
    const char *config_path, *url;
    bool json;
    int64_t timeout_ms;
    const struct command *command;
    const char *file;     /* send: the envelope; "-" is stdin. audit verify: the file, or NULL */
    const char *dek_file; /* "-" is stdin; NULL: none */
    enum seal_choice seal;
    bool rotate;                           /* host-key */
    const char *values[FIELD_OPTIONS_MAX]; /* as given; a flag is "true"; NULL: not given */

    const struct action *action; /* of dead and audit; NULL: the command sends a message */
    unsigned action_options;     /* a bit for each that was given */
    struct selection selection;
    bool all, dry_run;
    unsigned rate;          /* messages a second; 0: as fast as it goes */
    const char *audit_path; /* NULL: not given */
    const char *head;       /* a hash that must be in the audit, or NULL */
};

/* One command. `message` NULL: `send`, or one that has actions. */
struct command {
    const char *name;
    const struct message *message;
    const char *help;
};

/* The wire name of field option `index`, or NULL past the last; *option gets its name with dashes. */
const char *option_field(size_t index, const char **option);

/*
 * Read the command line. False: it was wrong, or asked for help, and has been
 * answered; *status is then what to exit with.
 */
MUST_CHECK bool options_read(int argc, char **argv, struct options *out, int *status);

#endif
