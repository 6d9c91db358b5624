"""Real VMs with encrypted vTPMs, migrated live."""
import time

import libvirt

from tests.e2e.base import DEK_MISMATCH, NOT_FOUND, Scenario, new_dek, new_key, new_uuid, usage_id


class LiveMigration(Scenario):
    def setUp(self):
        super().setUp()
        self.key, self.dek = new_key(), new_dek()
        self.secret = self.defined(self.a, self.key, self.dek)
        self.machine = self.vm(self.a, "encrypted", self.secret, self.key["vmUuid"])

    def move(self, source, destination, migration):
        """Prepare, migrate, finish."""
        self.assertEqual(self.secret, self.succeeds(
            self.pre_migrate(source, destination, self.key, self.dek, migration=migration))["secretUuid"])
        self.machine.migrate(destination)
        self.assertEqual("source", self.succeeds(
            self.post_migrate(source, destination, self.key, migration=migration))["deletedOn"])

    def test_without_preparation_fails_for_want_of_the_secret(self):
        with self.assertRaises(libvirt.libvirtError) as failure:
            self.machine.migrate(self.b)
        self.assertEqual(libvirt.VIR_ERR_NO_SECRET, failure.exception.get_error_code())
        self.assertTrue(self.machine.is_active_on(self.a))

    def test_prepared_succeeds_and_leaves_the_secret_where_the_vm_is(self):
        self.move(self.a, self.b, "m-1")
        self.assertTrue(self.machine.is_active_on(self.b))
        self.assertEqual(self.secret, self.succeeds(self.get(self.b, self.key))["secretUuid"])
        self.assertEqual(self.secret, self.succeeds(self.resolve(self.b, self.key["vmUuid"]))["secretUuid"])
        self.refuses(self.get(self.a, self.key), NOT_FOUND)
        self.refuses(self.resolve(self.a, self.key["vmUuid"]), NOT_FOUND)

    def test_there_and_back_with_a_late_post_migrate_leaves_the_newer_secret(self):
        self.move(self.a, self.b, "m-1")
        self.move(self.b, self.a, "m-2")
        self.assertEqual("none",
                         self.succeeds(self.post_migrate(self.a, self.b, self.key, migration="m-1"))["deletedOn"])
        self.holds(self.a, self.key, self.secret)
        self.machine.stop()
        self.machine.start()  # the secret is whole

    def test_with_the_dek_from_the_key_manager_succeeds(self):
        manager, key = self.keymanager(), new_key()
        manager.add(key["vmUuid"], self.a, self.dek)
        machine = self.vm(self.a, "encrypted", self.planted(self.a, key, self.dek), key["vmUuid"])
        self.assertEqual("keymanager", self.succeeds(
            self.pre_migrate(self.a, self.b, key, tpmUuid=new_uuid()))["dekSource"])
        machine.migrate(self.b)
        self.assertEqual("source", self.succeeds(self.post_migrate(self.a, self.b, key))["deletedOn"])

    def test_with_the_dek_from_the_ledger_succeeds(self):
        self.assertEqual("ledger", self.succeeds(self.pre_migrate(self.a, self.b, self.key))["dekSource"])
        self.machine.migrate(self.b)
        self.assertEqual("source", self.succeeds(self.post_migrate(self.a, self.b, self.key))["deletedOn"])

    def test_with_a_wrong_dek_is_refused_before_it_begins(self):
        wrong = new_dek()
        self.refuses(self.pre_migrate(self.a, self.b, self.key, wrong), DEK_MISMATCH)
        envelope = self.sealed(self.b, self.key, wrong, self.secret)
        self.refuses(self.pre_migrate(self.a, self.b, self.key, encryptedDek=envelope), DEK_MISMATCH)
        self.holds(self.b, self.key, None)
        self.assertTrue(self.machine.is_active_on(self.a))
        self.move(self.a, self.b, "m-2")

    def test_with_a_wrong_dek_that_nobody_compared_fails_late_and_without_a_word_of_the_cause(self):
        self.b.define_secret(usage_id(self.key), new_dek(), self.secret)  # past the workers
        began = time.monotonic()
        with self.assertRaises(libvirt.libvirtError) as failure:
            self.machine.migrate(self.b)
        self.assertGreater(time.monotonic() - began, 0.5)
        self.assertIn(failure.exception.get_error_code(),  # which of them is a race within libvirt
                      (libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_INTERNAL_ERROR))
        self.assertNotIn("secret", str(failure.exception).lower())
        self.assertTrue(self.machine.is_active_on(self.a))
        self.b.undefine_secret(self.secret)

    def test_that_failed_is_cleaned_up_and_can_be_tried_again(self):
        self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek, migration="m-1"))
        self.b.undefine_secret(self.secret)
        with self.assertRaises(libvirt.libvirtError):
            self.machine.migrate(self.b)
        self.assertEqual("destination", self.succeeds(
            self.post_migrate(self.a, self.b, self.key, "failure", migration="m-1"))["deletedOn"])
        self.holds(self.b, self.key, None)
        self.move(self.a, self.b, "m-2")

    def test_is_not_disturbed_by_a_post_migrate_that_comes_too_early(self):
        self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek))
        self.assertEqual("none", self.succeeds(self.post_migrate(self.a, self.b, self.key))["deletedOn"])
        self.holds(self.a, self.key, self.secret)
        self.machine.migrate(self.b)
