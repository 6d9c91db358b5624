"""hosts_dir: a folder with a file for each host, whose changes the worker takes up by itself."""
import os
import re
import signal
import socket
import subprocess
import time

from tests.e2e.base import NOT_FOUND, Scenario, new_key, new_uuid
from tests.lab import patience, program, wait_until


class HostsDir(Scenario):
    def setUp(self):
        super().setUp()
        self.dir = self.lab.make_folder("hosts-" + new_uuid()[:8])

    def path(self, host, suffix=".conf"):
        return os.path.join(self.dir, host.uuid + suffix)

    def write(self, path, text):
        """As an operator should: elsewhere, and then moved to its place."""
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def add(self, *hosts):
        for host in hosts:
            self.write(self.path(host), f"libvirt_uri = {host.uri}\n")

    def up(self, *hosts, waits_ready=True, **settings):
        """A worker of the folder, in which these are."""
        self.add(*hosts)
        return self.worker(name="worker-dir-" + new_uuid()[:8], waits_ready=waits_ready,
                           settings={"worker": {"hosts_dir": self.dir, **settings}})

    def serves(self, worker, *hosts):
        """These, and no others."""
        def served():
            try:
                return set(re.findall(r'keyferry_host_served\{host="(\S+)"\} 1', worker.get("/metrics")[1]))
            except OSError:
                return None  # it begins anew
        wait_until(lambda: served() == {h.uuid for h in hosts}, 30, lambda: f"{served()} served")

    def complains(self, worker, *words):
        wait_until(lambda: "reload-failed" in worker.log_text(), 10, "a complaint")
        line = next(line for line in worker.log_lines() if line["event"] == "reload-failed")
        for word in words:
            self.assertIn(word, line["details"])

    def test_a_host_whose_file_comes_is_served_and_one_whose_file_goes_no_more(self):
        one, other, third = (self.a.alias() for _ in range(3))
        worker = self.up(one)
        pid = worker.popen.pid
        key = new_key()
        secret = self.defined(one, key)
        self.add(other)
        self.serves(worker, one, other)
        self.defined(other)
        self.write(self.path(third, ""), "")  # without a suffix; qemu:///system, wherever that is
        os.unlink(self.path(other))
        self.serves(worker, one, third)
        self.assertEqual(secret, self.succeeds(self.get(one, key))["secretUuid"])
        self.assertEqual(pid, worker.popen.pid)

    def test_every_request_is_answered_once_while_hosts_come_and_go(self):
        one, other = self.a.alias(), self.a.alias()
        worker = self.up(one)
        ids, hosts = [], {one, other}
        for _ in range(6):
            ids += [self.client.send("SecretHostDefineMsg", one, **new_key(), dekBase64="AAAA") for _ in range(100)]
            if other in hosts:
                self.add(other)
            else:
                os.unlink(self.path(other))
            self.serves(worker, *hosts)
            hosts ^= {other}
        for reply in self.client.wait_many(ids, 60):
            self.assertTrue(self.succeeds(reply)["created"])

    def test_a_bad_file_is_named_and_changes_nothing(self):
        one, other = self.a.alias(), self.a.alias()
        worker = self.up(one)
        for text, words in ((f"libvirt_url = {one.uri}\n", (":1:", "libvirt_url")), ("[worker]\n", (":1:", "worker")),
                            (f"[host.{one.uuid}]\n", (":1:", "name")), ("libvirt_uri =\n", (":1:", "libvirt_uri"))):
            with self.subTest(text=text):
                before = worker.log_text().count("reload-failed")
                self.write(self.path(other), text)
                wait_until(lambda: worker.log_text().count("reload-failed") > before, 10, "a complaint")
                last = [line for line in worker.log_lines() if line["event"] == "reload-failed"][-1]["details"]
                for word in (self.path(other), *words):
                    self.assertIn(word, last)
        self.assertIn("keyferry_config_read 0", worker.get("/metrics")[1])
        self.assertIn("The configuration could not be read again", worker.get("/")[1])
        self.lives(one)
        self.add(other)
        self.serves(worker, one, other)
        self.assertIn("keyferry_config_read 1", worker.get("/metrics")[1])

    def test_what_cannot_be_begun_with_leaves_the_hosts_that_there_were(self):
        one, other = self.a.alias(), self.a.alias()
        worker = self.up(one)
        address = worker.settings["worker"]["http"]
        with socket.create_server(("127.0.0.1", 0)) as taken:
            worker.settings["worker"]["http"] = f"127.0.0.1:{taken.getsockname()[1]}"
            worker.write_config()
            self.add(other)
            self.complains(worker, "http", "Address already in use")
            self.serves(worker, one)
            self.assertIn("keyferry_config_read 0", worker.get("/metrics")[1])
            self.lives(one)
        worker.settings["worker"]["http"] = address
        worker.write_config()
        worker.signal(signal.SIGHUP)
        self.serves(worker, one, other)
        self.assertIn("keyferry_config_read 1", worker.get("/metrics")[1])

    def test_many_hosts_that_hang_do_not_hold_up_the_others(self):
        one, other = self.a.alias(), self.a.alias()
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            for n in range(8):
                self.write(os.path.join(self.dir, new_uuid() + ".conf"),
                           f"libvirt_uri = qemu+tcp://127.0.0.1:{deaf.getsockname()[1]}/system?name=qemu:///{n}\n")
            worker = self.up(one)
            began = time.monotonic()
            self.add(other)
            wait_until(lambda: "hosts-changing" in worker.log_text(), 10, "the change")
            wait_until(lambda: f"queue=keyferry.host.{other.hex}" in worker.log_text(), 20, "the other host")
            self.assertLess(time.monotonic() - began, patience(6))
            self.lives(one)

    def test_other_files_are_left_alone(self):
        one = self.a.alias()
        for name in ("README", ".hidden.conf", one.uuid + ".conf~", one.uuid + ".conf.dpkg-new", "old.conf.bak"):
            with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
                f.write("nonsense\n")
        worker = self.up(one)
        self.serves(worker, one)

    def test_a_file_of_any_name_has_its_hosts_section(self):
        one = self.a.alias()
        self.write(os.path.join(self.dir, "rack-7.conf"), f"; the new one\n[host.{one.uuid}]\nlibvirt_uri = {one.uri}\n")
        self.serves(self.up(), one)

    def test_a_folder_that_is_empty_or_goes_is_waited_for(self):
        one = self.a.alias()
        worker = self.up(waits_ready=False)
        wait_until(lambda: "broker-up" in worker.log_text(), 20, "the broker")
        self.add(one)
        self.serves(worker, one)
        os.rename(self.dir, self.dir + ".away")
        self.complains(worker, self.dir)
        self.lives(one)
        other = self.a.alias()
        os.mkdir(self.dir)
        self.add(one, other)
        self.serves(worker, one, other)

    def test_a_start_with_a_bad_file_is_refused_and_print_config_shows_them_all(self):
        one, other = self.a.alias(), self.a.alias()
        self.add(one)
        config = os.path.join(self.dir, "..", new_uuid() + ".conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"[bus]\nurl = {self.broker.url}\n[worker]\nhosts_dir = {self.dir}\n[host.{other.uuid}]\n")

        def run(*arguments):
            done = subprocess.run([*program("keyferryd"), "-c", config, *arguments], capture_output=True, text=True,
                                  timeout=patience(20), check=False)
            return done.returncode, done.stdout + done.stderr
        self.assertEqual((0, f"{config}: good, 2 hosts\n"), run("--check-config"))
        printed = run("--print-config")[1]
        self.assertIn(f"\n; [host.{one.uuid}]\n; libvirt_uri = {one.uri}\n", printed)
        self.assertIn(f"\n[host.{other.uuid}]\n", printed)
        with open(config, "w", encoding="utf-8") as f:
            f.write(printed)
        self.assertEqual(printed, run("--print-config")[1])
        for host, text, word in ((one, "nonsense\n", "neither"), (other, "", "twice")):
            self.write(self.path(host), text)
            for arguments in (("--check-config",), ()):
                status, said = run(*arguments)
                self.assertEqual(3, status)
                self.assertIn(self.path(host), said)
                self.assertIn(word, said)
            os.unlink(self.path(host))

    def test_a_section_more_is_taken_up_by_sighup(self):
        one, other = self.a.alias(), self.a.alias()
        worker = self.worker(one)
        worker.settings[f"host.{other.uuid}"] = {"libvirt_uri": other.uri}
        worker.write_config()
        worker.signal(signal.SIGHUP)
        self.serves(worker, one, other)
        self.lives(other)

    def test_a_stop_while_hosts_change_is_a_stop(self):
        for _ in range(5):
            one, other = self.a.alias(), self.a.alias()
            worker = self.up(one)
            self.add(other)
            wait_until(lambda: "hosts-changing" in worker.log_text(), 10, "the change")
            self.assertEqual(0, worker.stop())
            self.assertIn("worker-down", worker.log_text())
            os.unlink(self.path(one))
            os.unlink(self.path(other))

    def test_the_clis_hosts_are_those_of_the_folder_too(self):
        one, other = self.a.alias(), self.a.alias()
        worker = self.up(one, other)
        self.serves(worker, one, other)

        def run(*arguments):
            done = subprocess.run([*program("keyferry"), "-c", worker.config, *arguments], capture_output=True, text=True,
                                  timeout=patience(20), check=False)
            return done.returncode, done.stdout + done.stderr
        status, said = run("queues")
        self.assertEqual(0, status, said)
        for host in (one, other):
            self.assertIn(host.uuid, said)
        self.write(self.path(other), "nonsense\n")  # in the way of what needs all hosts, and of nothing else
        for arguments, wanted in ((("queues",), 2), (("queues", "--host", one.uuid), 0), (("dead", "list"), 0)):
            status, said = run(*arguments)
            self.assertEqual(wanted, status, said)
            self.assertEqual(wanted != 0, self.path(other) in said, said)

    def test_what_was_asked_of_a_host_before_its_file_came_waits_for_it(self):
        one, late = self.a.alias(), self.a.alias()
        worker = self.up(one, late)
        self.serves(worker, one, late)  # so that there is a queue
        os.unlink(self.path(late))
        self.serves(worker, one)
        asked = self.client.send("SecretHostGetMsg", late, **new_key())
        self.add(late)
        self.refuses(self.client.wait(asked), NOT_FOUND)
