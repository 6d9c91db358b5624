#include "worker/metrics_table.h"

/* clang-format off */
#define COUNTER    METRIC_COUNTER
#define GAUGE      METRIC_GAUGE
#define HISTOGRAM  METRIC_HISTOGRAM
#define COUNTED(m) write_count, offsetof(struct metrics, m), 1
#define TIMES(m)   write_times, offsetof(struct metrics, m), 1000000
#define OF_EACH(m) write_messages, offsetof(struct metrics, m), 1000000
#define NOW(m)     write_value, offsetof(struct status, m), 1
#define NOW_US(m)  write_value, offsetof(struct status, m), 1000000
#define NOW_MS(m)  write_value, offsetof(struct status, m), 1000
#define HOST(m)    write_host, offsetof(struct host_status, m), 1
#define HOST_MS(m) write_host, offsetof(struct host_status, m), 1000
#define HOST_US(m) write_host, offsetof(struct host_status, m), 1000000
#define BY(fn)     fn, 0, 1

/* name, type, unit, labels, what it is, how it is written */
const struct metric metric_table[] = {
    {"keyferry_build_info", GAUGE, "", "version, worker", "Always 1: which version runs, and under which name.", BY(write_build)},

    {"keyferry_requests_total", COUNTER, "", "message, code", "Requests answered, by message (`other`: no message of ours) and by code of the error (`ok`: none; `other`: another service's own).", BY(write_requests)},
    {"keyferry_request_duration_seconds", HISTOGRAM, "seconds", "message", "From a request's delivery until the broker had its reply.", OF_EACH(total)},
    {"keyferry_request_libvirt_seconds", HISTOGRAM, "seconds", "message", "What of that was spent in libvirt.", OF_EACH(libvirt)},
    {"keyferry_request_waiting_seconds", HISTOGRAM, "seconds", "", "From a request's delivery until it was begun: behind others of its identity, or for room. Those that were not begun do not count.", TIMES(waiting)},
    {"keyferry_requests_in_flight", GAUGE, "", "stage", "Requests in hand, by how far they are; with them what the worker does by itself.", BY(write_stages)},
    {"keyferry_deliveries_total", COUNTER, "", "", "Requests that the broker delivered; one that comes again counts again.", COUNTED(deliveries)},
    {"keyferry_redeliveries_total", COUNTER, "", "", "Those of them that had been delivered before, here or to another worker.", COUNTED(redeliveries)},
    {"keyferry_duplicates_total", COUNTER, "", "", "Requests answered with the outcome of an earlier one of the same id: by the inbox, or by one still in flight.", COUNTED(duplicates)},
    {"keyferry_dead_lettered_total", COUNTER, "", "", "Requests that this worker sent to the dead letters.", COUNTED(dead_letters)},
    {"keyferry_dead_letters", GAUGE, "", "", "Messages in the queue of dead letters, as last asked; absent while that is not known.", NOW(dead_letters)},
    {"keyferry_published_total", COUNTER, "", "outcome", "Replies, events, dead letters and own requests: `taken` by the broker, `returned` since no queue is bound there, or `refused`.", BY(write_published)},
    {"keyferry_threads", GAUGE, "", "", "Job threads: as many requests can be in libvirt at once.", NOW(threads)},

    {"keyferry_broker_up", GAUGE, "", "", "1 while connected to the broker.", NOW(is_broker_up)},
    {"keyferry_broker_blocked", GAUGE, "", "", "1 while the broker takes nothing: its memory or disk alarm.", NOW(is_broker_blocked)},
    {"keyferry_broker_connections_total", COUNTER, "", "", "How often the broker was connected to; all but the first are reconnects.", COUNTED(broker_connections)},
    {"keyferry_broker_losses_total", COUNTER, "", "", "How often that connection was lost.", COUNTED(broker_losses)},

    {"keyferry_ledger_up", GAUGE, "", "", "1 while the ledger can be written and read; else nothing is begun or acked.", NOW(is_ledger_up)},
    {"keyferry_ledger_size_bytes", GAUGE, "bytes", "", "Size of the ledger's file and of its log.", NOW(ledger_bytes)},
    {"keyferry_ledger_commit_seconds", HISTOGRAM, "seconds", "", "How long it took to have a transaction on disk; it may be that of many requests.", TIMES(commit)},
    {"keyferry_secrets", GAUGE, "", "", "Secrets in the ledger, of the hosts that this worker acts on.", NOW(secrets)},
    {"keyferry_leases", GAUGE, "", "", "Those of them that have a lease: migrations that are not over.", NOW(leases)},
    {"keyferry_findings", GAUGE, "", "kind", "What the last reconciliation of these hosts found, or found and could not mend.", BY(write_findings)},
    {"keyferry_mended_total", COUNTER, "", "", "What reconciling has removed, restored, finished or undone.", COUNTED(mended)},
    {"keyferry_events_total", COUNTER, "", "event", "Events told; `secret-restored`: secrets that libvirt had lost and has again.", BY(write_events)},
    {"keyferry_events_dropped_total", COUNTER, "", "", "Events that could not be told.", COUNTED(events_dropped)},

    {"keyferry_config_read", GAUGE, "", "", "1 if the configuration could be read when that was last tried: at the start, by SIGHUP, or when something changed in `hosts_dir`; else what was in force before still is.", NOW(is_config_read)},
    {"keyferry_hosts", GAUGE, "", "", "Hosts in the configuration.", NOW(hosts)},
    {"keyferry_hosts_ready", GAUGE, "", "", "Those of them that `/readyz` calls ready.", NOW(hosts_ready)},
    {"keyferry_host_ready", GAUGE, "", "host", "1 while the host's requests are consumed here, or left to other workers, and its libvirt can be reached.", HOST(is_ready)},
    {"keyferry_host_consuming", GAUGE, "", "host", "1 while this worker consumes from the host's queue, or stands by for another that does.", HOST(is_consuming)},
    {"keyferry_host_served", GAUGE, "", "host", "1 while this worker is the one that acts on the host.", HOST(is_served)},
    {"keyferry_host_libvirt_up", GAUGE, "", "host", "1 while the host's libvirt can be reached.", HOST(is_libvirt_up)},
    {"keyferry_host_libvirt_connections_total", COUNTER, "", "host", "How often it was connected to; all but the first are reconnects.", HOST(libvirt_connections)},
    {"keyferry_host_requests_in_flight", GAUGE, "", "host", "Requests in hand for the host.", HOST(in_flight)},
    {"keyferry_host_oldest_request_seconds", GAUGE, "seconds", "host", "How long that of them waits that has waited longest: since its `createdTime`, else since it came here; 0: there is none.", HOST_US(oldest_us)},
    {"keyferry_host_queue_messages", GAUGE, "", "host", "Messages that wait in the host's queue beside those, as last asked; absent while that is not known.", HOST(messages)},
    {"keyferry_host_queue_heard_timestamp_seconds", GAUGE, "seconds", "host", "When the host's queue last delivered anything, be it a canary, which is sent after a quiet minute; absent for who stands by.", HOST_MS(heard_ms)},

    {"process_cpu_seconds_total", COUNTER, "seconds", "", "CPU time of this process, user and system.", NOW_US(usage.cpu_us)},
    {"process_resident_memory_bytes", GAUGE, "bytes", "", "Memory of this process that is in RAM.", NOW(usage.resident_bytes)},
    {"process_virtual_memory_bytes", GAUGE, "bytes", "", "Address space of this process.", NOW(usage.virtual_bytes)},
    {"process_open_fds", GAUGE, "", "", "Files, sockets and the like that this process has open.", NOW(usage.open_fds)},
    {"process_max_fds", GAUGE, "", "", "How many it may have open.", NOW(usage.max_fds)},
    {"process_start_time_seconds", GAUGE, "seconds", "", "When this process was started, since 1970.", NOW_MS(usage.started_ms)},
};
/* clang-format on */

const size_t metric_count = COUNT(metric_table);
