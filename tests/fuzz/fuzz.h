/* What a fuzzer is: libFuzzer calls it, or replay_main.c with the corpus. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert(), in every build. */
#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

/* An input that is used up from its front; what is not there reads as zero. */
struct input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t input_byte(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

/* Up to `len` bytes; *got of them are there. */
static inline const uint8_t *input_bytes(struct input *in, size_t len, size_t *got)
{
    const uint8_t *at = in->at;

    *got = len < in->left ? len : in->left;
    in->at += *got;
    in->left -= *got;
    return at;
}

/* A copy as a string, to be free()d: of exactly its size, so that ASan sees a step too far. It ends at its first NUL. */
static inline char *input_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    MUST(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

#endif
