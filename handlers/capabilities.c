/* HostCapabilitiesGetMsg: what this worker is, and what may be said to it. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "handlers/handlers.h"
#include "handlers/hv.h"
#include "handlers/work.h"
#include "schemas/text.h"
#include "schemas/version.h"

static const char *names[TEXT_LIST_MAX];
static size_t name_count;

static void names_list(void)
{
    for (const struct handler *h; name_count < COUNT(names) && (h = handler_at(name_count)) != NULL;)
        names[name_count++] = h->message->name;
}

struct text_list handler_names(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, names_list);
    return (struct text_list){names, name_count};
}

static void recall(struct work *work)
{
    struct capabilities_reply *reply = (struct capabilities_reply *)work->reply;

    reply->messages = handler_names();
    reply->suites = seal_suites(work->host->envelope);
}

/* How it is with the host now, for people: a request may well be taken, and then wait for libvirt. */
static void tell_state(const struct work *work, struct capabilities_reply *reply)
{
    char why[HV_WHY_BYTES];

    reply->libvirt_up = hv_state(work->host->hv, why) ? YES : NO;
    text_copy_clean(reply->why, sizeof(reply->why), why, strlen(why));
    reply->in_flight = work->load.in_hand;
    reply->oldest_ms = work->load.oldest_ms;
}

static enum step_result run(struct work *work, struct err *e)
{
    struct capabilities_reply *reply = (struct capabilities_reply *)work->reply;

    (void)e;
    snprintf(reply->version, sizeof(reply->version), "%s", KEYFERRY_VERSION);
    snprintf(reply->envelope, sizeof(reply->envelope), "%s", seal_layout_names[work->host->envelope]);
    snprintf(reply->plaintext_dek, sizeof(reply->plaintext_dek), "%s", work->host->plaintext_dek);
    tell_state(work, reply);
    recall(work);
    return STEP_NEXT;
}

static const struct step steps[] = {{.name = "get", .run = run}};

const struct handler capabilities_handler = {
    .message = &capabilities_message,
    .is_told_load = true,
    .senders = MAY_READ | MAY_MANAGE,
    .steps = steps,
    .count = COUNT(steps),
    .lane = LANE_NONE,
    .recall = recall,
};
