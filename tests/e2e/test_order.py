"""Per identity messages act in queue order; different identities do not wait for one another."""
from tests.e2e.base import NOT_FOUND, Scenario, b64, new_dek, new_key, new_uuid


class Order(Scenario):
    def test_define_and_delete_1000_times_act_in_the_order_they_were_sent(self):
        key, others, asked = new_key(), [new_key() for _ in range(8)], []
        for i in range(1000):
            dek = b64(new_dek())  # another each time: out of order it would be a conflict
            wanted = new_uuid()
            asked.append(("define", self.client.send("SecretHostDefineMsg", self.a, **key, dekBase64=dek,
                                                     secretUuid=wanted), wanted))
            if i % 3 == 0:
                asked.append(("get", self.client.send("SecretHostGetMsg", self.a, **key), wanted))
            asked.append(("other", self.client.send("SecretHostDefineMsg", self.a, **others[i % 8],
                                                    dekBase64=b64(b"same")), None))
            asked.append(("delete", self.client.send("SecretHostDeleteMsg", self.a, **key), None))
            if i % 7 == 0:
                asked.append(("gone", self.client.send("SecretHostGetMsg", self.a, **key), None))
        replies = self.client.wait_many([correlation_id for _, correlation_id, _ in asked], 120)
        for (what, _, wanted), reply in zip(asked, replies):
            if what == "gone":
                self.refuses(reply, NOT_FOUND)
                continue
            self.succeeds(reply)
            if what == "define":
                self.assertEqual((wanted, True), (reply["secretUuid"], reply["created"]))
            if what == "get":
                self.assertEqual(wanted, reply["secretUuid"])
            if what == "delete":
                self.assertIs(True, reply["deleted"])

    def test_100_identities_mixed_each_keep_their_order(self):
        keys, asked = [new_key() for _ in range(100)], []
        for i in range(10):
            for key in keys:
                message = ("SecretHostDefineMsg", "SecretHostDeleteMsg")[i % 2]
                more = {"dekBase64": b64(new_dek())} if i % 2 == 0 else {}
                asked.append(self.client.send(message, self.a, **key, **more))
        for i, reply in enumerate(self.client.wait_many(asked)):
            self.assertIs(True, self.succeeds(reply)["deleted" if i // 100 % 2 else "created"])

    def test_what_waits_for_another_host_holds_up_its_own_identity_alone(self):
        silent = self.fake_host({"SecretHostDefineMsg": None})
        key, other, dek = new_key(), new_key(), new_dek()
        secret_uuid = self.defined(self.a, key, dek)
        waiting = self.client.send("VtpmPreMigrateMsg", self.a, **self.pre_migrate_fields(self.a, silent, key, dek))
        request, = silent.wait_for("SecretHostDefineMsg")
        behind = self.client.send("SecretHostDeleteMsg", self.a, **key)
        self.succeeds(self.define(self.a, other))
        self.assertTrue(self.succeeds(self.delete(self.a, other))["deleted"])
        self.assertEqual(0, self.client.settle())
        self.holds(self.a, key, secret_uuid)
        silent.reply(request, {"success": True, "created": True, "secretUuid": secret_uuid})
        self.succeeds(self.client.wait(waiting))
        self.assertTrue(self.succeeds(self.client.wait(behind))["deleted"])

    def test_ten_identities_wait_for_another_host_at_the_same_time(self):
        silent = self.fake_host({"SecretHostDefineMsg": None})
        keys, dek = [new_key() for _ in range(10)], new_dek()
        for key in keys:
            self.defined(self.a, key, dek)
        asked = [self.client.send("VtpmPreMigrateMsg", self.a, **self.pre_migrate_fields(self.a, silent, key, dek))
                 for key in keys]
        for request in silent.wait_for("SecretHostDefineMsg", 10):
            silent.reply(request, {"success": True, "created": True, "secretUuid": request.fields["secretUuid"]})
        for reply in self.client.wait_many(asked):
            self.succeeds(reply)

    def test_two_pre_migrates_of_one_identity_go_one_after_the_other(self):
        silent = self.fake_host({"SecretHostDefineMsg": None})
        key, dek = new_key(), new_dek()
        secret_uuid = self.defined(self.a, key, dek)
        asked = [self.client.send("VtpmPreMigrateMsg", self.a, **self.pre_migrate_fields(
            self.a, silent, key, dek, migration=f"m-{i}")) for i in range(2)]
        for i in range(2):
            self.client.settle(0.3)
            request = silent.wait_for("SecretHostDefineMsg", i + 1)[i]
            self.assertEqual((i + 1, f"m-{i}"), (len(silent.requests), request.fields["migrationId"]))
            silent.reply(request, {"success": True, "created": not i, "secretUuid": secret_uuid})
        for reply in self.client.wait_many(asked):
            self.succeeds(reply)

    def test_hosts_of_one_process_do_not_wait_for_one_another(self):
        x, y = self.a.alias(), self.b.alias()
        self.worker(x, y)
        silent = self.fake_host({"SecretHostDefineMsg": None})
        key, dek = new_key(), new_dek()
        self.defined(x, key, dek)
        waiting = self.client.send("VtpmPreMigrateMsg", x, **self.pre_migrate_fields(x, silent, key, dek))
        request, = silent.wait_for("SecretHostDefineMsg")
        self.defined(y, key, dek)  # the same key, another host: another lane
        silent.reply(request, {"success": True, "created": True, "secretUuid": request.fields["secretUuid"]})
        self.succeeds(self.client.wait(waiting))
