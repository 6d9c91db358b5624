#include "cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit.h"
#include "cli/options.h"

/* Where it lies beside this program, in a build and when installed; else as PATH has it. */
static void run_worker(char *const arguments[])
{
    static const char *const places[] = {"keyferryd", "../sbin/keyferryd"};
    char own[512], path[640];
    ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);

    own[len < 0 ? 0 : len] = '\0';
    char *slash = strrchr(own, '/');
    for (size_t i = 0; slash != NULL && i < COUNT(places); i++) {
        snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - own), own, places[i]);
        execv(path, arguments);
    }
    execvp("keyferryd", arguments);
}

int doctor_run(const struct options *o)
{
    char program[] = "keyferryd", doctor[] = "--doctor", config[] = "-c", json[] = "--json";
    char path[4096];
    char *arguments[] = {program, doctor, config, path, o->json ? json : NULL, NULL};

    if (o->url != NULL) {
        fputs("keyferry: doctor looks at a worker's configuration: give it by -c, not --url\n", stderr);
        return EXIT_USAGE;
    }
    snprintf(path, sizeof(path), "%s", o->config_path != NULL ? o->config_path : "/etc/keyferry/keyferry.conf");
    run_worker(arguments);
    fprintf(stderr, "keyferry: keyferryd, which does the checks, cannot be run here: %s\n", strerror(errno));
    return EXIT_ERROR_REPLY;
}
