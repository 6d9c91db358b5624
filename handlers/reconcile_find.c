/* Of HostReconcileMsg: what does not fit together. It only reads, but for the ledger's notes of since when. */
#include <stdlib.h>
#include <string.h>

#include "handlers/kept.h"
#include "handlers/reconcile_parts.h"

/* All that domains name. */
struct names {
    struct uuid *uuids;
    char (*usages)[USAGE_ID_MAX_CHARS + 1];
    size_t uuid_count, uuid_room, usage_count, usage_room;
    bool is_short; /* of memory */
};

struct scan {
    struct work *work;
    struct names names;
    struct uuid *secrets; /* libvirt's, in order */
    size_t secret_count;
    struct suspects found;
};

static void scan_done(struct scan *scan)
{
    free(scan->names.uuids);
    free(scan->names.usages);
    free(scan->secrets);
    free(scan->found.at);
}

/* The list with room for one more, or NULL: then it is as it was. */
static void *with_room(void *at, size_t count, size_t *room, size_t bytes)
{
    size_t wanted = *room == 0 ? 64 : 2 * *room;
    void *grown;

    if (count < *room)
        return at;
    grown = reallocarray(at, wanted, bytes);
    if (grown != NULL)
        *room = wanted;
    return grown;
}

static bool uuid_add(struct names *n, const struct uuid *uuid)
{
    struct uuid *uuids = with_room(n->uuids, n->uuid_count, &n->uuid_room, sizeof(*n->uuids));

    if (uuids == NULL)
        return false;
    n->uuids = uuids;
    n->uuids[n->uuid_count++] = *uuid;
    return true;
}

static bool usage_add(struct names *n, const char *usage_id)
{
    char(*usages)[USAGE_ID_MAX_CHARS + 1];

    if (strlen(usage_id) > USAGE_ID_MAX_CHARS)
        return true; /* not one of ours */
    usages = with_room(n->usages, n->usage_count, &n->usage_room, sizeof(*n->usages));
    if (usages == NULL)
        return false;
    n->usages = usages;
    strcpy(n->usages[n->usage_count++], usage_id);
    return true;
}

static void name_add(void *arg, const struct uuid *uuid, const char *usage_id)
{
    struct names *n = arg;

    if (!(uuid != NULL ? uuid_add(n, uuid) : usage_add(n, usage_id)))
        n->is_short = true;
}

static int texts_order(const void *a, const void *b)
{
    return strcmp(a, b); /* a struct uuid begins with its text */
}

static bool is_in(const void *text, const void *list, size_t count, size_t bytes)
{
    return count > 0 && bsearch(text, list, count, bytes, texts_order) != NULL;
}

static bool is_named(const struct scan *scan, const struct hv_secret *secret)
{
    const struct names *n = &scan->names;

    return is_in(secret->uuid.text, n->uuids, n->uuid_count, sizeof(*n->uuids)) ||
           is_in(secret->usage_id, n->usages, n->usage_count, sizeof(*n->usages));
}

static bool suspects_make_room(struct suspects *s, struct err *e)
{
    struct suspect *at = with_room(s->at, s->count, &s->room, sizeof(*s->at));

    if (at == NULL)
        return err_set(e, ERR_LOCAL, "out of memory for what was found");
    s->at = at;
    return true;
}

static bool suspect_add(struct scan *scan, enum suspicion kind, const struct uuid *uuid, const struct secret_key *key,
                        struct err *e)
{
    struct suspects *s = &scan->found;
    struct suspect *one;

    if (!suspects_make_room(s, e))
        return false;
    one = &s->at[s->count++];
    memset(one, 0, sizeof(*one));
    one->kind = kind;
    one->uuid = *uuid;
    one->key = *key;
    return true;
}

/* One that libvirt has and whose usage id is ours. */
static bool secret_judge(struct scan *scan, const struct hv_secret *secret, struct err *e)
{
    const struct work *work = scan->work;
    struct secret_key key = {.vm_uuid = {""}};
    struct secret_row row = {.lease_until_ms = 0};
    struct mark mark;
    bool found;

    if (!secret_row_get(work->ledger, &work->host->uuid, &secret->uuid, &row, &found, e))
        return false;
    if (!secret_key_parse(secret->usage_id, &key) || !secret_is(secret, &key))
        return suspect_add(scan, SUSPECT_WRONG_USAGE, &secret->uuid, &key, e);
    if (found && row.state != SECRET_ACTIVE)
        return true; /* rows_judge() */
    if (!found && !suspect_add(scan, SUSPECT_NOT_IN_LEDGER, &secret->uuid, &key, e))
        return false;
    mark_read(secret->description, &mark);
    return is_named(scan, secret) || row.lease_until_ms != 0 || mark.until_ms != 0 ||
           suspect_add(scan, SUSPECT_ORPHAN, &secret->uuid, &key, e);
}

static bool secrets_judge(struct scan *scan, struct err *e)
{
    struct hv_secret secret;

    for (size_t i = 0; i < scan->secret_count; i++) {
        if (!hv_secret_by_uuid(scan->work->host->hv, &scan->secrets[i], &secret, e)) {
            if (e->kind != ERR_NOT_FOUND)
                return false;
            continue; /* it went meanwhile */
        }
        if (strncmp(secret.usage_id, KEYFERRY_USAGE_PREFIX, strlen(KEYFERRY_USAGE_PREFIX)) == 0 &&
            !secret_judge(scan, &secret, e))
            return false;
    }
    return true;
}

static bool row_judge(struct scan *scan, const struct secret_row *row, struct err *e)
{
    bool is_there = is_in(row->uuid.text, scan->secrets, scan->secret_count, sizeof(*scan->secrets));

    if (row->state == SECRET_ACTIVE)
        return is_there || suspect_add(scan, SUSPECT_NOT_IN_LIBVIRT, &row->uuid, &row->key, e);
    if (row->changed_ms > scan->work->now_ms - BEGUN_GRACE_MS)
        return true;
    return suspect_add(scan, SUSPECT_VALUELESS, &row->uuid, &row->key, e);
}

static bool rows_judge(struct scan *scan, struct err *e)
{
    const struct work *work = scan->work;
    struct uuid after = {0};
    struct secret_row row;
    bool found = true;

    for (;;) {
        if (!secret_row_next(work->ledger, &work->host->uuid, &after, &row, &found, e))
            return false;
        if (!found)
            return true;
        if (!row_judge(scan, &row, e))
            return false;
        after = row.uuid;
    }
}

/* In one transaction: since when each is so. What has been mended meanwhile begins anew, should it come again. */
static bool suspects_note(struct scan *scan, struct err *e)
{
    const struct work *work = scan->work;

    for (size_t i = 0; i < scan->found.count; i++) {
        struct suspect *s = &scan->found.at[i];

        if (!finding_note(work->ledger, &work->host->uuid, &s->uuid, suspicion_name(s->kind), work->now_ms,
                          &s->since_ms, &s->is_told, e))
            return false;
    }
    return findings_forget(work->ledger, &work->host->uuid, work->now_ms, e);
}

/* Not named yet, or not any more, is no orphan yet. */
static void young_orphans_drop(struct scan *scan)
{
    struct suspects *s = &scan->found;
    size_t kept = 0;

    for (size_t i = 0; i < s->count; i++)
        if (s->at[i].kind != SUSPECT_ORPHAN || scan->work->now_ms - s->at[i].since_ms >= ORPHAN_GRACE_MS)
            s->at[kept++] = s->at[i];
    s->count = kept;
}

static int suspects_order(const void *a, const void *b)
{
    return strcmp(((const struct suspect *)a)->uuid.text, ((const struct suspect *)b)->uuid.text);
}

/* The secrets first: one that is made meanwhile is not missed in either. */
static bool look(struct scan *scan, struct err *e)
{
    struct hv *hv = scan->work->host->hv;
    struct names *n = &scan->names;

    if (!hv_secret_list(hv, &scan->secrets, &scan->secret_count, e) || !hv_named_each(hv, name_add, n, e))
        return false;
    if (n->is_short)
        return err_set(e, ERR_LOCAL, "out of memory for what domains name");
    if (scan->secret_count > 0)
        qsort(scan->secrets, scan->secret_count, sizeof(*scan->secrets), texts_order);
    if (n->uuid_count > 0)
        qsort(n->uuids, n->uuid_count, sizeof(*n->uuids), texts_order);
    if (n->usage_count > 0)
        qsort(n->usages, n->usage_count, sizeof(*n->usages), texts_order);
    return secrets_judge(scan, e) && rows_judge(scan, e);
}

bool suspects_find(struct work *work, struct suspects *out, struct err *e)
{
    ON_EXIT(scan_done) struct scan scan = {.work = work};

    if (!look(&scan, e))
        return false;
    if (!ledger_begin(work->ledger, e) || !suspects_note(&scan, e) || !ledger_commit(work->ledger, e)) {
        ledger_rollback(work->ledger);
        return false;
    }
    young_orphans_drop(&scan);
    if (scan.found.count > 0)
        qsort(scan.found.at, scan.found.count, sizeof(*scan.found.at), suspects_order);
    *out = scan.found;
    scan.found = (struct suspects){0};
    return true;
}

const char *suspicion_name(enum suspicion kind)
{
    static const char *const names[] = {
        [SUSPECT_ORPHAN] = "orphan",
        [SUSPECT_VALUELESS] = "valueless",
        [SUSPECT_WRONG_USAGE] = "wrong-usage",
        [SUSPECT_NOT_IN_LIBVIRT] = "not-in-libvirt",
        [SUSPECT_NOT_IN_LEDGER] = "not-in-ledger",
    };

    return names[kind];
}
