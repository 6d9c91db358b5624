/* What the files of the doctor share, and nobody else sees. */
#ifndef WORKER_DOCTOR_PARTS_H
#define WORKER_DOCTOR_PARTS_H

#include "bus/survey.h"
#include "worker/config.h"
#include "worker/doctor.h"

enum verdict_of_doctor { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_VERDICTS };

struct doctor {
    const char *path;
    struct config config;
    bool json;
    struct finding_of_doctor *findings; /* where they are printed in the end */
    size_t count, failed;
};

/* Tell one thing. `advice`: what to do, or NULL. `format`: what is so. */
void doctor_say(struct doctor *d, enum verdict_of_doctor verdict, const char *what, const char *advice,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

void doctor_own(struct doctor *d,
                const struct client_config *link); /* the worker's own queues, and the pool's exchange */
void doctor_broker(struct doctor *d);              /* reachable, which version, rights, exchanges, queues */
void doctor_hypervisors(struct doctor *d);         /* each libvirt: reachable, which version, rights */
void doctor_state(struct doctor *d);               /* state_dir: keys, ledger, room on the disk */

#endif
