/* The hosts that a command is about: each --host, else those of the configuration; and what waits in their queues. */
#ifndef CLI_HOSTS_H
#define CLI_HOSTS_H

#include "bus/survey.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/settings.h"

enum { QUEUE_NAME_MAX_CHARS = 63 };

struct host_depth {
    struct uuid host; /* "": of a queue that all hosts share */
    char queue[QUEUE_NAME_MAX_CHARS + 1];
    const struct survey_question *seen; /* in `questions` */
};

/* The last of `questions` is about the queue of dead letters. */
struct depths {
    struct host_depth *hosts;
    size_t count;
    struct survey_question *questions;
    struct survey survey;
    struct progress progress;
};

/*
 * Which they are; nothing is asked yet. `by_queue`: where hosts share partitions, and
 * none is given, these. Reads hosts_dir where it is needed. Fails with ERR_CONFIG where
 * there is none. *out is the caller's: depths_done().
 */
MUST_CHECK bool depths_of(const struct options *options, struct settings *settings, bool by_queue, struct depths *out,
                          struct err *e);

/* Ask the broker, anew where it was asked before. As survey_ask(). */
MUST_CHECK bool depths_ask(struct depths *depths, const struct settings *settings, int64_t timeout_ms, struct err *e);
void depths_done(struct depths *depths);

#endif
