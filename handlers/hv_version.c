#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>

#include "handlers/hv_keeper.h"

/* libvirt's one number: 9.0.0 is 9000000. */
static struct hv_release release_of(unsigned long number)
{
    return (struct hv_release){(unsigned)(number / 1000000), (unsigned)(number / 1000 % 1000),
                               (unsigned)(number % 1000)};
}

bool hv_version(struct hv *hv, struct hv_version *out, struct err *e)
{
    struct link *link = link_borrow(hv, e);
    unsigned long daemon = 0, client = 0;
    const char *driver;
    bool ok;

    if (link == NULL)
        return false;
    driver = virConnectGetType(link->conn);
    ok = driver != NULL && virConnectGetLibVersion(link->conn, &daemon) == 0 && virGetVersion(&client, NULL, NULL) == 0;
    if (ok) {
        *out = (struct hv_version){.daemon = release_of(daemon), .client = release_of(client)};
        snprintf(out->driver, sizeof(out->driver), "%s", driver);
    } else {
        err_set(e, ERR_HYPERVISOR_AWAY, "libvirt does not tell its version: %s", virGetLastErrorMessage());
    }
    link_return(hv, link, ok ? NULL : e->text);
    return ok;
}
