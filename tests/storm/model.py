"""What must be true, told from outside: by requests and replies, the ledgers, and what libvirt has.

An identity is on a host in one of several possible states. Each answer, in the order in which the requests were sent,
must be possible from one of them, and leads to others. An effect that is not known leaves more than one.
"""
ANY = "*"        # some UUID that no answer has told
FADING = "fading"  # an undo is on its way: it is there or not, and will not be
ABSENT = None

LATE, BUSY, AWAY = "SYS.1001", "KEY_AGENT_BUSY", "KEY_AGENT_HYPERVISOR_UNAVAILABLE"
NOT_FOUND, CONFLICT = "KEY_AGENT_SECRET_NOT_FOUND", "KEY_AGENT_SECRET_CONFLICT"
ATTEMPTS_MAX = 5


def code(outcome):
    return (outcome.get("error") or {}).get("code")


def opaque(outcome):
    return (outcome.get("error") or {}).get("opaque") or {}


def is_deadly(outcome):
    """It was begun five times, and each time the worker died: answered and dead-lettered, and nobody knows more."""
    return code(outcome) == "SYS.1006" and opaque(outcome).get("attempt") == ATTEMPTS_MAX


def is_bad_luck(outcome):
    """An error that faults may bring about."""
    return code(outcome) in (LATE, BUSY, AWAY) or is_deadly(outcome)


def had_no_effect(outcome):
    return opaque(outcome).get("effect") == "none"


def same(one, other):
    return one == other or ANY in (one, other)


class Violations:
    """What was found to be wrong; the first few are told at once."""

    def __init__(self, say):
        self.found, self.say = [], say

    def add(self, text, history=()):
        self.found.append(text)
        if len(self.found) <= 10:
            self.say(f"VIOLATION: {text}", *(f"    {line}" for line in history))


# ---- one identity on one host: ABSENT or (DEK, UUID) ----

def after_define(state, request, outcome):
    dek, wanted = request.dek, request.fields.get("secretUuid")
    if code(outcome) == CONFLICT:
        return {state} if state and state[0] != dek else set()
    if not outcome["success"]:
        if not is_bad_luck(outcome):
            return set()
        if had_no_effect(outcome):
            return {state}
        if state is ABSENT:
            return {ABSENT, (dek, wanted or ANY)}
        return {state, (dek, wanted), ABSENT} if wanted and state[0] == dek else {state}
    secret_uuid, replaced = outcome["secretUuid"], outcome.get("replacedSecretUuid")
    if wanted and secret_uuid != wanted:
        return set()
    if state is ABSENT:
        fits = outcome["created"] and not replaced
    elif same(state[1], secret_uuid) and not replaced:
        fits = state[0] == dek and not outcome["created"]
    else:
        fits = state[0] == dek and wanted and replaced and same(state[1], replaced)
    return {(dek, secret_uuid)} if fits else set()


def after_get(state, _request, outcome):
    if code(outcome) == NOT_FOUND:
        return {state} if state is ABSENT else set()
    if not outcome["success"]:
        return {state} if is_bad_luck(outcome) else set()
    return {(state[0], outcome["secretUuid"])} if state and same(state[1], outcome["secretUuid"]) else set()


def after_delete(state, request, outcome):
    meant = request.fields.get("secretUuid")
    if not outcome["success"]:
        return (({state} if had_no_effect(outcome) else {state, ABSENT}) if is_bad_luck(outcome) else set())
    is_meant = state is not ABSENT and (not meant or same(state[1], meant))
    if outcome["deleted"]:
        return {ABSENT} if is_meant else set()
    return set() if is_meant and not (meant and state[1] == ANY) else {state}


# ---- one identity on two hosts: ((UUID, migration) or ABSENT or FADING) of each, and which migration each is leaving by ----

def put(pair, at, what):
    return (what, pair[1]) if at == 0 else (pair[0], what)


def define_on_host(state, request, outcome):
    (there, leaving), at = state, request.host
    if not outcome["success"]:
        if not is_bad_luck(outcome):
            return set()
        begun = (put(there, at, there[at] or (ANY, None)), put(leaving, at, None))
        return {state} if had_no_effect(outcome) else {state, begun}
    found = there[at]
    if found is ABSENT:
        fits = outcome["created"]
    elif found == FADING:
        fits = True
    else:
        fits = not outcome["created"] and same(found[0], outcome["secretUuid"])
    return {(put(there, at, (outcome["secretUuid"], None)), put(leaving, at, None))} if fits else set()


def get_on_host(state, request, outcome):
    found = state[0][request.host]
    if found == FADING or (not outcome["success"] and is_bad_luck(outcome)):
        return {state}
    if not outcome["success"]:
        return {state} if found is ABSENT and code(outcome) == NOT_FOUND else set()
    return {state} if found and same(found[0], outcome["secretUuid"]) else set()


def delete_on_host(state, request, outcome):
    (there, leaving), at = state, request.host
    gone = (put(there, at, ABSENT), put(leaving, at, None))
    if not outcome["success"]:
        return (({state} if had_no_effect(outcome) else {state, gone}) if is_bad_luck(outcome) else set())
    if there[at] == FADING:
        return {gone}
    return {gone} if outcome["deleted"] == (there[at] is not ABSENT) else set()


def pre_migrate(state, request, outcome):
    (there, leaving), source, to, by = state, request.host, 1 - request.host, request.fields["migrationId"]
    if there[source] is ABSENT:
        return {state} if code(outcome) == NOT_FOUND or is_bad_luck(outcome) else set()
    if not outcome["success"]:
        return pre_migrate_failed(state, request) if is_bad_luck(outcome) else set()
    secret_uuid, found = outcome["secretUuid"], there[to]
    if outcome["skipped"] or not same(there[source][0], secret_uuid) or outcome["migrationId"] != by:
        return set()
    if outcome["dekSource"] != ("request" if request.dek else "ledger"):
        return set()
    if found not in (ABSENT, FADING) and (outcome["created"] or not same(found[0], secret_uuid)):
        return set()
    if found is ABSENT and not outcome["created"]:
        return set()
    is_permanent = found not in (ABSENT, FADING) and found[1] is None
    arrived = (secret_uuid, None if is_permanent else by)
    return {(put(there, to, arrived), put(leaving, source, by))}


def pre_migrate_failed(state, request):
    """What it made is undone, and the first error told; the undo may still be on its way."""
    (there, leaving), source, to = state, request.host, 1 - request.host
    found = there[to]
    if found in (ABSENT, FADING):
        ends = {FADING}
    else:
        ends = {found} if found[1] is None else {found, FADING}
    return {(put(there, to, end), put(leaving, source, left)) for end in ends for left in (leaving[source], None)}


def source_ends(state, request):
    """On the source: (state, whether it was deleted)."""
    (there, leaving), at, by = state, request.host, request.fields["migrationId"]
    if there[at] is ABSENT or leaving[at] != by:
        return state, False
    if request.fields["outcome"] == "failure":
        return (there, put(leaving, at, None)), False
    return (put(there, at, ABSENT), put(leaving, at, None)), True


def destination_ends(state, request):
    """On the destination: [(state, whether it was deleted)]."""
    (there, leaving), at, by = state, 1 - request.host, request.fields["migrationId"]
    found = there[at]
    if found == FADING:
        return [(state, False), (state, True)] if request.fields["outcome"] == "failure" else [(state, False)]
    if found is ABSENT or found[1] != by:
        return [(state, False)]
    if request.fields["outcome"] == "failure":
        return [((put(there, at, ABSENT), leaving), True)]
    return [((put(there, at, (found[0], None)), leaving), False)]


def post_migrate(state, request, outcome):
    after_source, left = source_ends(state, request)
    both = destination_ends(after_source, request)
    if outcome["success"]:
        return {end for end, deleted in both
                if outcome["deletedOn"] == ("source" if left else "destination" if deleted else "none")}
    if not is_bad_luck(outcome):
        return set()
    return {state, after_source} | {end for end, _ in both} | {end for end, _ in destination_ends(state, request)}


ON_ONE = {"SecretHostDefineMsg": after_define, "SecretHostGetMsg": after_get, "SecretHostDeleteMsg": after_delete}
ON_TWO = {"SecretHostDefineMsg": define_on_host, "SecretHostGetMsg": get_on_host, "SecretHostDeleteMsg": delete_on_host,
          "VtpmPreMigrateMsg": pre_migrate, "VtpmPostMigrateMsg": post_migrate}


IMPOSSIBLE = "impossible"


def see_one(state, seen):
    """The state, where it is what was seen."""
    if state is ABSENT or seen[0] is None:
        return state if state is ABSENT and seen[0] is None else IMPOSSIBLE
    return (state[0], seen[0]) if same(state[1], seen[0]) else IMPOSSIBLE


def see_two(state, seen):
    there, leaving = state
    for at in (0, 1):
        found = ABSENT if there[at] == FADING else there[at]
        if (found is ABSENT) != (seen[at] is None) or (found and not same(found[0], seen[at])):
            return IMPOSSIBLE
        there = put(there, at, found and (seen[at], found[1]))
    return there, leaving


class Walk:
    """Along the answers of one identity. `rules`: ON_ONE or ON_TWO."""

    def __init__(self, rules, begin):
        self.rules, self.possible, self.is_settled = rules, {begin}, True

    def step(self, request, outcome):
        """True if the answer was possible."""
        after = set().union(*(self.rules[request.message](state, request, outcome) for state in self.possible))
        if not after:
            return False
        # What is half made or half gone may be found by one get and not by the next, until a change settles it.
        if request.message == "SecretHostGetMsg" and not self.is_settled:
            return True
        self.possible = after
        if request.message != "SecretHostGetMsg":
            self.is_settled = len(after) == 1
        return True

    def observe(self, seen):
        """`seen`: the UUID or None that libvirt has on each host, when all was calm. False if that cannot be."""
        look = see_one if self.rules is ON_ONE else see_two
        after = {state for state in (look(state, seen) for state in self.possible) if state != IMPOSSIBLE}
        if after:
            self.possible, self.is_settled = after, len(after) == 1
        return bool(after)
