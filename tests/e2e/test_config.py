"""keyferryd's configuration and command line."""
import json
import os
import socket
import subprocess

from tests.e2e.base import NOT_FOUND, Scenario, new_key, new_uuid
from tests.lab import patience, program, wait_until

GOOD = """\
[bus]
url = amqp://guest:guest@127.0.0.1:5672/%2F
[worker]
state_dir = {state}
[host.{host}]
libvirt_uri = test:///default
"""


class Config(Scenario):
    def setUp(self):
        super().setUp()
        self.folder = self.lab.make_folder("config-" + new_uuid()[:8])
        self.path = os.path.join(self.folder, "keyferry.conf")
        self.good = GOOD.format(state=self.folder, host=new_uuid())

    def keyferryd(self, *arguments, config=None, **environment):
        """Run it to its end; (exit status, stdout, stderr)."""
        if config is not None:
            with open(self.path, "w", encoding="utf-8") as f:
                f.write(config)
        run = subprocess.run([*program("keyferryd"), *arguments], capture_output=True, text=True, timeout=patience(20),
                             env={**os.environ, "NOTIFY_SOCKET": "", **environment}, check=False)
        return run.returncode, run.stdout, run.stderr

    def check(self, config):
        return self.keyferryd("-c", self.path, "--check-config", config=config)

    def refused(self, config, *words):
        """A start with it fails, as does --check-config, and says these words."""
        for arguments in (("-c", self.path, "--check-config"), ("-c", self.path)):
            status, _, said = self.keyferryd(*arguments, config=config)
            self.assertNotEqual(0, status, config)
            for word in words:
                self.assertIn(word, said)

    def with_line(self, line, section="worker"):
        """(the good configuration with a line more at the head of a section, that line's number)."""
        head = f"[{section}]\n"
        if head not in self.good:
            return self.good + head + line + "\n", self.good.count("\n") + 2
        before, after = self.good.split(head)
        return before + head + line + "\n" + after, before.count("\n") + 2

    def test_a_good_one_is_good(self):
        self.assertEqual(0, self.check(self.good)[0])

    def test_what_stands_in_the_way_of_a_start_is_told_with_what_to_do(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            line = f"http = 127.0.0.1:{other.getsockname()[1]}"
            status, _, said = self.keyferryd("-c", self.path, config=self.with_line(line)[0])
        self.assertEqual(3, status)
        self.assertIn("Address already in use (`ss -ltnp` tells by whom; take another port)", said)
        os.chmod(self.folder, 0o755)
        run = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *program("keyferryd"), "-c",
                              self.path], capture_output=True, text=True, timeout=patience(20), check=False) \
            if os.getuid() == 0 else None
        if run:
            self.assertRegex(run.stderr, rf"state_dir {self.folder}: Permission denied \(give it to the worker's user, which is 65534")
        config, line = self.with_line("password_file = /etc/keyferry/password")
        self.refused(config, f":{line}: unknown key 'password_file' in [worker]: it belongs into [bus]")
        status, _, said = self.keyferryd("-c", self.path + ".none")
        self.assertEqual(3, status)
        self.assertIn("--print-config prints a sample", said)
        self.assertIn("--help tells more", self.keyferryd("--nonsense")[2])

    def test_an_unknown_key_or_section_is_refused_with_file_and_line(self):
        for section, line in (
                ("bus", "urll = x"), ("bus", "threads = 4"), ("worker", "thread = 4"), ("worker", "Threads = 4"),
                ("senders", "mgmt = boss"), ("trust", "sender.x = y"), ("nonsense", "x = y"), ("Worker", "x = y")):
            config, number = self.with_line(line, section)
            known_section = section in ("bus", "worker", "senders", "trust")
            self.refused(config, f"{self.path}:{number if known_section else number - 1}")
        config = self.good + "libvirt_url = qemu:///system\n"
        self.refused(config, f"{self.path}:{config.count(chr(10))}", "libvirt_url")

    def test_a_line_that_is_nothing_is_refused_with_file_and_line(self):
        for line in ("nonsense", "= x", "[worker"):
            config, number = self.with_line(line)
            self.refused(config, f"{self.path}:{number}")

    def test_a_value_out_of_its_range_or_form_is_refused_with_its_key(self):
        for section, key, values in (
                ("worker", "threads", ("0", "-1", "x", "4x", "1.5", "99999999999999999999", "")),
                ("worker", "request_timeout_ms", ("-1", "soon")), ("worker", "drain_timeout_ms", ("x",)),
                ("worker", "plaintext_dek", ("yes", "Allow")), ("worker", "log_level", ("loud",)),
                ("worker", "log_format", ("xml", "JSON")),
                ("worker", "envelope", ("none", "Both", "bound,compatible")),
                ("worker", "http", ("9464", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000")),
                ("bus", "prefetch", ("0", "1", "100000", "x")), ("bus", "heartbeat_s", ("x", "-5")),
                ("bus", "declare", ("maybe",)), ("bus", "sasl", ("gssapi",)), ("bus", "queue_type", ("stream",))):
            for value in values:
                with self.subTest(key=key, value=value):
                    config, _ = self.with_line(f"{key} = {value}", section)
                    status, _, said = self.keyferryd("-c", self.path, config=config)
                    self.assertNotIn(status, (0, -6, -11))
                    self.assertIn(key, said)

    def test_urls_that_cannot_be_read_are_refused_without_their_password(self):
        for url in ("http://u:geheim@h/", "amqp//u:geheim@h", "amqp://u:geheim@h:70000/", "amqp://u:geheim@h:x/",
                    "amqps:/u:geheim@h/", "amqp://u:geheim%zz@h/", "amqp://a@h/,nonsense", "amqp://u:ge/heim@h",
                    "amqp://u:ge@heim@h/"):
            with self.subTest(url=url):
                config = self.good.replace("amqp://guest:guest@127.0.0.1:5672/%2F", url)
                for more in ((), ("--check-config",), ("--print-config",)):
                    status, out, said = self.keyferryd("-c", self.path, *more, config=config)
                    self.assertNotIn(status, (0, -6, -11), more)
                    self.assertNotIn("heim", out + said)
                    self.assertIn("URL", said)

    def test_an_http_address_that_is_none_is_refused(self):
        for address in ("nonsense", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x"):
            with self.subTest(address=address):
                self.refused(self.with_line(f"http = {address}")[0], "http", "address:port")

    def test_one_without_hosts_or_without_a_url_is_refused(self):
        self.refused(self.good.split("[host.")[0])
        self.refused(self.good.replace("url = amqp://guest:guest@127.0.0.1:5672/%2F\n", ""), "url")

    def test_a_host_that_is_no_uuid_or_given_twice_is_refused(self):
        host = new_uuid()
        for section in ("host.x", "host.", "host." + "0" * 32, "host"):
            self.refused(self.good + f"[{section}]\nlibvirt_uri = test:///default\n", section)
        twice = f"[host.{host}]\nlibvirt_uri = a\n[host.{host.replace('-', '').upper()}]\nlibvirt_uri = b\n"
        self.refused(self.good + twice, host)

    def test_a_file_that_is_not_there_or_cannot_be_read_is_named(self):
        for path in (os.path.join(self.folder, "none"), self.folder):
            status, _, said = self.keyferryd("-c", path)
            self.assertNotEqual(0, status)
            self.assertIn(path, said)

    def test_noise_for_a_configuration_is_refused(self):
        for noise in (os.urandom(3000), b"\0" * 100, b"[" * 5000, b"x" * 100000,
                      b"[bus]\nurl = " + b"a" * 100000 + b"\n"):
            with open(self.path, "wb") as f:
                f.write(noise)
            self.assertIn(self.keyferryd("-c", self.path)[0], (1, 2, 3))

    def test_print_config_shows_every_option_and_no_password_and_is_itself_good(self):
        status, printed, _ = self.keyferryd("-c", self.path, "--print-config", config=self.good.replace(
            "guest:guest@", "guest:geheim@"))
        self.assertEqual(0, status)
        self.assertNotIn("geheim", printed)
        for option in ("url", "prefetch", "heartbeat_s", "queue_type", "state_dir", "threads", "plaintext_dek", "http",
                       "request_timeout_ms", "hypervisor_wait_ms", "drain_timeout_ms", "libvirt_uri", "dead_exchange"):
            self.assertRegex(printed, rf"(?m)^{option} =")
        self.assertEqual(0, self.check(printed)[0])

    def test_its_command_line_is_checked(self):
        for arguments in ((), ("-c",), ("--nonsense",), ("-c", self.path, "more"), ("--check-config",)):
            self.assertEqual(2, self.keyferryd(*arguments, config=self.good)[0], arguments)
        for arguments in (("--help",), ("--version",)):
            status, out, _ = self.keyferryd(*arguments)
            self.assertEqual(0, status)
            self.assertTrue(out)

    def test_a_state_folder_that_cannot_be_made_is_an_error_at_start(self):
        with open(os.path.join(self.folder, "file"), "w", encoding="ascii"):
            pass
        config = self.good.replace(f"state_dir = {self.folder}", f"state_dir = {self.folder}/file/state")
        status, _, said = self.keyferryd("-c", self.path, config=config)
        self.assertNotIn(status, (0, -6, -11))
        self.assertIn(f"{self.folder}/file/state", said)

    def test_the_state_is_its_owners_alone(self):
        seen = 0
        for folder, _, names in os.walk(self.wa.state_dir):
            self.assertEqual(0o700, os.stat(folder).st_mode & 0o777, folder)
            for path in (os.path.join(folder, name) for name in names):
                self.assertEqual(0o600, os.stat(path).st_mode & 0o777, path)
                seen += 1
        self.assertLess(3, seen)

    # What a running worker does with it.
    def test_the_password_may_come_by_file_or_environment_and_urls_are_percent_decoded(self):
        password = "p@ss:w/rd %,"
        self.broker.ctl("add_user", "us er", password)
        self.broker.ctl("add_vhost", "v/h")
        self.broker.ctl("set_permissions", "-p", "v/h", "us er", ".*", ".*", ".*")
        self.addCleanup(self.broker.ctl, "delete_vhost", "v/h")
        self.addCleanup(self.broker.ctl, "delete_user", "us er")
        path = os.path.join(self.folder, "password")
        with open(path, "w", encoding="utf-8") as f:
            f.write(password + "\n")
        with_password, without = (f"amqp://us%20er{word}@127.0.0.1:{self.broker.port}/v%2Fh"
                                  for word in (":p%40ss%3Aw%2Frd%20%25%2C", ""))
        client = self.with_part(self.lab.client(self.broker, with_password))
        for settings in ({"url": with_password}, {"url": without, "password_file": path},
                         {"url": f"amqp://nobody@127.0.0.1:9/,{with_password}"}):  # the second of a list
            host = self.a.alias()
            self.worker(host, settings={"bus": settings})
            self.refuses(client.ask("SecretHostGetMsg", host, **new_key()), NOT_FOUND)
        host = self.a.alias()
        worker = self.lab.worker(self.broker, host, settings={"bus": {"url": without}})
        worker.environment = lambda: {"NOTIFY_SOCKET": "", "KEYFERRY_BUS_PASSWORD": password}
        self.with_part(worker).start()
        self.refuses(client.ask("SecretHostGetMsg", host, **new_key()), NOT_FOUND)
        self.assertNotIn(password, worker.log_text())

    def test_a_wrong_password_is_told_in_the_log_and_tried_again(self):
        host = self.a.alias()
        worker = self.with_part(self.lab.worker(self.broker, host, waits_ready=False, settings={
            "bus": {"url": f"amqp://guest:geheim@127.0.0.1:{self.broker.port}/"}})).start()
        self.wait_for_log(worker, "ACCESS_REFUSED")
        self.assertNotIn("geheim", worker.log_text())

    def wait_for_log(self, worker, words):
        wait_until(lambda: words in worker.log_text(), 10, f"{words} in the log of {worker.name}")

    def test_names_of_exchanges_can_be_chosen(self):
        host = self.a.alias()
        self.worker(host, settings={"bus": {"exchange": "other.p2p", "dead_exchange": "other.dead",
                                            "events_exchange": "other.events"}})
        fields = {"id": new_uuid(), "hostUuid": host.uuid, **new_key()}
        body = json.dumps({"SecretHostGetMsg": fields}).encode()
        self.client.publish("host." + host.hex, body, exchange="other.p2p", reply_to=self.client.queue,
                            correlation_id="c", content_type="application/json")
        self.refuses(self.client.wait("c"), NOT_FOUND)

    def test_replies_go_through_the_reply_exchange_where_there_is_one(self):
        self.client.channel.exchange_declare("replies", "direct", durable=True)
        self.client.channel.queue_bind(self.client.queue, "replies", "mine")
        host = self.a.alias()
        worker = self.worker(host, settings={"bus": {"reply_exchange": "replies"}})
        self.refuses(self.get(host, new_key(), properties={"reply_to": "mine"}), NOT_FOUND)
        self.client.send("SecretHostGetMsg", host, **new_key(), properties={"reply_to": "amq.rabbitmq.reply-to"})
        wait_until(lambda: "returned" in worker.log_text(), 10, "the line of a reply that reached nobody")
