#include "bare.h"

#include "bench.h"

void bare_define(virConnectPtr hv, const char *vm, const void *dek, size_t dek_len, char uuid[37])
{
    char xml[512];
    virSecretPtr secret;

    snprintf(xml, sizeof(xml),
             "<secret ephemeral='yes' private='yes'><description>bench</description>"
             "<usage type='vtpm'><name>keyferry/vtpm/%s/tpm0/v1</name></usage></secret>",
             vm);
    secret = virSecretDefineXML(hv, xml, 0);
    if (secret == NULL || virSecretSetValue(secret, dek, dek_len, 0) < 0)
        DIE("libvirt refused %s", vm);
    virSecretGetUUIDString(secret, uuid);
    virSecretFree(secret);
}
