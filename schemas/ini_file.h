/* Files of sections and "key = value" lines, as inih reads them, but for what it would pass over or cut without a word. */
#ifndef SCHEMAS_INI_FILE_H
#define SCHEMAS_INI_FILE_H

#include "schemas/err.h"

enum { INI_TEXT_MAX = 256 }; /* bytes of a section's name or of a key, NUL included */

/*
 * What is told of a file, in its order. Each may refuse, with ERR_CONFIG and what is
 * wrong; after one nothing more is told. `section` is "" before the first.
 */
struct ini_reader {
    bool (*section)(void *arg, const char *name, int line, struct err *e);
    bool (*key)(void *arg, const char *section, const char *key, const char *value, struct err *e);
    void *arg;
};

/*
 * Read `path` to its end or the first thing wrong. Fails with ERR_CONFIG; the text
 * begins with "<path>:<line>: ", or "<path>: " if the file cannot be opened.
 */
MUST_CHECK bool ini_file_read(const char *path, const struct ini_reader *reader, struct err *e);

#endif
