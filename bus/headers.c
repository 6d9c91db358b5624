#include "bus/headers.h"

#include <string.h>

/* name NUL type text NUL, and so on: wire_headers_list(). */
bool header_next(const struct delivery *delivery, const char **at, struct header *out)
{
    const char *first = (const char *)delivery->body + delivery->body_bytes;

    if (*at == NULL)
        *at = first;
    if (*at >= first + delivery->headers_bytes)
        return false;
    out->name = *at;
    *at += strlen(*at) + 1;
    out->type = **at;
    out->text = *at + 1;
    *at += strlen(*at) + 1;
    return true;
}

const char *header_text(const struct delivery *delivery, const char *name)
{
    struct header header;

    for (const char *at = NULL; header_next(delivery, &at, &header);)
        if (strcmp(header.name, name) == 0)
            return header.type == HEADER_BYTES ? NULL : header.text;
    return NULL;
}
