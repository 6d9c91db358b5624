"""Whoever else serves messages: a consumer thread of ours on a route of the request exchange."""
import base64
import threading
import time
import uuid

import pika

from .broker import parameters_of
from .client import EXCHANGE, decode, encode
from .hpke import KeyPair, aad_of
from .process import wait_until


class Service:
    """Consumes from `queue`, bound with `route`; subclasses answer(). Every request is kept in .requests.

    The queue is deleted by end(), so that there is no route any more. `user`: one of broker.add_users(); answers say so.
    """

    def __init__(self, broker, name, queue, route, user=None):
        self.broker, self.name, self.queue, self.route, self.user = broker, name, queue, route, user
        self.requests = []  # in the order they came
        self._ready, self._thread = threading.Event(), None

    def answer(self, name, fields, properties):
        """The reply's own fields with `success` (and `error`); bytes are sent as they are; None: no answer (yet)."""
        raise NotImplementedError

    def record(self, request):
        self.requests.append(request)

    def start(self):
        self._thread = threading.Thread(target=self._serve, name=self.name, daemon=True)
        self._thread.start()
        wait_until(lambda: self._ready.is_set() or not self._thread.is_alive(), 10, self.name)
        return self

    def end(self):
        if self._thread and self._thread.is_alive() and self._ready.is_set():
            try:
                self._connection.add_callback_threadsafe(self._leave)
            except pika.exceptions.AMQPError:
                pass  # the broker went first
            self._thread.join(5)
        self._ready.clear()

    def processes(self):
        return []

    def wait_for(self, name, count=1, seconds=10):
        """The first `count` requests of that name, when they have come."""
        def come():
            found = [request for request in self.requests if request.name == name]
            return found[:count] if len(found) >= count else None
        return wait_until(come, seconds, f"{count} {name} at {self.name}")

    def _leave(self):
        self._channel.queue_delete(self.queue)
        self._channel.stop_consuming()

    def _serve(self):
        self._connection = pika.BlockingConnection(parameters_of(
            self.broker.url_of(self.user) if self.user else self.broker.url))
        try:
            self._channel = self._connection.channel()
            self._channel.exchange_declare(EXCHANGE, "topic", durable=True)
            self._channel.queue_declare(self.queue)
            self._channel.queue_bind(self.queue, EXCHANGE, self.route)
            self._channel.basic_consume(self.queue, self._on_request, auto_ack=True)
            self._ready.set()
            self._channel.start_consuming()
            self._connection.close()
        except pika.exceptions.AMQPError:
            pass  # the broker went first

    def _on_request(self, _channel, _method, properties, body):
        (full_name, fields), = decode(body, properties.content_type).items()
        request = Request(full_name, fields, properties)
        self.record(request)
        answer = self.answer(request.name, fields, properties)
        if answer is not None:
            self._publish(request, answer)

    def reply(self, request, answer):
        """Answer one of .requests that was left unanswered. From any thread."""
        self._connection.add_callback_threadsafe(lambda: self._publish(request, answer))

    def _publish(self, request, answer):
        properties = request.properties
        if not isinstance(answer, bytes):
            answer = encode({request.full_name.replace("Msg", "Reply"): {
                "id": str(uuid.uuid4()), "createdTime": int(time.time() * 1000),
                "headers": {"correlationId": properties.correlation_id, "isReply": "true"}, **answer}},
                "json" if properties.content_type == "application/json" else "msgpack")
        self._channel.basic_publish("", properties.reply_to, answer, pika.BasicProperties(
            content_type=properties.content_type, correlation_id=properties.correlation_id, user_id=self.user))


class Request:
    """What came: .name without its dotted prefix, .fields, .properties (AMQP's)."""

    def __init__(self, full_name, fields, properties):
        self.full_name, self.name = full_name, full_name.rpartition(".")[2]
        self.fields, self.properties = fields, properties


def refusal(code, details, retryable=False):
    """The fields of a reply that says no."""
    return {"success": False, "error": {"code": code, "description": "refused", "details": details,
                                        "opaque": {"effect": "none", "retryable": retryable}}}


class FakeHost(Service):
    """Plays the worker of a host that does not exist: `answers` is {message name: fields, bytes, None or a function}.

    Without an entry it does what a good worker would say: its key, defined, deleted. `keys` is its key pair.
    """

    def __init__(self, broker, answers=None, user=None):
        self.uuid = str(uuid.uuid4())
        hex_uuid = self.uuid.replace("-", "")
        super().__init__(broker, f"fake host {hex_uuid}", f"keyferry.host.{hex_uuid}", f"host.{hex_uuid}", user)
        self.keys, self.key_requests = KeyPair(), []  # who asks what it is is not in .requests
        self.answers = {"HostEnvelopeKeyGetMsg": {"success": True, "publicKey": base64.b64encode(self.keys.public).decode(),
                                                  "fingerprint": self.keys.fingerprint,
                                                  "suites": ["0x0020/0x0001/0x0003"]},
                        "SecretHostDefineMsg": self._define, "SecretHostDeleteMsg": {"success": True, "deleted": True},
                        "VtpmPostMigrateMsg": {"success": True, "deletedOn": "none"}, **(answers or {})}

    def dek_of(self, request):
        """What the envelope of a define holds; None where it does not open."""
        sealed = request.fields["encryptedDek"]
        sealed = sealed if isinstance(sealed, bytes) else base64.b64decode(sealed)
        return self.keys.open(sealed, aad_of(self, request.fields, request.fields.get("secretUuid")))

    def record(self, request):
        if request.name == "HostEnvelopeKeyGetMsg":
            self.key_requests.append(request)
        elif request.name != "HostCapabilitiesGetMsg":
            self.requests.append(request)

    @staticmethod
    def _define(fields):
        return {"success": True, "created": True, "secretUuid": fields.get("secretUuid") or str(uuid.uuid4())}

    def answer(self, name, fields, _properties):
        answer = self.answers.get(name, refusal("SYS.1008", f"no handler for {name}"))
        return answer(fields) if callable(answer) else answer
