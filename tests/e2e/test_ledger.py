"""What a worker remembers of requests over its death, and what it does where it cannot write that down."""
import os
import resource
import sqlite3
import subprocess
import time

from tests.e2e.base import (CONFLICT, INVALID, LATE, NOT_FOUND, REQUIRED, Scenario, b64, new_dek, new_key, new_uuid)
from tests.lab import Search, patience, wait_until

PREFIX = "org.zstack.header.secret."
DEFINE, GET, DELETE = "SecretHostDefineMsg", "SecretHostGetMsg", "SecretHostDeleteMsg"


class LedgerScenario(Scenario):
    """Hosts of their own on a's libvirtd, so that a worker's death is nobody else's."""

    def host(self, through=None):
        host = self.a.alias()
        host.uri = (through or self.a).uri
        return host

    def up(self, through=None, **options):
        host = self.host(through)
        return host, self.worker(host, **options)

    def is_remembered(self, worker, request_id, state="done", attempts=None):
        def known():
            row = worker.remembers(request_id)
            return row and row[0] == state and attempts in (None, row[1])
        wait_until(known, 20, f"the ledger to have {request_id} as {state}")

    @staticmethod
    def at_rest(worker):
        """No secret is left half done."""
        wait_until(lambda: not worker.ask_ledger("SELECT 1 FROM secrets WHERE state <> 'active' UNION ALL "
                                                 "SELECT 1 FROM restorations"), 20, "nothing half done")


class Remembered(LedgerScenario):
    """The same id again, after the worker has died."""

    def answered_alike(self, worker, asked):
        """`asked`: (message, host, fields with an id). Asked in one encoding, and after a kill -9 in the other, under
        another address. Gives the replies."""
        correlations = [new_uuid() for _ in asked]
        first = [self.client.ask(message, host, encoding="json", properties={"correlation_id": correlation}, **fields)
                 for correlation, (message, host, fields) in zip(correlations, asked)]
        worker.restart()
        other = self.lab.client(self.broker)
        self.addCleanup(self.lab.drop, other)
        for (message, host, fields), before in zip(asked, first):
            correlation = new_uuid()
            other.send(PREFIX + message, host, encoding="msgpack", properties={"correlation_id": correlation},
                       **{**fields, "createdTime": 1})
            now = other.wait(correlation)
            self.assertEqual(before.outcome, self.in_base64(now.outcome))
            self.assertEqual((PREFIX + before.name, "msgpack", "json"), (now.name, now.encoding, before.encoding))
            self.assertEqual(correlation, now["headers"]["correlationId"])
        self.client.settle()
        for correlation, replies in self.client.replies.items():  # to what was not acked when the worker was killed
            for reply in replies:
                self.assertEqual(first[correlations.index(correlation)].outcome, reply.outcome)
        return first

    @staticmethod
    def in_base64(outcome):
        return {name: b64(value) if isinstance(value, bytes) else value for name, value in outcome.items()}

    def test_what_became_of_defines_gets_and_deletes_is_told_again(self):
        host, worker = self.up()
        wanted, chosen, gone, dek = new_key(), new_key(), new_key(), new_dek()
        self.defined(host, gone)
        replies = self.answered_alike(worker, [
            (DEFINE, host, {**wanted, "dekBase64": b64(dek), "secretUuid": new_uuid(), "id": "wanted"}),
            (DEFINE, host, {**chosen, "dekBase64": b64(dek), "id": "chosen"}),
            (DEFINE, host, {**chosen, "dekBase64": b64(dek), "id": "ensured"}),
            (GET, host, {**chosen, "id": "got"}),
            (DELETE, host, {**gone, "id": "deleted"}),
            (DELETE, host, {**gone, "id": "nothing-there"})])
        self.assertEqual([True, True, False], [self.succeeds(reply)["created"] for reply in replies[:3]])
        self.assertEqual([True, False], [self.succeeds(reply)["deleted"] for reply in replies[4:]])
        self.holds(self.a, chosen, replies[3]["secretUuid"])
        self.holds(self.a, gone, None)

    def test_an_error_is_told_again_though_the_same_would_succeed_now(self):
        host, worker = self.up()
        key, absent = new_key(), new_key()
        self.defined(host, key)
        asked = [(DEFINE, host, {**key, "dekBase64": b64(new_dek()), "id": "conflict"}),
                 (GET, host, {**absent, "id": "not-found"}),
                 (DEFINE, host, {**new_key(), "dekBase64": b64(new_dek()), "id": "late", "messageDeadline": 1})]
        first = [self.client.ask(message, of, **fields) for message, of, fields in asked]
        for reply, code in zip(first, (CONFLICT, NOT_FOUND, LATE)):
            self.refuses(reply, code)
        self.succeeds(self.delete(host, key))
        self.defined(host, absent)
        self.answered_alike(worker, asked)
        self.holds(self.a, key, None)

    def test_what_became_of_a_migration_is_told_again(self):
        host, worker = self.up()
        stays, goes = new_key(), new_key()
        for key in (stays, goes):
            self.defined(host, key)
        replies = self.answered_alike(worker, [
            ("VtpmPreMigrateMsg", host, self.pre_migrate_fields(host, self.b, stays, id="pre")),
            ("VtpmPreMigrateMsg", host, self.pre_migrate_fields(host, self.b, goes, id="pre-2")),
            ("VtpmPostMigrateMsg", host, {**goes, "srcHostUuid": host.uuid, "dstHostUuid": self.b.uuid, "id": "post",
                                          "migrationId": "m-1", "outcome": "success"}),
            ("VtpmPreMigrateMsg", host, self.pre_migrate_fields(host, self.b, new_key(), id="no-secret"))])
        for reply in replies[:2]:
            self.assertIs(True, self.succeeds(reply)["created"])
            self.assertEqual("ledger", reply["dekSource"])
        self.assertEqual("source", self.succeeds(replies[2])["deletedOn"])
        self.refuses(replies[3], NOT_FOUND)
        self.holds(self.b, goes, replies[1]["secretUuid"])

    def test_which_key_a_host_had_is_told_again_after_it_has_another(self):
        host, worker = self.up()
        asked = [("HostEnvelopeKeyGetMsg", host, {"id": "key"}), ("HostEnvelopeKeyRotateMsg", host, {"id": "rotated"})]
        first, second = (self.client.ask(message, of, **fields) for message, of, fields in asked)
        self.succeeds(self.client.ask("HostEnvelopeKeyRotateMsg", host))
        before, after = self.answered_alike(worker, asked)
        self.assertEqual((first.outcome, second.outcome), (before.outcome, after.outcome))
        self.assertTrue(before["suites"])
        self.assertEqual(3, len({before["publicKey"], after["publicKey"], b64(self.public_key(host))}))

    def test_the_outcome_is_told_though_the_deadline_has_passed_meanwhile(self):
        host, worker = self.up()
        fields = {**new_key(), "dekBase64": b64(new_dek()), "id": "in-time"}
        first = self.succeeds(self.client.ask(DEFINE, host, messageDeadline=int(time.time() * 1000) + 60000, **fields))
        worker.restart()
        for late in ({"messageDeadline": 1}, {"createdTime": 1, "timeout": 1}):
            self.assertEqual(first.outcome, self.client.ask(DEFINE, host, **fields, **late).outcome)

    def test_another_content_under_a_known_id_is_refused(self):
        host, worker = self.up()
        key, dek, secret_uuid = new_key(), new_dek(), new_uuid()
        fields = {**key, "secretUuid": secret_uuid, "id": "clear"}
        sealed = {**new_key(), "secretUuid": new_uuid(), "id": "sealed"}

        def envelope(of):
            return self.sealed(host, sealed, of, sealed["secretUuid"])
        clear_reply = self.succeeds(self.client.ask(DEFINE, host, **fields, dekBase64=b64(dek)))
        sealed_reply = self.succeeds(self.client.ask(DEFINE, host, **sealed, encryptedDek=envelope(dek)))
        worker.restart()
        for change in ({"description": "else"}, {"secretUuid": ...}, {"keyVersion": 2}, {"dekBase64": b64(new_dek())}):
            reply = self.client.ask(DEFINE, host, **{**fields, "dekBase64": b64(dek), **change})
            self.refuses(reply, INVALID, field="id")
        self.refuses(self.get(host, key, id="clear"), INVALID, field="id")
        self.refuses(self.client.ask(DEFINE, host, **sealed, encryptedDek=envelope(new_dek())), INVALID, field="id")
        again = self.client.ask(DEFINE, host, **sealed, encryptedDek=envelope(dek))  # another envelope of the same DEK
        self.assertEqual(sealed_reply.outcome, again.outcome)
        again = self.client.ask(DEFINE, host, **fields, dekBase64=b64(dek), systemTags=["tag"], timeout=5000)
        self.assertEqual(clear_reply.outcome, again.outcome)

    def test_the_same_id_on_another_host_or_of_another_reader_is_another_request(self):
        x, y = self.host(), self.host()
        self.broker.add_users("led-mgmt", "led-reader", "led-other")
        worker = self.worker(x, y, settings={"bus": {"url": self.broker.url_of("led-mgmt")}, "senders": {
            "led-mgmt": "manager", "led-reader": "reader", "led-other": "reader"}})
        clients = {}
        for user in ("led-mgmt", "led-reader", "led-other"):
            clients[user] = self.with_part(self.lab.client(self.broker, user=user))
        key, other = new_key(), new_key()
        define = {"id": "one", **key, "dekBase64": b64(new_dek())}
        self.succeeds(clients["led-mgmt"].ask(DEFINE, x, **define))
        self.refuses(clients["led-reader"].ask(GET, x, id="one", **other), NOT_FOUND)
        worker.restart()
        self.succeeds(clients["led-reader"].ask(GET, y, id="one", **key))  # of another host, but one libvirtd
        self.succeeds(clients["led-other"].ask(GET, x, id="one", **key))
        self.refuses(clients["led-reader"].ask(GET, x, id="one", **other), NOT_FOUND)
        self.refuses(clients["led-reader"].ask(GET, x, id="one", **key), INVALID, field="id")
        self.assertIs(True, self.succeeds(clients["led-mgmt"].ask(DEFINE, x, **define))["created"])


class KilledBeforeTheAck(LedgerScenario):
    """The effect is done and recorded, and nobody was told: the worker's publications are lost on the way."""

    def test_the_redelivery_is_answered_by_what_was_recorded_and_nothing_is_done_twice(self):
        wire = self.with_part(self.lab.wire(self.broker))
        host = self.host(self.pa)
        worker = self.with_part(self.lab.worker(wire, host)).start()
        made, gone, missing = new_key(), new_key(), new_key()
        self.defined(host, gone)
        self.pa.reset()
        wire.mute = True
        sent = [self.client.send(DEFINE, host, id="made", **made, dekBase64=b64(new_dek())),
                self.client.send(DELETE, host, id="gone", **gone),
                self.client.send(GET, host, id="missing", **missing)]
        for request_id in ("made", "gone", "missing"):
            self.is_remembered(worker, request_id)
        self.assertEqual(0, self.client.settle(0.5))
        worker.kill()
        calls = dict(self.pa.calls)
        self.planted(self.a, missing, new_dek())
        wire.mute = False
        worker.start()
        define, delete, get = self.client.wait_many(sent)
        self.assertIs(True, self.succeeds(define)["created"])
        self.assertIs(True, self.succeeds(delete)["deleted"])
        self.refuses(get, NOT_FOUND)
        self.assertEqual((1, 1, 1), tuple(calls[name] for name in ("secret-define", "secret-set-value",
                                                                   "secret-undefine")))
        self.assertEqual(calls, self.pa.calls)
        self.broker.wait_for_drained("keyferry.host." + host.hex)
        self.assertEqual(0, self.client.settle())


class KilledInTheMidst(LedgerScenario):
    """Libvirt has been asked for half of it."""

    def killed_at(self, call, worker, request_id):
        """When libvirtd was to get this call, which it did not."""
        wait_until(lambda: self.pa.calls.get(call), 20, call)
        self.is_remembered(worker, request_id, "begun", 1)
        worker.kill()
        self.pa.swallow = set()

    def has_its_value(self, key, secret_uuid):
        self.vm(self.a, "encrypted", secret_uuid, key["vmUuid"])

    def test_a_define_of_which_libvirt_has_no_value_yet_is_finished_and_answered(self):
        host, worker = self.up(self.pa)
        for fields in ({"secretUuid": new_uuid()}, {}):
            key, request_id = new_key(), new_uuid()
            self.pa.reset()
            self.pa.swallow = {"secret-set-value"}
            sent = self.client.send(DEFINE, host, id=request_id, **key, **fields, dekBase64=b64(new_dek()))
            self.killed_at("secret-set-value", worker, request_id)
            half_made = self.a.secret_of("keyferry/vtpm/{vmUuid}/tpm0/v1".format(**key))
            worker.start()
            reply = self.succeeds(self.client.wait(sent))
            self.assertEqual((True, half_made), (reply["created"], reply["secretUuid"]))
            self.holds(self.a, key, half_made)
            self.has_its_value(key, half_made)
            self.at_rest(worker)

    def test_a_define_that_libvirt_has_not_got_yet_is_done_once(self):
        host, worker = self.up(self.pa)
        key, before = new_key(), len(self.a.secrets())
        self.pa.swallow = {"secret-define"}
        sent = self.client.send(DEFINE, host, id="define", **key, dekBase64=b64(new_dek()))
        self.killed_at("secret-define", worker, "define")
        worker.start()
        reply = self.succeeds(self.client.wait(sent))
        self.assertIs(True, reply["created"])
        self.has_its_value(key, reply["secretUuid"])
        self.assertEqual(before + 1, len(self.a.secrets()))
        self.at_rest(worker)

    def test_a_define_that_nobody_asks_for_any_more_is_finished_all_the_same(self):
        host, worker = self.up(self.pa)
        key = new_key()
        self.pa.swallow = {"secret-set-value"}
        self.client.send(DEFINE, host, id="define", **key, dekBase64=b64(new_dek()))
        self.killed_at("secret-set-value", worker, "define")
        self.client.channel.queue_purge("keyferry.host." + host.hex)
        worker.start()
        self.at_rest(worker)
        self.has_its_value(key, self.a.secret_of("keyferry/vtpm/{vmUuid}/tpm0/v1".format(**key)))

    def test_a_delete_that_libvirt_has_not_got_yet_is_done_and_answered(self):
        host, worker = self.up(self.pa)
        key = new_key()
        self.defined(host, key)
        self.pa.swallow = {"secret-undefine"}
        sent = self.client.send(DELETE, host, id="delete", **key)
        self.killed_at("secret-undefine", worker, "delete")
        worker.start()
        self.assertIs(True, self.succeeds(self.client.wait(sent))["deleted"])
        self.holds(self.a, key, None)
        self.assertEqual([], worker.ask_ledger("SELECT uuid FROM secrets"))

    def test_a_delete_that_libvirt_has_done_is_told_as_done(self):
        host, worker = self.up(self.pa)
        key = new_key()
        secret_uuid = self.defined(host, key)
        self.pa.swallow = {"secret-undefine"}
        sent = self.client.send(DELETE, host, id="delete", **key)
        self.killed_at("secret-undefine", worker, "delete")
        self.a.undefine_secret(secret_uuid)
        worker.start()
        self.assertIs(True, self.succeeds(self.client.wait(sent))["deleted"])
        self.holds(self.a, key, None)
        self.assertEqual([], worker.ask_ledger("SELECT uuid FROM secrets"))

    def test_a_secret_that_was_being_restored_gets_its_value(self):
        host, worker = self.up(self.pa)
        key = new_key()
        secret_uuid = self.defined(host, key)
        worker.stop()
        self.a.undefine_secret(secret_uuid)
        self.pa.reset()
        self.pa.swallow = {"secret-set-value"}
        worker.start()
        wait_until(lambda: self.pa.calls.get("secret-set-value"), 20, "the value to be set")
        self.holds(self.a, key, secret_uuid)  # as good as restored, to look at
        worker.kill()
        self.pa.swallow = set()
        worker.start()
        self.at_rest(worker)
        self.has_its_value(key, secret_uuid)

    def test_what_was_begun_five_times_and_killed_each_time_is_answered_and_dead_lettered(self):
        host, worker = self.up(self.pa)
        key, dek = new_key(), new_dek()
        self.client.purge_dead_letters()
        self.pa.swallow = {"secret-set-value"}
        sent = self.client.send(DEFINE, host, id="deadly", **key, dekBase64=b64(dek), secretUuid=new_uuid())
        for attempt in range(1, 6):
            self.is_remembered(worker, "deadly", "begun", attempt)
            worker.restart()
        reply = self.refuses(self.client.wait(sent), REQUIRED, effect="unknown")
        self.assertEqual(5, reply.opaque["attempt"])
        (properties, body), = self.client.dead_letters()
        self.assertIn(b'"deadly"', body)
        self.assertEqual(REQUIRED, properties.headers["x-keyferry-code"])
        self.assertEqual("keyferry.host." + host.hex, properties.headers["x-keyferry-queue"])
        self.assertEqual("host." + host.hex, properties.headers["x-keyferry-routing-key"])
        self.assertIn("begun 5 times", properties.headers["x-keyferry-details"])
        self.broker.wait_for_drained("keyferry.host." + host.hex)
        self.pa.swallow = set()
        worker.restart()
        self.at_rest(worker)  # and what it had half made is settled


class DiskFull(LedgerScenario):
    def fill_disk(self, worker):
        """No write to the end of the ledger's log succeeds; what the worker says to its own log, which is shorter, does."""
        limit = os.path.getsize(worker.ledger + "-wal")
        self.assertLess(2 * os.path.getsize(worker.log), limit)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    @staticmethod
    def make_room(worker):
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def test_nothing_is_acted_on_nor_acked_until_it_can_be_written(self):
        host, worker = self.up(self.pa)
        kept = [new_key() for _ in range(20)]
        for key in kept:
            self.defined(host, key)
        self.pa.reset()
        self.fill_disk(worker)
        keys = [new_key() for _ in range(10)]
        sent = [self.client.send(DEFINE, host, **key, dekBase64=b64(new_dek())) for key in keys]
        sent += [self.client.send(DELETE, host, **key) for key in kept]
        sent.append(self.client.send(GET, host, **new_key()))
        wait_until(lambda: "event=ledger-down" in worker.log_text(), 20, "the ledger to be down")
        status, text = worker.get("/readyz")
        self.assertEqual(503, status)
        self.assertIn(worker.ledger, text)
        self.assertEqual(0, self.client.settle(1.5))
        self.assertEqual((0, 0), (self.pa.calls.get("secret-define", 0), self.pa.calls.get("secret-undefine", 0)))
        self.assertTrue(worker.alive)
        self.make_room(worker)
        *replies, got = self.client.wait_many(sent)
        for reply in replies:
            self.assertIs(True, self.succeeds(reply)["created" if "created" in reply else "deleted"])
        self.refuses(got, NOT_FOUND)
        self.assertEqual((10, 20), (self.pa.calls["secret-define"], self.pa.calls["secret-undefine"]))
        wait_until(worker.is_ready, 10, "the worker to be ready")
        self.assertIn("event=ledger-up", worker.log_text())
        self.broker.wait_for_drained("keyferry.host." + host.hex)
        self.assertEqual(0, self.client.settle())
        for key in keys:
            self.succeeds(self.get(host, key))

    def test_a_worker_killed_meanwhile_had_acked_nothing(self):
        host, worker = self.up(self.pa)
        for _ in range(20):
            self.defined(host)
        self.fill_disk(worker)
        sent = [self.client.send(DEFINE, host, **new_key(), dekBase64=b64(new_dek())) for _ in range(10)]
        wait_until(lambda: "event=ledger-down" in worker.log_text(), 20, "the ledger to be down")
        worker.restart()
        for reply in self.client.wait_many(sent):
            self.assertIs(True, self.succeeds(reply)["created"])
        self.at_rest(worker)


class File(LedgerScenario):
    def used(self):
        """A worker that has ended, and left a ledger."""
        host, worker = self.up()
        self.defined(host)
        worker.stop()
        return worker

    def does_not_start_with_it(self, worker, *says):
        before = open(worker.ledger, "rb").read()
        run = subprocess.run(worker.argv(), env={**os.environ, **worker.environment()}, capture_output=True, text=True,
                             timeout=patience(20))
        self.assertEqual(3, run.returncode, run.stderr)
        for word in (worker.ledger, *says):
            self.assertIn(word, run.stderr)
        self.assertEqual(before, open(worker.ledger, "rb").read())

    def test_what_is_no_ledger_is_left_alone_and_told(self):
        worker = self.used()
        with open(worker.ledger, "wb") as f:
            f.write(b"Dear diary, " * 1000)
        self.does_not_start_with_it(worker, "move it away")
        os.unlink(worker.ledger)
        database = sqlite3.connect(worker.ledger)
        database.execute("CREATE TABLE diary (day TEXT)")
        database.commit()
        database.close()
        os.chmod(worker.ledger, 0o600)
        self.does_not_start_with_it(worker, "another program", "move it away")

    def test_a_damaged_ledger_is_told(self):
        worker = self.used()
        with open(worker.ledger, "r+b") as f:
            f.seek(100)
            f.write(os.urandom(3000))
        self.does_not_start_with_it(worker, "damaged", "bring back a copy")

    def test_a_ledger_of_a_newer_version_is_told(self):
        worker = self.used()
        database = sqlite3.connect(worker.ledger)
        database.execute("PRAGMA user_version = 99")
        database.close()
        self.does_not_start_with_it(worker, "version 99", "install the newer one")

    def test_a_ledger_that_others_can_read_is_told(self):
        worker = self.used()
        os.chmod(worker.ledger, 0o640)
        self.does_not_start_with_it(worker, "chmod 600")
        os.chmod(worker.ledger, 0o600)
        worker.start()

    def test_only_its_owner_may_read_it_and_no_dek_is_in_it(self):
        host, worker = self.up()
        clear, sealed, gone = new_dek(), new_dek(), new_dek()
        self.defined(host, new_key(), clear)
        key = new_key()
        self.succeeds(self.define_sealed(host, key, self.sealed(host, key, sealed)))
        self.defined(host, (key := new_key()), gone)
        self.refuses(self.define(host, key, clear), CONFLICT)
        self.succeeds(self.delete(host, key))
        search = Search(clear=clear, sealed=sealed, gone=gone)
        self.assertEqual([], search.in_folder(worker.state_dir))
        for name in os.listdir(worker.state_dir):
            path = os.path.join(worker.state_dir, name)
            if os.path.isfile(path):
                self.assertEqual(0o600, os.stat(path).st_mode & 0o777, name)
        worker.stop()
        self.assertEqual([], search.in_folder(worker.state_dir))
        self.assertGreater(search.seen["file in a folder"], 10000)
        self.assertEqual(2, len(worker.ask_ledger("SELECT sealed FROM secrets")))
