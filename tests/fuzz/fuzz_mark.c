/*
 * Any text as the description of a secret that libvirt holds: what was read of it
 * is written, and read again the same. As libvirt's XML it comes back the same, too.
 */
#include "tests/fuzz/fuzz.h"

#include "handlers/hv_xml.h"
#include "handlers/mark.h"
#include "schemas/text.h"

static void check_words(const struct mark *mark)
{
    const char *const words[] = {mark->key_name, mark->digest, mark->by, mark->migration_id, mark->peer, mark->leaving};

    for (size_t i = 0; i < COUNT(words); i++)
        MUST(strpbrk(words[i], " ;") == NULL);
    MUST((mark->key_name[0] == '\0') == (mark->digest[0] == '\0'));
    MUST(!mark_is_provisional(mark) || (mark->migration_id[0] != '\0' && !mark->confirmed));
}

static void check_round_trip(const struct mark *mark)
{
    char written[MARK_MAX_BYTES + 1];
    struct mark again;

    mark_write(mark, written);
    MUST(strlen(written) < MARK_MAX_BYTES);
    mark_read(written, &again);
    MUST(strcmp(mark->key_name, again.key_name) == 0 && strcmp(mark->digest, again.digest) == 0);
    MUST(strcmp(mark->by, again.by) == 0 && strcmp(mark->migration_id, again.migration_id) == 0);
    MUST(strcmp(mark->peer, again.peer) == 0 && strcmp(mark->leaving, again.leaving) == 0);
    MUST(mark->confirmed == again.confirmed && strcmp(mark->text, again.text) == 0);
}

static void check_xml(const struct mark *mark)
{
    struct hv_secret secret = {.uuid = {"11111111-1111-4111-8111-111111111111"}, .usage_id = "x"}, again = {0};
    char *xml;

    mark_write(mark, secret.description);
    if (!text_is_plain(secret.description, strlen(secret.description)))
        return; /* XML has no such characters, and no request can bring one */
    xml = secret_xml_write(&secret);
    MUST(xml != NULL && secret_xml_read(xml, &again) && again.is_ours_in_form);
    MUST(strcmp(secret.description, again.description) == 0);
    free(xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = input_text(data, size);
    struct mark mark;

    memset(&mark, 0xee, sizeof(mark));
    mark_read(text, &mark);
    check_words(&mark);
    check_round_trip(&mark);
    check_xml(&mark);
    free(text);
    return 0;
}
