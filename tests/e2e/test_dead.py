"""keyferry dead and keyferry audit: looking at dead letters, sending them again, and the record of it."""
import base64
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import threading
import time

import pika

from tests.e2e.base import INVALID, NOT_FOUND, SENDER_REFUSED, Scenario, b64, new_dek, new_key, new_uuid
from tests.lab import patience, program, wait_until
from tests.lab.client import DEAD, EXCHANGE, MIME, encode

BODY_MAX = 64 * 1024
BEHALF, VOUCHED = "x-keyferry-on-behalf-of", "x-keyferry-vouched-by"
DAY_MS = 24 * 3600 * 1000


def now_ms():
    return int(time.time() * 1000)


class Dead(Scenario):
    """`gone` is a host that nobody serves; what is sent to it dies by the broker's hand."""

    def setUp(self):
        super().setUp()
        self.client.purge_dead_letters()
        self.gone = self.a.alias()
        self.audit = os.path.join(self.lab.make_folder("dead-" + new_uuid()[:8]), "audit.log")

    def tearDown(self):
        self.client.purge_dead_letters()
        super().tearDown()

    # The program.
    def argv(self, *arguments, url=None):
        more = ("--audit", self.audit) if arguments[1] in ("replay", "drop") and "--audit" not in arguments else ()
        return [*program("keyferry"), "--url", url or self.broker.url, *arguments, *more]

    def dead(self, status, *arguments, url=None, **environment):
        """Run it; the exit status must be that. Gives (stdout, stderr)."""
        run = subprocess.run(self.argv(*arguments, url=url), capture_output=True, timeout=patience(90), check=False,
                             env={**os.environ, **environment}, stdin=subprocess.DEVNULL)
        out, said = run.stdout.decode(), run.stderr.decode()
        self.assertEqual(status, run.returncode, (arguments, out, said))
        return out, said

    def objects(self, status, *arguments, **more):
        return [json.loads(line) for line in self.dead(status, *arguments, "--json", **more)[0].splitlines()]

    def listed(self, *selectors):
        return self.objects(0, "dead", "list", *selectors)

    def ids(self, *selectors):
        return [letter["id"] for letter in self.listed(*selectors)]

    def summary(self, status, *arguments, **more):
        (summary,) = self.objects(status, *arguments, **more)
        return summary

    def audit_lines(self):
        with open(self.audit, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    # The queue.
    def depth(self):
        return self.broker.queue(DEAD)[0]

    def wait_depth(self, count):
        wait_until(lambda: self.depth() == count, 20, f"{count} dead letters")

    # Letters.
    def letter(self, message_id=None, host=None, code=INVALID, age_ms=0, user="d-mgmt", body=None, **headers):
        """One as a worker would have written it; gives its id."""
        message_id = message_id or new_uuid()
        host = host or self.gone
        key = "host." + host.hex
        fields = {"id": message_id, "hostUuid": host.uuid, **new_key()}
        self.client.publish(key, body or encode({"SecretHostGetMsg": fields}, "json"), exchange=DEAD, message_id=message_id,
                            content_type=MIME["json"], headers={
                                "x-keyferry-code": code, "x-keyferry-details": "d", "x-keyferry-user": user,
                                "x-keyferry-queue": "keyferry.host." + host.hex, "x-keyferry-routing-key": key,
                                "x-keyferry-time": str(now_ms() - age_ms), **headers})
        return message_id

    def letters(self, count, **rest):
        ids = [self.letter(**rest) for _ in range(count)]
        self.wait_depth(count)
        return ids

    def die(self, message, client=None, host=None, encoding="json", properties=None, **fields):
        """Send a request to a host that nobody serves, and have the broker dead-letter it. Gives its correlation id."""
        host = host or self.gone
        channel = self.client.connection.channel()
        queue = channel.queue_declare("", exclusive=True, arguments={"x-dead-letter-exchange": DEAD}).method.queue
        channel.queue_bind(queue, EXCHANGE, "host." + host.hex)
        before = self.depth()
        sent = (client or self.client).send(message, host, encoding=encoding, properties=properties, **fields)
        got = []
        wait_until(lambda: got.append(channel.basic_get(queue)[0]) or got[-1], 20, "the request")
        channel.basic_reject(got[-1].delivery_tag, requeue=False)
        self.wait_depth(before + 1)
        channel.queue_delete(queue)
        channel.close()
        return sent

    def collector(self, host=None):
        """A queue that has what is sent to the host, as a list of (properties, body), taken when asked for."""
        channel = self.client.connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, EXCHANGE, "host." + (host or self.gone).hex)

        def take():
            found = []
            while True:
                method, properties, body = channel.basic_get(queue, auto_ack=True)
                if not method:
                    return found
                found.append((properties, body))
        return take


class Look(Dead):
    def test_lists_what_workers_and_the_broker_put_there_and_changes_nothing(self):
        malformed = new_uuid()
        self.client.send_body(b'{"SecretHostDefineMsg": {', "host." + self.a.hex, {
            "content_type": MIME["json"], "message_id": malformed, "user_id": "guest"})
        self.wait_depth(1)
        self.client.send_body(os.urandom(BODY_MAX + 1), "host." + self.a.hex, {"message_id": "too-large"})
        self.wait_depth(2)
        self.die("SecretHostGetMsg", id="died", **new_key())
        for _ in range(3):
            first, second, third = self.listed()
            self.assertEqual((malformed, "worker", INVALID, "guest", self.a.uuid, 25),
                             tuple(first[k] for k in ("id", "by", "code", "sender", "host", "bytes")))
            self.assertEqual(("too-large", "broker", "rejected", self.a.uuid, BODY_MAX + 1),
                             tuple(second[k] for k in ("id", "by", "code", "host", "bytes")))
            self.assertEqual(("died", "broker", "rejected", self.gone.uuid, "SecretHostGetMsg"),
                             tuple(third[k] for k in ("id", "by", "code", "host", "message")))
            for letter in (first, second, third):
                self.assertLess(abs(now_ms() - letter["time"]), 120000)
            self.wait_depth(3)
        self.assertEqual([malformed, "too-large", "died"], [p.message_id or "died" for p, _ in self.client.dead_letters(3)])

    def test_an_empty_queue_has_no_letters(self):
        self.assertEqual([], self.listed())
        self.assertEqual(("", ""), self.dead(0, "dead", "list"))

    def test_who_looks_next_finds_all_again(self):
        ids = self.letters(500)
        for _ in range(20):
            self.assertEqual(ids, self.ids())

    def test_is_read_by_people_too(self):
        ids = self.letters(2)
        out, _ = self.dead(0, "dead", "list")
        heading, *lines = out.splitlines()
        self.assertTrue(heading.startswith("DIED"), out)
        for message_id, line in zip(ids, lines):
            self.assertIn(message_id, line)
            self.assertIn(self.gone.uuid, line)

    def test_each_selector_selects(self):
        other = self.b.alias()
        old = self.letter(age_ms=3 * 3600 * 1000)
        new = self.letter(code="SYS.1001")
        there = self.letter(host=other)
        self.wait_depth(3)
        self.assertEqual([old, new, there], self.ids())
        self.assertEqual([old, new], self.ids("--host", self.gone.hex))
        self.assertEqual([there], self.ids("--host", other.uuid.upper()))
        self.assertEqual([new], self.ids("--code", "SYS.1001"))
        self.assertEqual([old], self.ids("--older-than", "2h"))
        self.assertEqual([], self.ids("--older-than", "1d"))
        self.assertEqual([new, there], self.ids("--newer-than", "2h"))
        self.assertEqual([old, there], self.ids("--id", there, "--id", old))
        ref = self.listed("--id", old)[0]["ref"]
        self.assertEqual([old], self.ids("--id", ref))

    def test_an_id_that_is_not_there_is_an_error(self):
        there = self.letter()
        self.wait_depth(1)
        self.assertIn("no-such-id", self.dead(1, "dead", "show", there, "no-such-id")[1])
        self.assertEqual(1, self.summary(1, "dead", "replay", "--id", "no-such-id")["seen"])

    def test_usage_is_refused(self):
        for arguments in (("dead",), ("dead", "shred"), ("dead", "list", "x"), ("dead", "show"), ("dead", "replay"),
                          ("dead", "drop"), ("dead", "drop", "--all", "--code", "x"), ("dead", "replay", "--all", "--rate", "0"),
                          ("dead", "list", "--older-than", "1"), ("dead", "list", "--newer-than", "-1h"),
                          ("dead", "list", "--host", "x"), ("dead", "list", "--all"), ("dead", "list", "--vm", new_uuid()),
                          ("dead", "show", "a", "--code", "x"), ("audit",), ("audit", "verify", "a", "b"),
                          ("audit", "verify", "--head", "00"), ("get", "--code", "x"), ("dead", "list", "--dek-file", "x")):
            with self.subTest(arguments=arguments):
                run = subprocess.run([*program("keyferry"), "--url", self.broker.url, *arguments], capture_output=True,
                                     check=False, timeout=patience(30))
                self.assertEqual((2, b""), (run.returncode, run.stdout), run.stderr)
                self.assertTrue(run.stderr)

    def test_a_broker_that_is_not_there_is_told(self):
        self.dead(5, "dead", "list", url="amqp://guest:guest@127.0.0.1:1/")

    # What may not be seen.
    def all_forms(self, dek):
        raw = base64.b64encode(dek).decode()
        return [dek, raw.encode(), dek.hex().encode(), raw[4:-4].encode()]

    def prints_no(self, dek, *arguments):
        run = subprocess.run(self.argv(*arguments), capture_output=True, timeout=patience(60), check=False)
        self.assertEqual(0, run.returncode, run.stderr)
        for form in self.all_forms(dek):
            self.assertNotIn(form, run.stdout + run.stderr)
        return run.stdout.decode()

    def test_a_dek_is_never_printed(self):
        dek = new_dek()
        good = {"hostUuid": self.gone.uuid, **new_key()}
        cases = {
            "clear": {**good, "dekBase64": b64(dek)}, "mistyped": {**good, "dekbase64": b64(dek)},
            "sealed": {**good, "encryptedDek": b64(dek + b"x" * 60)}, "in-a-list": {**good, "dekBase64": [b64(dek)]},
            "in-headers": {**good, "headers": {"dek": b64(dek)}}, "in-tags": {**good, "userTags": [b64(dek)]},
            "for-a-uuid": {**good, "secretUuid": b64(dek)}, "in-a-map": {**good, "other": {"dek": b64(dek)}},
            "raw": {**good, "dekBase64": dek}}
        for name, fields in cases.items():
            for encoding in ("json", "msgpack"):
                body = encode({"SecretHostDefineMsg": {"id": f"{name}-{encoding}", **fields}}, encoding)
                self.letter(f"{name}-{encoding}", body=body)
                self.letter(f"cut-{name}-{encoding}", body=body[:-1])
                self.letter(f"as-name-{name}-{encoding}", body=encode({b64(dek): fields}, encoding))
        self.wait_depth(6 * len(cases))
        for arguments in (("list",), ("list", "--json"), ("replay", "--all", "--dry-run")):
            self.assertTrue(self.prints_no(dek, "dead", *arguments))
        for message_id in self.ids():
            for more in ((), ("--json",)):
                self.prints_no(dek, "dead", "show", message_id, *more)

    def test_shows_all_but_the_secret(self):
        key, dek = new_key(), new_dek()
        self.die("SecretHostDefineMsg", id="r-1", **key, dekBase64=b64(dek), properties={
            "headers": {"traceparent": "00-ab-cd-01"}, "message_id": "r-1"})
        (shown,) = self.objects(0, "dead", "show", "r-1")
        (name, fields), = shown["envelope"].items()
        self.assertEqual(("SecretHostDefineMsg", key["vmUuid"], 1), (name, fields["vmUuid"], fields["keyVersion"]))
        self.assertEqual("<secret: text of 44 bytes>", fields["dekBase64"])
        self.assertEqual("00-ab-cd-01", shown["headers"]["traceparent"])
        self.assertEqual("rejected", shown["headers"]["x-death.0.reason"])
        out, _ = self.dead(0, "dead", "show", "r-1")
        for text in ("r-1", key["vmUuid"], "<secret: text of 44 bytes>", "traceparent: 00-ab-cd-01", "host." + self.gone.hex):
            self.assertIn(text, out)

    def test_a_body_that_cannot_be_read_is_described(self):
        self.letter("cut", body=b'{"SecretHostDefineMsg": {"dekBase64": "')
        self.letter("large", body=b"{" * (BODY_MAX + 1))
        self.wait_depth(2)
        cut, large = self.objects(0, "dead", "show", "cut", "large")
        self.assertIn("JSON", cut["complaint"])
        self.assertIn("larger", large["complaint"])
        self.assertEqual(([], BODY_MAX + 1), ([k for k in (*cut, *large) if k == "envelope"], large["bytes"]))

    def test_what_others_chose_cannot_forge_a_line(self):
        self.letter("x", user="a\nFORGED\x1b[2J", **{"x-keyferry-details": "c\nFORGED\x1b[2J", "y\nFORGED": "e\nFORGED"})
        self.wait_depth(1)
        for arguments in (("list",), ("show", "x")):
            out, _ = self.dead(0, "dead", *arguments)
            self.assertNotIn("\x1b", out)
            self.assertIn(" FORGED", out)
            self.assertFalse(re.search(r"^FORGED", out, re.M), out)


class Replay(Dead):
    def test_does_what_was_asked_and_answers_who_asked(self):
        key, dek = new_key(), new_dek()
        sent = {encoding: self.die("SecretHostDefineMsg", encoding=encoding, **{**key, "keyVersion": version},
                                   dekBase64=b64(dek)) for version, encoding in enumerate(("json", "msgpack"), 1)}
        self.worker(self.gone)
        done = self.summary(0, "dead", "replay", "--host", self.gone.uuid)
        self.assertEqual((2, 2, 2, 0), tuple(done[k] for k in ("waiting", "meant", "done", "noRoute")))
        for correlation_id in sent.values():
            self.succeeds(self.client.wait(correlation_id))
        self.assertIs(False, self.succeeds(self.define(self.gone, key, dek))["created"])
        self.wait_depth(0)

    def test_restores_what_its_sender_wrote(self):
        take = self.collector()
        properties = {"message_id": "m-1", "correlation_id": "c-1", "reply_to": "nowhere", "user_id": "guest", "headers": {
            "x-keyferry-signature": "c2ln", "traceparent": "00-1", "x-keyferry-code": "mine", "number": 7,
            "CC": ["elsewhere"], "x-keyferry-routing-key": "host.elsewhere"}}
        self.die("SecretHostGetMsg", id="r-1", properties=properties, **new_key())
        (_, before), = take()
        done, said = self.dead(0, "dead", "replay", "--all", "--json")
        self.assertEqual(1, json.loads(done)["done"])
        self.assertIn("headers", said)  # the number is left out
        (after, body), = take()
        self.assertEqual(before, body)
        self.assertEqual(("m-1", "c-1", "nowhere", MIME["json"], "guest", 2), (
            after.message_id, after.correlation_id, after.reply_to, after.content_type, after.user_id, after.delivery_mode))
        self.assertEqual({BEHALF: "guest", "x-keyferry-signature": "c2ln", "traceparent": "00-1"}, after.headers)

    def test_says_whose_it_was_by_whose_word(self):
        take = self.collector()
        self.broker.add_users("d-mgmt", "d-host-a")
        mgmt = self.with_part(self.lab.client(self.broker, user="d-mgmt"))
        worker = self.with_part(self.lab.client(self.broker, user="d-host-a"))
        key = "host." + self.gone.hex
        self.die("SecretHostGetMsg", client=mgmt, **new_key())  # the broker knows it
        self.die("SecretHostGetMsg", properties={"user_id": None}, **new_key())  # nobody knows it
        self.die("SecretHostGetMsg", client=mgmt, properties={"headers": {BEHALF: "boss"}}, **new_key())  # mgmt says so
        for headers in ({"x-keyferry-user": "d-mgmt"}, {"x-keyferry-user": "d-ops", BEHALF: "d-mgmt"}, {}):
            worker.publish(key, b"{}", exchange=DEAD, user_id="d-host-a", headers=headers)  # a worker says so
        self.wait_depth(6)
        take()
        self.assertEqual(6, self.summary(0, "dead", "replay", "--all")["done"])
        said = [(p.headers[BEHALF], p.headers.get(VOUCHED)) for p, _ in take()]
        self.assertEqual([("d-mgmt", None), ("", None), ("boss", "d-mgmt"), ("d-mgmt", "d-host-a"), ("d-mgmt", "d-host-a"),
                          ("d-host-a", None)], said)

    def test_what_was_said_by_another_still_is_not_passed_on(self):
        self.die("SecretHostGetMsg", properties={"headers": {BEHALF: "boss", VOUCHED: "d-host-a"}}, **new_key())
        done, said = self.dead(1, "dead", "replay", "--all", "--json")
        self.assertEqual((0, 1), (json.loads(done)["done"], json.loads(done)["kept"]))
        self.assertIn("passed on", said)
        self.wait_depth(1)

    def test_ids_are_kept_so_that_what_was_done_is_known(self):
        host = self.gone
        take = self.collector()
        message_id = new_uuid()
        for _ in range(2):
            self.die("SecretHostGetMsg", id=message_id, properties={"message_id": message_id}, **new_key())
        take()
        self.assertEqual(2, self.summary(0, "dead", "replay", "--host", host.uuid)["done"])
        self.assertEqual([message_id] * 2, [json.loads(body)["SecretHostGetMsg"]["id"] for _, body in take()])

    def test_what_had_been_done_is_not_done_twice(self):
        key, message_id = new_key(), new_uuid()
        fields = {"id": message_id, "hostUuid": self.a.uuid, "createdTime": now_ms(), **key, "dekBase64": b64(new_dek())}
        body = encode({"SecretHostDefineMsg": fields}, "json")
        first = self.succeeds(self.client.wait(self.client.send_body(body, "host." + self.a.hex, {"content_type": MIME["json"]})))
        self.assertTrue(self.succeeds(self.delete(self.a, key))["deleted"])
        self.client.publish("host." + self.a.hex, body, exchange=DEAD, content_type=MIME["json"], reply_to=self.client.queue,
                            correlation_id="again", headers={"x-keyferry-user": ""})
        self.wait_depth(1)
        self.assertEqual(1, self.summary(0, "dead", "replay", "--id", message_id)["done"])
        self.assertEqual(first.outcome, self.succeeds(self.client.wait("again")).outcome)
        self.holds(self.a, key, None)

    def test_only_what_is_meant_goes_and_the_rest_keeps_its_order(self):
        take = self.collector()
        ids = [self.letter(code=("SYS.1007", "SYS.1001")[i % 2]) for i in range(60)]
        self.wait_depth(60)
        self.assertEqual(ids, self.ids())
        done = self.summary(0, "dead", "replay", "--code", "SYS.1001")
        self.assertEqual((60, 30, 30), (done["seen"], done["meant"], done["done"]))
        self.assertEqual(ids[1::2], [p.message_id for p, _ in take()])
        self.assertEqual(ids[0::2], self.ids())
        self.assertEqual(ids[0::2], [p.message_id for p, _ in self.client.dead_letters(30)])

    def test_a_dry_run_does_nothing(self):
        take = self.collector()
        ids = self.letters(3)
        for action in ("replay", "drop"):
            out, _ = self.dead(0, "dead", action, "--all", "--dry-run")
            for message_id in ids:
                self.assertIn(message_id, out)
            *letters, summary = self.objects(0, "dead", action, "--id", ids[1], "--dry-run")
            self.assertEqual([ids[1]], [letter["id"] for letter in letters])
            self.assertEqual((True, 1, 0), tuple(summary[k] for k in ("dryRun", "meant", "done")))
        self.assertEqual([], take())
        self.assertEqual(ids, self.ids())
        self.assertFalse(os.path.exists(self.audit))

    def test_what_has_no_route_stays_and_is_told(self):
        lost, reached = self.letter(), self.letter(host=self.b.alias())
        take = self.collector(self.gone)
        self.wait_depth(2)
        done, said = self.dead(4, "dead", "replay", "--all", "--json")
        self.assertEqual((1, 1), (json.loads(done)["done"], json.loads(done)["noRoute"]))
        self.assertIn("no route", said)
        self.assertIn(reached, said)
        self.assertEqual([lost], [p.message_id for p, _ in take()])
        self.assertEqual([reached], self.ids())

    def test_what_is_malformed_still_dies_again_and_the_run_ends(self):
        for i in range(20):
            self.client.send_body(b"{", "host." + self.a.hex, {"message_id": f"m-{i}", "user_id": "guest"})
        self.wait_depth(20)
        self.assertEqual(20, self.summary(0, "dead", "replay", "--all")["done"])
        self.wait_depth(20)
        for letter in self.listed():
            self.assertEqual(("worker", "guest", INVALID), (letter["by"], letter["sender"], letter["code"]))

    def test_one_that_is_too_large_stays_and_can_be_dropped(self):
        self.client.send_body(os.urandom(200000), "host." + self.a.hex, {"message_id": "large"})
        self.wait_depth(1)
        self.assertIn("larger", self.dead(1, "dead", "replay", "--all")[1])
        self.assertEqual(["large"], self.ids())
        self.assertEqual(1, self.summary(0, "dead", "drop", "--code", "rejected")["done"])
        self.wait_depth(0)

    def test_warns_of_ids_that_workers_may_have_forgotten(self):
        take = self.collector()
        old, young = self.letter(age_ms=8 * DAY_MS), self.letter(age_ms=6 * DAY_MS)
        fields = {"id": "created", "createdTime": now_ms() - 8 * DAY_MS, "hostUuid": self.gone.uuid, **new_key()}
        self.letter("created", body=encode({"SecretHostGetMsg": fields}, "json"))
        self.wait_depth(3)
        done, said = self.dead(0, "dead", "replay", "--all", "--json")
        self.assertEqual((3, 2), (json.loads(done)["done"], json.loads(done)["old"]))
        self.assertIn(old, said)
        self.assertIn("created", said)
        self.assertNotIn(young, said)
        self.assertEqual(3, len(take()))

    def test_2000_with_a_rate(self):
        take = self.collector()
        ids = self.letters(2000)
        began = time.monotonic()
        done = self.summary(0, "dead", "replay", "--all", "--rate", "800")
        took = time.monotonic() - began
        self.assertEqual(2000, done["done"])
        self.assertGreater(took, 2.3)
        self.assertEqual(ids, [p.message_id for p, _ in take()])
        self.wait_depth(0)
        self.assertEqual(2002, len(self.audit_lines()))

    def test_a_long_run_shows_how_far_it_is_on_a_terminal_alone(self):
        take = self.collector()
        self.letters(40)
        ours, theirs = pty.openpty()
        run = subprocess.Popen(self.argv("dead", "replay", "--all", "--rate", "8"), stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 4096):
                said += piece
        except OSError:
            pass  # the terminal's other end is closed: EIO
        os.close(ours)
        self.assertEqual(0, run.wait())
        self.assertRegex(said.decode(), r"replay \[#+\.+\] \d+ of 40")
        self.assertTrue(said.endswith(b"\r\x1b[K"), said)
        self.assertEqual(40, len(take()))
        self.letters(30)
        self.assertEqual("", self.dead(0, "dead", "replay", "--all", "--rate", "20")[1])

    def test_2000_are_dropped(self):
        ids = self.letters(2000)
        self.assertEqual(1, self.summary(0, "dead", "drop", "--id", ids[1000])["done"])
        self.wait_depth(1999)
        self.assertEqual(1999, self.summary(0, "dead", "drop", "--all")["done"])
        self.wait_depth(0)

    # What goes wrong.
    def test_killed_in_the_middle_it_loses_nothing(self):
        take = self.collector()
        ids = self.letters(300)
        run = subprocess.Popen(self.argv("dead", "replay", "--all", "--rate", "30"), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        found = []
        try:
            wait_until(lambda: found.extend(take()) or len(found) >= 30, 30, "the first 30")
        finally:
            run.send_signal(signal.SIGKILL)
            run.wait()
        self.assertEqual(-9, run.returncode)
        wait_until(lambda: len(set(self.ids()) | {p.message_id for p, _ in found + take_into(found, take)}) == 300, 20,
                   "the rest to be given back")
        left = self.ids()
        sent = [p.message_id for p, _ in found]
        self.assertEqual(set(ids), set(sent) | set(left))
        self.assertEqual(left, [i for i in ids if i in set(left)])
        self.assertGreater(len(left), 100)
        self.assertEqual(len(left), self.summary(0, "dead", "replay", "--all")["done"])
        again = [p.message_id for p, _ in take()]
        self.assertEqual(left, again)
        self.assertLessEqual(len(set(sent) & set(again)), 64)
        self.dead(0, "audit", "verify", self.audit)

    def test_a_connection_that_is_lost_in_the_middle_loses_nothing(self):
        take = self.collector()
        ids = self.letters(300)
        link = self.with_part(self.lab.link(self.broker))
        run = subprocess.Popen(self.argv("dead", "replay", "--all", "--rate", "30", url=link.url), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        found = []
        wait_until(lambda: found.extend(take()) or len(found) >= 10, 30, "the first 10")
        link.cut()
        out, said = run.communicate(timeout=patience(60))
        self.assertEqual(5, run.returncode, (out, said))
        wait_until(lambda: len(set(self.ids()) | {p.message_id for p, _ in found + take_into(found, take)}) == 300, 20,
                   "all of them")
        left = self.ids()
        self.assertEqual(set(ids), {p.message_id for p, _ in found} | set(left))
        self.assertGreater(len(left), 100)
        self.assertEqual("broken off", self.audit_lines()[-1]["result"])

    def test_two_at_once_send_each_one_once(self):
        take = self.collector()
        ids = self.letters(400)
        runs = [subprocess.Popen(self.argv("dead", "replay", "--all"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                for _ in range(2)]
        for run in runs:
            out, said = run.communicate(timeout=patience(60))
            self.assertEqual(0, run.returncode, (out, said))
        self.assertEqual(sorted(ids), sorted(p.message_id for p, _ in take()))
        self.wait_depth(0)
        self.dead(0, "audit", "verify", self.audit)

    def test_nothing_is_done_that_cannot_be_recorded(self):
        take = self.collector()
        ids = self.letters(2)
        folder = os.path.dirname(self.audit)

        def file(name, data=b"", mode=0o600):
            path = os.path.join(folder, name)
            with open(path, "wb") as f:
                f.write(data)
            os.chmod(path, mode)
            return path
        os.symlink(file("target"), os.path.join(folder, "link"))
        bad = [folder, "/dev/full", os.path.join(folder, "link"), file("open", mode=0o666), file("torn", b'{"time":1'),
               file("foreign", b"something else\n"), file("a-file") + "/audit.log"]
        for path in bad:
            for action in ("replay", "drop"):
                with self.subTest(path=path, action=action):
                    self.assertIn(path[:40], self.dead(1, "dead", action, "--all", "--audit", path)[1])
        self.assertEqual([], take())
        self.assertEqual(ids, self.ids())


def take_into(found, take):
    found.extend(take())
    return []


class Audit(Dead):
    def setUp(self):
        super().setUp()
        self.take = self.collector()
        self.sent, self.dropped = self.letters(2)
        self.summary(0, "dead", "replay", "--id", self.sent)
        self.summary(0, "dead", "drop", "--id", self.dropped)

    def verify(self, status, *arguments):
        return self.dead(status, "audit", "verify", self.audit, *arguments)

    def rewrite(self, change):
        with open(self.audit, "rb") as f:
            lines = f.read().splitlines(keepends=True)
        lines = change(lines)
        with open(self.audit, "wb") as f:
            f.write(b"".join(lines))

    def test_says_who_did_what_to_which(self):
        lines = self.audit_lines()
        self.assertEqual([("replay", "begun"), ("replay", "sent"), ("replay", "ended"), ("drop", "begun"), ("drop", "dropped"),
                          ("drop", "ended")], [(line["action"], line["result"]) for line in lines])
        for line in lines:
            self.assertEqual((os.getuid(), "guest"), (line["uid"], line["user"]))
            self.assertLess(abs(now_ms() - line["time"]), 120000)
        self.assertEqual((self.sent, self.gone.uuid, INVALID, "d-mgmt"), tuple(lines[1][k] for k in ("id", "host", "code", "sender")))
        self.assertEqual("--id " + self.dropped, lines[3]["details"])
        self.assertEqual("1 of 1 done", lines[5]["details"])
        self.assertEqual(0o600, os.stat(self.audit).st_mode & 0o777)

    def test_is_verified(self):
        out, _ = self.verify(0)
        self.assertIn("6 lines", out)
        self.assertIn(self.audit_lines()[-1]["hash"], out)
        told = json.loads(self.verify(0, "--json")[0])
        self.assertEqual((True, 6, self.audit_lines()[-1]["hash"]), (told["ok"], told["lines"], told["head"]))

    def test_its_hashes_are_what_the_document_says(self):
        prev = "0" * 64
        with open(self.audit, "rb") as f:
            for line in f:
                entry = json.loads(line)
                self.assertEqual(prev, entry["prev"])
                prev = hashlib.sha256(line[:line.rindex(b',"hash":')]).hexdigest()
                self.assertEqual(prev, entry["hash"])

    def test_every_flipped_byte_is_found(self):
        with open(self.audit, "rb") as f:
            whole = f.read()
        for at in range(0, len(whole), 41):
            self.rewrite(lambda _: [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]])
            self.assertIn(self.audit + ":", self.verify(1)[1])
        self.rewrite(lambda _: [whole])
        self.verify(0)

    def test_a_line_that_was_removed_moved_or_added_is_found(self):
        changes = {"first": (lambda l: l[1:], 1), "middle": (lambda l: l[:2] + l[3:], 3), "swap": (lambda l: [l[1], l[0], *l[2:]], 1),
                   "twice": (lambda l: [*l[:2], l[1], *l[2:]], 3), "blank": (lambda l: [*l[:2], b"\n", *l[2:]], 3)}
        with open(self.audit, "rb") as f:
            whole = f.read()
        for name, (change, number) in changes.items():
            with self.subTest(change=name):
                self.rewrite(lambda _: change(whole.splitlines(keepends=True)))
                self.assertIn(f"{self.audit}:{number}:", self.verify(1)[1])

    def test_lines_cut_off_at_the_end_are_found_by_the_hash_that_was_noted(self):
        head = self.audit_lines()[-1]["hash"]
        self.verify(0, "--head", head)
        self.rewrite(lambda lines: lines[:-1])
        self.verify(0)
        self.assertIn("cut off", self.verify(1, "--head", head)[1])

    def test_one_that_was_changed_at_its_end_is_not_continued(self):
        for change in (lambda lines: [*lines[:-1], lines[-1].replace(b"1 of 1", b"0 of 1")],
                       lambda lines: [*lines[:-1], lines[-1][:-9]]):
            self.letter("x")
            self.wait_depth(1)
            with open(self.audit, "rb") as f:
                whole = f.read()
            self.rewrite(change)
            self.assertIn("truncate -s", self.dead(1, "dead", "drop", "--all")[1])
            self.assertEqual(["x"], self.ids())
            self.rewrite(lambda _: [whole])
            self.summary(0, "dead", "drop", "--all")

    def test_many_may_write_at_once(self):
        def one():
            for _ in range(5):
                self.summary(0, "dead", "drop", "--code", "none")
        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.verify(0)
        self.assertEqual(6 + 40, len(self.audit_lines()))

    def test_is_beside_the_workers_state_or_in_the_users(self):
        folder = os.path.dirname(self.audit)
        config = os.path.join(folder, "keyferry.conf")
        state = os.path.join(folder, "state")
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"[bus]\nurl = {self.broker.url}\n[worker]\nstate_dir = {state}\n")
        run = [*program("keyferry"), "dead", "drop", "--all"]
        for where, more, environment in ((f"{state}/audit.log", ["-c", config], {}),
                                         (f"{folder}/xdg/keyferry/audit.log", ["--url", self.broker.url],
                                          {"XDG_STATE_HOME": f"{folder}/xdg"}),
                                         (f"{folder}/home/.local/state/keyferry/audit.log", ["--url", self.broker.url],
                                          {"XDG_STATE_HOME": "", "HOME": f"{folder}/home"})):
            subprocess.run([*run, *more], check=True, env={**os.environ, **environment}, capture_output=True)
            self.assertTrue(os.path.isfile(where), where)
            subprocess.run([*program("keyferry"), "audit", "verify", *more], check=True, capture_output=True,
                           env={**os.environ, **environment})
        self.assertEqual(0o700, os.stat(f"{folder}/xdg/keyferry").st_mode & 0o777)


class Behalf(Dead):
    """Who is believed that he sends for another: a worker of host-a for host x, and its roles."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.broker.add_users("d-mgmt", "d-ops", "d-ops-2", "d-watch", "d-host-a", "d-host-b", "d-mallory")
        cls.x = cls.a.alias()
        cls.wx = cls.lab.worker(cls.broker, cls.x, name="worker-behalf", settings={
            "bus": {"url": cls.broker.url_of("d-host-a")},
            "senders": {"d-mgmt": "manager", "d-ops*": "operator", "d-watch": "reader", "d-host-a": f"peer {cls.x.uuid}",
                        "d-host-b": f"peer {cls.b.uuid}"}}).start()

    @classmethod
    def tearDownClass(cls):
        cls.lab.drop(cls.wx)

    def user(self, name):
        return self.with_part(self.lab.client(self.broker, user=name))

    def asks(self, user, message="SecretHostGetMsg", behalf=None, vouched=None, **fields):
        """A request by this user, with the headers."""
        client = self.user(user)
        headers = {k: v for k, v in ((BEHALF, behalf), (VOUCHED, vouched)) if v is not None}
        return client.ask(message, self.x, properties={"headers": headers}, **{**new_key(), **fields})

    def dek(self):
        return {"dekBase64": b64(new_dek())}

    def test_from_an_operator_the_rights_of_the_one_it_was_count(self):
        self.succeeds(self.asks("d-ops", "SecretHostDefineMsg", behalf="d-mgmt", **self.dek()))
        self.refuses(self.asks("d-ops", behalf="d-watch"), NOT_FOUND)
        self.assertIn("'d-watch'", self.refuses(self.asks("d-ops", "SecretHostDefineMsg", behalf="d-watch", **self.dek()),
                                              SENDER_REFUSED).details)
        self.assertIn("'d-mallory'", self.refuses(self.asks("d-ops", behalf="d-mallory"), SENDER_REFUSED).details)
        self.assertIn("user_id", self.refuses(self.asks("d-ops", behalf=""), SENDER_REFUSED).details)
        self.refuses(self.asks("d-ops", "SecretHostDefineMsg", behalf="d-host-b", **self.dek()), SENDER_REFUSED)

    def test_from_others_it_is_refused_by_name(self):
        for user in ("d-mgmt", "d-watch", "d-host-a", "d-host-b", "d-mallory"):
            for behalf in ("d-mgmt", "d-ops", user, ""):
                self.assertIn(BEHALF, self.refuses(self.asks(user, behalf=behalf), SENDER_REFUSED).details)

    def test_a_letter_is_vouched_for_by_the_worker_of_its_host_or_an_operator(self):
        for vouched in ("d-host-a", "d-ops-2"):
            self.refuses(self.asks("d-ops", behalf="d-mgmt", vouched=vouched), NOT_FOUND)
        for vouched in ("d-host-b", "d-mgmt", "d-mallory", ""):
            self.assertIn(VOUCHED, self.refuses(self.asks("d-ops", behalf="d-mgmt", vouched=vouched), SENDER_REFUSED).details)
        self.assertIn(BEHALF, self.refuses(self.asks("d-mgmt", behalf="d-mgmt", vouched="d-host-a"), SENDER_REFUSED).details)

    def test_a_header_that_is_no_text_names_nobody(self):
        for bad in (7, True, b"mgmt\xff"[:4] + b"\0", {"a": 1}, "m" * 300):
            self.refuses(self.asks("d-ops", behalf=bad), SENDER_REFUSED)

    def test_the_log_shows_both(self):
        message_id = new_uuid()
        self.asks("d-ops", behalf="d-mgmt", id=message_id)
        wait_until(lambda: message_id in self.wx.log_text(), 10, "the line")
        (line,) = [line for line in self.wx.log_text().splitlines() if message_id in line]
        self.assertIn("user=d-mgmt", line)
        self.assertIn("replayed_by=d-ops", line)

    def test_the_ids_of_a_reader_stay_his_own(self):
        same = new_uuid()
        self.a.freeze()
        try:
            ops, mgmt, key = self.user("d-ops"), self.user("d-mgmt"), new_key()
            one = ops.send("SecretHostGetMsg", self.x, id=same, **key, properties={"headers": {BEHALF: "d-watch"}})
            ops.settle()
            other = mgmt.send("SecretHostGetMsg", self.x, id=same, **new_key())
            mgmt.settle()
        finally:
            self.a.thaw()
        self.refuses(ops.wait(one), NOT_FOUND)
        self.refuses(mgmt.wait(other), NOT_FOUND)

    def test_a_worker_keeps_the_header_only_where_it_believes_it(self):
        for user, kept in (("d-ops", "d-mgmt"), ("d-mallory", None)):
            client = self.user(user)
            client.send_body(b"{", "host." + self.x.hex, {"headers": {BEHALF: "d-mgmt", "x-keyferry-signature": "c2ln"}})
            client.settle()
            (properties, _), = self.client.dead_letters()
            self.assertEqual((user, kept, "c2ln"), tuple(
                properties.headers.get(k) for k in ("x-keyferry-user", BEHALF, "x-keyferry-signature")))
            self.assertEqual("d-host-a", properties.user_id)
            self.assertLess(abs(now_ms() - int(properties.headers["x-keyferry-time"])), 120000)

    def replayed(self, user, status=0):
        return self.summary(status, "dead", "replay", "--host", self.x.uuid, url=self.broker.url_of(user))

    def test_an_operators_replay_is_done_with_its_senders_rights(self):
        mgmt, watch = self.user("d-mgmt"), self.user("d-watch")
        key = new_key()
        self.wx.stop()
        try:
            good = self.die_in_queue("SecretHostDefineMsg", mgmt, **key, **self.dek())
            bad = self.die_in_queue("SecretHostDefineMsg", watch, **new_key(), **self.dek())
        finally:
            self.wx.start()
        self.assertEqual(2, self.replayed("d-ops")["done"])
        self.succeeds(mgmt.wait(good))
        self.refuses(watch.wait(bad), SENDER_REFUSED)

    def test_a_managers_replay_is_not_believed(self):
        mgmt = self.user("d-mgmt")
        self.wx.stop()
        try:
            sent = self.die_in_queue("SecretHostDefineMsg", mgmt, **new_key(), **self.dek())
        finally:
            self.wx.start()
        self.assertEqual(1, self.replayed("d-mgmt")["done"])
        self.assertIn(BEHALF, self.refuses(mgmt.wait(sent), SENDER_REFUSED).details)

    def die_in_queue(self, message, client, **fields):
        """The broker dead-letters it out of the host's own queue, whose worker is away."""
        channel = self.client.connection.channel()
        before = self.depth()
        sent = client.send(message, self.x, **fields)
        got = []

        def on_message(_channel, method, _properties, _body):
            channel.basic_reject(method.delivery_tag, requeue=False)
            got.append(method)
        channel.basic_consume("keyferry.host." + self.x.hex, on_message)
        while not got:
            self.client.connection.process_data_events(1)
        channel.close()
        self.wait_depth(before + 1)
        return sent


class Anonymous(Dead):
    def test_without_a_sender_it_is_refused_where_one_is_required(self):
        self.die("SecretHostGetMsg", properties={"user_id": None, "reply_to": self.client.queue}, id="r-1", **new_key())
        self.worker(self.gone, settings={"senders": {"require_user_id": "yes"}})
        self.assertEqual(1, self.summary(0, "dead", "replay", "--all")["done"])
        wait_until(lambda: self.client.settle(0.1), 20, "its answer")
        (replies,) = self.client.replies.values()
        self.assertIn("user_id", self.refuses(replies[0], SENDER_REFUSED).details)
