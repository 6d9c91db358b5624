/* `keyferry audit verify`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/exit.h"

enum { PATH_ROOM = 512 };

struct verifying {
    const char *path, *wanted; /* a hash, or NULL */
    size_t lines;
    bool wanted_found;
    char head[SHA256_CHARS + 1]; /* of the last line that is good */
};

static void close_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

static void free_line(char **line)
{
    free(*line);
}

static bool refuse(const struct verifying *v, const char *what, struct err *e)
{
    return err_set(e, ERR_INVALID, "%.200s:%zu: %.150s", v->path, v->lines + 1, what);
}

static bool line_take(struct verifying *v, const char *line, size_t len, struct err *e)
{
    char hash[SHA256_CHARS + 1];
    struct err why;

    if (line[len - 1] != '\n')
        return refuse(v, "it was not written to its end", e);
    if (!audit_line_check(line, len - 1, v->head, hash, &why))
        return refuse(v, why.text, e);
    strcpy(v->head, hash);
    v->lines++;
    v->wanted_found |= v->wanted != NULL && strcmp(hash, v->wanted) == 0;
    return true;
}

static bool verify(struct verifying *v, struct err *e)
{
    ON_EXIT(close_file) FILE *file = fopen(v->path, "re");
    ON_EXIT(free_line) char *line = NULL;
    size_t room = 0;
    ssize_t len;

    if (file == NULL)
        return err_set(e, ERR_LOCAL, "%.200s: %s", v->path, strerror(errno));
    strcpy(v->head, audit_first_prev);
    while ((len = getline(&line, &room, file)) > 0)
        if (!line_take(v, line, (size_t)len, e))
            return false;
    if (ferror(file))
        return err_set(e, ERR_LOCAL, "%.200s: %s", v->path, strerror(errno));
    if (v->wanted == NULL || v->wanted_found)
        return true;
    return err_set(e, ERR_INVALID,
                   "%.200s: no line has the hash given by --head: lines were cut off at the end, or all is new",
                   v->path);
}

/* Without a FILE the settings tell where it is. */
static bool find_path(const struct options *options, char *path, struct err *e)
{
    struct settings settings;
    bool ok;

    if (option_word(options, 0) != NULL)
        return snprintf(path, PATH_ROOM, "%s", option_word(options, 0)) < PATH_ROOM ||
               err_set(e, ERR_CONFIG, "the path of the file is longer than %d bytes", PATH_ROOM - 1);
    if (!settings_read(options, &settings, e))
        return false;
    ok = audit_path(options, &settings, path, PATH_ROOM, e);
    settings_done(&settings);
    return ok;
}

int audit_run(const struct options *options)
{
    char path[PATH_ROOM];
    struct verifying v = {.path = path, .wanted = options->head};
    struct err e;

    if (!find_path(options, path, &e) || !verify(&v, &e))
        return exit_explain(&e);
    if (options->json)
        printf("{\"ok\":true,\"lines\":%zu,\"head\":\"%s\"}\n", v.lines, v.head);
    else
        printf(
            "%s: ok, %zu lines; the last one's hash is\n%s\n"
            "Lines cut off at the end leave no trace in the file: note this hash elsewhere, and give it as --head.\n",
            path, v.lines, v.head);
    return EXIT_SUCCESS;
}
