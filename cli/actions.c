#include "cli/actions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/dead.h"
#include "cli/options.h"

enum { LIST = 1, SHOW = 2, REPLAY = 4, DROP = 8, VERIFY = 16 };

/* clang-format off */
static const struct action actions[] = {
    { "dead",  "list",   LIST,   LETTER_LISTED,  dead_run,  "",       "the messages that could not be handled" },
    { "dead",  "show",   SHOW,   LETTER_SHOWN,   dead_run,  "ID...",  "all of some, but for what may be secret" },
    { "dead",  "replay", REPLAY, LETTER_SENT,    dead_run,  "",       "send them again, as their senders did" },
    { "dead",  "drop",   DROP,   LETTER_DROPPED, dead_run,  "",       "throw them away" },
    { "audit", "verify", VERIFY, LETTER_LISTED,  audit_run, "[FILE]", "whether the record of replays and drops is whole" },
};
/* clang-format on */

static bool take_age(int64_t *to, const char *option, const char *text)
{
    if (duration_read(text, to))
        return true;
    fprintf(stderr, "keyferry: --%s must be a time such as 90s, 15m, 1h, 2d or 1w\n", option);
    return false;
}

static bool take_older(struct options *o, const char *text)
{
    return take_age(&o->selection.older_than_ms, "older-than", text);
}

static bool take_newer(struct options *o, const char *text)
{
    return take_age(&o->selection.newer_than_ms, "newer-than", text);
}

static bool take_code(struct options *o, const char *text)
{
    o->selection.code = text;
    return true;
}

static bool take_id(struct options *o, const char *text)
{
    if (selection_add_id(&o->selection, text))
        return true;
    fprintf(stderr, "keyferry: more than %d ids\n", SELECTED_IDS_MAX);
    return false;
}

static bool take_all(struct options *o, const char *text)
{
    (void)text;
    o->all = true;
    return true;
}

static bool take_dry_run(struct options *o, const char *text)
{
    (void)text;
    o->dry_run = true;
    return true;
}

static bool take_rate(struct options *o, const char *text)
{
    enum { RATE_MAX = 100000 };
    char *end;

    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && n >= 1 && n <= RATE_MAX) {
        o->rate = (unsigned)n;
        return true;
    }
    fprintf(stderr, "keyferry: --rate must be 1 to %d messages a second\n", RATE_MAX);
    return false;
}

static bool take_audit(struct options *o, const char *text)
{
    o->audit_path = text;
    return true;
}

static bool take_head(struct options *o, const char *text)
{
    if (strlen(text) == SHA256_CHARS && text[strspn(text, "0123456789abcdef")] == '\0') {
        o->head = text;
        return true;
    }
    fprintf(stderr, "keyferry: --head must be a hash that audit verify has printed: %d hex digits\n", SHA256_CHARS);
    return false;
}

/* clang-format off */
static const struct {
    const char *option, *argument;
    unsigned with;
    bool (*take)(struct options *o, const char *text);
    const char *help;
} table[] = {
    { "older-than", "AGE",  LIST | REPLAY | DROP, take_older,   "dead: only what died longer ago: 90s, 15m, 1h, 2d, 1w" },
    { "newer-than", "AGE",  LIST | REPLAY | DROP, take_newer,   "dead: only what died since" },
    { "code",       "CODE", LIST | REPLAY | DROP, take_code,    "dead: only what died of this, such as SYS.1007" },
    { "id",         "ID",   LIST | REPLAY | DROP, take_id,      "dead: only this one; may be given again" },
    { "all",        NULL,   REPLAY | DROP,        take_all,     "replay, drop: all of them" },
    { "dry-run",    NULL,   REPLAY | DROP,        take_dry_run, "replay, drop, reconcile: only say which" },
    { "rate",       "N",    REPLAY | DROP,        take_rate,    "replay, drop: at most so many a second" },
    { "audit",      "FILE", REPLAY | DROP,        take_audit,   "replay, drop: where to record it" },
    { "head",       "HASH", VERIFY,               take_head,    "audit verify: this line must be there, too" },
};
/* clang-format on */

_Static_assert(COUNT(table) <= ACTION_OPTIONS_MAX, "room for every option");

bool actions_has(const char *command)
{
    for (size_t i = 0; i < COUNT(actions); i++)
        if (strcmp(actions[i].command, command) == 0)
            return true;
    return false;
}

const char *actions_option(size_t index, bool *has_argument)
{
    if (index >= COUNT(table))
        return NULL;
    *has_argument = table[index].argument != NULL;
    return table[index].option;
}

bool actions_option_take(struct options *o, size_t index, const char *argument)
{
    o->action_options |= 1U << index;
    return table[index].take(o, argument);
}

bool actions_absent(const struct options *o, const char *command, bool may_be_dry)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if ((o->action_options >> i & 1) != 0 && !(may_be_dry && table[i].take == take_dry_run)) {
            fprintf(stderr, "keyferry: --%s is not an option of %s\n", table[i].option, command);
            return false;
        }
    return true;
}

/* ---- what stands behind the command ---- */

static bool find_action(struct options *o, const char *command, const char *word)
{
    for (size_t i = 0; i < COUNT(actions); i++)
        if (strcmp(actions[i].command, command) == 0 && word != NULL && strcmp(actions[i].word, word) == 0)
            o->action = &actions[i];
    if (o->action == NULL)
        fprintf(stderr, "keyferry: %s needs one of:", command);
    for (size_t i = 0; o->action == NULL && i < COUNT(actions); i++)
        if (strcmp(actions[i].command, command) == 0)
            fprintf(stderr, " %s", actions[i].word);
    if (o->action == NULL)
        fputc('\n', stderr);
    return o->action != NULL;
}

/* show has ids, verify may have a file, and the others have nothing. */
static bool take_words(struct options *o, int count, char **words)
{
    int most = o->action->bit == SHOW ? SELECTED_IDS_MAX : o->action->bit == VERIFY ? 1 : 0;

    if (count > most) {
        fprintf(stderr, "keyferry: '%s' is one argument too many\n", words[most]);
        return false;
    }
    if (o->action->bit == SHOW && count == 0) {
        fprintf(stderr, "keyferry: dead show needs the ID of one or more, as dead list has it\n");
        return false;
    }
    for (int i = 0; o->action->bit == SHOW && i < count; i++)
        if (!selection_add_id(&o->selection, words[i]))
            return false;
    o->file = o->action->bit == VERIFY && count == 1 ? words[0] : NULL;
    return true;
}

/* --host is a field of messages, too. */
static bool take_host(struct options *o)
{
    const char *option, *name, **value = NULL;

    for (size_t i = 0; (name = option_field(i, &option)) != NULL; i++)
        if (strcmp(option, "host") == 0)
            value = &o->values[i];
    if (value == NULL || *value == NULL || (o->action->bit & (LIST | REPLAY | DROP)) == 0)
        return true;
    if (!uuid_parse(*value, strlen(*value), &o->selection.host)) {
        fprintf(stderr, "keyferry: --host must be a host's UUID\n");
        return false;
    }
    *value = NULL;
    return true;
}

static bool check_options(const struct options *o)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if ((o->action_options >> i & 1) != 0 && (table[i].with & o->action->bit) == 0) {
            fprintf(stderr, "keyferry: --%s is not an option of %s %s\n", table[i].option, o->action->command,
                    o->action->word);
            return false;
        }
    if ((o->action->bit & (REPLAY | DROP)) == 0 || o->all == selection_is_empty(&o->selection))
        return true;
    fprintf(stderr, "keyferry: dead %s needs --all, or else which: --host, --code, --older-than, --newer-than, --id\n",
            o->action->word);
    return false;
}

bool actions_take(struct options *o, const char *command, int count, char **words)
{
    return find_action(o, command, count > 0 ? words[0] : NULL) && take_words(o, count - 1, words + 1) &&
           take_host(o) && check_options(o);
}

/* ---- help ---- */

void actions_print_commands(void)
{
    char name[40];

    for (size_t i = 0; i < COUNT(actions); i++) {
        snprintf(name, sizeof(name), "%s %s %s", actions[i].command, actions[i].word, actions[i].arguments);
        printf("  %-22s %s\n", name, actions[i].help);
    }
}

void actions_print_options(void)
{
    for (size_t i = 0; i < COUNT(table); i++)
        printf("  --%-15s%-8s %s\n", table[i].option, table[i].argument != NULL ? table[i].argument : "",
               table[i].help);
}
