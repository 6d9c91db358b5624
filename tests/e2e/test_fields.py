"""Every field of every message: missing, of a wrong type, too long, too short, out of range, twice, unknown."""
import math

from tests.e2e.base import ENCODINGS, INVALID, REQUIRED, WRONG_HOST, Scenario, b64, new_dek, new_key, new_uuid
from tests.lab.client import Pairs, encode

UUID = "0f1e2d3c-4b5a-4697-8877-665544332211"
NO_TEXT = [("a number", 7), ("a fraction", 1.5), ("true", True), ("a list", []), ("a map", {})]
NO_NUMBER = [("a text", "1"), ("a fraction", 1.5), ("true", True), ("a list", [1]), ("a map", {"a": 1}),
             ("infinite", math.inf), ("no number", math.nan), ("beyond 64 bits", 2 ** 64), ("far beyond", 10 ** 30)]
NO_UUID = NO_TEXT + [
    ("words", "not a UUID"), ("a digit short", UUID[:-1]), ("a digit long", UUID + "0"), ("nil", "0" * 32),
    ("nil with dashes", "00000000-0000-0000-0000-000000000000"), ("braces", "{" + UUID + "}"),
    ("misplaced dashes", "0f1e2d3c4-b5a-4697-8877-665544332211"),
    ("half the dashes", "0f1e2d3c-4b5a46978877665544332211"),
    ("a letter beyond f", "g" + UUID[1:]), ("a space before", " " + UUID), ("a line break after", UUID + "\n"),
    ("sixteen bytes", bytes(range(16))), ("very long", "a" * 5000), ("a zero byte", UUID[:-1] + "\0")]
NO_DEK = [("a number", 7), ("true", True), ("a list", [1, 2]), ("a map", {}), ("a digit short", "YWJ"),
          ("a lone digit", "Y"),
          ("padding alone", "===="), ("padding inside", "YQ==YQ=="), ("a line break", "YWJj\n"), ("a space", "YW Jj"),
          ("the alphabet for URLs", "-_-_"), ("bits to spare", "YWJ="), ("1025 bytes", b64(b"x" * 1025)),
          ("30000 bytes", b64(b"x" * 30000)), ("a zero byte", "YWJj\0")]
NO_ENVELOPE = [case for case in NO_DEK if case[0] not in ("1025 bytes",)] + [
    ("1075 bytes", b64(b"x" * 1075))]
NO_LEASE = NO_NUMBER + [("29 seconds", 29), ("a second more than a day", 86401), ("negative", -30)]
NO_SALT = NO_DEK + [("31 bytes", b64(b"s" * 31)), ("33 bytes", b64(b"s" * 33))]
NO_FINGERPRINT = NO_TEXT + [("63 digits", "a" * 63), ("65 digits", "a" * 65), ("a letter beyond f", "g" + "a" * 63)]
NO_MIGRATION = NO_TEXT + [("65 characters", "m" * 65), ("a space", "m 1"), ("a slash", "m/1"), ("an umlaut", "\u00e4"),
                          ("a line break", "m\n"), ("bytes", b"m")]
NO_BOOL = [("a text", "true"), ("a number", 1), ("zero", 0), ("a list", []), ("a map", {})]
NO_TEXTS = [("a text", "tag"), ("a number", 7), ("a map", {}), ("numbers", [1]), ("lists", [["tag"]]),
            ("null in it", [None])]

# What every request may carry.
COMMON = {
    "id": NO_TEXT + [("129 characters", "i" * 129), ("a space", "i 1"), ("an umlaut", "\u00e4"),
                     ("a line break", "i\n")],
    "createdTime": NO_NUMBER, "timeout": NO_NUMBER, "messageDeadline": NO_NUMBER,
    "headers": [("a text", "x"), ("a number", 7), ("a list", [])],
    "systemTags": NO_TEXTS, "userTags": NO_TEXTS,
}
KEY = {
    "vmUuid": NO_UUID,
    "purpose": NO_TEXT + [("capitals", "VTPM"), ("another", "disk"), ("a space", "vtpm "), ("long", "vtpm" * 100)],
    "keyVersion": NO_NUMBER + [("negative", -1), ("2^31", 2 ** 31), ("least", -2 ** 63), ("2^63", 2 ** 63)],
}
HOSTS = {"srcHostUuid": NO_UUID, "dstHostUuid": NO_UUID}
# message: (what it requires beside hostUuid and the key, {field: values that are wrong})
TABLE = {
    "SecretHostDefineMsg": ({"dekBase64"}, {
        **KEY, "dekBase64": NO_DEK, "encryptedDek": NO_ENVELOPE, "secretUuid": NO_UUID, "migrationId": NO_MIGRATION,
        "digestSalt": NO_SALT, "leaseSeconds": NO_LEASE,
        "description": NO_TEXT + [("257 characters", "d" * 257), ("a line break", "a\nb"), ("a zero byte", "a\0b")]}),
    "HostEnvelopeKeyGetMsg": (set(), {}),
    "HostReconcileMsg": (set(), {"dryRun": NO_BOOL}),
    "HostEnvelopeKeyRotateMsg": (set(), {"retire": NO_BOOL}),
    "SecretHostGetMsg": (set(), KEY),
    "SecretHostDeleteMsg": (set(), {**KEY, "secretUuid": NO_UUID, "migrationId": NO_MIGRATION, "force": NO_BOOL}),
    "ResolveVtpmLibvirtSecretOnHypervisorMsg": (set(), {"vmUuid": NO_UUID}),
    "VtpmPreMigrateMsg": ({"srcHostUuid", "dstHostUuid"}, {
        **KEY, **HOSTS, "leaseSeconds": NO_LEASE, "dekBase64": NO_DEK, "encryptedDek": NO_ENVELOPE, "dstKeyFingerprint": NO_FINGERPRINT,
        "migrationId": NO_MIGRATION, "tpmUuid": NO_UUID, "keyProviderUuid": NO_UUID, "keyProviderName": NO_TEXT}),
    "VtpmPostMigrateMsg": ({"srcHostUuid", "dstHostUuid", "migrationId", "outcome"}, {
        **KEY, **HOSTS, "migrationId": NO_MIGRATION,
        "outcome": NO_TEXT + [("capitals", "SUCCESS"), ("another", "ok")]}),
}
UNKNOWN = ["vmUUID", "hostuuid", "dek", "x", "", "secretUuid ", "a" * 300, "\u00e4", "force\0"]
UNKNOWN_HERE = {"SecretHostGetMsg": ["dekBase64", "secretUuid", "force", "migrationId", "description"],
                "SecretHostDeleteMsg": ["dekBase64", "description"], "SecretHostDefineMsg": ["force", "outcome"],
                "ResolveVtpmLibvirtSecretOnHypervisorMsg": ["purpose", "keyVersion", "usageInstance", "secretUuid"],
                "VtpmPreMigrateMsg": ["secretUuid", "outcome", "force", "recipientKey", "digestSalt"],
                "HostEnvelopeKeyGetMsg": ["retire", "vmUuid", "publicKey"], "HostEnvelopeKeyRotateMsg": ["vmUuid"],
                "HostReconcileMsg": ["vmUuid", "force"],
                "VtpmPostMigrateMsg": ["dekBase64", "tpmUuid", "secretUuid", "force"]}


class Fields(Scenario):
    def good(self, message):
        """Fields of a message with which only what the test changes is wrong."""
        fields = {"id": new_uuid(), "hostUuid": self.a.uuid, **new_key()}
        if message.startswith("Resolve"):
            fields = {"id": new_uuid(), "hostUuid": self.a.uuid, "vmUuid": new_uuid()}
        if message.startswith("Host"):
            fields = {"id": new_uuid(), "hostUuid": self.a.uuid}
        if message.startswith("Vtpm"):
            fields.update(srcHostUuid=self.a.uuid, dstHostUuid=self.b.uuid, migrationId="m-1")
        if message in ("SecretHostDefineMsg", "VtpmPreMigrateMsg"):
            fields["dekBase64"] = b64(new_dek())
        if message == "VtpmPostMigrateMsg":
            fields["outcome"] = "success"
        return fields

    def ask_all(self, cases):
        """cases: [(label, message, fields, check)]; sends each in both encodings, all in flight, and checks replies."""
        asked = []
        for label, message, fields, check in cases:
            for encoding in ENCODINGS:
                try:
                    body = encode({message: fields}, encoding)
                except OverflowError:
                    continue  # msgpack has no such number
                if encoding == "json" and (b"NaN" in body or b"Infinity" in body):
                    continue  # nor JSON such
                properties = {"content_type": "application/" + encoding, "message_id": None}
                asked.append((label, message, encoding, check,
                              self.client.send_body(body, "host." + self.a.hex, properties)))
        replies = self.client.wait_many([correlation_id for *_, correlation_id in asked])
        for (label, message, encoding, check, _), reply in zip(asked, replies):
            with self.subTest(message=message, case=label, encoding=encoding):
                check(reply)

    def each(self, change):
        """[(label, message, fields, check)] of all that change(message, required, wrong) gives."""
        return [(label, message, fields, check) for message, (required, wrong) in TABLE.items()
                for label, fields, check in change(message, required, wrong)]

    def refused_for(self, field, *codes):
        return lambda reply: self.refuses(reply, *codes, field=field)

    def touched_nothing(self):
        self.assertEqual(({}, {}), (self.pa.calls, self.pb.calls))

    def test_the_fields_that_these_tests_change_are_right_before_the_change(self):
        def check(reply):
            self.assertNotIn(reply.code, (INVALID, REQUIRED, WRONG_HOST), reply)
        self.ask_all(self.each(lambda message, *_: [("as it is", self.good(message), check)]))

    def test_a_required_field_that_is_missing_null_or_blank_is_asked_for(self):
        def change(message, required, wrong):
            key = [field for field in new_key() if field in self.good(message)]
            for field in ["hostUuid", *key, *required]:
                for label, value in (("missing", ...), ("null", None), ("empty", ""), ("blank", "  ")):
                    fields = {k: v for k, v in {**self.good(message), field: value}.items() if v is not ...}
                    codes = (REQUIRED,) if value in (..., None) else (REQUIRED, INVALID)
                    yield f"{field} {label}", fields, self.refused_for(field, *codes)
        self.ask_all(self.each(change))
        self.touched_nothing()

    def test_the_words_about_what_is_missing_are_the_contracts(self):
        verbs = {"SecretHostDefineMsg": "ensure", "SecretHostGetMsg": "get", "SecretHostDeleteMsg": "delete"}
        cases = []
        for message, verb in verbs.items():
            for field in new_key():
                fields = self.good(message)
                del fields[field]

                def check(reply, words=f"vmUuid, purpose, keyVersion and usageInstance are required for {verb} secret",
                          field=field):
                    self.assertTrue(reply.details.startswith(words), reply.details)
                    self.assertIn(field, reply.details[len(words):])
                cases.append((field, message, fields, check))
        without_dek = self.good("SecretHostDefineMsg")
        del without_dek["dekBase64"]
        cases.append(("dekBase64", "SecretHostDefineMsg", without_dek,
                      lambda reply: self.assertTrue(reply.details.startswith("dekBase64 is required"), reply.details)))
        self.ask_all(cases)

    def test_a_field_of_a_wrong_type_form_or_range_is_refused_by_name(self):
        def change(message, _required, wrong):
            for field, values in {**COMMON, "hostUuid": NO_UUID, **wrong}.items():
                for label, value in values:
                    yield f"{field} {label}", {**self.good(message), field: value}, self.refused_for(field, INVALID)
        self.ask_all(self.each(change))
        self.touched_nothing()

    def test_no_refusal_quotes_a_dek(self):
        for value in ("c2VjcmV0IHNlY3JldCBzZWNyZXQ", "c2VjcmV0IHNlY3JldA==\n", b64(b"secret" * 300)):
            reply = self.define(self.a, new_key(), dekBase64=value)
            self.refuses(reply, INVALID, field="dekBase64")
            self.assertNotIn(b"c2VjcmV0", reply.body)

    def test_a_field_given_twice_is_refused(self):
        def change(message, *_):
            good = self.good(message)
            for field in good:
                another = good[field] if field == "id" else "x"
                for label, second in (("the same again", good[field]), ("then another", another), ("then null", None)):
                    yield (f"{field} {label}", Pairs([*good.items(), (field, second)]),
                           lambda reply: self.refuses(reply, INVALID))
        self.ask_all(self.each(change))
        self.touched_nothing()

    def test_a_field_given_twice_in_two_spellings_of_json_is_refused(self):
        body = encode({"SecretHostGetMsg": self.good("SecretHostGetMsg")}, "json")
        twice = body.replace(b'"keyVersion"', b'"key\\u0056ersion":1,"keyVersion"')
        self.assertNotEqual(body, twice)
        reply = self.client.wait(self.client.send_body(twice, "host." + self.a.hex, {"message_id": new_uuid()}))
        self.refuses(reply, INVALID)

    def test_an_unknown_field_is_refused_by_name(self):
        def change(message, *_):
            for field in UNKNOWN + UNKNOWN_HERE[message]:
                def check(reply, field=field):
                    self.refuses(reply, INVALID)
                    if field and field.isascii() and field.isprintable() and len(field) < 60:
                        self.assertEqual(field, reply.opaque["field"])
                        self.assertIn(field, reply.details)
                yield f"unknown {field[:20]!r}", {**self.good(message), field: "x"}, check
        self.ask_all(self.each(change))
        self.touched_nothing()

    def test_an_unknown_field_that_is_null_is_still_unknown_or_absent_but_never_an_effect(self):
        self.ask_all([("unknown and null", "SecretHostGetMsg", {**self.good("SecretHostGetMsg"), "vmUUID": None},
                       lambda reply: self.assertFalse(reply.success))])

    def test_the_greatest_and_the_least_that_is_allowed_is_accepted(self):
        for change in ({"keyVersion": 0}, {"keyVersion": 2 ** 31 - 1}, {"id": "i" * 128}, {"id": "A.z_0:9-"},
                       {"description": "d" * 256}, {"migrationId": "A.z_0-9" + "m" * 57}, {"timeout": -1},
                       {"messageDeadline": -1}, {"createdTime": 0}, {"headers": {"any": {"key": ["x", 1, None]}}},
                       {"systemTags": []}, {"userTags": ["a", "\u00e4"]}, {"serviceId": "host.x"}, {"headers": {}}):
            for encoding in ENCODINGS:
                with self.subTest(**{k: str(v)[:30] for k, v in change.items()}, encoding=encoding):
                    if "id" in change:
                        change = {"id": change["id"][:-1] + encoding[0]}
                    self.succeeds(self.define(self.a, new_key(), encoding=encoding, **change))

    def test_null_counts_as_absent_in_every_optional_field(self):
        optional = ("secretUuid", "description", "migrationId", "serviceId", "createdTime", "timeout",
                    "messageDeadline", "headers", "systemTags", "userTags")
        for encoding in ENCODINGS:
            self.succeeds(self.define(self.a, new_key(), encoding=encoding, **dict.fromkeys(optional)))

    def test_a_request_without_any_id_is_refused_and_one_with_a_message_id_is_not(self):
        for encoding in ENCODINGS:
            without = self.define(self.a, new_key(), encoding=encoding, id=...)
            self.refuses(without, REQUIRED, field="id")
            self.succeeds(self.define(self.a, new_key(), encoding=encoding, id=...,
                                      properties={"message_id": new_uuid()}))
            self.refuses(self.define(self.a, new_key(), encoding=encoding, id=..., properties={"message_id": "a b"}),
                         REQUIRED, INVALID)

    def test_source_and_destination_of_a_migration_must_be_two_and_the_source_the_addressee(self):
        for message in ("VtpmPreMigrateMsg", "VtpmPostMigrateMsg"):
            good = self.good(message)
            same = self.client.ask(message, self.a, **{**good, "dstHostUuid": self.a.uuid})
            self.refuses(same, INVALID, field="dstHostUuid")
            elsewhere = self.client.ask(message, self.a, **{**good, "id": new_uuid(), "srcHostUuid": new_uuid()})
            self.refuses(elsewhere, INVALID, WRONG_HOST)
        volume = {**self.good("VtpmPreMigrateMsg"), "purpose": "volume", "usageInstance": "volume-" + new_uuid()}
        self.refuses(self.client.ask("VtpmPreMigrateMsg", self.a, **volume), INVALID, field="purpose")
        self.touched_nothing()
