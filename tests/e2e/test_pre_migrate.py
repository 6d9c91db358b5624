"""Pre-migrate: who is asked for what, and that a failure leaves nothing on the destination."""
import hmac
import time

from tests.e2e.base import (BUSY, CONFLICT, DEK_MISMATCH, INVALID, LATE, NO_ROUTE, NOT_FOUND, PLAINTEXT_REFUSED, REQUIRED, Scenario,
                            b64, new_dek, new_key, new_uuid)
from tests.lab import patience, refusal


class PreMigrate(Scenario):
    def setUp(self):
        super().setUp()
        self.key, self.dek = new_key(), new_dek()

    def test_brings_the_secret_to_the_destination_under_the_same_uuid(self):
        for encoding in ("json", "msgpack"):
            key = new_key()
            secret_uuid = self.defined(self.a, key, self.dek)
            reply = self.succeeds(self.pre_migrate(self.a, self.b, key, self.dek, encoding=encoding))
            self.assertEqual("VtpmPreMigrateReply", reply.name)
            self.assertEqual((False, secret_uuid, "m-1", True, "request"), tuple(reply[field] for field in (
                "skipped", "secretUuid", "migrationId", "created", "dekSource")))
            self.holds(self.b, key, secret_uuid)
            self.assertEqual(secret_uuid, self.succeeds(self.get(self.b, key))["secretUuid"])
            self.holds(self.a, key, secret_uuid)

    def test_says_when_the_destination_had_it_already(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        self.defined(self.b, self.key, self.dek, secretUuid=secret_uuid)
        reply = self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek))
        self.assertEqual((secret_uuid, False), (reply["secretUuid"], reply["created"]))

    def test_replaces_a_stale_uuid_on_the_destination(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        stale = self.defined(self.b, self.key, self.dek)
        self.assertEqual(secret_uuid, self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek))["secretUuid"])
        self.assertNotIn(stale, self.b.secrets())

    def test_derives_a_migration_id_where_none_is_given(self):
        self.defined(self.a, self.key, self.dek)
        fields = self.pre_migrate_fields(self.a, self.b, self.key, self.dek, migration=..., id=new_uuid())
        ids = {self.succeeds(self.client.ask("VtpmPreMigrateMsg", self.a, **fields))["migrationId"] for _ in range(2)}
        self.assertEqual(1, len(ids))
        self.assertRegex(ids.pop(), r"^[A-Za-z0-9._-]{1,64}$")

    def test_takes_the_uuid_from_the_live_domain(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        self.vm(self.a, "encrypted", secret_uuid, self.key["vmUuid"])
        self.assertEqual(secret_uuid, self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek))["secretUuid"])

    def test_skips_a_vm_without_a_tpm_and_one_whose_tpm_is_not_encrypted(self):
        for tpm in (None, "plain"):
            for more in ({}, {"dek": self.dek}):
                vm = self.vm(self.a, tpm)
                reply = self.succeeds(self.pre_migrate(self.a, self.b, new_key(vm.uuid), **more))
                self.assertIs(True, reply["skipped"])
                self.assertFalse({"secretUuid", "migrationId", "created", "dekSource"} & set(reply.fields), reply)
        self.assertEqual({}, self.pb.calls)

    def test_never_skips_a_vm_with_a_key(self):
        foreign = self.a.define_secret("another product's", self.dek)
        for paused in (False, True):
            vm = self.vm(self.a, "encrypted", foreign, paused=paused)
            self.assertFalse(self.pre_migrate(self.a, self.b, new_key(vm.uuid)).success)  # nobody has its key
            vm.stop()
        vm = self.vm(self.a, "encrypted", foreign)
        key = new_key(vm.uuid)
        reply = self.succeeds(self.pre_migrate(self.a, self.b, key, self.dek))
        self.assertEqual((False, foreign), (reply["skipped"], reply["secretUuid"]))
        self.holds(self.b, key, foreign)

    def test_refuses_where_the_source_has_neither_secret_nor_domain(self):
        self.refuses(self.pre_migrate(self.a, self.b, self.key, self.dek), NOT_FOUND)
        self.refuses(self.pre_migrate(self.a, self.b, self.key, tpmUuid=new_uuid()), NOT_FOUND)
        self.assertEqual({}, self.pb.calls)

    def test_refuses_where_the_live_domain_names_the_secret_of_another_identity_of_ours(self):
        other = self.defined(self.a, new_key(self.key["vmUuid"], version=9), self.dek)
        self.vm(self.a, "encrypted", other, self.key["vmUuid"])
        self.refuses(self.pre_migrate(self.a, self.b, self.key, self.dek), CONFLICT)
        self.assertEqual({}, self.pb.calls)

    def test_refuses_a_clear_dek_where_the_configuration_does(self):
        host = self.a.alias()
        self.worker(host, settings={"worker": {"plaintext_dek": "refuse"}})
        self.defined(self.a, self.key, self.dek)
        self.refuses(self.pre_migrate(host, self.b, self.key, self.dek), PLAINTEXT_REFUSED)
        self.holds(self.b, self.key, None)

    # What is asked of the destination.
    def test_sends_the_destination_one_define_with_everything_in_it(self):
        fake = self.fake_host()
        secret_uuid = self.defined(self.a, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.a, fake, self.key, self.dek, migration="m-77"))
        request, = fake.requests
        self.assertEqual("SecretHostDefineMsg", request.name)
        expected = {**self.key, "secretUuid": secret_uuid, "migrationId": "m-77", "leaseSeconds": 900}
        self.assertEqual(expected, {field: request.fields[field] for field in expected})
        self.assertEqual(fake.uuid.replace("-", ""), request.fields["hostUuid"].replace("-", "").lower())
        self.assertEqual(self.dek, fake.dek_of(request))
        self.assertEqual(1, len(fake.key_requests))
        self.assertNotIn("dekBase64", request.fields)
        self.assertEqual(32, len(request.fields["digestSalt"]))
        self.assertTrue(request.properties.reply_to)
        self.assertTrue(request.properties.correlation_id)

    def test_undoes_and_refuses_where_the_destination_answers_with_another_uuid(self):
        fake = self.fake_host({"SecretHostDefineMsg": {"success": True, "created": True, "secretUuid": new_uuid()}})
        secret_uuid = self.defined(self.a, self.key, self.dek)
        reply = self.pre_migrate(self.a, fake, self.key, self.dek)
        self.refuses(reply, CONFLICT, effect=reply.opaque["effect"])
        undo = fake.wait_for("SecretHostDeleteMsg")[0].fields
        self.assertEqual({**self.key, "migrationId": "m-1"},
                         {field: undo[field] for field in (*self.key, "migrationId")})
        self.assertIsNot(True, undo.get("force"))
        self.assertEqual(2, len(fake.requests))
        self.holds(self.a, self.key, secret_uuid)

    def test_gives_the_first_error_where_the_undo_fails_too(self):
        for undo in (refusal("KEY_AGENT_SECRET_IN_USE", "no"), b"\xc1 garbage"):
            fake = self.fake_host({"SecretHostDefineMsg": {"success": True, "created": True, "secretUuid": new_uuid()},
                                   "SecretHostDeleteMsg": undo})
            key = new_key()
            self.defined(self.a, key, self.dek)
            reply = self.pre_migrate(self.a, fake, key, self.dek)
            self.refuses(reply, CONFLICT, effect=reply.opaque["effect"])
            fake.wait_for("SecretHostDeleteMsg")

    def test_passes_on_the_destinations_refusal(self):
        fake = self.fake_host({"SecretHostDefineMsg": refusal(CONFLICT, "held by another")})
        self.defined(self.a, self.key, self.dek)
        reply = self.pre_migrate(self.a, fake, self.key, self.dek)
        self.refuses(reply, CONFLICT, effect=reply.opaque["effect"])
        self.assertIn("held by another", reply.details)

    def test_refuses_what_is_no_answer(self):
        for garbage in (b"\xc1", b"", b"{}", b'{"SecretHostDefineReply": {"success": true}}', b"[" * 30000,
                        b'{"SecretHostGetReply": {"success": true, "secretUuid": "x"}}'):
            fake = self.fake_host({"SecretHostDefineMsg": garbage})
            key = new_key()
            self.defined(self.a, key, self.dek)
            self.assertFalse(self.pre_migrate(self.a, fake, key, self.dek,
                                              messageDeadline=int(time.time() * 1000) + 3000).success)
        self.lives()

    def test_fails_at_once_where_nobody_serves_the_destination(self):
        self.defined(self.a, self.key, self.dek)
        began = time.monotonic()
        nobody = type("Nobody", (), {"uuid": new_uuid()})
        reply = self.refuses(self.pre_migrate(self.a, nobody, self.key, self.dek), NO_ROUTE)
        self.assertIs(True, reply.opaque["retryable"])
        self.assertLess(time.monotonic() - began, patience(5))

    def test_leaves_nothing_where_the_destinations_libvirt_refuses(self):
        self.defined(self.a, self.key, self.dek)
        for call in ("secret-define", "secret-set-value"):
            self.pb.refuse = {call}
            reply = self.pre_migrate(self.a, self.b, self.key, self.dek)
            self.refuses(reply, REQUIRED, effect=reply.opaque["effect"])
            self.holds(self.b, self.key, None)
        self.pb.reset()
        self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek))

    def test_undoes_what_it_made_where_the_source_cannot_be_marked_any_more(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        self.pa.refuse = {"secret-define"}
        reply = self.pre_migrate(self.a, self.b, self.key, self.dek)
        self.refuses(reply, REQUIRED, effect=reply.opaque["effect"])
        self.assertEqual((8, 30), (reply.opaque["libvirtCode"], reply.opaque["libvirtDomain"]))
        self.holds(self.b, self.key, None)
        self.holds(self.a, self.key, secret_uuid)

    def test_gives_the_first_error_where_the_destinations_libvirt_refuses_the_undo(self):
        self.defined(self.a, self.key, self.dek)
        self.pa.refuse, self.pb.refuse = {"secret-define"}, {"secret-undefine"}
        reply = self.pre_migrate(self.a, self.b, self.key, self.dek)
        self.assertIn("secretDefineXML", reply.details)
        self.refuses(reply, REQUIRED, effect=reply.opaque["effect"])

    def test_its_undo_leaves_what_was_on_the_destination_before(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        self.defined(self.b, self.key, self.dek, secretUuid=secret_uuid)
        self.pa.refuse = {"secret-define"}
        self.assertFalse(self.pre_migrate(self.a, self.b, self.key, self.dek).success)
        self.holds(self.b, self.key, secret_uuid)

    # The key manager.
    def test_asks_the_key_manager_where_the_request_brings_no_dek(self):
        manager = self.keymanager()
        manager.add(self.key["vmUuid"], self.a, self.dek)
        secret_uuid = self.planted(self.a, self.key, self.dek)
        tpm, provider = new_uuid(), new_uuid()
        reply = self.succeeds(self.pre_migrate(self.a, self.b, self.key, tpmUuid=tpm.upper(), keyProviderUuid=provider,
                                               keyProviderName="the \u00e4ltere"))
        self.assertEqual(("keymanager", secret_uuid), (reply["dekSource"], reply["secretUuid"]))
        request, = manager.requests
        expected = {**self.key, "resourceUuid": tpm, "resourceType": "TpmVO", "keyProviderUuid": provider,
                    "keyProviderName": "the \u00e4ltere", "hostUuid": self.a.uuid, "dstHostUuid": self.b.uuid,
                    "secretUuid": secret_uuid}
        self.assertEqual(expected, {field: request.fields[field] for field in expected})
        self.assertEqual(self.public_key(self.b), request.fields["recipientKey"])
        self.holds(self.b, self.key, secret_uuid)
        self.assertFalse(self.succeeds(self.define(self.b, self.key, self.dek))["created"])  # the very DEK

    def test_does_not_ask_it_where_the_ledger_keeps_the_dek(self):
        manager = self.keymanager()
        secret_uuid = self.defined(self.a, self.key, self.dek)
        reply = self.succeeds(self.pre_migrate(self.a, self.b, self.key, tpmUuid=new_uuid()))
        self.assertEqual(("ledger", secret_uuid), (reply["dekSource"], reply["secretUuid"]))
        self.assertEqual([], manager.requests)
        self.assertFalse(self.succeeds(self.define(self.b, self.key, self.dek))["created"])  # the very DEK

    def test_does_not_ask_it_where_the_request_brings_a_dek(self):
        manager = self.keymanager()
        self.planted(self.a, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek, tpmUuid=new_uuid()))
        self.assertEqual([], manager.requests)

    def test_asks_for_the_tpm_where_neither_request_nor_key_manager_can_bring_the_dek(self):
        self.planted(self.a, self.key, self.dek)
        self.refuses(self.pre_migrate(self.a, self.b, self.key), REQUIRED, field="tpmUuid")
        self.assertEqual({}, self.pb.calls)

    def test_fails_at_once_where_there_is_no_key_manager(self):
        self.planted(self.a, self.key, self.dek)
        self.refuses(self.pre_migrate(self.a, self.b, self.key, tpmUuid=new_uuid()), NO_ROUTE)
        self.holds(self.b, self.key, None)

    def test_passes_on_the_key_managers_refusal(self):
        manager = self.keymanager()
        self.planted(self.a, self.key, self.dek)
        manager.misbehaviour = "error"
        reply = self.pre_migrate(self.a, self.b, self.key, tpmUuid=new_uuid())
        self.refuses(reply, "KMS.1000")
        self.assertIn("told to fail", reply.details)
        manager.misbehaviour = None
        manager.add(self.key["vmUuid"], self.b, self.dek)
        self.refuses(self.pre_migrate(self.a, self.b, self.key, tpmUuid=new_uuid()), "KMS.1000")  # another host's VM
        self.holds(self.b, self.key, None)

    def test_refuses_another_version_than_it_asked_for(self):
        manager = self.keymanager()
        manager.add(self.key["vmUuid"], self.a, self.dek)
        manager.misbehaviour = "version"
        self.planted(self.a, self.key, self.dek)
        self.refuses(self.pre_migrate(self.a, self.b, self.key, tpmUuid=new_uuid()), CONFLICT)
        self.holds(self.b, self.key, None)

    def test_fails_where_the_key_manager_answers_nonsense_or_not_at_all(self):
        manager = self.keymanager()
        for misbehaviour in ("garbage", "empty", "silence"):
            manager.misbehaviour = misbehaviour
            key = new_key()
            self.planted(self.a, key, self.dek)
            reply = self.pre_migrate(self.a, self.b, key, tpmUuid=new_uuid(),
                                     messageDeadline=int(time.time() * 1000) + 2000)
            self.assertFalse(reply.success)
            if misbehaviour == "silence":
                self.refuses(reply, LATE)
            self.holds(self.b, key, None)

    def test_a_wrong_dek_from_the_request_is_found_out_where_the_destination_holds_the_right_one(self):
        secret_uuid = self.planted(self.a, self.key, self.dek)
        self.defined(self.b, self.key, self.dek, secretUuid=secret_uuid)
        reply = self.pre_migrate(self.a, self.b, self.key, new_dek())
        self.refuses(reply, CONFLICT, effect=reply.opaque["effect"])
        self.holds(self.b, self.key, secret_uuid)

    def test_a_wrong_dek_from_the_request_is_found_out_by_what_the_ledger_keeps(self):
        secret_uuid, wrong = self.defined(self.a, self.key, self.dek), new_dek()
        self.refuses(self.pre_migrate(self.a, self.b, self.key, wrong), DEK_MISMATCH)
        self.assertEqual({}, self.pb.calls)
        envelope = self.sealed(self.b, self.key, wrong, secret_uuid)
        self.refuses(self.pre_migrate(self.a, self.b, self.key, encryptedDek=envelope, id="sealed-wrongly"), DEK_MISMATCH)
        self.holds(self.b, self.key, None)
        self.refuses(self.pre_migrate(self.a, self.b, self.key, encryptedDek=envelope, id="sealed-wrongly"), DEK_MISMATCH)
        self.holds(self.a, self.key, secret_uuid)
        good = self.sealed(self.b, self.key, self.dek, secret_uuid)
        self.succeeds(self.pre_migrate(self.a, self.b, self.key, encryptedDek=good))
        self.holds(self.b, self.key, secret_uuid)

    def test_a_digest_of_another_dek_is_a_mismatch_and_none_or_the_same_is_not(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        answer = {"success": True, "created": True, "secretUuid": secret_uuid}
        for digest, is_wrong in (("0" * 64, True), (None, False), ("the same", False)):
            def define(fields, digest=digest):
                same = hmac.new(fields["digestSalt"], self.dek, "sha256").hexdigest()
                said = {"the same": {"dekDigest": same.upper()}, None: {}}.get(digest, {"dekDigest": digest})
                return {**answer, **said}
            fake = self.fake_host({"SecretHostDefineMsg": define})
            reply = self.pre_migrate(self.a, fake, self.key, self.dek)
            if is_wrong:
                self.refuses(reply, DEK_MISMATCH)
                fake.wait_for("SecretHostDeleteMsg")
            else:
                self.succeeds(reply)

    # Many at once, and one process for both ends.
    def prepare_many(self, count, directions):
        """[(source, destination, key, dek)], each with its secret on its source."""
        cases = [(*directions[i % len(directions)], new_key(), new_dek()) for i in range(count)]
        asked = [self.client.send("SecretHostDefineMsg", source, **key, dekBase64=b64(dek))
                 for source, _, key, dek in cases]
        for reply in self.client.wait_many(asked):
            self.succeeds(reply)
        return cases

    def pre_migrate_all(self, cases):
        """All at once, those that are told to come again come again; none may time out."""
        for _ in range(100):
            asked = [self.client.send("VtpmPreMigrateMsg", source,
                                      **self.pre_migrate_fields(source, destination, key, dek))
                     for source, destination, key, dek in cases]
            busy = []
            for case, reply in zip(cases, self.client.wait_many(asked, 60)):
                if reply.code == BUSY:
                    self.assertIs(True, reply.opaque["retryable"])
                    busy.append(case)
                else:
                    self.succeeds(reply)
            if not busy:
                return
            self.assertLess(len(busy), len(cases), "not one got through")
            cases = busy
        self.fail("busy for ever")

    def test_200_at_once_crosswise_between_two_hosts_all_end(self):
        cases = self.prepare_many(200, [(self.a, self.b), (self.b, self.a)])
        self.pre_migrate_all(cases)
        for source, destination, key, _ in cases:
            self.assertEqual(self.get(source, key)["secretUuid"], self.get(destination, key)["secretUuid"])

    def test_one_process_serves_both_ends(self):
        x, y = self.a.alias(), self.b.alias()
        self.worker(x, y)
        secret_uuid = self.defined(x, self.key, self.dek)
        reply = self.succeeds(self.pre_migrate(x, y, self.key, self.dek, seconds=10))
        self.assertEqual(secret_uuid, reply["secretUuid"])
        self.assertEqual("source", self.succeeds(self.post_migrate(x, y, self.key))["deletedOn"])
        self.holds(self.b, self.key, secret_uuid)
        self.holds(self.a, self.key, None)

    def test_one_process_serves_200_at_once_crosswise_between_its_own_hosts(self):
        x, y = self.a.alias(), self.b.alias()
        for settings in ({}, {"bus": {"prefetch": 2}, "worker": {"threads": 1}}):
            worker = self.worker(x, y, settings=settings)
            self.pre_migrate_all(self.prepare_many(200 if not settings else 20, [(x, y), (y, x)]))
            worker.stop()

    def test_more_than_the_cap_are_told_to_come_again_and_others_are_still_served(self):
        host = self.a.alias()
        self.worker(host, settings={"bus": {"prefetch": 8}})
        silent = self.fake_host({"SecretHostDefineMsg": None})
        keys = [new_key() for _ in range(12)]
        for key in keys:
            self.defined(host, key, self.dek)
        asked = [self.client.send("VtpmPreMigrateMsg", host, **self.pre_migrate_fields(host, silent, key, self.dek))
                 for key in keys]
        waiting = silent.wait_for("SecretHostDefineMsg", 4)
        self.succeeds(self.define(host, new_key()))
        busy = self.client.wait_many(asked[4:])
        for reply in busy:
            self.refuses(reply, BUSY)
        for request in waiting:
            silent.reply(request, {"success": True, "created": True, "secretUuid": request.fields["secretUuid"]})
        for reply in self.client.wait_many(asked[:4]):
            self.succeeds(reply)
        self.assertEqual(4, len(silent.requests))

    def test_passes_on_how_long_the_lease_is_to_be(self):
        fake = self.fake_host()
        self.defined(self.a, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.a, fake, self.key, leaseSeconds=86400))
        self.assertEqual(86400, fake.requests[0].fields["leaseSeconds"])
        self.refuses(self.pre_migrate(self.a, fake, self.key, leaseSeconds=86401), INVALID, field="leaseSeconds")
