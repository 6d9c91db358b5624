#include "worker/doctor_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "schemas/text.h"
#include "schemas/version.h"
#include "schemas/writer.h"

enum { EXIT_FOUND = 1, DETAILS_BYTES = 640, WHAT_CHARS = 14 };

struct finding_of_doctor {
    enum verdict_of_doctor verdict;
    const char *what, *advice; /* static */
    char details[DETAILS_BYTES];
};

static const char *const verdicts[DOCTOR_VERDICTS] = {
    [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail"};

/* https://no-color.org */
static bool has_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

static void print_line(const struct finding_of_doctor *f)
{
    static const char *const colours[DOCTOR_VERDICTS] = {"\033[32m", "\033[33m", "\033[1;31m"};
    bool painted = has_colour();

    printf("%s%-4s%s  %-*s  %s\n", painted ? colours[f->verdict] : "", verdicts[f->verdict], painted ? "\033[0m" : "",
           WHAT_CHARS, f->what, f->details);
    if (f->advice != NULL)
        printf("      %-*s  -> %s\n", WHAT_CHARS, "", f->advice);
    fflush(stdout);
}

static void keep(struct doctor *d, const struct finding_of_doctor *f)
{
    struct finding_of_doctor *more = reallocarray(d->findings, d->count + 1, sizeof(*more));

    if (more == NULL)
        abort(); /* nothing depends on us */
    d->findings = more;
    d->findings[d->count++] = *f;
}

void doctor_say(struct doctor *d, enum verdict_of_doctor verdict, const char *what, const char *advice,
                const char *format, ...)
{
    struct finding_of_doctor f = {.verdict = verdict, .what = what, .advice = advice};
    va_list args;

    va_start(args, format);
    vsnprintf(f.details, sizeof(f.details), format, args);
    va_end(args);
    text_clean(f.details, strlen(f.details)); /* some of it is others' words */
    d->failed += verdict == DOCTOR_FAIL;
    if (d->json)
        keep(d, &f);
    else
        print_line(&f);
}

static void print_json(const struct doctor *d)
{
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes text;
    struct err e;

    if (w == NULL)
        return;
    writer_map(w, 3);
    writer_key(w, "version"), writer_text(w, KEYFERRY_VERSION);
    writer_key(w, "failed"), writer_whole(w, (int64_t)d->failed);
    writer_key(w, "checks"), writer_list(w, d->count);
    for (size_t i = 0; i < d->count; i++) {
        const struct finding_of_doctor *f = &d->findings[i];
        writer_map(w, 3 + (size_t)(f->advice != NULL));
        writer_key(w, "result"), writer_text(w, verdicts[f->verdict]);
        writer_key(w, "check"), writer_text(w, f->what);
        writer_key(w, "details"), writer_text(w, f->details);
        if (f->advice != NULL)
            writer_key(w, "advice"), writer_text(w, f->advice);
    }
    if (!writer_finish(w, &text, &e))
        return;
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    bytes_free(&text);
}

/* ---- what concerns nobody else ---- */

/* True where a login in the list of URLs has a password: what stands between its ':' and '@'. */
static bool has_password(const char *urls)
{
    for (const char *at = strstr(urls, "://"); at != NULL; at = strstr(at + 3, "://")) {
        size_t host = strcspn(at + 3, "@,/"), login = strcspn(at + 3, ":@,/");
        if (at[3 + host] == '@' && at[3 + login] == ':')
            return true;
    }
    return false;
}

static void check_configuration(struct doctor *d)
{
    struct stat st;
    bool open = stat(d->path, &st) == 0 && (st.st_mode & S_IRWXO) != 0 && has_password(d->config.urls);

    doctor_say(d, open ? DOCTOR_WARN : DOCTOR_OK, "configuration",
               open ? "chmod o= it, or put the password into a password_file" : NULL, "%.300s: %zu host%s%s", d->path,
               d->config.host_count, d->config.host_count == 1 ? "" : "s",
               open ? "; it holds a password, and everybody may read it" : "");
    if (d->config.senders.count == 0)
        doctor_say(d, DOCTOR_WARN, "senders", "give roles in [senders]: PROTOCOL.md, who may say what",
                   "without [senders] everybody on the broker may ask this worker for everything");
}

/* Leases, deadlines and signatures go by the clock. */
static void check_clock(struct doctor *d)
{
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);

    if (state < 0)
        doctor_say(d, DOCTOR_WARN, "clock", NULL, "the kernel does not tell: %s", strerror(errno));
    else if (state == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
        doctor_say(d, DOCTOR_WARN, "clock", "run chrony or systemd-timesyncd: deadlines and leases go by this clock",
                   "it is not kept by a time server, as far as the kernel knows");
    else
        doctor_say(d, DOCTOR_OK, "clock", NULL, "kept by a time server; it may be off by %ld ms", t.maxerror / 1000);
}

static void check_limits(struct doctor *d)
{
    struct rlimit files;
    rlim_t wanted = 64 + 4 * (rlim_t)d->config.host_count + 4 * (rlim_t)d->config.threads;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    bool few = files.rlim_max < wanted;
    doctor_say(d, few ? DOCTOR_WARN : DOCTOR_OK, "limits", few ? "raise LimitNOFILE of the service" : NULL,
               "%llu files may be open, and about %llu are needed", (unsigned long long)files.rlim_max,
               (unsigned long long)wanted);
}

int doctor_run(const char *path, bool json)
{
    struct doctor d = {.path = path, .json = json};
    struct err e;

    if (config_read(path, &d.config, &e)) {
        check_configuration(&d);
        doctor_state(&d);
        check_clock(&d);
        check_limits(&d);
        doctor_hypervisors(&d);
        doctor_broker(&d);
        config_done(&d.config);
    } else {
        doctor_say(&d, DOCTOR_FAIL, "configuration", "keyferryd --print-config shows every option", "%s", e.text);
    }
    if (json)
        print_json(&d);
    free(d.findings);
    return d.failed > 0 ? EXIT_FOUND : EXIT_SUCCESS;
}
