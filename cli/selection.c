#include "cli/selection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool selection_is_empty(const struct selection *s)
{
    return !uuid_is_set(&s->host) && s->code == NULL && s->older_than_ms == 0 && s->newer_than_ms == 0 &&
           s->id_count == 0;
}

bool duration_read(const char *text, int64_t *ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    const int64_t most = INT64_C(3650) * 86400000;
    char *end;

    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno != 0 || end == text || n < 1 || n > most || text[0] == ' ')
        return false;
    for (size_t i = 0; i < COUNT(units); i++)
        if (end[0] == units[i].unit && end[1] == '\0' && n <= most / units[i].ms) {
            *ms = n * units[i].ms;
            return true;
        }
    return false;
}

bool selection_add_id(struct selection *s, const char *id)
{
    if (s->id_count == SELECTED_IDS_MAX)
        return false;
    s->ids[s->id_count++] = id;
    return true;
}

static bool fits_id(struct selection *s, const struct letter *letter)
{
    bool fits = s->id_count == 0;

    for (size_t i = 0; i < s->id_count; i++)
        if (strcmp(s->ids[i], letter->ref) == 0 || (letter->id[0] != '\0' && strcmp(s->ids[i], letter->id) == 0))
            s->id_found[i] = fits = true;
    return fits;
}

static bool fits_age(const struct selection *s, const struct letter *letter, int64_t now_ms)
{
    int64_t age_ms = now_ms - letter->dead_ms;

    if (s->older_than_ms == 0 && s->newer_than_ms == 0)
        return true;
    return letter->dead_ms != 0 && (s->older_than_ms == 0 || age_ms > s->older_than_ms) &&
           (s->newer_than_ms == 0 || age_ms < s->newer_than_ms);
}

bool selection_fits(struct selection *s, const struct letter *letter, int64_t now_ms)
{
    bool fits_host = !uuid_is_set(&s->host) || uuid_equal(&s->host, &letter->host);
    bool fits_code = s->code == NULL || strcmp(s->code, letter->code) == 0;

    return fits_host && fits_code && fits_age(s, letter, now_ms) && fits_id(s, letter);
}

const char *selection_missing(const struct selection *s)
{
    for (size_t i = 0; i < s->id_count; i++)
        if (!s->id_found[i])
            return s->ids[i];
    return NULL;
}

static void add(char *out, size_t room, const char *option, const char *value)
{
    size_t used = strlen(out);

    snprintf(out + used, room - used, "%s--%s %s", used > 0 ? " " : "", option, value);
}

static void add_age(char *out, size_t room, const char *option, int64_t ms)
{
    char seconds[32];

    snprintf(seconds, sizeof(seconds), "%" PRId64 "s", ms / 1000);
    if (ms != 0)
        add(out, room, option, seconds);
}

void selection_words(const struct selection *s, char *out, size_t room)
{
    out[0] = '\0';
    if (selection_is_empty(s))
        snprintf(out, room, "--all");
    if (uuid_is_set(&s->host))
        add(out, room, "host", s->host.text);
    if (s->code != NULL)
        add(out, room, "code", s->code);
    add_age(out, room, "older-than", s->older_than_ms);
    add_age(out, room, "newer-than", s->newer_than_ms);
    for (size_t i = 0; i < s->id_count; i++)
        add(out, room, "id", s->ids[i]);
}
