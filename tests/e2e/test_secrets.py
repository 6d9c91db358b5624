"""Define, get, delete and resolve, as an outsider sees them and as libvirt holds them."""
import hmac
import os
import subprocess
import xml.etree.ElementTree as ElementTree

import libvirt

from tests.e2e.base import (CONFLICT, ENCODINGS, IN_USE, INVALID, NOT_FOUND, REQUIRED, Scenario, b64, new_dek, new_key,
                            new_uuid, usage_id)
from tests.lab import program


class Secrets(Scenario):
    def test_defines_gets_deletes_and_no_longer_gets_in_both_encodings_with_and_without_a_wanted_uuid(self):
        for encoding in ENCODINGS:
            for wanted in (None, new_uuid()):
                with self.subTest(encoding=encoding, wanted=bool(wanted)):
                    key = new_key()
                    defined = self.succeeds(self.define(self.a, key, secretUuid=wanted or ..., encoding=encoding))
                    self.assertEqual("SecretHostDefineReply", defined.name)
                    self.assertIs(True, defined["created"])
                    self.assertNotIn("replacedSecretUuid", defined)
                    self.assertEqual(wanted or defined["secretUuid"], defined["secretUuid"])
                    self.holds(self.a, key, defined["secretUuid"])
                    got = self.succeeds(self.get(self.a, key, encoding=encoding))
                    self.assertEqual(("SecretHostGetReply", defined["secretUuid"]), (got.name, got["secretUuid"]))
                    deleted = self.succeeds(self.delete(self.a, key, encoding=encoding))
                    self.assertEqual(("SecretHostDeleteReply", True), (deleted.name, deleted["deleted"]))
                    self.holds(self.a, key, None)
                    self.refuses(self.get(self.a, key, encoding=encoding), NOT_FOUND)

    def test_reads_uuids_with_and_without_dashes_in_either_case_and_replies_in_libvirts_form(self):
        forms = (str, str.upper, lambda u: u.replace("-", ""), lambda u: u.replace("-", "").upper())
        for form in forms:
            key, wanted = new_key(), new_uuid()
            given = {**key, "vmUuid": form(key["vmUuid"]), "hostUuid": form(self.a.uuid), "secretUuid": form(wanted)}
            reply = self.succeeds(self.define(self.a, given))
            self.assertEqual(wanted, reply["secretUuid"])
            self.holds(self.a, key, wanted)
            self.assertEqual(wanted, self.succeeds(self.get(self.a, key))["secretUuid"])

    def test_is_held_by_libvirt_as_the_contract_says(self):
        for purpose, instance in (("vtpm", "tpm7"), ("volume", "volume-" + new_uuid())):
            key = new_key(purpose=purpose, instance=instance, version=2147483647)
            secret_uuid = self.defined(self.a, key, description="for <people> & \"others\"")
            secret = ElementTree.fromstring(self.a.secrets()[secret_uuid])
            self.assertEqual(("yes", "yes"), (secret.get("ephemeral"), secret.get("private")))
            self.assertEqual(purpose, secret.find("usage").get("type"))
            self.assertEqual(usage_id(key), secret.find("usage")[0].text)
            self.assertTrue(secret.findtext("description").endswith("for <people> & \"others\""))

    def test_makes_one_volume_secret_of_all_spellings_of_a_volume(self):
        volume = new_uuid()
        key = new_key(purpose="volume", instance="volume-" + volume)
        secret_uuid = self.defined(self.a, key, dek=(dek := new_dek()))
        for spelling in (volume.upper(), volume.replace("-", "")):
            again = self.succeeds(self.define(self.a, {**key, "usageInstance": "volume-" + spelling}, dek))
            self.assertEqual((secret_uuid, False), (again["secretUuid"], again["created"]))

    def test_defining_twice_makes_one_secret(self):
        key, dek = new_key(), new_dek()
        secret_uuid = self.defined(self.a, key, dek)
        before = set(self.a.secrets())
        for wanted in (..., secret_uuid):
            again = self.succeeds(self.define(self.a, key, dek, secretUuid=wanted))
            self.assertEqual((secret_uuid, False), (again["secretUuid"], again["created"]))
            self.assertNotIn("replacedSecretUuid", again)
        self.assertEqual(before, set(self.a.secrets()))

    def test_refuses_another_dek_under_the_same_identity_and_version(self):
        key, dek = new_key(), new_dek()
        secret_uuid = self.defined(self.a, key, dek)
        for wanted in (..., secret_uuid, new_uuid()):
            self.refuses(self.define(self.a, key, new_dek(), secretUuid=wanted), CONFLICT)
            self.refuses(self.define(self.a, key, dek + b"\0", secretUuid=wanted), CONFLICT)
        self.assertEqual(secret_uuid, self.succeeds(self.define(self.a, key, dek))["secretUuid"])

    def test_takes_a_new_version_another_instance_and_another_host_as_other_secrets(self):
        key = new_key()
        uuids = [self.defined(self.a, key), self.defined(self.a, {**key, "keyVersion": 2}),
                 self.defined(self.a, {**key, "usageInstance": "tpm1"}), self.defined(self.b, key)]
        self.assertEqual(4, len(set(uuids)))
        self.assertTrue(self.succeeds(self.delete(self.a, key))["deleted"])
        self.assertEqual(uuids[1], self.succeeds(self.get(self.a, {**key, "keyVersion": 2}))["secretUuid"])
        self.assertEqual(uuids[3], self.succeeds(self.get(self.b, key))["secretUuid"])

    def test_refuses_a_wanted_uuid_that_belongs_to_another_identity_and_changes_nothing(self):
        key, other = new_key(), new_key()
        taken = self.defined(self.a, other)
        self.refuses(self.define(self.a, key, secretUuid=taken), CONFLICT)
        self.holds(self.a, key, None)
        self.holds(self.a, other, taken)

    def test_refuses_a_wanted_uuid_that_belongs_to_a_secret_which_is_not_ours(self):
        key = new_key()
        taken = self.a.define_secret("somebody else's", b"value")
        self.addCleanup(self.a.undefine_secret, taken)
        self.refuses(self.define(self.a, key, secretUuid=taken), CONFLICT)
        self.assertIn("somebody else", self.a.secrets()[taken])

    def test_refuses_a_wanted_uuid_whose_secret_has_our_usage_id_but_another_usage_type(self):
        key = new_key()
        taken = self.a.define_secret(usage_id(key), b"value", usage="volume")
        self.addCleanup(self.a.undefine_secret, taken)
        self.refuses(self.define(self.a, key, secretUuid=taken), CONFLICT)

    def test_replaces_a_stale_uuid_and_reports_it(self):
        key, dek, wanted = new_key(), new_dek(), new_uuid()
        stale = self.defined(self.a, key, dek)
        reply = self.succeeds(self.define(self.a, key, dek, secretUuid=wanted))
        self.assertEqual((wanted, stale), (reply["secretUuid"], reply["replacedSecretUuid"]))
        self.assertNotIn(stale, self.a.secrets())
        self.holds(self.a, key, wanted)

    def test_does_not_replace_a_uuid_that_a_running_or_a_defined_domain_names(self):
        for running in (True, False):
            key, dek = new_key(), new_dek()
            held = self.defined(self.a, key, dek)
            vm = (self.vm(self.a, "encrypted", held, key["vmUuid"]) if running
                  else self.a.define_vm("encrypted", held, key["vmUuid"]))
            self.refuses(self.define(self.a, key, dek, secretUuid=new_uuid()), CONFLICT)
            self.holds(self.a, key, held)
            self.assertFalse(self.succeeds(self.define(self.a, key, dek))["created"])
            if not running:
                vm.undefine()
                self.assertEqual(held, self.succeeds(
                    self.define(self.a, key, dek, secretUuid=new_uuid()))["replacedSecretUuid"])

    def test_ensures_the_value_of_a_secret_that_had_none(self):
        key, dek = new_key(), new_dek()
        valueless = self.a.define_secret(usage_id(key))
        reply = self.succeeds(self.define(self.a, key, dek))
        self.assertEqual((valueless, False), (reply["secretUuid"], reply["created"]))
        self.vm(self.a, "encrypted", valueless, key["vmUuid"])  # starts only with a value

    def test_gets_only_what_is_known_to_have_a_value(self):
        """Which libvirt does not tell, so that of one which others made nobody knows."""
        key = new_key()
        other = self.a.define_secret(usage_id(key))
        self.assertIn(other, self.refuses(self.get(self.a, key), NOT_FOUND).details)
        self.defined(self.a, key)
        self.assertEqual(other, self.succeeds(self.get(self.a, key))["secretUuid"])

    def test_a_new_description_keeps_the_value(self):
        key, dek = new_key(), new_dek()
        secret_uuid = self.defined(self.a, key, dek, description="one")
        self.succeeds(self.define(self.a, key, dek, description="two"))
        self.assertTrue(ElementTree.fromstring(self.a.secrets()[secret_uuid]).findtext("description").endswith("two"))
        self.vm(self.a, "encrypted", secret_uuid, key["vmUuid"])

    def test_sets_the_very_value_that_was_sent_also_where_it_holds_any_byte(self):
        for encoding, dek in (("json", bytes(range(256))), ("msgpack", bytes(range(255, -1, -1)))):
            key, wanted = new_key(), new_uuid()
            given = b64(dek) if encoding == "json" else dek
            self.succeeds(self.define(self.a, key, secretUuid=wanted, dekBase64=given, encoding=encoding))
            vm = self.vm(self.a, "encrypted", wanted, key["vmUuid"])
            vm.stop()
            self.assertTrue(self.succeeds(self.delete(self.a, key))["deleted"])
            self.a.define_secret(usage_id(key), dek, secret_uuid=wanted)  # past the worker, the same value
            vm.start()  # the TPM's state opens
            vm.stop()
            self.a.undefine_secret(wanted)
            self.a.define_secret(usage_id(key), dek[:-1] + b"x", secret_uuid=wanted)
            with self.assertRaises(libvirt.libvirtError):
                vm.start()
            self.a.undefine_secret(wanted)

    def test_takes_a_dek_of_1_and_of_1024_bytes_raw_and_as_base64(self):
        for size in (1, 1024):
            for encoding in ENCODINGS:
                for value in (b"\0" * size, b64(b"\xff" * size)):
                    self.succeeds(self.define(self.a, new_key(), dekBase64=value, encoding=encoding))

    def test_undoes_the_definition_when_the_value_cannot_be_set(self):
        key = new_key()
        self.pa.refuse = {"secret-set-value"}
        reply = self.refuses(self.define(self.a, key), REQUIRED)
        self.assertEqual((8, 30), (reply.opaque["libvirtCode"], reply.opaque["libvirtDomain"]))
        self.holds(self.a, key, None)
        self.pa.reset()
        self.assertTrue(self.succeeds(self.define(self.a, key))["created"])

    def test_says_so_when_the_definition_cannot_be_undone_either(self):
        key, dek = new_key(), new_dek()
        self.pa.refuse = {"secret-set-value", "secret-undefine"}
        reply = self.define(self.a, key, dek)
        self.assertEqual(REQUIRED, reply.code)
        self.assertNotEqual("none", reply.opaque["effect"])
        self.pa.reset()
        self.succeeds(self.define(self.a, key, dek))  # the same again mends it

    def test_passes_on_libvirts_refusal_to_define(self):
        key = new_key()
        self.pa.refuse = {"secret-define"}
        reply = self.refuses(self.define(self.a, key), REQUIRED)
        self.assertEqual((8, 30), (reply.opaque["libvirtCode"], reply.opaque["libvirtDomain"]))
        self.holds(self.a, key, None)

    def test_deleting_is_idempotent(self):
        key = new_key()
        self.defined(self.a, key)
        self.assertIs(True, self.succeeds(self.delete(self.a, key))["deleted"])
        self.assertIs(False, self.succeeds(self.delete(self.a, key))["deleted"])
        self.assertIs(False, self.succeeds(self.delete(self.a, new_key()))["deleted"])

    def test_deletes_only_the_uuid_and_only_what_the_migration_made_where_that_is_asked(self):
        key = new_key()
        secret_uuid = self.defined(self.a, key, migrationId="m-7")
        for precondition in ({"secretUuid": new_uuid()}, {"migrationId": "m-8"},
                             {"secretUuid": secret_uuid, "migrationId": "m-8"}):
            self.assertIs(False, self.succeeds(self.delete(self.a, key, **precondition))["deleted"])
        self.holds(self.a, key, secret_uuid)
        self.assertIs(True, self.succeeds(
            self.delete(self.a, key, secretUuid=secret_uuid.upper(), migrationId="m-7"))["deleted"])
        permanent = new_key()
        self.defined(self.a, permanent)
        self.assertIs(False, self.succeeds(self.delete(self.a, permanent, migrationId="m-7"))["deleted"])

    def test_a_migrations_define_does_not_take_a_secret_over_that_was_there(self):
        key, dek = new_key(), new_dek()
        secret_uuid = self.defined(self.a, key, dek)
        again = self.succeeds(self.define(self.a, key, dek, secretUuid=secret_uuid, migrationId="m-9"))
        self.assertIs(False, again["created"])
        self.assertIs(False, self.succeeds(self.delete(self.a, key, migrationId="m-9"))["deleted"])

    def test_does_not_delete_what_a_running_domain_names_unless_forced(self):
        for paused in (False, True):
            key = new_key()
            secret_uuid = self.defined(self.a, key)
            vm = self.vm(self.a, "encrypted", secret_uuid, key["vmUuid"], paused=paused)
            self.refuses(self.delete(self.a, key), IN_USE)
            self.refuses(self.delete(self.a, key, force=False), IN_USE)
            self.assertIs(False, self.succeeds(self.delete(self.a, key, secretUuid=new_uuid()))["deleted"])
            self.holds(self.a, key, secret_uuid)
            if paused:
                vm.stop()
                self.assertIs(True, self.succeeds(self.delete(self.a, key))["deleted"])
            else:
                self.assertIs(True, self.succeeds(self.delete(self.a, key, force=True))["deleted"])
            self.holds(self.a, key, None)

    def test_resolves_the_secret_that_the_live_domain_names(self):
        key = new_key()
        secret_uuid = self.defined(self.a, key)
        vm = self.vm(self.a, "encrypted", secret_uuid, key["vmUuid"])
        for spelling in (key["vmUuid"], key["vmUuid"].replace("-", "").upper()):
            reply = self.succeeds(self.resolve(self.a, spelling))
            self.assertEqual(("ResolveVtpmLibvirtSecretOnHypervisorReply", secret_uuid),
                             (reply.name, reply["secretUuid"]))
        vm.stop()
        self.refuses(self.resolve(self.a, key["vmUuid"]), NOT_FOUND)

    def test_resolves_nothing_where_there_is_no_live_domain_or_no_encrypted_tpm(self):
        self.refuses(self.resolve(self.a, new_uuid()), NOT_FOUND)
        for tpm in (None, "plain"):
            self.refuses(self.resolve(self.a, self.vm(self.a, tpm).uuid), NOT_FOUND)

    def test_a_message_for_another_host_is_refused(self):
        key = new_key()
        for other in (self.b.uuid, new_uuid()):
            self.refuses(self.define(self.a, key, hostUuid=other), "SYS.1003")
            self.refuses(self.get(self.a, key, hostUuid=other), "SYS.1003")
            self.refuses(self.delete(self.a, key, hostUuid=other), "SYS.1003")
            self.refuses(self.resolve(self.a, key["vmUuid"], hostUuid=other), "SYS.1003")
        self.holds(self.b, key, None)

    def test_a_clear_dek_that_the_configuration_refuses_is_refused_by_the_options_name(self):
        host, key = self.a.alias(), new_key()
        self.worker(host, settings={"worker": {"plaintext_dek": "refuse"}})
        reply = self.refuses(self.define(host, key), "KEY_AGENT_PLAINTEXT_REFUSED")
        self.assertIn("plaintext_dek", reply.details)
        self.holds(self.a, key, None)
        self.refuses(self.get(host, key), NOT_FOUND)

    def test_answers_a_salt_by_the_digest_of_the_dek_and_the_same_id_by_the_same_over_restarts_too(self):
        host, dek, salt = self.a.alias(), new_dek(), os.urandom(32)
        worker = self.worker(host)
        expected = hmac.new(salt, dek, "sha256").hexdigest()
        for encoding in ENCODINGS:
            key, same = new_key(), new_uuid()
            public = salt if encoding == "msgpack" else b64(salt)
            first = self.succeeds(self.define(host, key, dek, digestSalt=public, id=same, encoding=encoding))
            self.assertEqual((True, expected), (first["created"], first["dekDigest"]))
            self.assertEqual(expected, self.succeeds(self.define(
                host, key, dek, digestSalt=b64(salt), id=same))["dekDigest"])
            worker.kill()
            worker.start()
            self.assertEqual(expected, self.succeeds(self.define(
                host, key, dek, digestSalt=b64(salt), id=same))["dekDigest"])
            self.refuses(self.define(host, key, dek, digestSalt=b64(os.urandom(32)), id=same), INVALID, field="id")
            self.assertNotIn("dekDigest", self.succeeds(self.define(host, key, dek)).fields)

    def test_a_message_of_a_newer_version_is_refused_by_name(self):
        self.refuses(self.client.ask("SecretHostRenameMsg", self.a), "SYS.1008")

    def test_tells_what_it_is_and_speaks(self):
        for encoding in ENCODINGS:
            reply = self.succeeds(self.client.ask("HostCapabilitiesGetMsg", self.a, encoding=encoding))
            self.assertEqual(("bound", "loopback"), (reply["envelope"], reply["plaintextDek"]))
            self.assertIn(reply["version"], subprocess.run([*program("keyferryd"), "--version"], capture_output=True,
                                                           text=True, check=True).stdout.split())
            self.assertIn("0x0020/0x0001/0x0003", reply["suites"])
            self.assertEqual({"SecretHostDefineMsg", "SecretHostGetMsg", "SecretHostDeleteMsg",
                              "ResolveVtpmLibvirtSecretOnHypervisorMsg", "HostEnvelopeKeyGetMsg",
                              "HostEnvelopeKeyRotateMsg", "HostReconcileMsg", "HostCapabilitiesGetMsg",
                              "VtpmPreMigrateMsg", "VtpmPostMigrateMsg"}, set(reply["messages"]))
            for message in reply["messages"]:  # each is known: none is "no handler"
                self.assertNotEqual("SYS.1008", self.client.ask(message, self.a).code)
        host = self.a.alias()
        self.worker(host, settings={"worker": {"envelope": "both", "plaintext_dek": "refuse"}})
        first, again = (self.succeeds(self.client.ask("HostCapabilitiesGetMsg", host, id="same")) for _ in range(2))
        self.assertEqual(("both", "refuse"), (first["envelope"], first["plaintextDek"]))
        self.assertEqual(first.outcome, again.outcome)
