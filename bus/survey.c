#include "bus/survey.h"

#include "bus/channel.h"
#include "bus/connection.h"
#include "bus/timer.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

enum { ASKERS = 16 };

/* One of the channels: asks a question, closes or is closed, and asks the next. */
struct asker {
    struct channel channel;
    struct survey_question *question;
};

struct asking {
    struct survey *survey;
    struct event_base *base;
    struct event *alarm;
    struct connection *connection;
    struct url_list urls;
    struct asker askers[ASKERS];
    size_t begun, done;
    unsigned timeout_ms;
    bool is_over, is_lost, timed_out;
    char why[512];
};

static struct ask_row row_of(const struct survey_question *q)
{
    static const struct ask_row *const rows[] = {
        [SURVEY_QUEUE] = &topology_counted,      [SURVEY_EXCHANGE] = &topology_exchange,
        [SURVEY_HOST_QUEUE] = &topology_host,    [SURVEY_DEAD_QUEUE] = &topology_dead,
        [SURVEY_READ] = &topology_trial_consume, [SURVEY_WRITE] = &topology_trial_publish,
        [SURVEY_TOPIC] = &topology_topic,        [SURVEY_OWN] = &topology_trial_declare,
        [SURVEY_BIND] = &topology_trial_bind,
    };

    return *rows[q->kind];
}

static struct ask_values values_of(const struct asking *a, const struct survey_question *q)
{
    const struct survey *s = a->survey;

    return (struct ask_values){
        .names = {[SUBJECT_NONE] = "",
                  [SUBJECT_REQUESTS] = q->kind == SURVEY_BIND ? q->exchange : q->name,
                  [SUBJECT_DEAD] = q->kind == SURVEY_DEAD_QUEUE ? q->name : s->dead_exchange,
                  [SUBJECT_QUEUE] = q->name,
                  [SUBJECT_KEY] = q->key != NULL ? q->key : ""},
        .consumer_tag = "",
        .broker = connection_broker(a->connection),
        .queue_type = s->queue_type,
    };
}

static void ask_next(struct asking *a, struct asker *asker)
{
    struct ask_values values;

    asker->question = NULL;
    if (a->begun == a->survey->count)
        return;
    asker->question = &a->survey->questions[a->begun++];
    values = values_of(a, asker->question);
    channel_open(&asker->channel, (uint16_t)(asker - a->askers + 1), row_of(asker->question), &values,
                 connection_out(a->connection));
}

static void answered(struct asking *a, struct asker *asker, bool is_granted)
{
    struct survey *s = a->survey;

    asker->question->is_answered = true;
    asker->question->is_granted = is_granted;
    a->done++;
    timer_set(a->alarm, a->timeout_ms);
    if (s->tell != NULL)
        s->tell(s->arg, a->done, s->count);
    if (a->done == s->count)
        connection_stop(a->connection);
}

static void refused(struct asking *a, struct asker *asker, const struct wire_frame *frame, const struct err *why)
{
    struct survey_question *q = asker->question;

    q->code = frame->code;
    snprintf(q->text, sizeof(q->text), "%s", why->text);
    answered(a, asker, false);
    ask_next(a, asker);
}

static bool on_frame(void *arg, const struct wire_frame *frame, struct err *e)
{
    struct asking *a = arg;
    struct asker *asker = &a->askers[(frame->channel - 1u) % ASKERS];
    struct ask_values values;
    struct err why;

    if (frame->channel > ASKERS || asker->question == NULL)
        return err_set(e, ERR_BUS, "a frame on channel %u, which is not open", frame->channel);
    values = values_of(a, asker->question);
    if (frame->kind == WIRE_METHOD && frame->method == METHOD_QUEUE_OK) {
        asker->question->messages = frame->message_count;
        asker->question->consumers = frame->consumers;
    }
    switch (channel_take(&asker->channel, frame, &values, connection_out(a->connection), &why)) {
    case CHANNEL_OPENED:
        channel_close(&asker->channel, connection_out(a->connection));
        answered(a, asker, true);
        return true;
    case CHANNEL_LOST:
        refused(a, asker, frame, &why);
        return true;
    case CHANNEL_CLOSED:
        ask_next(a, asker);
        return true;
    case CHANNEL_NOTHING:
        return true;
    case CHANNEL_FRAME:
        return err_set(e, ERR_BUS, "an unexpected frame on channel %u", frame->channel);
    case CHANNEL_BROKEN:
        break;
    }
    *e = why;
    return false;
}

static void on_opened(void *arg)
{
    struct asking *a = arg;
    struct survey *s = a->survey;

    s->broker = *connection_broker(a->connection);
    snprintf(s->broker_at, sizeof(s->broker_at), "%s", connection_peer_name(a->connection));
    snprintf(s->user, sizeof(s->user), "%s", connection_user(a->connection));
    timer_set(a->alarm, a->timeout_ms);
    for (size_t i = 0; i < ASKERS && i < connection_channel_max(a->connection); i++)
        ask_next(a, &a->askers[i]);
    if (s->count == 0)
        connection_stop(a->connection);
}

/* Not from within connection_stop(), which may tell it before the loop has seen that all is done. */
static void on_lost(void *arg, const struct loss *loss)
{
    struct asking *a = arg;

    a->is_over = true;
    a->is_lost = a->done < a->survey->count || a->survey->broker_at[0] == '\0';
    snprintf(a->why, sizeof(a->why), "%s", loss->text);
}

/* What is asked is never published for good. */
static void on_blocked(void *arg, const char *why)
{
    (void)arg, (void)why;
}

static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ((struct asking *)arg)->timed_out = true;
}

static const struct connection_owner owner = {
    .opened = on_opened, .frame = on_frame, .lost = on_lost, .blocked = on_blocked};

static bool begin(struct asking *a, const struct client_config *config, struct err *e)
{
    struct connection_config link = {.urls = &a->urls,
                                     .tls = &config->tls,
                                     .name = config->name,
                                     .heartbeat_s = config->heartbeat_s,
                                     .owner = &owner,
                                     .arg = a};

    if (!url_list_read(config->urls, config->password, &a->urls, e) || !tls_check(&config->tls, &a->urls, e))
        return false;
    a->base = link.base = event_base_new();
    a->alarm = a->base == NULL ? NULL : evtimer_new(a->base, on_alarm, a);
    if (a->alarm == NULL)
        return err_set(e, ERR_LOCAL, "no memory for a connection");
    timer_set(a->alarm, a->timeout_ms);
    return connection_new(&link, &a->connection, e);
}

static void end(struct asking *a)
{
    connection_free(a->connection);
    if (a->alarm != NULL)
        event_free(a->alarm);
    if (a->base != NULL)
        event_base_free(a->base);
    url_list_done(&a->urls);
}

bool survey_ask(const struct client_config *config, unsigned timeout_ms, struct survey *survey, struct err *e)
{
    struct asking a = {.survey = survey, .timeout_ms = timeout_ms};
    bool ok = begin(&a, config, e);

    while (ok && !a.is_over && !a.timed_out)
        event_base_loop(a.base, EVLOOP_ONCE);
    if (ok && a.timed_out && a.done < survey->count)
        ok = err_set(e, survey->broker_at[0] == '\0' ? ERR_BUS : ERR_TIMEOUT, "the broker did not answer within %u ms",
                     timeout_ms);
    else if (ok && a.is_lost)
        ok = err_set(e, ERR_BUS, "%s", a.why);
    end(&a);
    return ok;
}

bool survey_may(const struct survey_question *q)
{
    return q->is_answered && (q->is_granted || q->code != AMQP_DENIED);
}

bool survey_is_yes(const struct survey_question *q)
{
    bool is_trial = q->kind == SURVEY_READ || q->kind == SURVEY_WRITE;

    return q->is_answered && (is_trial ? q->code == AMQP_INVALID : q->is_granted);
}
