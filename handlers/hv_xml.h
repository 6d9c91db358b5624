/*
 * libvirt's XML, both ways. Pure: text in, text out; no libvirt, no network, no
 * file. What is read may hold anything that a tenant could get into a domain's
 * metadata: a document type (and with it every entity) is refused, and libxml2's
 * own limits on depth, size and amplification hold.
 */
#ifndef HANDLERS_HV_XML_H
#define HANDLERS_HV_XML_H

#include "handlers/hv.h"

/* The definition of an ephemeral, private secret. NULL: out of memory, or a text that is not UTF-8. To be free()d. */
char *secret_xml_write(const struct hv_secret *secret);

/*
 * The four below fail where `xml` is not the well-formed description that it
 * should be; *out is then untouched.
 */

/* Sets out->description and out->is_ours_in_form. */
MUST_CHECK bool secret_xml_read(const char *xml, struct hv_secret *out);

/* True in *out if any attribute is this UUID, in any of its forms, or one called "usage" is `usage_id` (NULL: none). */
MUST_CHECK bool domain_xml_names(const char *xml, const struct uuid *uuid, const char *usage_id, bool *out);

/* All of them: hv_named_each(). */
MUST_CHECK bool domain_xml_each_name(const char *xml, hv_name *tell, void *arg);

/* The TPM, and whether the domain is live: only then libvirt gives it an id. */
MUST_CHECK bool domain_xml_tpm(const char *xml, bool *live, struct hv_tpm *out);

#endif
