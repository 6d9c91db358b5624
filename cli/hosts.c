#include "cli/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"

static void tell(void *arg, size_t done, size_t total)
{
    progress_draw(arg, "queues", done, total);
}

/* `hosts` NULL: partitions. */
static void name_all(struct depths *d, const struct uuid *hosts, const struct settings *settings)
{
    char hex[UUID_HEX_CHARS + 1];

    for (size_t i = 0; i < d->count; i++) {
        struct host_depth *h = &d->hosts[i];
        if (hosts == NULL) {
            snprintf(h->queue, sizeof(h->queue), "keyferry.partition.%04zu", i);
        } else {
            uuid_hex(&hosts[i], hex);
            h->host = hosts[i];
            snprintf(h->queue, sizeof(h->queue), "keyferry.host.%s", hex);
        }
        h->seen = &d->questions[i];
        d->questions[i].name = h->queue;
    }
    d->questions[d->count].name = settings->dead_exchange;
}

bool depths_of(const struct options *options, struct settings *settings, bool by_queue, struct depths *out,
               struct err *e)
{
    bool given = options->host_count > 0, shared = by_queue && !given && settings->partitions > 0;
    struct depths d = {0};

    if (!given && !shared && !settings_read_hosts(settings, e))
        return false;
    d.count = given ? options->host_count : shared ? settings->partitions : settings->host_count;
    if (d.count == 0)
        return err_set(e, ERR_CONFIG, "which hosts? give --host, or a configuration with [host.*] sections by -c");
    d.hosts = calloc(d.count, sizeof(*d.hosts));
    d.questions = calloc(d.count + 1, sizeof(*d.questions));
    *out = d;
    if (d.hosts == NULL || d.questions == NULL) {
        depths_done(out);
        return err_set(e, ERR_LOCAL, "out of memory");
    }
    name_all(out, given ? options->hosts : shared ? NULL : settings->hosts, settings);
    return true;
}

bool depths_ask(struct depths *d, const struct settings *settings, int64_t timeout_ms, struct err *e)
{
    char name[SESSION_NAME_BYTES];
    struct client_config config = session_config(settings, name);
    bool ok;

    for (size_t i = 0; i <= d->count; i++)
        d->questions[i] = (struct survey_question){.kind = SURVEY_QUEUE, .name = d->questions[i].name};
    d->progress = (struct progress){0};
    d->survey = (struct survey){.dead_exchange = settings->dead_exchange,
                                .questions = d->questions,
                                .count = d->count + 1,
                                .tell = tell,
                                .arg = &d->progress};
    ok = survey_ask(&config, (unsigned)timeout_ms, &d->survey, e);
    progress_clear(&d->progress);
    return ok;
}

void depths_done(struct depths *d)
{
    free(d->hosts);
    free(d->questions);
    *d = (struct depths){.count = 0};
}
