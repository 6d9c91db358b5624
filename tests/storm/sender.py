"""A sender that outlives its broker: what is not confirmed is published again, under the same id."""
import collections
import threading
import time
import uuid

import pika
from pika.adapters.select_connection import IOLoop

from tests.lab import patience

EXCHANGE = "keyferry.p2p"
AGAIN_S = 0.3        # after a connection that is lost, or a message that came back
CONFIRM_WITHIN = 20  # else the connection is made anew
OF_A_NODE = 2        # the same, where there are others
TICK_S = 0.02


class Letter:
    """One message that is published until the broker has it."""

    def __init__(self, routing_key, correlation_id):
        self.routing_key, self.correlation_id = routing_key, correlation_id
        self.sent_at = self.confirmed_at = self.tag = None
        self.came_back = False

    def write(self):
        """(body, content type), of each time that it is published."""
        raise NotImplementedError


class Sender(threading.Thread):
    """One connection that publishes and receives, made again whenever it is lost, with a cluster to the next of its nodes.
    `owner` is called in its thread: tick(), confirmed(letter), received(properties, body), failed(error)."""

    def __init__(self, broker, owner):
        super().__init__(name="sender", daemon=True)
        self.nodes = [pika.URLParameters(url) for url in broker.url.split(",")]
        for node in self.nodes:
            node.socket_timeout = node.stack_timeout = patience(10)
        self.replies = f"storm.replies.{uuid.uuid4()}"  # RabbitMQ is slow to forget a quorum queue of the same name
        self.avoided_port = None
        self.confirm_within = patience(CONFIRM_WITHIN if len(self.nodes) == 1 else OF_A_NODE)
        self.owner, self.loop = owner, IOLoop()
        self.connection = self.channel = None
        self.is_open, self.is_ending = False, False
        self.unconfirmed = collections.OrderedDict()  # delivery tag: letter
        self.waiting = collections.deque()  # for a connection
        self.next_tag, self.lost = 1, 0

    # From any thread.
    def end(self):
        self.loop.add_callback_threadsafe(self._end)
        self.join(patience(10))

    def avoid(self, port):
        """Be at another node than the one with this port."""
        self.avoided_port = port
        self.loop.add_callback_threadsafe(lambda: self.is_elsewhere(port) or self._leave())

    def is_elsewhere(self, port):
        return self.is_open and self.nodes[0].port != port

    # Its own thread.
    def run(self):
        self._connect()
        self._tick()
        self.loop.start()

    def _end(self):
        self.is_ending = True
        if self.is_open:
            self.channel.queue_delete(self.replies, callback=lambda _: self.connection.close())
        else:
            self.loop.stop()

    def _leave(self):
        """Without waiting for the broker's goodbye: its channel may be stuck."""
        left = self.connection
        if left is not None and left.is_open:
            left.close()
            self._lost(left)

    def _connect(self):
        while self.nodes[0].port == self.avoided_port:
            self.nodes.append(self.nodes.pop(0))
        self.connection = pika.SelectConnection(
            self.nodes[0], on_open_callback=self._on_open, custom_ioloop=self.loop,
            on_open_error_callback=lambda connection, _: self._lost(connection),
            on_close_callback=lambda connection, _: self._lost(connection))

    def _lost(self, connection):
        if connection is not self.connection:
            return
        self.is_open, self.connection, self.channel = False, None, None
        if self.is_ending:
            self.loop.stop()
            return
        self.lost += 1
        self.waiting.extendleft(reversed(self.unconfirmed.values()))
        self.unconfirmed.clear()
        self.nodes.append(self.nodes.pop(0))
        self.loop.call_later(AGAIN_S, self._connect)

    def _on_open(self, connection):
        if connection is not self.connection or self.nodes[0].port == self.avoided_port:
            connection.close()
            return
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel):
        if channel.connection is not self.connection:
            return
        self.channel, self.next_tag = channel, 1
        channel.add_on_close_callback(lambda _, why: channel.connection.is_open and channel.connection.close())
        channel.add_on_return_callback(self._on_return)
        of_all = {"x-queue-type": "quorum"} if len(self.nodes) > 1 else None
        channel.queue_declare(self.replies, durable=True, arguments=of_all, callback=lambda _: channel.confirm_delivery(
            lambda frame: self.channel is channel and self._on_confirm(frame), callback=lambda _: self._begin(channel)))

    def _begin(self, channel):
        if channel is not self.channel:
            return
        channel.basic_consume(self.replies, self._on_message)
        self.is_open = True
        waiting, self.waiting = self.waiting, collections.deque()
        for letter in waiting:
            self.publish(letter)

    def publish(self, letter):
        if not self.is_open or not self.channel.is_open:
            self.waiting.append(letter)
            return
        body, content_type = letter.write()
        letter.came_back, letter.sent_at = False, letter.sent_at or time.time()
        letter.published_at = time.monotonic()
        self.channel.basic_publish(EXCHANGE, letter.routing_key, body, pika.BasicProperties(
            content_type=content_type, correlation_id=letter.correlation_id, reply_to=self.replies, delivery_mode=2), True)
        self.unconfirmed[self.next_tag] = letter
        self.next_tag += 1

    def _on_return(self, _channel, _method, properties, _body):
        for letter in self.unconfirmed.values():
            if letter.correlation_id == properties.correlation_id:
                letter.came_back = True

    def _on_confirm(self, frame):
        method = frame.method
        tags = [tag for tag in self.unconfirmed if tag <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            letter = self.unconfirmed.pop(tag, None)
            if letter is None:
                continue
            if method.NAME != "Basic.Ack":  # this channel may do so for as long as a node is down, and another one not
                self._leave()
            if letter.came_back or method.NAME != "Basic.Ack":
                self.loop.call_later(AGAIN_S, lambda letter=letter: self.publish(letter))
                continue
            letter.confirmed_at = time.monotonic()
            self._call(self.owner.confirmed, letter)

    def _on_message(self, channel, method, properties, body):
        self._call(self.owner.received, properties, body)
        if channel.is_open:
            channel.basic_ack(method.delivery_tag)

    def _tick(self):
        oldest = next(iter(self.unconfirmed.values()), None)
        if oldest and time.monotonic() - oldest.published_at > self.confirm_within and self.is_open:
            self._leave()
        self._call(self.owner.tick)
        self.loop.call_later(TICK_S, self._tick)

    def _call(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # told to the main thread, which would wait for ever
            self.owner.failed(error)
