// with: fake_hv.c
/*
 * The life cycle of requests under a played broker, clock, job threads and hosts: everything that would happen at its
 * own time happens here when a seeded dice says so, thousands of runs over, with faults: libvirt goes, or loses its secrets,
 * channels are lost, the worker dies at any moment, between any two commits. The ledger is the real one. What must hold
 * is checked at each step and at the end of each run.
 *
 * sim_life [RUNS [SEED]]: that many runs, from that seed. A failed check prints its seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "fake_hv.h"
#include "handlers/handlers.h"
#include "handlers/host_keys.h"
#include "handlers/kept.h"
#include "handlers/ledger_sql.h"
#include "schemas/envelope.h"
#include "worker/leases.h"
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
    int64_t deadline_ms, lease_seconds;
    unsigned replies;
    bool is_given_up;   /* it was begun so often, and the worker died of it each time, that nobody begins it any more */
    bool is_gone;       /* from its queue, before it was answered: what was begun must be settled all the same */
    bool success, flag; /* of the first reply; flag: created or deleted */
    struct uuid wanted; /* of a define, or "" */
    struct uuid uuid, replaced; /* of its first reply */
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
    bool faults, had_faults, cannot_read, is_deadly, is_traced, is_draining;
    int64_t now_ms, wake_at_ms;
    uint64_t tags, numbers, answered, settled;
    struct host hosts[HOSTS];
    struct hv hvs[HOSTS];
    uint64_t generation[HOSTS]; /* of the queues */
    bool is_left[HOSTS];        /* to another worker: nothing of it is delivered here until it is nobody's */
    struct parting {            /* of a queue, which the pool has given to another worker */
        bool is_on, is_shut; /* on: nothing of it is begun any more; shut: our channel is, and the other one has it */
        int64_t since_ms;
    } parting[HOSTS];
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
    struct entry *entries[PREFETCH * HOSTS * 8]; /* on their way to the ledger, in order */
    size_t entry_count, written_count;           /* the first of them are on disk, and nobody was told */
    bool is_surveyed[HOSTS];                     /* since libvirt came back: what is lost is known */
    struct restore_request lost[HOSTS][FAKE_SECRETS_MAX];
    bool is_announced[HOSTS], has_failed[HOSTS]; /* of the restorations since then */
    size_t under_way[HOSTS];
    size_t lost_count[HOSTS];
    struct leases *leases;
    struct life *life;
    const struct life_config *config;
    struct vault *vault;
} sim;

static struct ledger *ledger; /* of all runs */

static struct host_keys keys[HOSTS]; /* of all runs */

static struct {
    uint64_t requests, replies, channel_losses, askings, outages, losses, answer_losses, restarts, deaths, returns,
        refusals, late, busy, duplicates, restored, leases_ended, mended, deadly, gone, handovers, let_lie;
} total;

#define CHECK(what, ...)                                                                                               \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            fflush(stdout);                                                                                            \
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
        d->lease_seconds = s->lease_seconds;
        d->secret_uuid = s->wanted;
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
    if (s->kind == DEFINE && roll(3) == 0)
        s->lease_seconds = 30;
    if (s->kind == DEFINE && s->lease_seconds == 0 && roll(3) == 0)
        s->wanted = uuid_number(4, 2 * s->vm + roll(2));
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
    TRACE("sent %s: %s to %zu of %zu%s", id, head.name, s->host, s->vm, s->lease_seconds > 0 ? ", leased" : "");
    total.requests++;
}

/* ---- the broker ---- */

/* In every second run of four all hosts share one. */
static size_t queue_of(size_t host)
{
    return sim.config->queue_count == 1 ? 0 : host;
}

static size_t in_window(size_t queue)
{
    size_t n = 0;

    for (size_t i = 0; i < sim.message_count; i++)
        n += queue_of(sim.messages[i].host) == queue && sim.messages[i].tag != 0 && !sim.messages[i].is_settled;
    return n;
}

static struct message_on_queue *next_of(size_t queue)
{
    for (size_t i = 0; i < sim.message_count; i++)
        if (queue_of(sim.messages[i].host) == queue && sim.messages[i].tag == 0 && !sim.messages[i].is_settled)
            return &sim.messages[i];
    return NULL;
}

static struct delivery *delivery_of(struct message_on_queue *m)
{
    struct delivery *d = calloc(1, sizeof(*d) + m->body.len);

    d->queue = queue_of(m->host);
    d->tag = m->tag;
    d->generation = sim.generation[d->queue];
    d->redelivered = m->redelivered;
    strcpy(d->reply_to, m->reply_to);
    strcpy(d->correlation_id, m->correlation_id);
    d->body_bytes = m->body.len;
    memcpy(d->body, m->body.data, m->body.len);
    return d;
}

static bool broker_delivers(size_t queue)
{
    struct message_on_queue *m = next_of(queue);

    if (m == NULL || in_window(queue) >= PREFETCH || sim.is_left[m->host] || sim.parting[queue].is_shut)
        return false;
    m->tag = ++sim.tags;
    if (sim.parting[queue].is_on) { /* the channel will close, and give it back */
        total.let_lie++;
        return true;
    }
    TRACE("delivered %s to %zu%s", m->id, m->host, m->redelivered ? " again" : "");
    life_delivery(sim.life, delivery_of(m), m->host);
    return true;
}

static void give_back(size_t queue)
{
    for (size_t i = 0; i < sim.message_count; i++)
        if (queue_of(sim.messages[i].host) == queue && !sim.messages[i].is_settled && sim.messages[i].tag != 0) {
            sim.messages[i].tag = 0;
            sim.messages[i].redelivered = true;
        }
    sim.generation[queue]++;
}

/* Nobody waits for room where there is room. */
static void check_backlog(void)
{
    void *one = vault_take(sim.vault), *two = vault_take(sim.vault);

    CHECK(two == NULL || sim.cannot_read || TAILQ_EMPTY(&sim.life->backlog), "a request was left in the backlog");
    vault_give(sim.vault, one);
    vault_give(sim.vault, two);
}

/* What is handed over is not any more: it is another channel that comes. */
static void stop_parting(size_t queue)
{
    if (sim.parting[queue].is_on)
        life_queue_stay(sim.life, queue);
    sim.parting[queue].is_on = false;
}

static void channel_is_lost(size_t queue)
{
    if (sim.parting[queue].is_shut)
        return;
    stop_parting(queue);
    give_back(queue);
    TRACE("channel of %zu lost", queue);
    life_queue_down(sim.life, queue);
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

/* What the client makes of a reply: all replies to one id say the same. */
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
    if (now.success && s->kind == DEFINE) {
        now.uuid = define->secret_uuid;
        now.replaced = define->replaced_secret_uuid;
    }
    TRACE("reply to %s: %s %d", c->correlation_id, now.success ? "ok" : e.text, now.flag);
    total.late += strcmp(now.code, "SYS.1001") == 0;
    total.busy += strcmp(now.code, "KEY_AGENT_BUSY") == 0;
    total.replies++;
    CHECK(s->replies == 0 || (s->success == now.success && s->flag == now.flag && s->effect == now.effect &&
                              uuid_equal(&s->uuid, &now.uuid) && uuid_equal(&s->replaced, &now.replaced) &&
                              strcmp(s->code, now.code) == 0),
          "%s is answered once with '%s' %d, and then with '%s' %d", c->correlation_id, s->code, s->flag, now.code,
          now.flag);
    s->replies++;
    s->success = now.success;
    s->flag = now.flag;
    s->uuid = now.uuid;
    s->replaced = now.replaced;
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
    } else if (strcmp(c->exchange, "dead") == 0) {
        total.deadly++;
    } else {
        return PUBLISHED_RETURNED;
    }
    return PUBLISHED_TAKEN;
}

/*
 * The broker takes the first publication that is on its way; as a fault, it has lost its route or is refused. An undo
 * does not lose its route: it is best effort then, and what it leaves would not tell a fault of ours from one of the broker.
 */
static bool broker_takes(void)
{
    enum published how;
    struct copy c;
    bool may_lose;

    if (sim.copy_count == 0)
        return false;
    c = sim.copies[0];
    memmove(sim.copies, sim.copies + 1, --sim.copy_count * sizeof(c));
    if (c.is_forgotten) {
        bytes_free(&c.body);
        return true;
    }
    may_lose = sim.faults && strstr(c.id, "undo") == NULL;
    if (may_lose && strcmp(c.exchange, "requests") == 0 && roll(12) == 0) {
        how = PUBLISHED_RETURNED;
        total.returns++;
    } else if (sim.faults && roll(40) == 0) {
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

static uint64_t world_now_us(void *ctx)
{
    return 1000 * (uint64_t)world_now_ms(ctx);
}

static const struct request *request_of(const struct work *work)
{
    return (const struct request *)(const void *)((const char *)work - offsetof(struct request, work));
}

static bool is_by(const struct work *work, size_t queue)
{
    return request_of(work)->came_by == queue;
}

static bool is_parting(const struct work *work)
{
    size_t queue = request_of(work)->came_by;

    return queue < sim.config->queue_count && sim.parting[queue].is_on;
}

static void world_run(void *ctx, struct work *work)
{
    bool is_known = false;

    CHECK(!is_parting(work) || request_of(work)->begun_ms <= sim.parting[request_of(work)->came_by].since_ms,
          "%s was begun, and its queue is to be another worker's", work->id);

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
    CHECK(sim.had_faults || d->generation == sim.generation[d->queue], "an ack comes after we have closed its channel");
    CHECK(verdict == VERDICT_ACK, "a request was rejected");
    CHECK(++sim.settled == sim.answered, "a request was acked without having been told as answered, or was told twice");
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

static void to_be_surveyed(size_t host)
{
    sim.is_surveyed[host] = sim.is_announced[host] = sim.has_failed[host] = false;
    sim.lost_count[host] = 0;
    leases_begin(sim.leases, host);
}

static void world_compare(void *ctx, size_t host)
{
    (void)ctx;
    to_be_surveyed(host);
}

static bool world_host_is_up(void *ctx, size_t host)
{
    (void)ctx;
    return hv_is_up(sim.hosts[host].hv);
}

static void world_record(void *ctx, struct entry *entry)
{
    (void)ctx;
    CHECK(sim.entry_count < COUNT(sim.entries), "too many entries");
    sim.entries[sim.entry_count++] = entry;
}

static bool world_recall(void *ctx, const struct inbox_id *id, struct inbox_row *row, bool *found, struct err *e)
{
    (void)ctx;
    if (sim.cannot_read && sim.faults && roll(20) == 0)
        return err_set(e, ERR_LOCAL, "the ledger cannot be read");
    return inbox_find(ledger, id, row, found, e);
}

static void not_running(const struct work *work)
{
    for (size_t i = 0; i < sim.running_count; i++)
        if (sim.running[i] == work)
            sim.running[i--] = sim.running[--sim.running_count];
}

static const struct uuid *ourselves(void)
{
    static const struct uuid us = {"aaaaaaaa-0000-4000-8000-00000000000a"};

    return &us;
}

static void restored(size_t host, const struct work *work)
{
    const struct restore_reply *reply = (const void *)work->reply;
    struct err e;

    sim.under_way[host]--;
    sim.has_failed[host] |= work->failed;
    if (sim.is_announced[host] && !sim.has_failed[host] && sim.under_way[host] == 0 && sim.lost_count[host] == 0)
        CHECK(restoration_end(ledger, &work->host->uuid, ourselves(), &e), "%s", e.text);

    TRACE("restore of %s: %s", work->id, work->failed ? work->err.text : restored_name(reply->what));
    total.restored += !work->failed && reply->what == RESTORED_SECRET;
}

static void world_ended(void *ctx, size_t host, const struct work *work)
{
    const struct lease_reply *reply = (const void *)work->reply;

    (void)ctx;
    if (work->handler == &reconcile_handler) {
        total.mended += (uint64_t)((const struct reconcile_reply *)(const void *)work->reply)->mended;
        return;
    }
    if (work->handler != &lease_handler) {
        restored(host, work);
        return;
    }
    TRACE("lease of %s: %s", work->id, work->failed ? work->err.text : leased_name(reply->what));
    total.leases_ended += !work->failed && reply->what == LEASED_ENDED;
    leases_looked(sim.leases, host, work);
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
    bool is_there = event->kind != HOST_EVENT_SECRET_DELETED && event->kind != HOST_EVENT_LEASE_ENDED;
    bool was_there = event->kind == HOST_EVENT_SECRET_REPLACED;

    (void)ctx;
    CHECK(uuid_is_set(&event->secret_uuid), "an event without a secret");
    if (vm >= STATE_VMS)
        return;
    TRACE("told %s of %zu on %zu", host_event_name(event->kind), vm, host);
    CHECK(sim.told[host][vm] == was_there || !is_there || sim.had_faults, "%s, and it was not as it says",
          host_event_name(event->kind));
    CHECK(sim.told[host][vm] != is_there || was_there || sim.had_faults, "%s was told twice",
          host_event_name(event->kind));
    sim.told[host][vm] = is_there;
}

static void world_answered(void *ctx, const struct request *r)
{
    (void)ctx;
    CHECK(r->begun_us == 0 || r->begun_us >= r->arrived_us, "%s was begun before it came", r->id);
    sim.answered++;
}

/* ---- one run ---- */

/* The recorder's thread: some of what is ready goes to disk, and some of that is told. */
static bool ledger_writes(void)
{
    struct err e;

    if (sim.written_count == sim.entry_count)
        return false;
    CHECK(ledger_begin(ledger, &e), "%s", e.text);
    for (size_t n = 1 + roll(sim.entry_count - sim.written_count); n > 0; n--) {
        const struct entry *entry = sim.entries[sim.written_count++];
        const struct record *record = entry->record;

        if (entry->id.id[0] != '\0')
            CHECK(inbox_write(ledger, &entry->id, &entry->row, &e), "%s", e.text);
        for (size_t i = 0; i < record->change_count; i++) {
            const struct secret_row *row = &record->changes[i].row;
            CHECK(record->changes[i].is_removed ? secret_row_remove(ledger, &row->host, &row->uuid, &e)
                                                : secret_row_write(ledger, row, &e),
                  "%s", e.text);
        }
    }
    CHECK(ledger_commit(ledger, &e), "%s", e.text);
    return true;
}

static bool ledger_tells(void)
{
    struct entry *entry;

    if (sim.written_count == 0)
        return false;
    entry = sim.entries[0];
    memmove(sim.entries, sim.entries + 1, --sim.entry_count * sizeof(entry));
    sim.written_count--;
    for (size_t i = 0; i < entry->record->change_count; i++)
        if (!entry->record->changes[i].is_removed)
            leases_note(sim.leases, &entry->record->changes[i].row);
    life_recorded(sim.life, entry);
    return true;
}

static void forget_ledger(void)
{
    struct err e;

    CHECK(sql_run(ledger, "DELETE FROM inbox; DELETE FROM secrets; DELETE FROM restorations", &e), "%s", e.text);
}

/* What recovery does: compare, and have what is not as it should be looked after. */
static bool recovers(size_t host)
{
    struct uuid uuid = host_uuid(host), after = {0};
    struct hv *hv = sim.hosts[host].hv;
    bool found = true, was_left = false, *announced = &sim.is_announced[host];
    struct secret_row row;
    struct err e;

    if (hv->down || sim.is_draining)
        return false;
    if (!sim.is_surveyed[host])
        CHECK(restoration_is_on(ledger, &uuid, &was_left, &e), "%s", e.text);
    *announced |= was_left;
    while (!sim.is_surveyed[host] && found) {
        CHECK(secret_row_next(ledger, &uuid, uuid_is_set(&after) ? &after : NULL, &row, &found, &e), "%s", e.text);
        bool is_absent = found && fake_secret_at(hv, row.uuid.text) == NULL;
        if (found && is_absent && kept_is_due(&row) && !*announced) {
            CHECK(restoration_begin(ledger, &uuid, ourselves(), &e), "%s", e.text);
            *announced = true;
        }
        if (found && (row.state != SECRET_ACTIVE || is_absent || was_left))
            sim.lost[host][sim.lost_count[host]++] =
                (struct restore_request){{uuid, row.key}, row.uuid, *announced, is_absent, row.state, row.changed_ms};
        after = row.uuid;
    }
    if (!sim.is_surveyed[host])
        TRACE("surveyed %zu: %zu to be looked after", host, sim.lost_count[host]);
    sim.is_surveyed[host] = true;
    if (sim.lost_count[host] == 0 || !life_restore(sim.life, host, &sim.lost[host][sim.lost_count[host] - 1]))
        return false;
    sim.lost_count[host]--;
    sim.under_way[host]++;
    return true;
}

static bool may_end_leases(void *arg, size_t host)
{
    (void)arg;
    return !sim.hosts[host].hv->down;
}

static bool look_at_lease(void *arg, size_t host, const struct lease_request *what)
{
    (void)arg;
    return life_lease(sim.life, host, what);
}

static void open_leases(void)
{
    const struct leases_config config = {ledger, sim.hosts, HOSTS, look_at_lease, may_end_leases, NULL};

    leases_free(sim.leases);
    sim.leases = leases_new(&config);
    for (size_t host = 0; host < HOSTS; host++)
        leases_begin(sim.leases, host);
}

static size_t host_at(const struct work *work)
{
    return (size_t)(work->host - sim.hosts);
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
    work->ledger = ledger;
    work->state = work_is_late(work, sim.now_ms) ? WORK_LATE : work_advance(work);
    if (work->state == WORK_DONE || work->state == WORK_LATE ||
        (work->state == WORK_AWAY && (sim.is_draining || sim.is_left[work->host - sim.hosts] || is_parting(work))))
        not_running(work);
    if (work->state == WORK_AWAY)
        to_be_surveyed(host_at(work)); /* the connection was lost: it will be made anew */
    TRACE("advanced %s: %d %s %s", work->id, work->state, work->failed ? work->err.text : "",
          work->record.secret_uuid.text);
    life_advanced(sim.life, work, work->state);
    return true;
}

static void time_passes(int64_t ms)
{
    sim.now_ms += ms;
    leases_tick(sim.leases, sim.now_ms);
    if (sim.wake_at_ms > sim.now_ms)
        return;
    sim.wake_at_ms = INT64_MAX;
    life_tick(sim.life);
}

/* A new worker, from what is on disk and on the broker. */
static void begin_anew(void)
{
    life_free(sim.life);
    sim.is_draining = false;
    sim.wake_at_ms = INT64_MAX;
    sim.job_count = sim.running_count = sim.entry_count = sim.written_count = 0;
    empty_answers();
    for (size_t host = 0; host < HOSTS; host++) {
        give_back(queue_of(host));
        sim.is_left[host] = false;
        sim.parting[host] = (struct parting){0};
        sim.under_way[host] = 0;
        to_be_surveyed(host);
    }
    sim.life = life_new(sim.config);
    open_leases();
}

/* Whoever sent it, or looks after the queue, has taken it away. What a pre-migrate has begun elsewhere would end by its lease. */
static void message_goes(const char *id)
{
    size_t n = strtoul(id + 1, NULL, 10);

    if (id[0] != 'r' || sim.sent[n].kind == PRE_MIGRATE || sim.sent[n].replies > 0)
        return;
    TRACE("%s is gone", id);
    for (size_t i = 0; i < sim.message_count; i++)
        sim.messages[i].is_settled |= strcmp(sim.messages[i].id, id) == 0;
    sim.sent[n].is_gone = true;
    total.gone++;
}

/* What a job thread was at when it died: some calls to libvirt further, the last of which may be half done. */
static void job_dies(struct work *work)
{
    static const enum fake_fault faults[] = {FAULT_NONE, FAULT_LOST_BEFORE, FAULT_LOST_AFTER, FAULT_LOST_HALF,
                                             FAULT_LOST_HALF};
    struct hv *hv = work->host->hv;
    unsigned fault_at = hv->fault_at;
    enum fake_fault fault = hv->fault;

    work->ledger = ledger;
    fake_fault_set(hv, 1 + (unsigned)roll(2), faults[roll(COUNT(faults))]);
    (void)work_advance(work);
    if (hv->fault == FAULT_LOST_HALF && roll(2) == 0)
        message_goes(work->id);
    hv->fault_at = fault_at;
    hv->fault = fault;
}

/* Libvirtd is started again, and has lost all. */
static void libvirtd_restarts(size_t host)
{
    memset(sim.hvs[host].secrets, 0, sizeof(sim.hvs[host].secrets));
    to_be_surveyed(host);
}

/* kill -9: what was not committed is lost, what libvirt was asked for may have been done, and nobody was told. */
static void worker_dies(void)
{
    TRACE("the worker dies");
    for (size_t i = 0; i < sim.job_count; i++)
        if (roll(2) == 0)
            job_dies(sim.jobs[i]);
    while (sim.copy_count > 0 && roll(2) == 0) /* what it had published may have come, or not */
        bytes_free(&sim.copies[--sim.copy_count].body);
    for (size_t i = 0; i < sim.copy_count; i++)
        sim.copies[i].number = 0;
    if (roll(4) == 0)
        libvirtd_restarts(roll(HOSTS));
    if (sim.message_count > 0 && roll(2) == 0)
        message_goes(sim.messages[roll(sim.message_count)].id);
    begin_anew();
    total.deaths++;
}

/* Leases end in the midst of it; but not while somebody has lost libvirt, and would give up before it can be back. */
static void much_time_passes(void)
{
    const struct request *r;

    for (size_t i = 0; i < sim.job_count; i++)
        if (sim.jobs[i]->state == WORK_AWAY)
            return;
    TAILQ_FOREACH(r, &sim.life->all, all)
    if (r->stage == STAGE_AWAY)
        return;
    TRACE("much time passes");
    time_passes(30000);
}

static bool is_queued(const struct work *work)
{
    bool is_there = false;

    for (size_t i = 0; i < sim.job_count; i++)
        is_there |= sim.jobs[i] == work;
    return is_there;
}

/* Works that libvirt keeps waiting are dropped with their requests. */
static void forget_waiting_of(const struct host *host)
{
    for (size_t i = 0; i < sim.running_count; i++)
        if (sim.running[i]->state == WORK_AWAY && !is_queued(sim.running[i]) &&
            (host == NULL || sim.running[i]->host == host))
            sim.running[i--] = sim.running[--sim.running_count];
}

/* Another worker asks for the host, and finds that it has nothing to do for it. */
static void host_is_asked_for(size_t host)
{
    if (sim.is_left[host] || sim.is_draining)
        return;
    TRACE("%zu is asked for", host);
    sim.is_left[host] = true;
    forget_waiting_of(&sim.hosts[host]);
    life_leave(sim.life, host);
    channel_is_lost(queue_of(host));
    total.askings++;
}

static void hosts_come_back(void)
{
    for (size_t host = 0; host < HOSTS; host++)
        if (sim.is_left[host] && life_of_host(sim.life, host) == 0) {
            TRACE("%zu is ours again", host);
            sim.is_left[host] = false;
            life_stay(sim.life, host);
            to_be_surveyed(host);
        }
}

/*
 * The pool has it that another worker is to consume from the queue. That is put off while something waits for another host,
 * whose queue it may be as well; but not for ever.
 */
static void queue_is_handed_over(size_t queue)
{
    struct parting *parting = &sim.parting[queue];

    if (parting->is_on || parting->is_shut || sim.is_draining ||
        (life_waits_for_others(sim.life, queue) && (!sim.faults || roll(8) > 0)))
        return;
    TRACE("queue %zu is handed over", queue);
    *parting = (struct parting){.is_on = true, .since_ms = sim.now_ms};
    for (size_t i = 0; i < sim.running_count; i++)
        if (sim.running[i]->state == WORK_AWAY && !is_queued(sim.running[i]) && is_by(sim.running[i], queue))
            sim.running[i--] = sim.running[--sim.running_count];
    life_queue_leave(sim.life, queue);
    total.handovers++;
}

/* We close the channel ourselves: all that was begun is answered and acked, and nothing else was touched. */
static void queue_is_closed(size_t queue)
{
    TRACE("queue %zu is closed", queue);
    for (size_t i = 0; i < sim.running_count; i++)
        CHECK(!is_by(sim.running[i], queue), "%s runs, and its channel is closed", sim.running[i]->id);
    stop_parting(queue);
    sim.parting[queue].is_shut = true;
    give_back(queue);
    life_queue_down(sim.life, queue);
    check_backlog();
}

static void queues_go_and_come_back(void)
{
    for (size_t queue = 0; queue < sim.config->queue_count; queue++) {
        if (sim.parting[queue].is_on && life_of_queue(sim.life, queue) == 0)
            queue_is_closed(queue);
        else if (sim.parting[queue].is_shut && roll(20) == 0)
            sim.parting[queue].is_shut = false; /* the other worker had nothing to do, and has gone */
    }
}

static void something_goes_wrong(void)
{
    /* A refusal would end an undo, too: tests/unit play those. */
    static const enum fake_fault faults[] = {FAULT_LOST_BEFORE, FAULT_LOST_AFTER, FAULT_LOST_HALF};
    size_t host = roll(HOSTS);
    struct hv *hv = &sim.hvs[host];

    switch (roll(6)) {
    case 0:
        if (roll(2) == 0)
            channel_is_lost(queue_of(host));
        else
            host_is_asked_for(host);
        return;
    case 4:
        TRACE("libvirtd of %zu is started again", host);
        libvirtd_restarts(host);
        life_host_up(sim.life, host);
        return;
    case 5:
        if (roll(4) == 0)
            worker_dies();
        else if (roll(4) == 0)
            much_time_passes();
        return;
    case 3:
        answers_are_lost();
        return;
    case 1:
        fake_fault_set(hv, 1 + (unsigned)roll(4), faults[roll(COUNT(faults))]);
        TRACE("libvirtd of %zu is to be lost", host);
        total.losses++;
        return;
    default:
        hv->down = !hv->down;
        TRACE("libvirtd of %zu is %s", host, hv->down ? "down" : "up");
        total.outages += hv->down;
        to_be_surveyed(host);
        if (!hv->down)
            life_host_up(sim.life, host);
    }
}

static void step(void)
{
    hosts_come_back();
    queues_go_and_come_back();
    switch (roll(12)) {
    case 8:
        ledger_writes();
        return;
    case 9:
    case 10:
        ledger_tells();
        return;
    case 11:
        if (roll(60) == 0)
            (void)life_reconcile(sim.life, roll(HOSTS));
        else
            recovers(roll(HOSTS));
        return;
    case 0:
        if (sim.sent_count < REQUESTS)
            client_sends();
        return;
    case 1:
    case 2:
        broker_delivers(queue_of(roll(HOSTS)));
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
        if (roll(100) == 0)
            queue_is_handed_over(queue_of(roll(HOSTS)));
        if (sim.faults && roll(6) == 0)
            something_goes_wrong();
        if (sim.faults && sim.is_deadly && roll(8) == 0)
            worker_dies();
    }
}

/* The worker is told to stop, and starts again: what was not begun comes again, as does what it could not finish. */
static void worker_restarts(void)
{
    int64_t began_ms = sim.now_ms;

    TRACE("draining %zu", life_in_hand(sim.life));
    forget_waiting_of(NULL);
    sim.is_draining = true;
    life_drain(sim.life);
    while (!life_is_idle(sim.life)) {
        broker_delivers(queue_of(roll(HOSTS)));
        broker_takes();
        answer_arrives();
        job_runs();
        ledger_writes();
        ledger_tells();
        if (sim.job_count == 0 && sim.copy_count == 0)
            time_passes(10);
        CHECK(sim.now_ms - began_ms <= REQUEST_TIMEOUT_MS + 10 * RESENDS_MS, "the drain does not end: %zu in hand",
              life_in_hand(sim.life));
    }
    begin_anew();
    total.restarts++;
}

static bool is_quiet(void)
{
    for (size_t i = 0; i < sim.message_count; i++)
        if (!sim.messages[i].is_settled)
            return false;
    for (size_t h = 0; h < HOSTS; h++)
        if (!sim.is_surveyed[h] || sim.lost_count[h] > 0)
            return false;
    return life_is_idle(sim.life) && sim.copy_count == 0 && sim.answer_count == 0;
}

static void calm_down(void)
{
    sim.faults = false;
    for (size_t h = 0; h < HOSTS; h++) {
        sim.hvs[h].down = false;
        sim.hvs[h].fault_at = 0;
        leases_begin(sim.leases, h);
        life_host_up(sim.life, h);
    }
    for (unsigned i = 0; !is_quiet(); i++) {
        CHECK(i < STEPS_MAX, "it never ends: %zu in hand", life_in_hand(sim.life));
        step();
    }
}

/* Time passes, and what follows from it is done. */
static void go_quiet_after(int64_t ms)
{
    int64_t until_ms = sim.now_ms + ms;

    for (unsigned i = 0; sim.now_ms < until_ms + LEASE_AGAIN_MS; i++) {
        time_passes(sim.now_ms < until_ms ? until_ms - sim.now_ms : 100);
        for (int n = 0; n < 40; n++)
            step();
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

static bool is_given_up(const struct inbox_row *row, const struct sent *s)
{
    return row->state != INBOX_DONE && row->attempts >= ATTEMPTS_MAX && s->effect == EFFECT_UNKNOWN &&
           strcmp(s->code, "SYS.1006") == 0;
}

/* What came of a request as the ledger has it, which every reply must have said. */
static void outcome_find(size_t n)
{
    struct sent *s = &sim.sent[n];
    struct copy as_reply = {.correlation_id = ""};
    struct inbox_id id = {.host = host_uuid(s->host)};
    struct inbox_row row;
    bool found;
    struct err e;

    snprintf(id.id, sizeof(id.id), "r%zu", n);
    CHECK(inbox_find(ledger, &id, &row, &found, &e), "%s", e.text);
    if (s->is_gone && (!found || row.state != INBOX_DONE))
        return;
    s->is_given_up = found && is_given_up(&row, s);
    if (s->is_given_up)
        return;
    CHECK(found && row.state == INBOX_DONE, "%s has no outcome", id.id);
    snprintf(as_reply.correlation_id, sizeof(as_reply.correlation_id), "%s", id.id);
    as_reply.body = (struct bytes){row.outcome, row.outcome_bytes};
    client_receives(&as_reply);
}

/* A define that succeeded, of what was there before under `current` (NULL: it was not). */
static void check_define(size_t n, const struct uuid *current)
{
    const struct sent *s = &sim.sent[n];
    bool is_wanted = uuid_is_set(&s->wanted);
    bool replaces = current != NULL && is_wanted && !uuid_equal(current, &s->wanted);

    CHECK(s->flag == (current == NULL || replaces), "r%zu: created=%d", n, s->flag);
    CHECK(!is_wanted || uuid_equal(&s->uuid, &s->wanted), "r%zu: it wants another UUID than %s", n, s->uuid.text);
    CHECK(is_wanted || current == NULL || uuid_equal(&s->uuid, current), "r%zu: it was there, and not as %s", n,
          s->uuid.text);
    CHECK(uuid_equal(&s->replaced, replaces ? current : &(struct uuid){0}), "r%zu: replaced='%s'", n, s->replaced.text);
}

/*
 * Requests of one identity act in queue order: a walk along the queue explains every outcome, and the end. After one
 * whose effect is unknown, as where libvirt stayed away, the next change tells.
 */
static void check_order(size_t host, size_t vm)
{
    bool there = false, is_leased = false, is_known = true;
    struct uuid current = {0};

    for (size_t i = 0; i < sim.sent_count; i++) {
        const struct sent *s = &sim.sent[i];
        if (s->host != host || s->vm != vm || s->kind == PRE_MIGRATE)
            continue;
        if (s->is_gone && s->replies == 0) {
            is_known &= s->kind == GET;
            continue;
        }
        if (!s->success && s->kind != GET) {
            CHECK(s->effect == EFFECT_NONE || sim.had_faults, "r%zu: %s with an effect", i, s->code);
            is_known &= s->effect == EFFECT_NONE;
            continue;
        }
        if (is_known && !is_leased && s->kind == DEFINE)
            check_define(i, there ? &current : NULL);
        if (is_known && !is_leased && s->kind == DELETE)
            CHECK(s->flag == there, "r%zu: deleted=%d", i, s->flag);
        if (is_known && !is_leased && s->kind == GET &&
            (s->success || strcmp(s->code, "KEY_AGENT_SECRET_NOT_FOUND") == 0))
            CHECK(s->success == there, "r%zu: found=%d", i, s->success);
        if (s->kind == GET)
            continue; /* what is half deleted may still be found, and be gone when libvirt is started again */
        is_leased = s->lease_seconds > 0 && (is_leased || !there);
        is_known = is_known || s->lease_seconds == 0; /* a lease tells nothing of what may have had none */
        there = s->kind == DEFINE;
        current = s->uuid;
    }
    there = there && !is_leased; /* by now it is over */
    CHECK(!is_known || host_has(host, vm) == there, "at the end the secret of %zu on %zu is%s there", vm, host,
          there ? " not" : "");
    CHECK(sim.had_faults || sim.told[host][vm] == there, "the events say that the secret is%s there",
          there ? " not" : "");
}

/* Nothing is half done, and the ledger knows what libvirt has. */
static void check_ledger(size_t host)
{
    struct uuid uuid = host_uuid(host), after = {0};
    struct secret_row row;
    struct fake_secret *there;
    bool found = true;
    struct err e;

    for (;;) {
        CHECK(secret_row_next(ledger, &uuid, uuid_is_set(&after) ? &after : NULL, &row, &found, &e), "%s", e.text);
        if (!found)
            break;
        CHECK(row.state == SECRET_ACTIVE, "%s was left half done", row.uuid.text);
        there = fake_secret_at(sim.hosts[host].hv, row.uuid.text);
        CHECK(there != NULL && there->has_value, "%s of %s is not in libvirt as it is in the ledger", row.uuid.text,
              row.key.vm_uuid.text);
        after = row.uuid;
    }
    for (size_t i = 0; i < FAKE_SECRETS_MAX; i++) {
        there = &sim.hosts[host].hv->secrets[i];
        if (!uuid_is_set(&there->secret.uuid))
            continue;
        CHECK(there->has_value, "%s has no value", there->secret.uuid.text);
        CHECK(secret_row_get(ledger, &uuid, &there->secret.uuid, &row, &found, &e), "%s", e.text);
        CHECK(found || strncmp(there->secret.uuid.text, "00000003", 8) == 0, "%s is not in the ledger",
              there->secret.uuid.text);
    }
}

/* What no migration confirmed, and no domain names, is gone some time after its lease. */
static void check_leases(void)
{
    struct secret_row row;
    bool found;
    struct err e;

    go_quiet_after(LEASE_MIGRATION_SECONDS * 1000);
    for (size_t host = 0; host < HOSTS; host++) {
        struct uuid uuid = host_uuid(host);
        CHECK(secret_row_next_lease(ledger, &uuid, 0, NULL, &row, &found, &e), "%s", e.text);
        CHECK(!found, "%s has a lease that does not end", row.uuid.text);
        check_ledger(host);
    }
    for (size_t i = 0; i < sim.sent_count; i++)
        CHECK(sim.sent[i].kind != PRE_MIGRATE || !host_has(1 - sim.sent[i].host, sim.sent[i].vm),
              "r%zu: what was prepared has not ended", i);
}

static void check_all(bool had_faults)
{
    for (size_t i = 0; i < sim.sent_count; i++)
        outcome_find(i);
    for (size_t host = 0; host < HOSTS; host++)
        check_ledger(host);
    for (size_t i = 0; i < sim.sent_count; i++) {
        const struct sent *s = &sim.sent[i];
        CHECK(s->replies >= 2 || had_faults, "r%zu has no reply", i);
        if (s->kind == PRE_MIGRATE && !s->is_given_up)
            CHECK(host_has(1 - s->host, s->vm) == s->success, "r%zu: %s, but the destination says otherwise", i,
                  s->success ? "prepared" : s->code);
    }
    for (size_t host = 0; host < HOSTS; host++)
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
    leases_free(sim.leases);
    forget_ledger();
}

static void run(uint64_t seed, bool is_traced, struct vault *vault, const struct digest_key *key)
{
    static const char *const queue_names[HOSTS] = {"queue-0", "queue-1"};
    struct life_config config = {
        .world = {.now_ms = world_now_ms,
                  .now_us = world_now_us,
                  .run = world_run,
                  .record = world_record,
                  .recall = world_recall,
                  .publish = world_publish,
                  .forget = world_forget,
                  .settle = world_settle,
                  .ended = world_ended,
                  .compare = world_compare,
                  .host_is_up = world_host_is_up,
                  .wake_at = world_wake_at,
                  .new_id = world_new_id,
                  .tell = world_tell,
                  .answered = world_answered},
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
        .queue_count = seed / 4 % 2 == 0 ? HOSTS : 1,
        .reply_queue = "reply",
        .accepts_clear_deks = true,
    };
    bool faults = seed % 4 != 0;

    set_up(seed, key);
    sim.vault = vault;
    sim.is_traced = is_traced;
    sim.faults = sim.had_faults = faults;
    sim.cannot_read = seed % 4 == 2;
    sim.is_deadly = seed % 4 == 3;
    sim.config = &config;
    sim.life = life_new(&config);
    open_leases();
    while (sim.sent_count < REQUESTS)
        step();
    if (seed % 4 == 1)
        worker_restarts();
    for (unsigned i = 0; i < 200; i++)
        step();
    calm_down();
    go_quiet_after(30000);
    check_all(faults);
    check_leases();
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

static char *ledger_path(const char *folder, const char *tail)
{
    static char path[64];

    snprintf(path, sizeof(path), "%s/ledger.db%s", folder, tail);
    return path;
}

static bool open_ledger(const char *folder, struct err *e)
{
    return ledger_open(ledger_path(folder, ""), &ledger, e);
}

static void remove_files(const char *folder)
{
    ledger_close(ledger);
    unlink(ledger_path(folder, ""));
    unlink(ledger_path(folder, "-wal"));
    unlink(ledger_path(folder, "-shm"));
    for (size_t h = 0; h < HOSTS; h++)
        unlink(keys[h].path);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    char in_memory[] = "/dev/shm/keyferry-sim-XXXXXX", on_disk[] = "/tmp/keyferry-sim-XXXXXX";
    char *folder = mkdtemp(in_memory); /* there a commit costs next to nothing, and no machine fails here */
    uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct digest_key key = {.bytes = "a key for digests, 32 bytes long"};
    struct vault *vault, *key_vault;
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    digest_key_name(&key);
    if (folder == NULL)
        folder = mkdtemp(on_disk);
    if (folder == NULL || !vault_open(SLOTS, &vault, &e) || !vault_open(3, &key_vault, &e) ||
        !open_keys(folder, key_vault, &e) || !open_ledger(folder, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    for (uint64_t seed = first; seed < first + runs; seed++)
        run(seed, runs == 1, vault, &key);
    remove_files(folder);
    vault_close(key_vault);
    vault_close(vault);
    printf("simulation: %" PRIu64 " runs from seed %" PRIu64 ": %" PRIu64 " requests, %" PRIu64 " duplicates, %" PRIu64
           " replies, %" PRIu64 " lost channels, %" PRIu64 " hosts asked for, %" PRIu64 " outages of libvirt, %" PRIu64
           " failed calls to it, %" PRIu64 " lost reply queues, %" PRIu64 " restarts, %" PRIu64 " deaths, %" PRIu64
           " secrets restored, %" PRIu64 " leases ended, %" PRIu64 " mended by reconciling, %" PRIu64
           " returns, %" PRIu64 " refusals, %" PRIu64 " late, %" PRIu64 " busy, %" PRIu64 " deadly, %" PRIu64
           " gone, %" PRIu64 " queues handed over, %" PRIu64 " deliveries left to the next\n",
           runs, first, total.requests, total.duplicates, total.replies, total.channel_losses, total.askings,
           total.outages, total.losses, total.answer_losses, total.restarts, total.deaths, total.restored,
           total.leases_ended, total.mended, total.returns, total.refusals, total.late, total.busy, total.deadly,
           total.gone, total.handovers, total.let_lie);
    printf("%" PRIu64 " passed, 0 failed\n", runs);
    return 0;
}
