"""The probes: /healthz and /readyz."""
import os
import socket

from tests.e2e.base import Scenario, new_uuid
from tests.lab import Worker, wait_until


class Http(Scenario):
    def raw(self, request):
        """What comes back for these bytes."""
        with socket.create_connection(("127.0.0.1", self.wa.port), 15) as s:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
            answer = b""
            while data := s.recv(65536):
                answer += data
            return answer

    def test_healthz_says_that_the_process_works(self):
        self.assertEqual(200, self.wa.get("/healthz")[0])

    def test_readyz_says_that_a_consuming_worker_is_ready(self):
        self.assertEqual(200, self.wa.get("/readyz")[0])

    def test_readyz_of_one_host_tells_of_that_host_alone(self):
        for spelling in (self.a.uuid, self.a.hex, self.a.uuid.upper()):
            self.assertEqual(200, self.wa.get("/readyz?host=" + spelling)[0])
        for other in (self.b.uuid, new_uuid(), "x", ""):
            self.assertNotEqual(200, self.wa.get("/readyz?host=" + other)[0], other)

    def test_readyz_names_every_host_whose_libvirt_cannot_be_reached(self):
        good, bad, worse = self.a.alias(), self.a.alias(), self.a.alias()
        bad.uri = worse.uri = f"qemu+unix:///session?socket={self.lab.folder}/nobody-here"
        worker = self.worker(good, bad, worse)
        status, text = worker.get("/readyz")
        self.assertEqual(200, status, text)  # one host at least can be served
        self.assertIn(bad.uuid, text)
        self.assertIn(worse.uuid, text)
        self.assertNotIn(good.uuid, text)
        self.assertEqual(200, worker.get("/readyz?host=" + good.uuid)[0])
        self.assertEqual(503, worker.get("/readyz?host=" + bad.uuid)[0])
        alone = self.worker(bad, name="alone", waits_ready=False)
        wait_until(lambda: self.answers(alone), 10, "the worker to listen")
        self.assertEqual(503, alone.get("/readyz")[0])
        self.assertEqual(200, alone.get("/healthz")[0])

    @staticmethod
    def answers(worker):
        try:
            return worker.get("/healthz")[0]
        except OSError:
            return None

    def test_readyz_is_503_while_the_broker_is_away(self):
        class Away:
            url = "amqp://guest:guest@127.0.0.1:9/%2F"  # the discard port: nobody listens
        worker = Worker(self.lab, Away, [self.a.alias()], "brokerless", waits_ready=False)
        self.lab.parts.append(worker)
        self.with_part(worker).start()
        wait_until(lambda: self.answers(worker), 10, "the worker to listen")
        self.assertEqual(503, worker.get("/readyz")[0])
        self.assertEqual(200, worker.get("/healthz")[0])

    def test_other_pages_and_methods_are_refused(self):
        for page in ("/x", "/metrics/", "/page.csss", "/page/page.js", "/readyz/", "/../etc/passwd", "/%00"):
            self.assertEqual(404, self.wa.get(page)[0], page)
        for method in (b"POST", b"PUT", b"DELETE"):
            answer = self.raw(method + b" /readyz HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.assertRegex(answer.split(b"\r\n")[0], rb"40[05]|501")

    def test_what_is_no_request_does_not_disturb_it(self):
        for noise in (b"", b"\r\n\r\n", b"GET", os.urandom(5000), b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n",
                      b"GET /readyz HTTP/1.1\r\n" + b"a: b\r\n" * 20000,
                      b"POST /readyz HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                      b"GET /readyz?host=%zz%00 HTTP/1.1\r\nConnection: close\r\n\r\n"):
            try:
                self.raw(noise)
            except OSError:  # it may hang up before all of it is sent
                pass
        self.assertEqual(200, self.wa.get("/readyz")[0])
        self.lives()
