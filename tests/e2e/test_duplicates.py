"""The same id again while the first still runs: one effect, and an answer to each who asked."""
import time

from tests.e2e.base import CONFLICT, INVALID, LATE, Scenario, b64, new_dek, new_key, new_uuid


class Duplicates(Scenario):
    def test_a_duplicate_of_a_running_request_waits_for_its_outcome(self):
        fake = self.fake_host({"SecretHostDefineMsg": None})
        key, dek = new_key(), new_dek()
        self.defined(self.a, key, dek)
        fields = self.pre_migrate_fields(self.a, fake, key, dek, id=new_uuid())
        first = self.client.send("VtpmPreMigrateMsg", self.a, **fields)
        asked, = fake.wait_for("SecretHostDefineMsg")
        others = [self.client.send("VtpmPreMigrateMsg", self.a, encoding=encoding, **{**fields, "createdTime": None})
                  for encoding in ("json", "msgpack", "json")]
        self.assertEqual(0, self.client.settle(0.5))
        fake.reply(asked, {"success": True, "created": True, "secretUuid": asked.fields["secretUuid"]})
        replies = self.client.wait_many([first, *others])
        for reply in replies:
            self.succeeds(reply)
            self.assertEqual(replies[0].outcome, reply.outcome)
        self.assertEqual(1, len(fake.requests))

    def test_so_it_does_when_the_outcome_is_an_error(self):
        fake = self.fake_host({"SecretHostDefineMsg": None})
        key, dek = new_key(), new_dek()
        self.defined(self.a, key, dek)
        fields = self.pre_migrate_fields(self.a, fake, key, dek, id=new_uuid())
        first = self.client.send("VtpmPreMigrateMsg", self.a, **fields)
        asked, = fake.wait_for("SecretHostDefineMsg")
        again = self.client.send("VtpmPreMigrateMsg", self.a, **fields)
        self.assertEqual(0, self.client.settle(0.5))
        fake.reply(asked, {"success": True, "created": True, "secretUuid": new_uuid()})
        replies = self.client.wait_many([first, again])
        for reply in replies:
            self.refuses(reply, CONFLICT, effect=reply.opaque["effect"])
            self.assertEqual(replies[0].outcome, reply.outcome)
        fake.wait_for("SecretHostDeleteMsg")
        self.client.settle()
        self.assertEqual(["SecretHostDefineMsg", "SecretHostDeleteMsg"], [request.name for request in fake.requests])

    def test_another_content_under_the_id_of_a_running_request_is_refused(self):
        fake = self.fake_host({"SecretHostDefineMsg": None})
        key, dek = new_key(), new_dek()
        self.defined(self.a, key, dek)
        fields = self.pre_migrate_fields(self.a, fake, key, dek, id=new_uuid())
        first = self.client.send("VtpmPreMigrateMsg", self.a, **fields)
        asked, = fake.wait_for("SecretHostDefineMsg")
        for change in ({"migrationId": "m-2"}, {"dekBase64": b64(new_dek())}, {"tpmUuid": new_uuid()}):
            self.refuses(self.client.ask("VtpmPreMigrateMsg", self.a, **{**fields, **change}), INVALID, field="id")
        self.refuses(self.get(self.a, key, id=fields["id"]), INVALID, field="id")
        fake.reply(asked, {"success": True, "created": True, "secretUuid": asked.fields["secretUuid"]})
        self.succeeds(self.client.wait(first))

    def test_a_burst_of_one_define_makes_one_secret(self):
        key, dek = new_key(), new_dek()
        fields = {**key, "dekBase64": b64(dek), "id": new_uuid()}
        asked = [self.client.send("SecretHostDefineMsg", self.a, **fields) for _ in range(50)]
        replies = self.client.wait_many(asked)
        self.assertEqual(1, len({self.succeeds(reply)["secretUuid"] for reply in replies}))
        self.holds(self.a, key, replies[0]["secretUuid"])

    def test_another_envelope_of_what_was_refused_before_it_was_opened_is_a_duplicate(self):
        key, dek, late = new_key(), new_dek(), {"id": new_uuid(), "messageDeadline": int(time.time() * 1000) - 1000}
        first = self.define_sealed(self.a, key, self.sealed(self.a, key, dek), **late)
        self.refuses(first, LATE)
        self.assertEqual(first.outcome, self.define_sealed(self.a, key, self.sealed(self.a, key, dek), **late).outcome)
        self.refuses(self.define_sealed(self.a, key, self.sealed(self.a, key, new_dek()), **late), INVALID, field="id")

    def test_a_redelivered_pre_migrate_makes_one_secret_and_asks_with_the_same_ids(self):
        fake = self.fake_host()
        key, dek = new_key(), new_dek()
        secret_uuid = self.defined(self.a, key, dek)
        fields = self.pre_migrate_fields(self.a, fake, key, dek, id=new_uuid())
        for _ in range(3):
            self.assertEqual(secret_uuid,
                             self.succeeds(self.client.ask("VtpmPreMigrateMsg", self.a, **fields))["secretUuid"])
        self.assertEqual(1, len({request.fields["id"] for request in fake.requests}))
        self.assertEqual(1, len({request.fields["migrationId"] for request in fake.requests}))
        fields = self.pre_migrate_fields(self.a, self.b, key, dek, id=new_uuid())
        for _ in range(2):
            self.assertEqual(secret_uuid,
                             self.succeeds(self.client.ask("VtpmPreMigrateMsg", self.a, **fields))["secretUuid"])
        self.holds(self.b, key, secret_uuid)

    def test_the_same_id_on_two_hosts_of_one_worker_is_two_requests(self):
        """Their calls are told apart: no host gets the key that was meant for the other's VM."""
        manager, fake = self.keymanager(), self.fake_host()
        manager.misbehaviour = "silence"
        hosts, keys, deks = (self.a.alias(), self.b.alias()), (new_key(), new_key()), (new_dek(), new_dek())
        self.worker(*hosts)
        for host, real, key, dek in zip(hosts, (self.a, self.b), keys, deks):
            self.planted(real, key, dek)
        sent = [self.client.send("VtpmPreMigrateMsg", host, **self.pre_migrate_fields(host, fake, key, id="the-same",
                                                                                      tpmUuid=new_uuid()))
                for host, key in zip(hosts, keys)]
        dek_of = {key["vmUuid"]: dek for key, dek in zip(keys, deks)}
        for asked in manager.wait_for("ResourceKeyGetMsg", 2):
            manager.reply(asked, {"success": True, "keyVersion": 1, "dekBase64": dek_of[asked.fields["vmUuid"]]})
        for reply in self.client.wait_many(sent):
            self.succeeds(reply)
        defines = fake.wait_for("SecretHostDefineMsg", 2)
        self.assertEqual(dek_of, {define.fields["vmUuid"]: fake.dek_of(define) for define in defines})
        self.assertEqual(2, len({define.fields["id"] for define in defines}))
