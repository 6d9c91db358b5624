"""Two workers of one state_dir: who serves a host, and that the other does nothing."""
import time

from tests.e2e.base import Scenario, b64, new_dek, new_key
from tests.lab import patience, placing, wait_until

HEARTBEAT_S = 5  # as the lab has it
SERVES = "this worker acts on the host now"


class Takeover(Scenario):
    def setUp(self):
        super().setUp()
        self.host = self.a.alias()
        self.queue = "keyferry.host." + self.host.hex
        first, second = self.names(self.host)
        self.active = self.worker(self.host, name=first)
        self.standby = self.with_part(self.lab.worker(self.broker, self.host, name=second,
                                                      state=self.active.state_dir, waits_ready=False)).start()
        self.have_two_consumers(self.queue)

    @staticmethod
    def names(host):
        """Of two workers for it, so that they stay in this order."""
        return placing.in_order("keyferry.host." + host.hex, [f"{n}-{host.name}" for n in ("one", "two")])

    def have_two_consumers(self, queue):
        wait_until(lambda: self.broker.rows("consumers", "queue_name").count({"queue_name": queue}) == 2, 20,
                   "two consumers")

    def load(self, count=150):
        """Define, get and delete of so many identities, in that order: what came of it can be told from the answers."""
        keys = [new_key() for _ in range(count)]
        return [[self.client.send(message, self.host, **key, **fields) for message, fields in (
            ("SecretHostDefineMsg", {"dekBase64": b64(new_dek())}), ("SecretHostGetMsg", {}),
            ("SecretHostDeleteMsg", {}))] for key in keys]

    def is_under_way(self):
        self.client.settle(0)
        return len(self.client.replies) > 20

    def loaded(self, how):
        """What comes before and after `how` to the active worker; it happens under load."""
        asked = self.load()
        wait_until(self.is_under_way, 20, "some answers")
        how()
        return asked + self.load(50)

    def all_answered_once(self, asked):
        replies = self.client.wait_many([one for each in asked for one in each], 90)
        for define, get, delete in zip(replies[::3], replies[1::3], replies[2::3]):
            self.assertIs(True, self.succeeds(define)["created"])
            self.assertEqual(define["secretUuid"], self.succeeds(get)["secretUuid"])
            self.assertIs(True, self.succeeds(delete)["deleted"])
        self.client.settle()
        of = {one: reply for one, reply in zip((one for each in asked for one in each), replies)}
        for correlation, more in self.client.replies.items():  # answers that were not acked in time
            for reply in more:
                self.assertEqual(of[correlation].outcome, reply.outcome)
        self.broker.wait_for_drained(self.queue)
        self.assertEqual([], self.standby.ask_ledger("SELECT uuid, state FROM secrets"))
        self.assertEqual([], self.standby.ask_ledger("SELECT id FROM inbox WHERE state <> 'done'"))

    def test_a_worker_that_is_killed_is_replaced_within_5_s(self):
        asked = self.loaded(self.active.kill)
        began = time.monotonic()
        wait_until(lambda: SERVES in self.standby.log_text(), 10, "the standby to serve")
        self.assertLess(time.monotonic() - began, patience(5))
        self.all_answered_once(asked)

    def test_a_worker_that_is_frozen_is_replaced_and_does_not_wake_again(self):
        asked = self.loaded(self.active.freeze)
        wait_until(lambda: SERVES in self.standby.log_text(), 60, "the standby to serve")
        self.assertIn("event=tenure-fence", self.standby.log_text())
        wait_until(lambda: not self.active.alive, 5, "the frozen worker to be dead, so that it does not wake")
        self.assertEqual(-9, self.active.popen.returncode)
        self.all_answered_once(asked)

    def test_a_worker_that_is_frozen_is_replaced_though_nobody_asks_for_anything(self):
        key = new_key()
        secret_uuid = self.defined(self.host, key)
        self.active.freeze()
        began = time.monotonic()
        self.a.restart()
        wait_until(lambda: secret_uuid in self.a.secrets(), 60, "the secret to come back", every=0.2)
        self.assertLess(time.monotonic() - began, patience(2 * HEARTBEAT_S + 10 + 10))
        self.assertIn("event=tenure-fence", self.standby.log_text())
        wait_until(lambda: not self.active.alive, 5, "the frozen worker to be dead, so that it does not wake")
        self.assertEqual(secret_uuid, self.succeeds(self.get(self.host, key))["secretUuid"])

    def test_a_worker_that_is_stopped_hands_over_in_good_order(self):
        asked = self.loaded(lambda: self.assertEqual(0, self.active.stop()))
        self.all_answered_once(asked)
        self.assertNotIn("event=tenure-fence", self.standby.log_text())

    def test_a_standby_restores_nothing_and_acts_on_nothing_while_another_serves(self):
        key = new_key()
        secret_uuid = self.succeeds(self.client.ask("SecretHostDefineMsg", self.host, **key,
                                                    dekBase64=b64(new_dek())))["secretUuid"]
        self.standby.restart()  # as one that comes later, too
        self.a.undefine_secret(secret_uuid)
        self.a.restart()
        wait_until(lambda: secret_uuid in self.a.secrets(), 20, "the secret to come back")
        wait_until(lambda: "event=recovery" in self.active.log_text(), 10, "the active one to tell")
        for word in ("event=recovery", "event=request", SERVES):
            self.assertNotIn(word, self.standby.log_text())
        self.active.freeze()
        self.a.undefine_secret(secret_uuid)
        self.active.kill()
        wait_until(lambda: secret_uuid in self.a.secrets(), 10, "the standby to serve, though nobody asks for anything")
        self.assertIn(SERVES, self.standby.log_text())
        self.assertEqual(secret_uuid, self.succeeds(self.client.ask("SecretHostGetMsg", self.host, **key))["secretUuid"])

    def test_what_a_killed_worker_had_half_done_its_standby_finishes(self):
        host = self.a.alias()
        host.uri = self.pa.uri
        names = self.names(host)
        first = self.worker(host, name=names[0])
        second = self.with_part(self.lab.worker(self.broker, host, name=names[1], state=first.state_dir,
                                                waits_ready=False)).start()
        self.have_two_consumers("keyferry.host." + host.hex)
        key = new_key()
        self.pa.swallow = {"secret-set-value"}
        sent = self.client.send("SecretHostDefineMsg", host, **key, dekBase64=b64(new_dek()))
        wait_until(lambda: self.pa.calls.get("secret-set-value"), 20, "the value to be set")
        self.pa.swallow = set()
        first.kill()
        reply = self.succeeds(self.client.wait(sent))
        self.assertIs(True, reply["created"])
        self.vm(self.a, "encrypted", reply["secretUuid"], key["vmUuid"])
        self.assertIn(SERVES, second.log_text())
