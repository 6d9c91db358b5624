"""Stands between a worker and its broker as a bad network does: bytes pass, late, or not at all, or one way only."""
import asyncio
import re
import threading

TOO_LATE = (OSError, asyncio.IncompleteReadError)


class Link:
    """.url for the worker. cut() ends its connections, half_close() the half of each that comes from the worker (or the
    one that goes there); `delay_s` holds up all that passes; with `is_silent` nothing passes, and nobody is told.
    `version`, such as "3.9.": the broker seems to be of it, whatever it is (connection.start says so).

    All may be called from any thread."""

    def __init__(self, broker, name):
        self.broker, self.name = broker, name
        self.delay_s, self.is_silent, self.version = 0, False, None
        self.pairs = set()  # (near writer, far writer) of each connection
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), name=name, daemon=True)
        self.thread.start()
        started.wait()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()
        passing = asyncio.all_tasks(self.loop)
        for task in passing:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*passing, return_exceptions=True))

    def end(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    def processes(self):
        return []

    def cut(self):
        self.loop.call_soon_threadsafe(self._cut)

    def _cut(self):
        for pair in list(self.pairs):
            for writer in pair:
                writer.transport.abort()

    def half_close(self, from_worker=True):
        self.loop.call_soon_threadsafe(self._half_close, from_worker)

    def _half_close(self, from_worker):
        for near, far in list(self.pairs):
            writer = far if from_worker else near
            if not writer.is_closing():
                writer.write_eof()

    async def _accept(self, near_reader, near):
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.broker.port)
        except OSError:
            near.transport.abort()
            return
        pair = (near, far)
        self.pairs.add(pair)
        await asyncio.gather(self._pass(near_reader, far), self._pass(far_reader, near))
        self.pairs.discard(pair)
        for writer in pair:
            writer.transport.abort()

    def _pretend(self, data):
        """Of the same length, so that the frame stays one."""
        def other(found):
            return found[1] + self.version.encode().ljust(len(found[2]), b"1")
        return re.sub(rb"(\x07versionS\0\0\0.)(\d+\.\d+\.\d+)", other, data, count=1) if self.version else data

    async def _pass(self, reader, writer):
        """What was held back while nothing passed comes afterwards, as it does when a cable is plugged in again."""
        try:
            while data := await reader.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                while self.is_silent:
                    await asyncio.sleep(0.02)
                if writer.transport.get_write_buffer_size() == 0 and writer.is_closing():
                    break
                writer.write(self._pretend(data))
                await writer.drain()
            writer.write_eof()
        except TOO_LATE:
            pass
        except RuntimeError:  # half of it was closed before
            pass
