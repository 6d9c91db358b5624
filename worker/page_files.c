#include "worker/page_files.h"

#include <string.h>

/* The assembler brings them in; the Makefile knows that this file depends on them. */
#define FILE_HERE(name, path)                                                                                          \
    extern const char page_##name##_begin[], page_##name##_end[];                                                      \
    __asm__(".pushsection .rodata\n"                                                                                   \
            "page_" #name "_begin: .incbin \"" path "\"\n"                                                             \
            "page_" #name "_end: .byte 0\n"                                                                            \
            ".popsection\n")

FILE_HERE(css, "worker/page/page.css");
FILE_HERE(js, "worker/page/page.js");
FILE_HERE(icon, "worker/page/icon.svg");

static const struct page_file files[] = {
    {"/page.css", "text/css; charset=utf-8", page_css_begin, page_css_end},
    {"/page.js", "text/javascript; charset=utf-8", page_js_begin, page_js_end},
    {"/icon.svg", "image/svg+xml", page_icon_begin, page_icon_end},
};

const struct page_file *page_file_find(const char *path)
{
    for (size_t i = 0; i < COUNT(files); i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    return NULL;
}
