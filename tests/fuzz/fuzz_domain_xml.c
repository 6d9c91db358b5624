/* Any bytes as the XML that libvirt gives, of which a tenant may have written a part. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "handlers/hv_xml.h"

static const struct uuid wanted = {"11111111-1111-4111-8111-111111111111"};

static void check_tpm(const char *xml)
{
    struct hv_tpm tpm;
    bool live, named;

    if (!domain_xml_tpm(xml, &live, &tpm))
        return;
    MUST(tpm.present || !tpm.encrypted);
    MUST(tpm.encrypted == uuid_is_set(&tpm.secret_uuid));
    if (tpm.encrypted) /* so a domain whose TPM we would unlock always counts as naming the secret */
        MUST(domain_xml_names(xml, &tpm.secret_uuid, NULL, &named) && named);
}

static void check_names(const char *xml)
{
    bool by_uuid, by_either;

    if (!domain_xml_names(xml, &wanted, NULL, &by_uuid))
        return;
    MUST(domain_xml_names(xml, &wanted, "keyferry/vtpm/x", &by_either));
    MUST(by_either || !by_uuid);
}

/* What was read of a secret is read again from what we write of it. */
static void check_secret(const char *xml)
{
    struct hv_secret secret = {.uuid = wanted, .usage_id = "x"}, again = {0};
    char *written;

    if (!secret_xml_read(xml, &secret))
        return;
    written = secret_xml_write(&secret);
    MUST(written != NULL && secret_xml_read(written, &again));
    MUST(strcmp(secret.description, again.description) == 0 && again.is_ours_in_form);
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *xml = malloc(size + 1);

    if (size > 0)
        memcpy(xml, data, size);
    xml[size] = '\0';
    check_tpm(xml);
    check_names(xml);
    check_secret(xml);
    free(xml);
    return 0;
}
