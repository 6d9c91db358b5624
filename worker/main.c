#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "handlers/work.h"
#include "schemas/harden.h"
#include "schemas/version.h"
#include "worker/doctor.h"
#include "worker/log.h"
#include "worker/worker.h"

enum { EXIT_UNFINISHED = 1, EXIT_USAGE = 2, EXIT_SETUP = 3 };

enum { HEAP_KEPT_BYTES = 2 << 20 };

enum action { ACTION_SERVE, ACTION_CHECK, ACTION_PRINT, ACTION_DOCTOR };

static const char help[] = "Usage: keyferryd -c FILE [--check-config | --print-config | --doctor [--json]]\n"
                           "       keyferryd --print-config\n"
                           "\n"
                           "Consumes requests for the hosts named in FILE, acts on their libvirt, and replies.\n"
                           "\n"
                           "  -c, --config FILE   the configuration\n"
                           "      --check-config  read it, say what is wrong with it, and end\n"
                           "      --print-config  print what is in force, every option and its value; without -c a\n"
                           "                      sample, every option and its default, commented out\n"
                           "      --doctor        look for what is wrong here and on the broker: a line each, and\n"
                           "                      what to do; --json: for programs\n"
                           "  -V, --version       print the version, what it speaks, and end\n"
                           "  -h, --help          print this and end\n"
                           "\n"
                           "SIGTERM finishes what runs and ends; SIGHUP reads the configuration again, and takes\n"
                           "up other hosts, as a change in hosts_dir does by itself.\n"
                           "Exit status: 0 drained, or the configuration is good; 1 ended with requests\n"
                           "unfinished (the broker still has them), or --doctor found a failure; 2 usage; 3\n"
                           "cannot start.\n"
                           "\n"
                           "Example:\n"
                           "  keyferryd -c /etc/keyferry/keyferry.conf\n";

static int fail(const struct err *e, int status)
{
    fprintf(stderr, "keyferryd: %s\n", e->text);
    return status;
}

/* How many is told of what was read last: the folder may have changed while what ran was finished. */
static void tell_hosts(size_t now, size_t before)
{
    char counts[2][24];

    snprintf(counts[0], sizeof(counts[0]), "%zu", now);
    snprintf(counts[1], sizeof(counts[1]), "%zu", before);
    log_event(LOG_LEVEL_INFO, "hosts-changed", "hosts", counts[0], "before", counts[1], (char *)NULL);
}

/*
 * Open it again, with the configuration as it is now; where that cannot be read any more, or begun with (an address that is
 * taken, a file that is not there), with the one before, whose hosts are served on. The worker tells why.
 */
static bool open_again(const char *path, struct config *config, struct refused *refused, struct worker **out,
                       struct err *e)
{
    struct config fresh;

    config_done(&refused->config);
    if (config_read(path, &fresh, &refused->why)) {
        if (worker_open(&fresh, path, NULL, out, &refused->why)) {
            tell_hosts(fresh.host_count, config->host_count);
            config_done(config);
            *config = fresh;
            return true;
        }
        refused->config = fresh;
    }
    log_event(LOG_LEVEL_ERROR, "reload-failed", "details", refused->why.text, (char *)NULL);
    return worker_open(config, path, refused, out, e);
}

static int serve(struct config *config, const char *path)
{
    struct refused refused = {.why.text = ""};
    struct worker *worker;
    enum worker_end end;
    struct err e;
    bool is_open = worker_open(config, path, NULL, &worker, &e);

    while (is_open) {
        end = worker_run(worker);
        worker_close(worker);
        if (end != WORKER_RENEWS)
            break;
        is_open = open_again(path, config, &refused, &worker, &e);
    }
    config_done(&refused.config);
    return !is_open ? fail(&e, EXIT_SETUP) : end == WORKER_DRAINED ? EXIT_SUCCESS : EXIT_UNFINISHED;
}

static int act(enum action action, const char *path, bool json)
{
    struct config config;
    struct err e;
    int status = EXIT_SUCCESS;

    if (path == NULL && action == ACTION_PRINT) {
        config_print_sample(stdout);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_UNFINISHED;
    }
    if (path == NULL) {
        fprintf(stderr, "keyferryd: -c FILE is required; --help tells more\n");
        return EXIT_USAGE;
    }
    if (action == ACTION_DOCTOR)
        return doctor_run(path, json);
    if (access(path, F_OK) != 0) {
        fprintf(stderr, "keyferryd: %s: %s (keyferryd --print-config prints a sample)\n", path, strerror(errno));
        return EXIT_SETUP;
    }
    if (!config_read(path, &config, &e))
        return fail(&e, EXIT_SETUP);
    if (action == ACTION_SERVE)
        status = serve(&config, path);
    else if (action == ACTION_PRINT)
        config_print(&config, stdout);
    else
        printf("%s: good, %zu %s\n", path, config.host_count, config.host_count == 1 ? "host" : "hosts");
    config_done(&config);
    return status;
}

static int print_list(const char *what, struct text_list list)
{
    printf("%s", what);
    for (size_t i = 0; i < list.count; i++)
        printf(" %s", list.texts[i]);
    return putchar('\n') < 0;
}

/* What a host tells of itself by HostCapabilitiesGetMsg, as far as no configuration comes into it. */
static int print_version(void)
{
    struct text_list layouts = {seal_layout_names, 0};

    while (layouts.texts[layouts.count] != NULL)
        layouts.count++;
    printf("keyferryd %s\n", KEYFERRY_VERSION);
    return print_list("messages:", handler_names()) | print_list("suites:", seal_suites(SEAL_BOTH)) |
           print_list("envelope:", layouts);
}

/*
 * A host needs a descriptor or two, and there may be thousands. A file that may not grow is an error, and no death. What
 * a full window of requests takes is not given back to the system only to be asked for again.
 */
static void prepare(void)
{
    struct rlimit files;

    process_harden();
    (void)!mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)!setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'}, {"version", no_argument, NULL, 'V'},
        {"doctor", no_argument, NULL, 'd'},       {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    enum action action = ACTION_SERVE;
    const char *path = NULL;
    bool json = false;
    int option;

    prepare();
    while ((option = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
        if (option == 'c')
            path = optarg;
        else if (option == 'k')
            action = ACTION_CHECK;
        else if (option == 'p')
            action = ACTION_PRINT;
        else if (option == 'd')
            action = ACTION_DOCTOR;
        else if (option == 'j')
            json = true;
        else if (option == 'V')
            return print_version();
        else if (option == 'h')
            return fputs(help, stdout) < 0;
        else
            return fputs("keyferryd: --help tells more\n", stderr), EXIT_USAGE;
    }
    if (json && action != ACTION_DOCTOR) {
        fprintf(stderr, "keyferryd: --json goes with --doctor\n");
        return EXIT_USAGE;
    }
    if (optind == argc)
        return act(action, path, json);
    fprintf(stderr, "keyferryd: '%s' is not an option; --help tells more\n", argv[optind]);
    return EXIT_USAGE;
}
