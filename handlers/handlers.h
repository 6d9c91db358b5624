/* Every handler, by the name of its file. */
#ifndef HANDLERS_HANDLERS_H
#define HANDLERS_HANDLERS_H

struct handler;

extern const struct handler define_handler, get_handler, delete_handler, resolve_handler, host_key_get_handler,
    host_key_rotate_handler, pre_migrate_handler, post_migrate_handler, reconcile_handler, capabilities_handler;

#endif
