/* What `keyferry` exits with: contract section 9. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include "schemas/err.h"

enum {
    EXIT_ERROR_REPLY = 1,
    EXIT_USAGE = 2,
    EXIT_NO_REPLY = 3,
    EXIT_NO_ROUTE = 4,
    EXIT_UNREACHABLE = 5,
};

/* Tell stderr why it failed; gives the exit status. */
int exit_explain(const struct err *e);

#endif
