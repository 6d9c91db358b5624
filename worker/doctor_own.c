/* The doctor on what a worker makes for itself on the broker: its queue of replies, and that of the pool. */
#include <stdio.h>

#include "bus/survey.h"
#include "worker/doctor_parts.h"
#include "worker/pool.h"

enum { TIMEOUT_MS = 10000, QUEUE_BYTES = CONFIG_TEXT_MAX + 32 };

#define ADVICE                                                                                                         \
    "run keyferry-broker-user again, and set `name` in [worker] as it says (a second worker adds a part: NAME.2)"

/* Nobody's: what is bound by it gets nothing, and the pattern of broker-user has it. */
static const char nobodys_key[] = "pool.00000000000000000000000000000000";

static bool ask(const struct client_config *link, struct survey_question *questions, size_t count, struct doctor *d)
{
    struct survey survey = {.dead_exchange = "", .questions = questions, .count = count};
    struct err e;

    if (survey_ask(link, TIMEOUT_MS, &survey, &e))
        return true;
    doctor_say(d, DOCTOR_FAIL, "broker", NULL, "%s", e.text);
    return false;
}

/* The words of the first that may not be done, or NULL. */
static const char *first_denied(const struct survey_question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!survey_may(&questions[i]))
            return questions[i].is_answered ? questions[i].text : "no answer";
    return NULL;
}

/* `exchange`: "" where nothing is bound. */
static void tell_queue(struct doctor *d, const struct client_config *link, const char *queue, const char *exchange,
                       const char *key, enum verdict_of_doctor without)
{
    struct survey_question q[] = {{.kind = SURVEY_OWN, .name = queue},
                                  {.kind = SURVEY_READ, .name = queue},
                                  {.kind = SURVEY_BIND, .name = queue, .exchange = exchange, .key = key}};
    size_t count = exchange[0] != '\0' ? COUNT(q) : COUNT(q) - 1;
    const char *why;

    if (!ask(link, q, count, d))
        return;
    why = first_denied(q, count);
    if (why != NULL)
        doctor_say(d, without, "rights", ADVICE, "%s", why);
    else
        doctor_say(d, DOCTOR_OK, "queue", NULL, "one of its own, such as '%s', may be made, %sand read", queue,
                   exchange[0] != '\0' ? "bound " : "");
}

static void tell_pool(struct doctor *d, const struct client_config *link)
{
    struct survey_question there = {.kind = SURVEY_EXCHANGE, .name = POOL_EXCHANGE};
    struct survey_question q[] = {{.kind = SURVEY_WRITE, .name = POOL_EXCHANGE, .key = nobodys_key},
                                  {.kind = SURVEY_TOPIC, .name = POOL_EXCHANGE}};
    const char *why = NULL;

    if (!ask(link, &there, 1, d))
        return;
    if (survey_is_yes(&there) && !ask(link, q, d->config.declare ? COUNT(q) : COUNT(q) - 1, d))
        return;
    if (survey_is_yes(&there))
        why = first_denied(q, d->config.declare ? COUNT(q) : COUNT(q) - 1);
    else if (!d->config.declare || there.code != AMQP_NOT_FOUND)
        why = there.is_answered ? there.text : "no answer";
    if (why != NULL)
        doctor_say(d, DOCTOR_WARN, "pool", ADVICE,
                   "workers of this state_dir cannot hear each other, so each of them subscribes to every host: %s",
                   why);
    else
        doctor_say(d, DOCTOR_OK, "exchange", NULL, "'%s' for the workers of this state_dir is %s", POOL_EXCHANGE,
                   survey_is_yes(&there) ? "there, and may be written to" : "made at the first start");
}

void doctor_own(struct doctor *d, const struct client_config *link)
{
    char replies[QUEUE_BYTES], pool[QUEUE_BYTES];

    snprintf(replies, sizeof(replies), "keyferry.reply.%s", d->config.name);
    snprintf(pool, sizeof(pool), POOL_EXCHANGE ".%s", d->config.name);
    tell_queue(d, link, replies, d->config.reply_exchange, replies, DOCTOR_FAIL);
    tell_pool(d, link);
    tell_queue(d, link, pool, POOL_EXCHANGE, nobodys_key, DOCTOR_WARN);
}
