#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "schemas/version.h"

enum { DEFAULT_TIMEOUT_MS = 30000, GENERAL_OPTIONS_MAX = 12, OPTIONS_MAX = 48 };

_Static_assert(OPTIONS_MAX >= GENERAL_OPTIONS_MAX + ACTION_OPTIONS_MAX + FIELD_OPTIONS_MAX, "room for every option");

/* What getopt_long() returns for the options that are no field; of actions one returns ACTION + its index, of fields FIELD + its index. */
enum {
    OPTION_HELP = 'h',
    OPTION_VERSION = 'V',
    OPTION_CONFIG = 'c',
    OPTION_URL = 256,
    OPTION_JSON,
    OPTION_TIMEOUT,
    OPTION_DEK_FILE,
    OPTION_SEAL,
    OPTION_NO_SEAL,
    OPTION_ROTATE,
    ACTION,
    FIELD = ACTION + ACTION_OPTIONS_MAX
};

/* clang-format off */
static const struct {
    const char *option, *field, *preset, *argument, *help;
} fields[] = {
    { "host",           "hostUuid",      NULL,   "UUID",    "the host; by default --src, where that is given" },
    { "vm",             "vmUuid",        NULL,   "UUID",    "the VM" },
    { "purpose",        "purpose",       "vtpm", "PURPOSE", "vtpm (the default) or volume" },
    { "key-version",    "keyVersion",    NULL,   "N",       "which version of the key" },
    { "usage-instance", "usageInstance", "tpm0", "TEXT",    "tpm0 (the default) to tpm9, or volume-<uuid>" },
    { "secret-uuid",    "secretUuid",    NULL,   "UUID",    "define: the UUID wanted; delete: only if it is this one" },
    { "description",    "description",   NULL,   "TEXT",    "define: for people, at most 256 bytes" },
    { "migration-id",   "migrationId",   NULL,   "ID",      "the migration; delete: only if it made the secret" },
    { "lease",          "leaseSeconds",  NULL,   "SECONDS", "define, pre-migrate: how long it lives unless it comes to be used" },
    { "src",            "srcHostUuid",   NULL,   "UUID",    "the host a migration leaves" },
    { "dst",            "dstHostUuid",   NULL,   "UUID",    "the host it goes to" },
    { "tpm",            "tpmUuid",       NULL,   "UUID",    "pre-migrate: the TPM, for the key manager" },
    { "outcome",        "outcome",       NULL,   "OUTCOME", "post-migrate: success or failure" },
    { "force",          "force",         NULL,   NULL,      "delete: even if a running VM uses it" },
    { "retire",         "retire",        NULL,   NULL,      "host-key: forget all but the present one" },
};

static const struct command commands[] = {
    { "define",       &define_message,       "put a secret and its DEK (--dek-file) on a host" },
    { "get",          &get_message,          "the UUID of a secret on a host" },
    { "delete",       &delete_message,       "remove a secret from a host" },
    { "resolve",      &resolve_message,      "the UUID a running VM's TPM names" },
    { "host-key",     &host_key_get_message, "the public key that DEKs for a host are sealed to" },
    { "pre-migrate",  &pre_migrate_message,  "put a VM's secret on the destination before it migrates" },
    { "post-migrate", &post_migrate_message, "clean up after a migration" },
    { "reconcile",    &reconcile_message,    "compare a host's ledger, secrets and VMs, and mend what can be" },
    { "send",         NULL,                  "send a JSON envelope from FILE (- is stdin) to the host it names" },
    { "dead",         NULL,                  NULL },
    { "audit",        NULL,                  NULL },
};
/* clang-format on */

/* host-key with --rotate or --retire. */
static const struct command rotate_command = {"host-key", &host_key_rotate_message, NULL};

_Static_assert(COUNT(fields) <= FIELD_OPTIONS_MAX, "room for every field option");

const char *option_field(size_t index, const char **option)
{
    if (index >= COUNT(fields))
        return NULL;
    *option = fields[index].option;
    return fields[index].field;
}

static void print_help(void)
{
    puts("Usage: keyferry [-c FILE | --url URL] [--json] [--timeout MS] COMMAND [OPTION ...]\n"
         "\n"
         "Asks Keyferry workers over the broker, and prints what they answer.\n"
         "\n"
         "Commands:");
    for (size_t i = 0; i < COUNT(commands); i++)
        if (!actions_has(commands[i].name))
            printf("  %-22s %s\n", commands[i].name, commands[i].help);
    actions_print_commands();
    puts("\nOptions of commands:");
    for (size_t i = 0; i < COUNT(fields); i++)
        printf("  --%-15s%-8s %s\n", fields[i].option, fields[i].argument != NULL ? fields[i].argument : "",
               fields[i].help);
    actions_print_options();
    puts("  --dek-file     FILE     the DEK, as raw bytes; - is stdin\n"
         "  --seal                  seal the DEK to the host it is for, or fail; by default it goes\n"
         "                          in clear where that host has no key\n"
         "  --no-seal               send it in clear\n"
         "  --rotate                host-key: make a new one; the earlier ones go on opening\n"
         "\n"
         "General options:\n"
         "  -c, --config   FILE     take [bus] from this file (default /etc/keyferry/keyferry.conf)\n"
         "  --url          URL      the broker; KEYFERRY_BUS_PASSWORD holds a password that is not in it\n"
         "  --json                  print the reply's envelope\n"
         "  --timeout      MS       how long to wait for the reply (default 30000)\n"
         "  -V, --version\n"
         "  -h, --help\n"
         "\n"
         "What replay and drop do is recorded first, in state_dir/audit.log with -c, with\n"
         "--url in $XDG_STATE_HOME/keyferry/audit.log. A letter is sent again in the name of\n"
         "its sender, which workers believe from those whom [senders] makes operators.\n"
         "\n"
         "Exit status: 0 success; 1 the reply was an error, or not all that was meant was\n"
         "done; 2 usage; 3 no reply in time; 4 no route: nobody serves that host; 5 the broker\n"
         "could not be reached.\n"
         "\n"
         "Examples:\n"
         "  keyferry define --host $HOST --vm $VM --key-version 1 --dek-file /run/dek\n"
         "  keyferry get --host $HOST --vm $VM --key-version 1 --json\n"
         "  keyferry pre-migrate --src $A --dst $B --vm $VM --key-version 1 --tpm $TPM\n"
         "  keyferry dead list --host $HOST --newer-than 1h\n"
         "  keyferry dead replay --code delivery_limit --rate 50 --dry-run\n"
         "  keyferry dead drop --older-than 30d");
}

/* getopt's table: the general options, those of actions, then one for each field. */
static void list_options(struct option list[OPTIONS_MAX])
{
    static const struct option general[] = {
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"url", required_argument, NULL, OPTION_URL},
        {"json", no_argument, NULL, OPTION_JSON},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"dek-file", required_argument, NULL, OPTION_DEK_FILE},
        {"seal", no_argument, NULL, OPTION_SEAL},
        {"no-seal", no_argument, NULL, OPTION_NO_SEAL},
        {"rotate", no_argument, NULL, OPTION_ROTATE},
    };
    const char *name;
    bool has_argument;
    size_t n = 0;

    for (; n < COUNT(general); n++)
        list[n] = general[n];
    for (size_t i = 0; (name = actions_option(i, &has_argument)) != NULL; i++)
        list[n++] = (struct option){name, has_argument ? required_argument : no_argument, NULL, ACTION + (int)i};
    for (size_t i = 0; i < COUNT(fields); i++)
        list[n++] = (struct option){fields[i].option, fields[i].argument != NULL ? required_argument : no_argument,
                                    NULL, FIELD + (int)i};
    list[n] = (struct option){0};
}

static bool read_timeout(const char *text, int64_t *out)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 1 || n > 86400000)
        return false;
    *out = n;
    return true;
}

/* One option that getopt found. False: it ends the program, with *status. */
static bool take_option(struct options *o, int option, int *status)
{
    *status = EXIT_USAGE;
    switch (option) {
    case OPTION_CONFIG:
        o->config_path = optarg;
        return true;
    case OPTION_URL:
        o->url = optarg;
        return true;
    case OPTION_JSON:
        o->json = true;
        return true;
    case OPTION_DEK_FILE:
        o->dek_file = optarg;
        return true;
    case OPTION_SEAL:
        o->seal = SEAL_ALWAYS;
        return true;
    case OPTION_NO_SEAL:
        o->seal = SEAL_NEVER;
        return true;
    case OPTION_ROTATE:
        o->rotate = true;
        return true;
    case OPTION_TIMEOUT:
        if (read_timeout(optarg, &o->timeout_ms))
            return true;
        fprintf(stderr, "keyferry: --timeout must be 1 to 86400000 milliseconds\n");
        return false;
    case OPTION_HELP:
        print_help();
        *status = EXIT_SUCCESS;
        return false;
    case OPTION_VERSION:
        printf("keyferry %s\n", KEYFERRY_VERSION);
        *status = EXIT_SUCCESS;
        return false;
    default:
        if (option < ACTION)
            return false; /* getopt has said what is wrong */
        if (option < FIELD)
            return actions_option_take(o, (size_t)(option - ACTION), optarg);
        o->values[option - FIELD] = optarg != NULL ? optarg : "true";
        return true;
    }
}

static bool take_command(struct options *o, const char *name)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            o->command = &commands[i];
    if (o->command == NULL)
        fprintf(stderr, "keyferry: '%s' is not a command of this version; --help lists them\n", name);
    return o->command != NULL;
}

/* What stands beside the options: the command, for send its file, and what an action takes. */
static bool take_arguments(struct options *o, int count, char **arguments)
{
    bool wants_file;

    if (count == 0) {
        fprintf(stderr, "keyferry: a command is needed; --help lists them\n");
        return false;
    }
    if (!take_command(o, arguments[0]))
        return false;
    if (actions_has(o->command->name))
        return actions_take(o, o->command->name, count - 1, arguments + 1);
    if (!actions_absent(o, o->command->name, o->command->message == &reconcile_message))
        return false;
    wants_file = o->command->message == NULL;
    if (count == (wants_file ? 2 : 1)) {
        o->file = wants_file ? arguments[1] : NULL;
        return true;
    }
    fprintf(stderr, wants_file ? "keyferry: send needs one FILE\n" : "keyferry: '%s' is one argument too many\n",
            arguments[count - 1]);
    return false;
}

static bool has_field(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return true;
    return false;
}

static bool is_given(const struct options *o, const char *option)
{
    for (size_t i = 0; i < COUNT(fields); i++)
        if (strcmp(fields[i].option, option) == 0)
            return o->values[i] != NULL;
    return false;
}

/* host-key asks, unless it is to change the key. */
static bool choose_message(struct options *o)
{
    bool is_host_key = o->command->message == &host_key_get_message, retires = is_given(o, "retire");

    if (o->rotate && (!is_host_key || retires)) {
        fprintf(stderr, is_host_key ? "keyferry: --rotate and --retire are two things: one after the other\n"
                                    : "keyferry: --rotate is an option of host-key\n");
        return false;
    }
    if (is_host_key && (o->rotate || retires))
        o->command = &rotate_command;
    return true;
}

static bool has_dek(const struct schema *schema)
{
    return schema != NULL && has_field(schema, "dekBase64");
}

/* Every option given must be a field of this message; then the defaults follow. */
static bool check_fields(struct options *o)
{
    const struct schema *schema = o->command->message != NULL ? o->command->message->request : NULL;

    for (size_t i = 0; i < COUNT(fields); i++) {
        bool known = schema != NULL && has_field(schema, fields[i].field);

        if (o->values[i] != NULL && !known) {
            fprintf(stderr, "keyferry: --%s is not an option of %s\n", fields[i].option, o->command->name);
            return false;
        }
        if (o->values[i] == NULL && known)
            o->values[i] = fields[i].preset;
    }
    if ((o->dek_file == NULL && o->seal == SEAL_IF_POSSIBLE) || has_dek(schema))
        return true;
    fprintf(stderr, "keyferry: %s is not an option of %s\n",
            o->dek_file != NULL      ? "--dek-file"
            : o->seal == SEAL_ALWAYS ? "--seal"
                                     : "--no-seal",
            o->command->name);
    return false;
}

/* --src stands in for --host: a migration is asked of its source. */
static void default_host(struct options *o)
{
    for (size_t i = 0; i < COUNT(fields); i++)
        if (strcmp(fields[i].option, "src") == 0 && o->values[0] == NULL)
            o->values[0] = o->values[i];
}

bool options_read(int argc, char **argv, struct options *out, int *status)
{
    struct option list[OPTIONS_MAX];
    int option;

    *out = (struct options){.timeout_ms = DEFAULT_TIMEOUT_MS};
    list_options(list);
    while ((option = getopt_long(argc, argv, "c:hV", list, NULL)) != -1)
        if (!take_option(out, option, status))
            return false;
    *status = EXIT_USAGE;
    if (!take_arguments(out, argc - optind, argv + optind) || !choose_message(out) || !check_fields(out))
        return false;
    default_host(out);
    return true;
}
