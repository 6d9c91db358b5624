#include "fake_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "handlers/handlers.h"

/* `tail`: "-wal" or "-shm" of what SQLite has beside it. */
static const char *ledger_path(const struct fake_host *fake, const char *tail)
{
    static char path[64];

    snprintf(path, sizeof(path), "%s/ledger.db%s", fake->folder, tail);
    return path;
}

static bool open_keys(struct fake_host *fake, struct err *e)
{
    const struct uuid host = fake_uuid(HOST_A);

    strcpy(fake->folder, "/tmp/keyferry-fake-XXXXXX");
    fake->host.keys = &fake->keys;
    return vault_open(2, &fake->vault, e) && mkdtemp(fake->folder) != NULL &&
           host_keys_open(fake->folder, NULL, &host, fake->vault, &fake->keys, e) &&
           ledger_open(ledger_path(fake, ""), &fake->ledger, e);
}

int fake_host_open(void **state)
{
    struct fake_host *fake = calloc(1, sizeof(*fake));
    struct err e;

    if (fake == NULL || !hv_open("", NULL, NULL, &fake->host.hv, &e) || !open_keys(fake, &e))
        return -1;
    memset(fake->digest_key.bytes, 7, sizeof(fake->digest_key.bytes));
    digest_key_name(&fake->digest_key);
    fake->host.uuid = fake_uuid(HOST_A);
    fake->host.digest_key = &fake->digest_key;
    fake->host.accepts_clear_deks = true;
    fake->host.plaintext_dek = "loopback";
    fake->now_ms = 1000000;
    *state = fake;
    return 0;
}

int fake_host_close(void **state)
{
    struct fake_host *fake = *state;

    hv_close(fake->host.hv);
    vault_close(fake->vault);
    ledger_close(fake->ledger);
    unlink(fake->keys.path);
    unlink(ledger_path(fake, "-wal"));
    unlink(ledger_path(fake, "-shm"));
    unlink(ledger_path(fake, ""));
    rmdir(fake->folder);
    free(fake);
    return 0;
}

struct uuid fake_uuid(const char *text)
{
    struct uuid uuid = {0};

    strcpy(uuid.text, text);
    return uuid;
}

struct dek fake_dek(uint8_t fill)
{
    struct dek dek = {.len = 32};

    memset(dek.data, fill, dek.len);
    return dek;
}

struct addressed fake_address(const char *host_uuid)
{
    struct addressed to = {.host_uuid = fake_uuid(host_uuid), .key = {.vm_uuid = fake_uuid(VM), .key_version = 1}};

    strcpy(to.key.purpose, "vtpm");
    strcpy(to.key.usage_instance, "tpm0");
    return to;
}

/* As the worker's recorder does. */
static void apply_record(struct fake_host *fake)
{
    struct record *record = &fake->work.record;
    struct err e;

    for (size_t i = 0; i < record->change_count; i++) {
        const struct secret_row *row = &record->changes[i].row;
        bool ok = record->changes[i].is_removed ? secret_row_remove(fake->ledger, &row->host, &row->uuid, &e)
                                                : secret_row_write(fake->ledger, row, &e);
        if (!ok)
            fail_msg("%s", e.text);
    }
    record->change_count = 0;
}

enum work_state fake_advance(struct fake_host *fake)
{
    enum work_state state;

    fake->work.now_ms = fake->now_ms;
    state = work_advance(&fake->work);

    while (state == WORK_RECORDING) {
        apply_record(fake);
        fake->recordings++;
        state = work_advance(&fake->work);
    }
    if (state == WORK_DONE)
        apply_record(fake);
    return state;
}

enum work_state fake_begin(struct fake_host *fake, const struct handler *handler, const void *request)
{
    memset(fake->notes, 0, sizeof(fake->notes));
    fake->recordings = 0;
    fake->work = (struct work){
        .handler = handler,
        .host = &fake->host,
        .ledger = fake->ledger,
        .id = "request-1",
        .peer = fake->peer,
        .request = request,
        .notes = handler->notes_bytes > 0 ? fake->notes : NULL,
    };
    return fake_advance(fake);
}

static enum work_state go_on(struct fake_host *fake, enum work_state state)
{
    for (int i = 0; state == WORK_AWAY && i < 20; i++)
        state = fake_advance(fake);
    return state;
}

enum work_state fake_run(struct fake_host *fake, const struct handler *handler, const void *request)
{
    return go_on(fake, fake_begin(fake, handler, request));
}

enum work_state fake_answered(struct fake_host *fake, const struct err *failure)
{
    fake->work.call.failed = failure != NULL;
    if (failure != NULL)
        fake->work.call.err = *failure;
    return go_on(fake, fake_advance(fake));
}

void fake_define(struct fake_host *fake, const char *secret_uuid, const char *migration_id, uint8_t fill)
{
    struct define_request request = {
        .to = fake_address(HOST_A),
        .secret_uuid = fake_uuid(secret_uuid),
        .dek = fake_dek(fill),
    };

    strcpy(request.migration_id, migration_id);
    assert_int_equal(fake_run(fake, &define_handler, &request), WORK_DONE);
    if (fake->work.failed)
        fail_msg("%s", fake->work.err.text);
}

struct mark fake_mark(struct fake_host *fake, const char *secret_uuid)
{
    const struct fake_secret *secret = fake_secret_at(fake->host.hv, secret_uuid);
    struct mark mark;

    assert_non_null(secret);
    mark_read(secret->secret.description, &mark);
    return mark;
}

void fake_mark_set(struct fake_host *fake, const char *secret_uuid, const struct mark *mark)
{
    struct fake_secret *secret = fake_secret_at(fake->host.hv, secret_uuid);

    assert_non_null(secret);
    mark_write(mark, secret->secret.description);
}

void fake_forget(struct fake_host *fake)
{
    struct secret_row row;
    bool found = true;
    struct err e;

    while (found) {
        if (!secret_row_next(fake->ledger, &fake->host.uuid, NULL, &row, &found, &e) ||
            (found && !secret_row_remove(fake->ledger, &row.host, &row.uuid, &e)))
            fail_msg("%s", e.text);
    }
}

const struct secret_row *fake_kept(struct fake_host *fake)
{
    static struct secret_row row;
    const struct addressed to = fake_address(HOST_A);
    bool found;
    struct err e;

    if (!secret_row_find(fake->ledger, &fake->host.uuid, &to.key, &row, &found, &e))
        fail_msg("%s", e.text);
    return found ? &row : NULL;
}
