"""The log: lines that a pipeline can read whatever senders write, and one trace from request to reply."""
import os
import re
import signal
import subprocess

from tests.e2e.base import INVALID, NOT_FOUND, Scenario, new_dek, new_key, new_uuid
from tests.lab import patience, program, wait_until

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


class Lines(Scenario):
    def test_every_line_can_be_read_whatever_senders_write(self):
        self.addCleanup(self.client.purge_dead_letters)
        # The lab reads each line of each worker of each test at its end: log_lines.py.
        nasty = "x\n level=error \"\\\x1b[31m\u009b \u20ac\U0001f511=" + "\u0001"
        for form in ("logfmt", "json"):
            host = self.a.alias()
            worker = self.worker(host, name="logs-" + form, settings={"worker": {"log_format": form}})
            self.client.send_fields("SecretHostGetMsg", {"id": "r-1", "hostUuid": host.uuid, nasty: 1}, "host." + host.hex)
            self.refuses(self.client.ask(nasty[:60], host), INVALID, "SYS.1008", "SYS.1007")
            self.client.send("SecretHostGetMsg", host, **new_key(), properties={"reply_to": nasty})
            self.client.send("SecretHostGetMsg", host, **new_key(), properties={"reply_to": "n" * 255})
            self.client.send("SecretHostDefineMsg", host, **{**new_key(), "description": "d" * 5000, "dekBase64": nasty})
            self.refuses(self.get(host, new_key()), NOT_FOUND)
            wait_until(lambda: {"host-key", "worker-up", "broker-up", "queue-up", "request"} <=
                       {line["event"] for line in worker.log_lines()}, 10, "a line of each")
            lines = worker.log_lines()
            self.assertTrue(all(isinstance(line.get("total_ms", 0), int if form == "json" else (int, str))
                                for line in lines))
            self.assertTrue(worker.log_text().startswith("{" if form == "json" else "ts="))
            self.assertNotIn("\x1b", worker.log_text())

    def test_level_and_format_change_with_a_sighup(self):
        host = self.a.alias()
        worker = self.worker(host)
        worker.settings["worker"].update(log_level="error", log_format="json")
        worker.write_config()
        worker.signal(signal.SIGHUP)
        before = self.quiet(worker, host)
        worker.settings["worker"]["log_level"] = "info"
        worker.write_config()
        worker.signal(signal.SIGHUP)
        wait_until(lambda: '"event":"reloaded"' in worker.log_text(), 10, "the reload")
        self.refuses(self.get(host, new_key()), NOT_FOUND)
        wait_until(lambda: worker.log_lines()[-1]["event"] == "request", 5, "the request's line")
        self.assertTrue(worker.log_text()[len(before):].startswith("{"))

    def quiet(self, worker, host):
        """What it has written when it writes no more of requests."""
        def asks_quietly():
            before = worker.log_text()
            self.refuses(self.get(host, new_key()), NOT_FOUND)
            return before if worker.log_text() == before else None
        return wait_until(asks_quietly, 10, "a quiet log")


class Traces(Scenario):
    @staticmethod
    def traceparent(thing):
        return (thing.properties.headers or {}).get("traceparent")

    @staticmethod
    def requests(worker, **fields):
        return [line for line in worker.log_lines()
                if line["event"] == "request" and all(line.get(key) == value for key, value in fields.items())]

    def line_of(self, worker, **fields):
        return wait_until(lambda: self.requests(worker, **fields), 10, "the line of a request")[0]

    def test_a_request_is_followed_over_both_workers_to_its_reply(self):
        source, destination, key, dek = self.a.alias(), self.b.alias(), new_key(), new_dek()
        first, second = self.worker(source), self.worker(destination, name="traced-b")
        secret = self.defined(source, key, dek)
        self.vm(self.a, "encrypted", secret, key["vmUuid"])
        for given in (PARENT, None):
            properties = {"headers": {"traceparent": given}} if given else {}
            request = new_uuid()
            reply = self.succeeds(self.pre_migrate(source, destination, key, dek, id=request, migration=new_uuid(),
                                                   properties=properties))
            answered = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])", self.traceparent(reply))
            trace = self.line_of(first, id=request)["trace"]
            self.assertEqual((trace, "01" if given else "00"), (answered[1], answered[3]))
            self.assertEqual(TRACE, trace) if given else self.assertNotEqual(TRACE, trace)
            self.assertNotEqual(SPAN, answered[2])
            there = wait_until(lambda t=trace: self.requests(second, trace=t), 10, "the same trace at the destination")
            self.assertIn("SecretHostDefineMsg", {line["msg"] for line in there})

    def test_what_a_worker_asks_another_names_the_worker_as_its_parent(self):
        key, host = new_key(), self.fake_host()
        secret = self.planted(self.a, key, dek := new_dek())
        self.vm(self.a, "encrypted", secret, key["vmUuid"])
        self.succeeds(self.pre_migrate(self.a, host, key, dek, properties={"headers": {"traceparent": PARENT}}))
        asked = [*host.key_requests, *host.requests]
        self.assertGreaterEqual(len(asked), 2)
        parents = {self.traceparent(request) for request in asked}
        self.assertEqual(1, len(parents), "one request is one span")
        self.assertRegex(parents.pop(), rf"00-{TRACE}-(?!{SPAN})[0-9a-f]{{16}}-01")

    def test_a_simple_request_is_answered_with_its_trace_and_without_one_has_none(self):
        host = self.a.alias()
        worker = self.worker(host)
        reply = self.get(host, new_key(), id="traced", properties={"headers": {"traceparent": PARENT}})
        self.assertRegex(self.traceparent(reply), rf"00-{TRACE}-(?!{SPAN})[0-9a-f]{{16}}-01")
        self.assertEqual(TRACE, self.line_of(worker, id="traced")["trace"])
        self.assertIsNone(self.traceparent(self.get(host, new_key(), id="plain")))
        self.assertNotIn("trace", self.line_of(worker, id="plain"))

    def test_a_malformed_one_is_ignored(self):
        host = self.a.alias()
        worker = self.worker(host)
        for bad in ("", "x", PARENT.upper(), PARENT + "-", "ff" + PARENT[2:], f"00-{'0' * 32}-{SPAN}-01", b"\xff\xfe", 7,
                    "00-" + "\n" * 60, "z" * 5000):
            reply = self.get(host, new_key(), properties={"headers": {"traceparent": bad}})
            self.refuses(reply, NOT_FOUND)
            self.assertIsNone(self.traceparent(reply), bad)
        self.assertFalse(any("trace" in line for line in worker.log_lines()))

    def test_the_program_passes_on_the_trace_that_it_runs_in(self):
        host = self.fake_host()
        def ask(parent):
            subprocess.run([*program("keyferry"), "--url", self.broker.url, "get", "--host", host.uuid, "--vm", new_uuid(),
                            "--key-version", "1"], env={**os.environ, "TRACEPARENT": parent}, capture_output=True,
                           timeout=patience(20), check=False)
            return self.traceparent(host.requests[-1])
        self.assertEqual(PARENT, ask(PARENT))
        self.assertIsNone(ask("nonsense"))
