"""Whom a worker trusts: signatures over requests, and the keys that destinations must have."""
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.e2e.base import (ENCODINGS, ENVELOPE_INVALID, NOT_FOUND, SENDER_REFUSED, Scenario, b64, new_dek, new_key,
                            new_uuid)
from tests.lab import hpke
from tests.lab.client import MIME, encode

HEADER = "x-keyferry-signature"
DAY_MS = 24 * 3600 * 1000


def public(key):
    return b64(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


class Signatures(Scenario):
    """A worker that wants requests signed, by the key of the user who sends them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.broker.add_users("mgmt", "ops", "host-b")
        cls.host, cls.keys = cls.a.alias(), {"mgmt": Ed25519PrivateKey.generate(), "ops": Ed25519PrivateKey.generate()}
        cls.worker_ = cls.lab.worker(cls.broker, cls.host, name="worker-signed", settings={
            "senders": {"require_signature": "yes", "mgmt": "manager", "ops": "operator", "host-*": "peer *"},
            "trust": {f"sender.{user}": public(key) for user, key in cls.keys.items()}}).start()

    @classmethod
    def tearDownClass(cls):
        cls.lab.drop(cls.worker_)

    def setUp(self):
        super().setUp()
        self.client = self.with_part(self.lab.client(self.broker, user="mgmt"))

    def ask(self, signed_by="mgmt", header=..., change=None, encoding="json", **fields):
        """SecretHostGetMsg of nothing, signed."""
        fields = {"id": new_uuid(), "hostUuid": self.host.uuid, "createdTime": int(time.time() * 1000), **new_key(), **fields}
        body = encode({"SecretHostGetMsg": {k: v for k, v in fields.items() if v is not ...}}, encoding)
        if header is ...:
            header = b64(self.keys[signed_by].sign(body))
        if change:
            body = body.replace(*change)
        return self.client.wait(self.client.send_body(body, "host." + self.host.uuid.replace("-", ""), {
            "content_type": MIME[encoding], "message_id": new_uuid(), "headers": {} if header is None else {HEADER: header}}))

    def test_a_good_one_is_accepted(self):
        for encoding in ENCODINGS:
            self.refuses(self.ask(encoding=encoding), NOT_FOUND)

    def test_a_missing_one_is_asked_for(self):
        self.assertIn("require_signature", self.refuses(self.ask(header=None), SENDER_REFUSED).details)

    def test_a_bad_one_is_refused(self):
        for bad in ("nonsense", "", "A" * 88, "A" * 4000, 7, True, {"a": 1}, b64(self.keys["mgmt"].sign(b"another body"))):
            with self.subTest(bad=bad):
                self.refuses(self.ask(header=bad), SENDER_REFUSED)

    def test_one_of_another_body_is_refused(self):
        self.refuses(self.ask(change=(b"tpm0", b"tpm1")), SENDER_REFUSED)

    def test_another_users_is_refused(self):
        self.refuses(self.ask(signed_by="ops"), SENDER_REFUSED)

    def test_one_that_is_old_or_of_the_future_or_of_no_time_is_refused(self):
        now = int(time.time() * 1000)
        for created in (now - 7 * DAY_MS - 60000, now + 3600 * 1000, 0, ...):
            with self.subTest(created=created):
                self.refuses(self.ask(createdTime=created), SENDER_REFUSED, field="createdTime")
        self.refuses(self.ask(createdTime=now - 7 * DAY_MS + 60000), NOT_FOUND)

    def test_one_whose_id_is_not_signed_is_refused(self):
        self.refuses(self.ask(id=...), SENDER_REFUSED, field="id")

    def test_workers_of_other_hosts_need_none(self):
        self.client = self.with_part(self.lab.client(self.broker, user="host-b"))
        self.succeeds(self.host_key(self.host))

    def test_a_refused_one_does_nothing(self):
        key = new_key()
        self.refuses(self.define(self.host, key), SENDER_REFUSED)
        self.holds(self.a, key, None)

    def test_where_none_is_required_one_that_is_there_must_be_good(self):
        self.host, mine = self.a.alias(), self.host
        self.addCleanup(setattr, self, "host", mine)
        self.worker(self.host, settings={"trust": {"sender.mgmt": public(self.keys["mgmt"])}})
        self.refuses(self.ask(header=None), NOT_FOUND)
        self.refuses(self.ask(), NOT_FOUND)
        self.refuses(self.ask(signed_by="ops"), SENDER_REFUSED)


class Pins(Scenario):
    def setUp(self):
        super().setUp()
        self.key, self.dek, self.source = new_key(), new_dek(), self.a.alias()
        self.host = self.fake_host()
        self.defined(self.a, self.key, self.dek)

    def prepare(self, *pins, dst_key="any"):
        """A pre-migrate by a worker that pins these fingerprints for the destination."""
        trust = {"dst_key": dst_key, **{f"host.{form}": pin for form, pin in zip(
            (self.host.uuid, self.host.uuid.replace("-", "").upper()), pins)}}
        self.worker(self.source, name=f"worker-{new_uuid()[:8]}", settings={"trust": trust})
        return self.pre_migrate(self.source, self.host, self.key, self.dek)

    def test_the_pinned_key_is_sealed_to(self):
        self.succeeds(self.prepare(self.host.keys.fingerprint, dst_key="pinned"))
        self.assertEqual(self.dek, self.host.dek_of(self.host.requests[0]))

    def test_a_host_that_changes_its_key_may_have_two(self):
        self.succeeds(self.prepare(hpke.KeyPair().fingerprint, self.host.keys.fingerprint.upper(), dst_key="pinned"))

    def test_another_key_than_the_pinned_one_is_refused_and_sent_nothing(self):
        for dst_key in ("pinned", "any"):
            self.source = self.a.alias()
            reply = self.refuses(self.prepare(hpke.KeyPair().fingerprint, dst_key=dst_key), ENVELOPE_INVALID)
            self.assertIn(self.host.keys.fingerprint, reply.details)
            self.assertEqual([], self.host.requests)

    def test_a_host_without_a_pin_is_refused_where_keys_must_be_pinned_and_not_even_asked(self):
        reply = self.refuses(self.prepare(dst_key="pinned"), ENVELOPE_INVALID)
        self.assertIn("host." + self.host.uuid, reply.details)
        self.assertEqual([], self.host.key_requests)
