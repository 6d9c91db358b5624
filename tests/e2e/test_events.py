"""What a worker tells on the events exchange: each event once, with its fields, and never a secret."""
import json
import subprocess

from tests.e2e import test_reconcile
from tests.e2e.base import CONFLICT, NOT_FOUND, Scenario, b64, new_dek, new_key, new_uuid
from tests.lab import Listener, patience, program, wait_until
from tests.lab.event_table import complaint_about, documented


class Events(Scenario):
    def listen(self, host):
        """To one host's events."""
        listener = Listener(self.broker.connection(), f"host.{host.hex}.*")
        self.addCleanup(listener.end)
        return listener

    def up(self, host, **options):
        """A worker for this host, and a listener that has heard its beginning."""
        listener = self.listen(host)
        worker = self.worker(host, **options)
        listener.wait_for("worker-up")
        listener.wait_for("hypervisor-up")
        listener.events.clear()
        return worker, listener

    def assert_said(self, fields, event, host, worker, key=None, **more):
        """Exactly these fields, but for createdTime, which is one."""
        self.assertGreater(fields.pop("createdTime"), 1700000000000)
        self.assertEqual({"event": event, "hostUuid": host.uuid, "worker": worker.name, **(key or {}), **more}, fields)

    def rotate(self, host, **fields):
        """What ends a row of events: events come in the order they were sent."""
        return self.succeeds(self.client.ask("HostEnvelopeKeyRotateMsg", host, **fields))["fingerprint"]

    def test_a_worker_tells_when_it_begins_and_ends_and_that_it_reaches_libvirt(self):
        host = self.a.alias()
        listener = self.listen(host)
        worker = self.worker(host)
        listener.wait_for("hypervisor-up")
        self.assertEqual(0, worker.stop())
        listener.wait_for("worker-down")  # it waited for the confirm
        self.assertEqual({"worker-up", "hypervisor-up", "worker-down"}, set(listener.kinds()))
        self.assertEqual(3, len(listener.events), listener.events)
        for routing_key, fields in listener.events:
            self.assertEqual(f"host.{host.hex}.{fields['event']}", routing_key)
            self.assert_said(fields, fields["event"], host, worker)
        for properties in listener.properties:
            self.assertEqual(("application/json", 2, "guest"),
                             (properties.content_type, properties.delivery_mode, properties.user_id))
        self.assertEqual(3, len({properties.message_id for properties in listener.properties}))

    def test_what_became_of_secrets_is_told_once_and_nothing_where_nothing_changed(self):
        host, key, dek, first, second = self.a.alias(), new_key(version=0), new_dek(), new_uuid(), new_uuid()
        worker, listener = self.up(host)
        request = {"id": "once", "secretUuid": first}
        self.assertTrue(self.succeeds(self.define(host, key, dek, **request))["created"])
        self.assertFalse(self.succeeds(self.define(host, key, dek, secretUuid=first))["created"])
        self.refuses(self.define(host, key), CONFLICT)
        self.succeeds(self.get(host, key))
        self.assertEqual(first, self.succeeds(self.define(host, key, dek, secretUuid=second))["replacedSecretUuid"])
        self.assertTrue(self.succeeds(self.delete(host, key))["deleted"])
        self.assertFalse(self.succeeds(self.delete(host, key))["deleted"])
        self.refuses(self.get(host, key), NOT_FOUND)
        fingerprint = self.rotate(host, id="turn")
        self.assertEqual(fingerprint, self.rotate(host, id="turn"))
        self.rotate(host)
        wait_until(lambda: listener.kinds().count("key-rotated") >= 2, 10, "the last rotation")
        self.assertEqual(["secret-defined", "secret-replaced", "secret-deleted", "key-rotated", "key-rotated"],
                         listener.kinds())
        said = [fields for _, fields in listener.events]
        self.assert_said(said[0], "secret-defined", host, worker, key, secretUuid=first)
        self.assert_said(said[1], "secret-replaced", host, worker, key, secretUuid=second,
                         reason=f"in place of {first}")
        self.assert_said(said[2], "secret-deleted", host, worker, key, secretUuid=second)
        self.assert_said(said[3], "key-rotated", host, worker, reason=f"the fingerprint is now {fingerprint}")
        for secret in (dek, b64(dek).encode(), dek.hex().encode()):
            self.assertFalse(any(secret in body for body in listener.bodies))

    def test_duplicates_that_wait_for_the_one_that_runs_tell_nothing(self):
        host, key, dek = self.a.alias(), new_key(), new_dek()
        worker, listener = self.up(host)
        worker.freeze()
        asked = [self.client.send("SecretHostDefineMsg", host, **key, dekBase64=b64(dek), id="one") for _ in range(5)]
        worker.thaw()
        for reply in self.client.wait_many(asked):
            self.succeeds(reply)
        self.rotate(host)
        listener.wait_for("key-rotated")
        self.assertEqual(["secret-defined", "key-rotated"], listener.kinds())
        self.succeeds(self.delete(host, key))

    def test_a_migration_is_told_on_both_hosts_with_its_id(self):
        source, destination, key, dek = self.a.alias(), self.b.alias(), new_key(), new_dek()
        secret = new_uuid()
        first, at_source = self.up(source)
        second, at_destination = self.up(destination)
        self.defined(source, key, dek, secretUuid=secret)
        machine = self.vm(self.a, "encrypted", secret, key["vmUuid"])
        self.succeeds(self.pre_migrate(source, destination, key, dek, migration="m-77"))
        self.assert_said(at_destination.wait_for("secret-defined"), "secret-defined", destination, second, key,
                         secretUuid=secret, migrationId="m-77")
        machine.migrate(self.b)
        self.succeeds(self.post_migrate(source, destination, key, migration="m-77"))
        self.assert_said(at_source.wait_for("secret-deleted"), "secret-deleted", source, first, key, secretUuid=secret,
                         migrationId="m-77")
        self.assertEqual(["secret-defined"], at_destination.kinds())
        for listener in (at_source, at_destination):
            self.assertFalse(any(b64(dek).encode() in body for body in listener.bodies))

    def test_a_libvirtd_that_goes_and_comes_is_told_once_each(self):
        host = self.with_part(self.lab.hypervisor("e")).start()
        worker, listener = self.up(host)
        host.kill()
        reason = listener.wait_for("hypervisor-down")["reason"]
        self.assertTrue(reason)
        host.start()
        listener.wait_for("hypervisor-up")
        self.rotate(host)
        listener.wait_for("key-rotated")
        self.assertEqual(["hypervisor-down", "hypervisor-up", "key-rotated"], listener.kinds())
        self.assert_said(listener.events[0][1], "hypervisor-down", host, worker, reason=reason)

    def test_requests_are_done_while_nobody_listens(self):
        host, keys = self.a.alias(), [new_key() for _ in range(200)]
        worker = self.worker(host)
        for message, more in (("SecretHostDefineMsg", {"dekBase64": b64(new_dek())}), ("SecretHostDeleteMsg", {})):
            for reply in self.client.wait_many([self.client.send(message, host, **key, **more) for key in keys]):
                self.succeeds(reply)
        self.assertNotIn("events-dropped", worker.log_text())
        self.assertEqual(0, worker.stop())

    def test_an_exchange_that_is_missing_costs_the_events_and_no_request(self):
        host, keys = self.a.alias(), [new_key() for _ in range(200)]
        self.worker(host).stop()  # which leaves the queue that the next one finds
        worker = self.worker(host, name="told-to-nobody",
                             settings={"bus": {"declare": "no", "events_exchange": "keyferry.nowhere"}})
        for message, more in (("SecretHostDefineMsg", {"dekBase64": b64(new_dek())}), ("SecretHostDeleteMsg", {})):
            for reply in self.client.wait_many([self.client.send(message, host, **key, **more) for key in keys]):
                self.succeeds(reply)
        self.assertEqual(0, worker.stop())
        self.assertEqual(1, worker.log_text().count("event=events-refused"), worker.log_tail())
        self.assertIn("keyferry.nowhere", worker.log_text())
        self.assertIn("event=events-dropped", worker.log_text())

    def test_each_of_the_twelve_is_sent_with_the_fields_it_is_said_to_have_and_can_be_watched(self):
        host, table = self.with_part(self.lab.hypervisor("t")).start(), documented()
        self.assertEqual(12, len(table))
        watch = subprocess.Popen([*program("keyferry"), "--url", self.broker.url, "--json", "watch", "--host", host.uuid],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(watch.kill)
        self.assertIn("watching", watch.stderr.readline())
        worker, listener = self.up(host)
        orphan, leased, replaced, lost = (new_key() for _ in range(4))
        self.defined(host, leased, leaseSeconds=30, migrationId="m-1")
        self.defined(host, orphan)
        dek = new_dek()
        for _ in range(2):
            self.defined(host, replaced, dek, secretUuid=new_uuid())
        self.succeeds(self.delete(host, replaced))
        self.succeeds(self.client.ask("HostReconcileMsg", host))
        test_reconcile.Reconcile.a_day_passes(worker)
        self.succeeds(self.client.ask("HostReconcileMsg", host))
        self.rotate(host)
        gone = self.defined(host, lost)
        host.kill()  # with it goes what it held; and what comes in the place of one is not taken away
        listener.wait_for("hypervisor-down")
        worker.stop()
        host.start()
        self.planted(host, lost, new_dek())
        worker.start()
        self.assertEqual(gone, listener.wait_for("secret-lost")["secretUuid"])
        listener.wait_for("secret-restored")
        listener.wait_for("lease-ended", 60)
        worker.stop()
        wait_until(lambda: listener.kinds().count("worker-down") == 2, 10, "the last one")
        watched = []
        while [fields["event"] for fields in watched].count("worker-down") < 2:
            watched.append(json.loads(watch.stdout.readline())["HostSecretEvent"])
        watch.terminate()
        watch.communicate(timeout=patience(10))
        self.assertEqual(set(table), {fields["event"] for fields in watched})
        for fields in watched:
            self.assertIsNone(complaint_about(fields, table))
        may = {event: set() for event in table}
        for fields in watched:
            may[fields["event"]].update(fields)
        self.assertIn("migrationId", may["lease-ended"] & may["secret-defined"])
        self.assertIn("reason", may["hypervisor-down"])
