#include "schemas/harden.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#endif

void process_harden(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
#ifndef IS_SANITIZED /* its leak check attaches to the process */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

__attribute__((noinline)) void stack_wipe(void)
{
    uint8_t below[STACK_WIPED_BYTES];

    explicit_bzero(below, sizeof(below));
}

#ifdef IS_SANITIZED

const bool heap_wipes = false;

#else

const bool heap_wipes = true;

/*
 * These four are what a program must define to replace malloc (The GNU C Library
 * Reference Manual 3.2.5, "Replacing malloc"); the linker exports them, and all
 * libraries come here. The work stays with glibc, by the names it exports for that.
 * What it allocates by other names (aligned_alloc() and its like, reallocarray())
 * ends in this free() or goes through this realloc(), too.
 */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

void *malloc(size_t size)
{
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return __libc_calloc(count, size);
}

void free(void *memory)
{
    if (memory != NULL)
        explicit_bzero(memory, malloc_usable_size(memory));
    __libc_free(memory);
}

/* glibc would free the old place by itself, and not wipe it. */
static void *move(void *memory, size_t used, size_t size)
{
    void *fresh = __libc_malloc(size);

    if (fresh == NULL)
        return NULL;
    memcpy(fresh, memory, used);
    free(memory);
    return fresh;
}

void *realloc(void *memory, size_t size)
{
    size_t room = memory != NULL ? malloc_usable_size(memory) : 0;

    if (memory == NULL || size > room)
        return memory == NULL ? __libc_malloc(size) : move(memory, room, size);
    explicit_bzero((char *)memory + size, room - size);
    return __libc_realloc(memory, size); /* to less: it stays where it is */
}

#endif
