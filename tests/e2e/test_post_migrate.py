"""Post-migrate: what is deleted where, and what never is."""
import time

from tests.e2e.base import CONFLICT, LATE, NO_ROUTE, NOT_FOUND, Scenario, new_dek, new_key, new_uuid
from tests.lab import refusal


class PostMigrate(Scenario):
    def setUp(self):
        super().setUp()
        self.key, self.dek = new_key(), new_dek()

    def prepared(self, **more):
        """A secret on a that is prepared on b by migration m-1; its UUID."""
        secret_uuid = self.defined(self.a, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek, **more))
        return secret_uuid

    def finish(self, outcome="success", **more):
        reply = self.succeeds(self.post_migrate(self.a, self.b, self.key, outcome, **more))
        self.assertEqual("VtpmPostMigrateReply", reply.name)
        return reply["deletedOn"]

    def test_after_success_the_source_is_rid_of_it_and_the_destination_keeps_it(self):
        secret_uuid = self.prepared()
        self.assertEqual("source", self.finish())
        self.holds(self.a, self.key, None)
        self.holds(self.b, self.key, secret_uuid)
        self.refuses(self.get(self.a, self.key), NOT_FOUND)
        self.assertEqual(secret_uuid, self.succeeds(self.get(self.b, self.key))["secretUuid"])

    def test_after_failure_the_destination_is_rid_of_it_and_the_source_keeps_it(self):
        secret_uuid = self.prepared()
        self.assertEqual("destination", self.finish("failure"))
        self.holds(self.a, self.key, secret_uuid)
        self.holds(self.b, self.key, None)

    def test_can_be_repeated(self):
        for outcome in ("success", "failure"):
            self.key = new_key()
            self.prepared()
            self.finish(outcome)
            for _ in range(2):
                self.assertEqual("none", self.finish(outcome))

    def test_for_a_migration_nobody_prepared_deletes_nothing(self):
        a, b = self.defined(self.a, self.key, self.dek), self.defined(self.b, self.key, self.dek)
        for outcome in ("success", "failure"):
            self.assertEqual("none", self.finish(outcome))
        self.holds(self.a, self.key, a)
        self.holds(self.b, self.key, b)

    def test_of_another_migration_deletes_nothing(self):
        secret_uuid = self.prepared()
        for outcome in ("success", "failure"):
            self.assertEqual("none", self.finish(outcome, migration="m-2"))
        self.holds(self.a, self.key, secret_uuid)
        self.holds(self.b, self.key, secret_uuid)
        self.assertEqual("source", self.finish())

    def test_with_failure_leaves_an_older_secret_on_the_destination_alone(self):
        secret_uuid = self.defined(self.a, self.key, self.dek)
        self.defined(self.b, self.key, self.dek, secretUuid=secret_uuid)
        self.assertFalse(self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek))["created"])
        self.assertEqual("none", self.finish("failure"))
        self.holds(self.b, self.key, secret_uuid)
        self.holds(self.a, self.key, secret_uuid)

    def test_with_failure_leaves_what_another_migration_made_alone(self):
        self.prepared()
        self.succeeds(self.pre_migrate(self.a, self.b, self.key, self.dek, migration="m-2"))
        self.finish("failure", migration="m-3")
        self.assertIsNotNone(self.b.secret_of(f"keyferry/vtpm/{self.key['vmUuid']}/tpm0/v1"))

    def test_with_failure_clears_the_mark_on_the_source(self):
        secret_uuid = self.prepared()
        self.finish("failure")
        self.assertEqual("none", self.finish("success"))
        self.holds(self.a, self.key, secret_uuid)

    def test_after_success_what_was_made_for_it_is_permanent(self):
        secret_uuid = self.prepared()
        self.finish("success")
        self.assertEqual("none", self.finish("failure"))
        self.holds(self.b, self.key, secret_uuid)

    def test_never_deletes_what_a_running_domain_uses(self):
        secret_uuid = self.prepared()
        vm = self.vm(self.a, "encrypted", secret_uuid, self.key["vmUuid"])
        self.assertEqual("none", self.finish())
        self.holds(self.a, self.key, secret_uuid)
        vm.remove()

        self.key = new_key()
        secret_uuid = self.prepared()
        vm = self.vm(self.b, "encrypted", secret_uuid, self.key["vmUuid"], paused=True)
        self.assertEqual("none", self.finish("failure"))
        self.holds(self.b, self.key, secret_uuid)

    def test_any_define_clears_the_mark(self):
        secret_uuid = self.prepared()
        self.succeeds(self.define(self.a, self.key, self.dek))
        self.assertEqual("none", self.finish())
        self.holds(self.a, self.key, secret_uuid)

    def test_that_comes_late_after_there_and_back_leaves_the_newer_secret_alone(self):
        secret_uuid = self.prepared()
        self.assertEqual("source", self.finish())
        self.succeeds(self.pre_migrate(self.b, self.a, self.key, self.dek, migration="m-2"))
        self.assertEqual("source",
                         self.succeeds(self.post_migrate(self.b, self.a, self.key, migration="m-2"))["deletedOn"])
        for outcome in ("success", "failure"):
            self.assertEqual("none", self.finish(outcome))
            self.assertEqual("none", self.succeeds(
                self.post_migrate(self.b, self.a, self.key, outcome, migration="m-2"))["deletedOn"])
        self.holds(self.a, self.key, secret_uuid)
        self.holds(self.b, self.key, None)

    def test_the_first_post_that_comes_after_there_and_back_leaves_both_alone(self):
        secret_uuid = self.prepared()
        self.succeeds(self.pre_migrate(self.b, self.a, self.key, self.dek, migration="m-2"))
        self.assertEqual("none", self.finish())
        self.holds(self.a, self.key, secret_uuid)

    def test_is_forwarded_to_the_destination_as_it_came(self):
        fake = self.fake_host()
        self.defined(self.a, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.a, fake, self.key, self.dek))
        self.assertEqual("source", self.succeeds(self.post_migrate(self.a, fake, self.key))["deletedOn"])
        request = fake.wait_for("VtpmPostMigrateMsg")[0].fields
        expected = {**self.key, "hostUuid": fake.uuid, "srcHostUuid": self.a.uuid, "dstHostUuid": fake.uuid,
                    "migrationId": "m-1", "outcome": "success"}
        self.assertEqual(expected, {field: request[field] for field in expected})

    def test_the_source_comes_first_and_the_destinations_error_is_the_reply(self):
        fake = self.fake_host({"VtpmPostMigrateMsg": refusal(CONFLICT, "not here")})
        self.defined(self.a, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.a, fake, self.key, self.dek))
        reply = self.post_migrate(self.a, fake, self.key)
        self.refuses(reply, CONFLICT, effect=reply.opaque["effect"])
        self.assertIn("not here", reply.details)
        self.holds(self.a, self.key, None)
        fake.answers["VtpmPostMigrateMsg"] = {"success": True, "deletedOn": "none"}
        self.succeeds(self.post_migrate(self.a, fake, self.key))

    def test_fails_where_nobody_serves_the_destination_or_it_is_silent(self):
        nobody = type("Nobody", (), {"uuid": new_uuid()})
        reply = self.post_migrate(self.a, nobody, self.key)
        self.refuses(reply, NO_ROUTE, effect=reply.opaque["effect"])
        silent = self.fake_host({"VtpmPostMigrateMsg": None})
        reply = self.post_migrate(self.a, silent, self.key, messageDeadline=int(time.time() * 1000) + 1500)
        self.refuses(reply, LATE, effect=reply.opaque["effect"])

    def test_a_forwarded_one_that_a_destination_receives_is_done_there_alone(self):
        secret_uuid = self.prepared()
        fields = {**self.key, "srcHostUuid": self.a.uuid, "dstHostUuid": self.b.uuid, "migrationId": "m-1"}
        reply = self.succeeds(self.client.ask("VtpmPostMigrateMsg", self.b, **fields, outcome="failure"))
        self.assertEqual("destination", reply["deletedOn"])
        self.holds(self.a, self.key, secret_uuid)
        self.holds(self.b, self.key, None)
