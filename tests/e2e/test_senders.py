"""Who may say what: users of the broker with their roles, and what the worker of one host may do to another."""
from tests.e2e.base import (CONFLICT, LATE, NO_HANDLER, NOT_FOUND, SENDER_REFUSED, Scenario, b64, new_dek, new_key,
                            new_uuid)
from tests.lab import hpke, wait_until
from tests.lab.client import MIME, encode

USERS = ("mgmt", "ops", "watch", "host-a", "host-b", "host-c", "mallory")
READ = ("SecretHostGetMsg", "ResolveVtpmLibvirtSecretOnHypervisorMsg", "HostEnvelopeKeyGetMsg", "HostCapabilitiesGetMsg")
MANAGE = (*READ, "SecretHostDefineMsg", "SecretHostDeleteMsg", "HostEnvelopeKeyRotateMsg", "VtpmPreMigrateMsg",
          "VtpmPostMigrateMsg", "HostReconcileMsg")
PEER = ("HostEnvelopeKeyGetMsg", "SecretHostDefineMsg", "SecretHostDeleteMsg", "VtpmPostMigrateMsg")
MAY = {"mgmt": MANAGE, "ops": MANAGE, "watch": READ, "host-b": PEER, "mallory": ()}


class Senders(Scenario):
    """Hosts x and y, which are a and b by another name, each with a worker of its own user. host-c is the worker of a
    third, which somebody has taken over."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.x, cls.y, cls.third = cls.a.alias(), cls.b.alias(), new_uuid()
        cls.broker.add_users(*USERS)
        cls.roles = {"mgmt": "manager", "ops": "operator", "watch": "reader", "host-a": f"peer {cls.x.uuid}",
                     "host-b": f"peer {cls.y.uuid}", "host-c": f"peer {cls.third}"}
        cls.wx, cls.wy = (cls.lab.worker(cls.broker, host, name=f"worker-{user}", settings={
            "bus": {"url": cls.broker.url_of(user)}, "senders": cls.roles}) for host, user in
            ((cls.x, "host-a"), (cls.y, "host-b")))
        cls.lab.up(cls.wx, cls.wy)

    @classmethod
    def tearDownClass(cls):
        for worker in (cls.wx, cls.wy):
            cls.lab.drop(worker)

    def setUp(self):
        super().setUp()
        self.clients = {}
        self.key, self.dek = new_key(), new_dek()
        self.act_as("mgmt")

    def act_as(self, user):
        """From now on requests are this user's."""
        if user not in self.clients:
            self.clients[user] = self.with_part(self.lab.client(self.broker, user=user))
        self.client = self.clients[user]

    def provisional(self, user="host-b", migration="m-1", **rest):
        """Defined on x for a migration, by a peer; gives its UUID."""
        self.act_as(user)
        return self.defined(self.x, self.key, self.dek, migrationId=migration, leaseSeconds=900, **rest)

    # Roles.
    def fields_of(self, message):
        key = new_key()
        migration = {"srcHostUuid": self.y.uuid, "dstHostUuid": self.x.uuid, "migrationId": "m-1"}
        return {"SecretHostGetMsg": key, "SecretHostDeleteMsg": {**key, "migrationId": "m-1"},
                "SecretHostDefineMsg": {**key, "migrationId": "m-1", "leaseSeconds": 900, "dekBase64": b64(new_dek())},
                "ResolveVtpmLibvirtSecretOnHypervisorMsg": {"vmUuid": new_uuid()},
                "VtpmPreMigrateMsg": {**key, **migration, "srcHostUuid": self.x.uuid, "dstHostUuid": self.y.uuid},
                "VtpmPostMigrateMsg": {**key, **migration, "outcome": "failure"}}.get(message, {})

    def test_each_role_may_send_its_messages_and_no_others(self):
        for user, may in MAY.items():
            self.act_as(user)
            for message in MANAGE:
                for encoding in ("json", "msgpack"):
                    with self.subTest(user=user, message=message):
                        reply = self.client.ask(message, self.x, encoding=encoding, **self.fields_of(message))
                        if message in may:
                            self.assertIn(reply.code, (None, NOT_FOUND), reply)
                        else:
                            self.refuses(reply, SENDER_REFUSED)
                            self.assertIn(f"'{user}'", reply.details)

    def test_what_a_sender_may_not_do_is_not_done(self):
        self.act_as("watch")
        self.refuses(self.define(self.x, self.key), SENDER_REFUSED)
        self.holds(self.a, self.key, None)

    def test_a_stranger_does_not_learn_what_messages_there_are(self):
        self.act_as("mallory")
        self.refuses(self.client.ask("NonsenseMsg", self.x), SENDER_REFUSED)
        self.act_as("watch")
        self.refuses(self.client.ask("NonsenseMsg", self.x), NO_HANDLER)

    def test_a_request_without_a_user_id_is_refused(self):
        reply = self.refuses(self.get(self.x, self.key, properties={"user_id": None}), SENDER_REFUSED)
        self.assertIn("user_id", reply.details)

    def test_the_broker_refuses_a_forged_user_id(self):
        self.act_as("mallory")
        self.client.send("SecretHostGetMsg", self.x, **self.key, properties={"user_id": "mgmt"})
        wait_until(lambda: (self.client.settle(0), self.client.channel.is_closed)[1], 10, "the channel to be closed")
        self.assertEqual(0, self.client.settle())

    def test_a_user_id_can_be_required_without_any_roles(self):
        host = self.a.alias()
        self.worker(host, settings={"senders": {"require_user_id": "yes"}})
        self.act_as("mallory")
        self.refuses(self.get(host, self.key), NOT_FOUND)
        self.assertIn("user_id", self.refuses(self.get(host, self.key, properties={"user_id": None}),
                                              SENDER_REFUSED).details)

    def test_nobody_spoils_a_request_by_using_its_id_first(self):
        for user in ("host-c", "watch"):
            theirs = self.with_part(self.lab.client(self.broker, user=user))
            same = new_uuid()
            self.a.freeze()
            try:
                one = (theirs.send("SecretHostDeleteMsg", self.x, id=same, **self.key, migrationId="m-1")
                       if user == "host-c" else theirs.send("SecretHostGetMsg", self.x, id=same, **new_key()))
                theirs.settle()
                other = self.client.send("SecretHostGetMsg", self.x, id=same, **self.key)
                self.client.settle()
            finally:
                self.a.thaw()
            self.refuses(self.client.wait(other), NOT_FOUND)
            self.assertIn(theirs.wait(one).code, (None, NOT_FOUND))

    # Migrations between hosts that know each other's users.
    def test_a_migration_is_prepared_and_ended_between_two_users(self):
        secret_uuid = self.defined(self.x, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.x, self.y, self.key, self.dek))
        self.holds(self.b, self.key, secret_uuid)
        self.assertEqual("source", self.succeeds(self.post_migrate(self.x, self.y, self.key))["deletedOn"])
        self.assertEqual(secret_uuid, self.succeeds(self.get(self.y, self.key))["secretUuid"])

    def test_a_migration_that_fails_is_undone_between_two_users(self):
        self.defined(self.x, self.key, self.dek)
        self.succeeds(self.pre_migrate(self.x, self.y, self.key, self.dek))
        self.assertEqual("destination",
                         self.succeeds(self.post_migrate(self.x, self.y, self.key, "failure"))["deletedOn"])
        self.holds(self.b, self.key, None)

    def test_the_key_manager_is_asked_and_believed_by_its_user(self):
        self.planted(self.a, self.key, self.dek)
        keymanager = self.keymanager(users={self.x.uuid: "host-a"}, user="mgmt")
        keymanager.add(self.key["vmUuid"], self.x, self.dek)
        self.succeeds(self.pre_migrate(self.x, self.y, self.key, tpmUuid=new_uuid()))

    def test_a_peer_is_not_believed_to_be_the_key_manager(self):
        self.planted(self.a, self.key, self.dek)
        keymanager = self.keymanager(user="host-c")
        keymanager.add(self.key["vmUuid"], self.x, self.dek)
        self.refuses(self.pre_migrate(self.x, self.y, self.key, tpmUuid=new_uuid(), timeout=1500), LATE)
        self.holds(self.b, self.key, None)

    # What a host that was taken over cannot do to another.
    def test_a_peer_acts_for_migrations_of_vtpms_only(self):
        self.act_as("host-c")
        self.refuses(self.define(self.x, self.key), SENDER_REFUSED, field="migrationId")
        self.refuses(self.define(self.x, self.key, migrationId="m-1"), SENDER_REFUSED, field="leaseSeconds")
        self.refuses(self.delete(self.x, self.key), SENDER_REFUSED, field="migrationId")
        self.refuses(self.delete(self.x, self.key, migrationId="m-1", force=True), SENDER_REFUSED, field="force")
        volume = new_key(purpose="volume", instance=f"volume-{new_uuid()}")
        self.refuses(self.define(self.x, volume, migrationId="m-1"), SENDER_REFUSED, field="purpose")
        self.holds(self.a, self.key, None)

    def test_a_peer_does_not_change_or_delete_what_is_permanent(self):
        secret_uuid = self.defined(self.x, self.key, self.dek, description="the manager's")
        before = self.a.secrets()[secret_uuid]
        self.act_as("host-c")
        self.refuses(self.define(self.x, self.key, new_dek(), migrationId="m-1", leaseSeconds=30), CONFLICT)
        reply = self.succeeds(self.define(self.x, self.key, self.dek, migrationId="m-1", leaseSeconds=30, description="mine"))
        self.assertEqual((secret_uuid, False), (reply["secretUuid"], reply["created"]))
        self.assertIs(False, self.succeeds(self.delete(self.x, self.key, migrationId="m-1"))["deleted"])
        self.assertEqual(before, self.a.secrets()[secret_uuid])

    def test_a_peer_undoes_what_it_made_and_not_what_another_made(self):
        secret_uuid = self.provisional("host-b")
        self.act_as("host-c")
        self.assertIs(False, self.succeeds(self.delete(self.x, self.key, migrationId="m-1"))["deleted"])
        self.holds(self.a, self.key, secret_uuid)
        self.act_as("host-b")
        self.assertIs(True, self.succeeds(self.delete(self.x, self.key, migrationId="m-1"))["deleted"])

    def test_a_peer_ends_only_migrations_from_its_own_hosts_to_here(self):
        secret_uuid = self.provisional("host-b")
        self.act_as("host-c")
        end = {**self.key, "migrationId": "m-1", "outcome": "failure"}
        self.refuses(self.client.ask("VtpmPostMigrateMsg", self.x, **end, srcHostUuid=self.y.uuid,
                                     dstHostUuid=self.x.uuid), SENDER_REFUSED, field="srcHostUuid")
        self.refuses(self.client.ask("VtpmPostMigrateMsg", self.x, **end, srcHostUuid=self.x.uuid,
                                     dstHostUuid=self.third), SENDER_REFUSED, field="hostUuid")
        self.assertEqual("none", self.succeeds(self.client.ask(
            "VtpmPostMigrateMsg", self.x, **end, srcHostUuid=self.third, dstHostUuid=self.x.uuid))["deletedOn"])
        self.holds(self.a, self.key, secret_uuid)

    # Answers.
    def forge(self, request, user, correlation_id=None, **fields):
        """Answer a request that somebody else was asked, on the reply queue of who asked."""
        self.act_as(user)
        body = encode({request.name.replace("Msg", "Reply"): {"id": new_uuid(), "success": True, **fields}}, "msgpack")
        self.client.publish(request.properties.reply_to, body, exchange="", user_id=user,
                            content_type=MIME["msgpack"], correlation_id=correlation_id or request.properties.correlation_id)

    def test_a_forged_answer_does_not_disturb_a_migration(self):
        host = self.fake_host(user="host-c")
        honest, host.answers["HostEnvelopeKeyGetMsg"] = host.answers["HostEnvelopeKeyGetMsg"], None
        asker = self.a.alias()
        worker = self.worker(asker, name="worker-asker", settings={
            "bus": {"url": self.broker.url_of("host-a")}, "senders": {**self.roles, "host-c": f"peer {host.uuid}"}})
        self.defined(asker, self.key, self.dek)
        asked = self.client.send("VtpmPreMigrateMsg", asker, **self.pre_migrate_fields(asker, host, self.key, self.dek))
        manager = self.client
        wait_until(lambda: host.key_requests, 10, "the request for the key")
        evil = hpke.KeyPair()
        for user in ("mallory", "host-b", "watch", "mgmt"):
            self.forge(host.key_requests[0], user, publicKey=evil.public, fingerprint=evil.fingerprint)
            self.forge(host.key_requests[0], user, success=False, error={"code": "SYS.1006", "opaque": {}})
        wait_until(lambda: worker.log_text().count("answer-ignored") >= 8, 10, "the forged answers to be seen")
        # Whom it believes can be made to answer another question to its queue, but not under a name it cannot know.
        self.forge(host.key_requests[0], "host-c", host.key_requests[0].properties.message_id, publicKey=evil.public,
                   fingerprint=evil.fingerprint)
        host.reply(host.key_requests[0], honest)
        self.succeeds(manager.wait(asked))
        self.assertEqual(self.dek, host.dek_of(host.requests[0]))

    def test_forged_answers_by_the_dozen_do_not_flood_the_log(self):
        host = self.fake_host({"HostEnvelopeKeyGetMsg": None}, user="host-c")
        asker = self.a.alias()
        worker = self.worker(asker, name="worker-flooded", settings={
            "bus": {"url": self.broker.url_of("host-a")}, "senders": {**self.roles, "host-c": f"peer {host.uuid}"}})
        self.defined(asker, self.key, self.dek)
        self.client.send("VtpmPreMigrateMsg", asker, **self.pre_migrate_fields(asker, host, self.key, self.dek))
        wait_until(lambda: host.key_requests, 10, "the request for the key")
        for _ in range(12):
            self.forge(host.key_requests[0], "mallory", success=False)
        self.client.channel.queue_declare(self.client.queue, passive=True)  # answered when the forged ones are in their queue
        self.act_as("mgmt")
        self.refuses(self.get(asker, new_key()), NOT_FOUND)
        wait_until(lambda: worker.log_text().count("event=answer-ignored") == 5, 10, "the first ones")
        host.reply(host.key_requests[0], {"success": False, "error": {"code": "SYS.1006", "opaque": {}}})
        worker.stop()
        lines = [line for line in worker.log_lines() if line["event"] in ("answer-ignored", "left-out")]
        self.assertEqual(["answer-ignored"] * 5 + ["left-out"], [line["event"] for line in lines])
        self.assertEqual(("answer-ignored", "7"), (lines[-1]["of"], lines[-1]["count"]))
