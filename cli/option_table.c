/* Every option, and how those that are no field of a message are taken. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "schemas/digest.h"
#include "schemas/host_event.h"

#define WITH(id)  (UINT32_C(1) << COMMAND_##id)
#define EVERY     UINT32_MAX
#define SELECTING (WITH(DEAD_LIST) | WITH(DEAD_REPLAY) | WITH(DEAD_DROP))
#define ACTING    (WITH(DEAD_REPLAY) | WITH(DEAD_DROP))
#define OF_HOSTS  (WITH(STATUS) | WITH(QUEUES) | WITH(WATCH) | WITH(BENCH) | SELECTING)

_Static_assert(COMMAND_COUNT <= 32, "a bit for each");

static bool complain(const char *text)
{
    fprintf(stderr, "keyferry: %s\n", text);
    return false;
}

static bool take_whole(const char *option, const char *text, int64_t least, int64_t most, int64_t *to)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < least || n > most) {
        fprintf(stderr, "keyferry: --%s must be %lld to %lld\n", option, (long long)least, (long long)most);
        return false;
    }
    *to = n;
    return true;
}

static bool take_host(struct options *o, const char *text)
{
    if (o->host_count == HOSTS_GIVEN_MAX)
        return complain("more than 64 times --host: give a configuration that names them");
    o->host_texts[o->host_count++] = text;
    return true;
}

static bool take_config(struct options *o, const char *text)
{
    o->config_path = text;
    return true;
}

static bool take_url(struct options *o, const char *text)
{
    o->url = text;
    return true;
}

static bool take_json(struct options *o, const char *text)
{
    (void)text;
    return o->json = true;
}

static bool take_help(struct options *o, const char *text)
{
    (void)text;
    return o->help = true;
}

static bool take_timeout(struct options *o, const char *text)
{
    return take_whole("timeout", text, 1, 86400000, &o->timeout_ms);
}

static bool take_dek_file(struct options *o, const char *text)
{
    o->dek_file = text;
    return true;
}

static bool take_seal(struct options *o, const char *text)
{
    (void)text;
    o->seal = SEAL_ALWAYS;
    return true;
}

static bool take_no_seal(struct options *o, const char *text)
{
    (void)text;
    o->seal = SEAL_NEVER;
    return true;
}

static bool take_rotate(struct options *o, const char *text)
{
    (void)text;
    return o->rotate = true;
}

static bool take_age(int64_t *to, const char *option, const char *text)
{
    if (duration_read(text, to))
        return true;
    fprintf(stderr, "keyferry: --%s must be a time such as 90s, 15m, 1h, 2d or 1w\n", option);
    return false;
}

static bool take_older(struct options *o, const char *text)
{
    return take_age(&o->selection.older_than_ms, "older-than", text);
}

static bool take_newer(struct options *o, const char *text)
{
    return take_age(&o->selection.newer_than_ms, "newer-than", text);
}

static bool take_code(struct options *o, const char *text)
{
    o->selection.code = text;
    return true;
}

static bool take_id(struct options *o, const char *text)
{
    return selection_add_id(&o->selection, text) || complain("there are too many ids");
}

static bool take_all(struct options *o, const char *text)
{
    (void)text;
    return o->all = true;
}

static bool take_dry_run(struct options *o, const char *text)
{
    (void)text;
    return o->dry_run = true;
}

static bool take_rate(struct options *o, const char *text)
{
    enum { RATE_MAX = 100000 };
    int64_t n;

    if (!take_whole("rate", text, 1, RATE_MAX, &n))
        return false;
    o->rate = (unsigned)n;
    return true;
}

static bool take_audit(struct options *o, const char *text)
{
    o->audit_path = text;
    return true;
}

static bool take_head(struct options *o, const char *text)
{
    o->head = text;
    return (strlen(text) == SHA256_CHARS && text[strspn(text, "0123456789abcdef")] == '\0') ||
           complain("--head must be a hash that audit verify has printed: 64 hex digits");
}

static bool take_watch(struct options *o, const char *text)
{
    (void)text;
    return o->watch = true;
}

static bool is_event(const char *text, size_t len)
{
    for (int i = 0; i < HOST_EVENT_COUNT; i++) {
        const char *name = host_event_name((enum host_event_kind)i);
        if (strlen(name) == len && memcmp(name, text, len) == 0)
            return true;
    }
    return false;
}

static bool take_events(struct options *o, const char *text)
{
    o->events = text;
    for (size_t len; *text != '\0'; text += len + (text[len] == ',')) {
        len = strcspn(text, ",");
        if (!is_event(text, len)) {
            fprintf(stderr, "keyferry: '%.*s' is not an event; PROTOCOL.md lists them\n", (int)len, text);
            return false;
        }
    }
    return o->events[0] != '\0' || complain("--event needs the name of one");
}

static bool take_count(struct options *o, const char *text)
{
    return take_whole("count", text, 1, 1000000, &o->count);
}

static bool take_in_flight(struct options *o, const char *text)
{
    return take_whole("in-flight", text, 1, 256, &o->in_flight);
}

#define EVENT_CHOICES                                                                                                  \
    "worker-up worker-down hypervisor-up hypervisor-down secret-defined secret-replaced secret-deleted secret-lost "   \
    "secret-restored lease-ended orphan-found key-rotated"

/* clang-format off */
const struct cli_option cli_options[] = {
    { "host",           0, "UUID",    "hostUuid",      NULL,   OF_HOSTS, take_host, NULL, "the host; by default --src, where that is given. status, queues: may be given again" },
    { "vm",             0, "UUID",    "vmUuid",        NULL,   0, NULL, NULL, "the VM" },
    { "purpose",        0, "PURPOSE", "purpose",       "vtpm", 0, NULL, "vtpm volume", "vtpm (the default) or volume" },
    { "key-version",    0, "N",       "keyVersion",    NULL,   0, NULL, NULL, "which version of the key" },
    { "usage-instance", 0, "TEXT",    "usageInstance", "tpm0", 0, NULL, NULL, "tpm0 (the default) to tpm9, or volume-<uuid>" },
    { "secret-uuid",    0, "UUID",    "secretUuid",    NULL,   0, NULL, NULL, "define: the UUID wanted; delete: only if it is this one" },
    { "description",    0, "TEXT",    "description",   NULL,   0, NULL, NULL, "define: for people, at most 256 bytes" },
    { "migration-id",   0, "ID",      "migrationId",   NULL,   0, NULL, NULL, "the migration; delete: only if it made the secret" },
    { "lease",          0, "SECONDS", "leaseSeconds",  NULL,   0, NULL, NULL, "define, pre-migrate: how long it lives unless it comes to be used" },
    { "src",            0, "UUID",    "srcHostUuid",   NULL,   0, NULL, NULL, "the host a migration leaves" },
    { "dst",            0, "UUID",    "dstHostUuid",   NULL,   0, NULL, NULL, "the host it goes to" },
    { "tpm",            0, "UUID",    "tpmUuid",       NULL,   0, NULL, NULL, "pre-migrate: the TPM, for the key manager" },
    { "outcome",        0, "OUTCOME", "outcome",       NULL,   0, NULL, "success failure", "post-migrate: success or failure" },
    { "force",          0, NULL,      "force",         NULL,   0, NULL, NULL, "delete: even if a running VM uses it" },
    { "retire",         0, NULL,      "retire",        NULL,   WITH(HOST_KEY), NULL, NULL, "host-key: forget all but the present one" },
    { "rotate",         0, NULL,      NULL, NULL, WITH(HOST_KEY), take_rotate, NULL, "host-key: make a new one; the earlier ones go on opening" },
    { "dek-file",       0, "FILE",    NULL, NULL, WITH(DEFINE) | WITH(PRE_MIGRATE), take_dek_file, NULL, "the DEK, as raw bytes; - is stdin" },
    { "seal",           0, NULL,      NULL, NULL, WITH(DEFINE) | WITH(PRE_MIGRATE), take_seal, NULL, "seal the DEK to the host it is for, or fail; by default it goes in clear where that host has no key" },
    { "no-seal",        0, NULL,      NULL, NULL, WITH(DEFINE) | WITH(PRE_MIGRATE), take_no_seal, NULL, "send it in clear" },
    { "watch",          0, NULL,      NULL, NULL, WITH(STATUS), take_watch, NULL, "status: again every 2 s, until Ctrl-C" },
    { "event",          0, "NAME",    NULL, NULL, WITH(WATCH), take_events, EVENT_CHOICES, "watch: only these, between commas" },
    { "count",          0, "N",       NULL, NULL, WITH(WATCH) | WITH(BENCH), take_count, NULL, "watch: end after so many; bench: so many secrets (500)" },
    { "in-flight",      0, "N",       NULL, NULL, WITH(BENCH), take_in_flight, NULL, "bench: so many requests at once (16)" },
    { "older-than",     0, "AGE",     NULL, NULL, SELECTING, take_older, NULL, "dead: only what died longer ago: 90s, 15m, 1h, 2d, 1w" },
    { "newer-than",     0, "AGE",     NULL, NULL, SELECTING, take_newer, NULL, "dead: only what died since" },
    { "code",           0, "CODE",    NULL, NULL, SELECTING, take_code, NULL, "dead: only what died of this, such as SYS.1007" },
    { "id",             0, "ID",      NULL, NULL, SELECTING, take_id, NULL, "dead: only this one; may be given again" },
    { "all",            0, NULL,      NULL, NULL, ACTING, take_all, NULL, "replay, drop: all of them" },
    { "dry-run",        0, NULL,      NULL, NULL, ACTING | WITH(RECONCILE), take_dry_run, NULL, "replay, drop, reconcile: only say which" },
    { "rate",           0, "N",       NULL, NULL, ACTING, take_rate, NULL, "replay, drop: at most so many a second" },
    { "audit",          0, "FILE",    NULL, NULL, ACTING, take_audit, NULL, "replay, drop: where to record it" },
    { "head",           0, "HASH",    NULL, NULL, WITH(AUDIT_VERIFY), take_head, NULL, "audit verify: this line must be there, too" },
    { "config",       'c', "FILE",    NULL, NULL, EVERY, take_config, NULL, "take [bus] and hosts from this file (default /etc/keyferry/keyferry.conf)" },
    { "url",            0, "URL",     NULL, NULL, EVERY, take_url, NULL, "the broker; KEYFERRY_BUS_PASSWORD holds a password that is not in it" },
    { "json",           0, NULL,      NULL, NULL, EVERY, take_json, NULL, "print JSON: of a request, the reply's envelope" },
    { "timeout",        0, "MS",      NULL, NULL, EVERY, take_timeout, NULL, "how long to wait for the reply (default 30000; status and queues 3000)" },
    { "version",      'V', NULL,      NULL, NULL, EVERY, NULL, NULL, "print the version" },
    { "help",         'h', NULL,      NULL, NULL, EVERY, take_help, NULL, "of a command, behind it; with --json all that can be said, for programs" },
};
/* clang-format on */

const size_t cli_option_count = COUNT(cli_options);
_Static_assert(COUNT(cli_options) <= CLI_OPTIONS_MAX, "room for every option");
