"""Bodies that are no envelope: dead-lettered, told to the sender where he can be reached, and the worker goes on."""
import json
import os
import random
import re

import msgpack

from tests.e2e.base import ENCODINGS, INVALID, NO_HANDLER, Scenario, b64, new_dek, new_key, new_uuid
from tests.lab.client import MIME, encode

HEADERS = ("x-keyferry-code", "x-keyferry-details", "x-keyferry-queue", "x-keyferry-routing-key", "x-keyferry-user")
BODY_MAX = 64 * 1024


class Malformed(Scenario):
    def setUp(self):
        super().setUp()
        self.client.purge_dead_letters()

    def body(self, encoding, **more):
        fields = {"id": new_uuid(), "hostUuid": self.a.uuid, **new_key(), "dekBase64": b64(new_dek()), **more}
        return encode({"SecretHostDefineMsg": fields}, encoding)

    def send(self, body, content_type=None, message_id=True):
        return self.client.send_body(body, "host." + self.a.hex, {
            "content_type": content_type, "message_id": new_uuid() if message_id else None})

    def dead_letters_all(self, cases, answered=True):
        """cases: {label: (body, content type)}: each is dead-lettered as it came and (with an id) answered SYS.1007."""
        self.pa.reset()
        asked = {label: self.send(*case) for label, case in cases.items()}
        dead = {}
        for properties, body in self.client.dead_letters(len(cases), 30):
            dead.setdefault(body, []).append(properties)
        for label, (body, _) in cases.items():
            with self.subTest(case=label):
                self.assertIn(body, dead)
                headers = dead[body][0].headers or {}
                self.assertEqual(set(), set(HEADERS) - set(headers), headers)
                self.assertEqual(INVALID, headers["x-keyferry-code"])
                self.assertEqual(f"keyferry.host.{self.a.hex}", headers["x-keyferry-queue"])
                self.assertEqual(f"host.{self.a.hex}", headers["x-keyferry-routing-key"])
                self.assertTrue(headers["x-keyferry-details"])
                self.refuses(self.client.wait(asked[label]), INVALID)
        self.assertEqual({}, self.pa.calls)
        self.lives()

    def test_nothing_at_all_and_noise(self):
        noise = random.Random(1)
        cases = {"empty": (b"", None), "empty JSON": (b"", MIME["json"]), "empty msgpack": (b"", MIME["msgpack"])}
        for size in (1, 2, 7, 100, 5000, BODY_MAX):
            cases[f"{size} bytes of noise"] = (b"\xc1" + noise.randbytes(size - 1), None)
            cases[f"{size} bytes of noise said to be JSON"] = (b"\x01" + noise.randbytes(size - 1), MIME["json"])
        self.dead_letters_all(cases)

    def test_json_that_is_no_envelope(self):
        good = self.body("json").decode()
        cases = {
            "a list": "[]", "a text": '"SecretHostGetMsg"', "null": "null", "a number": "7", "no name": "{}",
            "two names": '{"SecretHostGetMsg": {}, "SecretHostDeleteMsg": {}}',
            "fields in a list": '{"SecretHostGetMsg": []}', "fields null": '{"SecretHostGetMsg": null}',
            "fields a text": '{"SecretHostGetMsg": "x"}',
            "something behind": good + "x", "a second one behind": good + good, "a zero byte behind": good + "\0",
            "a comma too many": good[:-2] + ",}}", "single quotes": good.replace('"', "'"), "a comment": "/**/" + good,
            "no number": re.sub(r'("keyVersion": *)1', r"\1NaN", good),
            "a control character": good.replace("vtpm", "vt\x01pm"),
            "half a surrogate": good.replace("vtpm", "\\ud800")}
        cases = {label: (text.encode(), MIME["json"]) for label, text in cases.items()}
        cases["not UTF-8"] = (good.encode().replace(b"vtpm", b"\xff\xfe"), MIME["json"])
        cases["overlong UTF-8"] = (good.encode().replace(b"vtpm", b"\xc0\xaf"), MIME["json"])
        cases["a byte order mark"] = (b"\xef\xbb\xbf" + good.encode(), MIME["json"])
        cases["UTF-16"] = (good.encode("utf-16"), MIME["json"])
        cases["msgpack said to be JSON"] = (self.body("msgpack"), MIME["json"])
        self.dead_letters_all(cases)

    def test_msgpack_that_is_no_envelope(self):
        good = self.body("msgpack")
        packed = {
            "a list": [], "a text": "SecretHostGetMsg", "nil": None, "a number": 7, "no name": {},
            "two names": {"SecretHostGetMsg": {}, "SecretHostDeleteMsg": {}},
            "fields in a list": {"SecretHostGetMsg": []}, "fields nil": {"SecretHostGetMsg": None},
            "a number for a name": {7: {}}, "bytes for a name": {b"\xff\xfe": {}}}
        cases = {label: msgpack.packb(value) for label, value in packed.items()}
        cases.update({
            "something behind": good + b"x", "a second one behind": good + good,
            "JSON said to be msgpack": self.body("json"),
            "an extension": msgpack.packb({"SecretHostGetMsg": {"id": msgpack.ExtType(5, b"x")}}),
            "a time": msgpack.packb({"SecretHostGetMsg": {"id": msgpack.Timestamp(0)}}),
            "a list of 2^32 - 1": b"\xdd\xff\xff\xff\xff", "a map of 2^32 - 1": b"\xdf\xff\xff\xff\xff",
            "a text of 2^32 - 1": b"\x81\xdb\xff\xff\xff\xff" + b"x" * 20,
            "bytes of 2^32 - 1": b"\x81\xc6\xff\xff\xff\xffx",
            "a list of 500 million in the fields": b"\x81\xa1x\x81\xa1y\xdd\x20\x00\x00\x00",
            "many lists of 60000": b"\x81\xa1x\x81\xa1y" + b"\xdc\xea\x60" * 300})
        self.dead_letters_all({label: (body, MIME["msgpack"]) for label, body in cases.items()})

    def test_an_envelope_cut_off_anywhere(self):
        for encoding in ENCODINGS:
            body = self.body(encoding)
            self.dead_letters_all({f"{encoding} cut at {n}": (body[:n], MIME[encoding]) for n in range(1, len(body))})

    def test_deep_nesting(self):
        cases = {}
        for depth in (20, 1000, 30000):
            cases[f"{depth} lists in JSON"] = (b'{"SecretHostGetMsg":{"id":' + b"[" * depth + b"]" * depth + b"}}",
                                               MIME["json"])
            cases[f"{depth} open lists in JSON"] = (b"[" * depth, MIME["json"])
            cases[f"{depth} maps in JSON"] = (b'{"a":' * min(depth, 10000) + b"1" + b"}" * min(depth, 10000),
                                              MIME["json"])
            cases[f"{depth} lists in msgpack"] = (b"\x81\xa1x\x81\xa1y" + b"\x91" * depth + b"\xc0", MIME["msgpack"])
            cases[f"{depth} maps in msgpack"] = (b"\x81\xa1x" * min(depth, 20000) + b"\xc0", MIME["msgpack"])
        self.dead_letters_all(cases)

    def test_without_an_id_or_an_address_it_is_dead_lettered_all_the_same(self):
        self.send(b"{", message_id=False)
        self.client.publish("host." + self.a.hex, b"[")
        self.assertEqual([b"[", b"{"], sorted(body for _, body in self.client.dead_letters(2)))
        self.lives()

    def test_a_dead_letter_keeps_what_came_with_it(self):
        message_id = new_uuid()
        self.client.send_body(b"{", "host." + self.a.hex, {"content_type": MIME["json"], "message_id": message_id,
                                                           "user_id": "guest"})
        (properties, _), = self.client.dead_letters()
        self.assertEqual((MIME["json"], message_id), (properties.content_type, properties.message_id))
        self.assertEqual("guest", properties.headers["x-keyferry-user"])
        self.assertEqual(2, properties.delivery_mode)

    def test_a_body_over_the_limit_is_dead_lettered_by_the_broker(self):
        for size in (BODY_MAX + 1, 1024 * 1024):
            noise = os.urandom(size)
            self.send(noise)
            (properties, body), = self.client.dead_letters()
            self.assertTrue(body == noise)
            death = properties.headers["x-death"][0]
            self.assertEqual(("rejected", f"keyferry.host.{self.a.hex}"), (death["reason"], death["queue"]))
        self.lives()

    def test_a_good_message_as_large_as_the_limit_is_done(self):
        body = self.body("json", headers={"filler": "x" * 60000})
        body += b" " * (BODY_MAX - len(body))
        self.succeeds(self.client.wait(self.send(body, MIME["json"])))

    def test_an_unknown_message_is_answered_and_not_dead_lettered(self):
        for name in ("SecretHostFrobnicateMsg", "SecretHostDefine", "secrethostdefinemsg", "Msg", "SecretHostGetReply",
                     "org.zstack.header.secret.SecretHostFrobnicateMsg", "m" * 64, "ResourceKeyGetMsg"):
            for encoding in ENCODINGS:
                reply = self.client.ask(name, self.a, encoding=encoding)
                self.refuses(reply, NO_HANDLER)
                self.assertIn(name.rpartition(".")[2].strip(), reply.details)
        self.assertEqual((0, 0), self.broker.queue("keyferry.dead"))

    def test_a_name_that_cannot_be_one_is_refused(self):
        for name in ("SecretHostGetMsg ", "\u00e4Msg", "a" * 300, "a." * 200 + "SecretHostGetMsg", ".", "SecretHostGetMsg."):
            for encoding in ENCODINGS:
                self.refuses(self.client.ask(name, self.a, encoding=encoding), NO_HANDLER, INVALID)

    def test_a_refused_field_is_answered_and_not_dead_lettered(self):
        self.refuses(self.get(self.a, {**new_key(), "vmUuid": "x"}), INVALID)
        self.assertEqual((0, 0), self.broker.queue("keyferry.dead"))

    def test_between_bad_ones_good_ones_are_done(self):
        good = []
        for i in range(200):
            self.send(json.dumps({"x": i}).encode()[:-1])
            good.append(self.client.send("SecretHostDefineMsg", self.a, **new_key(), dekBase64=b64(new_dek())))
        for reply in self.client.wait_many(good):
            self.succeeds(reply)
        self.client.dead_letters(200)
