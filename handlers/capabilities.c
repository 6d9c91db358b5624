/* HostCapabilitiesGetMsg: what this worker is, and what may be said to it. */
#include <pthread.h>
#include <stdio.h>

#include "handlers/handlers.h"
#include "handlers/work.h"
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

static enum step_result run(struct work *work, struct err *e)
{
    struct capabilities_reply *reply = (struct capabilities_reply *)work->reply;

    (void)e;
    snprintf(reply->version, sizeof(reply->version), "%s", KEYFERRY_VERSION);
    snprintf(reply->envelope, sizeof(reply->envelope), "%s", seal_layout_names[work->host->envelope]);
    snprintf(reply->plaintext_dek, sizeof(reply->plaintext_dek), "%s", work->host->plaintext_dek);
    recall(work);
    return STEP_NEXT;
}

static const struct step steps[] = {{.name = "get", .run = run}};

const struct handler capabilities_handler = {
    .message = &capabilities_message,
    .senders = MAY_READ | MAY_MANAGE,
    .steps = steps,
    .count = COUNT(steps),
    .lane = LANE_NONE,
    .recall = recall,
};
