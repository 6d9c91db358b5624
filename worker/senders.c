#include "worker/senders.h"

#include <stdlib.h>
#include <string.h>

#include "schemas/headers.h"
#include "worker/config_line.h"

/* GCC 12's analyzer does not see that a struct sender keeps its hosts. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

/* What may stand behind a '=', and which messages it may send: contract 8. */
static const struct {
    const char *name;
    enum sender_flag may;
} roles[] = {
    [ROLE_READER] = {"reader", MAY_READ},
    [ROLE_MANAGER] = {"manager", MAY_MANAGE},
    [ROLE_OPERATOR] = {"operator", MAY_MANAGE},
    [ROLE_PEER] = {"peer", MAY_PEER},
};

/* ---- the section, line by line ---- */

static bool user_read(const char *text, struct sender *out, struct err *e)
{
    size_t len = strlen(text);
    const char *star = strchr(text, '*');

    if (star != NULL && star[1] != '\0')
        return err_set(e, ERR_CONFIG, "'%.60s' in [senders]: a '*' may only be the last character", text);
    out->is_prefix = star != NULL;
    len -= out->is_prefix;
    if (text[0] == '\0' || len >= sizeof(out->user))
        return err_set(e, ERR_CONFIG, "a user in [senders] has 1 to %zu characters", sizeof(out->user) - 1);
    memcpy(out->user, text, len);
    out->user[len] = '\0';
    return true;
}

static struct sender *same_user(const struct senders *senders, const struct sender *as)
{
    for (size_t i = 0; i < senders->count; i++)
        if (senders->list[i].is_prefix == as->is_prefix && strcmp(senders->list[i].user, as->user) == 0)
            return &senders->list[i];
    return NULL;
}

static bool host_add(struct sender *sender, const char *text, size_t len, struct err *e)
{
    struct uuid uuid, *grown;

    if (len == 1 && *text == '*') {
        sender->serves_any = true;
        return true;
    }
    if (!uuid_parse(text, len, &uuid))
        return err_set(e, ERR_CONFIG, "'%.*s' in [senders] is not a host's UUID", len < 60 ? (int)len : 60, text);
    grown = realloc(sender->hosts, (sender->host_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    sender->hosts = grown;
    grown[sender->host_count++] = uuid;
    return true;
}

static bool hosts_read(struct sender *sender, const char *list, struct err *e)
{
    static const char between[] = ", \t";

    for (list += strspn(list, between); *list != '\0' && *list != ';'; list += strspn(list, between)) {
        size_t len = strcspn(list, between);

        if (!host_add(sender, list, len, e))
            return false;
        list += len;
    }
    if (sender->serves_any ? sender->host_count == 0 : sender->host_count > 0)
        return true;
    return err_set(e, ERR_CONFIG, "a peer in [senders] is 'peer' and either the UUIDs of its hosts or '*'");
}

/* *rest is what follows the word. */
static bool role_read(const char *value, enum role *out, const char **rest, struct err *e)
{
    size_t len = strcspn(value, " \t");

    for (size_t i = 0; i < COUNT(roles); i++)
        if (strlen(roles[i].name) == len && memcmp(roles[i].name, value, len) == 0) {
            *out = (enum role)i;
            *rest = value + len + strspn(value + len, " \t");
            return true;
        }
    return err_set(e, ERR_CONFIG,
                   "'%.60s' in [senders] must be one of: reader, manager, operator, peer <hostUuid>, peer *", value);
}

static bool sender_append(struct senders *senders, const struct sender *sender, struct err *e)
{
    struct sender *grown = realloc(senders->list, (senders->count + 1) * sizeof(*grown));

    if (grown == NULL)
        return err_set(e, ERR_LOCAL, "out of memory");
    senders->list = grown;
    grown[senders->count++] = *sender;
    return true;
}

bool senders_add(struct senders *senders, const char *user, const char *value, struct err *e)
{
    struct sender sender = {0}, *there;
    const char *rest = value;
    struct err no_role;

    if (!user_read(user, &sender, e))
        return false;
    there = same_user(senders, &sender);
    if (!role_read(value, &sender.role, &rest, &no_role) && (there == NULL || there->role != ROLE_PEER)) {
        *e = no_role;
        return false;
    }
    if (there != NULL && (there->role != ROLE_PEER || (rest != value && sender.role != ROLE_PEER)))
        return err_set(e, ERR_CONFIG, "%.60s is given twice in [senders]", user);
    if (there != NULL)
        return hosts_read(there, rest, e);
    if (sender.role != ROLE_PEER && *rest != '\0')
        return err_set(e, ERR_CONFIG, "'%.60s' in [senders]: nothing may follow '%s'", value, roles[sender.role].name);
    return sender_append(senders, &sender, e) &&
           (sender.role != ROLE_PEER || hosts_read(&senders->list[senders->count - 1], rest, e));
}

/* A line has room for a few hosts only: each has its own. Without dashes it is as short as it can have been read. */
static void host_print(const char *user, const struct uuid *host, FILE *to)
{
    bool fits = strlen(user) + strlen(" = peer ") + UUID_CHARS <= CONFIG_LINE_MAX_CHARS;
    char hex[UUID_HEX_CHARS + 1], value[UUID_CHARS + 8];

    uuid_hex(host, hex);
    snprintf(value, sizeof(value), "%s %s", roles[ROLE_PEER].name, fits ? host->text : hex);
    config_line_print(user, value, to);
}

void senders_print(const struct senders *senders, FILE *to)
{
    char user[SHORTSTR_MAX_CHARS + 2];

    for (size_t i = 0; i < senders->count; i++) {
        const struct sender *s = &senders->list[i];

        snprintf(user, sizeof(user), "%s%s", s->user, s->is_prefix ? "*" : "");
        if (s->host_count == 0)
            config_line_print(user, s->serves_any ? "peer *" : roles[s->role].name, to);
        for (size_t h = 0; h < s->host_count; h++)
            host_print(user, &s->hosts[h], to);
    }
}

void senders_done(struct senders *senders)
{
    for (size_t i = 0; i < senders->count; i++)
        free(senders->list[i].hosts);
    free(senders->list);
    *senders = (struct senders){0};
}

/* ---- what it means ---- */

static bool is_about(const struct sender *sender, const char *user)
{
    return sender->is_prefix ? strncmp(user, sender->user, strlen(sender->user)) == 0 : strcmp(user, sender->user) == 0;
}

static bool is_more_specific(const struct sender *a, const struct sender *b)
{
    return b == NULL || (!a->is_prefix && b->is_prefix) ||
           (a->is_prefix == b->is_prefix && strlen(a->user) > strlen(b->user));
}

const struct sender *senders_find(const struct senders *senders, const char *user)
{
    const struct sender *best = NULL;

    for (size_t i = 0; user[0] != '\0' && i < senders->count; i++)
        if (is_about(&senders->list[i], user) && is_more_specific(&senders->list[i], best))
            best = &senders->list[i];
    return best;
}

bool senders_know(const struct senders *senders, const char *user, const struct sender **out, struct err *e)
{
    *out = senders_find(senders, user);
    if (user[0] == '\0' && (senders->require_user_id || senders->count > 0))
        return err_set(e, ERR_SENDER, "the message has no AMQP user_id, which [senders] asks for");
    if (*out != NULL || senders->count == 0)
        return true;
    return err_set(e, ERR_SENDER, "[senders] gives user '%.120s' no role", user);
}

static bool is_operator(const struct sender *sender)
{
    return sender != NULL && sender->role == ROLE_OPERATOR;
}

static bool is_worker_of(const struct sender *sender, const char *user, const struct uuid *host)
{
    struct peer peer;

    return sender_is_peer(sender, user, &peer) && peer_serves(&peer, host);
}

bool senders_believe_claim(const struct senders *senders, const char *user, const char *vouched_by,
                           const struct uuid *host, struct err *e)
{
    const struct sender *voucher = vouched_by != NULL ? senders_find(senders, vouched_by) : NULL;

    if (senders->count == 0)
        return true;
    if (!is_operator(senders_find(senders, user)))
        return err_set(e, ERR_SENDER,
                       ON_BEHALF_OF_HEADER " is believed from operators only, and [senders] does not make '%.120s' one",
                       user);
    if (vouched_by == NULL || is_operator(voucher) || is_worker_of(voucher, vouched_by, host))
        return true;
    return err_set(e, ERR_SENDER,
                   VOUCHED_BY_HEADER ": [senders] makes '%.120s' neither an operator nor the worker of this host",
                   vouched_by);
}

bool sender_may(const struct sender *sender, const struct handler *handler, struct err *e)
{
    if (sender == NULL || (handler->senders & roles[sender->role].may))
        return true;
    return err_set(e, ERR_SENDER, "%s may not be sent by '%s%s', whom [senders] makes a %s", handler->message->name,
                   sender->user, sender->is_prefix ? "*" : "", roles[sender->role].name);
}

bool sender_manages(const struct sender *sender)
{
    return sender == NULL || roles[sender->role].may == MAY_MANAGE;
}

bool sender_is_peer(const struct sender *sender, const char *user, struct peer *out)
{
    if (sender == NULL || sender->role != ROLE_PEER)
        return false;
    *out = (struct peer){.serves_any = sender->serves_any, .hosts = sender->hosts, .host_count = sender->host_count};
    digest_name(user, out->mark);
    return true;
}

bool senders_believe(const struct senders *senders, const char *user, const struct call *call)
{
    const struct sender *sender = senders_find(senders, user);
    struct peer peer;

    if (senders->count == 0)
        return true;
    if (sender == NULL || !uuid_is_set(&call->host))
        return sender != NULL && sender_manages(sender);
    return sender_is_peer(sender, user, &peer) && peer_serves(&peer, &call->host);
}
