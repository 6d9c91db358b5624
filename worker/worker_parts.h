/* What worker.c (the running) and setup.c (the making) share, and nobody else sees. */
#ifndef WORKER_WORKER_PARTS_H
#define WORKER_WORKER_PARTS_H

#include "handlers/host_keys.h"
#include "worker/events.h"
#include "worker/hosts_watch.h"
#include "worker/http.h"
#include "worker/hypervisors.h"
#include "worker/inventory.h"
#include "worker/journal.h"
#include "worker/jobs.h"
#include "worker/leases.h"
#include "worker/life.h"
#include "worker/metrics.h"
#include "worker/partitions.h"
#include "worker/pool.h"
#include "worker/recorder.h"
#include "worker/recovery.h"
#include "worker/rounds.h"
#include "worker/routes.h"
#include "worker/serving.h"
#include "worker/sharing.h"
#include "worker/silence.h"
#include "worker/watchdog.h"
#include "worker/worker.h"

enum { WHY_BYTES = sizeof(((struct bus_news *)0)->text) };

/* One queue, and how it is with it. */
struct queue {
    struct route route;
    bool is_open; /* the bus is to consume from it */
    bool is_consuming;
    pid_t behind; /* the first of the pool that was there before we came; 0: none */
    bool is_left; /* a partition: nothing more of it is begun, and its channel will close */
    /* Of a partition, in monotonic ms: since when we are behind that one; since when it is to be left, and what waits for
     * other hosts keeps it; since when nobody is known to consume from it. 0: it is not so. */
    int64_t behind_ms, put_off_ms, lone_ms;
    char why[WHY_BYTES];
};

/* One host. */
struct served {
    enum { SAID_NOTHING, SAID_UP, SAID_DOWN } hypervisor; /* by the last event about it */
    uint64_t libvirt_connections;                         /* so far */
    struct history *history;                              /* NULL: it was asked for nothing yet */
    bool is_asked;                                        /* another worker wants the host: nothing more is begun */
    struct delivery *waiting, *waiting_last;              /* until the tenure is held */
    size_t came_by;        /* with partitions, which brought something for it last; queue_count: none yet */
    bool is_given;         /* ... as this one has seen by itself, whose channel is open still */
    bool was_given;        /* ... and nobody is known to have taken it */
    int64_t free_ms;       /* since when nobody is known to act on it; 0: somebody does */
    int64_t keep_until_ms; /* not given to another worker before */
    int64_t silent_ms;     /* since when one that does not announce itself has it, and should not; 0: it is not so */
};

struct worker {
    struct config config; /* but for `hosts`, which main() owns, a copy */
    const char *path;
    const struct refused *refused; /* that was to be taken up in the place of `config`; NULL: none */
    struct event_base *base;
    struct event *timer, *drain_timer, *log_timer, *signals[3];
    int64_t timer_ms; /* when `timer` goes off; 0: it is not set */
    struct vault *vault, *key_vault;
    struct digest_key *digest_key;
    char ledger_path[CONFIG_TEXT_MAX + sizeof("/ledger.db")];
    struct ledger *ledger; /* the loop's, to look ids up */
    struct recorder *recorder;
    struct recovery *recovery;
    struct leases *leases;
    struct rounds *rounds;
    struct tenures *tenures;
    struct pool *pool;
    char pool_key[POOL_KEY_BYTES];
    size_t asked_count;                             /* of hosts that other workers ask for */
    size_t left_count;                              /* of partitions */
    size_t looked_at;                               /* of hosts: the next of which it is asked whether it is idle */
    size_t watched;                                 /* of hosts: the next whose holder is looked at */
    bool ledger_unread;                             /* the last look-up failed */
    enum { LOOK_NONE, LOOK_SOON, LOOK_BEGUN } look; /* SOON: in a row of deliveries, whose look-ups are of one moment */
    uint8_t random[1024];                           /* for ids; what was given out is wiped */
    size_t random_left;                             /* of it, at its beginning */
    bool ledger_works;                              /* it can be read and written, as far as is known */
    char ledger_why[sizeof(((struct err *)0)->text)];
    struct hypervisors *hypervisors;
    struct host *hosts;
    struct host_keys *host_keys;
    struct served *served; /* the hosts, and one for those that are not served here */
    struct queue *queues;
    const char **queue_names;
    size_t queue_count, consuming_count; /* consuming: of the queues */
    struct routes *routes;
    struct jobs *jobs;
    struct bus *bus;
    char broker_version[sizeof(((struct broker *)0)->version)]; /* that was told */
    struct http *http;
    struct inventory *inventory; /* NULL: nobody can ask for it */
    struct metrics metrics;
    struct journal *journal; /* NULL: likewise */
    bool was_broker_up, is_broker_blocked;
    char broker[WHY_BYTES], broker_why[WHY_BYTES], blocked_why[WHY_BYTES]; /* who answers; what is wrong, or "" */
    struct watchdog *watchdog;
    struct life_config life_config;
    struct life *life;
    struct events *events;
    struct hosts_watch *hosts_watch;                  /* NULL: there is no hosts_dir */
    char config_why[sizeof(((struct err *)0)->text)]; /* it could not be read again, or "" */
    bool is_draining, is_stopping, drained;           /* drained: and said so, in events */
    bool is_renewing;                                 /* draining, to be opened again */
};

/* Hosts share queues; else each has its own, of the same index. */
static inline bool worker_has_partitions(const struct worker *w)
{
    return w->config.partitions > 0;
}

/* What happens, as struct worker's `arg`; all in the loop. */
extern const struct world world_ops; /* but for `ctx` */
void worker_on_timer(int fd, short what, void *arg);
void worker_on_drain_timeout(int fd, short what, void *arg);
void worker_on_log_timer(int fd, short what, void *arg);
void worker_on_stop_signal(int fd, short what, void *arg);
void worker_on_reload_signal(int fd, short what, void *arg);
void worker_on_hosts(void *arg);     /* hosts_watch_changed */
void worker_drain(struct worker *w); /* finish what runs, then end */
void worker_on_bus(void *arg);
void worker_on_job_done(void *arg, struct work *work);
void worker_on_recorded(void *arg, struct entry *entry);
void worker_on_recorder(void *arg, bool works, const char *why);
bool worker_restore(void *arg, size_t host, const struct restore_request *what);
void worker_on_hypervisor(void *arg, size_t host, bool up, const char *why);
void worker_on_arrival(void *arg, size_t host, const struct uuid *vm);
bool worker_lease(void *arg, size_t host, const struct lease_request *what);
bool worker_reconcile(void *arg, size_t host);
void worker_look_over(struct worker *w); /* what is looked up from here on is of a later moment */
void worker_mind_time(struct worker *w); /* see to the next lease that ends, and the next host to be reconciled */
bool worker_is_well(void *arg);
bool worker_readiness(void *arg, size_t index, struct readiness *out);
void worker_view(void *arg, enum http_view view, struct evbuffer *out);
void worker_on_counted(void *arg);

#endif
