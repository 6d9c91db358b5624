"""A sender that outlives its broker: what is not confirmed is published again, under the same id."""
import collections
import threading
import time

import pika
from pika.adapters.select_connection import IOLoop

from tests.lab import patience

EXCHANGE = "keyferry.p2p"
REPLIES = "storm.replies"
AGAIN_S = 0.3        # after a connection that is lost, or a message that came back
CONFIRM_WITHIN = 20  # else the connection is made anew
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
    """One connection that publishes and receives, made again whenever it is lost. `owner` is called in its thread:
    tick(), confirmed(letter), received(properties, body), failed(error)."""

    def __init__(self, broker, owner):
        super().__init__(name="sender", daemon=True)
        self.parameters = pika.URLParameters(broker.url)
        self.parameters.socket_timeout = self.parameters.stack_timeout = patience(10)
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

    # Its own thread.
    def run(self):
        self._connect()
        self._tick()
        self.loop.start()

    def _end(self):
        self.is_ending = True
        if self.is_open:
            self.channel.queue_delete(REPLIES, callback=lambda _: self.connection.close())
        else:
            self.loop.stop()

    def _connect(self):
        self.connection = pika.SelectConnection(
            self.parameters, on_open_callback=self._on_open, custom_ioloop=self.loop,
            on_open_error_callback=lambda *_: self._lost(), on_close_callback=lambda *_: self._lost())

    def _lost(self):
        self.is_open = False
        if self.is_ending:
            self.loop.stop()
            return
        self.lost += 1
        self.waiting.extendleft(reversed(self.unconfirmed.values()))
        self.unconfirmed.clear()
        self.loop.call_later(AGAIN_S, self._connect)

    def _on_open(self, connection):
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel):
        self.channel, self.next_tag = channel, 1
        channel.add_on_close_callback(lambda _, why: self.connection.is_open and self.connection.close())
        channel.add_on_return_callback(self._on_return)
        channel.queue_declare(REPLIES, durable=True, callback=lambda _: channel.confirm_delivery(
            self._on_confirm, callback=lambda _: self._begin()))

    def _begin(self):
        self.channel.basic_consume(REPLIES, self._on_message)
        self.is_open = True
        waiting, self.waiting = self.waiting, collections.deque()
        for letter in waiting:
            self.publish(letter)

    def publish(self, letter):
        if not self.is_open:
            self.waiting.append(letter)
            return
        body, content_type = letter.write()
        letter.came_back, letter.sent_at = False, letter.sent_at or time.time()
        letter.published_at = time.monotonic()
        self.channel.basic_publish(EXCHANGE, letter.routing_key, body, pika.BasicProperties(
            content_type=content_type, correlation_id=letter.correlation_id, reply_to=REPLIES, delivery_mode=2), True)
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
            if letter.came_back or method.NAME != "Basic.Ack":
                self.loop.call_later(AGAIN_S, lambda letter=letter: self.publish(letter))
                continue
            letter.confirmed_at = time.monotonic()
            self._call(self.owner.confirmed, letter)

    def _on_message(self, channel, method, properties, body):
        self._call(self.owner.received, properties, body)
        channel.basic_ack(method.delivery_tag)

    def _tick(self):
        oldest = next(iter(self.unconfirmed.values()), None)
        if oldest and time.monotonic() - oldest.published_at > patience(CONFIRM_WITHIN) and self.connection.is_open:
            self.connection.close()
        self._call(self.owner.tick)
        self.loop.call_later(TICK_S, self._tick)

    def _call(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # told to the main thread, which would wait for ever
            self.owner.failed(error)
