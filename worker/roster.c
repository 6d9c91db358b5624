#include "worker/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct named {
    const char *name;
    size_t queue;
};

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct named *)left)->name, ((const struct named *)right)->name);
}

/* A chain: of what came before, and the next name. */
static void digest_on(char digest[DIGEST_CHARS + 1], const char *name)
{
    char text[DIGEST_CHARS + SHORTSTR_MAX_CHARS + 1];

    snprintf(text, sizeof(text), "%s%s", digest, name);
    digest_name(text, digest);
}

static void order_queues(struct roster *r, struct named *sorted)
{
    for (size_t i = 0; i < r->queue_count; i++)
        sorted[i] = (struct named){r->queues[i], i};
    qsort(sorted, r->queue_count, sizeof(*sorted), by_name);
    for (size_t i = 0; i < r->queue_count; i++) {
        r->order[i] = sorted[i].queue;
        r->place_of[sorted[i].queue] = i;
        digest_on(r->digest, sorted[i].name);
    }
}

bool roster_init(struct roster *r, const char *name, const char *const *queues, size_t queue_count, struct err *e)
{
    struct named *sorted = calloc(queue_count + 1, sizeof(*sorted));

    *r = (struct roster){.name = name, .queues = queues, .queue_count = queue_count};
    r->order = calloc(queue_count + 1, sizeof(*r->order));
    r->place_of = calloc(queue_count + 1, sizeof(*r->place_of));
    r->placing = calloc(queue_count + 1, sizeof(*r->placing));
    if (sorted == NULL || r->order == NULL || r->place_of == NULL || r->placing == NULL) {
        free(sorted);
        return err_set(e, ERR_LOCAL, "out of memory");
    }
    order_queues(r, sorted);
    free(sorted);
    roster_place(r);
    return true;
}

void roster_done(struct roster *r)
{
    members_done(&r->members);
    free(r->order);
    free(r->place_of);
    free(r->placing);
}

/* This worker first, and then those that share with it. */
static void name_all(const struct roster *r, const char *names[MEMBERS_MAX + 1])
{
    names[0] = r->name;
    for (size_t i = 0; i < r->sharing_count; i++)
        names[i + 1] = r->members.list[r->sharing[i]].name;
}

void roster_place(struct roster *r)
{
    const char *names[MEMBERS_MAX + 1];

    r->sharing_count = 0;
    for (size_t i = 0; i < r->members.count; i++)
        if (strcmp(r->members.list[i].queues, r->digest) == 0)
            r->sharing[r->sharing_count++] = i;
    name_all(r, names);
    placing_make(r->queues, r->queue_count, names, r->sharing_count + 1, r->placing);
}

void roster_tell(const struct roster *r, char *out, size_t size)
{
    char *at = out, *end = out + size;

    at += snprintf(at, size, r->sharing_count == 0 ? "this worker is alone" : "shared with");
    for (size_t i = 0; i < r->sharing_count && at < end; i++)
        at += snprintf(at, (size_t)(end - at), " %s", r->members.list[r->sharing[i]].name);
}

const struct member *roster_first(const struct roster *r, size_t queue)
{
    size_t first = r->placing[queue].first;

    return first == 0 ? NULL : &r->members.list[r->sharing[first - 1]];
}

bool roster_is_second(const struct roster *r, size_t queue)
{
    return r->placing[queue].second == 0;
}

bool roster_has(const struct roster *r, pid_t pid)
{
    for (size_t i = 0; i < r->members.count; i++)
        if (r->members.list[i].pid == pid)
            return true;
    return false;
}

bool roster_is_best(const struct roster *r, const char *name)
{
    const char *names[MEMBERS_MAX + 1];

    name_all(r, names);
    return placing_best(name, names, r->sharing_count + 1) == 0;
}

bool roster_is_consumed(const struct roster *r, size_t queue)
{
    for (size_t i = 0; i < r->sharing_count; i++)
        if (member_consumes(&r->members.list[r->sharing[i]], r->place_of[queue]))
            return true;
    return false;
}
