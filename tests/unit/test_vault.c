#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schemas/vault.h"

enum { SLOTS = 3 };

static int open_vault(void **state)
{
    struct vault *vault;
    struct err e;

    if (!vault_open(SLOTS, &vault, &e))
        return -1;
    *state = vault;
    return 0;
}

static int close_vault(void **state)
{
    vault_close(*state);
    return 0;
}

static bool is_zero(const uint8_t *slot)
{
    for (size_t i = 0; i < VAULT_SLOT_BYTES; i++)
        if (slot[i] != 0)
            return false;
    return true;
}

static void gives_as_many_slots_as_it_has(void **state)
{
    void *slots[SLOTS];

    for (size_t i = 0; i < SLOTS; i++) {
        slots[i] = vault_take(*state);
        assert_non_null(slots[i]);
        assert_true(is_zero(slots[i]));
        memset(slots[i], (int)i + 1, VAULT_SLOT_BYTES);
    }
    assert_null(vault_take(*state));
    for (size_t i = 0; i < SLOTS; i++) {
        assert_int_equal(((uint8_t *)slots[i])[VAULT_SLOT_BYTES - 1], i + 1);
        vault_give(*state, slots[i]);
    }
}

static void a_slot_given_back_is_wiped_at_once(void **state)
{
    uint8_t *slot = vault_take(*state);

    memset(slot, 0xaa, VAULT_SLOT_BYTES);
    vault_give(*state, slot);
    assert_true(is_zero(slot));
    vault_give(*state, NULL);
}

static void slots_are_aligned_for_any_struct(void **state)
{
    void *slot = vault_take(*state);

    assert_int_equal((uintptr_t)slot % _Alignof(max_align_t), 0);
    vault_give(*state, slot);
}

static void *take_and_give(void *vault)
{
    for (int i = 0; i < 1000; i++) {
        uint8_t *slot = vault_take(vault);

        if (slot == NULL)
            continue;
        slot[0]++;
        if (slot[0] != 1)
            return slot;
        vault_give(vault, slot);
    }
    return NULL;
}

static void any_thread_may_take_and_give(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, *state), 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *shared;

        pthread_join(threads[i], &shared);
        assert_null(shared);
    }
}

enum { NOT_BOUND = 77 }; /* the sanitizers make mlock() a call that does nothing */

/* In a child: as another user than root, whom RLIMIT_MEMLOCK does not bind. */
static int open_without_locked_memory(void)
{
    struct rlimit none = {0, 0};
    struct vault *vault = NULL;
    struct err e;

    setrlimit(RLIMIT_MEMLOCK, &none);
    if (geteuid() == 0 && setuid(65534) != 0)
        return 2;
    if (mlock(&none, 1) == 0)
        return NOT_BOUND;
    if (vault_open(64, &vault, &e))
        return 3;
    return e.kind == ERR_LOCAL && vault == NULL && strstr(e.text, "RLIMIT_MEMLOCK") != NULL &&
                   strstr(e.text, "262144") != NULL
               ? 0
               : 4;
}

static void says_so_where_memory_cannot_be_locked(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(open_without_locked_memory());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_BOUND)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_as_many_slots_as_it_has),         cmocka_unit_test(a_slot_given_back_is_wiped_at_once),
        cmocka_unit_test(slots_are_aligned_for_any_struct),      cmocka_unit_test(any_thread_may_take_and_give),
        cmocka_unit_test(says_so_where_memory_cannot_be_locked),
    };

    return cmocka_run_group_tests_name("vault", tests, open_vault, close_vault);
}
