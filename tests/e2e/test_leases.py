"""Leased secrets: they end by time, unless a domain, a post-migrate or a define makes them permanent."""
import re
import time

from tests.e2e.base import INVALID, NOT_FOUND, Scenario, new_dek, new_key, new_uuid, usage_id
from tests.lab import Listener, wait_until

SECONDS = 30  # the shortest there is


class Leases(Scenario):
    def listen(self, host):
        listener = Listener(self.broker.connection(), f"host.{host.hex}.*")
        self.addCleanup(listener.end)
        return listener

    def leased(self, host, key, dek=None, migration="m-1", **rest):
        """Defined with a lease; gives its UUID."""
        return self.defined(host, key, dek, leaseSeconds=SECONDS, migrationId=migration, **rest)

    @staticmethod
    def mark(hypervisor, secret_uuid):
        return re.search("<description>(.*?)</description>", hypervisor.secrets()[secret_uuid]).group(1)

    def is_permanent(self, hypervisor, secret_uuid):
        return "until=" not in self.mark(hypervisor, secret_uuid)

    def ended(self, listener):
        """What lease-ended was told of, as [(vmUuid, secretUuid, migrationId)]."""
        return [(fields["vmUuid"], fields["secretUuid"], fields.get("migrationId")) for _, fields in listener.events
                if fields["event"] == "lease-ended"]

    def test_what_nobody_came_for_ends_in_time_and_the_rest_stays_over_deaths_and_absences(self):
        x, away = self.a.alias(), self.with_part(self.lab.hypervisor("l")).start()
        worker, _ = self.worker(x), self.worker(away)
        at_x, at_away = self.listen(x), self.listen(away)
        names = ("gone", "never came", "by request", "named", "confirmed", "redefined", "older", "longer")
        keys, dek = {name: new_key() for name in names}, new_dek()
        began = time.monotonic()

        secrets = {name: self.leased(x, keys[name], dek) for name in ("gone", "named", "confirmed", "redefined", "longer")}
        secrets["by request"] = self.leased(x, keys["by request"], dek, migration=...)
        secrets["never came"] = self.defined(self.b, keys["never came"], dek)
        self.succeeds(self.pre_migrate(self.b, x, keys["never came"], leaseSeconds=SECONDS, migration="m-9"))
        machine = self.a.define_vm("encrypted", secrets["named"], keys["named"]["vmUuid"])
        self.addCleanup(machine.remove)
        self.succeeds(self.client.ask("VtpmPostMigrateMsg", x, **keys["confirmed"], srcHostUuid=self.b.uuid,
                                      dstHostUuid=x.uuid, migrationId="m-1", outcome="success"))
        self.defined(x, keys["redefined"], dek)
        secrets["older"] = self.defined(x, keys["older"], dek)
        self.leased(x, keys["older"], dek)
        self.defined(x, keys["longer"], dek, leaseSeconds=86400, migrationId="m-2")
        lost_key = new_key()
        self.leased(away, lost_key, dek)
        for name in ("confirmed", "redefined", "older"):
            self.assertTrue(self.is_permanent(self.a, secrets[name]), name)
        for name in ("gone", "never came", "by request", "named", "longer"):
            self.assertFalse(self.is_permanent(self.a, secrets[name]), name)

        away.kill()  # what it had is gone with it, and nobody can look whether a domain names it
        worker.kill()
        worker.start()
        self.assertEqual([], self.ended(at_x))
        wait_until(lambda: at_x.kinds().count("lease-ended") == 3, SECONDS + 20, "three leases to end")
        self.assertGreater(time.monotonic() - began, SECONDS - 1)
        self.assertEqual(sorted([(keys["gone"]["vmUuid"], secrets["gone"], "m-1"),
                                 (keys["never came"]["vmUuid"], secrets["never came"], "m-9"),
                                 (keys["by request"]["vmUuid"], secrets["by request"], None)], key=str),
                         sorted(self.ended(at_x), key=str))
        for name in ("gone", "never came", "by request"):
            self.holds(self.a, keys[name], None)
            self.refuses(self.get(x, keys[name]), NOT_FOUND)
        wait_until(lambda: self.is_permanent(self.a, secrets["named"]), 20, "the named one to be permanent")
        for name in ("named", "confirmed", "redefined", "older", "longer"):
            self.holds(self.a, keys[name], secrets[name])
            self.assertEqual(secrets[name], self.succeeds(self.get(x, keys[name]))["secretUuid"])
        self.assertEqual(3, at_x.kinds().count("lease-ended"))
        self.holds(self.b, keys["never came"], secrets["never came"])  # the source's has no lease

        self.assertNotIn("lease-ended", at_away.kinds())
        away.start()
        self.assertEqual(lost_key["vmUuid"], at_away.wait_for("lease-ended", 30)["vmUuid"])
        wait_until(lambda: not away.secrets(), 10, "the secret to go")

    def test_the_arrival_of_its_vm_makes_it_permanent_at_once(self):
        key, dek = new_key(), new_dek()
        secret = self.defined(self.a, key, dek)
        machine = self.vm(self.a, "encrypted", secret, key["vmUuid"])
        listener = self.listen(self.b)
        self.succeeds(self.pre_migrate(self.a, self.b, key))
        self.assertFalse(self.is_permanent(self.b, secret))
        until = int(re.search(r" until=(\d+)", self.mark(self.b, secret)).group(1))
        self.assertAlmostEqual(time.time() + 900, until / 1000, delta=60)
        machine.migrate(self.b)
        wait_until(lambda: self.is_permanent(self.b, secret), 10, "the secret to be permanent")
        self.assertIn(" confirmed", self.mark(self.b, secret))
        # Whoever says now that it failed cannot mean the VM that runs here.
        self.assertEqual("none", self.succeeds(self.post_migrate(self.a, self.b, key, "failure"))["deletedOn"])
        migration = re.search(r" mig=(\S+)", self.mark(self.b, secret)).group(1).rstrip(";")
        self.assertIs(False, self.succeeds(self.delete(self.b, key, migrationId=migration))["deleted"])
        self.assertEqual(["secret-defined"], listener.kinds())
        self.holds(self.b, key, secret)

    def test_a_vm_that_is_started_with_it_makes_it_permanent(self):
        key = new_key()
        secret = self.leased(self.a, key)
        self.vm(self.a, "encrypted", secret, key["vmUuid"], paused=True)
        wait_until(lambda: self.is_permanent(self.a, secret), 10, "the secret to be permanent")

    def test_what_its_migration_confirmed_that_migration_deletes_no_more(self):
        """Its VM may be switched off, and its undo late."""
        for confirmed in (False, True):
            key = new_key()
            self.defined(self.a, key)
            self.succeeds(self.pre_migrate(self.a, self.b, key))
            if confirmed:
                self.succeeds(self.post_migrate(self.a, self.b, key, "success"))
            self.assertIs(not confirmed, self.succeeds(self.delete(self.b, key, migrationId="m-1"))["deleted"])

    def test_a_migration_that_failed_is_cleaned_up_by_its_post_migrate_before_the_lease_ends(self):
        key = new_key()
        self.defined(self.a, key)
        self.succeeds(self.pre_migrate(self.a, self.b, key, leaseSeconds=86400))
        self.assertEqual("destination", self.succeeds(self.post_migrate(self.a, self.b, key, "failure"))["deletedOn"])
        self.holds(self.b, key, None)

    def test_a_worker_that_lost_its_ledger_sees_what_is_leased(self):
        key, dek = new_key(), new_dek()
        secret = self.a.define_secret(usage_id(key), dek, description=f"keyferry1 by=migration mig=m-1 until={10 ** 13};")
        self.leased(self.a, key, dek, migration="m-2", secretUuid=secret)
        until = int(re.search(r" until=(\d+)", self.mark(self.a, secret)).group(1))
        self.assertLess(until, 10 ** 13)  # taken over, since it had a lease
        self.assertIn(" mig=m-2", self.mark(self.a, secret))

    def test_is_30_seconds_to_a_day(self):
        for seconds in (29, 0, -1, 86401):
            self.refuses(self.define(self.a, new_key(), leaseSeconds=seconds), INVALID, field="leaseSeconds")
        for seconds in (30, 86400):
            self.succeeds(self.define(self.a, new_key(), leaseSeconds=seconds, migrationId=new_uuid()))
