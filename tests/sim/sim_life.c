// with: fake_hv.c
/*
 * The life cycle of requests under a played broker, clock, job threads and hosts: everything that would happen at its
 * own time happens here when a seeded dice says so, thousands of runs over, with faults. What must hold is checked at
 * each step and at the end of each run.
 *
 * sim_life [RUNS [SEED]]: that many runs, from that seed. A failed check prints its seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "fake_hv.h"
#include "handlers/host_keys.h"
#include "schemas/envelope.h"
#include "worker/life_parts.h"
#include "worker/log.h"

enum {
    HOSTS = 2,
    PREFETCH = 4,
    SLOTS = 12,    /* fewer than could be in hand: the backlog is played, too */
    STATE_VMS = 3, /* whose secrets are defined, got and deleted over and over */
    REQUESTS = 40,
    MESSAGES_MAX = 4096,
    STEPS_MAX = 200000,
    REQUEST_TIMEOUT_MS = 3000,
    RESENDS_MS = 1000,
};

enum kind { DEFINE, GET, DELETE, PRE_MIGRATE, KINDS };

/* What the client sent, and what came of it. */
struct sent {
    enum kind kind;
    size_t host, vm;
    int64_t deadline_ms;
    unsigned replies;
    bool success, flag; /* of the first reply; flag: created or deleted */
    bool is_repeated;   /* it was run again, and ended otherwise */
    char code[48];
    enum effect effect;
};

/* One message on a queue, or taken from it. */
struct message_on_queue {
    char id[ID_MAX_CHARS + 1], correlation_id[ID_MAX_CHARS + 1], reply_to[32];
    struct bytes body;
    size_t host;
    uint64_t tag; /* 0: on the queue */
    bool redelivered, is_settled, is_answered;
};

struct copy { /* of a publication on its way to the broker */
    uint64_t number;
    char exchange[32], routing_key[64], id[ID_MAX_CHARS + 1], correlation_id[ID_MAX_CHARS + 1], reply_to[32];
    struct bytes body;
    bool is_forgotten;
};

static struct {
    uint64_t seed, dice;
    bool faults, had_faults, loses_channels, is_traced, is_draining;
    int64_t now_ms, wake_at_ms;
    uint64_t tags, numbers;
    struct host hosts[HOSTS];
    struct hv hvs[HOSTS];
    uint64_t generation[HOSTS];
    struct message_on_queue messages[MESSAGES_MAX]; /* in the order they came to their queues */
    size_t message_count;
    struct copy copies[MESSAGES_MAX];
    size_t copy_count;
    struct copy answers[MESSAGES_MAX]; /* on the reply queue */
    size_t answer_count;
    struct work *jobs[PREFETCH * HOSTS * 4];
    size_t job_count;
    struct work *running[PREFETCH * HOSTS * 4]; /* begun and not done: one of an identity at most */
    size_t running_count;
    bool told[HOSTS][STATE_VMS]; /* what the events say is there */
    struct sent sent[REQUESTS];
    size_t sent_count;
    struct life *life;
    const struct life_config *config;
    struct vault *vault;
} sim;

static struct host_keys keys[HOSTS]; /* of all runs */

static struct {
    uint64_t requests, replies, channel_losses, outages, losses, answer_losses, restarts, returns, refusals, late, busy,
        duplicates;
} total;

#define CHECK(what, ...)                                                                                               \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            fprintf(stderr, "seed %" PRIu64 ": ", sim.seed);                                                           \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* With one run, what happens is told. */
#define TRACE(...)                                                                                                     \
    do {                                                                                                               \
        if (sim.is_traced) {                                                                                           \
            printf("%" PRId64 " ", sim.now_ms);                                                                        \
            printf(__VA_ARGS__);                                                                                       \
            putchar('\n');                                                                                             \
        }                                                                                                              \
    } while (0)

/* ---- dice ---- */

static uint64_t roll(uint64_t sides) /* xorshift64* */
{
    sim.dice ^= sim.dice >> 12;
    sim.dice ^= sim.dice << 25;
    sim.dice ^= sim.dice >> 27;
    return (sim.dice * UINT64_C(2685821657736338717) >> 33) % sides;
}

static struct uuid uuid_number(unsigned kind, size_t n)
{
    struct uuid uuid;

    snprintf(uuid.text, sizeof(uuid.text), "%08x-0000-4000-8000-%012zx", kind, n);
    return uuid;
}

static struct uuid host_uuid(size_t host)
{
    return uuid_number(1, host + 1);
}

/* ---- the client ---- */

static const struct message *const messages[KINDS] = {&define_message, &get_message, &delete_message,
                                                      &pre_migrate_message};

static void fill_in(const struct sent *s, void *request)
{
    struct addressed *to = request;

    to->host_uuid = host_uuid(s->host);
    to->key.vm_uuid = uuid_number(2, s->vm);
    strcpy(to->key.purpose, "vtpm");
    strcpy(to->key.usage_instance, "tpm0");
    to->key.key_version = 1;
    if (s->kind == DEFINE) {
        struct define_request *d = request;
        d->dek.len = 4;
        memcpy(d->dek.data, "dek!", 4);
    }
    if (s->kind == PRE_MIGRATE) {
        struct pre_migrate_request *p = request;
        p->src_host_uuid = host_uuid(s->host);
        p->dst_host_uuid = host_uuid(1 - s->host);
        p->dek.len = 4;
        memcpy(p->dek.data, "dek!", 4);
    }
}

static struct message_on_queue *enqueue(size_t host, const char *id, const char *reply_to, const struct bytes *body)
{
    struct message_on_queue *m = &sim.messages[sim.message_count++];

    CHECK(sim.message_count < MESSAGES_MAX, "too many messages: something goes round");
    *m = (struct message_on_queue){.host = host, .body = {malloc(body->len), body->len}};
    snprintf(m->id, sizeof(m->id), "%s", id);
    snprintf(m->correlation_id, sizeof(m->correlation_id), "%s", id);
    snprintf(m->reply_to, sizeof(m->reply_to), "%s", reply_to);
    memcpy(m->body.data, body->data, body->len);
    return m;
}

/* A migration's secret is on the source before anybody asks. */
static void plant_source(const struct sent *s)
{
    struct secret_key key = {
        .vm_uuid = uuid_number(2, s->vm), .purpose = "vtpm", .usage_instance = "tpm0", .key_version = 1};
    struct hv_secret secret = {.uuid = uuid_number(3, s->vm), .usage = HV_USAGE_VTPM, .is_ours_in_form = true};
    struct dek dek = {4, "dek!"};
    struct hv *hv = &sim.hvs[s->host];
    unsigned fault_at = hv->fault_at, calls = hv->calls;
    bool down = hv->down;
    struct err e;

    secret_usage_id(&key, secret.usage_id);
    hv->down = false;
    hv->fault_at = 0;
    CHECK(hv_secret_define(hv, &secret, &dek, &e), "cannot plant: %s", e.text);
    hv->down = down;
    hv->fault_at = fault_at;
    hv->calls = calls;
}

static void client_sends(void)
{
    struct sent *s = &sim.sent[sim.sent_count];
    _Alignas(16) uint8_t request[VAULT_SLOT_BYTES] = {0};
    char id[16];
    struct request_head head = {roll(2) ? ENCODING_JSON : ENCODING_MSGPACK, NULL, id, sim.now_ms, 0};
    struct bytes body = {0};
    struct err e;

    *s = (struct sent){.kind = (enum kind)roll(KINDS), .host = roll(HOSTS), .vm = roll(STATE_VMS)};
    snprintf(id, sizeof(id), "r%zu", sim.sent_count++);
    if (s->kind == PRE_MIGRATE) {
        s->vm = STATE_VMS + sim.sent_count; /* a VM of its own */
        plant_source(s);
    }
    if (roll(6) == 0)
        s->deadline_ms = sim.now_ms + 1 + (int64_t)roll(200);
    head.deadline_ms = s->deadline_ms;
    head.name = messages[s->kind]->name;
    fill_in(s, request);
    CHECK(request_write(&head, messages[s->kind]->request, request, &body, &e), "write: %s", e.text);
    enqueue(s->host, id, "client", &body);
    if (roll(8) == 0) { /* the sender tries again with the same id */
        enqueue(s->host, id, "client", &body);
        total.duplicates++;
    }
    bytes_free(&body);
    total.requests++;
}

/* ---- the broker ---- */

static size_t in_window(size_t host)
{
    size_t n = 0;

    for (size_t i = 0; i < sim.message_count; i++)
        n += sim.messages[i].host == host && sim.messages[i].tag != 0 && !sim.messages[i].is_settled;
    return n;
}

static struct message_on_queue *next_of(size_t host)
{
    for (size_t i = 0; i < sim.message_count; i++)
        if (sim.messages[i].host == host && sim.messages[i].tag == 0 && !sim.messages[i].is_settled)
            return &sim.messages[i];
    return NULL;
}

static struct delivery *delivery_of(struct message_on_queue *m)
{
    struct delivery *d = calloc(1, sizeof(*d) + m->body.len);

    d->queue = m->host;
    d->tag = m->tag;
    d->generation = sim.generation[m->host];
    d->redelivered = m->redelivered;
    strcpy(d->reply_to, m->reply_to);
    strcpy(d->correlation_id, m->correlation_id);
    d->body_bytes = m->body.len;
    memcpy(d->body, m->body.data, m->body.len);
    return d;
}

static bool broker_delivers(size_t host)
{
    struct message_on_queue *m = next_of(host);

    if (m == NULL || in_window(host) >= PREFETCH)
        return false;
    m->tag = ++sim.tags;
    TRACE("delivered %s to %zu%s", m->id, host, m->redelivered ? " again" : "");
    life_delivery(sim.life, delivery_of(m));
    return true;
}

static void give_back(size_t host)
{
    for (size_t i = 0; i < sim.message_count; i++)
        if (sim.messages[i].host == host && !sim.messages[i].is_settled && sim.messages[i].tag != 0) {
            sim.messages[i].tag = 0;
            sim.messages[i].redelivered = true;
        }
    sim.generation[host]++;
}

/* Nobody waits for room where there is room. */
static void check_backlog(void)
{
    void *one = vault_take(sim.vault), *two = vault_take(sim.vault);

    CHECK(two == NULL || TAILQ_EMPTY(&sim.life->backlog), "a request was left in the backlog");
    vault_give(sim.vault, one);
    vault_give(sim.vault, two);
}

static void channel_is_lost(size_t host)
{
    give_back(host);
    TRACE("channel of %zu lost", host);
    life_queue_down(sim.life, host);
    check_backlog();
    total.channel_losses++;
}

static void empty_answers(void)
{
    while (sim.answer_count > 0)
        bytes_free(&sim.answers[--sim.answer_count].body);
}

/* The connection of the reply queue is lost, and the queue with it. */
static void answers_are_lost(void)
{
    empty_answers();
    life_answers_lost(sim.life);
    total.answer_losses++;
}

static size_t host_of_route(const char *routing_key)
{
    char hex[UUID_HEX_CHARS + 1];

    for (size_t h = 0; h < HOSTS; h++) {
        struct uuid uuid = host_uuid(h);
        uuid_hex(&uuid, hex);
        if (strncmp(routing_key, "host.", 5) == 0 && strcmp(routing_key + 5, hex) == 0)
            return h;
    }
    return HOSTS;
}

/* What the client makes of a reply: all replies to one id must say the same, unless its worker lost the channel. */
static void client_receives(const struct copy *c)
{
    size_t n = strtoul(c->correlation_id + 1, NULL, 10);
    struct sent *s = &sim.sent[n], now = {0};
    _Alignas(16) uint8_t reply[VAULT_SLOT_BYTES];
    const struct define_reply *define = (const void *)reply;
    const struct delete_reply *delete = (const void *)reply;
    struct err e;

    CHECK(c->correlation_id[0] == 'r' && n < sim.sent_count, "a reply to %s", c->correlation_id);
    now.success = reply_read(c->body.data, c->body.len, NULL, messages[s->kind]->reply, reply, &e);
    if (!now.success) {
        CHECK(e.kind != ERR_FOREIGN, "an unreadable reply to %s: %s", c->correlation_id, e.text);
        strcpy(now.code, e.code);
        now.effect = e.effect;
    } else if (s->kind == DEFINE || s->kind == DELETE) {
        now.flag = s->kind == DEFINE ? define->created : delete->deleted;
    }
    total.late += strcmp(now.code, "SYS.1001") == 0;
    total.busy += strcmp(now.code, "KEY_AGENT_BUSY") == 0;
    total.replies++;
    if (s->replies++ > 0) { /* a duplicate, or after a lost channel */
        s->is_repeated |= s->success != now.success;
        return;
    }
    s->success = now.success;
    s->flag = now.flag;
    s->effect = now.effect;
    strcpy(s->code, now.code);
}

static void mark_answered(const char *correlation_id)
{
    for (size_t i = 0; i < sim.message_count; i++)
        if (strcmp(sim.messages[i].correlation_id, correlation_id) == 0 && sim.messages[i].tag != 0)
            sim.messages[i].is_answered = true;
}

static enum published route(struct copy *c)
{
    size_t host = host_of_route(c->routing_key);

    if (strcmp(c->exchange, "requests") == 0 && host < HOSTS) {
        strcpy(enqueue(host, c->id, c->reply_to, &c->body)->correlation_id, c->correlation_id);
    } else if (strcmp(c->routing_key, "client") == 0) {
        client_receives(c);
        mark_answered(c->correlation_id);
    } else if (strcmp(c->routing_key, "reply") == 0) {
        mark_answered(c->correlation_id);
        sim.answers[sim.answer_count++] = *c;
        c->body.data = NULL;
    } else {
        return PUBLISHED_RETURNED;
    }
    return PUBLISHED_TAKEN;
}

/*
 * The broker takes the first publication that is on its way; as a fault, it has lost its route or is refused. An undo
 * is spared: it is best effort, and what it leaves would not tell a fault of ours from one of the broker.
 */
static bool broker_takes(void)
{
    enum published how;
    struct copy c;
    bool may_fail;

    if (sim.copy_count == 0)
        return false;
    c = sim.copies[0];
    memmove(sim.copies, sim.copies + 1, --sim.copy_count * sizeof(c));
    if (c.is_forgotten) {
        bytes_free(&c.body);
        return true;
    }
    may_fail = sim.faults && strstr(c.id, "undo") == NULL;
    if (may_fail && strcmp(c.exchange, "requests") == 0 && roll(12) == 0) {
        how = PUBLISHED_RETURNED;
        total.returns++;
    } else if (may_fail && roll(40) == 0) {
        how = PUBLISHED_REFUSED;
        total.refusals++;
    } else {
        how = route(&c);
    }
    bytes_free(&c.body);
    TRACE("taken %s%s for %s: %d", c.id, c.correlation_id, c.routing_key, how);
    life_published(sim.life, c.number, how, "");
    return true;
}

static bool answer_arrives(void)
{
    struct delivery *d;
    struct copy c;

    if (sim.answer_count == 0)
        return false;
    c = sim.answers[0];
    memmove(sim.answers, sim.answers + 1, --sim.answer_count * sizeof(c));
    d = calloc(1, sizeof(*d) + c.body.len);
    strcpy(d->correlation_id, c.correlation_id);
    d->body_bytes = c.body.len;
    memcpy(d->body, c.body.data, c.body.len);
    life_answer(sim.life, d);
    delivery_free(d);
    bytes_free(&c.body);
    return true;
}

/* ---- the world of the life cycle ---- */

static int64_t world_now_ms(void *ctx)
{
    (void)ctx;
    return sim.now_ms;
}

static bool same_identity(const struct work *a, const struct work *b)
{
    const struct addressed *x = a->request, *y = b->request;

    return a->handler->lane == LANE_IDENTITY && b->handler->lane == LANE_IDENTITY && memcmp(x, y, sizeof(*x)) == 0;
}

static void world_run(void *ctx, struct work *work)
{
    bool is_known = false;

    (void)ctx;
    for (size_t i = 0; i < sim.running_count; i++) {
        is_known |= sim.running[i] == work;
        CHECK(sim.running[i] == work || !same_identity(sim.running[i], work), "two of one identity run at once: %s",
              work->id);
    }
    if (!is_known)
        sim.running[sim.running_count++] = work;
    sim.jobs[sim.job_count++] = work;
}

static bool world_publish(void *ctx, const struct publication *what, uint64_t *number)
{
    struct copy *c = &sim.copies[sim.copy_count++];

    (void)ctx;
    CHECK(sim.copy_count < MESSAGES_MAX, "too many publications: something goes round");
    *c = (struct copy){.number = ++sim.numbers, .body = {malloc(what->body_bytes), what->body_bytes}};
    memcpy(c->body.data, what->body, what->body_bytes);
    snprintf(c->exchange, sizeof(c->exchange), "%s", what->exchange);
    snprintf(c->routing_key, sizeof(c->routing_key), "%s", what->routing_key);
    snprintf(c->id, sizeof(c->id), "%s", what->message_id != NULL ? what->message_id : "");
    snprintf(c->correlation_id, sizeof(c->correlation_id), "%s", what->correlation_id);
    snprintf(c->reply_to, sizeof(c->reply_to), "%s", what->reply_to != NULL ? what->reply_to : "");
    *number = c->number;
    return true;
}

static void world_forget(void *ctx, uint64_t number)
{
    (void)ctx;
    for (size_t i = 0; i < sim.copy_count; i++)
        if (sim.copies[i].number == number)
            sim.copies[i].is_forgotten = true;
}

static void world_settle(void *ctx, struct delivery *d, enum verdict verdict)
{
    (void)ctx;
    CHECK(verdict == VERDICT_ACK, "a request was rejected");
    for (size_t i = 0; i < sim.message_count; i++) {
        struct message_on_queue *m = &sim.messages[i];
        if (m->tag != d->tag || d->generation != sim.generation[d->queue])
            continue;
        CHECK(!m->is_settled, "%s was settled twice", m->id);
        CHECK(m->is_answered || sim.faults, "%s was acked before its reply was taken", m->id);
        m->is_settled = true;
    }
    delivery_free(d);
}

static bool world_host_is_up(void *ctx, size_t host)
{
    (void)ctx;
    return hv_is_up(sim.hosts[host].hv);
}

static void world_wake_at(void *ctx, int64_t when_ms)
{
    (void)ctx;
    if (when_ms < sim.wake_at_ms)
        sim.wake_at_ms = when_ms;
}

static void world_new_id(void *ctx, char out[UUID_HEX_CHARS + 1])
{
    (void)ctx;
    snprintf(out, UUID_HEX_CHARS + 1, "%032" PRIx64, ++sim.numbers);
}

/* By its vmUuid, which came out of uuid_number(). */
static size_t vm_of(const struct host_event *event)
{
    return strtoul(strrchr(event->key.vm_uuid.text, '-') + 1, NULL, 16);
}

static void world_tell(void *ctx, const struct host_event *event)
{
    size_t host = strcmp(event->host_uuid.text, sim.hosts[0].uuid.text) != 0, vm = vm_of(event);
    bool is_there = event->kind == HOST_EVENT_SECRET_DEFINED;

    (void)ctx;
    CHECK(uuid_is_set(&event->secret_uuid), "an event without a secret");
    if (vm >= STATE_VMS)
        return;
    CHECK(sim.told[host][vm] != is_there || sim.had_faults, "%s was told twice", host_event_name(event->kind));
    sim.told[host][vm] = is_there;
}

/* ---- one run ---- */

static void not_running(const struct work *work)
{
    for (size_t i = 0; i < sim.running_count; i++)
        if (sim.running[i] == work)
            sim.running[i--] = sim.running[--sim.running_count];
}

static bool job_runs(void)
{
    struct work *work;
    size_t i;

    if (sim.job_count == 0)
        return false;
    i = roll(sim.job_count);
    work = sim.jobs[i];
    sim.jobs[i] = sim.jobs[--sim.job_count];
    work->state = work_is_late(work, sim.now_ms) ? WORK_LATE : work_advance(work);
    if (work->state == WORK_DONE || work->state == WORK_LATE || (work->state == WORK_AWAY && sim.is_draining))
        not_running(work);
    TRACE("advanced %s: %d %s", work->id, work->state, work->failed ? work->err.text : "");
    life_advanced(sim.life, work, work->state);
    return true;
}

static void time_passes(int64_t ms)
{
    sim.now_ms += ms;
    if (sim.wake_at_ms > sim.now_ms)
        return;
    sim.wake_at_ms = INT64_MAX;
    life_tick(sim.life);
}

static void something_goes_wrong(void)
{
    /* A refusal would end an undo, too: tests/unit play those. */
    static const enum fake_fault faults[] = {FAULT_LOST_BEFORE, FAULT_LOST_AFTER, FAULT_LOST_HALF};
    size_t host = roll(HOSTS);
    struct hv *hv = &sim.hvs[host];

    switch (roll(4)) {
    case 0:
        if (sim.loses_channels)
            channel_is_lost(host);
        return;
    case 3:
        answers_are_lost();
        return;
    case 1:
        fake_fault_set(hv, 1 + (unsigned)roll(4), faults[roll(COUNT(faults))]);
        total.losses++;
        return;
    default:
        hv->down = !hv->down;
        total.outages += hv->down;
        if (!hv->down)
            life_host_up(sim.life, host);
    }
}

static void step(void)
{
    switch (roll(8)) {
    case 0:
        if (sim.sent_count < REQUESTS)
            client_sends();
        return;
    case 1:
    case 2:
        broker_delivers(roll(HOSTS));
        return;
    case 3:
        broker_takes();
        return;
    case 4:
        answer_arrives();
        return;
    case 5:
    case 6:
        job_runs();
        return;
    default:
        time_passes((int64_t)roll(20));
        if (sim.faults && roll(6) == 0)
            something_goes_wrong();
    }
}

static bool is_queued(const struct work *work)
{
    bool is_there = false;

    for (size_t i = 0; i < sim.job_count; i++)
        is_there |= sim.jobs[i] == work;
    return is_there;
}

/* The worker is told to stop, and starts again: what was not begun comes again, as does what it could not finish. */
static void worker_restarts(void)
{
    int64_t began_ms = sim.now_ms;

    TRACE("draining %zu", life_in_hand(sim.life));
    for (size_t i = 0; i < sim.running_count; i++)
        if (sim.running[i]->state == WORK_AWAY && !is_queued(sim.running[i]))
            sim.running[i--] = sim.running[--sim.running_count];
    sim.is_draining = true;
    life_drain(sim.life);
    while (!life_is_idle(sim.life)) {
        broker_delivers(roll(HOSTS));
        broker_takes();
        answer_arrives();
        job_runs();
        if (sim.job_count == 0 && sim.copy_count == 0)
            time_passes(10);
        CHECK(sim.now_ms - began_ms <= REQUEST_TIMEOUT_MS + 10 * RESENDS_MS, "the drain does not end: %zu in hand",
              life_in_hand(sim.life));
    }
    life_free(sim.life);
    sim.is_draining = false;
    sim.wake_at_ms = INT64_MAX;
    empty_answers();
    for (size_t host = 0; host < HOSTS; host++)
        give_back(host);
    sim.life = life_new(sim.config);
    total.restarts++;
}

static bool is_quiet(void)
{
    for (size_t i = 0; i < sim.message_count; i++)
        if (!sim.messages[i].is_settled)
            return false;
    return life_is_idle(sim.life) && sim.copy_count == 0 && sim.answer_count == 0;
}

static void calm_down(void)
{
    sim.faults = false;
    for (size_t h = 0; h < HOSTS; h++) {
        sim.hvs[h].down = false;
        sim.hvs[h].fault_at = 0;
        life_host_up(sim.life, h);
    }
    for (unsigned i = 0; !is_quiet(); i++) {
        CHECK(i < STEPS_MAX, "it never ends: %zu in hand", life_in_hand(sim.life));
        step();
    }
}

static bool host_has(size_t host, size_t vm)
{
    struct secret_key key = {
        .vm_uuid = uuid_number(2, vm), .purpose = "vtpm", .usage_instance = "tpm0", .key_version = 1};
    char usage_id[USAGE_ID_MAX_CHARS + 1];
    struct hv_secret found;
    struct err e;

    secret_usage_id(&key, usage_id);
    return hv_secret_by_usage(sim.hosts[host].hv, HV_USAGE_VTPM, usage_id, &found, &e);
}

/* Requests of one identity act in queue order: a walk along the queue explains every reply, and the end. */
static void check_order(size_t host, size_t vm)
{
    bool there = false;

    for (size_t i = 0; i < sim.sent_count; i++) {
        const struct sent *s = &sim.sent[i];
        if (s->host != host || s->vm != vm || s->kind == PRE_MIGRATE)
            continue;
        if (!s->success && s->kind != GET) {
            CHECK(s->effect == EFFECT_NONE, "r%zu: %s with an effect", i, s->code);
            continue;
        }
        if (s->kind == DEFINE)
            CHECK(s->flag == !there, "r%zu: created=%d", i, s->flag);
        if (s->kind == DELETE)
            CHECK(s->flag == there, "r%zu: deleted=%d", i, s->flag);
        if (s->kind == GET && (s->success || strcmp(s->code, "KEY_AGENT_SECRET_NOT_FOUND") == 0))
            CHECK(s->success == there, "r%zu: found=%d", i, s->success);
        there = s->kind == GET ? there : s->kind == DEFINE;
    }
    CHECK(host_has(host, vm) == there, "at the end the secret is%s there", there ? " not" : "");
    CHECK(sim.told[host][vm] == there, "the events say that the secret is%s there", there ? " not" : "");
}

/*
 * A lost channel brings back what was done and not yet acked, also behind what undid it: only a record of outcomes can
 * tell then, so that the end of a migration is not checked in these runs.
 */
static void check_all(bool had_faults)
{
    for (size_t i = 0; i < sim.sent_count; i++) {
        const struct sent *s = &sim.sent[i];
        CHECK(s->replies >= 1 || had_faults, "r%zu has no reply", i);
        if (s->kind == PRE_MIGRATE && s->replies > 0 && !s->is_repeated && !sim.loses_channels)
            CHECK(host_has(1 - s->host, s->vm) == s->success, "r%zu: %s, but the destination says otherwise", i,
                  s->success ? "prepared" : s->code);
    }
    for (size_t host = 0; host < HOSTS && !had_faults; host++)
        for (size_t vm = 0; vm < STATE_VMS; vm++)
            check_order(host, vm);
}

/* Every slot is back. */
static void check_vault(void)
{
    void *slots[SLOTS];

    for (size_t i = 0; i < SLOTS; i++) {
        slots[i] = vault_take(sim.vault);
        CHECK(slots[i] != NULL, "a slot of the vault was kept");
    }
    for (size_t i = 0; i < SLOTS; i++)
        vault_give(sim.vault, slots[i]);
}

static void set_up(uint64_t seed, const struct digest_key *key)
{
    memset(&sim, 0, sizeof(sim));
    sim.seed = seed;
    sim.dice = seed * 2 + 1;
    sim.now_ms = 1000000;
    sim.wake_at_ms = INT64_MAX;
    for (size_t h = 0; h < HOSTS; h++)
        sim.hosts[h] = (struct host){.uuid = host_uuid(h), .hv = &sim.hvs[h], .digest_key = key, .keys = &keys[h]};
}

static void tear_down(void)
{
    for (size_t i = 0; i < sim.message_count; i++)
        bytes_free(&sim.messages[i].body);
    life_free(sim.life);
}

static void run(uint64_t seed, bool is_traced, struct vault *vault, const struct digest_key *key)
{
    static const char *const queue_names[HOSTS] = {"queue-0", "queue-1"};
    struct life_config config = {
        .world = {NULL, world_now_ms, world_run, world_publish, world_forget, world_settle, world_host_is_up,
                  world_wake_at, world_new_id, world_tell},
        .hosts = sim.hosts,
        .host_count = HOSTS,
        .vault = vault,
        .content_key = key,
        .prefetch = PREFETCH,
        .request_timeout_ms = REQUEST_TIMEOUT_MS,
        .hypervisor_wait_ms = 1000,
        .request_exchange = "requests",
        .reply_exchange = "",
        .dead_exchange = "dead",
        .queue_names = queue_names,
        .reply_queue = "reply",
        .accepts_clear_deks = true,
    };
    bool faults = seed % 4 != 0;

    set_up(seed, key);
    sim.vault = vault;
    sim.is_traced = is_traced;
    sim.faults = sim.had_faults = faults;
    sim.loses_channels = seed % 4 == 1;
    sim.config = &config;
    sim.life = life_new(&config);
    while (sim.sent_count < REQUESTS)
        step();
    if (sim.loses_channels)
        worker_restarts();
    for (unsigned i = 0; i < 200; i++)
        step();
    calm_down();
    check_all(faults);
    check_vault();
    tear_down();
}

static bool open_keys(const char *folder, struct vault *vault, struct err *e)
{
    for (size_t h = 0; h < HOSTS; h++) {
        struct uuid uuid = host_uuid(h);

        if (!host_keys_open(folder, NULL, &uuid, vault, &keys[h], e))
            return false;
    }
    return true;
}

static void remove_keys(const char *folder)
{
    for (size_t h = 0; h < HOSTS; h++)
        unlink(keys[h].path);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/keyferry-sim-XXXXXX";
    uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct digest_key key = {.bytes = "a key for digests, 32 bytes long"};
    struct vault *vault, *key_vault;
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    digest_key_name(&key);
    if (mkdtemp(folder) == NULL || !vault_open(SLOTS, &vault, &e) || !vault_open(2, &key_vault, &e) ||
        !open_keys(folder, key_vault, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    for (uint64_t seed = first; seed < first + runs; seed++)
        run(seed, runs == 1, vault, &key);
    remove_keys(folder);
    vault_close(key_vault);
    vault_close(vault);
    printf("simulation: %" PRIu64 " runs from seed %" PRIu64 ": %" PRIu64 " requests, %" PRIu64 " duplicates, %" PRIu64
           " replies, %" PRIu64 " lost channels, %" PRIu64 " outages of libvirt, %" PRIu64
           " failed calls to it, %" PRIu64 " lost reply queues, %" PRIu64 " restarts, %" PRIu64 " returns, %" PRIu64
           " refusals, %" PRIu64 " late, %" PRIu64 " busy\n",
           runs, first, total.requests, total.duplicates, total.replies, total.channel_losses, total.outages,
           total.losses, total.answer_losses, total.restarts, total.returns, total.refusals, total.late, total.busy);
    printf("%" PRIu64 " passed, 0 failed\n", runs);
    return 0;
}
