"""keyferry for people: status, queues, watch, doctor, bench, help and completion."""
import json
import os
import pty
import re
import signal
import subprocess
import time

from tests.e2e.base import Scenario, new_dek, new_key, new_uuid
from tests.lab import patience, program, refusal, wait_until

UNSERVED = "11111111-2222-4333-8444-555555555555"
EVENTS = ("worker-up", "worker-down", "hypervisor-up", "hypervisor-down", "secret-defined", "secret-replaced",
          "secret-deleted", "secret-lost", "secret-restored", "lease-ended", "orphan-found", "key-rotated")


class People(Scenario):
    def keyferry(self, status, *arguments, where=None, **environment):
        """(stdout, stderr) of a run that must end with this status."""
        where = where or ["--url", self.broker.url]
        run = subprocess.run([*program("keyferry"), *where, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=patience(60), env={**os.environ, **environment}, check=False)
        self.assertEqual(status, run.returncode, (arguments, run.stdout, run.stderr))
        return run.stdout, run.stderr

    def json_of(self, status, *arguments, **more):
        return json.loads(self.keyferry(status, "--json", *arguments, **more)[0])

    def left(self, host, **options):
        """A worker for the host that has gone: of it there is the queue, from which nobody consumes any more."""
        worker = self.worker(host, **options)
        worker.stop()
        wait_until(lambda: self.broker.queue(f"keyferry.host.{host.hex}") == (0, 0), 20, "nobody to consume")
        return worker

    def on_terminal(self, *arguments, seconds=20, until=None, **environment):
        """What it writes to a terminal on both its outputs; SIGINT ends it once `until` was seen. (status, text)"""
        master, slave = pty.openpty()
        run = subprocess.Popen([*program("keyferry"), "--url", self.broker.url, *arguments], stdin=slave, stdout=slave,
                               stderr=slave, env={**os.environ, "TERM": "xterm", **environment})
        os.close(slave)
        text, end = "", time.monotonic() + patience(seconds)
        while time.monotonic() < end:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            text += piece.decode()
            if until and re.search(until, text):
                run.send_signal(signal.SIGINT)
                until = None
        os.close(master)
        return run.wait(timeout=patience(10)), text


class Queues(People):
    def test_tells_what_waits_for_each_host_who_consumes_and_what_is_dead(self):
        host = self.a.alias()
        self.left(host)
        for _ in range(3):
            self.client.send("SecretHostGetMsg", host, **new_key())
        self.client.purge_dead_letters()
        self.client.publish("x", b"what no worker could handle", exchange="keyferry.dead")
        for queue, count in ((f"keyferry.host.{host.hex}", 3), ("keyferry.dead", 1)):
            wait_until(lambda q=queue, n=count: self.broker.queue(q)[0] == n, 20, f"{count} in {queue}")
        told = self.json_of(0, "queues", "--host", host.uuid, "--host", UNSERVED, "--host", self.a.hex)
        first, second, third = told["hosts"]
        self.assertEqual({"hostUuid": host.uuid, "queue": f"keyferry.host.{host.hex}", "isThere": True, "waiting": 3,
                          "consumers": 0, "details": "nobody consumes"}, first)
        self.assertEqual((UNSERVED, False), (second["hostUuid"], second["isThere"]))
        self.assertEqual((self.a.uuid, 0, 1), (third["hostUuid"], third["waiting"], third["consumers"]))
        self.assertEqual(("keyferry.dead", 1), (told["deadLetters"]["queue"], told["deadLetters"]["waiting"]))
        self.assertRegex(told["broker"], r"RabbitMQ \d+\.\d+")
        out, said = self.keyferry(0, "queues", "--host", host.uuid)
        self.assertRegex(out, rf"{host.uuid} +keyferry.host.{host.hex} +3 +- +- +0 +nobody consumes")
        self.assertEqual("", said)
        self.client.purge_dead_letters()
        self.client.channel.queue_purge(f"keyferry.host.{host.hex}")

    def test_takes_the_hosts_of_a_configuration_and_makes_nothing(self):
        host = self.a.alias()
        worker = self.with_part(self.lab.worker(self.broker, host))
        told = self.json_of(0, "queues", where=["-c", worker.config])
        self.assertEqual([(host.uuid, False)], [(h["hostUuid"], h["isThere"]) for h in told["hosts"]])
        self.assertIsNone(self.broker.queue(f"keyferry.host.{host.hex}"))
        self.assertIn("--host", self.keyferry(2, "queues")[1])

    def test_tells_how_long_the_oldest_request_has_waited_as_its_worker_sees_it(self):
        host = self.with_part(self.lab.hypervisor("q" + new_uuid()[:4])).start()
        worker = self.worker(host, settings={"worker": {"hypervisor_wait_ms": "600000"}})
        queues = lambda *more: self.keyferry(0, *more, "queues", "--host", host.uuid)[0]
        row = lambda: json.loads(queues("--json"))["hosts"][0]
        age = lambda: float(re.search(r"^keyferry_host_oldest_request_seconds\{.*\} (.*)", worker.get("/metrics")[1], re.M)[1])
        self.assertEqual((0, 0), (row()["inFlight"], row()["oldestMilliseconds"]))
        self.assertRegex(queues(), rf"keyferry.host.{host.hex} +0 +0 +- +1")
        self.assertEqual(0, age())
        host.kill()
        wait_until(lambda: worker.get("/readyz")[0] == 503, 20, "the worker to miss libvirt")
        self.client.send("SecretHostGetMsg", host, createdTime=1, **new_key())  # not believed: his clock is wrong
        self.client.send("SecretHostGetMsg", host, createdTime=..., **new_key())
        wait_until(lambda: row()["inFlight"] == 2, 20, "both to be in hand")
        self.assertLess(row()["oldestMilliseconds"], patience(60) * 1000)
        self.client.send("SecretHostGetMsg", host, createdTime=int((time.time() - 3 * 3600) * 1000), **new_key())
        wait_until(lambda: row()["inFlight"] == 3, 20, "the old one to be in hand")
        self.assertAlmostEqual(3 * 3600e3, row()["oldestMilliseconds"], delta=patience(60) * 1000)
        self.assertRegex(queues(), rf"keyferry.host.{host.hex} +0 +3 +3 h +1 +.*running VMs are not hurt: ")
        self.assertAlmostEqual(3 * 3600, age(), delta=patience(60))
        self.assertAlmostEqual(3 * 3600e6, json.loads(worker.get("/status.json")[1])["hosts"][0]["oldestUs"],
                               delta=patience(60) * 1e6)
        worker.freeze()
        self.addCleanup(worker.thaw)
        within = int(patience(700))  # for all it has to do, the login included
        silent = json.loads(queues("--json", "--timeout", str(within)))["hosts"][0]
        self.assertGreaterEqual(silent["oldestAtLeastMilliseconds"], within)
        self.assertNotIn("inFlight", silent)
        self.assertRegex(queues("--timeout", str(within)), r" - +> \d+(\.\d)? s +1 +its worker does not answer")

    def test_who_may_not_ask_workers_is_told_what_the_broker_tells(self):
        self.broker.add_users("onlooker")
        self.broker.ctl("set_permissions", "onlooker", "^keyferry[.]reply[.]", "^keyferry[.]reply[.]", ".*")
        out, _ = self.keyferry(0, "queues", "--host", self.a.uuid, where=["--url", self.broker.url_of("onlooker")])
        self.assertRegex(out, rf"keyferry.host.{self.a.hex} +0 +- +- +1 .*403")
        self.broker.ctl("set_permissions", "onlooker", "^$", "^$", "^$")
        out, said = self.keyferry(0, "queues", "--host", self.a.uuid, where=["--url", self.broker.url_of("onlooker")])
        self.assertRegex(out, rf"keyferry.host.{self.a.hex} +0 +- +- +1")
        self.assertIn("cannot be asked how long requests wait", said)

    def test_hundreds_of_hosts_are_asked_at_once(self):
        hosts = [new_uuid() for _ in range(500)]
        path = os.path.join(self.lab.make_folder("many-" + new_uuid()[:8]), "conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"[bus]\nurl = {self.broker.url}\n")
            f.writelines(f"[host.{host}]\n" + "libvirt_uri = test:///default\n" * (i % 2) for i, host in enumerate(hosts))
        told = self.json_of(0, "queues", where=["-c", path])
        self.assertEqual(hosts, [h["hostUuid"] for h in told["hosts"]])


class Status(People):
    def test_each_host_is_told_as_it_is(self):
        gone, frozen = self.a.alias(), self.a.alias()
        self.left(gone)
        worker = self.worker(frozen, name="frozen")
        worker.freeze()
        self.addCleanup(worker.thaw)
        hosts = (self.a.uuid, UNSERVED, gone.uuid, frozen.uuid)
        told = self.json_of(1, "status", "--timeout", str(int(patience(1500))), *(word for h in hosts for word in ("--host", h)))
        self.assertEqual(["served", "no queue", "unserved", "silent"], [h["state"] for h in told["hosts"]])
        served = told["hosts"][0]
        version = subprocess.run([*program("keyferryd"), "--version"], capture_output=True, text=True, check=True).stdout
        self.assertIn(f"keyferryd {served['version']}\n", version)
        self.assertEqual(("bound", "loopback", 1), (served["envelope"], served["plaintextDek"], served["consumers"]))
        self.assertGreater(served["answerMicroseconds"], 0)
        out, _ = self.keyferry(0, "status", "--host", self.a.uuid)
        self.assertRegex(out, rf"{self.a.uuid} +served +0 +1 +{re.escape(served['version'])} +bound")
        self.assertIn("1 of 1 served", out)

    def test_a_host_whose_libvirt_is_away_is_not_called_served(self):
        host = self.with_part(self.lab.hypervisor("s" + new_uuid()[:4])).start()
        worker = self.worker(host)
        host.kill()
        wait_until(lambda: worker.get("/readyz")[0] == 503, 20, "the worker to miss libvirt")
        told = self.json_of(1, "status", "--host", host.uuid)["hosts"][0]
        self.assertEqual("libvirt away", told["state"])
        self.assertRegex(told["details"], "^its requests wait a while; running VMs are not hurt: .{10}")
        out, _ = self.keyferry(1, "status", "--host", host.uuid, "--host", self.a.uuid)
        self.assertRegex(out, rf"{host.uuid} +libvirt away +0 +1 .*running VMs are not hurt")
        self.assertIn("1 of 2 served", out)
        host.start()
        wait_until(lambda: worker.get("/readyz")[0] == 200, 20, "the worker to reach libvirt")
        self.assertIn("1 of 1 served", self.keyferry(0, "status", "--host", host.uuid)[0])

    def test_what_would_only_wait_is_not_sent(self):
        host = self.a.alias()
        self.left(host)
        self.keyferry(1, "status", "--host", host.uuid)
        self.assertEqual((0, 0), self.broker.queue(f"keyferry.host.{host.hex}"))

    def test_a_worker_that_is_too_old_to_know_the_question_is_served_all_the_same(self):
        old = self.fake_host({"HostCapabilitiesGetMsg": refusal("SYS.1008", "no handler for HostCapabilitiesGetMsg")})
        told = self.json_of(0, "status", "--host", old.uuid)["hosts"][0]
        self.assertEqual(("served", "older"), (told["state"], told["version"]))

    def test_watches_until_ctrl_c_with_colour_on_a_terminal_alone(self):
        status, text = self.on_terminal("status", "--watch", "--host", self.a.uuid, until=r"(?s)1 of 1.*1 of 1")
        self.assertEqual(0, status, text)
        self.assertIn("\x1b[32mserved", text)
        status, text = self.on_terminal("status", "--host", self.a.uuid, NO_COLOR="1")
        self.assertEqual(0, status, text)
        self.assertNotIn("\x1b[", text)
        self.assertNotIn("\x1b", self.keyferry(0, "status", "--host", self.a.uuid)[0])

    def test_a_watch_goes_on_when_the_broker_is_back(self):
        link = self.with_part(self.lab.link(self.broker))
        run = subprocess.Popen([*program("keyferry"), "--url", link.url, "--json", "status", "--watch", "--host", self.a.uuid],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.kill)
        self.assertEqual("served", json.loads(run.stdout.readline())["hosts"][0]["state"])
        link.cut()
        self.assertIn("keyferry: ", run.stderr.readline())
        self.assertEqual("served", json.loads(run.stdout.readline())["hosts"][0]["state"])
        run.send_signal(signal.SIGINT)
        self.assertEqual(0, run.wait(timeout=patience(10)))

    def test_without_a_broker_it_exits_with_5(self):
        where = ["--url", "amqp://guest:guest@127.0.0.1:9/"]
        for command in ("status", "queues"):
            self.assertIn("refused", self.keyferry(5, command, "--host", self.a.uuid, where=where)[1])


class Waiting(People):
    def test_on_a_terminal_it_shows_how_long_it_waits_for_an_answer(self):
        silent = self.fake_host({"SecretHostGetMsg": None})
        within = int(patience(2600))
        asks = ("get", "--host", silent.uuid, "--vm", new_uuid(), "--key-version", "1", "--timeout", str(within))
        status, text = self.on_terminal(*asks)
        self.assertEqual(3, status, text)
        self.assertRegex(text, rf"waiting \[#+\.+\] [1-9] of {within // 1000}\x1b\[K")
        self.assertIn("no answer in time", text)
        self.assertNotIn("waiting", self.keyferry(3, *asks)[1])


class Watch(People):
    def watch(self, *arguments):
        """Runs beside the test, and is watching; .events() gives what it has printed as JSON."""
        run = subprocess.Popen([*program("keyferry"), "--url", self.broker.url, "watch", *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.kill)
        self.assertIn("watching", run.stderr.readline())
        return run

    def test_prints_what_happens_as_json_and_for_people(self):
        key, dek, host = new_key(), new_dek(), self.a.alias()
        as_json = self.watch("--json", "--host", host.uuid, "--count", "5")
        for_people = self.watch("--host", host.uuid, "--count", "5")
        self.worker(host)
        secret = self.defined(host, key, dek)
        self.succeeds(self.delete(host, key))
        self.succeeds(self.client.ask("HostEnvelopeKeyRotateMsg", host))
        out, said = as_json.communicate(timeout=patience(20))
        self.assertEqual((0, ""), (as_json.returncode, said))
        events = [json.loads(line)["HostSecretEvent"] for line in out.splitlines()]
        self.assertEqual({"worker-up", "hypervisor-up", "secret-defined", "secret-deleted", "key-rotated"},
                         {event["event"] for event in events})
        defined = next(event for event in events if event["event"] == "secret-defined")
        self.assertEqual((secret, key["vmUuid"]), (defined["secretUuid"], defined["vmUuid"]))
        out, _ = for_people.communicate(timeout=patience(20))
        self.assertEqual(5, len(out.splitlines()), out)
        self.assertRegex(out, rf"\d\d:\d\d\.\d\d\dZ  secret-defined +{host.uuid}  of keyferry/vtpm/{key['vmUuid']}/tpm0/v1"
                              rf"  secret {secret}")
        self.assertNotIn("\x1b", out)

    def test_only_what_is_wanted_comes(self):
        one, two = self.a.alias(), self.b.alias()
        of_one = self.watch("--json", "--host", one.uuid, "--event", "secret-defined,secret-deleted", "--count", "2")
        any_rotation = self.watch("--json", "--event", "key-rotated", "--count", "2")
        self.worker(one, two)
        for host in (two, one):
            key = new_key()
            self.defined(host, key)
            self.succeeds(self.client.ask("HostEnvelopeKeyRotateMsg", host))
            self.succeeds(self.delete(host, key))
        events = [json.loads(line)["HostSecretEvent"] for line in of_one.communicate(timeout=patience(20))[0].splitlines()]
        self.assertEqual([("secret-defined", one.uuid), ("secret-deleted", one.uuid)],
                         [(event["event"], event["hostUuid"]) for event in events])
        events = [json.loads(line)["HostSecretEvent"]
                  for line in any_rotation.communicate(timeout=patience(20))[0].splitlines()]
        self.assertEqual([two.uuid, one.uuid], [event["hostUuid"] for event in events])
        self.assertIn("is not an event", self.keyferry(2, "watch", "--event", "secret-found")[1])

    def test_each_event_there_is_can_be_watched_and_what_is_none_does_not_end_it(self):
        watching = self.watch("--json", "--count", str(len(EVENTS)))
        bodies = [b"", b"{", b"\xff\xfe", b'{"HostSecretEvent": {"event": "worker-sideways"}}']
        bodies += [json.dumps({"HostSecretEvent": {"event": "worker-up", "hostUuid": UNSERVED, "worker": "w\x1b[31m",
                                                   "createdTime": 1}}).encode()]
        bodies += [json.dumps({"HostSecretEvent": {
            "event": event, "hostUuid": UNSERVED, "worker": "w", "createdTime": 1700000000000}}, indent=1).encode()
            for event in EVENTS]
        for body in bodies:
            self.client.publish(f"host.{UNSERVED.replace('-', '')}.x", body, exchange="keyferry.events")
        out, said = watching.communicate(timeout=patience(20))
        self.assertEqual(list(EVENTS), [json.loads(line)["HostSecretEvent"]["event"] for line in out.splitlines()])
        self.assertEqual(5, said.count("no event"))
        self.assertNotIn("\x1b", out + said)

    def test_ends_by_ctrl_c_and_says_when_the_broker_was_lost_and_is_back(self):
        link = self.with_part(self.lab.link(self.broker))
        run = subprocess.Popen([*program("keyferry"), "--url", link.url, "watch", "--host", UNSERVED],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.kill)
        self.assertIn("watching", run.stderr.readline())
        link.cut()
        self.assertIn("not seen", run.stderr.readline())
        wait_until(lambda: "watching again" in run.stderr.readline(), 20, "the watch to go on")
        run.send_signal(signal.SIGINT)
        self.assertEqual(0, run.wait(timeout=patience(10)))


class Bench(People):
    def test_measures_and_leaves_nothing(self):
        before = self.a.secrets()
        told = self.json_of(0, "bench", "--host", self.a.uuid, "--count", "60", "--in-flight", "7")
        self.assertEqual((self.a.uuid, 7), (told["hostUuid"], told["inFlight"]))
        for phase in ("defines", "gets", "deletes"):
            self.assertEqual((60, 0), (told[phase]["done"], told[phase]["failed"]))
            self.assertGreater(told[phase]["perSecond"], 0)
            self.assertLessEqual(told[phase]["medianMicroseconds"], told[phase]["p99Microseconds"])
        self.assertEqual(before, self.a.secrets())
        out, said = self.keyferry(0, "bench", "--host", self.a.uuid, "--count", "5")
        self.assertRegex(out, r"defines +5 +0")
        self.assertIn("6b657966-6572-7279", said)

    def test_interrupted_it_deletes_what_it_made(self):
        run = subprocess.Popen([*program("keyferry"), "--url", self.broker.url, "bench", "--host", self.a.uuid, "--count",
                                "100000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.kill)
        ours = lambda: [xml for xml in self.a.secrets().values() if "6b657966-6572-7279" in xml]
        wait_until(lambda: len(ours()) > 20, 20, "secrets of the bench")
        self.assertTrue(all(" until=" in xml for xml in ours()))  # leased: killed, it would leave nothing for ever
        run.send_signal(signal.SIGINT)
        out, said = run.communicate(timeout=patience(60))
        self.assertEqual(0, run.returncode, (out, said))
        self.assertEqual([], ours())

    def test_what_fails_is_counted_and_told(self):
        host = self.fake_host({"SecretHostDefineMsg": None})
        within = str(int(patience(1000)))
        told, said = self.keyferry(1, "--timeout", within, "bench", "--host", host.uuid, "--count", "3", "--json")
        self.assertEqual(3, json.loads(told)["defines"]["failed"])
        self.assertIn(f"no answer within {within} ms", said)
        self.keyferry(4, "bench", "--host", UNSERVED)
        self.keyferry(2, "bench")


class Doctor(People):
    def doctor(self, status, worker, *arguments):
        """{check: [(result, details)]}"""
        checks = {}
        for one in self.json_of(status, "doctor", *arguments, where=["-c", worker.config])["checks"]:
            checks.setdefault(one["check"], []).append((one["result"], one["details"]))
        return checks

    def failures(self, checks):
        return {check: details for check, all_of_it in checks.items() for result, details in all_of_it if result == "fail"}

    def test_finds_nothing_wrong_where_nothing_is_before_the_first_start_and_beside_a_worker(self):
        host = self.a.alias()
        worker = self.with_part(self.lab.worker(self.broker, host))
        before = self.doctor(0, worker)
        self.assertEqual({}, self.failures(before))
        self.assertEqual([], os.listdir(worker.state_dir))
        self.assertIsNone(self.broker.queue(f"keyferry.host.{host.hex}"))
        self.assertIn("made at the first start", before["ledger"][0][1])
        listener = self.with_part(self.lab.listener(self.broker))
        worker.start()
        for kind in ("worker-up", "hypervisor-up"):  # may be told after it is ready
            listener.wait_for(kind)
        listener.events.clear()
        checks = self.doctor(0, worker)
        self.assertEqual({}, self.failures(checks))
        self.assertRegex(checks["broker"][0][1], r"RabbitMQ \d+\.\d+.*, logged in as guest")
        self.assertRegex(checks["libvirt"][0][1], r"QEMU \d+\.\d+\.\d+, client library \d")
        self.assertIn("of 1 queues 1 are as they should be", checks["queues"][0][1])
        self.assertIn("of version", checks["ledger"][0][1])
        self.assertIn("1 have good keys", checks["keys"][0][1])
        self.assertEqual([], listener.kinds())  # to try whether it may be done does nothing
        self.assertEqual((0, 1), self.broker.queue(f"keyferry.host.{host.hex}"))
        self.succeeds(self.define(host, new_key()))
        out, _ = self.keyferry(0, "doctor", where=["-c", worker.config])
        self.assertTrue(all(re.match(r"(ok  |warn|fail)  \S| {22}-> \S", line) for line in out.splitlines()), out)

    def test_a_configuration_that_cannot_be_read_is_told_with_its_line(self):
        worker = self.with_part(self.lab.worker(self.broker, self.a.alias(), settings={"worker": {"nonsense": "1"}}))
        self.assertIn("nonsense", self.doctor(1, worker)["configuration"][0][1])
        self.assertIn("--url", self.keyferry(2, "doctor")[1])

    def test_a_broker_or_libvirt_that_is_away_is_told(self):
        host = self.with_part(self.lab.hypervisor("f"))
        worker = self.with_part(self.lab.worker(self.broker, host, settings={
            "bus": {"url": "amqp://guest:guest@127.0.0.1:9/"}}))
        failures = self.failures(self.doctor(1, worker))
        self.assertEqual({"broker", "libvirt"}, set(failures))
        self.assertIn("refused", failures["broker"])

    def test_what_a_version_of_the_broker_costs_is_told_by_the_doctor_and_in_the_log(self):
        for version, result, words in (("3.9.", "warn", "x-dead-letter-strategy"), ("4.0.", "ok", "one of 20")):
            link = self.with_part(self.lab.link(self.broker))
            link.version = version
            host = self.a.alias()
            worker = self.worker(host, settings={"bus": {"url": link.url}})
            told = [details for verdict, details in self.doctor(0, worker)["broker"] if verdict == result]
            self.assertTrue(any(words in details and f"RabbitMQ {version}" in details for details in told), told)
            logged = [line for line in worker.log_lines() if line["event"] == "broker-version"]
            self.assertEqual([] if result == "ok" else [True], [words in line["details"] for line in logged])
            self.assertIn(f"(RabbitMQ {version}", worker.log_text())
            self.assertIn(f"RabbitMQ {version}", self.json_of(0, "queues", "--host", host.uuid, where=["--url", link.url])["broker"])

    def test_a_queue_that_is_otherwise_is_told_and_left_as_it_is(self):
        host = self.a.alias()
        self.worker(host).stop()
        worker = self.with_part(self.lab.worker(self.broker, host, name="other", settings={
            "bus": {"queue_type": "classic"}}))
        self.assertIn("406", self.failures(self.doctor(1, worker))["queue"])
        self.assertEqual((0, 0), self.broker.queue(f"keyferry.host.{host.hex}"))

    def test_rights_that_are_missing_are_told_one_by_one(self):
        host = self.a.alias()
        self.worker(host).stop()
        self.broker.add_users("doctored")
        worker = self.with_part(self.lab.worker(self.broker, host, name="doctored", settings={
            "bus": {"url": self.broker.url_of("doctored"), "declare": "no"}}))
        self.assertEqual({}, self.failures(self.doctor(0, worker)))
        self.broker.ctl("set_permissions", "doctored", ".*", "^keyferry[.](p2p|dead)$", "^$")
        checks = self.doctor(1, worker)
        told = " ".join(details for result, details in checks["rights"] if result == "fail")
        self.assertIn("keyferry.events", told)
        self.assertIn(f"consuming from queue 'keyferry.host.{host.hex}': 403", told)
        self.assertNotIn("keyferry.p2p", told)
        self.broker.ctl("set_permissions", "doctored", "^keyferry[.](reply|workers)[.]doctored$", ".*", ".*")
        self.assertEqual({}, self.failures(self.doctor(0, worker)))  # declare = no: it need not declare
        worker.settings["bus"]["declare"] = "yes"
        worker.write_config()
        self.assertIn("declaring", self.failures(self.doctor(1, worker))["rights"])

    def test_rights_on_the_pools_exchange_and_on_queues_of_its_own_are_told_and_none_is_made(self):
        def warnings():
            out = self.keyferry(0, "doctor", where=["-c", worker.config])[0]
            return re.findall(r"^warn  (?:rights|pool) .*\n {22}-> .*", out, re.M)
        self.broker.add_users("pooled")
        worker = self.with_part(self.lab.worker(self.broker, self.a.alias(), name="pooled", settings={
            "bus": {"url": self.broker.url_of("pooled")}}))
        self.assertEqual([], warnings())
        for queue in ("reply", "workers"):
            self.assertIsNone(self.broker.queue(f"keyferry.{queue}.pooled"))
        worker.start()
        self.assertEqual([], warnings())  # beside the worker, whose queues nobody else may touch
        self.succeeds(self.define(worker.hypervisors[0], new_key()))
        self.assertNotIn("pool-down", worker.log_text())
        worker.stop()
        everything_but = "^(?!keyferry[.]workers{}$).*"
        for configure, write, read, said in (
                (everything_but.format("[.]pooled"), ".*", ".*", "declaring queue 'keyferry.workers.pooled': 403"),
                (everything_but.format(""), ".*", ".*", "declaring exchange 'keyferry.workers': 403"),
                (".*", everything_but.format("[.]pooled"), ".*", "binding queue 'keyferry.workers.pooled': 403"),
                (".*", everything_but.format(""), ".*", "publishing to 'keyferry.workers': 403"),
                (".*", ".*", everything_but.format("[.]pooled"), "consuming from queue 'keyferry.workers.pooled': 403"),
                (".*", ".*", everything_but.format(""), "binding queue 'keyferry.workers.pooled': 403")):
            self.broker.ctl("set_permissions", "pooled", configure, write, read)
            told = warnings()
            self.assertEqual(1, len(told), told)
            self.assertIn(said, told[0])
            self.assertIn("keyferry-broker-user", told[0])
        self.broker.ctl("set_permissions", "pooled", "^(?!keyferry[.]reply[.]).*", ".*", ".*")
        self.assertIn("declaring queue 'keyferry.reply.pooled': 403", self.failures(self.doctor(1, worker))["rights"])
        self.broker.ctl("add_vhost", "bare")
        self.broker.ctl("set_permissions", "-p", "bare", "pooled", ".*", ".*", ".*")
        worker.settings["bus"].update(url=self.broker.url_of("pooled").rpartition("/")[0] + "/bare", declare="no")
        worker.write_config()
        pool = self.doctor(1, worker)["pool"]
        self.assertRegex(pool[0][1], "each of them subscribes to every host: .*'keyferry.workers': 404")

    def test_files_that_are_damaged_or_open_to_others_are_told(self):
        host = self.a.alias()
        worker = self.worker(host)
        worker.stop()
        key = os.path.join(worker.state_dir, host.hex + ".key")
        with open(key, "r+b") as f:
            f.write(b"something else")
        os.chmod(worker.ledger, 0o644)
        failures = self.failures(self.doctor(1, worker))
        self.assertIn("ledger", failures)
        self.assertIn(host.uuid, " ".join(d for _, d in self.doctor(1, worker)["keys"]))
        os.chmod(worker.ledger, 0o600)
        worker.ask_ledger("SELECT 1")
        with open(worker.ledger, "wb") as f:
            f.write(b"no database at all" * 100)
        self.assertIn("ledger", self.failures(self.doctor(1, worker)))


class Help(People):
    def commands(self):
        return json.loads(self.keyferry(0, "--json", "--help")[0])

    def test_every_command_has_a_help_of_its_own_with_examples_that_are_real(self):
        told = self.commands()
        options = {"--" + option["name"] for option in told["options"]}
        titles = {command["name"] for command in told["commands"]}
        for command in told["commands"]:
            out, _ = self.keyferry(0, *command["name"].split(), "--help")
            self.assertIn(f"Usage: keyferry {command['name']}", out)
            needed = re.findall(r" --[a-z-]+", out.splitlines()[0])
            for example in re.findall(r"keyferry .*", command["examples"].replace("\\\n", "")):
                self.assertLessEqual(set(needed), set(re.findall(r" --[a-z-]+", example)), example)
            self.assertIn("\nExamples:\n", out)
            own = {"--" + o["name"] for o in told["options"] if o["isGeneral"] or command["name"] in o["commands"]}
            for line in command["examples"].replace("\\\n", "").splitlines():
                line = line.rpartition("| ")[2]
                self.assertRegex(line, rf"keyferry( --url \S+)? {command['name']}\b", line)
                self.assertLessEqual(set(re.findall(r"(?<= )--[a-z-]+", line)), own, line)
        out, _ = self.keyferry(0, "--help")
        for word in options | titles:
            self.assertIn(word, out)

    def test_bash_completes_commands_options_and_values(self):
        def complete(*words):
            script = self.keyferry(0, "completion", "bash")[0] + \
                "COMP_WORDS=(keyferry " + " ".join(f"'{word}'" for word in words) + ")\n" \
                f"COMP_CWORD={len(words)}\ncompopt() {{ :; }}\n_keyferry\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
            run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
            self.assertEqual("", run.stderr)
            return set(run.stdout.split())
        told = self.commands()
        self.assertLessEqual({command["name"].split()[0] for command in told["commands"]}, complete(""))
        self.assertEqual({"define", "delete", "dead"}, complete("de") | complete("dea"))
        self.assertEqual({"list", "show", "replay", "drop"}, complete("dead", ""))
        self.assertEqual({"--outcome"}, complete("--json", "post-migrate", "--o"))
        self.assertEqual({"success", "failure"}, complete("post-migrate", "--outcome", ""))
        self.assertEqual({"replay"}, complete("--timeout", "5", "dead", "r"))
        self.assertEqual(set(), complete("--host", ""))
        for command in told["commands"]:
            own = {"--" + o["name"] for o in told["options"] if o["isGeneral"] or command["name"] in o["commands"]}
            self.assertEqual(own, complete(*command["name"].split(), "--"), command["name"])

    def test_the_other_shells_take_theirs(self):
        for shell in ("zsh", "fish"):
            out, _ = self.keyferry(0, "completion", shell)
            self.assertIn("post-migrate", out)
            self.assertIn("secret-lost", out)
        self.assertIn("zsh and fish", self.keyferry(2, "completion", "tcsh")[1])
