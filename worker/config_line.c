#include "worker/config_line.h"

#include <string.h>

void config_line_print(const char *key, const char *value, FILE *to)
{
    const char *equals = strlen(key) + strlen(" = ") + strlen(value) <= CONFIG_LINE_MAX_CHARS ? " = " : "=";

    fprintf(to, "%s%s%s\n", key, equals, value);
}
