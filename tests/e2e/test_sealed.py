"""Sealed DEKs, by a sealer of another make: what opens, what does not, whose keys, and migrations that send none in clear."""
import base64
import json
import os
import unittest

from tests.e2e.base import (CONFLICT, ENVELOPE_INVALID, INVALID, KEYS_DAMAGED, KEYS_MISSING, PLAINTEXT_REFUSED, REQUIRED,
                            Scenario, b64, new_dek, new_key, new_uuid)
from tests.lab import REPO, hpke, wait_until

BOTH_AEADS = (hpke.CHACHA, hpke.AES)


class Sealer(unittest.TestCase):
    """The lab's own sealer, before anything is built on it."""

    def test_the_python_sealer_seals_as_rfc_9180_does(self):
        with open(os.path.join(REPO, "tests/vectors/rfc9180-a2-base.json"), encoding="utf-8") as f:
            figures = json.load(f)
        setup, first = ({k: bytes.fromhex(v) if len(v) > 4 else v for k, v in part.items()}
                        for part in (figures["setup"], figures["encryptions"][0]))
        recipient, ephemeral = hpke.KeyPair(setup["skRm"]), hpke.KeyPair(setup["skEm"])
        self.assertEqual((setup["pkRm"], setup["enc"]), (recipient.public, ephemeral.public))
        dh = ephemeral.key.exchange(recipient.key.public_key())
        secret = hpke._shared_secret(dh, ephemeral.public, recipient.public)
        self.assertEqual(setup["shared_secret"], secret)
        cipher, nonce = hpke._context(hpke.CHACHA, secret, setup["info"])
        self.assertEqual((setup["base_nonce"], first["ct"]), (nonce, cipher.encrypt(nonce, first["pt"], first["aad"])))

    def test_the_python_sealer_opens_what_a_third_implementation_has_sealed(self):
        with open(os.path.join(REPO, "tests/vectors/hpke-interop.json"), encoding="utf-8") as f:
            cases = json.load(f)["cases"]
        for case in cases:
            pair = hpke.KeyPair(bytes.fromhex(case["recipientPrivateKey"]))
            self.assertEqual(case["fingerprint"], pair.fingerprint)
            opened = pair.open(base64.b64decode(case["encryptedDekBase64"]), case["aad"].encode())
            self.assertEqual(case["dek"], opened.hex())


class Sealed(Scenario):
    def setUp(self):
        super().setUp()
        self.key, self.dek = new_key(), new_dek()

    def state(self, **settings):
        """A worker of its own for an alias of host a; gives both."""
        host = self.a.alias()
        return self.worker(host, settings={"worker": settings}), host

    def key_file(self, worker, host):
        return os.path.join(worker.state_dir, host.hex + ".key")

    def holds_dek(self, host, key, dek):
        """The value is right: the same DEK again is no conflict, and another one is."""
        self.assertIs(False, self.succeeds(self.define_sealed(host, key, self.sealed(host, key, dek)))["created"])
        self.refuses(self.define_sealed(host, key, self.sealed(host, key, new_dek())), CONFLICT)

    def test_gives_the_hosts_public_key_its_fingerprint_and_suites(self):
        for encoding in ("json", "msgpack"):
            reply = self.succeeds(self.host_key(self.a, encoding=encoding))
            public = reply["publicKey"]
            public = public if encoding == "msgpack" else base64.b64decode(public)
            self.assertIsInstance(public, bytes)
            self.assertEqual((32, hpke.fingerprint(public)), (len(public), reply["fingerprint"]))
            self.assertIn("0x0020/0x0001/0x0003", reply["suites"])
        self.assertNotEqual(self.public_key(self.a), self.public_key(self.b))
        self.assertEqual("HostEnvelopeKeyGetReply", reply.name)

    def test_opens_both_aeads_in_both_encodings_with_and_without_a_wanted_uuid(self):
        for encoding in ("json", "msgpack"):
            for aead in BOTH_AEADS:
                for wanted in ("", new_uuid()):
                    key, dek = new_key(), new_dek()
                    sealed = self.sealed(self.a, key, dek, wanted, aead=aead)
                    sealed = base64.b64decode(sealed) if encoding == "msgpack" else sealed
                    reply = self.succeeds(self.define_sealed(self.a, key, sealed, encoding=encoding,
                                                             **({"secretUuid": wanted} if wanted else {})))
                    self.assertEqual((True, wanted or reply["secretUuid"]), (reply["created"], reply["secretUuid"]))
                    self.holds_dek(self.a, key, dek)

    def test_is_bound_to_the_values_and_not_to_how_they_are_written(self):
        key = new_key(purpose="volume", instance="volume-" + new_uuid())
        wanted = new_uuid()
        sealed = self.sealed(self.a, key, self.dek, wanted)
        written = {"vmUuid": key["vmUuid"].replace("-", "").upper(), "usageInstance": key["usageInstance"].upper().replace("VOLUME", "volume")}
        self.succeeds(self.define_sealed(self.a, {**key, **written}, sealed, secretUuid=wanted.upper(), hostUuid=self.a.hex))

    def test_takes_a_dek_of_1_and_of_1024_bytes(self):
        for dek in (b"\0", os.urandom(1024)):
            key = new_key()
            self.succeeds(self.define_sealed(self.a, key, self.sealed(self.a, key, dek)))
            self.assertIs(False, self.succeeds(self.define(self.a, key, dek))["created"])
        key = new_key()
        too_long = self.sealed(self.a, key, os.urandom(1025))
        self.refuses(self.define_sealed(self.a, key, too_long), INVALID, field="encryptedDek")

    def test_an_envelope_that_was_moved_to_another_use_does_not_open(self):
        wanted = new_uuid()
        moved = [{"vmUuid": new_uuid()}, {"purpose": "volume"}, {"usageInstance": "tpm1"}, {"keyVersion": 2}]
        envelopes = [self.sealed(self.a, self.key, self.dek, wanted, **change) for change in moved]
        envelopes.append(self.sealed(self.b, self.key, self.dek, wanted, public=self.public_key(self.a)))
        envelopes.append(self.sealed(self.a, self.key, self.dek, wanted, public=self.public_key(self.b)))
        envelopes.append(self.sealed(self.a, self.key, self.dek, new_uuid()))
        envelopes.append(self.sealed(self.a, self.key, self.dek))
        replies = [self.refuses(self.define_sealed(self.a, self.key, envelope, secretUuid=wanted), ENVELOPE_INVALID)
                   for envelope in envelopes]
        self.refuses(self.define_sealed(self.a, self.key, self.sealed(self.a, self.key, self.dek, wanted)), ENVELOPE_INVALID)
        self.assertEqual(1, len({reply.details for reply in replies}))  # which part it was is not told
        self.assertEqual({}, self.pa.calls)
        self.holds(self.a, self.key, None)

    def test_a_change_of_any_byte_of_an_envelope_is_refused(self):
        sealed = base64.b64decode(self.sealed(self.a, self.key, b"a DEK"))
        asked = []
        for at in range(len(sealed)):
            changed = sealed[:at] + bytes([sealed[at] ^ 1 << at % 8]) + sealed[at + 1:]
            asked.append(self.client.send("SecretHostDefineMsg", self.a, **self.key, encryptedDek=b64(changed)))
        for reply in self.client.wait_many(asked):
            self.refuses(reply, ENVELOPE_INVALID)
        self.assertEqual({}, self.pa.calls)
        self.succeeds(self.define_sealed(self.a, self.key, b64(sealed)))

    def test_refuses_points_of_low_order(self):
        for point in (bytes(32), b"\1" + bytes(31), bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")):
            self.refuses(self.define_sealed(self.a, self.key, b64(b"\0\3" + point + bytes(48))), ENVELOPE_INVALID)

    def test_a_define_has_a_dek_in_clear_or_sealed_and_never_both_or_neither(self):
        sealed = self.sealed(self.a, self.key, self.dek)
        self.refuses(self.define(self.a, self.key, self.dek, encryptedDek=sealed), INVALID, field="encryptedDek")
        reply = self.refuses(self.client.ask("SecretHostDefineMsg", self.a, **self.key), REQUIRED, field="dekBase64")
        self.assertTrue(reply.details.startswith("dekBase64 is required"))
        both = self.pre_migrate(self.a, self.b, self.key, self.dek, encryptedDek=sealed)
        self.refuses(both, INVALID, field="encryptedDek")

    def test_the_compatible_layout_opens_only_where_the_configuration_allows_it(self):
        layouts = {"bound": (True, False), "compatible": (False, True), "both": (True, True)}
        for envelope, expected in layouts.items():
            _, host = self.state(envelope=envelope)
            for right, opens in zip((True, False), expected):
                key = new_key()
                sealed = self.sealed(host, key, self.dek) if right else b64(hpke.seal(self.public_key(host), self.dek))
                reply = self.define_sealed(host, key, sealed)
                if opens:
                    self.succeeds(reply)
                    self.assertIs(False, self.succeeds(self.define(host, key, self.dek))["created"])
                else:
                    self.refuses(reply, ENVELOPE_INVALID)
            suites = self.succeeds(self.host_key(host))["suites"]
            self.assertEqual(envelope != "compatible", "0x0020/0x0001/0x0003" in suites)

    def test_where_clear_deks_are_refused_sealed_ones_are_not(self):
        _, host = self.state(plaintext_dek="refuse")
        self.refuses(self.define(host, self.key, self.dek), PLAINTEXT_REFUSED)
        self.succeeds(self.define_sealed(host, self.key, self.sealed(host, self.key, self.dek)))

    # Ids.
    def test_two_envelopes_of_one_dek_are_one_request_and_of_two_deks_are_not(self):
        """While the first runs: libvirt is frozen, so that it does."""
        worker, host = self.state(hypervisor_wait_ms="20000")
        request_id, other = new_uuid(), self.sealed(host, self.key, new_dek())
        same = [self.sealed(host, self.key, self.dek) for _ in range(3)]
        self.a.freeze()
        try:
            first = self.client.send("SecretHostDefineMsg", host, **self.key, id=request_id, encryptedDek=same[0])
            again = [self.client.send("SecretHostDefineMsg", host, **self.key, id=request_id, encryptedDek=envelope)
                     for envelope in same[1:]]
            clear = self.client.send("SecretHostDefineMsg", host, **self.key, id=request_id, dekBase64=b64(self.dek))
            refused = self.define_sealed(host, self.key, other, id=request_id)
        finally:
            self.a.thaw()
        self.refuses(refused, INVALID, field="id")
        replies = self.client.wait_many([first, clear, *again])
        for reply in replies:
            self.assertEqual(self.succeeds(replies[0]).outcome, reply.outcome)
        self.assertTrue(worker.alive)

    # Keys.
    def rotate(self, host, **rest):
        return self.client.ask("HostEnvelopeKeyRotateMsg", host, **rest)

    def test_after_a_rotation_earlier_envelopes_open_until_the_keys_are_retired_over_restarts_too(self):
        worker, host = self.state()
        first = self.public_key(host)
        reply = self.succeeds(self.rotate(host))
        second = base64.b64decode(reply["publicKey"])
        self.assertEqual(("HostEnvelopeKeyRotateReply", hpke.fingerprint(second)), (reply.name, reply["fingerprint"]))
        self.assertNotEqual(first, second)
        third = base64.b64decode(self.succeeds(self.rotate(host))["publicKey"])
        for restarted in (False, True):
            if restarted:
                worker.stop()
                worker.start()
            self.assertEqual(third, self.public_key(host))
            for public in (first, second, third):
                key = new_key()
                self.succeeds(self.define_sealed(host, key, self.sealed(host, key, self.dek, public=public)))
        self.assertEqual(third, base64.b64decode(self.succeeds(self.rotate(host, retire=True))["publicKey"]))
        for restarted in (False, True):
            if restarted:
                worker.restart()
            for public, opens in ((first, False), (second, False), (third, True)):
                key = new_key()
                reply = self.define_sealed(host, key, self.sealed(host, key, self.dek, public=public))
                self.succeeds(reply) if opens else self.refuses(reply, ENVELOPE_INVALID)

    def test_a_key_that_is_made_while_others_are_retired_costs_no_secret_that_is_kept(self):
        host = self.with_part(self.lab.hypervisor("rotating")).start()
        worker, keys = self.worker(host), [new_key() for _ in range(300)]
        sent = [self.client.send("SecretHostDefineMsg", host, **key, dekBase64=b64(new_dek())) for key in keys]
        for reply in self.client.wait_many(sent):
            self.succeeds(reply)
        for _ in range(5):
            self.succeeds(self.client.ask("HostEnvelopeKeyRotateMsg", host))
            sent = [self.client.send("HostEnvelopeKeyRotateMsg", host, retire=retire) for retire in (True, False)]
            for reply in self.client.wait_many(sent):
                self.succeeds(reply)
        host.kill()
        host.start()
        self.succeeds(self.get(host, keys[0]))
        wait_until(lambda: "event=recovery " in worker.log_text(), 60, "all to be restored")
        self.assertEqual({self.succeeds(self.get(host, key))["secretUuid"] for key in keys}, set(host.secrets()))
        self.assertNotIn("ENVELOPE_INVALID", worker.log_text())

    def test_a_rotation_is_done_once_for_one_id(self):
        worker, host = self.state()
        request_id = new_uuid()
        asked = [self.client.send("HostEnvelopeKeyRotateMsg", host, id=request_id) for _ in range(10)]
        replies = self.client.wait_many(asked)
        worker.restart()
        replies.append(self.rotate(host, id=request_id))
        self.assertEqual(1, len({self.succeeds(reply)["publicKey"] for reply in replies}))
        self.assertEqual(replies[0]["publicKey"], self.succeeds(self.host_key(host))["publicKey"])

    def test_keeps_its_key_over_restarts_in_a_file_that_only_it_may_read(self):
        worker, host = self.state()
        public = self.public_key(host)
        self.assertEqual(0o600, os.stat(self.key_file(worker, host)).st_mode & 0o777)
        worker.restart()
        self.assertEqual(public, self.public_key(host))
        self.assertEqual({"digest.key", "ledger.db", "pool", "tenure", host.hex + ".key"},
                         {name for name in os.listdir(worker.state_dir) if not name.startswith("ledger.db-")})

    def test_a_key_file_that_is_gone_or_damaged_is_told_and_the_rest_is_served(self):
        worker, host = self.state()
        path, sealed = self.key_file(worker, host), self.sealed(host, self.key, self.dek)
        with open(path, "rb") as f:
            whole = f.read()

        def check(code):
            self.refuses(self.host_key(host), code)
            self.refuses(self.rotate(host), code)
            self.refuses(self.define_sealed(host, self.key, sealed), code)
            self.refuses(self.define(host, new_key()), code)  # what is kept is sealed to it
            self.succeeds(self.get(host, known))
        known = new_key()
        self.defined(host, known)
        os.rename(path, path + ".away")
        check(KEYS_MISSING)
        os.rename(path + ".away", path)
        with open(path, "r+b") as f:
            f.seek(40)
            f.write(bytes([whole[40] ^ 1]))
        check(KEYS_DAMAGED)
        worker.restart()  # it starts all the same, and does not make another key
        check(KEYS_DAMAGED)
        self.assertIn("INTEGRITY_MISMATCH", worker.log_text())
        with open(path, "r+b") as f:
            f.write(whole)
        os.chmod(path, 0o644)
        check(KEYS_DAMAGED)
        os.chmod(path, 0o600)
        self.succeeds(self.define_sealed(host, self.key, sealed))

    def test_takes_its_key_from_a_systemd_credential(self):
        worker, host = self.state()
        public = self.public_key(host)
        worker.stop()
        folder = self.lab.make_folder("credentials-" + new_uuid()[:8])
        os.rename(self.key_file(worker, host), os.path.join(folder, host.hex + ".key"))
        worker.extra_environment = {"CREDENTIALS_DIRECTORY": folder}
        worker.start()
        self.assertEqual(public, self.public_key(host))
        self.succeeds(self.define_sealed(host, self.key, self.sealed(host, self.key, self.dek)))
        self.assertIn("credential", self.refuses(self.rotate(host), REQUIRED).details)
        self.assertFalse(os.path.exists(self.key_file(worker, host)))

    # Migration.
    def test_what_pre_migrate_sends_opens_for_the_destination_alone(self):
        fake = self.fake_host()
        secret_uuid = self.defined(self.a, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.a, fake, self.key, self.dek))
        request, = fake.requests
        self.assertNotIn("dekBase64", request.fields)
        self.assertEqual((secret_uuid, self.dek), (request.fields["secretUuid"], fake.dek_of(request)))

    def test_passes_an_envelope_of_the_request_on(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        good = self.sealed(self.b, self.key, self.dek, secret_uuid)
        reply = self.succeeds(self.pre_migrate(self.a, self.b, self.key, encryptedDek=good))
        self.assertEqual(("request", secret_uuid), (reply["dekSource"], reply["secretUuid"]))
        self.holds_dek_of_migration(secret_uuid)

    def holds_dek_of_migration(self, secret_uuid):
        self.holds(self.b, self.key, secret_uuid)
        self.assertIs(False, self.succeeds(self.define(self.b, self.key, self.dek))["created"])

    def test_an_envelope_for_another_use_is_refused_by_the_destination_and_leaves_nothing(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        for wrong in (self.sealed(self.b, self.key, self.dek), self.sealed(self.a, self.key, self.dek, secret_uuid),
                      self.sealed(self.b, self.key, self.dek, secret_uuid, keyVersion=2)):
            self.refuses(self.pre_migrate(self.a, self.b, self.key, encryptedDek=wrong), ENVELOPE_INVALID)
        self.holds(self.b, self.key, None)

    def test_compares_the_destinations_fingerprint(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        right = hpke.fingerprint(self.public_key(self.b))
        wrong = self.pre_migrate(self.a, self.b, self.key, self.dek, dstKeyFingerprint=hpke.fingerprint(self.public_key(self.a)))
        self.refuses(wrong, ENVELOPE_INVALID, field="dstKeyFingerprint")
        self.holds(self.b, self.key, None)
        self.assertEqual(secret_uuid, self.succeeds(self.pre_migrate(
            self.a, self.b, self.key, self.dek, dstKeyFingerprint=right.upper()))["secretUuid"])

    def test_the_key_manager_seals_to_the_destinations_registered_key(self):
        _, source = self.state(plaintext_dek="refuse")
        manager = self.keymanager(recipients={self.b.uuid: self.public_key(self.b)})
        manager.add(self.key["vmUuid"], source, self.dek)
        secret_uuid = self.planted(self.a, self.key, self.dek)  # an alias of a: the same libvirt
        reply = self.succeeds(self.pre_migrate(source, self.b, self.key, tpmUuid=new_uuid()))
        self.assertEqual(("keymanager", secret_uuid), (reply["dekSource"], reply["secretUuid"]))
        self.holds_dek_of_migration(secret_uuid)
        key = new_key()
        manager.add(key["vmUuid"], source, self.dek)
        self.planted(self.a, key, self.dek)
        for misbehaviour, code in (("clear", PLAINTEXT_REFUSED), ("other", ENVELOPE_INVALID)):
            manager.misbehaviour = misbehaviour
            self.refuses(self.pre_migrate(source, self.b, key, tpmUuid=new_uuid()), code)
            self.holds(self.b, key, None)
        manager.misbehaviour, manager.recipients = None, {self.b.uuid: os.urandom(32)}
        self.refuses(self.pre_migrate(source, self.b, key, tpmUuid=new_uuid()), "KMS.1000")

    def test_a_live_migration_is_sealed_from_end_to_end_where_clear_deks_are_refused(self):
        _, source = self.state(plaintext_dek="refuse")
        destination = self.b.alias()
        self.worker(destination, settings={"worker": {"plaintext_dek": "refuse"}})
        secret_uuid = self.succeeds(self.define_sealed(source, self.key, self.sealed(source, self.key, self.dek)))["secretUuid"]
        machine = self.vm(self.a, "encrypted", secret_uuid, self.key["vmUuid"])
        envelope = self.sealed(destination, self.key, self.dek, secret_uuid)
        self.succeeds(self.pre_migrate(source, destination, self.key, encryptedDek=envelope,
                                       dstKeyFingerprint=hpke.fingerprint(self.public_key(destination))))
        machine.migrate(self.b)
        self.assertEqual("source", self.succeeds(self.post_migrate(source, destination, self.key))["deletedOn"])
        machine.stop()
        machine.start()  # by the value that the envelope brought
        reply = self.succeeds(self.pre_migrate(destination, source, self.key, migration="m-2"))
        self.assertEqual("ledger", reply["dekSource"])  # and back from what the destination keeps
        machine.migrate(self.a)
        self.assertEqual("source", self.succeeds(
            self.post_migrate(destination, source, self.key, migration="m-2"))["deletedOn"])
