/* What `keyferry` can do: the one table of commands, for reading the command line, help, completion and manual. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "schemas/messages.h"

struct options;

enum command_id {
    COMMAND_DEFINE,
    COMMAND_GET,
    COMMAND_DELETE,
    COMMAND_RESOLVE,
    COMMAND_HOST_KEY,
    COMMAND_PRE_MIGRATE,
    COMMAND_POST_MIGRATE,
    COMMAND_RECONCILE,
    COMMAND_SEND,
    COMMAND_STATUS,
    COMMAND_QUEUES,
    COMMAND_WATCH,
    COMMAND_DOCTOR,
    COMMAND_BENCH,
    COMMAND_DEAD_LIST,
    COMMAND_DEAD_SHOW,
    COMMAND_DEAD_REPLAY,
    COMMAND_DEAD_DROP,
    COMMAND_AUDIT_VERIFY,
    COMMAND_COMPLETION,
    COMMAND_COUNT,
};

/* What becomes of a dead letter that is meant. */
enum fate_of_letter { LETTER_LISTED, LETTER_SHOWN, LETTER_SENT, LETTER_DROPPED };

struct command {
    const char *name, *word;                   /* "dead", "list"; word NULL: it has none */
    const struct message *message;             /* what it asks a worker; NULL: nothing, or more than one thing */
    int (*run)(const struct options *options); /* the exit status */
    enum fate_of_letter fate;
    const char *arguments; /* what stands behind it, for people; "" */
    const char *choices;   /* of those, where they are few: words between blanks; NULL: any */
    size_t least, most;    /* how many of them */
    int64_t timeout_ms;    /* unless --timeout is given; 0: as most */
    const char *help;      /* one line */
    const char *about;     /* more, in whole lines, or "" */
    const char *examples;  /* a line each */
};

extern const struct command commands[COMMAND_COUNT];

/* The command of these words; NULL: there is none. `word` may be NULL. */
const struct command *command_find(const char *name, const char *word);

/* True for the first word of commands of two. */
bool command_has_words(const char *name);

/* "dead list" */
void command_title(const struct command *command, char *out, size_t size);

/* What exit statuses mean, a line each. */
extern const char exit_statuses[];

#endif
