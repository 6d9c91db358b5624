#include "cli/completion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/options.h"

static bool is_file(const struct cli_option *o)
{
    return o->argument != NULL && strcmp(o->argument, "FILE") == 0;
}

/* True for the first command of that name. */
static bool is_first(size_t command)
{
    return command == 0 || strcmp(commands[command - 1].name, commands[command].name) != 0;
}

static void put_names(bool (*is_meant)(const struct cli_option *o))
{
    for (size_t i = 0; i < cli_option_count; i++) {
        if (!is_meant(&cli_options[i]))
            continue;
        printf("|--%s", cli_options[i].name);
        if (cli_options[i].letter != 0)
            printf("|-%c", cli_options[i].letter);
    }
}

static bool has_argument(const struct cli_option *o)
{
    return o->argument != NULL;
}

/* ---- bash ---- */

static void bash_values(void)
{
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].choices != NULL)
            printf("    --%s) words='%s' ;;\n", cli_options[i].name, cli_options[i].choices);
    fputs("    ''", stdout);
    put_names(is_file);
    puts(") compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;");
    fputs("    ''", stdout);
    put_names(has_argument);
    puts(") return ;;");
}

static void bash_command(const struct command *c)
{
    printf("    '%s%s%s') words='%s", c->name, c->word != NULL ? " " : "", c->word != NULL ? c->word : "",
           c->choices != NULL ? c->choices : "");
    for (size_t i = 0; i < cli_option_count; i++)
        if (option_goes_with(&cli_options[i], c))
            printf(" --%s", cli_options[i].name);
    puts("' ;;");
}

static void bash_words(void)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        bash_command(&commands[i]);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].word == NULL)
            continue;
        if (is_first(i))
            printf("    '%s') words='", commands[i].name);
        printf("%s ", commands[i].word);
        if (i + 1 == COMMAND_COUNT || is_first(i + 1))
            puts("' ;;");
    }
    fputs("    '') words='", stdout);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (is_first(i))
            printf("%s ", commands[i].name);
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].with == UINT32_MAX)
            printf("--%s ", cli_options[i].name);
    puts("' ;;");
}

static void bash_families(void)
{
    fputs("        ''", stdout);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i].word != NULL && is_first(i))
            printf("|%s", commands[i].name);
}

/* The command is the first word that is no option and no option's argument; of some the next one belongs to it. */
static int bash(void)
{
    puts("# bash completion of keyferry: `keyferry completion bash` made it.\n"
         "_keyferry() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words= i word\n"
         "    COMPREPLY=()\n"
         "    case $prev in");
    bash_values();
    puts("    esac\n"
         "    if [ -z \"$words\" ]; then\n"
         "        for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "            word=${COMP_WORDS[i]}\n"
         "            case $word in");
    fputs("            ''", stdout);
    put_names(has_argument);
    puts(") i=$((i + 1)); continue ;;\n"
         "            -*) continue ;;\n"
         "            esac\n"
         "            case $command in");
    fputs("    ", stdout);
    bash_families();
    puts(") command=\"${command:+$command }$word\" ;;\n"
         "            esac\n"
         "        done\n"
         "        case $command in");
    bash_words();
    puts("    send|'audit verify') compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
         "        esac\n"
         "    fi\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "}\n"
         "complete -F _keyferry keyferry");
    return EXIT_SUCCESS;
}

/* zsh can read bash's. */
static int zsh(void)
{
    puts("#compdef keyferry\nautoload -U +X bashcompinit && bashcompinit");
    return bash();
}

/* ---- fish ---- */

/* fish quotes by ' and takes \ and ' escaped within. */
static void put_quoted(const char *text)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void fish_option(const struct cli_option *o)
{
    fputs("complete -c keyferry", stdout);
    if (o->with != UINT32_MAX) {
        fputs(" -n '__fish_seen_subcommand_from", stdout);
        for (size_t i = 0; i < COMMAND_COUNT; i++)
            if (option_goes_with(o, &commands[i]))
                printf(" %s", commands[i].word != NULL ? commands[i].word : commands[i].name);
        putchar('\'');
    }
    printf(" -l %s", o->name);
    if (o->letter != 0)
        printf(" -s %c", o->letter);
    fputs(o->argument == NULL ? "" : is_file(o) ? " -r -F" : " -x", stdout);
    if (o->choices != NULL) {
        fputs(" -a ", stdout);
        put_quoted(o->choices);
    }
    fputs(" -d ", stdout);
    put_quoted(o->help);
    putchar('\n');
}

static void fish_word(const char *condition, const char *word, const char *help)
{
    printf("complete -c keyferry -n '%s' -a %s", condition, word);
    if (help != NULL) {
        fputs(" -d ", stdout);
        put_quoted(help);
    }
    putchar('\n');
}

static int fish(void)
{
    char condition[96];

    puts("# fish completion of keyferry: `keyferry completion fish` made it.\ncomplete -c keyferry -f");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &commands[i];
        if (is_first(i))
            fish_word("__fish_use_subcommand", c->name, c->word == NULL ? c->help : NULL);
        snprintf(condition, sizeof(condition), "__fish_seen_subcommand_from %s", c->name);
        if (c->word != NULL)
            fish_word(condition, c->word, c->help);
        if (strstr(c->arguments, "FILE") != NULL)
            printf("complete -c keyferry -n '__fish_seen_subcommand_from %s' -F\n",
                   c->word != NULL ? c->word : c->name);
        if (c->choices != NULL)
            printf("complete -c keyferry -n '%s' -a '%s'\n", condition, c->choices);
    }
    for (size_t i = 0; i < cli_option_count; i++)
        fish_option(&cli_options[i]);
    return EXIT_SUCCESS;
}

int completion_run(const struct options *options)
{
    static const struct {
        const char *name;
        int (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

    for (size_t i = 0; i < COUNT(shells); i++)
        if (strcmp(option_word(options, 0), shells[i].name) == 0)
            return shells[i].print();
    fprintf(stderr, "keyferry: there is completion for bash, zsh and fish\n");
    return EXIT_USAGE;
}
