/* The files of worker/page, as they were when this was built. */
#ifndef WORKER_PAGE_FILES_H
#define WORKER_PAGE_FILES_H

#include "schemas/base.h"

struct page_file {
    const char *path; /* of the request */
    const char *type; /* its Content-Type */
    const char *begin, *end;
};

/* The one for the path, or NULL. */
const struct page_file *page_file_find(const char *path);

#endif
