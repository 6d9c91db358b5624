"""Whoever listens to the events."""
import json

import pika

from .event_table import complaint_about, documented
from .process import LabError, wait_until

EVENTS = "keyferry.events"


class Listener:
    """A queue of its own on the events exchange: what came is in .events, as (routing key, fields), in order."""

    name = "listener"

    def __init__(self, connection, key="#", queue=""):
        self.events, self.bodies, self.properties, self.table = [], [], [], documented()
        self.connection = connection
        self.channel = connection.channel()
        self.channel.exchange_declare(EVENTS, passive=True)
        self.queue = self.channel.queue_declare(queue, exclusive=True).method.queue
        self.channel.queue_bind(self.queue, EVENTS, key)
        self.channel.basic_consume(self.queue, self._on_event, auto_ack=True)

    def _on_event(self, _channel, method, properties, body):
        (name, fields), = json.loads(body).items()
        assert name == "HostSecretEvent", name
        complaint = complaint_about(fields, self.table)
        if complaint:
            raise LabError(f"not as PROTOCOL.md has it: {complaint}")
        self.events.append((method.routing_key, fields))
        self.bodies.append(body)
        self.properties.append(properties)

    def kinds(self):
        self.connection.process_data_events(0)
        return [fields["event"] for _, fields in self.events]

    def wait_for(self, kind, seconds=20):
        """The fields of the first event of this kind, when it has come."""
        wait_until(lambda: kind in self.kinds(), seconds, f"the event {kind}")
        return next(fields for _, fields in self.events if fields["event"] == kind)

    def end(self):
        try:
            self.connection.close()
        except pika.exceptions.AMQPError:
            pass  # the broker went first

    def processes(self):
        return []
