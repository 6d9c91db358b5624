"""Reconciliation: what is found where ledger, secrets and VMs do not fit together, and what is mended."""
import json
import os
import sqlite3
import subprocess

from tests.e2e.base import NOT_FOUND, Scenario, new_dek, new_key, new_uuid, usage_id
from tests.lab import Listener, patience, program, wait_until

DAY_MS = 24 * 60 * 60 * 1000


class Reconcile(Scenario):
    def setUp(self):
        super().setUp()
        self.host = self.with_part(self.lab.hypervisor("r" + new_uuid()[:4])).start()

    def up(self, **settings):
        """A worker for the host, and a listener to its events."""
        listener = Listener(self.broker.connection(), f"host.{self.host.hex}.*")
        self.addCleanup(listener.end)
        return self.worker(self.host, settings={"worker": settings}), listener

    def reconcile(self, **rest):
        return self.succeeds(self.client.ask("HostReconcileMsg", self.host, **rest))

    def found(self, reply):
        self.assertEqual(len(reply["found"]), reply["foundCount"])
        return sorted((one["what"], one["secretUuid"]) for one in reply["found"])

    @staticmethod
    def a_day_passes(worker):
        """For what was found: as if it had been so since yesterday."""
        with sqlite3.connect(os.path.join(worker.state_dir, "ledger.db"), timeout=10) as ledger:
            ledger.execute("UPDATE findings SET since_ms = since_ms - ?", (DAY_MS,))
        ledger.close()

    def test_orphans_are_told_of_once_and_stay_where_they_are_only_reported(self):
        worker, listener = self.up()
        orphan, named, leased = new_key(), new_key(), new_key()
        first, second = self.defined(self.host, orphan), self.defined(self.host, named)
        self.defined(self.host, leased, leaseSeconds=86400)
        self.host.define_vm("encrypted", second, named["vmUuid"])
        self.host.define_secret("another product's", new_dek())
        self.assertEqual([], self.found(self.reconcile()))
        self.a_day_passes(worker)
        for _ in range(2):
            reply = self.reconcile(dryRun=True)
            self.assertEqual(([("orphan", first)], 0), (self.found(reply), reply["mended"]))
        self.assertNotIn("orphan-found", listener.kinds())
        for _ in range(3):
            reply = self.reconcile()
            self.assertEqual(([("orphan", first)], 0), (self.found(reply), reply["mended"]))
        event = listener.wait_for("orphan-found")
        self.assertEqual((first, orphan["vmUuid"]), (event["secretUuid"], event["vmUuid"]))
        self.assertRegex(event["reason"], r"^no domain has named it since \d+$")
        self.assertEqual(1, listener.kinds().count("orphan-found"))
        self.holds(self.host, orphan, first)
        same = new_uuid()  # the same id is the same answer, whatever has changed
        before = self.reconcile(id=same)
        self.succeeds(self.delete(self.host, orphan))
        self.assertEqual(before["found"], self.reconcile(id=same)["found"])
        self.assertEqual([], self.found(self.reconcile()))

    def test_orphans_are_deleted_where_that_is_the_policy_and_named_ones_are_not(self):
        worker, listener = self.up(orphan_policy="delete")
        orphans = [new_key() for _ in range(40)]
        for key in orphans:
            self.defined(self.host, key)
        named = new_key()
        self.host.define_vm("encrypted", self.defined(self.host, named), named["vmUuid"])
        self.reconcile()
        self.a_day_passes(worker)
        reply = self.reconcile()
        self.assertEqual((40, 40, 32), (reply["foundCount"], reply["mended"], len(reply["found"])))
        self.assertEqual(1, len(self.host.secrets()))
        self.refuses(self.get(self.host, orphans[0]), NOT_FOUND)
        self.assertTrue(listener.wait_for("secret-deleted")["reason"].startswith("no domain has named it since "))
        self.assertEqual(0, self.reconcile()["foundCount"])

    def test_what_libvirt_lost_is_restored_and_what_nobody_can_mend_is_found(self):
        self.up()
        lost, key, dek = new_key(), new_key(), new_dek()
        secret = self.defined(self.host, lost, dek)
        self.host.undefine_secret(secret)
        unknown = self.host.define_secret(usage_id(key), dek)
        wrong = self.host.define_secret(usage_id(new_key()), dek, usage="volume")
        wanted = sorted([("not-in-libvirt", secret), ("not-in-ledger", unknown), ("wrong-usage", wrong)])
        self.assertEqual(wanted, self.found(self.reconcile(dryRun=True)))
        self.holds(self.host, lost, None)
        reply = self.reconcile()
        self.assertEqual((wanted, 1), (self.found(reply), reply["mended"]))
        self.holds(self.host, lost, secret)
        vm = self.host.start_vm("encrypted", secret, lost["vmUuid"])  # its value is the right one
        self.addCleanup(vm.remove)
        self.defined(self.host, key, dek)  # from now on the ledger knows it
        self.assertEqual([("wrong-usage", wrong)], self.found(self.reconcile()))

    def test_a_worker_does_it_by_itself(self):
        _, listener = self.up()
        key = new_key()
        secret = self.defined(self.host, key)
        self.host.undefine_secret(secret)
        self.assertEqual(secret, listener.wait_for("secret-restored", 40)["secretUuid"])
        wait_until(lambda: secret in self.host.secrets(), 5, "the secret")

    def test_by_the_command_line(self):
        self.up()
        key = new_key()
        secret = self.defined(self.host, key)
        self.host.undefine_secret(secret)

        def run(*more):
            return subprocess.run([*program("keyferry"), "--url", self.broker.url, *more, "reconcile", "--host",
                                   self.host.uuid], capture_output=True, text=True, timeout=patience(30), check=False)
        dry = run("--dry-run")
        self.assertEqual(0, dry.returncode, dry.stderr)
        self.assertRegex(dry.stdout, rf"found +not-in-libvirt +{secret} since 20\d\d-")
        self.holds(self.host, key, None)
        reply, = json.loads(run("--json").stdout).values()
        self.assertEqual((1, 1), (reply["foundCount"], reply["mended"]))
        self.assertIn("nothing", run().stdout)
