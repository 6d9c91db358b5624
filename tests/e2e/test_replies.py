"""How replies are addressed and formed."""
import time

from tests.e2e.base import ENCODINGS, NOT_FOUND, Scenario, b64, new_dek, new_key, new_uuid
from tests.lab import wait_until
from tests.lab.client import DIRECT_REPLY_TO, MIME, encode


class Replies(Scenario):
    def fields(self, key=None, **more):
        return {"id": new_uuid(), "hostUuid": self.a.uuid, **(key or new_key()), **more}

    def send(self, fields, encoding="json", name="SecretHostGetMsg", **properties):
        return self.client.send_fields(name, fields, "host." + self.a.hex, encoding, properties)

    def test_carries_the_correlation_the_time_and_an_id_of_its_own(self):
        for encoding in ENCODINGS:
            for name, key in (("SecretHostDefineMsg", {**new_key(), "dekBase64": b64(new_dek())}),
                              ("SecretHostGetMsg", new_key())):
                fields = self.fields(key)
                correlation_id = self.send(fields, encoding, name)
                reply = self.client.wait(correlation_id)
                self.assertEqual({"correlationId": correlation_id, "isReply": "true"}, reply["headers"])
                self.assertEqual(MIME[encoding], reply.properties.content_type)
                self.assertEqual(2, reply.properties.delivery_mode)
                self.assertTrue(reply["id"])
                self.assertNotEqual(fields["id"], reply["id"])
                self.assertLess(abs(reply["createdTime"] / 1000 - time.time()), 10)
                self.assertIs(name == "SecretHostDefineMsg", reply.success)

    def test_correlates_by_the_requests_id_where_nothing_else_is_given(self):
        fields = self.fields()
        self.send(fields, correlation_id=None)
        self.assertEqual(fields["id"], self.client.wait(fields["id"])["headers"]["correlationId"])
        message_id = new_uuid()
        self.send({k: v for k, v in fields.items() if k != "id"}, correlation_id=None, message_id=message_id)
        self.client.wait(message_id)

    def test_reaches_a_queue_and_a_direct_reply_to(self):
        for reply_to in (self.client.queue, DIRECT_REPLY_TO):
            for encoding in ENCODINGS:
                key = new_key()
                correlation_id = self.send(self.fields(key, dekBase64=b64(new_dek())), encoding, "SecretHostDefineMsg",
                                           reply_to=reply_to)
                self.succeeds(self.client.wait(correlation_id))
                self.refuses(self.client.wait(self.send(self.fields(), encoding, reply_to=reply_to)), NOT_FOUND)

    def test_bears_the_dotted_name_it_was_asked_with(self):
        for prefix in ("org.zstack.header.secret.", "a.", "x.y.z.", ""):
            for encoding in ENCODINGS:
                reply = self.client.ask(prefix + "SecretHostGetMsg", self.a, encoding=encoding, **new_key())
                self.refuses(reply, NOT_FOUND)
                self.assertEqual(prefix + "SecretHostGetReply", reply.name)

    def test_finds_the_address_and_correlation_in_the_bodys_headers(self):
        for encoding in ENCODINGS:
            correlation_id = new_uuid()
            headers = {"replyTo": self.client.queue, "correlationId": correlation_id, "noReply": "false",
                       "other": {"x": [1]}}
            self.send(self.fields(headers=headers), encoding, reply_to=None, correlation_id=None)
            self.refuses(self.client.wait(correlation_id), NOT_FOUND)

    def test_amqps_properties_win_over_the_bodys_headers(self):
        fields = self.fields(headers={"replyTo": "nobody's queue", "correlationId": "another"})
        self.refuses(self.client.wait(self.send(fields)), NOT_FOUND)

    def test_is_not_sent_where_none_is_wanted(self):
        for no_reply in ("true", True):
            key = new_key()
            headers = {"replyTo": self.client.queue, "noReply": no_reply}
            fields = self.fields(key, dekBase64=b64(new_dek()), headers=headers)
            self.send(fields, name="SecretHostDefineMsg", reply_to=None, correlation_id=None)
            self.succeeds(self.get(self.a, key))  # same identity: behind the define
        self.assertEqual(0, self.client.settle())

    def test_without_an_address_the_request_is_done_and_acknowledged(self):
        key = new_key()
        self.send(self.fields(key, dekBase64=b64(new_dek())), name="SecretHostDefineMsg", reply_to=None,
                  correlation_id=None)
        self.succeeds(self.get(self.a, key))
        self.broker.wait_for_drained("keyferry.host." + self.a.hex)
        self.assertEqual(0, self.client.settle())

    def test_that_reaches_nobody_is_logged_and_the_request_acknowledged(self):
        key = new_key()
        fields = self.fields(key, dekBase64=b64(new_dek()))
        self.send(fields, name="SecretHostDefineMsg", reply_to="no-such-queue")
        self.succeeds(self.get(self.a, key))
        self.broker.wait_for_drained("keyferry.host." + self.a.hex)
        line, = wait_until(lambda: [line for line in self.wa.log_text().splitlines() if fields["id"] in line], 10, "its line")
        self.assertIn("returned", line)

    def test_to_an_address_that_the_broker_fails_on_disturbs_nobody_for_long(self):
        """RabbitMQ crashes the channel that publishes to what looks like a direct reply-to and is none."""
        bad = [self.send(self.fields(), reply_to=DIRECT_REPLY_TO + ".AAAA.BBBB") for _ in range(20)]
        self.succeeds(self.define(self.a, new_key()))
        self.broker.wait_for_drained("keyferry.host." + self.a.hex)
        wait_until(lambda: self.wa.log_text().count(DIRECT_REPLY_TO + ".AAAA.BBBB reply=\"returned") == len(bad), 60,
                   "all to be acknowledged")

    def test_tells_the_encoding_by_the_first_byte_where_the_content_type_does_not(self):
        for content_type in (None, "text/plain", ""):
            for encoding in ENCODINGS:
                reply = self.client.wait(self.send(self.fields(), encoding, content_type=content_type))
                self.assertEqual(MIME[encoding], reply.properties.content_type)
                self.refuses(reply, NOT_FOUND)

    def test_reads_a_content_type_with_parameters(self):
        reply = self.client.wait(self.send(self.fields(), content_type="application/json; charset=utf-8"))
        self.refuses(reply, NOT_FOUND)

    def test_an_errors_description_is_the_same_for_each_code_and_its_facts_are_typed(self):
        seen = {}
        for reply in [self.get(self.a, new_key()) for _ in range(2)] + [self.resolve(self.a, new_uuid())] + [
                self.get(self.a, {**new_key(), "vmUuid": value}) for value in ("x", "y" * 36, 7)]:
            self.assertFalse(reply.success)
            seen.setdefault(reply.code, set()).add(reply.error["description"])
            self.assertEqual({"code", "description", "details", "opaque"}, set(reply.error))
            self.assertIn(reply.opaque["effect"], ("none", "done", "unknown"))
            self.assertIs(False, reply.opaque["retryable"])
        self.assertEqual({NOT_FOUND: 1, "SYS.1007": 1}, {code: len(texts) for code, texts in seen.items()})

    def test_answers_500_in_flight_each_to_its_own(self):
        keys = [new_key() for _ in range(500)]
        asked = [self.client.send("SecretHostDefineMsg", self.a, encoding=ENCODINGS[i % 2], **key,
                                  dekBase64=b64(new_dek())) for i, key in enumerate(keys)]
        defined = [self.succeeds(reply)["secretUuid"] for reply in self.client.wait_many(asked)]
        asked = [self.client.send("SecretHostGetMsg", self.a, **key) for key in keys]
        self.assertEqual(defined, [reply["secretUuid"] for reply in self.client.wait_many(asked)])

    def test_a_large_bin_and_base64_are_the_same_dek(self):
        key, dek = new_key(), bytes(range(256)) * 4
        body = encode({"SecretHostDefineMsg": {**self.fields(key), "dekBase64": dek}}, "msgpack")
        self.assertTrue(self.succeeds(self.client.wait(self.client.send_body(
            body, "host." + self.a.hex, {"content_type": MIME["msgpack"]})))["created"])
        self.assertFalse(self.succeeds(self.define(self.a, key, dek))["created"])
