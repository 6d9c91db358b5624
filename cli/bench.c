#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/exit.h"
#include "cli/flight.h"
#include "cli/grid.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/sealing.h"
#include "schemas/envelope.h"
#include "schemas/writer.h"

enum { COUNT_PRESET = 500, IN_FLIGHT_PRESET = 16, SLICE_MS = 50, LEASE_SECONDS = 600, BENCH_DEK_BYTES = 32 };

struct phase {
    const char *name;
    const struct message *message;
    size_t begun, done, failed;
    int64_t *took_us; /* of those that succeeded: done - failed of them, sorted in the end */
    int64_t elapsed_us;
    char first_error[400];
};

enum { DEFINES, GETS, DELETES, PHASES };

struct bench {
    const struct options *options;
    struct session session;
    struct flight *flight;
    struct uuid host;
    struct recipient recipient;
    uint16_t run; /* tells the VMs of one run from those of another */
    size_t count, in_flight;
    struct phase phases[PHASES];
    struct progress progress;
};

/* ---- what is asked ---- */

/* VMs that do not exist: "keyferry" in hex, the run, and a number. */
static struct addressed to_vm(const struct bench *b, size_t number)
{
    struct addressed to = {.host_uuid = b->host,
                           .key = {.purpose = "vtpm", .key_version = 1, .usage_instance = "tpm0"}};

    snprintf(to.key.vm_uuid.text, sizeof(to.key.vm_uuid.text), "6b657966-6572-7279-%04x-%012zx", b->run, number + 1);
    return to;
}

/* A DEK that unlocks nothing, sealed as everybody's are. */
static bool seal(const struct bench *b, struct define_request *request, struct err *e)
{
    struct seal_use use = {&request->to, &request->secret_uuid};
    struct dek dek = {.len = BENCH_DEK_BYTES};
    bool ok;

    if (getrandom(dek.data, dek.len, 0) != dek.len)
        return err_set(e, ERR_LOCAL, "the system gave no random bytes");
    ok = recipient_seal(&b->recipient, &use, &dek, &request->encrypted_dek, e);
    wipe(&dek, sizeof(dek));
    return ok;
}

static bool ask(struct bench *b, size_t phase, size_t number, struct err *e)
{
    struct define_request define = {.to = to_vm(b, number), .lease_seconds = LEASE_SECONDS};
    struct get_request get = {define.to};
    struct delete_request delete = {.to = define.to};
    const void *const requests[PHASES] = {[DEFINES] = &define, [GETS] = &get, [DELETES] = &delete};

    if (phase == DEFINES) {
        strcpy(define.description, "keyferry bench");
        if (!seal(b, &define, e))
            return false;
    }
    return flight_ask(b->flight, b->phases[phase].message, &b->host, requests[phase], number, e);
}

static bool is_success(const struct message *message, const struct flight_answer *a, struct err *why)
{
    union {
        struct define_reply define;
        struct get_reply get;
        struct delete_reply delete;
    } reply;

    *why = a->why;
    return a->is_reply &&
           reply_read(a->answer.body.data, a->answer.body.len, a->answer.content_type, message->reply, &reply, why);
}

static void note(struct phase *p, struct flight_answer *a)
{
    struct err why;

    if (is_success(p->message, a, &why)) {
        p->took_us[p->done - p->failed] = a->took_us;
    } else {
        if (p->failed == 0)
            snprintf(p->first_error, sizeof(p->first_error), "%s%s%.350s", why.code, why.code[0] != '\0' ? ": " : "",
                     why.text);
        p->failed++;
    }
    p->done++;
    bytes_free(&a->answer.body);
}

/* Once interrupted, what is begun is awaited; deletes go on all the same: they leave the host as it was. */
static bool run_phase(struct bench *b, size_t phase, size_t count, struct err *e)
{
    struct phase *p = &b->phases[phase];
    int64_t begun_us = flight_now_us();

    b->progress = (struct progress){0};
    while (p->done < count) {
        struct flight_answer answer;
        bool ended;

        if (phase != DELETES && interrupt_came()) {
            count = p->begun;
            if (p->done == count)
                break;
        }
        if (p->begun < count && flight_count(b->flight) < b->in_flight) {
            if (!ask(b, phase, p->begun, e))
                return false;
            p->begun++;
            continue;
        }
        if (!flight_next(b->flight, SLICE_MS, &ended, &answer, e))
            return false;
        if (ended)
            note(p, &answer);
        progress_draw(&b->progress, p->name, p->done, count);
    }
    progress_clear(&b->progress);
    p->elapsed_us = flight_now_us() - begun_us;
    return true;
}

/* ---- what is told ---- */

static int compare(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

/* In milliseconds; `p->took_us` is sorted. */
static double percentile(const struct phase *p, unsigned percent)
{
    size_t count = p->done - p->failed;
    size_t at = count == 0 ? 0 : (count - 1) * percent / 100;

    return count == 0 ? 0 : (double)p->took_us[at] / 1000;
}

static double rate(const struct phase *p)
{
    return p->elapsed_us == 0 ? 0 : (double)(p->done - p->failed) * 1e6 / (double)p->elapsed_us;
}

static void print_grid(const struct bench *b)
{
    static const char *const headings[] = {"",     "DONE", "FAILED", "PER SECOND", "MS MEDIAN",
                                           "95 %", "99 %", "MOST",   NULL};
    struct grid *g = grid_new(headings, 0xfe);

    for (size_t i = 0; g != NULL && i < PHASES; i++) {
        const struct phase *p = &b->phases[i];
        grid_cell(g, TONE_PLAIN, "%s", p->name);
        grid_cell(g, TONE_PLAIN, "%zu", p->done - p->failed);
        grid_cell(g, p->failed > 0 ? TONE_BAD : TONE_PLAIN, "%zu", p->failed);
        grid_cell(g, TONE_BOLD, "%.0f", rate(p));
        grid_cell(g, TONE_PLAIN, "%.2f", percentile(p, 50));
        grid_cell(g, TONE_PLAIN, "%.2f", percentile(p, 95));
        grid_cell(g, TONE_PLAIN, "%.2f", percentile(p, 99));
        grid_cell(g, TONE_PLAIN, "%.2f", percentile(p, 100));
    }
    if (g != NULL)
        grid_print(g);
    grid_free(g);
}

static void write_phase(struct writer *w, const struct phase *p)
{
    static const struct {
        const char *key;
        unsigned percent;
    } all[] = {{"medianMicroseconds", 50}, {"p95Microseconds", 95}, {"p99Microseconds", 99}, {"mostMicroseconds", 100}};

    writer_key(w, p->name), writer_map(w, 3 + COUNT(all));
    writer_key(w, "done"), writer_whole(w, (int64_t)(p->done - p->failed));
    writer_key(w, "failed"), writer_whole(w, (int64_t)p->failed);
    writer_key(w, "perSecond"), writer_whole(w, (int64_t)rate(p));
    for (size_t i = 0; i < COUNT(all); i++)
        writer_key(w, all[i].key), writer_whole(w, (int64_t)(percentile(p, all[i].percent) * 1000));
}

static void print_json(const struct bench *b)
{
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes text;
    struct err e;

    if (w == NULL)
        return;
    writer_map(w, 2 + PHASES);
    writer_key(w, "hostUuid"), writer_text(w, b->host.text);
    writer_key(w, "inFlight"), writer_whole(w, (int64_t)b->in_flight);
    for (size_t i = 0; i < PHASES; i++)
        write_phase(w, &b->phases[i]);
    if (!writer_finish(w, &text, &e))
        return;
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    bytes_free(&text);
}

static int tell(struct bench *b)
{
    int status = EXIT_SUCCESS;

    for (size_t i = 0; i < PHASES; i++) {
        struct phase *p = &b->phases[i];
        qsort(p->took_us, p->done - p->failed, sizeof(*p->took_us), compare);
        if (p->failed == 0)
            continue;
        status = EXIT_ERROR_REPLY;
        fprintf(stderr, "keyferry: %zu %s failed, the first one: %s\n", p->failed, p->name, p->first_error);
    }
    (b->options->json ? print_json : print_grid)(b);
    return status;
}

/* ---- the run ---- */

static bool prepare(struct bench *b, struct err *e)
{
    static const struct {
        const char *name;
        const struct message *message;
    } phases[PHASES] = {[DEFINES] = {"defines", &define_message},
                        [GETS] = {"gets", &get_message},
                        [DELETES] = {"deletes", &delete_message}};

    b->flight = flight_new(&b->session, b->in_flight);
    for (size_t i = 0; i < PHASES; i++)
        b->phases[i] = (struct phase){
            .name = phases[i].name, .message = phases[i].message, .took_us = calloc(b->count, sizeof(int64_t))};
    for (size_t i = 0; i < PHASES; i++)
        if (b->flight == NULL || b->phases[i].took_us == NULL)
            return err_set(e, ERR_LOCAL, "out of memory");
    return getrandom(&b->run, sizeof(b->run), 0) == sizeof(b->run) || err_set(e, ERR_LOCAL, "no random bytes");
}

/* Whatever was begun is deleted. */
static bool run(struct bench *b, struct err *e)
{
    size_t begun;

    fprintf(
        stderr,
        "keyferry: %zu test secrets of VMs 6b657966-6572-7279-%04x-… go to host %s, are asked for, and deleted again\n",
        b->count, b->run, b->host.text);
    interrupt_note();
    if (!run_phase(b, DEFINES, b->count, e))
        return false;
    begun = b->phases[DEFINES].begun;
    return (interrupt_came() || run_phase(b, GETS, begun, e)) && run_phase(b, DELETES, begun, e);
}

static int bench(struct bench *b, const struct settings *settings)
{
    bool answered = false, ok;
    struct err e;

    ok = session_open(settings, b->options->timeout_ms, NULL, &b->session, &e) && prepare(b, &e) &&
         recipient_ask(&b->session, &b->host, &b->recipient, &answered, &e) && run(b, &e);
    if (ok)
        return tell(b);
    progress_clear(&b->progress);
    if (b->phases[DEFINES].begun > 0)
        fprintf(stderr, "keyferry: what it made is still on the host, and goes when its lease ends, in %d s\n",
                LEASE_SECONDS);
    if (!answered || b->phases[DEFINES].begun > 0)
        return exit_explain(&e);
    fprintf(stderr, "keyferry: %s: %s\n", e.code, e.text);
    return EXIT_ERROR_REPLY;
}

int bench_run(const struct options *options)
{
    struct bench b = {.options = options,
                      .host = options->hosts[0],
                      .count = options->count > 0 ? (size_t)options->count : COUNT_PRESET,
                      .in_flight = options->in_flight > 0 ? (size_t)options->in_flight : IN_FLIGHT_PRESET};
    struct settings settings;
    struct err e;
    int status;

    if (options->host_count == 0) {
        fputs("keyferry: bench needs --host: it is load, and changes what is on that host\n", stderr);
        return EXIT_USAGE;
    }
    if (!settings_read(options, &settings, &e))
        return exit_explain(&e);
    status = bench(&b, &settings);
    for (size_t i = 0; i < PHASES; i++)
        free(b.phases[i].took_us);
    flight_free(b.flight);
    session_close(&b.session);
    settings_done(&settings);
    return status;
}
