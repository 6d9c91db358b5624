/* The version of both programs, once. */
#ifndef SCHEMAS_VERSION_H
#define SCHEMAS_VERSION_H

#define KEYFERRY_VERSION "0.1.0"

/* Behind what is not known here. */
#define NOT_KNOWN_HERE " in Keyferry " KEYFERRY_VERSION ": its sender may be newer"

#endif
