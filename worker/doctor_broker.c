/* The doctor on the broker: who it is, what this worker's user may do there, and whether what is there is as it should be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/survey.h"
#include "worker/doctor_parts.h"
#include "worker/routes.h"

enum { TIMEOUT_MS = 10000, TOLD_MOST = 5, NAME_BYTES = 48 };

/* Of the whole broker, then of each queue, in the order they are asked. */
enum {
    ASK_REQUESTS,
    ASK_DEAD,
    ASK_EVENTS,
    ASK_REPLIES,
    ASK_WRITE_REQUESTS,
    ASK_WRITE_DEAD,
    ASK_WRITE_EVENTS,
    ASK_WRITE_REPLIES,
    ASK_DEAD_QUEUE,
    ASK_PARTITIONS,
    ASK_FIRST_QUEUE
};
enum { OF_QUEUE_ITSELF, OF_QUEUE_DECLARED, OF_QUEUE_READ, OF_QUEUE_COUNT };

struct examination {
    struct doctor *doctor;
    const struct config *config;
    struct survey_question *questions;
    struct route *routes; /* of the queues */
    size_t queue_count;
    char host_key[NAME_BYTES], event_key[NAME_BYTES + 16];
    struct survey survey;
    struct client_config link;
    char *password;
};

static size_t queue_at(size_t queue)
{
    return ASK_FIRST_QUEUE + queue * OF_QUEUE_COUNT;
}

static bool make_room(struct examination *x)
{
    x->queue_count = routes_queue_count(x->config);
    x->questions = calloc(queue_at(x->queue_count), sizeof(*x->questions));
    x->routes = calloc(x->queue_count, sizeof(*x->routes));
    return x->questions != NULL && x->routes != NULL;
}

static void name_queues(struct examination *x)
{
    char hex[UUID_HEX_CHARS + 1] = "";

    for (size_t i = 0; i < x->queue_count; i++)
        routes_queue(x->config, i, &x->routes[i]);
    if (x->config->host_count > 0)
        uuid_hex(&x->config->hosts[0].uuid, hex);
    snprintf(x->host_key, sizeof(x->host_key), "host.%s", hex);
    snprintf(x->event_key, sizeof(x->event_key), "%s.worker-up", x->host_key);
}

/* First what is there; what may be done with it, and how it was declared, is only asked of what is. */
static void compose_first(struct examination *x)
{
    const struct config *c = x->config;
    const char *exchanges[] = {c->exchange, c->dead_exchange, c->events_exchange, c->reply_exchange};

    for (size_t i = 0; i < COUNT(exchanges); i++)
        x->questions[i] = (struct survey_question){.kind = SURVEY_EXCHANGE, .name = exchanges[i]};
    for (size_t i = 0; i < COUNT(exchanges); i++)
        x->questions[ASK_WRITE_REQUESTS + i] =
            (struct survey_question){.kind = SURVEY_WRITE, .name = exchanges[i], .key = x->host_key};
    x->questions[ASK_WRITE_EVENTS].key = x->event_key;
    x->questions[ASK_WRITE_REPLIES].key = "keyferry.reply.doctor";
    x->questions[ASK_DEAD_QUEUE] = (struct survey_question){.kind = SURVEY_QUEUE, .name = c->dead_exchange};
    if (c->partitions > 0)
        x->questions[ASK_PARTITIONS] =
            (struct survey_question){.kind = SURVEY_EXCHANGE, .name = ROUTES_PARTITION_EXCHANGE};
    else
        x->questions[ASK_PARTITIONS] = x->questions[ASK_DEAD_QUEUE]; /* asked, and not looked at */
    for (size_t i = 0; i < x->queue_count; i++)
        for (size_t j = 0; j < OF_QUEUE_COUNT; j++)
            x->questions[queue_at(i) + j] = (struct survey_question){.kind = SURVEY_QUEUE, .name = x->routes[i].queue};
}

static bool ask(struct examination *x, struct survey_question *questions, size_t count, struct err *e)
{
    x->survey.questions = questions;
    x->survey.count = count;
    return survey_ask(&x->link, TIMEOUT_MS, &x->survey, e);
}

/* ---- one thing at a time ---- */

static void tell_broker(struct examination *x)
{
    struct doctor *d = x->doctor;
    const struct broker *b = &x->survey.broker;
    const struct broker_trait *t;

    doctor_say(d, DOCTOR_OK, "broker", NULL, "%s, logged in as %s", x->survey.broker_at,
               x->survey.user[0] != '\0' ? x->survey.user : "whoever the certificate is");
    if (!b->is_known)
        doctor_say(d, DOCTOR_WARN, "broker", "Keyferry is tested with RabbitMQ 3.10 and later",
                   "it is not RabbitMQ of a version that can be read: nothing is assumed of it");
    for (size_t at = 0; (t = broker_trait(b, &at)) != NULL;)
        doctor_say(d, t->is_trouble ? DOCTOR_WARN : DOCTOR_OK, "broker", t->advice, "RabbitMQ %s %s", b->version,
                   t->is_so);
    if (x->config->plaintext_dek == PLAINTEXT_ALLOW)
        doctor_say(d, DOCTOR_WARN, "broker", "plaintext_dek = loopback, or refuse",
                   "clear DEKs are accepted, and the broker writes what it queues to its disk");
}

/* By what a worker that starts would do about it. */
static void tell_exchange(struct examination *x, size_t at, const char *purpose)
{
    const struct survey_question *q = &x->questions[at], *write = &x->questions[ASK_WRITE_REQUESTS + at];
    bool declares = x->config->declare != 0 && at != ASK_REPLIES;

    if (q->name[0] == '\0')
        return; /* replies by the default exchange, which is always there */
    if (!survey_is_yes(q) && declares && q->code == AMQP_NOT_FOUND)
        doctor_say(x->doctor, DOCTOR_OK, "exchange", NULL, "'%s' for %s is made at the first start", q->name, purpose);
    else if (!survey_is_yes(q))
        doctor_say(x->doctor, DOCTOR_FAIL, "exchange", "declare it; deploy/broker-user does", "for %s: %s", purpose,
                   q->text);
    else if (!survey_is_yes(write))
        doctor_say(x->doctor, DOCTOR_FAIL, "rights", "give this user the right to write to it; deploy/broker-user does",
                   "'%s' for %s: %s", q->name, purpose, write->is_answered ? write->text : "no answer");
    else
        doctor_say(x->doctor, DOCTOR_OK, "exchange", NULL, "'%s' for %s is there, and may be written to", q->name,
                   purpose);
}

/* Who may not declare it may not ask how it was declared either. */
static void tell_declared(struct examination *x, const struct survey_question *q, enum verdict_of_doctor other,
                          const char *advice)
{
    if (survey_is_yes(q))
        doctor_say(x->doctor, DOCTOR_OK, "queue", NULL, "'%s' is declared as this worker would", q->name);
    else if (q->code == AMQP_DENIED && !x->config->declare)
        doctor_say(x->doctor, DOCTOR_OK, "queue", NULL,
                   "how '%s' was declared is not for this user to ask (declare = no)", q->name);
    else if (q->code == AMQP_DENIED)
        doctor_say(x->doctor, DOCTOR_FAIL, "rights", "give the right to configure it, or set declare = no", "%s",
                   q->text);
    else
        doctor_say(x->doctor, other, "queue", advice, "%s", q->is_answered ? q->text : "no answer");
}

static void tell_dead_queue(struct examination *x)
{
    struct survey_question *q = &x->questions[ASK_DEAD_QUEUE];
    struct survey_question declared = {.kind = SURVEY_DEAD_QUEUE, .name = q->name};
    struct err e;

    if (!survey_is_yes(q)) {
        bool is_ok = x->config->declare != 0 && q->code == AMQP_NOT_FOUND;
        doctor_say(x->doctor, is_ok ? DOCTOR_OK : DOCTOR_FAIL, "queue",
                   is_ok ? NULL : "declare it: without it dead letters are lost, or stall",
                   is_ok ? "'%s' is made at the first start" : "'%s': no such queue", q->name);
        return;
    }
    if (q->messages > 0)
        doctor_say(x->doctor, DOCTOR_WARN, "dead letters", "keyferry dead list", "%u wait in '%s'", q->messages,
                   q->name);
    if (ask(x, &declared, 1, &e))
        tell_declared(x, &declared, DOCTOR_WARN,
                      "replay or drop what is in it, delete it, and let a worker make it anew");
}

static void tell_partitions(struct examination *x)
{
    const struct survey_question *q = &x->questions[ASK_PARTITIONS];
    bool is_made = x->config->declare != 0 && q->code == AMQP_NOT_FOUND;

    if (x->config->partitions == 0)
        return;
    if (survey_is_yes(q) || is_made)
        doctor_say(x->doctor, DOCTOR_OK, "exchange", NULL, "'%s' for partitions is %s", q->name,
                   is_made ? "made at the first start, if the broker has the plugin rabbitmq_consistent_hash_exchange"
                           : "there");
    else
        doctor_say(x->doctor, DOCTOR_FAIL, "exchange", "declare it; deploy/broker-user does", "for partitions: %s",
                   q->text);
}

/* ---- queues ---- */

/* The second look, at queues that are there. Gives how many are not. */
static size_t compose_second(struct examination *x)
{
    size_t missing = 0;

    for (size_t i = 0; i < x->queue_count; i++) {
        struct survey_question *q = &x->questions[queue_at(i)];
        q[OF_QUEUE_DECLARED].kind = survey_is_yes(q) ? SURVEY_HOST_QUEUE : SURVEY_QUEUE;
        q[OF_QUEUE_READ].kind = survey_is_yes(q) ? SURVEY_READ : SURVEY_QUEUE;
        for (size_t j = OF_QUEUE_DECLARED; j < OF_QUEUE_COUNT; j++) {
            q[j].is_answered = q[j].is_granted = false;
            q[j].code = 0;
        }
        missing += !survey_is_yes(q);
    }
    return missing;
}

static bool queue_is_well(const struct survey_question *q, bool declares)
{
    return survey_is_yes(&q[OF_QUEUE_READ]) &&
           (survey_is_yes(&q[OF_QUEUE_DECLARED]) || (q[OF_QUEUE_DECLARED].code == AMQP_DENIED && !declares));
}

static void tell_queue(struct examination *x, size_t queue)
{
    const struct survey_question *q = &x->questions[queue_at(queue)];

    if (!survey_is_yes(&q[OF_QUEUE_READ]))
        doctor_say(x->doctor, DOCTOR_FAIL, "rights", "give this user the right to read it; deploy/broker-user does",
                   "%s", q[OF_QUEUE_READ].is_answered ? q[OF_QUEUE_READ].text : "no answer");
    tell_declared(x, &q[OF_QUEUE_DECLARED], DOCTOR_FAIL,
                  "let it be drained, delete it, and let a worker make it anew; or set queue_type as it is");
}

static void tell_queues(struct examination *x, size_t missing)
{
    bool declares = x->config->declare != 0;
    size_t well = 0, told = 0, unserved = 0;

    for (size_t i = 0; i < x->queue_count; i++) {
        const struct survey_question *q = &x->questions[queue_at(i)];
        if (!survey_is_yes(q))
            continue;
        unserved += q->consumers == 0;
        if (queue_is_well(q, declares))
            well++;
        else if (told++ < TOLD_MOST)
            tell_queue(x, i);
    }
    doctor_say(x->doctor, told > 0 || (missing > 0 && !declares) ? DOCTOR_FAIL : DOCTOR_OK, "queues",
               missing > 0 && !declares ? "declare them; deploy/broker-user does" : NULL,
               "of %zu queues %zu are as they should be, %zu are not there%s, %zu have no consumer", x->queue_count,
               well, missing, declares ? " yet" : "", unserved);
}

static void examine(struct examination *x)
{
    static const char *const purposes[] = {
        [ASK_REQUESTS] = "requests", [ASK_DEAD] = "dead letters", [ASK_EVENTS] = "events", [ASK_REPLIES] = "replies"};
    struct err e;
    size_t missing;

    compose_first(x);
    if (!ask(x, x->questions, queue_at(x->queue_count), &e)) {
        doctor_say(x->doctor, DOCTOR_FAIL, "broker", "is it running, and are url, login and TLS right?", "%s", e.text);
        return;
    }
    tell_broker(x);
    for (size_t i = 0; i < COUNT(purposes); i++)
        tell_exchange(x, i, purposes[i]);
    tell_partitions(x);
    missing = compose_second(x);
    if (!ask(x, x->questions + ASK_FIRST_QUEUE, queue_at(x->queue_count) - ASK_FIRST_QUEUE, &e))
        doctor_say(x->doctor, DOCTOR_FAIL, "broker", NULL, "%s", e.text);
    else
        tell_queues(x, missing);
    tell_dead_queue(x);
    doctor_own(x->doctor, &x->link);
}

static void end(struct examination *x)
{
    if (x->password != NULL)
        wipe(x->password, strlen(x->password));
    free(x->password);
    free(x->questions);
    free(x->routes);
}

void doctor_broker(struct doctor *d)
{
    const struct config *c = &d->config;
    struct examination x = {
        .doctor = d,
        .config = c,
        .survey = {.dead_exchange = c->dead_exchange, .queue_type = (enum queue_type)c->queue_type},
        .link = {.urls = c->urls,
                 .tls = {c->ca_file, c->cert_file, c->key_file, c->sasl == SASL_EXTERNAL},
                 .name = "keyferryd-doctor",
                 .heartbeat_s = (unsigned)c->heartbeat_s},
    };
    struct err e;

    if (!config_password(c, &x.password, &e)) {
        doctor_say(d, DOCTOR_FAIL, "broker", "is it there, and may the worker's user read it?", "%s", e.text);
        return;
    }
    x.link.password = x.password;
    if (make_room(&x)) {
        name_queues(&x);
        examine(&x);
    }
    end(&x);
}
