/* What is wrong, in words for people who did not build this: one sentence or two each, with what becomes of requests. */
#ifndef WORKER_TROUBLE_H
#define WORKER_TROUBLE_H

#include "worker/status.h"

enum { TROUBLE_HOSTS_MAX = 10 }; /* that are named one by one */

struct trouble {
    bool is_bad; /* requests cannot be done; else somebody should have a look */
    char text[800];
};

typedef void trouble_tell(void *arg, const struct trouble *trouble);

/* Tell each, the worst first. Gives how many there are. */
size_t troubles_tell(const struct status *status, trouble_tell *tell, void *arg);

#endif
