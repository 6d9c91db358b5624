#include "cli/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "schemas/base64.h"

/* As JSON has them. Not those that are secret: the caller sees to that. */
static void print_bytes(const void *at)
{
    char text[2048];

    base64_write((const uint8_t *)at + offsetof(struct dek, data), *(const uint16_t *)at, text, sizeof(text));
    fputs(text, stdout);
}

void print_time(int64_t ms, char out[TIME_CHARS + 1])
{
    time_t seconds = (time_t)(ms / 1000);
    char whole[TIME_CHARS];
    struct tm utc;

    strcpy(out, "-");
    if (ms >= 0 && gmtime_r(&seconds, &utc) != NULL && strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &utc) > 0)
        snprintf(out, TIME_CHARS + 1, "%.19s.%03dZ", whole, (int)(ms % 1000));
}

/* One a line, with its time as people have it. */
static void print_findings(const struct finding_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        time_t since = (time_t)(list->at[i].since_ms / 1000);
        char when[32] = "";
        struct tm utc;

        if (gmtime_r(&since, &utc) != NULL)
            (void)!strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
        printf("%s%-14s %s since %s", i == 0 ? "" : "\n                   ", list->at[i].what,
               list->at[i].secret_uuid.text, when);
    }
    if (list->count == 0)
        fputs("nothing", stdout);
}

static void print_value(const struct field *f, const void *at)
{
    const struct uuid *uuid = at;
    const enum choice *choice = at;
    const struct text_list *list = at;

    switch (f->type) {
    case FIELD_TEXT:
        fputs(at, stdout);
        return;
    case FIELD_UUID:
        fputs(uuid->text, stdout);
        return;
    case FIELD_WHOLE:
        printf("%" PRId64, *(const int64_t *)at);
        return;
    case FIELD_BOOL:
        fputs(*(const bool *)at ? "yes" : "no", stdout);
        return;
    case FIELD_CHOICE:
        fputs(*choice == YES ? "yes" : "no", stdout);
        return;
    case FIELD_TEXTS:
        for (size_t i = 0; i < list->count; i++)
            printf("%s%s", i == 0 ? "" : " ", list->texts[i]);
        return;
    case FIELD_FINDINGS:
        print_findings(at);
        return;
    case FIELD_BYTES:
        print_bytes(at);
        return;
    case FIELD_MAP:
        return;
    }
}

void print_fields(const struct schema *schema, const void *message)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct field *f = &schema->fields[i];

        if (f->secret || !field_is_written(f, message))
            continue;
        printf("%-18s ", f->name);
        print_value(f, (const char *)message + f->offset);
        putchar('\n');
    }
}
