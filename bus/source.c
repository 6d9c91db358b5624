#include "bus/source.h"

#include "bus/timer.h"

#include <stdio.h>
#include <string.h>

enum { RENEW_MS = 1000 };

static struct source *of_item(struct tray_item *item)
{
    return (struct source *)((char *)item - offsetof(struct source, item));
}

static void source_tell(struct tray_item *item, struct bus_news *news)
{
    static const enum bus_event events[] = {
        [SOURCE_DOWN] = BUS_QUEUE_DOWN, [SOURCE_UP] = BUS_QUEUE_UP, [SOURCE_DEAF] = BUS_QUEUE_DEAF};
    const struct source *source = of_item(item);

    news->event = events[source->state];
    news->queue = source->intake.queue;
    news->messages = source->intake.channel.messages;
    snprintf(news->text, sizeof(news->text), "%s", source->intake.why);
}

static void source_set(struct source *source, enum source_state state, const char *why)
{
    bool is_news = source->state != state || strcmp(source->intake.why, why) != 0;

    if (!is_news)
        return;
    source->state = state;
    snprintf(source->intake.why, sizeof(source->intake.why), "%s", why);
    tray_put(source->intake.host->tray, &source->item);
}

void source_init(struct source *source, struct canary_sender *sender, uint64_t quiet_ms)
{
    source->item.tell = source_tell;
    source->sender = sender;
    source->proof.quiet_ms = quiet_ms;
}

void source_done(struct source *source)
{
    if (source->intake.host != NULL)
        tray_remove(source->intake.host->tray, &source->item);
    intake_done(&source->intake);
}

static void canary_forget(struct source *source)
{
    if (source->canary == 0)
        return;
    source->sender->forget(source->sender->arg, source->canary);
    source->sender->on_their_way--;
    source->canary = 0;
}

/* One that was deaf is up when it has been proven. */
void source_opened(struct source *source)
{
    proof_opened(&source->proof, source->intake.others, monotonic_ms());
    if (!proof_is_doubted(&source->proof))
        source_set(source, SOURCE_UP, "");
}

void source_lost(struct source *source, const char *why)
{
    bool is_renewed = source->is_renewed && source->intake.wanted;

    canary_forget(source);
    proof_shut(&source->proof);
    source->is_renewed = false;
    if (!is_renewed)
        source_set(source, SOURCE_DOWN, why);
}

void source_reset(struct source *source, const char *why)
{
    bool is_told = source->state != SOURCE_DOWN || source->intake.channel.state == CHANNEL_CLOSING;

    canary_forget(source);
    proof_anew(&source->proof);
    source->is_renewed = false;
    intake_reset(&source->intake);
    if (is_told)
        source_set(source, SOURCE_DOWN, why);
}

void source_delivered(struct source *source)
{
    source->heard_ms = monotonic_ms();
    proof_delivered(&source->proof, source->heard_ms);
    if (source->state != SOURCE_UP || source->intake.why[0] != '\0')
        source_set(source, SOURCE_UP, "");
}

static void canary_send(struct source *source, uint64_t now_ms)
{
    if (source->canary != 0)
        return; /* the last one came before it was confirmed */
    proof_sent(&source->proof);
    if (source->sender->send(source->sender->arg, source->intake.queue, &source->canary))
        source->sender->on_their_way++;
    else
        proof_unsent(&source->proof, now_ms);
}

/* The broker takes a while to forget the old consumer, and must not count it among the others. */
static void renew(struct source *source, const char *why)
{
    source->is_renewed = true;
    intake_renew(&source->intake, why, RENEW_MS);
}

void source_renew(struct source *source, const char *why)
{
    if (source->intake.wanted && intake_is_open(&source->intake))
        intake_renew(&source->intake, why, RENEW_MS);
}

static void be_deaf(struct source *source)
{
    char why[INTAKE_WHY_CHARS];

    snprintf(why, sizeof(why), "connected, but deaf%s: a canary through the queue was not delivered within %u ms",
             proof_is_hopeless(&source->proof) ? ", and consuming anew did not help" : "",
             (unsigned)(source->proof.quiet_ms / PROOF_PATIENCE));
    source_set(source, SOURCE_DEAF, why);
    renew(source, why);
}

static void step(struct source *source, enum proof_step step, uint64_t now_ms)
{
    if (step == PROOF_SEND)
        canary_send(source, now_ms);
    else if (step == PROOF_ASK)
        renew(source, "asking who else consumes");
    else if (step == PROOF_DEAF)
        be_deaf(source);
    else if (step == PROOF_PROVEN && source->state != SOURCE_UP)
        source_set(source, SOURCE_UP, "");
}

void source_tick(struct source *source, uint16_t prefetch, uint64_t now_ms)
{
    bool window_is_full = prefetch > 0 && source->intake.unsettled >= prefetch;

    if (source->intake.wanted && intake_is_open(&source->intake))
        step(source, proof_tick(&source->proof, window_is_full, now_ms), now_ms);
    intake_tick(&source->intake, now_ms);
}

/* Whatever cannot be proven is not held against it, but it is said. */
static void unproven(struct source *source, const struct bus_news *news)
{
    char why[INTAKE_WHY_CHARS];

    (bus_refused_for_good(news) ? proof_mute : proof_unsent)(&source->proof, monotonic_ms());
    snprintf(why, sizeof(why), "consuming, but it cannot be proven: a canary by '%s' came to nothing: %.300s",
             source->intake.key, news->text);
    source_set(source, SOURCE_UP, why);
}

bool source_published(struct source *source, const struct bus_news *news)
{
    if (source->canary == 0 || source->canary != news->number)
        return false;
    source->canary = 0;
    source->sender->on_their_way--;
    if (news->how == PUBLISHED_TAKEN)
        proof_taken(&source->proof, monotonic_ms());
    else if (source->proof.state == PROOF_ON_ITS_WAY)
        unproven(source, news);
    return true;
}
