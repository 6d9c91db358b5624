/* What the practical limit does: define a secret and set its value, with no look and no check. */
#ifndef BARE_H
#define BARE_H

#include <libvirt/libvirt.h>
#include <stddef.h>

void bare_define(virConnectPtr hv, const char *vm, const void *dek, size_t dek_len, char uuid[37]);

#endif
