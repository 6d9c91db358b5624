#include "schemas/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schemas/text.h"

static const struct {
    const char *code;
    const char *meaning;
    bool retryable;
    enum fate fate;
} kinds[] = {
#define X(kind, code, meaning, retryable, fate) [kind] = {code, meaning, retryable, fate},
    ERR_KINDS(X)
#undef X
};

static const char *const effects[] = {
    [EFFECT_NONE] = "none",
    [EFFECT_DONE] = "done",
    [EFFECT_UNKNOWN] = "unknown",
};

/* Longer text is cut off between two characters. */
static void text_format(struct err *e, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

static void text_format(struct err *e, const char *fmt, va_list args)
{
    char whole[sizeof(e->text) + 4]; /* room to see whether the last character was cut */

    vsnprintf(whole, sizeof(whole), fmt, args);
    text_copy_clean(e->text, sizeof(e->text), whole, strlen(whole));
}

static void err_begin(struct err *e, enum err_kind kind)
{
    *e = (struct err){.kind = kind, .retryable = kinds[kind].retryable};
    text_copy(e->code, sizeof(e->code), kinds[kind].code);
}

bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    struct err new;
    va_list args;

    err_begin(&new, kind);
    va_start(args, fmt);
    text_format(&new, fmt, args);
    va_end(args);
    *e = new;
    return false;
}

bool err_field(struct err *e, enum err_kind kind, const char *field, const char *fmt, ...)
{
    struct err new;
    va_list args;

    err_begin(&new, kind);
    text_copy_clean(new.field, sizeof(new.field), field, strlen(field));
    va_start(args, fmt);
    text_format(&new, fmt, args);
    va_end(args);
    *e = new;
    return false;
}

static enum err_kind kind_of(const char *code)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (code[0] != '\0' && strcmp(kinds[i].code, code) == 0)
            return (enum err_kind)i;
    return ERR_FOREIGN;
}

bool err_from_wire(struct err *e, const char *code, const char *details, bool retryable)
{
    struct err new;

    err_set(&new, kind_of(code), "%s", details);
    text_copy_clean(new.code, sizeof(new.code), code, strlen(code));
    new.retryable = retryable;
    *e = new;
    return false;
}

const char *err_meaning(const struct err *e)
{
    return kinds[e->code[0] == '\0' ? e->kind : kind_of(e->code)].meaning;
}

enum fate err_fate(const struct err *e)
{
    return kinds[e->kind].fate;
}

const char *effect_name(enum effect effect)
{
    return effects[effect];
}

enum effect effect_from_name(const char *name)
{
    for (size_t i = 0; i < COUNT(effects); i++)
        if (strcmp(effects[i], name) == 0)
            return (enum effect)i;
    return EFFECT_UNKNOWN;
}
