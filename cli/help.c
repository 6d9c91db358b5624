#include "cli/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/writer.h"

enum { OPTION_COLUMN = 26, WIDTH = 100 };

static bool is_general(const struct cli_option *o)
{
    return o->with == UINT32_MAX;
}

/* A text behind a column, in as many lines as it needs. */
static void print_wrapped(const char *text, size_t column)
{
    size_t room = WIDTH - column;

    while (strlen(text) > room) {
        size_t len = room;
        while (len > 0 && text[len] != ' ')
            len--;
        if (len == 0)
            break;
        printf("%.*s\n%*s", (int)len, text, (int)column, "");
        text += len + 1;
    }
    puts(text);
}

static void print_option(const struct cli_option *o)
{
    char left[OPTION_COLUMN + 40];
    int len =
        snprintf(left, sizeof(left), "  %c%c%s--%s %s", o->letter != 0 ? '-' : ' ', o->letter != 0 ? o->letter : ' ',
                 o->letter != 0 ? ", " : "  ", o->name, o->argument != NULL ? o->argument : "");

    if (len >= OPTION_COLUMN)
        printf("%s\n%*s", left, OPTION_COLUMN, "");
    else
        printf("%-*s", OPTION_COLUMN, left);
    print_wrapped(o->help, OPTION_COLUMN);
}

static void print_indented(const char *lines)
{
    for (size_t len; *lines != '\0'; lines += len + (lines[len] == '\n')) {
        len = strcspn(lines, "\n");
        printf("  %.*s\n", (int)len, lines);
    }
}

static void print_command(const struct command *c)
{
    char title[40], left[60];

    command_title(c, title, sizeof(title));
    snprintf(left, sizeof(left), "%s %s", title, c->arguments);
    printf("  %-22s %s\n", left, c->help);
}

static void print_general(void)
{
    puts("\nOptions of all commands:");
    for (size_t i = 0; i < cli_option_count; i++)
        if (is_general(&cli_options[i]))
            print_option(&cli_options[i]);
}

int help_all(void)
{
    puts("Usage: keyferry [-c FILE | --url URL] [--json] [--timeout MS] COMMAND [OPTION ...]\n"
         "\n"
         "Asks Keyferry workers over the broker, and prints what they answer.\n"
         "`keyferry COMMAND --help` tells more of one, with examples.\n"
         "\n"
         "Commands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        print_command(&commands[i]);
    puts("\nOptions of commands:");
    for (size_t i = 0; i < cli_option_count; i++)
        if (!is_general(&cli_options[i]))
            print_option(&cli_options[i]);
    print_general();
    puts("\nExit status:");
    print_indented(exit_statuses);
    puts("\nColours are for terminals alone, and not where NO_COLOR is set.");
    return EXIT_SUCCESS;
}

static const struct field *field_of(const struct command *c, const char *name)
{
    for (size_t i = 0; c->message != NULL && i < c->message->request->count; i++)
        if (strcmp(c->message->request->fields[i].name, name) == 0)
            return &c->message->request->fields[i];
    return NULL;
}

/* Without it the message is refused: nothing stands in for it, as --src does for --host. A define's DEK has two fields. */
static bool is_needed(const struct cli_option *o, const struct command *c)
{
    const struct field *f = o->field != NULL ? field_of(c, o->field) : NULL;

    if (strcmp(o->name, "dek-file") == 0)
        return c == &commands[COMMAND_DEFINE];
    if (strcmp(o->name, "host") == 0)
        return c == &commands[COMMAND_BENCH] || (f != NULL && field_of(c, "srcHostUuid") == NULL);
    return f != NULL && f->presence == REQUIRED && o->preset == NULL;
}

static void print_usage(const struct command *c)
{
    char title[40];

    command_title(c, title, sizeof(title));
    printf("Usage: keyferry %s%s%s", title, c->arguments[0] != '\0' ? " " : "", c->arguments);
    for (size_t i = 0; i < cli_option_count; i++)
        if (is_needed(&cli_options[i], c))
            printf(" --%s %s", cli_options[i].name, cli_options[i].argument);
    puts(" [OPTION ...]\n");
}

int help_command(const struct command *c)
{
    bool any = false;

    print_usage(c);
    printf("%c%s.\n%s%s", c->help[0] - 'a' + 'A', c->help + 1, c->about[0] != '\0' ? "\n" : "", c->about);
    for (size_t i = 0; i < cli_option_count; i++)
        if (!is_general(&cli_options[i]) && option_goes_with(&cli_options[i], c)) {
            fputs(any ? "" : "\nOptions:\n", stdout);
            any = true;
            print_option(&cli_options[i]);
        }
    print_general();
    puts("\nExamples:");
    print_indented(c->examples);
    return EXIT_SUCCESS;
}

int help_family(const char *name)
{
    printf("Usage: keyferry %s WORD [OPTION ...]\n\n", name);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            print_command(&commands[i]);
    printf("\n`keyferry %s WORD --help` tells more of one.\n", name);
    return EXIT_SUCCESS;
}

/* ---- for programs ---- */

static void pair(struct writer *w, const char *key, const char *text)
{
    writer_key(w, key), writer_text(w, text != NULL ? text : "");
}

static void write_option(struct writer *w, const struct cli_option *o)
{
    size_t count = 0;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        count += option_goes_with(o, &commands[i]);
    writer_map(w, 7);
    pair(w, "name", o->name);
    pair(w, "letter", (const char[]){o->letter, '\0'});
    pair(w, "argument", o->argument);
    pair(w, "choices", o->choices);
    pair(w, "help", o->help);
    writer_key(w, "isGeneral"), writer_bool(w, is_general(o));
    writer_key(w, "commands"), writer_list(w, is_general(o) ? 0 : count);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char title[40];
        command_title(&commands[i], title, sizeof(title));
        if (!is_general(o) && option_goes_with(o, &commands[i]))
            writer_text(w, title);
    }
}

static void write_command(struct writer *w, const struct command *c)
{
    char title[40];

    command_title(c, title, sizeof(title));
    writer_map(w, 6);
    pair(w, "name", title);
    pair(w, "arguments", c->arguments);
    pair(w, "message", c->message != NULL ? c->message->name : NULL);
    pair(w, "help", c->help);
    pair(w, "about", c->about);
    pair(w, "examples", c->examples);
}

int help_json(void)
{
    struct writer *w = writer_new(ENCODING_JSON);
    struct bytes text = {0};
    struct err e;

    if (w == NULL)
        return EXIT_FAILURE;
    writer_map(w, 3);
    writer_key(w, "commands"), writer_list(w, COMMAND_COUNT);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        write_command(w, &commands[i]);
    writer_key(w, "options"), writer_list(w, cli_option_count);
    for (size_t i = 0; i < cli_option_count; i++)
        write_option(w, &cli_options[i]);
    pair(w, "exitStatus", exit_statuses);
    if (!writer_finish(w, &text, &e))
        return EXIT_FAILURE;
    printf("%.*s\n", (int)text.len, (const char *)text.data);
    bytes_free(&text);
    return EXIT_SUCCESS;
}
