/* The command line of `keyferry`: contract section 9. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/command.h"
#include "cli/selection.h"

enum { CLI_OPTIONS_MAX = 64, HOSTS_GIVEN_MAX = 64 };

/* Whether a DEK is sealed to the host it is for. */
enum seal_choice { SEAL_IF_POSSIBLE, SEAL_ALWAYS, SEAL_NEVER };

struct options {
    const char *config_path, *url;
    bool json, help;
    int64_t timeout_ms;
    const struct command *command;
    const struct message *message; /* the command's; of host-key the one that its options mean */
    char **words;                  /* behind the command: `word_count` of them */
    size_t word_count;
    const char *dek_file; /* "-" is stdin; NULL: none */
    enum seal_choice seal;
    bool rotate; /* host-key */
    const char
        *values[CLI_OPTIONS_MAX]; /* of what is a field of the message, by its place in the table; a flag is "true" */
    uint64_t given;               /* a bit for each option that was */

    const char *host_texts[HOSTS_GIVEN_MAX]; /* each --host, */
    struct uuid hosts[HOSTS_GIVEN_MAX];      /* ... and read, where it is no field */
    size_t host_count;
    struct selection selection;
    bool all, dry_run;
    unsigned rate;          /* messages a second; 0: as fast as it goes */
    const char *audit_path; /* NULL: not given */
    const char *head;       /* a hash that must be in the audit, or NULL */
    bool watch;             /* status: again and again */
    const char *events;     /* watch: names between commas; NULL: all */
    int64_t count;          /* 0: not given */
    int64_t in_flight;
};

/* One option: the table is in option_table.c. */
struct cli_option {
    const char *name;     /* with dashes */
    char letter;          /* 0: it has none */
    const char *argument; /* for people; NULL: it is a flag */
    const char *field;    /* of the message that it is; it goes with every command whose message has it; NULL: none */
    const char *preset;   /* of a field */
    uint32_t with;        /* bits of the commands it goes with beside those */
    bool (*take)(struct options *o, const char *text); /* false: stderr was told. NULL: it is kept as a value */
    const char *choices;                               /* words between blanks, for completion; NULL: any */
    const char *help;
};

extern const struct cli_option cli_options[];
extern const size_t cli_option_count;

/* True if the option goes with the command. */
bool option_goes_with(const struct cli_option *option, const struct command *command);

/* The wire name of option `index` where it is a field, or ""; NULL past the last. *option gets its name with dashes. */
const char *option_field(size_t index, const char **option);

/* The words behind the command, in its order; NULL past the last. */
const char *option_word(const struct options *options, size_t index);

/*
 * Read the command line. False: it was wrong, or asked for help, and has been
 * answered; *status is then what to exit with.
 */
MUST_CHECK bool options_read(int argc, char **argv, struct options *out, int *status);

#endif
