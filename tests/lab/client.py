"""An outsider's client: pika and msgpack as Debian has them, nothing of ours."""
import base64
import json
import time
import uuid

import msgpack
import pika

from .broker import parameters_of
from .process import LabError, patience

EXCHANGE = "keyferry.p2p"
DEAD = "keyferry.dead"
DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"
MIME = {"json": "application/json", "msgpack": "application/msgpack"}


class Pairs(list):
    """A map as a list of pairs, so that a key can be given twice."""


def write_json(value):
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(k)}:{write_json(v)}" for k, v in value) + "}"
    if isinstance(value, dict):
        return write_json(Pairs(value.items()))
    if isinstance(value, (bytes, bytearray)):
        return json.dumps(base64.b64encode(value).decode())
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(write_json(v) for v in value) + "]"
    return json.dumps(value)


def write_msgpack(value):
    packer = msgpack.Packer(use_bin_type=True, autoreset=False)

    def write(v):
        if isinstance(v, (Pairs, dict)):
            pairs = v if isinstance(v, Pairs) else list(v.items())
            packer.pack_map_header(len(pairs))
            for key, item in pairs:
                write(key)
                write(item)
        elif isinstance(v, (list, tuple)):
            packer.pack_array_header(len(v))
            for item in v:
                write(item)
        else:
            packer.pack(v)
    write(value)
    return packer.bytes()


def encode(value, encoding):
    """Bytes of a value; it may hold Pairs, and bytes (bin in msgpack, base64 in JSON)."""
    return write_json(value).encode() if encoding == "json" else write_msgpack(value)


def decode(body, content_type):
    if content_type == MIME["msgpack"]:
        return msgpack.unpackb(body, raw=False)
    return json.loads(body)


class Reply:
    """One answer: .name, .fields (also reply["field"]), .success, the error's .code, .details, .opaque; .properties."""

    def __init__(self, properties, body):
        self.properties, self.body = properties, body
        self.encoding = {v: k for k, v in MIME.items()}.get(properties.content_type)
        envelope = decode(body, properties.content_type)
        (self.name, self.fields), = envelope.items()
        self.success = self.fields.get("success")
        self.error = self.fields.get("error") or {}
        self.code = self.error.get("code")
        self.details = self.error.get("details") or ""
        self.opaque = self.error.get("opaque") or {}
        self.correlation_id = properties.correlation_id

    def __getitem__(self, field):
        return self.fields[field]

    def __contains__(self, field):
        return field in self.fields

    @property
    def outcome(self):
        """What all answers to one id have in common: everything but when, which and to whom."""
        return {k: v for k, v in self.fields.items() if k not in ("id", "createdTime", "headers")}

    def __repr__(self):
        return f"<{self.name} {self.fields}>"


class Client:
    """Requests and replies by correlation id, any number in flight; raw publications; the dead letters.

    Belongs to one thread. Reply queue: an exclusive one of its own, or direct reply-to where asked for. `user`: one of
    broker.add_users(), whose requests say so.
    """

    def __init__(self, broker, url=None, user=None):
        self.name, self.user = "client", user
        self.broker, self.url = broker, url or (broker.url_of(user) if user else broker.url)
        self.replies, self.returned, self.durable = {}, [], False
        self.connect()

    def connect(self):
        self.connection = pika.BlockingConnection(parameters_of(self.url))
        self.channel = self.connection.channel()
        self.channel.add_on_return_callback(lambda _, method, properties, body: self.returned.append(properties))
        if self.durable:
            self.channel.queue_declare(self.queue, durable=True)
            self.channel.confirm_delivery()
        else:
            self.queue = self.channel.queue_declare("", exclusive=True).method.queue
            self.channel.basic_consume(DIRECT_REPLY_TO, self._on_reply, auto_ack=True)
        self.channel.basic_consume(self.queue, self._on_reply, auto_ack=not self.durable)

    def outlive_broker(self):
        """From now on replies come to a queue that outlives connection and broker, and every publication waits until
        the broker has it safely."""
        self.durable, self.queue = True, f"test.replies.{uuid.uuid4()}"
        self.reconnect()

    def reconnect(self):
        """After the broker was away. What was answered is kept."""
        self._close()
        self.connect()

    def _close(self):
        try:
            self.connection.close()
        except pika.exceptions.AMQPError:
            pass  # the broker went first

    def end(self):
        if self.durable and self.connection.is_open:
            try:
                self.channel.queue_delete(self.queue)
            except pika.exceptions.AMQPError:
                pass
        self._close()

    def _on_reply(self, channel, method, properties, body):
        if self.durable:  # else what was on its way when the broker died would be lost
            channel.basic_ack(method.delivery_tag)
        self.replies.setdefault(properties.correlation_id, []).append(Reply(properties, body))

    # Raw.
    def publish(self, routing_key, body, exchange=EXCHANGE, mandatory=True, **properties):
        """Any bytes with any properties; persistent."""
        properties.setdefault("delivery_mode", 2)
        self.channel.basic_publish(exchange, routing_key, body, pika.BasicProperties(**properties), mandatory)

    # Requests.
    def send(self, message, host, encoding="json", properties=None, key=None, **fields):
        """Publish a request and give its correlation id.

        `host` is a Hypervisor or a UUID's text: the routing key and, unless given, hostUuid. `id` and `createdTime` are
        filled in unless given; a field given as Ellipsis is left out. `properties` are AMQP's and win over ours.
        """
        host_uuid = getattr(host, "uuid", host)
        fields = {"id": str(uuid.uuid4()), "hostUuid": host_uuid, "createdTime": int(time.time() * 1000), **fields}
        fields = {name: value for name, value in fields.items() if value is not ...}
        return self.send_fields(message, fields, key or "host." + host_uuid.replace("-", "").lower(), encoding,
                                properties)

    def send_fields(self, message, fields, routing_key, encoding="json", properties=None):
        """The same with exactly these fields (a dict, or Pairs)."""
        return self.send_body(encode({message: fields}, encoding), routing_key,
                              {"content_type": MIME[encoding], **(properties or {})})

    def send_body(self, body, routing_key, properties=None):
        """The same with exactly these bytes. A property given as None is left out."""
        all_properties = {"correlation_id": str(uuid.uuid4()), "reply_to": self.queue, "user_id": self.user,
                          **(properties or {})}
        self.publish(routing_key, body, **{k: v for k, v in all_properties.items() if v is not None})
        return all_properties["correlation_id"]

    def wait(self, correlation_id, seconds=20):
        """The first reply for a correlation id."""
        return self.wait_many([correlation_id], seconds)[0]

    def wait_many(self, correlation_ids, seconds=60):
        """The first reply for each, in the order given."""
        wanted = set(correlation_ids)
        end = time.monotonic() + patience(seconds)
        while not wanted.issubset(self.replies):
            left = end - time.monotonic()
            if left <= 0:
                missing = wanted.difference(self.replies)
                raise LabError(f"no reply within {patience(seconds):g} s to {len(missing)} of {len(wanted)} requests, "
                               f"such as {sorted(map(str, missing))[:3]}; returned as unroutable: {len(self.returned)}")
            self.connection.process_data_events(min(left, 1))
        return [self.replies[one].pop(0) if len(self.replies[one]) > 1 else self.replies.pop(one)[0]
                for one in correlation_ids]

    def ask(self, message, host, seconds=20, **rest):
        """send() and wait()."""
        return self.wait(self.send(message, host, **rest), seconds)

    def settle(self, seconds=0.3):
        """Let come in what may still come; gives how many replies nobody has waited for."""
        self.connection.process_data_events(patience(seconds))
        return sum(len(replies) for replies in self.replies.values())

    # Dead letters.
    def dead_letters(self, count=1, seconds=20):
        """Take `count` messages from the dead-letter queue: a list of (properties, body)."""
        found = []
        end = time.monotonic() + patience(seconds)
        while len(found) < count:
            method, properties, body = self.channel.basic_get(DEAD, auto_ack=True)
            if method:
                found.append((properties, body))
            elif time.monotonic() > end:
                raise LabError(f"{len(found)} of {count} dead letters within {patience(seconds):g} s")
            else:
                self.connection.sleep(0.05)
        return found

    def purge_dead_letters(self):
        self.channel.queue_purge(DEAD)
