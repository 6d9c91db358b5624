"""Who asks: actors, each with one identity, a script of its own, and a walk along what it is answered."""
import base64
import heapq
import itertools
import json
import random
import time
import uuid

from tests.lab import hpke
from tests.lab.client import MIME, Reply, encode

from tests.storm import model
from tests.storm.sender import Letter, Sender

AT_ONCE = 60      # actors
DEPTH = 4         # requests of one actor that wait for an answer
RETRY_AFTER = 10  # seconds without an answer: once more, under the same id
DEFINE, GET, DELETE = "SecretHostDefineMsg", "SecretHostGetMsg", "SecretHostDeleteMsg"
PRE, POST = "VtpmPreMigrateMsg", "VtpmPostMigrateMsg"


def seeded_uuid(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class Request:
    """What is asked under one id, however often it is sent. `host` is the number of the host whose queue it goes to."""

    def __init__(self, actor, number, message, host, fields, dek=None, is_sealed=False, sealed_for=None):
        self.actor, self.message, self.host, self.dek = actor, message, host, dek
        self.id = f"{actor.name}.{number}"
        self.fields = {**actor.key, **fields}
        self.is_sealed, self.sealed_for = is_sealed, host if sealed_for is None else sealed_for
        self.deadline_ms, self.lifetime_ms = None, None  # the first is set when it is first sent
        self.is_confirmed, self.outcome, self.letters = False, None, []
        self.told = []

    def note(self, text):
        self.told.append((time.time(), text))

    def history(self):
        return [f"{at % 1000:8.3f}  {self.id} {self.message} on {self.host} {text}" for at, text in self.told]


class Ask(Letter):
    """One publication of a request. `spoilt`: with other content, which must be refused."""

    def __init__(self, request, hosts, rng, spoilt=False):
        super().__init__("host." + hosts[request.host].hex, str(uuid.UUID(int=rng.getrandbits(128), version=4)))
        self.request, self.hosts, self.spoilt = request, hosts, spoilt
        self.encoding = rng.choice(("json", "msgpack"))
        self.answers = 0

    def write(self):
        request, host = self.request, self.hosts[self.request.host]
        fields = {"id": request.id, "hostUuid": host.uuid, "createdTime": int(time.time() * 1000), **request.fields}
        if request.lifetime_ms is not None:
            request.deadline_ms = request.deadline_ms or int(time.time() * 1000) + request.lifetime_ms
            fields["messageDeadline"] = request.deadline_ms
        if request.is_sealed:
            fields["encryptedDek"] = self.sealed(self.hosts[request.sealed_for])
        elif request.dek:
            fields["dekBase64"] = base64.b64encode(request.dek).decode()
        if self.spoilt:
            fields["keyVersion"] += 1
        return encode({request.message: fields}, self.encoding), MIME[self.encoding]

    def sealed(self, host):
        aad = hpke.aad_of(host.uuid, self.request.actor.key, self.request.fields.get("secretUuid")
                          or self.request.actor.secret_uuid_of(self.request))
        return base64.b64encode(hpke.seal(host.public_key, self.request.dek, aad)).decode()


class Actor:
    """requests() yields what to ask next, or None while it has to wait for its answers."""

    rules = None

    def __init__(self, seed, number):
        self.rng = random.Random(f"{seed}/{number}")
        self.name = f"{number}-{self.rng.getrandbits(32):08x}"
        self.key = {"vmUuid": seeded_uuid(self.rng), "purpose": "vtpm", "keyVersion": self.rng.randrange(1, 9),
                    "usageInstance": "tpm0"}
        self.asked, self.walked, self.numbers = [], 0, itertools.count(1)
        self.is_done, self.not_before, self.extra = False, 0, []

    def request(self, message, host, fields=None, **rest):
        return Request(self, next(self.numbers), message, host, fields or {}, **rest)

    def secret_uuid_of(self, _request):
        return ""

    def in_flight(self):
        return len(self.asked) - self.walked

    def may_ask(self, now):
        """What is sent before another of the same identity must be there before it."""
        return now >= self.not_before and (not self.asked or self.asked[-1].is_confirmed) and self.in_flight() < DEPTH

    def next(self, now):
        if not self.may_ask(now):
            return None
        request = self.extra.pop(0) if self.extra else self.requests()
        if request:
            self.asked.append(request)
        return request

    def walk_on(self, violations):
        """Along the answers that are there, as far as none is missing."""
        while self.walked < len(self.asked) and self.asked[self.walked].outcome is not None:
            request = self.asked[self.walked]
            self.walked += 1
            before = self.walk.possible
            if not self.walk.step(request, request.outcome):
                violations.add(f"{request.id} {request.message}: an answer that cannot be, where the identity is "
                               f"{before}: {request.outcome}", self.history())

    def history(self):
        return [line for _, line in sorted((at, line) for request in self.asked
                                           for (at, _), line in zip(request.told, request.history()))]


class Plain(Actor):
    """Defines, gets and deletes on one host, several under way at once, with two DEKs and two UUIDs to choose from."""

    def __init__(self, seed, number):
        super().__init__(seed, number)
        rng = self.rng
        self.host = rng.randrange(2)
        self.deks = [rng.randbytes(32) for _ in range(2)]
        self.uuids = [seeded_uuid(rng) for _ in range(2)]
        self.walk = model.Walk(model.ON_ONE, model.ABSENT)
        self.script = [rng.choices((DEFINE, GET, DELETE), (5, 3, 3))[0] for _ in range(rng.randrange(6, 16))]
        self.script[0] = DEFINE
        if rng.random() < 0.5:
            self.script.append(DELETE)

    def requests(self):
        if not self.script:
            self.is_done = True
            return None
        return self.one(self.script.pop(0))

    def one(self, message, dek=None):
        rng, fields = self.rng, {}
        if message != GET and rng.random() < 0.25:
            fields["secretUuid"] = rng.choice(self.uuids)
        if message == DEFINE:
            dek = dek or rng.choices(self.deks, (9, 1))[0]
        return self.request(message, self.host, fields, dek=dek, is_sealed=bool(dek) and rng.random() < 0.2)

    def prove(self):
        """Its value is the one that it should be, and no other: asked for when all is over."""
        present = {state[0] for state in self.walk.possible if state}
        if len(present) == len(self.walk.possible) == 1:
            right, = present
            wrong = next(dek for dek in self.deks if dek != right)
            self.extra += [self.request(DEFINE, self.host, dek=right), self.request(DEFINE, self.host, dek=wrong),
                           self.request(GET, self.host)]

    def seen_at(self, secrets):
        return (secrets[self.host],)


class Mover(Actor):
    """A VM that migrates to and fro, one step after the other, each asked for until it succeeds."""

    def __init__(self, seed, number):
        super().__init__(seed, number)
        self.home = self.rng.randrange(2)
        self.dek = self.rng.randbytes(32)
        self.walk = model.Walk(model.ON_TWO, ((model.ABSENT, model.ABSENT), (None, None)))
        self.secret_uuid, self.life, self.waits = None, self.lives(), None

    def may_ask(self, now):
        return now >= self.not_before and self.in_flight() == 0

    def secret_uuid_of(self, request):
        return self.secret_uuid if request.message == PRE else ""

    def requests(self):
        """One step on: the answer to the last one is there."""
        try:
            self.waits = self.life.send(self.waits.outcome) if self.waits else next(self.life)
            return self.waits
        except StopIteration:
            self.is_done, self.waits = True, None
            return None

    def until_it_succeeds(self, message, host, fields=None, **rest):
        while True:
            outcome = yield self.request(message, host, fields, **rest)
            if outcome["success"]:
                return outcome
            self.not_before = time.monotonic() + self.rng.uniform(0.05, 0.5)

    def pre_migrate(self, migration):
        fields = {"srcHostUuid": self.home, "dstHostUuid": 1 - self.home, "migrationId": migration}
        by = self.rng.random()
        return self.request(PRE, self.home, fields, dek=self.dek if by < 0.4 else None, is_sealed=by < 0.2,
                            sealed_for=1 - self.home)

    def lives(self):
        rng = self.rng
        outcome = yield from self.until_it_succeeds(DEFINE, self.home, dek=self.dek, is_sealed=rng.random() < 0.2)
        self.secret_uuid = outcome["secretUuid"]
        for number in range(rng.randrange(2, 5)):
            yield from self.migrates(f"{self.name}.m{number}")
        if rng.random() < 0.4:
            yield from self.until_it_succeeds(DELETE, self.home)

    def migrates(self, migration):
        rng, fields = self.rng, {"srcHostUuid": self.home, "dstHostUuid": 1 - self.home, "migrationId": migration}
        outcome = yield self.pre_migrate(migration)
        if not outcome["success"]:
            self.not_before = time.monotonic() + rng.uniform(0.05, 0.5)
            if rng.random() < 0.5:
                yield from self.until_it_succeeds(POST, self.home, {**fields, "outcome": "failure"})
            return
        if rng.random() < 0.1:
            return  # nobody says how it ended; the next one takes it over
        ended = rng.choice(("success", "success", "failure"))
        yield from self.until_it_succeeds(POST, self.home, {**fields, "outcome": ended})
        if ended == "success":
            self.home = 1 - self.home
        yield self.request(GET, self.home)
        if rng.random() < 0.5:
            yield self.request(GET, 1 - self.home)

    def prove(self):
        if all(state[0][self.home] not in (model.ABSENT, model.FADING) for state in self.walk.possible):
            self.extra += [self.request(DEFINE, self.home, dek=self.dek), self.request(GET, self.home)]

    def seen_at(self, secrets):
        return tuple(secrets)


class Load:
    """The actors at work. allow() lets them ask more; all but that, end() and what it counts is the sender's thread's."""

    def __init__(self, broker, hosts, seed, violations):
        self.hosts, self.seed, self.violations = hosts, seed, violations
        self.rng = random.Random(f"{seed}/load")
        self.actors, self.active = [], []
        self.allowance, self.is_paused, self.is_finishing, self.enough = 0, False, False, 0
        self.asked = self.published = self.answered = self.duplicates = self.late = 0
        self.open, self.by_correlation = set(), {}
        self.later, self.counter = [], itertools.count()  # (when, number, ask)
        self.errors = {}
        self.sender = Sender(broker, self)
        self.sender.start()

    # From the main thread.
    def allow(self, count):
        self.allowance += count

    def pause(self):
        """Until resume() nothing new is asked."""
        self.is_paused = True

    def resume(self):
        self.is_paused = False

    def finish(self, enough):
        """Ask so many in all, let every actor come to its end, and begin no other."""
        self.is_finishing, self.enough = True, enough
        self.resume()

    def is_quiet(self):
        return not self.open and not self.later

    def is_finished(self):
        return self.asked >= self.enough and self.is_quiet() and not self.active

    def prove(self):
        """Every actor asks what shows that its secret is the right one."""
        for actor in self.actors:
            actor.prove()
        self.active = [actor for actor in self.actors if actor.extra]

    def end(self):
        self.sender.end()

    # The sender's thread.
    def failed(self, error):
        self.violations.add(f"the harness itself: {error!r}")
        raise error

    def tick(self):
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            self.publish(heapq.heappop(self.later)[2])
        self.retry(now)
        self.ask(now)

    def retry(self, now):
        for ask in [ask for ask in self.open if ask.confirmed_at and now - ask.confirmed_at > RETRY_AFTER]:
            if len(ask.request.letters) < 5 and ask is ask.request.letters[0] and not ask.request.was_retried:
                ask.request.was_retried = True
                self.publish_again(ask.request, 0)

    def ask(self, now):
        if not self.may_ask():
            return
        while not (self.is_finishing and self.asked >= self.enough) and len(self.active) < AT_ONCE:
            kind = Mover if random.Random(f"{self.seed}:{len(self.actors)}").random() < 0.35 else Plain
            self.actors.append(kind(self.seed, len(self.actors)))
            self.active.append(self.actors[-1])
        for actor in list(self.active):
            request = actor.next(now)
            if request:
                self.begin(request)
            elif actor.is_done and actor.in_flight() == 0 and not actor.extra:
                self.active.remove(actor)
            if not self.may_ask():
                return

    def may_ask(self):
        return not self.is_paused and (self.is_finishing or self.allowance > 0)

    def begin(self, request):
        rng = request.actor.rng
        for field in ("srcHostUuid", "dstHostUuid"):
            if field in request.fields:
                request.fields[field] = self.hosts[request.fields[field]].uuid
        if rng.random() < 0.3:
            request.lifetime_ms = rng.choice((-1000, 50, 500, 2000, 5000, 10000))
        request.was_retried = False
        self.allowance -= 1
        self.asked += 1
        self.publish(Ask(request, self.hosts, rng))

    def publish(self, ask):
        ask.request.letters.append(ask)
        self.open.add(ask)
        self.by_correlation[ask.correlation_id] = ask
        self.published += 1
        ask.request.note("spoilt" if ask.spoilt else "sent" if len(ask.request.letters) == 1 else "sent again")
        self.sender.publish(ask)

    def publish_again(self, request, delay, spoilt=False):
        self.duplicates += not spoilt
        ask = Ask(request, self.hosts, self.rng, spoilt)
        heapq.heappush(self.later, (time.monotonic() + delay, next(self.counter), ask))

    def confirmed(self, ask):
        request = ask.request
        request.note("confirmed")
        if request.is_confirmed:
            return
        request.is_confirmed = True
        for _ in range(self.rng.choices((0, 1, 3), (88, 9, 3))[0]):
            self.publish_again(request, self.rng.choice((0, 0.02, self.rng.uniform(0, 1), self.rng.uniform(0, 5))))
        if self.rng.random() < 0.01:
            self.publish_again(request, self.rng.uniform(0, 1), spoilt=True)

    def received(self, properties, body):
        ask = self.by_correlation.get(properties.correlation_id)
        if ask is None:
            self.violations.add(f"an answer to nothing that was asked: {body[:200]}")
            return
        reply, request = Reply(properties, body), ask.request
        ask.answers += 1
        self.answered += ask in self.open
        self.open.discard(ask)
        if reply.code:
            self.errors[reply.code] = self.errors.get(reply.code, 0) + 1
        request.note(("ok " if reply.success else f"{reply.code} ") + json.dumps(
            reply.opaque or {k: v for k, v in reply.outcome.items() if k != "success"}))
        if ask.spoilt:
            self.check_spoilt(request, reply)
            return
        self.check_outcome(request, reply)
        request.actor.walk_on(self.violations)

    def check_spoilt(self, request, reply):
        if reply.code != "SYS.1007" or reply.opaque.get("field") != "id":
            self.violations.add(f"{request.id}: its id was taken for another content: {reply}", request.history())

    def check_outcome(self, request, reply):
        if request.outcome is None:
            request.outcome = reply.outcome
            self.check_deadline(request, reply)
        elif request.outcome != reply.outcome:
            self.violations.add(f"{request.id} {request.message}: two answers that differ: {request.outcome} and "
                                f"{reply.outcome}", request.actor.history())

    def check_deadline(self, request, reply):
        if reply.code == model.LATE and reply.opaque.get("effect") == "none":
            self.late += 1
            if request.deadline_ms and time.time() * 1000 < request.deadline_ms:
                self.violations.add(f"{request.id}: late before its deadline: {reply}", request.history())
        if reply.success and request.lifetime_ms is not None and request.lifetime_ms < 0:
            self.violations.add(f"{request.id}: it was late when it was sent, and yet was done: {reply}",
                                request.history())
