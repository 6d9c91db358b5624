"""What libvirtd lost comes back by itself, each secret with its value, and nothing that was to go."""
from tests.e2e.base import Ground, Scenario, b64, new_dek, new_key
from tests.lab import LabError, wait_until


class Comeback(Scenario):
    """On a ground of its own, whose libvirtd a is started again while nobody looks after it."""
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
        super().setUp()
        self.listener = self.with_part(self.lab.listener(self.broker, f"host.{self.a.hex}.*"))

    def lost(self, meanwhile=lambda: None):
        """libvirtd is started again while the worker is down, and then the worker."""
        self.wa.stop()
        meanwhile()
        self.a.restart()
        self.assertEqual({}, self.a.secrets())
        self.listener.kinds()
        self.listener.events.clear()
        self.wa.start()

    def come_back(self, secrets):
        """All of these, and no other, without any request; each is told once."""
        wait_until(lambda: set(self.a.secrets()) == set(secrets), 60, f"{len(secrets)} secrets to come back", 0.1)
        wait_until(lambda: self.listener.kinds().count("secret-restored") >= len(secrets), 20, "them to be told", 0.1)
        told = [fields for _, fields in self.listener.events if fields["event"] == "secret-restored"]
        self.assertEqual(sorted(secrets), sorted(fields["secretUuid"] for fields in told))
        for fields in told:
            key = secrets[fields["secretUuid"]]
            self.assertEqual(key, {name: fields[name] for name in key})
        self.assertNotIn("event=request", self.wa.log_text().rpartition("event=worker-up")[2])

    def forget_all(self):
        for secret_uuid, in self.wa.ask_ledger("SELECT uuid FROM secrets WHERE host = ?", self.a.uuid):
            vm, purpose, instance, version = self.wa.ask_ledger(
                "SELECT vm_uuid, purpose, usage_instance, key_version FROM secrets WHERE uuid = ?", secret_uuid)[0]
            self.succeeds(self.delete(self.a, new_key(vm, version, purpose, instance), force=True))

    def vm_with(self, key, secret_uuid):
        """A VM that has been started once: its TPM's state is encrypted with the secret's value as it is now."""
        vm = self.vm(self.a, "encrypted", secret_uuid, key["vmUuid"])
        vm.stop()
        return vm

    def test_all_secrets_with_their_values_and_each_is_told(self):
        self.forget_all()
        secrets = {}
        for version in range(20):
            key = new_key(version=version)
            secrets[self.defined(self.a, key, description="for web-1")] = key
        key = new_key(purpose="volume", instance="volume-" + new_key()["vmUuid"])
        secrets[self.defined(self.a, key)] = key
        key = new_key()
        secret_uuid = self.succeeds(self.define_sealed(self.a, key, self.sealed(self.a, key, new_dek())))["secretUuid"]
        secrets[secret_uuid] = key
        vm, before = self.vm_with(key, secret_uuid), {}
        self.lost(lambda: before.update(self.a.secrets()))
        self.come_back(secrets)
        self.assertEqual(before, self.a.secrets())  # descriptions and all
        vm.start()
        reply = self.succeeds(self.pre_migrate(self.a, self.b, key))
        self.assertEqual(secret_uuid, reply["secretUuid"])
        vm.migrate(self.b)

    def test_a_vm_does_not_start_with_another_value(self):
        """So that one that starts proves that its secret came back with the right one."""
        key = new_key()
        vm = self.vm_with(key, self.defined(self.a, key))
        self.succeeds(self.delete(self.a, key))
        self.defined(self.a, key, new_dek(), secretUuid=self.secret_of(vm))
        with self.assertRaises(Exception):
            vm.start()

    @staticmethod
    def secret_of(vm):
        return vm.domain().XMLDesc().partition("encryption secret='")[2].partition("'")[0]

    def test_500_secrets_at_once(self):
        self.forget_all()
        keys = [new_key() for _ in range(500)]
        sent = [self.client.send("SecretHostDefineMsg", self.a, **key, dekBase64=b64(new_dek())) for key in keys]
        secrets = {self.succeeds(reply)["secretUuid"]: key
                   for key, reply in zip(keys, self.client.wait_many(sent, 120))}
        self.lost()
        self.come_back(secrets)

    def test_500_secrets_whose_worker_is_killed_again_and_again_meanwhile(self):
        self.forget_all()
        keys = [new_key() for _ in range(500)]
        sent = [self.client.send("SecretHostDefineMsg", self.a, **key, dekBase64=b64(new_dek())) for key in keys]
        uuids = [self.succeeds(reply)["secretUuid"] for reply in self.client.wait_many(sent, 120)]
        vms = {at: self.vm_with(keys[at], uuids[at]) for at in (0, 250, 499)}
        self.lost()
        for part in (50, 150, 300):
            wait_until(lambda n=part: len(self.a.secrets()) >= n, 60, f"{part} secrets")
            self.wa.restart()
        wait_until(lambda: set(self.a.secrets()) == set(uuids), 60, "all to come back", 0.1)
        wait_until(lambda: not self.wa.ask_ledger("SELECT 1 FROM secrets WHERE state <> 'active' UNION ALL "
                                                  "SELECT 1 FROM restorations"), 20, "rest")
        for vm in vms.values():
            vm.start()

    def test_what_was_deleted_stays_away(self):
        self.forget_all()
        stays, goes = new_key(), new_key()
        secrets = {self.defined(self.a, stays): stays}
        self.defined(self.a, goes)
        self.succeeds(self.delete(self.a, goes))
        self.lost()
        self.come_back(secrets)
        self.holds(self.a, goes, None)

    def test_what_was_kept_before_the_hosts_keys_were_retired(self):
        self.forget_all()
        key = new_key()
        secret_uuid = self.defined(self.a, key)
        vm = self.vm_with(key, secret_uuid)
        for retire in (False, True):
            self.succeeds(self.client.ask("HostEnvelopeKeyRotateMsg", self.a, retire=retire))
        self.lost()
        self.come_back({secret_uuid: key})
        vm.start()

    def test_where_libvirt_has_something_else_instead_it_stays_and_that_is_told(self):
        self.forget_all()
        key = new_key()
        secret_uuid = self.defined(self.a, key)
        self.wa.stop()
        self.a.undefine_secret(secret_uuid)
        other = self.planted(self.a, key, new_dek())
        self.listener.kinds()
        self.listener.events.clear()
        self.wa.start()
        self.assertEqual(secret_uuid, self.listener.wait_for("secret-lost")["secretUuid"])
        self.holds(self.a, key, other)
        self.a.undefine_secret(other)
        self.wa.restart()
        wait_until(lambda: secret_uuid in self.a.secrets(), 20, "it to come back when there is room")
