#include "cli/exit.h"

#include <stdio.h>

int exit_explain(const struct err *e)
{
    static const struct {
        enum err_kind kind;
        int status;
    } statuses[] = {
        {ERR_TIMEOUT, EXIT_NO_REPLY},  {ERR_NO_ROUTE, EXIT_NO_ROUTE},   {ERR_CONFIG, EXIT_USAGE},
        {ERR_LOCAL, EXIT_ERROR_REPLY}, {ERR_INVALID, EXIT_ERROR_REPLY},
    };

    fprintf(stderr, "keyferry: %s\n", e->text);
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (statuses[i].kind == e->kind)
            return statuses[i].status;
    return EXIT_UNREACHABLE;
}
