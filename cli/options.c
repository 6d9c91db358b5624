#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/help.h"
#include "schemas/version.h"

#define OF_MANY_HOSTS (1U << COMMAND_STATUS | 1U << COMMAND_QUEUES)

enum {
    DEFAULT_TIMEOUT_MS = 30000,
    FIRST_VALUE = 256 /* of getopt_long(): an option's place in the table comes on top */
};

static bool has_field(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return true;
    return false;
}

static bool is_field_of(const struct cli_option *option, const struct command *command)
{
    return option->field != NULL && command->message != NULL && has_field(command->message->request, option->field);
}

bool option_goes_with(const struct cli_option *option, const struct command *command)
{
    return is_field_of(option, command) || (option->with >> (command - commands) & 1) != 0;
}

const char *option_field(size_t index, const char **option)
{
    if (index >= cli_option_count)
        return NULL;
    *option = cli_options[index].name;
    return cli_options[index].field != NULL ? cli_options[index].field : "";
}

const char *option_word(const struct options *o, size_t index)
{
    return index < o->word_count ? o->words[index] : NULL;
}

/* ---- what is given ---- */

static void list_options(struct option list[CLI_OPTIONS_MAX + 1], char letters[2 * CLI_OPTIONS_MAX])
{
    for (size_t i = 0; i < cli_option_count; i++) {
        const struct cli_option *o = &cli_options[i];
        int has_argument = o->argument != NULL ? required_argument : no_argument;

        list[i] = (struct option){o->name, has_argument, NULL, o->letter != 0 ? o->letter : FIRST_VALUE + (int)i};
        if (o->letter != 0)
            letters = stpcpy(letters, (const char[]){o->letter, o->argument != NULL ? ':' : '\0', '\0'});
    }
    list[cli_option_count] = (struct option){0};
    *letters = '\0';
}

/* The place of the option that getopt knows by this value, or the count. */
static size_t place_of_value(int value)
{
    if (value >= FIRST_VALUE)
        return (size_t)(value - FIRST_VALUE);
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].letter != 0 && cli_options[i].letter == value)
            return i;
    return cli_option_count;
}

/*
 * Nothing of what was given but the option's name is repeated: it may be a key that does
 * not belong there. Of a letter that is none getopt has not passed by what was given, but
 * only of such a one does it keep a value that no option has.
 */
static void complain(int found, const char *given)
{
    int name = (int)strcspn(given, "=");

    if (found == ':')
        fprintf(stderr, "keyferry: %.*s needs an argument\n", name, given);
    else if (found == '?' && optopt != 0 && place_of_value(optopt) == cli_option_count)
        fprintf(stderr, "keyferry: -%c is not an option; --help lists them\n", optopt);
    else
        fprintf(stderr, "keyferry: %.*s is not an option, or has no argument; --help lists them\n", name, given);
}

/* getopt_long() takes the beginning of a name for the whole, so that --dek would be --dek-file. */
static bool is_whole(const char *given, const char *name)
{
    return strcspn(given, "=") == strlen("--") + strlen(name);
}

/* The place of what getopt found (in `list` where it is a long one, else `taken` is -1), or the count, and that was said. */
static size_t place_of(int found, int taken, const struct option *list, char **argv)
{
    const char *given = argv[optind - (optarg != NULL && optarg == argv[optind - 1] ? 2 : 1)];
    bool is_beginning = taken >= 0 && !is_whole(given, list[taken].name);
    size_t place = is_beginning ? cli_option_count : place_of_value(found);

    if (place == cli_option_count)
        complain(found, given);
    return place;
}

static bool take_option(struct options *o, size_t place, const char *text, int *status)
{
    const struct cli_option *option = &cli_options[place];

    o->given |= UINT64_C(1) << place;
    if (option->letter == 'V') {
        printf("keyferry %s\n", KEYFERRY_VERSION);
        *status = EXIT_SUCCESS;
        return false;
    }
    if (option->take != NULL)
        return option->take(o, text);
    o->values[place] = text != NULL ? text : "true";
    return true;
}

/* ---- what stands behind ---- */

static const struct command *find_command(const char *name, const char *word)
{
    const struct command *c = command_find(name, word);

    if (c != NULL)
        return c;
    if (!command_has_words(name)) {
        fprintf(stderr, "keyferry: '%s' is not a command of this version; --help lists them\n", name);
        return NULL;
    }
    fprintf(stderr, "keyferry: %s needs one of:", name);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            fprintf(stderr, " %s", commands[i].word);
    fputc('\n', stderr);
    return NULL;
}

static bool take_words(struct options *o, size_t count, char **words)
{
    const struct command *c = o->command;
    char title[40];

    command_title(c, title, sizeof(title));
    if (count > c->most)
        fprintf(stderr, "keyferry: '%s' is one argument too many\n", words[c->most]);
    else if (count < c->least)
        fprintf(stderr, "keyferry: %s needs %s\n", title, c->arguments);
    o->words = words;
    o->word_count = count;
    return count >= c->least && count <= c->most;
}

static bool take_command(struct options *o, size_t count, char **arguments)
{
    size_t own;

    if (count == 0) {
        fprintf(stderr, "keyferry: a command is needed; --help lists them\n");
        return false;
    }
    o->command = find_command(arguments[0], count > 1 ? arguments[1] : NULL);
    if (o->command == NULL)
        return false;
    own = o->command->word != NULL ? 2 : 1;
    return take_words(o, count - own, arguments + own);
}

static size_t place_named(const char *name)
{
    size_t i = 0;

    while (i < cli_option_count && strcmp(cli_options[i].name, name) != 0)
        i++;
    return i;
}

/* host-key asks, unless it is to change the key. */
static bool choose_message(struct options *o)
{
    bool retires = o->values[place_named("retire")] != NULL;

    if (o->rotate && retires) {
        fprintf(stderr, "keyferry: --rotate and --retire are two things: one after the other\n");
        return false;
    }
    o->message = o->rotate || retires ? &host_key_rotate_message : o->command->message;
    return true;
}

static bool all_go_with(const struct options *o)
{
    char title[40];

    command_title(o->command, title, sizeof(title));
    for (size_t i = 0; i < cli_option_count; i++)
        if ((o->given >> i & 1) != 0 && !option_goes_with(&cli_options[i], o->command)) {
            fprintf(stderr, "keyferry: --%s is not an option of %s\n", cli_options[i].name, title);
            return false;
        }
    return true;
}

/* --src stands in for --host: a migration is asked of its source. */
static bool settle_host(struct options *o)
{
    bool is_field = o->message != NULL, may_be_many = (OF_MANY_HOSTS >> (o->command - commands) & 1) != 0;

    if (o->host_count > 1 && !may_be_many) {
        fprintf(stderr, "keyferry: one --host only\n");
        return false;
    }
    if (is_field)
        o->values[place_named("host")] = o->host_count > 0 ? o->host_texts[0] : o->values[place_named("src")];
    for (size_t i = 0; !is_field && i < o->host_count; i++)
        if (!uuid_parse(o->host_texts[i], strlen(o->host_texts[i]), &o->hosts[i])) {
            fprintf(stderr, "keyferry: --host must be a host's UUID\n");
            return false;
        }
    if (o->host_count == 1 && !is_field)
        o->selection.host = o->hosts[0];
    return true;
}

static void default_values(struct options *o)
{
    for (size_t i = 0; i < cli_option_count; i++)
        if (o->values[i] == NULL && is_field_of(&cli_options[i], o->command))
            o->values[i] = cli_options[i].preset;
}

static bool take_all(struct options *o, size_t count, char **arguments)
{
    if (!take_command(o, count, arguments) || !choose_message(o) || !all_go_with(o) || !settle_host(o))
        return false;
    default_values(o);
    if (o->timeout_ms == 0)
        o->timeout_ms = o->command->timeout_ms != 0 ? o->command->timeout_ms : DEFAULT_TIMEOUT_MS;
    return true;
}

/* --help may stand anywhere; the command, if one is named, is what it is about. */
static int help(const struct options *o, int count, char **arguments)
{
    const struct command *c = count > 0 ? command_find(arguments[0], count > 1 ? arguments[1] : NULL) : NULL;

    if (o->json)
        return help_json();
    if (c != NULL)
        return help_command(c);
    return count > 0 && command_has_words(arguments[0]) ? help_family(arguments[0]) : help_all();
}

bool options_read(int argc, char **argv, struct options *out, int *status)
{
    struct option list[CLI_OPTIONS_MAX + 1];
    char letters[2 * CLI_OPTIONS_MAX + 1] = ":";
    int found, taken = -1;

    *out = (struct options){.timeout_ms = 0};
    *status = EXIT_USAGE;
    list_options(list, letters + 1);
    for (; (found = getopt_long(argc, argv, letters, list, &taken)) != -1; taken = -1) {
        size_t place = place_of(found, taken, list, argv);
        if (place == cli_option_count || !take_option(out, place, optarg, status))
            return false;
    }
    if (!out->help)
        return take_all(out, (size_t)(argc - optind), argv + optind);
    *status = help(out, argc - optind, argv + optind);
    return false;
}
