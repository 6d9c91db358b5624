"""A message whose time is over has no effect and says so."""
import time

from tests.e2e.base import ENCODINGS, LATE, Scenario, b64, new_dek, new_key, new_uuid
from tests.lab import patience


def now_ms():
    return int(time.time() * 1000)


class Deadline(Scenario):
    def test_past_it_nothing_is_done(self):
        late = ({"messageDeadline": now_ms() - 1000}, {"messageDeadline": 1},
                {"createdTime": now_ms() - 60000, "timeout": 50000}, {"createdTime": 1000, "timeout": 1},
                {"messageDeadline": now_ms() - 1000, "timeout": 60000})
        for fields in late:
            for encoding in ENCODINGS:
                with self.subTest(**fields, encoding=encoding):
                    key = new_key()
                    reply = self.refuses(self.define(self.a, key, encoding=encoding, **fields), LATE)
                    self.assertIs(True, reply.opaque["retryable"])
                    self.refuses(self.delete(self.a, key, encoding=encoding, **fields), LATE)
                    self.refuses(self.get(self.a, key, encoding=encoding, **fields), LATE)
                    self.refuses(self.resolve(self.a, new_uuid(), encoding=encoding, **fields), LATE)
                    self.refuses(self.pre_migrate(self.a, self.b, key, new_dek(), encoding=encoding, **fields), LATE)
                    self.refuses(self.post_migrate(self.a, self.b, key, encoding=encoding, **fields), LATE)
                    self.holds(self.a, key, None)
        self.assertEqual(({}, {}), (self.pa.calls, self.pb.calls))

    def test_before_it_and_without_one_all_is_done(self):
        in_time = ({"messageDeadline": now_ms() + 60000}, {"messageDeadline": -1, "timeout": -1}, {"timeout": 60000},
                   {"createdTime": 1000, "timeout": -1}, {"createdTime": 1000}, {"createdTime": 0, "timeout": 60000},
                   {"messageDeadline": now_ms() + 60000, "createdTime": 1000, "timeout": 1}, {"messageDeadline": 0},
                   {"createdTime": ..., "timeout": 60000})
        for fields in in_time:
            with self.subTest(**{k: str(v) for k, v in fields.items()}):
                self.succeeds(self.define(self.a, new_key(), **fields))

    def test_a_message_that_expired_in_the_queue_is_answered_and_not_done(self):
        host, key = self.a.alias(), new_key()
        worker = self.worker(host)
        worker.stop()
        late = self.client.send("SecretHostDefineMsg", host, **key, dekBase64=b64(new_dek()),
                                messageDeadline=now_ms() + 300)
        good = self.client.send("SecretHostGetMsg", host, **key, messageDeadline=now_ms() + 60000)
        time.sleep(0.5)
        worker.start()
        self.refuses(self.client.wait(late), LATE)
        self.refuses(self.client.wait(good), "KEY_AGENT_SECRET_NOT_FOUND")

    def test_a_message_that_expired_behind_a_slow_libvirt_is_answered_and_not_done(self):
        """Taken in time, but every job thread was busy until it was too late."""
        host, first, second = self.a.alias(), new_key(), new_key()
        worker = self.worker(host, settings={"worker": {"threads": 1}})
        self.addCleanup(self.a.thaw)
        self.defined(host)
        self.a.freeze()
        slow = self.client.send("SecretHostDefineMsg", host, **first, dekBase64=b64(new_dek()))
        late = self.client.send("SecretHostDefineMsg", host, **second, dekBase64=b64(new_dek()), timeout=300)
        time.sleep(0.8)
        self.assertEqual(200, worker.get("/healthz")[0])
        self.a.thaw()
        self.succeeds(self.client.wait(slow))
        self.refuses(self.client.wait(late), LATE)
        self.holds(self.a, second, None)

    def test_a_wait_for_another_host_ends_with_it(self):
        silent = self.fake_host({"SecretHostDefineMsg": None})
        key, dek = new_key(), new_dek()
        self.defined(self.a, key, dek)
        began = time.monotonic()
        reply = self.pre_migrate(self.a, silent, key, dek, messageDeadline=now_ms() + 1500)
        self.assertFalse(reply.success)
        self.assertEqual(LATE, reply.code)
        self.assertIs(True, reply.opaque["retryable"])
        self.assertLess(time.monotonic() - began, patience(5))

    def test_without_one_a_wait_ends_by_the_configured_time(self):
        host = self.a.alias()
        self.worker(host, settings={"worker": {"request_timeout_ms": int(patience(1500))}})
        silent = self.fake_host({"SecretHostDefineMsg": None})
        key, dek = new_key(), new_dek()
        self.defined(host, key, dek)
        began = time.monotonic()
        reply = self.pre_migrate(host, silent, key, dek)
        self.assertEqual(LATE, reply.code)
        self.assertLess(time.monotonic() - began, patience(6))
        sent = silent.wait_for("SecretHostDefineMsg")[0].fields
        ends = sent.get("messageDeadline", -1)
        if ends <= 0:
            ends = sent["createdTime"] + sent["timeout"]
        self.assertLess(abs(ends - now_ms()), patience(10000))

    def test_a_request_sent_on_carries_its_senders_deadline_and_an_undo_carries_none(self):
        other = new_uuid()
        fake = self.fake_host({"SecretHostDefineMsg": {"success": True, "created": True, "secretUuid": other}})
        key, dek, deadline = new_key(), new_dek(), now_ms() + 20000
        self.defined(self.a, key, dek)
        self.assertFalse(self.pre_migrate(self.a, fake, key, dek, messageDeadline=deadline).success)
        self.assertEqual(deadline, fake.wait_for("SecretHostDefineMsg")[0].fields["messageDeadline"])
        undo = fake.wait_for("SecretHostDeleteMsg")[0].fields
        self.assertLessEqual(undo.get("messageDeadline", -1), 0)
        self.assertLessEqual(undo.get("timeout", -1), 0)
