/* The version of both programs, once. */
#ifndef SCHEMAS_VERSION_H
#define SCHEMAS_VERSION_H

#define KEYFERRY_VERSION "0.1.0"

#endif
