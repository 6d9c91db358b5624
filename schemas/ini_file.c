#include "schemas/ini_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

static const char blanks[] = " \t\n\v\f\r"; /* as inih has them */

struct reading {
    const struct ini_reader *reader;
    FILE *file;
    int line;  /* of the last line read */
    int error; /* errno, of what could not be read */
    int bad_line;
    bool is_indented;       /* the last line read: it goes on with the key before it, if there is one */
    char key[INI_TEXT_MAX]; /* the last one of the section, in full; "": none yet */
    struct err err;         /* the first */
};

static bool refuse(struct reading *r, const struct err *why)
{
    if (r->bad_line == 0) {
        r->bad_line = r->line;
        r->err = *why;
    }
    return false;
}

/* Nothing, or a comment. */
static bool is_comment(const char *text)
{
    text += strspn(text, blanks);
    return *text == '\0' || *text == ';' || *text == '#';
}

static bool section_begin(struct reading *r, const char *line)
{
    char name[INI_TEXT_MAX] = "";
    struct err e;

    if (r->is_indented) { /* inih would take it for more of the key before it */
        err_set(&e, ERR_CONFIG, "a section must begin at the beginning of its line");
        return refuse(r, &e);
    }
    if (sscanf(line, "[%255[^]]", name) != 1 || strchr(line, ']') == NULL) {
        err_set(&e, ERR_CONFIG, "unknown section [%.60s]", name);
        return refuse(r, &e);
    }
    if (!is_comment(strchr(line, ']') + 1)) { /* inih passes over it */
        err_set(&e, ERR_CONFIG, "nothing may follow [%.60s] in its line", name);
        return refuse(r, &e);
    }
    r->key[0] = '\0';
    return r->reader->section(r->reader->arg, name, r->line, &e) || refuse(r, &e);
}

/* inih's reader: a line at a time, with a look at what inih tells nobody: sections, and lines it would cut. */
static char *read_line(char *text, int room, void *arg)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf"; /* inih passes over it */
    struct reading *r = arg;
    char *got = fgets(text, room, r->file), *start = text;
    struct err e;

    if (got == NULL) {
        r->error = ferror(r->file) ? errno : 0;
        return NULL;
    }
    r->line++;
    if (strchr(text, '\n') == NULL && !feof(r->file)) {
        err_set(&e, ERR_CONFIG, "the line is longer than %d characters", room - 2);
        refuse(r, &e);
    }
    if (r->line == 1 && strncmp(text, byte_order_mark, strlen(byte_order_mark)) == 0)
        start += strlen(byte_order_mark);
    r->is_indented = isspace((unsigned char)*start);
    start += strspn(start, blanks);
    if (*start == '[' && r->bad_line == 0)
        section_begin(r, start);
    return got;
}

/* inih keeps 49 characters of a key for the lines that go on with it: they must not become another's. */
static bool note_key(struct reading *r, const char *key, struct err *e)
{
    if (r->is_indented && r->key[0] != '\0' && strcmp(r->key, key) != 0)
        return err_set(e, ERR_CONFIG, "%.40s... is too long to go on in another line: name it again", key);
    snprintf(r->key, sizeof(r->key), "%s", key);
    return true;
}

static bool check_value(const char *key, const char *value, struct err *e)
{
    return value[0] != ';' || err_set(e, ERR_CONFIG, "%.60s: a comment needs a blank before its ';'", key);
}

static int on_key(void *arg, const char *section, const char *key, const char *value)
{
    struct reading *r = arg;
    struct err e;

    if (r->bad_line != 0) /* inih goes on */
        return 0;
    if (note_key(r, key, &e) && check_value(key, value, &e) && r->reader->key(r->reader->arg, section, key, value, &e))
        return 1;
    refuse(r, &e);
    return 0;
}

bool ini_file_read(const char *path, const struct ini_reader *reader, struct err *e)
{
    struct reading r = {.reader = reader, .file = fopen(path, "re")};
    int bad;

    if (r.file == NULL)
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    bad = ini_parse_stream(read_line, &r, on_key, &r);
    fclose(r.file);
    if (r.error != 0)
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(r.error));
    if (r.bad_line == 0 && bad == 0)
        return true;
    if (r.bad_line == 0) {
        r.bad_line = bad;
        err_set(&r.err, ERR_CONFIG, "neither a section, nor 'key = value', nor a comment");
    }
    return err_set(e, ERR_CONFIG, "%s:%d: %s", path, r.bad_line, r.err.text);
}
