#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schemas/harden.h"

enum { RUN = 4 }; /* so many secret bytes side by side are no accident */

/* Tiny ones, such as the thread cache keeps, others of its, and those of each other kind of bin; then by mmap(). */
static const size_t sizes[] = {24, 40, 100, 1000, 1032, 5000, 70000, 200000};

static void fill(void *memory, size_t len)
{
    memset(memory, 0xa5, len);
}

/* What was freed is read as the kernel has it: no longer ours, it may not be touched otherwise. */
static size_t secret_bytes_at(uintptr_t address, size_t len)
{
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    uint8_t *copy = calloc(1, len + RUN);
    ssize_t got = pread(fd, copy, len, (off_t)address);
    size_t found = 0;

    for (ssize_t i = 0; i < got; i++)
        found += memcmp(copy + i, "\xa5\xa5\xa5\xa5", RUN) == 0;
    explicit_bzero(copy, len);
    free(copy);
    close(fd);
    return found;
}

/* An address, without the pointer from which the compiler knows that it was freed. */
static uintptr_t address_of(const volatile void *memory)
{
    return (uintptr_t)memory;
}

/* All the room there is, of which the compiler knows less. */
static void fill_at(uintptr_t address, size_t room)
{
    for (size_t i = 0; i < room; i++)
        ((volatile uint8_t *)address)[i] = 0xa5;
}

static void what_is_still_in_use_would_be_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        void *memory = malloc(sizes[i]);

        fill(memory, sizes[i]);
        assert_int_equal(secret_bytes_at(address_of(memory), sizes[i]), sizes[i] - RUN + 1);
        free(memory);
    }
}

static void *free_one_of_each(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        void *memory = malloc(sizes[i]);
        size_t room = malloc_usable_size(memory);
        uintptr_t address = address_of(memory);

        fill_at(address, room);
        free(memory);
        assert_int_equal(secret_bytes_at(address, room), 0);
    }
    return NULL;
}

static void what_is_freed_is_wiped(void **state)
{
    (void)state;
    free_one_of_each(NULL);
}

static void in_every_thread(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, free_one_of_each, NULL), 0);
    pthread_join(thread, NULL);
}

static void what_grows_keeps_its_bytes_and_leaves_none_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *memory = malloc(sizes[i]);
        uintptr_t address = address_of(memory);

        fill(memory, sizes[i]);
        memory = realloc(memory, 3 * sizes[i]);
        assert_int_equal(secret_bytes_at(address_of(memory), sizes[i]), sizes[i] - RUN + 1);
        if (address_of(memory) != address)
            assert_int_equal(secret_bytes_at(address, sizes[i]), 0);
        memory = reallocarray(memory, 12, sizes[i]);
        assert_int_equal(secret_bytes_at(address_of(memory), sizes[i]), sizes[i] - RUN + 1);
        free(memory);
    }
}

static void what_shrinks_keeps_its_first_bytes_and_leaves_none_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *memory = malloc(sizes[i]);
        size_t kept = sizes[i] / 2, room = malloc_usable_size(memory);
        uintptr_t address = address_of(memory);

        fill_at(address, room);
        memory = realloc(memory, kept);
        assert_int_equal(secret_bytes_at(address_of(memory), kept), kept - RUN + 1);
        assert_int_equal(secret_bytes_at(address + kept, room - kept), 0);
        free(memory);
    }
}

static void what_came_aligned_is_wiped_as_well(void **state)
{
    void *memory = NULL;
    uintptr_t address;

    (void)state;
    assert_int_equal(posix_memalign(&memory, 256, 600), 0);
    address = address_of(memory);
    fill(memory, 600);
    free(memory);
    assert_int_equal(secret_bytes_at(address, 600), 0);
}

static void realloc_is_still_realloc(void **state)
{
    char *memory = realloc(NULL, 10);

    (void)state;
    assert_non_null(memory);
    assert_null(realloc(memory, 0)); /* glibc's: freed */
    free(NULL);
}

static void what_cannot_grow_stays_as_it_is(void **state)
{
    char *memory = strdup("unchanged"), *grown = realloc(memory, PTRDIFF_MAX);

    (void)state;
    assert_null(grown);
    if (grown == NULL)
        assert_string_equal(memory, "unchanged");
    free(grown == NULL ? memory : grown);
}

/* Their code was linked long ago: that it comes here is the dynamic linker's doing. */
static void what_libraries_free_is_wiped(void **state)
{
    char text[200];
    struct evbuffer *buffer = evbuffer_new();
    uintptr_t address;

    (void)state;
    fill(text, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';

    evbuffer_add(buffer, text, sizeof(text));
    address = address_of(evbuffer_pullup(buffer, -1));
    assert_int_not_equal(secret_bytes_at(address, sizeof(text)), 0);
    evbuffer_free(buffer);
    assert_int_equal(secret_bytes_at(address, sizeof(text)), 0);

    json_t *string = json_stringn_nocheck(text, sizeof(text));
    address = address_of(json_string_value(string));
    assert_int_not_equal(secret_bytes_at(address, sizeof(text)), 0);
    json_decref(string);
    assert_int_equal(secret_bytes_at(address, sizeof(text)), 0);
}

static const char *home_of(const char *function)
{
    Dl_info info;

    return dladdr(dlsym(RTLD_DEFAULT, function), &info) != 0 ? info.dli_fname : "";
}

enum { LEFT_BYTES = 4096 };

/* Leave something on the stack, `deeper` bytes below the caller; gives where. */
__attribute__((noinline)) static uintptr_t leave_on_stack(size_t deeper)
{
    uint8_t left[LEFT_BYTES];
    uintptr_t address = address_of(left);

    fill_at(address, sizeof(left));
    return deeper < LEFT_BYTES ? address : leave_on_stack(deeper - LEFT_BYTES);
}

static void what_was_left_on_the_stack_is_wiped(void **state)
{
    (void)state;
    for (size_t deeper = 0; deeper + 2 * LEFT_BYTES <= STACK_WIPED_BYTES; deeper += LEFT_BYTES) {
        uintptr_t address = leave_on_stack(deeper);

        assert_int_not_equal(secret_bytes_at(address, LEFT_BYTES), 0);
        address = leave_on_stack(deeper);
        stack_wipe();
        assert_int_equal(secret_bytes_at(address, LEFT_BYTES), 0);
    }
}

static void a_sanitizer_keeps_its_own_heap(void **state)
{
    (void)state;
    assert_non_null(strstr(home_of("free"), "san.so"));
    assert_non_null(strstr(home_of("realloc"), "san.so"));
}

static void everyone_gets_this_programs_functions(void **state)
{
    static const char *const functions[] = {"malloc", "calloc", "realloc", "free"};
    Dl_info ours;

    (void)state;
    assert_int_not_equal(dladdr(&heap_wipes, &ours), 0);
    for (size_t i = 0; i < COUNT(functions); i++)
        assert_string_equal(home_of(functions[i]), ours.dli_fname);
}

/* In a child, since there is no way back. */
static void leaves_no_core_and_lets_nobody_look(void **state)
{
    int status = 0;
    pid_t child = fork();
    struct rlimit limit;

    (void)state;
    if (child == 0) {
        process_harden();
        getrlimit(RLIMIT_CORE, &limit);
        _exit(limit.rlim_cur != 0 || limit.rlim_max != 0 || prctl(PR_GET_DUMPABLE) != !heap_wipes);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest always[] = {
        cmocka_unit_test(what_is_still_in_use_would_be_found),
        cmocka_unit_test(realloc_is_still_realloc),
        cmocka_unit_test(leaves_no_core_and_lets_nobody_look),
    };
    const struct CMUnitTest wiping[] = {
        cmocka_unit_test(what_is_freed_is_wiped),
        cmocka_unit_test(in_every_thread),
        cmocka_unit_test(what_grows_keeps_its_bytes_and_leaves_none_behind),
        cmocka_unit_test(what_shrinks_keeps_its_first_bytes_and_leaves_none_behind),
        cmocka_unit_test(what_cannot_grow_stays_as_it_is),
        cmocka_unit_test(what_came_aligned_is_wiped_as_well),
        cmocka_unit_test(what_libraries_free_is_wiped),
        cmocka_unit_test(what_was_left_on_the_stack_is_wiped),
        cmocka_unit_test(everyone_gets_this_programs_functions),
    };
    const struct CMUnitTest sanitized[] = {cmocka_unit_test(a_sanitizer_keeps_its_own_heap)};
    int failed = cmocka_run_group_tests_name("harden", always, NULL, NULL);

    return failed + (heap_wipes ? cmocka_run_group_tests_name("harden, a heap that wipes", wiping, NULL, NULL)
                                : cmocka_run_group_tests_name("harden, under a sanitizer", sanitized, NULL, NULL));
}
