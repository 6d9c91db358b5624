"""Broker, libvirtd and worker stopped, killed and frozen, with requests under way: afterwards all are answered."""
import signal
import time

from tests.e2e.base import (HYPERVISOR_AWAY, LATE, NOT_FOUND, ENCODINGS, Ground, Scenario, b64, new_dek, new_key,
                            new_uuid)
from tests.lab import LabError, patience, wait_until


class Recovery(Scenario):
    """On a ground of its own, since it breaks it."""
    takes_long = True

    @classmethod
    def setUpClass(cls):
        cls.ground = Ground()
        for name in ("lab", "broker", "a", "b", "pa", "pb", "wa", "wb"):
            setattr(cls, name, getattr(cls.ground, name))

    @classmethod
    def tearDownClass(cls):
        complaints = cls.ground.end()
        if complaints:
            raise LabError("\n".join(complaints))

    def setUp(self):
        for part in (self.broker, self.a, self.b, self.wa, self.wb):
            part.thaw()
            if not part.alive:
                part.start()
        for worker in (self.wa, self.wb):
            wait_until(worker.is_ready, 30, f"{worker.name} to be ready")
        super().setUp()
        self.client.outlive_broker()
        self.queue_a = "keyferry.host." + self.a.hex

    # Requests that the broker has safely, while the worker has not begun.
    def queue_up(self, count):
        """[(key, correlation id)] of defines in a's queue, whose worker is frozen."""
        self.wa.freeze()
        keys = [new_key() for _ in range(count)]
        return [(key, self.client.send("SecretHostDefineMsg", self.a, encoding=ENCODINGS[i % 2], **key,
                                       dekBase64=b64(new_dek()))) for i, key in enumerate(keys)]

    def all_answered(self, cases, seconds=60):
        replies = self.client.wait_many([correlation_id for _, correlation_id in cases], seconds)
        for (key, _), reply in zip(cases, replies):
            self.holds(self.a, key, self.succeeds(reply)["secretUuid"])

    def drained(self):
        self.broker.wait_for_drained(self.queue_a)
        self.lives()

    @staticmethod
    def waits_for_another(worker):
        """A request of this worker does."""
        wait_until(lambda: 'keyferry_requests_in_flight{stage="waiting"} 1\n' in worker.get("/metrics")[1], 20,
                   "the request to wait for another worker")

    # The broker.
    def test_a_broker_that_is_stopped_and_started(self):
        cases = self.queue_up(200)
        self.wa.thaw()
        self.broker.stop()
        self.broker.start()
        self.client.reconnect()
        self.all_answered(cases)
        self.drained()

    def test_a_broker_that_is_killed_and_started(self):
        cases = self.queue_up(200)
        self.wa.thaw()
        time.sleep(0.05)
        self.broker.restart()
        self.client.reconnect()
        self.all_answered(cases)
        self.drained()

    def test_a_broker_that_is_away_while_the_worker_starts(self):
        told = "test.events." + new_uuid()
        self.wa.stop()
        self.client.channel.queue_declare(told, durable=True)
        self.client.channel.queue_bind(told, "keyferry.events", f"host.{self.a.hex}.worker-up")
        self.broker.stop()
        self.wa.launch()
        time.sleep(1)
        self.assertTrue(self.wa.alive, self.wa.log_tail())
        self.broker.start()
        self.wa.wait_ready()
        self.client.reconnect()
        wait_until(lambda: self.broker.queue(told)[0] == 1, 10, "the event that it began")
        self.client.channel.queue_delete(told)
        self.lives()

    def test_a_broker_that_is_frozen_for_longer_than_the_heartbeat(self):
        cases = self.queue_up(20)
        self.broker.freeze()
        self.wa.thaw()
        wait_until(lambda: self.wa.get("/readyz")[0] == 503, 30, "the worker to notice")
        self.broker.thaw()
        self.client.reconnect()
        self.all_answered(cases)
        self.drained()

    def test_a_broker_out_of_memory_delays_and_loses_nothing(self):
        cases = self.queue_up(50)
        self.broker.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
        self.wa.thaw()
        time.sleep(1)
        self.broker.ctl("set_vm_memory_high_watermark", "0.4")
        self.all_answered(cases)
        self.drained()

    def test_a_worker_that_is_stopped_while_the_broker_takes_nothing_does_not_wait_to_tell(self):
        worker = self.worker(self.a.alias(), name="untold")
        self.broker.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
        self.addCleanup(self.broker.ctl, "set_vm_memory_high_watermark", "0.4")
        wait_until(lambda: "memory" in self.broker.ctl("eval", "rabbit_alarm:get_alarms()."), 20, "the alarm", 0.2)
        self.a.kill()  # an event is due, and a connection is blocked when it publishes
        wait_until(lambda: "event=broker-blocked" in worker.log_text(), 20, "the broker to block the worker")
        began = time.monotonic()
        self.assertEqual(0, worker.stop())
        self.assertLess(time.monotonic() - began, patience(10))  # drain_timeout_ms is 20 s

    def test_a_waiting_pre_migrate_outlives_a_broker_that_is_killed(self):
        key, dek = new_key(), new_dek()
        secret_uuid = self.defined(self.a, key, dek)
        self.wb.freeze()
        waiting = self.client.send("VtpmPreMigrateMsg", self.a, **self.pre_migrate_fields(self.a, self.b, key, dek))
        self.waits_for_another(self.wa)
        self.broker.restart()
        self.wb.thaw()
        self.client.reconnect()
        self.assertEqual(secret_uuid, self.succeeds(self.client.wait(waiting, 60))["secretUuid"])
        self.holds(self.b, key, secret_uuid)

    # libvirtd.
    def test_a_libvirtd_that_is_killed_and_started(self):
        cases = self.queue_up(50)
        self.a.kill()
        self.wa.thaw()
        time.sleep(1)
        self.a.start()
        self.all_answered(cases)
        self.drained()

    def test_a_libvirtd_that_is_killed_in_the_midst_of_it(self):
        cases = self.queue_up(300)
        self.wa.thaw()
        time.sleep(0.05)
        self.a.kill()
        self.a.start()
        for reply in self.client.wait_many([correlation_id for _, correlation_id in cases]):
            self.succeeds(reply)  # that the secrets of before are gone is libvirt's doing
        self.drained()

    def test_a_libvirtd_that_is_frozen_and_thawed(self):
        self.a.freeze()
        key = new_key()
        asked = self.client.send("SecretHostDefineMsg", self.a, **key, dekBase64=b64(new_dek()))
        time.sleep(5)
        self.a.thaw()
        self.succeeds(self.client.wait(asked, 40))
        self.drained()

    def test_a_libvirtd_that_stays_away_is_told_at_the_deadline(self):
        self.a.kill()
        began = time.monotonic()
        for _ in range(2):
            reply = self.define(self.a, new_key(), messageDeadline=int((time.time() + patience(1.5)) * 1000))
            self.refuses(reply, HYPERVISOR_AWAY)
            self.assertIs(True, reply.opaque["retryable"])
        self.assertLess(time.monotonic() - began, patience(8))
        self.assertEqual(503, self.wa.get("/readyz")[0])
        self.assertIn(self.a.uuid, self.wa.get("/readyz")[1])
        self.a.start()
        wait_until(lambda: self.wa.get("/readyz")[0] == 200, 15, "the worker to be ready again")
        self.lives()

    def test_a_libvirtd_that_was_never_there_is_told_after_the_configured_wait(self):
        host = self.a.alias()
        host.uri = f"qemu+unix:///session?socket={self.lab.folder}/nobody-here"
        self.worker(host, waits_ready=False, settings={"worker": {"hypervisor_wait_ms": 1000}})
        self.broker.wait_for_consumer("keyferry.host." + host.hex)
        began = time.monotonic()
        self.refuses(self.define(host, new_key()), HYPERVISOR_AWAY)
        self.refuses(self.get(host, new_key()), HYPERVISOR_AWAY)
        self.refuses(self.resolve(host, new_uuid()), HYPERVISOR_AWAY)
        self.assertLess(time.monotonic() - began, patience(10))

    def test_a_libvirtd_that_is_away_holds_up_its_own_host_alone(self):
        x, y = self.a.alias(), self.b.alias()
        self.worker(x, y)
        self.b.kill()
        held = self.client.send("SecretHostGetMsg", y, **new_key(), messageDeadline=int((time.time() + patience(20)) * 1000))
        for _ in range(20):
            self.refuses(self.get(x, new_key()), NOT_FOUND)
        self.b.start()
        self.refuses(self.client.wait(held), NOT_FOUND)

    def test_what_libvirtd_lost_comes_back_by_itself_and_the_running_vm_can_migrate_with_it(self):
        key = new_key()
        secret_uuid = self.defined(self.a, key, new_dek())
        vm = self.vm(self.a, "encrypted", secret_uuid, key["vmUuid"])
        self.a.restart()
        wait_until(lambda: secret_uuid in self.a.secrets(), 15, "the secret to come back")
        reply = self.succeeds(self.pre_migrate(self.a, self.b, key))
        self.assertEqual("ledger", reply["dekSource"])
        vm.migrate(self.b)

    def test_a_get_right_after_libvirtd_is_back_finds_what_it_lost(self):
        keys = [new_key() for _ in range(50)]
        uuids = [self.defined(self.a, key, new_dek()) for key in keys]
        self.a.restart()
        self.assertEqual(uuids, [self.succeeds(self.get(self.a, key))["secretUuid"] for key in keys])

    # The worker.
    def test_a_worker_that_is_killed_with_requests_queued(self):
        cases = self.queue_up(200)
        self.wa.thaw()
        time.sleep(0.03)
        self.wa.kill()
        self.wa.start()
        self.all_answered(cases)
        self.drained()

    def test_a_worker_that_is_killed_again_and_again(self):
        cases = self.queue_up(300)
        for _ in range(4):
            self.wa.thaw()
            time.sleep(0.05)
            self.wa.restart()
        self.all_answered(cases)
        self.drained()

    def test_a_worker_that_is_stopped_finishes_what_runs_and_leaves_the_rest_in_order(self):
        cases = self.queue_up(300)
        self.wa.signal(signal.SIGTERM)
        self.wa.thaw()
        self.assertEqual(0, self.wa.wait_end())
        self.wa.start()
        self.all_answered(cases)
        self.drained()
        self.assertEqual(0, self.client.settle(), "a request was answered twice")

    def test_a_worker_that_is_stopped_while_it_waits_finishes_first(self):
        key, dek = new_key(), new_dek()
        self.defined(self.a, key, dek)
        self.wb.freeze()
        waiting = self.client.send("VtpmPreMigrateMsg", self.a, **self.pre_migrate_fields(self.a, self.b, key, dek))
        self.waits_for_another(self.wa)
        self.wa.signal(signal.SIGTERM)
        time.sleep(0.5)
        self.wb.thaw()
        self.assertEqual(0, self.wa.wait_end())
        self.succeeds(self.client.wait(waiting))

    def test_a_worker_that_may_not_wait_any_longer_gives_the_request_back(self):
        host, key, dek = self.a.alias(), new_key(), new_dek()
        worker = self.worker(host, settings={"worker": {"drain_timeout_ms": 500}})
        self.defined(host, key, dek)
        self.wb.freeze()
        waiting = self.client.send("VtpmPreMigrateMsg", host, **self.pre_migrate_fields(host, self.b, key, dek))
        self.waits_for_another(worker)
        self.assertEqual(1, worker.stop())
        self.wb.thaw()
        worker.start()
        self.succeeds(self.client.wait(waiting))

    def test_a_worker_that_is_stopped_while_libvirtd_is_frozen_gives_back_what_it_cannot_finish(self):
        self.defined(self.a)
        self.addCleanup(self.a.thaw)
        self.a.freeze()
        keys = [new_key() for _ in range(3)]
        cases = [(key, self.client.send("SecretHostDefineMsg", self.a, **key, dekBase64=b64(new_dek()))) for key in keys]
        self.client.settle(0.3)
        self.wa.signal(signal.SIGTERM)
        self.assertEqual(0, self.wa.wait_end(10), "it waited for libvirtd")
        self.a.thaw()
        self.wa.start()
        self.all_answered(cases)

    def test_a_worker_that_is_stopped_while_the_broker_is_away_ends_in_time(self):
        self.broker.stop()
        began = time.monotonic()
        self.wa.stop()
        self.assertLess(time.monotonic() - began, patience(25))

    def test_a_second_worker_takes_over_when_the_first_dies(self):
        host = self.a.alias()
        first = self.worker(host, name="first")
        second = self.with_part(self.lab.worker(self.broker, host, name="second", state=first.state_dir,
                                                waits_ready=False)).start()
        queue = "keyferry.host." + host.hex
        wait_until(lambda: self.broker.rows("consumers", "queue_name").count({"queue_name": queue}) == 2, 20,
                   "two consumers")
        self.assertIs(True, self.succeeds(self.define(host, (key := new_key()), (dek := new_dek())))["created"])
        first.kill()
        self.assertIs(False, self.succeeds(self.define(host, key, dek))["created"])
        self.assertTrue(second.alive)

    def test_a_destination_that_is_killed_in_a_pre_migrate_answers_when_it_is_back(self):
        key, dek = new_key(), new_dek()
        self.defined(self.a, key, dek)
        self.wb.freeze()
        waiting = self.client.send("VtpmPreMigrateMsg", self.a, **self.pre_migrate_fields(self.a, self.b, key, dek))
        self.waits_for_another(self.wa)
        self.wb.kill()
        self.wb.start()
        self.succeeds(self.client.wait(waiting))

    def test_a_destination_that_stays_frozen_is_told_at_the_deadline(self):
        key, dek = new_key(), new_dek()
        self.defined(self.a, key, dek)
        self.wb.freeze()
        reply = self.pre_migrate(self.a, self.b, key, dek, messageDeadline=int(time.time() * 1000) + 1500)
        self.assertEqual(LATE, reply.code, reply)
