"""Workers of one state_dir share many hosts: how evenly, and that nothing is harmed when they come and go.

KEYFERRY_POOL_HOSTS says how many hosts (200), KEYFERRY_POOL_SECONDS how long each number of workers is left at work (1),
KEYFERRY_POOL_PARTITIONS behind how many partitions they are where they are (32).
"""
import collections
import fcntl
import os
import re
import struct
import threading
import time
import unittest
from datetime import datetime

from tests.e2e.base import NOT_FOUND, Scenario, b64, new_dek, new_key
from tests.lab import patience, placing, wait_until

HOSTS = int(os.environ.get("KEYFERRY_POOL_HOSTS", "200"))
PARTITIONS = int(os.environ.get("KEYFERRY_POOL_PARTITIONS", "32"))
SECONDS = float(os.environ.get("KEYFERRY_POOL_SECONDS", "1"))
LEAVES = "event=partition "
ASKED_FOR = 6  # hosts, where the others are idle
SETTLED_WITHIN, WORKERS = 30, "keyferry.workers"
LINE = re.compile(r"ts=(\S+) .*?event=(\S+) (.*)")
FIELD = re.compile(r'(\w+)=("[^"]*"|\S*)')


def holder(state_dir, host):
    """The process that holds the host's tenure, as the kernel says; 0: none."""
    file, at = placing.tenure_place(host.hex)
    with open(os.path.join(state_dir, "tenure", file), "rb+") as lock:
        asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0)
        kind, _, _, _, pid = struct.unpack("hhqqi", fcntl.fcntl(lock, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else pid


def read_log(text):
    """(ms, event, fields) of each line."""
    for match in LINE.finditer(text):
        at = datetime.fromisoformat(match[1].replace("Z", "+00:00")).timestamp() * 1000
        yield at, match[2], {key: value.strip('"') for key, value in FIELD.findall(match[3])}


def spans_of(text, ended_ms):
    """From a worker's log: {host: [(from, to)]} in which it was to act, and [(host, from, to)] in which it acted. What it
    had when it was killed it had until `ended_ms`."""
    began, spans, acts = {}, collections.defaultdict(list), []
    for at, event, fields in read_log(text):
        if event == "tenure" and "acts on the host now" in fields["details"]:
            began[fields["host"]] = at
        elif event == "tenure" and "no more" in fields["details"] and "acts" in fields["details"]:
            spans[fields["host"]].append((began.pop(fields["host"]), at))
        elif event == "worker-down":
            ended_ms = at
        elif event == "request" and "host" in fields and not fields.get("duplicate"):
            acts.append((fields["host"], at - int(fields["total_ms"]) + int(fields["waited_ms"]), at))
    for host, at in began.items():
        spans[host].append((at, ended_ms))
    return spans, acts


def overlaps(spans):
    """The pairs of (from, to) of which the later begins before the earlier ends."""
    ordered = sorted(spans)
    return [(one, other) for one, other in zip(ordered, ordered[1:]) if other[0] < one[1]]


class Load(threading.Thread):
    """Define, get, define, delete and get of one identity after the other, on all hosts, until told to stop: each
    identity's five go out at once, so that their order is the queue's."""

    AT_ONCE = 40

    def __init__(self, lab, broker, hosts, url=None):
        super().__init__(daemon=True)
        self.lab, self.broker, self.hosts, self.url = lab, broker, hosts, url
        self.is_over, self.asked, self.failure = threading.Event(), 0, None

    def run(self):
        client = self.lab.client(self.broker, self.url)
        try:
            while not self.is_over.is_set():
                self.round(client)
            client.settle()
            self.late_answers(client)
        except Exception as e:  # told by who waits for the thread
            self.failure = e
        finally:
            self.lab.drop(client)

    def round(self, client):
        rows = []
        for i in range(self.AT_ONCE):
            host, key, dek = self.hosts[(self.asked + i) % len(self.hosts)], new_key(), b64(new_dek())
            rows.append([client.send(message, host, **key, **fields) for message, fields in (
                ("SecretHostDefineMsg", {"dekBase64": dek}), ("SecretHostGetMsg", {}),
                ("SecretHostDefineMsg", {"dekBase64": dek}), ("SecretHostDeleteMsg", {}), ("SecretHostGetMsg", {}))])
        self.asked += self.AT_ONCE
        replies = client.wait_many([one for row in rows for one in row], 90)
        for i in range(0, len(replies), 5):
            self.check(*replies[i:i + 5])
        self.outcomes = {one: reply.outcome for one, reply in zip((one for row in rows for one in row), replies)}

    @staticmethod
    def check(define, get, again, delete, gone):
        """What is only so if each was done once, and in this order."""
        told = (define.fields.get("created"), get.fields.get("secretUuid") == define.fields.get("secretUuid"),
                again.fields.get("created"), delete.fields.get("deleted"), gone.code)
        if told != (True, True, False, True, "KEY_AGENT_SECRET_NOT_FOUND"):
            raise AssertionError(f"out of order, lost or doubled: {[define, get, again, delete, gone]}")

    def late_answers(self, client):
        for correlation, replies in client.replies.items():
            for reply in replies:
                if self.outcomes.get(correlation, reply.outcome) != reply.outcome:
                    raise AssertionError(f"two answers to one request: {self.outcomes[correlation]}, {reply.outcome}")

    def end(self):
        self.is_over.set()
        self.join(patience(120))
        if self.is_alive() or self.failure:
            raise AssertionError(f"the load: {self.failure or 'no end'}") from self.failure


class Sharing(Scenario):
    """What there is to say of workers that share hosts."""
    bus, own = {}, {}  # of each worker's settings

    def setUp(self):
        super().setUp()
        self.hosts = [self.a.alias() for _ in range(HOSTS)]
        self.state, self.workers, self.ended = self.lab.make_folder("pool-state-" + self.hosts[0].hex[:8]), [], {}

    def join(self, *names, url=None):
        """Start workers of these names, all at once, for all hosts, and leave them to find their places."""
        new = [self.with_part(self.lab.worker(self.broker, *self.hosts, name=f"{name}-{self.hosts[0].hex[:8]}",
                                              state=self.state, waits_ready=False,
                                              settings={"bus": {"url": url or self.broker.url, **self.bus},
                                                        "worker": self.own}))
               for name in names]
        self.workers += self.lab.up(*new)
        wait_until(lambda: all("event=worker-up" in worker.log_text() for worker in new), 30, "the workers to be up")

    def leave(self, name, how):
        worker = next(w for w in self.workers if w.name.startswith(name) and w.alive)
        before = time.time() * 1000
        how(worker)
        self.ended[worker] = before, time.time() * 1000

    def alive(self):
        return [worker for worker in self.workers if worker.alive]

    def held(self):
        """{worker: how many hosts it holds}, with None for those that nobody does."""
        names = {worker.popen.pid: worker for worker in self.alive()}
        return collections.Counter(names.get(holder(self.state, host)) for host in self.hosts)

    def is_calm(self):
        """... and stays so: where the broker had another next in line, a host moves once more."""
        end = time.monotonic() + 3
        while self.is_placed():
            if time.monotonic() > end:
                return True
            time.sleep(0.1)
        return False

    def becomes(self, condition):
        began = time.monotonic()
        try:
            wait_until(condition, SETTLED_WITHIN, condition.__name__, every=0.2)
        except Exception as e:
            raise AssertionError(f"{e}; held: { {w and w.name: n for w, n in self.held().items()} }") from None
        return time.monotonic() - began

    def every_act_was_alone(self):
        """No two were to act on a host at one time, and nobody did who was not to."""
        all_spans = collections.defaultdict(list)
        for worker in self.workers:
            alive, dead = self.ended.get(worker, [time.time() * 1000] * 2)  # a killed one ended in between
            spans, acts = spans_of(worker.log_text(), dead)
            for host, begin, end in acts:
                self.assertTrue(any(a - 1 <= begin and end <= b + 1 for a, b in spans[host]),
                                f"{worker.name} acted on {host} from {begin} to {end}, and was to in {spans[host]}")
            for host, more in spans_of(worker.log_text(), alive)[0].items():
                all_spans[host] += more
        self.assertEqual(len(self.hosts), len(all_spans))
        for host, spans in all_spans.items():
            self.assertEqual([], overlaps(spans), f"two acted on {host} at once")

    def go_through(self, changes, url=None):
        """Under load, one change after the other, each once all is even and calm. Prints how soon it was even."""
        load = Load(self.lab, self.broker, self.hosts, url)
        load.start()
        self.addCleanup(load.is_over.set)
        took = []
        for change in (lambda: None, *changes):
            change()
            took.append(self.becomes(self.is_even))
            self.becomes(self.is_calm)
            time.sleep(SECONDS)  # at work
            self.becomes(self.is_even)
        load.end()
        print(f"      {len(self.hosts)} hosts, {load.asked * 5} requests; even after {', '.join(f'{s:.1f}' for s in took[1:])} s")

    def nothing_is_left_of_it(self):
        self.every_act_was_alone()
        self.assertEqual([], self.workers[0].ask_ledger("SELECT uuid FROM secrets"))
        self.assertEqual([], self.workers[0].ask_ledger("SELECT id FROM inbox WHERE state <> 'done'"))


class Pool(Sharing):
    def is_even(self):
        held, even = self.held(), HOSTS / len(self.alive())
        return None not in held and all(abs(held[worker] - even) <= 0.2 * even for worker in self.alive())

    def is_placed(self):
        """Each host is with the worker that the protocol names."""
        names = {worker.popen.pid: worker.name for worker in self.alive()}
        wanted = placing.firsts(["keyferry.host." + host.hex for host in self.hosts], list(names.values()))
        return all(names.get(holder(self.state, host)) == wanted["keyferry.host." + host.hex] for host in self.hosts)

    def test_one_four_two_three_workers_share_the_hosts_under_load(self):
        self.join("one")
        self.becomes(self.is_even)
        self.go_through((lambda: self.join("two", "three", "four"),
                         lambda: (self.leave("two", lambda w: w.kill()), self.leave("four", lambda w: w.stop())),
                         lambda: self.join("five")))
        for host in self.hosts[:3]:
            self.broker.wait_for_drained("keyferry.host." + host.hex)
        self.nothing_is_left_of_it()

    def test_all_that_start_at_once_find_the_places_that_the_protocol_tells(self):
        self.join("one", "two", "three")
        self.becomes(self.is_placed)

    def test_a_killed_worker_is_replaced_within_5_s_on_each_of_its_hosts(self):
        self.join("one", "two")
        self.becomes(self.is_placed)
        victim = self.workers[0]
        victim.kill()
        began = time.monotonic()
        wait_until(lambda: None not in self.held(), 10, "every host to be held again")
        self.assertLess(time.monotonic() - began, patience(5))


    # What may be wrong with it.
    def heard(self, name):
        """(routing key, words) of the next announcement of this worker."""
        connection = self.broker.connection()
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, WORKERS, "pool.#")
        found = []

        def next_one():
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            if method and properties.correlation_id == name:
                found.append((method.routing_key, body.decode().split(" ")))
            return found
        wait_until(next_one, 10, f"{name} to announce itself")
        connection.close()
        return found[0]

    def is_answered(self, seconds):
        """One request to each host."""
        asked = [self.client.send("SecretHostGetMsg", host, **new_key()) for host in self.hosts]
        return self.client.wait_many(asked, seconds)

    def pair(self):
        """Two workers that share six hosts, and the link by which the second reaches the broker."""
        self.hosts, link = self.hosts[:6], self.with_part(self.lab.link(self.broker))
        self.join("one")
        self.join("two", url=link.url)
        self.becomes(lambda: len(self.held()) == 2 and None not in self.held())
        return *self.workers, link

    def test_a_false_announcement_moves_a_host_and_keeps_none_from_being_served(self):
        one, two, link = self.pair()
        key, words = self.heard(two.name)
        link.is_silent = True
        link.cut()  # it is there, and cannot be reached
        self.is_answered(40)
        self.becomes(lambda: dict(self.held()) == {one: len(self.hosts)})

        def forge():
            for name, pid in ((two.name, words[1]), ("ghost", "1"), ("ghost-2", str(os.getpid()))):
                self.client.publish(key, " ".join(("1", pid, "here", words[3], "ff")), exchange=WORKERS, mandatory=False,
                                    correlation_id=name)
            time.sleep(0.5)
            return "is for another worker" in one.log_text()
        wait_until(forge, 20, "the host to be handed to who does not take it")
        end = time.monotonic() + 30  # by then it has come back, and is kept: a minute long (worker/sharing.c)
        while time.monotonic() < end:
            forge()
        self.is_answered(2)
        self.becomes(lambda: dict(self.held()) == {one: len(self.hosts)})
        self.assertNotIn("ghost", one.log_text())

    def test_one_that_is_cut_off_lets_go_of_its_hosts_though_nobody_asks_for_anything(self):
        one, two, link = self.pair()
        link.is_silent = True
        link.cut()
        wait_until(lambda: dict(self.held()) == {one: len(self.hosts)}, 40, "the other to hold all hosts", every=0.2)
        self.assertTrue(two.alive, "it was killed, and had only to be asked")
        self.assertNotIn("event=tenure-fence", one.log_text())

    def test_workers_that_cannot_hear_each_other_all_subscribe(self):
        self.hosts = self.hosts[:1]
        self.broker.add_users("unheard")
        everything_else = "^(?!keyferry[.]workers).*"
        self.broker.ctl("set_permissions", "unheard", *[everything_else] * 3)
        self.join("one", "two", url=self.broker.url_of("unheard"))
        queue = "keyferry.host." + self.hosts[0].hex
        wait_until(lambda: self.broker.rows("consumers", "queue_name").count({"queue_name": queue}) == 2, 20,
                   "both to subscribe")
        wait_until(lambda: all(worker.log_text().count("event=pool-down") == 1 for worker in self.workers), 10,
                   "both to say so, once")
        self.is_answered(10)
        self.leave("one", lambda w: w.kill())
        self.is_answered(10)


class Partitions(Sharing):
    """The same, where all hosts are behind a few queues: which host is in which the broker decides."""
    takes_long = True

    def setUp(self):
        super().setUp()
        self.vhost = "pool-" + self.hosts[0].hex[:8]
        self.url = self.broker.add_vhost(self.vhost)
        self.addCleanup(self.broker.ctl, "delete_vhost", self.vhost)
        self.bus = {"url": self.url, "partitions": PARTITIONS}
        self.queues = [f"keyferry.partition.{n:04d}" for n in range(PARTITIONS)]
        self.client = self.with_part(self.lab.client(self.broker, self.url))

    def find_partitions(self):
        """.queue_of: of each host the one that brings what is for it; the dead letter of what is no request names it."""
        for host in self.hosts:
            self.client.send_body(b"?", "host." + host.hex, {"reply_to": None})
        letters = [properties.headers for properties, _ in self.client.dead_letters(len(self.hosts), 60)]
        found = {headers["x-keyferry-routing-key"]: headers["x-keyferry-queue"] for headers in letters}
        self.queue_of = {host: found["host." + host.hex] for host in self.hosts}

    def holders(self):
        """{partition that has hosts: who holds them}, which is more than one only while it is handed over."""
        names, found = {worker.popen.pid: worker for worker in self.alive()}, collections.defaultdict(set)
        for host, queue in self.queue_of.items():
            found[queue].add(names.get(holder(self.state, host)))
        return found

    def is_even(self):
        """By partitions: how many hosts are in each is the broker's affair."""
        found = self.holders()
        even = len(found) / len(self.alive())
        count = collections.Counter(next(iter(of)) for of in found.values() if len(of) == 1)
        return None not in count and sum(count.values()) == len(found) and all(
            abs(count[worker] - even) <= max(0.2 * even, 1) for worker in self.alive())

    def is_placed(self):
        wanted = placing.firsts(self.queues, [worker.name for worker in self.alive()])
        return all({worker and worker.name for worker in of} == {wanted[queue]} for queue, of in self.holders().items())

    def is_drained(self):
        return all(row["messages"] == "0" for row in self.broker.rows("queues", "name", "messages", extra=("-p", self.vhost))
                   if row["name"].startswith("keyferry.partition."))

    def test_one_three_two_workers_share_the_partitions_under_load(self):
        self.join("one")
        wait_until(lambda: None not in self.held(), 60, "every host to be held")
        self.find_partitions()
        self.go_through((lambda: self.join("two", "three"), lambda: self.leave("two", lambda w: w.kill())), self.url)
        wait_until(self.is_drained, 30, "the partitions to be drained", every=0.5)
        self.nothing_is_left_of_it()
        self.assertNotIn("event=tenure-fence", "".join(worker.log_text() for worker in self.workers))

    def are_spread(self):
        """Each host that nobody asked for is with the worker that the protocol names."""
        names = {worker.popen.pid: worker.name for worker in self.alive()}
        return all(names.get(holder(self.state, host)) == placing.in_order(host.uuid, list(names.values()))[0]
                   for host in self.hosts[ASKED_FOR:])

    def test_hosts_that_nobody_asks_for_are_spread_and_looked_after(self):
        self.join("one")
        self.becomes(lambda: None not in self.held())
        secrets = [self.defined(host) for host in self.hosts[:ASKED_FOR]]
        self.join("two", "three")
        self.becomes(self.are_spread)
        self.leave("two", lambda worker: worker.kill())
        self.a.restart()
        wait_until(lambda: set(secrets) <= set(self.a.secrets()), 30, "the secrets to come back")
        self.becomes(self.are_spread)
        for host in self.hosts[:ASKED_FOR]:
            self.refuses(self.get(host, new_key()), NOT_FOUND)


    def test_a_partition_is_not_handed_over_while_a_migration_within_it_waits(self):
        """What the migration waits for comes by the same queue, and would not be begun any more."""
        source, destination = self.hosts = self.a.alias(), self.b.alias()
        self.queues, self.bus = self.queues[:1], {**self.bus, "partitions": 1}
        self.own = {"hypervisor_wait_ms": 90000, "request_timeout_ms": 90000}  # for all of what follows
        tail = "-" + source.hex[:8]
        better, present = [name[:-len(tail)] for name in placing.in_order(self.queues[0], ["one" + tail, "two" + tail])]
        self.join(present)
        self.becomes(lambda: None not in self.held())
        key = new_key()
        vm = self.vm(self.a, "encrypted", self.defined(source, key), key["vmUuid"])
        self.b.freeze()
        self.addCleanup(self.b.thaw)
        sent = self.client.send("VtpmPreMigrateMsg", source,
                                **self.pre_migrate_fields(source, destination, new_key(vm.uuid)))
        wait_until(lambda: "event=hypervisor-down" in self.workers[0].log_text(), 20, "the destination to be away")
        self.join(better)
        wait_until(lambda: "event=queue-up" in self.workers[1].log_text(), 20, "the better one to stand by")
        end = time.monotonic() + 5  # twice as long as a pool needs to be settled
        while time.monotonic() < end:
            self.assertNotIn(LEAVES, self.workers[0].log_text())
            time.sleep(0.1)
        self.b.thaw()
        self.succeeds(self.client.wait(sent, 40))
        wait_until(lambda: LEAVES in self.workers[0].log_text(), 20, "the partition to be handed over")
        self.becomes(lambda: self.get(source, new_key()) and self.held()[self.workers[1]] > 0)


class Checks(unittest.TestCase):
    """What the test above stands on can fail."""

    LOG = """ts=2026-01-01T00:00:01.000Z level=info event=tenure host=h details="this worker acts on the host now"
ts=2026-01-01T00:00:02.000Z level=info event=request msg=X host=h waited_ms=10 total_ms=500 reply=ok
ts=2026-01-01T00:00:03.000Z level=info event=tenure host=h details="this worker acts on the host no more"
"""

    def test_two_at_once_are_seen(self):
        spans, acts = spans_of(self.LOG, 0)
        (begin, end), = spans["h"]
        self.assertEqual(2000, end - begin)
        self.assertEqual([("h", begin + 510, begin + 1000)], acts)
        self.assertEqual([], overlaps([(begin, end), (end, end + 5)]))
        self.assertEqual(1, len(overlaps([(end - 1, end + 5), (begin, end)])))

    def test_an_answer_out_of_order_is_seen(self):
        class Told:
            code = None

            def __init__(self, **fields):
                self.fields = fields

        with self.assertRaises(AssertionError):
            Load.check(Told(created=True, secretUuid="u"), Told(secretUuid="u"), Told(created=True), Told(deleted=True),
                       Told())
