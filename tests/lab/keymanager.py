"""A key manager: a real consumer on service.keymanager, with misbehaviours to choose from."""
import base64
import threading
import time
import uuid

import pika

from .client import EXCHANGE, decode, encode
from .process import wait_until

QUEUE = "keyferry.service.keymanager"
ROUTE = "service.keymanager"
BINARY = ("dekBase64", "encryptedDek")


class KeyManager:
    """Answers ResourceKeyGetMsg from `deks`: {(vmUuid, keyVersion): bytes}; `vms`: {vmUuid: host UUID} says where each VM is.

    It gives a key only to the VM's present host: the request's hostUuid and, where `users` ({host UUID: AMQP user}) is
    given, the user the broker vouches for; and, where `recipients` ({host UUID: public key}) is given, only sealed for
    the destination's registered key. `misbehaviour` is None, "error", "version", "silence", "garbage" or "empty".
    """

    def __init__(self, broker, deks=None, vms=None, users=None, recipients=None):
        self.name = "key manager"
        self.broker = broker
        self.deks, self.vms = dict(deks or {}), dict(vms or {})
        self.users, self.recipients = users, recipients
        self.misbehaviour = None
        self.requests = []
        self.connection = None
        self._ready, self._thread = threading.Event(), None

    def add(self, vm_uuid, host, dek, version=1):
        self.vms[vm_uuid] = getattr(host, "uuid", host)
        self.deks[vm_uuid, version] = dek

    def start(self):
        self._thread = threading.Thread(target=self._serve, name=self.name, daemon=True)
        self._thread.start()
        wait_until(lambda: self._ready.is_set() or not self._thread.is_alive(), 10, "the key manager")
        return self

    def end(self):
        """Stop serving and take the queue away, so that there is no route to a key manager."""
        if self._thread and self._thread.is_alive() and self._ready.is_set():
            try:
                self.connection.add_callback_threadsafe(self._leave)
            except pika.exceptions.AMQPError:
                pass  # the broker went first
            self._thread.join(5)
        self._ready.clear()

    def _leave(self):
        self.channel.queue_delete(QUEUE)
        self.channel.stop_consuming()

    def processes(self):
        return []

    def _serve(self):
        parameters = pika.URLParameters(self.broker.url)
        parameters.heartbeat = 0
        self.connection = pika.BlockingConnection(parameters)
        try:
            self.channel = self.connection.channel()
            self.channel.exchange_declare(EXCHANGE, "topic", durable=True)
            self.channel.queue_declare(QUEUE)
            self.channel.queue_bind(QUEUE, EXCHANGE, ROUTE)
            self.channel.basic_consume(QUEUE, self._on_request, auto_ack=True)
            self._ready.set()
            self.channel.start_consuming()
            self.connection.close()
        except pika.exceptions.AMQPError:
            pass  # the broker went first

    def _on_request(self, channel, _method, properties, body):
        (name, fields), = decode(body, properties.content_type).items()
        self.requests.append((name, fields, properties))
        if self.misbehaviour == "silence":
            return
        answer = {"id": str(uuid.uuid4()), "createdTime": int(time.time() * 1000),
                  "headers": {"correlationId": properties.correlation_id, "isReply": "true"},
                  **self._answer(name, fields, properties)}
        encoding = "json" if properties.content_type == "application/json" else "msgpack"
        reply = encode({name.replace("Msg", "Reply"): answer}, encoding)
        if self.misbehaviour == "garbage":
            reply = b"\xc1 not what was asked for"
        channel.basic_publish("", properties.reply_to, reply, pika.BasicProperties(
            content_type=properties.content_type, correlation_id=properties.correlation_id))

    def _answer(self, name, fields, properties):
        refusal = self._refusal(name, fields, properties)
        if refusal:
            return {"success": False, "error": {"code": "KMS.1000", "description": "refused", "details": refusal,
                                                "opaque": {"effect": "none", "retryable": False}}}
        if self.misbehaviour == "empty":
            return {"success": True}
        version = fields["keyVersion"]
        dek = self.deks[fields["vmUuid"], version]
        return {"success": True, "keyVersion": version + (self.misbehaviour == "version"),
                "dekBase64": base64.b64encode(dek).decode()}

    def _refusal(self, name, fields, properties):
        vm, host = fields.get("vmUuid"), fields.get("hostUuid")
        checks = [
            (name.rpartition(".")[2] != "ResourceKeyGetMsg", f"no handler for {name}"),
            (self.misbehaviour == "error", "this key manager was told to fail"),
            (fields.get("resourceType") != "TpmVO" or not fields.get("resourceUuid"), "which TPM?"),
            (self.vms.get(vm) != host, f"{host} is not the present host of {vm}"),
            (self.users is not None and self.users.get(host) != properties.user_id, f"not the user of {host}"),
            (self.recipients is not None and (fields.get("recipientKey") is None or
             self.recipients.get(fields.get("dstHostUuid")) != fields.get("recipientKey")), "not the registered key"),
            ((vm, fields.get("keyVersion")) not in self.deks, f"no such key for {vm}"),
        ]
        return next((why for wrong, why in checks if wrong), None)
