/* Lines of the configuration file, as they are printed. */
#ifndef WORKER_CONFIG_LINE_H
#define WORKER_CONFIG_LINE_H

#include <stdio.h>

enum { CONFIG_LINE_MAX_CHARS = 198 }; /* inih reads 200 bytes, line end and NUL among them */

/*
 * Write "key = value", or "key=value" where a line has room only for that: so
 * whatever was read of one line can be printed in one.
 */
void config_line_print(const char *key, const char *value, FILE *to);

#endif
