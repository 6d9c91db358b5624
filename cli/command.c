#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/audit.h"
#include "cli/bench.h"
#include "cli/completion.h"
#include "cli/dead.h"
#include "cli/doctor.h"
#include "cli/queues.h"
#include "cli/status.h"
#include "cli/watch.h"

#define ASKS(m)    .message = &(m), .run = ask_run, .arguments = ""
#define RUNS(f)    .run = (f), .arguments = ""
#define LETTERS(f) .run = dead_run, .fate = (f), .arguments = ""
#define DEAD_ABOUT                                                                                                     \
    "What replay and drop do is recorded first: in state_dir/audit.log with -c, with\n"                                \
    "--url in $XDG_STATE_HOME/keyferry/audit.log.\n"

const struct command commands[COMMAND_COUNT] = {
    [COMMAND_DEFINE] = {"define", NULL, ASKS(define_message), .help = "put a secret and its DEK (--dek-file) on a host",
                        .about =
                            "Prints the secret's UUID, for the domain's XML. The DEK is sealed to the host it is for,\n"
                            "where that has a key.\n",
                        .examples =
                            "keyferry define --host $HOST --vm $VM --key-version 1 --dek-file /run/dek\n"
                            "make-key | keyferry define --host $HOST --vm $VM --key-version 2 --seal --dek-file -\n"},
    [COMMAND_GET] = {"get", NULL, ASKS(get_message), .help = "the UUID of a secret on a host", .about = "",
                     .examples = "keyferry get --host $HOST --vm $VM --key-version 1 --json\n"},
    [COMMAND_DELETE] = {"delete", NULL, ASKS(delete_message), .help = "remove a secret from a host",
                        .about = "One that a running VM uses stays, unless --force is given.\n",
                        .examples =
                            "keyferry delete --host $HOST --vm $VM --key-version 1\n"
                            "keyferry delete --host $HOST --vm $VM --key-version 1 --migration-id $MIGRATION\n"},
    [COMMAND_RESOLVE] = {"resolve", NULL, ASKS(resolve_message), .help = "the UUID a running VM's TPM names",
                         .about = "", .examples = "keyferry resolve --host $HOST --vm $VM\n"},
    [COMMAND_HOST_KEY] = {"host-key", NULL, ASKS(host_key_get_message),
                          .help = "the public key that DEKs for a host are sealed to",
                          .about = "With --rotate a new one, with --retire an end to the earlier ones.\n",
                          .examples = "keyferry host-key --host $HOST\nkeyferry host-key --host $HOST --rotate\n"},
    [COMMAND_PRE_MIGRATE] = {"pre-migrate", NULL, ASKS(pre_migrate_message),
                             .help = "put a VM's secret on the destination before it migrates", .about = "",
                             .examples =
                                 "keyferry pre-migrate --src $A --dst $B --vm $VM --key-version 1\n"
                                 "keyferry pre-migrate --src $A --dst $B --vm $VM --key-version 1 --tpm $TPM\n"},
    [COMMAND_POST_MIGRATE] =
        {"post-migrate", NULL, ASKS(post_migrate_message), .help = "clean up after a migration", .about = "",
         .examples = "keyferry post-migrate --src $A --dst $B --vm $VM --key-version 1 --migration-id $MIGRATION \\\n"
                     "    --outcome success\n"},
    [COMMAND_RECONCILE] = {"reconcile", NULL, ASKS(reconcile_message),
                           .help = "compare a host's ledger, secrets and VMs, and mend what can be", .about = "",
                           .examples = "keyferry reconcile --host $HOST --dry-run\n"},
    [COMMAND_SEND] = {"send", NULL, .run = ask_run, .arguments = "FILE", .least = 1, .most = 1,
                      .help = "send a JSON envelope from FILE (- is stdin) to the host it names", .about = "",
                      .examples = "keyferry send request.json\n"},
    [COMMAND_STATUS] =
        {"status", NULL, RUNS(status_run), .timeout_ms = 3000,
         .help = "each host: is it served, by which version, how much waits",
         .about = "Of the hosts of the configuration, or of each --host. Asks the broker for their queues, and\n"
                  "each host's worker what it is, as long as --timeout. Exit status 1: a host is not well, or\n"
                  "its worker does not reach libvirt.\n",
         .examples = "keyferry status\nkeyferry status --watch\nkeyferry status --host $HOST --json\n"},
    [COMMAND_QUEUES] =
        {"queues", NULL, RUNS(queues_run), .timeout_ms = 3000,
         .help = "what waits for each host, for how long, and in the dead letters",
         .about = "Of the hosts of the configuration, or of each --host. What waits in a queue the broker\n"
                  "tells whoever can log in; what is in hand, and how long the oldest request has waited, each\n"
                  "host's worker, as long as --timeout, whoever may ask it. \"> 3.0 s\": it does not answer, and\n"
                  "what came before the question waits for longer than that.\n",
         .examples = "keyferry queues\nkeyferry --url amqp://ops@broker/ queues --host $HOST --json\n"},
    [COMMAND_WATCH] = {"watch", NULL, RUNS(watch_run), .help = "print the events of hosts as they happen",
                       .about = "Until Ctrl-C or --count. With --json a line each. What happens while the broker is\n"
                                "away is not seen, and that is said.\n",
                       .examples = "keyferry watch\nkeyferry watch --host $HOST --event secret-lost,orphan-found\n"
                                   "keyferry watch --json --event worker-down --count 1\n"},
    [COMMAND_DOCTOR] =
        {"doctor", NULL, RUNS(doctor_run), .help = "look for what is wrong on this worker's machine",
         .about = "Configuration, broker, rights and queues there, libvirt, key files, clock and disk: a line\n"
                  "each, and what to do. It runs `keyferryd --doctor`, so run it as the worker's user.\n"
                  "Exit status 1: something is wrong.\n",
         .examples = "sudo -u keyferry keyferry doctor -c /etc/keyferry/keyferry.conf\nkeyferry doctor --json\n"},
    [COMMAND_BENCH] =
        {"bench", NULL, RUNS(bench_run), .help = "how fast a host answers: defines, gets and deletes test secrets",
         .about = "Puts --count secrets of VMs that do not exist on the host, under UUIDs that begin with\n"
                  "6b657966-6572-7279 (\"keyferry\") and with a lease, gets each, and deletes them again. What is\n"
                  "left by a bench that was killed, the lease ends. It is load: mind whose host that is.\n",
         .examples = "keyferry bench --host $HOST\nkeyferry bench --host $HOST --count 5000 --in-flight 32 --json\n"},
    [COMMAND_DEAD_LIST] = {"dead", "list", LETTERS(LETTER_LISTED), .help = "the messages that could not be handled",
                           .about = "", .examples = "keyferry dead list --host $HOST --newer-than 1h\n"},
    [COMMAND_DEAD_SHOW] = {"dead", "show", .run = dead_run, .fate = LETTER_SHOWN, .arguments = "ID...", .least = 1,
                           .most = 256, .help = "all of some, but for what may be secret", .about = "",
                           .examples = "keyferry dead show $ID\n"},
    [COMMAND_DEAD_REPLAY] =
        {"dead", "replay", LETTERS(LETTER_SENT), .help = "send them again, as their senders did",
         .about =
             DEAD_ABOUT "A letter is sent again in the name of its sender, which workers believe from those\n"
                        "whom [senders] makes operators.\n",
         .examples = "keyferry dead replay --code delivery_limit --rate 50 --dry-run\nkeyferry dead replay --id $ID\n"},
    [COMMAND_DEAD_DROP] = {"dead", "drop", LETTERS(LETTER_DROPPED), .help = "throw them away", .about = DEAD_ABOUT,
                           .examples = "keyferry dead drop --older-than 30d\n"},
    [COMMAND_AUDIT_VERIFY] = {"audit", "verify", .run = audit_run, .arguments = "[FILE]", .most = 1,
                              .help = "whether the record of replays and drops is whole", .about = "",
                              .examples = "keyferry audit verify --head $HASH\n"},
    [COMMAND_COMPLETION] = {"completion", NULL, .run = completion_run, .arguments = "SHELL", .choices = "bash zsh fish",
                            .least = 1, .most = 1, .help = "completion for bash, zsh or fish, to be read by it",
                            .about = "",
                            .examples = ". <(keyferry completion bash)\n"
                                        "keyferry completion fish > ~/.config/fish/completions/keyferry.fish\n"},
};

const char exit_statuses[] = "0  success\n"
                             "1  the reply was an error, not all that was meant was done, or something is wrong\n"
                             "2  usage\n"
                             "3  no reply in time\n"
                             "4  no route: nobody serves that host\n"
                             "5  the broker could not be reached\n";

const struct command *command_find(const char *name, const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &commands[i];
        if (strcmp(c->name, name) == 0 && (c->word == NULL || (word != NULL && strcmp(c->word, word) == 0)))
            return c;
    }
    return NULL;
}

bool command_has_words(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].word != NULL;
    return false;
}

void command_title(const struct command *command, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s", command->name, command->word != NULL ? " " : "",
             command->word != NULL ? command->word : "");
}
