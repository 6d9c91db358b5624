#include "worker/pool.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/timer.h"
#include "worker/log.h"
#include "worker/pool_lock.h"
#include "worker/roster.h"

enum {
    TICK_MS = 1000,
    SOON_MS = 100,
    LISTEN_MS = 300,  /* for the answers of others, once our own hello has come back */
    HEAR_MS = 1000,   /* our own hello; or nothing is heard at all */
    SETTLE_MS = 3000, /* without anybody coming or going: all have had time to come to their places in the line */
    OLD_MS = 5000,
    PAUSE_MS = 60000, /* after the broker has refused an announcement for good: each costs the channel */
    WHY_BYTES = sizeof(((struct bus_news *)0)->text),
    PATH_BYTES = CONFIG_TEXT_MAX + sizeof("/pool"),
};

struct pool {
    struct pool_config config;
    char key[POOL_KEY_BYTES];
    int lock;
    struct event *tick;
    bool is_link_up, is_hearing, is_leaving, is_decided, is_soon;
    int64_t link_ms;                /* since when the link is up */
    int64_t echo_ms, first_echo_ms; /* when our own was heard last, and first since the link is up (0: not yet) */
    int64_t paused_ms;              /* until when nothing is said */
    uint64_t number;                /* the announcement that is not confirmed; 0: none */
    char why[WHY_BYTES];            /* no notices come */
    bool is_told;                   /* ... and that was said */
    struct roster roster;
    int64_t changed_ms; /* since when nobody has come or gone */
};

void pool_key(const struct digest_key *key, char out[POOL_KEY_BYTES])
{
    struct salt id;
    char *at = out + sprintf(out, "pool.");

    digest_salt(key, "the workers of this folder", &id);
    for (size_t i = 0; i < 16; i++)
        at += sprintf(at, "%02x", id.data[i]);
}

static int64_t now_ms(void)
{
    return (int64_t)monotonic_ms();
}

static bool is_up(const struct pool *p)
{
    return p->is_link_up && p->is_hearing;
}

/* Somebody has come or gone, or has other queues than before. */
static void change(struct pool *p)
{
    char text[400];

    p->changed_ms = now_ms();
    roster_place(&p->roster);
    roster_tell(&p->roster, text, sizeof(text));
    log_event(LOG_LEVEL_INFO, "pool", "details", text, (char *)NULL);
}

/* ---- what is said ---- */

static size_t note_consuming(const struct pool *p, uint8_t *bits)
{
    for (size_t i = 0; i < p->config.queue_count; i++)
        if (p->config.consumes(p->config.arg, p->roster.order[i]))
            bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return (p->config.queue_count + 7) / 8;
}

/* Nothing where the last one is still on its way: the broker takes nothing, and they must not pile up. */
static void announce(struct pool *p, enum member_word word)
{
    const struct world *world = p->config.world;
    size_t room = ANNOUNCEMENT_BYTES(p->config.queue_count);
    struct announcement what = {.pid = getpid(), .word = word};
    struct publication notice = {.exchange = POOL_EXCHANGE,
                                 .routing_key = p->key,
                                 .content_type = "text/plain",
                                 .correlation_id = p->config.name};
    ON_EXIT(bytes_free) struct bytes text = {.data = malloc(room)};
    ON_EXIT(bytes_free) struct bytes bits = {.data = calloc(1, p->config.queue_count / 8 + 1)};

    if (!is_up(p) || p->number != 0 || now_ms() < p->paused_ms || text.data == NULL || bits.data == NULL)
        return;
    strcpy(what.queues, p->roster.digest);
    what.bytes = note_consuming(p, bits.data);
    what.consuming = bits.data;
    announcement_write(&what, (char *)text.data, room);
    notice.body = text.data;
    notice.body_bytes = strlen((char *)text.data);
    if (!world->publish(world->ctx, &notice, &p->number))
        p->number = 0;
}

bool pool_published(struct pool *p, const struct bus_news *news)
{
    if (p->number == 0 || news->number != p->number)
        return false;
    p->number = 0;
    if (bus_refused_for_good(news)) {
        p->paused_ms = now_ms() + PAUSE_MS;
        log_event(LOG_LEVEL_WARN, "pool-down", "details", news->text, (char *)NULL);
    }
    return true;
}

void pool_bye(struct pool *p)
{
    p->is_leaving = true;
    announce(p, MEMBER_BYE);
}

/* ---- what is heard ---- */

static void hear_self(struct pool *p)
{
    p->echo_ms = now_ms();
    if (p->first_echo_ms == 0)
        p->first_echo_ms = p->echo_ms;
}

/* Only who is on this machine and has this state_dir counts, whoever says what. */
static void hear_other(struct pool *p, const char *name, struct announcement *what)
{
    bool is_hello = what->word == MEMBER_HELLO;

    if (!pool_lock_has(p->lock, what->pid)) {
        free(what->consuming);
        return;
    }
    if (members_note(&p->roster.members, name, what, now_ms()))
        change(p);
    if (p->is_decided)
        p->config.look(p->config.arg);
    if (is_hello)
        announce(p, MEMBER_HERE);
}

void pool_notice(struct pool *p, const struct delivery *notice)
{
    struct announcement what;

    if (p->is_leaving || notice->correlation_id[0] == '\0' ||
        !announcement_read(notice->body, notice->body_bytes, &what))
        return;
    if (strcmp(notice->correlation_id, p->config.name) != 0) {
        hear_other(p, notice->correlation_id, &what);
        return;
    }
    free(what.consuming);
    if (what.pid == getpid())
        hear_self(p);
}

/* Whoever was there when it was lost counts as there until it has had its time to say so. */
static void came_up(struct pool *p)
{
    p->echo_ms = now_ms();
    p->first_echo_ms = 0;
    members_pardon(&p->roster.members, p->echo_ms);
    announce(p, MEMBER_HELLO);
}

static void went_down(struct pool *p)
{
    const struct world *world = p->config.world;

    if (p->number != 0)
        world->forget(world->ctx, p->number);
    p->number = 0;
}

static void set_up(struct pool *p, bool is_link_up, bool is_hearing)
{
    bool was_up = is_up(p);

    if (is_link_up && !p->is_link_up)
        p->link_ms = now_ms();
    p->is_link_up = is_link_up;
    p->is_hearing = is_hearing;
    if (is_up(p) && !was_up)
        came_up(p);
    if (!is_up(p) && was_up)
        went_down(p);
}

void pool_link(struct pool *p, bool is_link_up)
{
    set_up(p, is_link_up, p->is_hearing);
}

void pool_notices(struct pool *p, bool is_hearing, const char *why)
{
    snprintf(p->why, sizeof(p->why), "%s", why);
    p->is_told = is_hearing;
    set_up(p, p->is_link_up, is_hearing);
}

/* ---- time ---- */

static bool forget_dead(struct pool *p)
{
    size_t before = p->roster.members.count;

    for (size_t i = p->roster.members.count; i-- > 0;)
        if (!pool_lock_has(p->lock, p->roster.members.list[i].pid))
            members_remove(&p->roster.members, i);
    return p->roster.members.count != before;
}

/* Where not even our own come back nothing can be known of others. */
static bool forget_silent(struct pool *p)
{
    bool any = p->roster.members.count > 0;

    if (now_ms() - p->echo_ms <= MEMBER_LIFE_MS)
        return members_expire(&p->roster.members, now_ms());
    members_done(&p->roster.members);
    return any;
}

/* Once nobody else is there, or those who are have had their time to answer, or it is no use to wait. */
static bool may_decide(const struct pool *p)
{
    return (p->first_echo_ms != 0 && now_ms() - p->first_echo_ms >= LISTEN_MS) || now_ms() - p->link_ms >= HEAR_MS;
}

/* Once, and not where the link itself has only just come up. */
static void tell_deaf(struct pool *p)
{
    if (p->is_hearing || p->is_told || now_ms() - p->link_ms < HEAR_MS)
        return;
    p->is_told = true;
    log_event(LOG_LEVEL_WARN, "pool-down", "details", p->why, (char *)NULL);
}

void pool_changed(struct pool *p)
{
    if (p->is_decided && !p->is_soon)
        timer_set(p->tick, SOON_MS);
    p->is_soon = p->is_decided;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct pool *p = arg;
    bool is_dead, is_silent;

    (void)fd, (void)what;
    p->is_soon = false;
    timer_set(p->tick, p->is_decided ? TICK_MS : LISTEN_MS / 3);
    if (!p->is_link_up || p->is_leaving)
        return;
    tell_deaf(p);
    announce(p, MEMBER_HERE);
    is_dead = forget_dead(p);
    is_silent = forget_silent(p);
    if (is_dead || is_silent)
        change(p);
    if (!p->is_decided && may_decide(p)) {
        p->is_decided = true;
        p->changed_ms = now_ms();
    }
    if (p->is_decided)
        p->config.look(p->config.arg);
}

/* ---- what follows ---- */

enum pool_place pool_place(const struct pool *p, size_t queue)
{
    if (!p->is_decided)
        return POOL_UNKNOWN;
    return roster_first(&p->roster, queue) == NULL ? POOL_FIRST
           : roster_is_second(&p->roster, queue)   ? POOL_SECOND
                                                   : POOL_OTHER;
}

bool pool_is_settled(const struct pool *p)
{
    return is_up(p) && now_ms() - p->changed_ms >= SETTLE_MS && now_ms() - p->echo_ms <= MEMBER_LIFE_MS;
}

bool pool_is_old(const struct pool *p)
{
    return now_ms() - p->changed_ms >= OLD_MS;
}

pid_t pool_first_there(const struct pool *p, size_t queue)
{
    const struct member *first = roster_first(&p->roster, queue);

    return first != NULL && member_consumes(first, p->roster.place_of[queue]) ? first->pid : 0;
}

bool pool_is_consumed(const struct pool *p, size_t queue)
{
    return roster_is_consumed(&p->roster, queue);
}

bool pool_has(const struct pool *p, pid_t pid)
{
    return roster_has(&p->roster, pid);
}

bool pool_is_best(const struct pool *p, const char *name)
{
    return p->is_decided && roster_is_best(&p->roster, name);
}

/* ---- being made ---- */

static bool open_parts(struct pool *p, struct err *e)
{
    char path[PATH_BYTES];

    p->tick = evtimer_new(p->config.base, on_tick, p);
    if (p->tick == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    snprintf(path, sizeof(path), "%s/pool", p->config.state_dir);
    return roster_init(&p->roster, p->config.name, p->config.queues, p->config.queue_count, e) &&
           pool_lock_open(path, &p->lock, e);
}

bool pool_open(const struct pool_config *config, struct pool **out, struct err *e)
{
    struct pool *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    p->config = *config;
    p->lock = -1;
    pool_key(config->key, p->key);
    if (!open_parts(p, e)) {
        pool_close(p);
        return false;
    }
    p->is_decided = !pool_lock_has_others(p->lock); /* alone: there is nobody to wait for */
    timer_set(p->tick, LISTEN_MS / 3);
    *out = p;
    return true;
}

void pool_close(struct pool *p)
{
    if (p == NULL)
        return;
    if (p->tick != NULL)
        event_free(p->tick);
    if (p->lock >= 0)
        close(p->lock);
    roster_done(&p->roster);
    free(p);
}
