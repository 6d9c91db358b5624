"""Queues that all hosts share, behind RabbitMQ's consistent-hash exchange.

Each in a virtual host of its own, since the exchange takes what is for any host, and a ring is of one size.
"""
import json
import subprocess
import time

from tests.e2e.base import NOT_FOUND, WRONG_HOST, Scenario, b64, new_dek, new_key, new_uuid
from tests.e2e.test_pool import holder, read_log
from tests.e2e.test_takeover import HEARTBEAT_S
from tests.e2e.test_topology import QUORUM, read_arguments
from tests.lab import patience, placing, program, wait_until
from tests.lab.client import DEAD, encode

PARTITIONS = 4
SERVES = "this worker acts on the host now"
BODY_MAX = 64 * 1024


def queue_of(number):
    return f"keyferry.partition.{number:04d}"


class Shared(Scenario):
    def setUp(self):
        super().setUp()
        self.vhost = "partitions-" + new_uuid()[:8]
        self.url = self.broker.add_vhost(self.vhost)
        self.addCleanup(self.broker.ctl, "delete_vhost", self.vhost)
        self.client = self.with_part(self.lab.client(self.broker, self.url))

    def partitioned(self, hosts, partitions=PARTITIONS, name=None, bus=None, **options):
        bus = {"url": self.url, "partitions": partitions, **(bus or {})}
        name = name or "shares-" + hosts[0].name
        return self.worker(*hosts, name=name, settings={"bus": bus}, **options)

    def aliases(self, count):
        return [self.a.alias() for _ in range(count)]

    def rows(self, what, *columns):
        return self.broker.rows(what, *columns, extra=("-p", self.vhost))

    def is_drained(self):
        return all(row["messages"] == "0" for row in self.rows("queues", "name", "messages")
                   if row["name"].startswith("keyferry.partition."))

    def queue_of_host(self, host):
        """The queue that brought what is no request: its dead letter names it."""
        self.client.send_body(b"?", "host." + host.hex, {"reply_to": None})
        (properties, _), = self.client.dead_letters()
        return properties.headers["x-keyferry-queue"]


class Partitions(Shared):
    def keyferry(self, status, *arguments):
        """What `keyferry --json` prints; its exit status must be that (None: any)."""
        run = subprocess.run([*program("keyferry"), "--json", *arguments], capture_output=True, text=True,
                             timeout=patience(60), check=False, stdin=subprocess.DEVNULL)
        if status is not None:
            self.assertEqual(status, run.returncode, (run.stdout, run.stderr))
        return run.stdout

    # What it looks like.
    def test_many_hosts_are_served_by_few_queues_and_senders_change_nothing(self):
        hosts = self.aliases(8)
        self.partitioned(hosts)
        for host in hosts:
            key = new_key()
            secret_uuid = self.defined(host, key)
            self.assertEqual(secret_uuid, self.succeeds(self.get(host, key))["secretUuid"])
        names = {row["name"] for row in self.rows("queues", "name") if not row["name"].startswith(("keyferry.reply.", "keyferry.workers.", "amq."))}
        self.assertEqual({queue_of(n) for n in range(PARTITIONS)} | {DEAD}, names)
        self.assertGreater(len({self.queue_of_host(host) for host in hosts}), 1)

    def test_the_names_on_the_broker(self):
        self.partitioned(self.aliases(1))
        row, = [row for row in self.rows("queues", "name", "durable", "arguments") if row["name"] == queue_of(3)]
        self.assertEqual("true", row["durable"])
        self.assertEqual(QUORUM, read_arguments(row["arguments"]))
        exchanges = {row["name"]: (row["type"], row["durable"]) for row in self.rows("exchanges", "name", "type", "durable")}
        self.assertEqual(("x-consistent-hash", "true"), exchanges["keyferry.partitions"])
        bindings = {(row["source_name"], row["destination_name"], row["destination_kind"], row["routing_key"])
                    for row in self.rows("bindings", "source_name", "destination_name", "destination_kind", "routing_key")}
        self.assertIn(("keyferry.p2p", "keyferry.partitions", "exchange", "host.*"), bindings)
        for n in range(PARTITIONS):
            self.assertIn(("keyferry.partitions", queue_of(n), "queue", "1"), bindings)
            self.assertIn(("keyferry.p2p", queue_of(n), "queue", f"partition.{n:04d}"), bindings)

    # Who is served.
    def test_a_host_that_is_not_served_has_a_route_and_is_told(self):
        host, = self.aliases(1)
        self.partitioned([host])
        self.refuses(self.get(self.a.alias(), new_key()), WRONG_HOST, field="hostUuid")
        self.refuses(self.get(host, new_key()), NOT_FOUND)

    def test_the_host_of_the_message_must_be_that_of_the_routing_key(self):
        host, other = self.aliases(2)
        self.partitioned([host, other])
        for key in ("host." + other.hex, "partition.0001", "partition.0002"):
            self.refuses(self.client.wait(self.client.send("SecretHostGetMsg", host, key=key, **new_key())), WRONG_HOST,
                         field="hostUuid")

    def test_the_same_id_is_another_request_at_another_host(self):
        host, other = self.a.alias(), self.b.alias()
        self.partitioned([host, other], partitions=1)
        key = new_key()
        first, second = (self.succeeds(self.define(one, key, id="one-id")) for one in (host, other))
        self.assertNotEqual(first["secretUuid"], second["secretUuid"])

    def test_a_migration_between_hosts_of_one_partition_does_not_wait_for_itself(self):
        source, destination = self.a.alias(), self.b.alias()
        self.partitioned([source, destination], partitions=1, bus={"prefetch": 2})
        vms = [self.vm(self.a, "encrypted", self.defined(source, key), key["vmUuid"])
               for key in [new_key() for _ in range(2)]]
        keys = [new_key(vm.uuid) for vm in vms]
        sent = [self.client.send("VtpmPreMigrateMsg", source, **self.pre_migrate_fields(source, destination, key))
                for key in keys]
        replies = self.client.wait_many(sent)
        self.assertTrue(any(reply.success for reply in replies), replies)
        for key, reply in zip(keys, replies):
            if not reply.success:
                self.refuses(reply, "KEY_AGENT_BUSY")
                self.succeeds(self.pre_migrate(source, destination, key))

    # Dead letters.
    def test_dead_letters_are_found_by_host(self):
        host, other = self.aliases(2)
        self.partitioned([host, other])
        self.client.send_body(b"?", "host." + host.hex, {"message_id": "mine", "reply_to": None})
        self.client.send_body(b"?" * (BODY_MAX + 1), "host." + host.hex, {"message_id": "large", "reply_to": None})
        self.client.send_body(b"?", "host." + other.hex, {"message_id": "other", "reply_to": None})
        wait_until(lambda: self.client.channel.queue_declare(DEAD, passive=True).method.message_count == 3, 20, "three letters")
        out = self.keyferry(0, "--url", self.url, "dead", "list", "--host", host.uuid)
        self.assertEqual({"mine", "large"}, {json.loads(line)["id"] for line in out.splitlines()})
        self.client.purge_dead_letters()

    # For people.
    def test_queues_status_and_doctor_know_partitions(self):
        hosts = self.aliases(2)
        worker = self.partitioned(hosts)
        told = json.loads(self.keyferry(0, "-c", worker.config, "queues"))["hosts"]
        self.assertEqual([{"queue": queue_of(n), "isThere": True, "waiting": 0, "consumers": 1} for n in range(PARTITIONS)],
                         told)
        for source in (["-c", worker.config], ["--url", self.url, "--host", hosts[0].uuid, "--host", hosts[1].uuid]):
            told = json.loads(self.keyferry(0, *source, "status"))["hosts"]
            self.assertEqual([(host.uuid, "served") for host in hosts], [(row["hostUuid"], row["state"]) for row in told])
        told = json.loads(self.keyferry(1, "--url", self.url, "status", "--host", self.a.alias().uuid))["hosts"]
        self.assertEqual("refused", told[0]["state"])
        checks = {(check["check"], check["result"]): check["details"] for check in
                  json.loads(self.keyferry(None, "-c", worker.config, "doctor"))["checks"]}
        self.assertIn(f"of {PARTITIONS} queues {PARTITIONS} are as they should be", checks["queues", "ok"])

    def test_metrics_tell_of_every_host(self):
        hosts = self.aliases(2)
        worker = self.partitioned(hosts)
        for host in hosts:
            self.assertIn(f'keyferry_host_consuming{{host="{host.uuid}"}} 1', worker.get("/metrics")[1])

    # The ring.
    def test_a_host_stays_with_its_queue_over_restarts_of_worker_and_broker(self):
        hosts = self.aliases(12)
        worker = self.partitioned(hosts)
        before = [self.queue_of_host(host) for host in hosts]
        worker.restart()
        self.assertEqual(before, [self.queue_of_host(host) for host in hosts])
        self.broker.restart()
        wait_until(lambda: worker.get("/readyz")[0] == 200, 30, "the worker to be back")
        self.client = self.with_part(self.lab.client(self.broker, self.url))
        self.assertEqual(before, [self.queue_of_host(host) for host in hosts])

    def test_a_partition_that_an_operator_deleted_is_made_again(self):
        host, = self.aliases(1)
        worker = self.partitioned([host], partitions=2)
        queue = self.queue_of_host(host)
        self.broker.ctl("delete_queue", "-p", self.vhost, queue)
        wait_until(lambda: worker.log_text().count(f"event=queue-up queue={queue}") == 2, 20, "the queue to be back")
        self.refuses(self.get(host, new_key()), NOT_FOUND)

    def test_a_broker_without_the_plugin_is_told(self):
        broker = self.with_part(self.lab.broker("bare", plugins=())).start()
        worker = self.with_part(self.lab.worker(broker, self.a.alias(), waits_ready=False,
                                                settings={"bus": {"partitions": 2}})).start()
        wait_until(lambda: "x-consistent-hash" in worker.log_text(), 20, "the worker to tell")
        self.assertIn("unknown exchange type", worker.log_text())


class Pair(Shared):
    """Two workers with the same hosts and partitions, each of which has some of them."""
    takes_long = True

    HOSTS = 12

    def setUp(self):
        super().setUp()
        self.hosts = self.aliases(self.HOSTS)
        name = self.hosts[0].name
        self.first = self.partitioned(self.hosts, name="first-" + name)
        self.second = self.partitioned(self.hosts, name="second-" + name, state=self.first.state_dir)
        firsts = placing.firsts([queue_of(n) for n in range(PARTITIONS)], [self.first.name, self.second.name])
        self.server_of = {host: firsts[self.queue_of_host(host)] for host in self.hosts}
        self.of_first = [host for host in self.hosts if self.server_of[host] == self.first.name]
        self.assertTrue(0 < len(self.of_first) < self.HOSTS, self.of_first)
        wait_until(self.each_is_where_it_should_be, 30, "each partition to be with its first", every=0.5)
        self.logged = len(self.second.log_text())

    def each_is_where_it_should_be(self):
        for host in self.hosts:
            self.refuses(self.get(host, new_key()), NOT_FOUND)
        names = {worker.popen.pid: worker.name for worker in (self.first, self.second)}
        return all(names.get(holder(self.first.state_dir, host)) == self.server_of[host] for host in self.hosts)

    def load(self, count):
        """Define, get and delete of so many identities a host, in that order: what came of it can be told from the answers."""
        keys = [(host, new_key()) for _ in range(count) for host in self.hosts]
        return [[self.client.send(message, host, **key, **fields) for message, fields in (
            ("SecretHostDefineMsg", {"dekBase64": b64(new_dek())}), ("SecretHostGetMsg", {}),
            ("SecretHostDeleteMsg", {}))] for host, key in keys]

    def is_under_way(self):
        self.client.settle(0)
        return len(self.client.replies) > 20

    def loaded(self, how):
        """What comes before and after `how`; it happens under load."""
        asked = self.load(30)
        wait_until(self.is_under_way, 20, "some answers")
        how()
        return asked + self.load(10)

    def all_answered_once(self, asked):
        flat = [one for each in asked for one in each]
        replies = self.client.wait_many(flat, 90)
        for define, get, delete in zip(replies[::3], replies[1::3], replies[2::3]):
            self.assertIs(True, self.succeeds(define)["created"])
            self.assertEqual(define["secretUuid"], self.succeeds(get)["secretUuid"])
            self.assertIs(True, self.succeeds(delete)["deleted"])
        self.client.settle()
        of = dict(zip(flat, replies))
        for correlation, more in self.client.replies.items():  # answers that were not acked in time
            for reply in more:
                self.assertEqual(of[correlation].outcome, reply.outcome)
        wait_until(self.is_drained, 20, "the partitions to be drained", every=0.2)
        self.assertEqual([], self.second.ask_ledger("SELECT uuid, state FROM secrets"))
        self.assertEqual([], self.second.ask_ledger("SELECT id FROM inbox WHERE state <> 'done'"))

    def second_serves_all(self):
        text = self.second.log_text()[self.logged:]
        return all(f'event=tenure host={host.uuid} details="{SERVES}"' in text for host in self.of_first)

    def test_one_that_is_killed_is_replaced_within_5_s(self):
        asked = self.loaded(self.first.kill)
        began = time.monotonic()
        wait_until(self.second_serves_all, 10, "the other to serve all hosts")
        self.assertLess(time.monotonic() - began, patience(5))
        self.all_answered_once(asked)

    def test_one_that_is_frozen_is_replaced_and_does_not_wake_again(self):
        asked = self.loaded(self.first.freeze)
        wait_until(self.second_serves_all, 60, "the other to serve all hosts")
        wait_until(lambda: not self.first.alive, 5, "the frozen worker to be dead, so that it does not wake")
        fences = [at for at, event, _ in read_log(self.second.log_text()) if event == "tenure-fence"]
        self.assertTrue(fences)  # once for all that it held, and again only where it took a second to die
        self.assertTrue(all(later - earlier > 900 for earlier, later in zip(fences, fences[1:])), fences)
        self.all_answered_once(asked)

    def test_one_that_is_stopped_hands_over_in_good_order(self):
        self.all_answered_once(self.loaded(lambda: self.assertEqual(0, self.first.stop())))
        self.assertNotIn("event=tenure-fence", self.second.log_text())

    def test_a_host_whose_requests_come_by_both_is_acted_on_by_one_at_a_time(self):
        """As it is where the ring was changed while requests waited: it goes to and fro, and nothing is lost or doubled."""
        self.client.channel.exchange_declare("aside", "fanout")
        for n in range(PARTITIONS):
            self.client.channel.queue_bind(queue_of(n), "aside")
        host, asked = self.hosts[0], []
        for _ in range(30):
            key, sent = new_key(), new_uuid()
            fields = {"id": sent, "hostUuid": host.uuid, "createdTime": int(time.time() * 1000), **key,
                      "dekBase64": b64(new_dek())}
            self.client.publish("host." + host.hex, encode({"SecretHostDefineMsg": fields}, "json"), exchange="aside",
                                content_type="application/json", reply_to=self.client.queue, correlation_id=sent)
            asked.append((key, sent))
        for key, sent in asked:
            first = self.succeeds(self.client.wait(sent, 60))
            for _ in range(PARTITIONS - 1):
                self.assertEqual(first.outcome, self.client.wait(sent, 60).outcome)
            self.assertIs(True, first["created"])
            self.holds(self.a, key, first["secretUuid"])
        wait_until(self.is_drained, 20, "the partitions to be drained", every=0.2)
        logs = self.first.log_text() + self.second.log_text()
        self.assertIn("another worker asks for the host", logs)
        self.assertNotIn("event=tenure-fence", logs)

    def test_one_that_is_frozen_is_replaced_though_nobody_asks_for_anything(self):
        secrets = [self.defined(host) for host in self.hosts]
        self.first.freeze()
        began = time.monotonic()
        self.a.restart()
        wait_until(lambda: set(secrets) <= set(self.a.secrets()), 60, "the secrets to come back", every=0.2)
        self.assertLess(time.monotonic() - began, patience(2 * HEARTBEAT_S + 10 + 10))
        wait_until(lambda: not self.first.alive, 5, "the frozen worker to be dead, so that it does not wake")

    def test_what_libvirt_lost_comes_back_though_nobody_asks(self):
        keys = [(host, new_key()) for host in self.hosts]
        secrets = [self.defined(host, key) for host, key in keys]
        self.a.restart()
        wait_until(lambda: set(secrets) <= set(self.a.secrets()), 30, "the secrets to come back")
        self.first.kill()
        self.a.restart()
        wait_until(lambda: set(secrets) <= set(self.a.secrets()), 30, "the secrets to come back")
