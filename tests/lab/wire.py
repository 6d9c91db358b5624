"""Stands between a worker and its broker: all frames pass, but for those we choose."""
import socket
import struct
import threading

METHOD, HEADER, BODY = 1, 2, 3
PUBLISH, DELIVER, CONSUME, CHANNEL_CLOSE = (60, 40), (60, 60), (60, 20), (20, 40)
CONFIRMS = (60, 80), (60, 120)
FIRST_QUEUE_CHANNEL = 5  # before it a worker has one each for the topology, replies, notices and counting


class Wire:
    """.url for the worker. `deaf`: the broker's deliveries from hosts' queues are lost on the way, and nothing else,
    heartbeats least of all. `mute`: the worker's publications are, so that it waits for their confirms. `unconfirming`: only
    these confirms are. `stuck_from`: consuming on channels from this number on is never answered, nor then the close of
    such a channel."""

    def __init__(self, broker, vhost="%2F"):
        self.broker, self.name = broker, "wire"
        self.deaf = self.mute = self.unconfirming = False
        self.stuck_from = None
        self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"amqp://guest:guest@127.0.0.1:{self.listener.getsockname()[1]}/{vhost}"
        threading.Thread(target=self._accept, daemon=True).start()

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def processes(self):
        return []

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.broker.port))
            except OSError:
                return
            for loses, source, sink, greeting in ((self._loses_request, near, far, 8), (self._loses_answer, far, near, 0)):
                threading.Thread(target=self._pass, args=(loses, source, sink, greeting), daemon=True).start()

    def _pass(self, loses, source, sink, greeting):
        losing = set()  # channels whose delivery is being lost
        try:
            with source.makefile("rb") as stream:
                sink.sendall(stream.read(greeting))
                while len(head := stream.read(7)) == 7:
                    kind, channel, size = struct.unpack(">BHI", head)
                    rest = stream.read(size + 1)
                    method = struct.unpack(">HH", rest[:4]) if kind == METHOD else None
                    if loses(kind, channel, method, losing):
                        self.lost += 1
                    else:
                        sink.sendall(head + rest)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _loses_request(self, kind, channel, method, losing):
        if self.stuck_from and channel >= self.stuck_from and method in (CONSUME, CHANNEL_CLOSE):
            return True
        return self._loses_content(self.mute, PUBLISH, kind, channel, method, losing)

    def _loses_answer(self, kind, channel, method, losing):
        if self.unconfirming and method in CONFIRMS:
            return True
        return self._loses_content(self.deaf and channel >= FIRST_QUEUE_CHANNEL, DELIVER, kind, channel, method, losing)

    @staticmethod
    def _loses_content(loses_now, of, kind, channel, method, losing):
        """A method of this kind, and the header and body that follow it."""
        if kind == METHOD:
            losing.discard(channel)
            if loses_now and method == of:
                losing.add(channel)
        return kind in (METHOD, HEADER, BODY) and channel in losing
