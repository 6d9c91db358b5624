"""Whether a worker that is connected is consuming: canaries, /readyz and the watchdog. It takes its minutes."""
import time

from tests.e2e.base import NOT_FOUND, Scenario, new_key
from tests.lab import NotifySocket, Wire, wait_until
from tests.lab.wire import FIRST_QUEUE_CHANNEL

CANARY = "application/vnd.keyferry.canary"
QUIET_S, CANARY_S = 60, 15  # as worker/setup.c and bus/proof.h have them


class Canaries:
    """A queue beside that of this routing key, which gets a copy of all that is sent to it: whose canaries came, and when."""

    name = "canaries"

    def __init__(self, connection, key):
        self.connection, self.of = connection, {}
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "keyferry.p2p", key)
        channel.basic_consume(queue, self._on_message, auto_ack=True)

    def _on_message(self, _channel, _method, properties, body):
        if properties.content_type == CANARY:
            assert body == b"", body
            self.of.setdefault(properties.correlation_id, []).append(time.monotonic())

    def seen_of(self, worker):
        """When the first of this worker came, or None."""
        self.connection.process_data_events(0)
        return self.of.get(worker.name, [None])[0]

    def end(self):
        self.connection.close()


class Consuming(Scenario):
    """A worker that goes deaf, a pair, and one with a backlog, side by side, since each takes a minute and more."""
    takes_long = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.of_deaf, cls.of_pair, cls.of_busy = cls.a.alias(), cls.a.alias(), cls.a.alias()
        cls.asker = cls.keep(cls.lab.client(cls.broker))
        cls.active = cls.start_worker(cls.broker, cls.of_pair, name="active")
        cls.canaries = cls.keep(Canaries(cls.broker.connection(), "host." + cls.of_pair.hex))
        cls.standby = cls.start_worker(cls.broker, cls.of_pair, name="standby")
        cls.begin_partition()
        cls.begin_backlog()
        cls.begin_deafness()

    @classmethod
    def keep(cls, part):
        if part not in cls.lab.parts:
            cls.lab.parts.append(part)
        cls.addClassCleanup(cls.lab.drop, part)
        return part

    @classmethod
    def start_worker(cls, broker, host, environment=None, **options):
        worker = cls.keep(cls.lab.worker(broker, host, **options))
        worker.extra_environment = environment or {}
        return worker.start()

    @classmethod
    def begin_partition(cls):
        url = cls.broker.add_vhost("canaries")
        cls.addClassCleanup(cls.broker.ctl, "delete_vhost", "canaries")
        cls.of_partition = cls.a.alias()
        cls.shares = cls.start_worker(cls.broker, cls.of_partition, name="shares",
                                      settings={"bus": {"url": url, "partitions": 2}})
        cls.of_second = cls.keep(Canaries(cls.broker.connection(url), "partition.0001"))

    @classmethod
    def begin_backlog(cls):
        """A request that waits for another host, and its duplicate, fill the window; the others wait behind them."""
        cls.silent = cls.keep(cls.lab.fake_host(cls.broker, {"VtpmPostMigrateMsg": None})).start()
        cls.busy = cls.start_worker(cls.broker, cls.of_busy, name="busy", settings={
            "bus": {"prefetch": 2}, "worker": {"request_timeout_ms": 600000}})
        fields = {**new_key(), "srcHostUuid": cls.of_busy.uuid, "dstHostUuid": cls.silent.uuid, "migrationId": "m-1",
                  "outcome": "success", "id": "waits", "createdTime": int(time.time() * 1000)}
        cls.waiting = [cls.asker.send("VtpmPostMigrateMsg", cls.of_busy, **fields) for _ in range(2)]
        cls.behind = [cls.asker.send("SecretHostGetMsg", cls.of_busy, **new_key()) for _ in range(20)]
        cls.silent.wait_for("VtpmPostMigrateMsg")

    @classmethod
    def begin_deafness(cls):
        cls.wire = cls.keep(Wire(cls.broker))
        cls.notify = cls.keep(NotifySocket(cls.lab, "notify", 2))
        cls.deaf = cls.start_worker(cls.wire, cls.of_deaf, cls.notify.environment, name="deaf")
        wait_until(cls.notify.is_fed, 5, "the watchdog to be fed")
        assert not cls.asker.ask("SecretHostGetMsg", cls.of_deaf, **new_key()).success
        cls.wire.deaf, cls.deaf_since = True, time.monotonic()

    def readiness(self, worker, host):
        status, text = worker.get("/readyz?host=" + host.uuid)
        return status, text.strip()

    def is_well(self, worker, host):
        self.assertEqual(200, self.readiness(worker, host)[0])
        for event in ("queue-deaf", "queue-down", "broker-down"):
            self.assertNotIn("event=" + event, worker.log_text())

    def test_a_deaf_worker_is_told_consumes_anew_and_then_lets_the_watchdog_bite_until_it_hears(self):
        lost = self.wire.lost
        wait_until(lambda: self.readiness(self.deaf, self.of_deaf)[0] == 503, QUIET_S + CANARY_S + 10, "deafness", 0.2)
        self.assertGreater(time.monotonic() - self.deaf_since, QUIET_S)
        self.assertIn("connected, but deaf", self.readiness(self.deaf, self.of_deaf)[1])
        self.assertIn("event=queue-deaf queue=keyferry.host." + self.of_deaf.hex, self.deaf.log_text())
        wait_until(self.notify.is_fed, 5, "the watchdog to be fed: consuming anew may help")
        wait_until(lambda: "event=watchdog-unfed" in self.deaf.log_text(), CANARY_S + 15, "an end of it", 0.2)
        time.sleep(3 * self.notify.watchdog_s)
        self.assertGreater(time.monotonic() - self.notify.feedings[-1], 2 * self.notify.watchdog_s)
        self.assertIn("consuming anew did not help", self.readiness(self.deaf, self.of_deaf)[1])
        self.assertNotIn("broker-down", self.deaf.log_text())  # heartbeats came and went all along
        self.assertGreater(self.wire.lost, lost)
        self.wire.deaf = False
        self.refuses(self.get(self.of_deaf, new_key()), NOT_FOUND)
        wait_until(lambda: self.readiness(self.deaf, self.of_deaf)[0] == 200, 10, "the worker to be ready")
        wait_until(self.notify.is_fed, 5, "the watchdog to be fed")

    def test_a_pair_stays_ready_though_the_standby_sees_no_canary(self):
        for worker in (self.active, self.standby):
            wait_until(lambda w=worker: self.canaries.seen_of(w), QUIET_S + 20, f"a canary of {worker.name}", 0.2)
        judged = self.canaries.seen_of(self.standby) + CANARY_S + 5
        wait_until(lambda: time.monotonic() > judged, CANARY_S + 10, "the canary to be missed", 0.2)
        self.is_well(self.active, self.of_pair)
        self.is_well(self.standby, self.of_pair)
        self.active.kill()
        self.refuses(self.get(self.of_pair, new_key()), NOT_FOUND)
        self.is_well(self.standby, self.of_pair)

    def test_a_partition_is_proven_by_canaries_through_itself(self):
        wait_until(lambda: self.of_second.seen_of(self.shares), QUIET_S + 20, "a canary", 0.2)
        judged = self.of_second.seen_of(self.shares) + CANARY_S + 5
        wait_until(lambda: time.monotonic() > judged, CANARY_S + 10, "the canary to be missed", 0.2)
        self.is_well(self.shares, self.of_partition)

    def test_a_worker_with_a_backlog_stays_ready(self):
        judged = self.deaf_since + QUIET_S + 2 * CANARY_S
        wait_until(lambda: time.monotonic() > judged, QUIET_S + 2 * CANARY_S, "the time of a deaf one", 0.2)
        self.is_well(self.busy, self.of_busy)
        self.assertEqual(20, self.broker.queue("keyferry.host." + self.of_busy.hex)[0])
        self.silent.reply(self.silent.requests[0], {"success": True, "deletedOn": "none"})
        for reply in self.asker.wait_many(self.waiting):
            self.succeeds(reply)
        for reply in self.asker.wait_many(self.behind):
            self.refuses(reply, NOT_FOUND)
        self.is_well(self.busy, self.of_busy)


class ConsumeOk(Scenario):
    def test_a_consume_that_is_never_answered_is_told_and_tried_again_beside_it(self):
        host = self.a.alias()
        self.worker(host).stop()
        wire = self.with_part_of_ours(Wire(self.broker))
        wire.stuck_from = FIRST_QUEUE_CHANNEL
        worker = self.with_part(self.lab.worker(wire, host, waits_ready=False, name="stuck")).start()
        wait_until(lambda: wire.lost >= 2, 30, "the worker to give up waiting, and the close to be lost as well", 0.2)
        self.assertEqual(503, worker.get("/readyz?host=" + host.uuid)[0])
        wire.stuck_from = None
        wait_until(lambda: "event=queue-down" in worker.log_text(), 20, "the worker to say so")
        self.assertIn(f"consuming from queue 'keyferry.host.{host.hex}': no answer within 15 s", worker.log_text())
        self.refuses(self.get(host, new_key(), seconds=30), NOT_FOUND)
        self.assertNotIn("event=broker-down", worker.log_text())  # the connection is the same, and the channel another
        self.assertEqual(0, worker.stop())

    def with_part_of_ours(self, part):
        self.lab.parts.append(part)
        return self.with_part(part)

    def test_what_is_never_confirmed_is_published_again_by_a_new_connection(self):
        host = self.a.alias()
        wire = self.with_part_of_ours(Wire(self.broker))
        worker = self.with_part(self.lab.worker(wire, host, name="unconfirmed")).start()
        self.refuses(self.get(host, new_key()), NOT_FOUND)
        wire.unconfirming = True
        sent = self.client.send("SecretHostGetMsg", host, **new_key())
        first = self.refuses(self.client.wait(sent), NOT_FOUND)
        wait_until(lambda: "a publication was not confirmed for 10 s" in worker.log_text(), 20, "the worker to give up waiting")
        wire.unconfirming = False
        self.assertEqual(first.outcome, self.client.wait(sent, 30).outcome)  # the same once more, and then the ack
        self.broker.wait_for_drained("keyferry.host." + host.hex)
        self.assertNotIn("event=queue-down", worker.log_text())  # what it holds need not come again
