#include "handlers/handlers.h"

#include <string.h>

#include "handlers/work.h"

static const struct handler *const handlers[] = {
    &define_handler,          &get_handler,         &delete_handler,       &resolve_handler,   &host_key_get_handler,
    &host_key_rotate_handler, &pre_migrate_handler, &post_migrate_handler, &reconcile_handler, &capabilities_handler,
};

const struct handler *handler_at(size_t index)
{
    return index < COUNT(handlers) ? handlers[index] : NULL;
}

const struct handler *handler_find(const char *name)
{
    for (size_t i = 0; i < COUNT(handlers); i++)
        if (strcmp(handlers[i]->message->name, name) == 0)
            return handlers[i];
    return NULL;
}
