#include "schemas/base.h"

#include <stdlib.h>
#include <string.h>

void bytes_free(struct bytes *b)
{
    if (b->data != NULL)
        wipe(b->data, b->len);
    free(b->data);
    *b = (struct bytes){0};
}

void wipe(void *data, size_t len)
{
    explicit_bzero(data, len);
}
