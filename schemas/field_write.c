#include "schemas/field.h"

static bool has_text(const void *member)
{
    return *(const char *)member != '\0';
}

static bool has_whole(const void *member)
{
    return *(const int64_t *)member != 0;
}

static bool has_bool(const void *member)
{
    return *(const bool *)member;
}

static bool has_choice(const void *member)
{
    return *(const enum choice *)member != UNSAID;
}

static bool has_bytes(const void *member)
{
    return *(const uint16_t *)member != 0;
}

static bool has_texts(const void *member)
{
    return ((const struct text_list *)member)->count != 0;
}

static void encode_text(const void *member, struct writer *w)
{
    writer_text(w, member);
}

static void encode_whole(const void *member, struct writer *w)
{
    writer_whole(w, *(const int64_t *)member);
}

static void encode_bool(const void *member, struct writer *w)
{
    writer_bool(w, *(const bool *)member);
}

static void encode_choice(const void *member, struct writer *w)
{
    writer_bool(w, *(const enum choice *)member == YES);
}

static void encode_bytes(const void *member, struct writer *w)
{
    writer_bytes(w, (const uint8_t *)member + offsetof(struct dek, data), *(const uint16_t *)member);
}

static void encode_texts(const void *member, struct writer *w)
{
    const struct text_list *list = member;

    writer_list(w, list->count);
    for (size_t i = 0; i < list->count; i++)
        writer_text(w, list->texts[i]);
}

static bool has_findings(const void *member)
{
    return ((const struct finding_list *)member)->count != 0;
}

static void encode_findings(const void *member, struct writer *w)
{
    const struct finding_list *list = member;

    writer_list(w, list->count);
    for (size_t i = 0; i < list->count; i++) {
        writer_map(w, 3);
        writer_key(w, "what"), writer_text(w, list->at[i].what);
        writer_key(w, "secretUuid"), writer_text(w, list->at[i].secret_uuid.text);
        writer_key(w, "since"), writer_whole(w, list->at[i].since_ms);
    }
}

static const struct {
    bool (*is_set)(const void *member);
    void (*encode)(const void *member, struct writer *w);
} types[] = {
    /* clang-format off */
    [FIELD_TEXT]   = {has_text,   encode_text},
    [FIELD_UUID]   = {has_text,   encode_text},
    [FIELD_WHOLE]  = {has_whole,  encode_whole},
    [FIELD_BOOL]   = {has_bool,   encode_bool},
    [FIELD_CHOICE] = {has_choice, encode_choice},
    [FIELD_BYTES]  = {has_bytes,  encode_bytes},
    [FIELD_TEXTS]  = {has_texts,  encode_texts},
    [FIELD_FINDINGS] = {has_findings, encode_findings},
    /* clang-format on */
};

static const void *member_of(const struct field *f, const void *message)
{
    return (const char *)message + f->offset;
}

bool field_is_set(const struct field *f, const void *message)
{
    return f->size != 0 && types[f->type].is_set(member_of(f, message));
}

void field_encode(const struct field *f, const void *message, struct writer *w)
{
    writer_key(w, f->name);
    types[f->type].encode(member_of(f, message), w);
}
