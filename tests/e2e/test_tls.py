"""TLS between us and a real broker, and a login by certificate."""
import os
import socket
import subprocess
import threading

from tests.e2e.base import NOT_FOUND, Scenario, new_dek, new_key, new_uuid
from tests.lab import Authority, patience, program, wait_until

NO_ROUTE, UNREACHABLE, USAGE = 4, 5, 2  # exit statuses: the first means that the broker took us in
WORKER = "worker-of-tls"  # the name in the client's certificate, and the broker's user


def quoted(path):
    return f'"{path}"'


class Tls(Scenario):
    """One broker: its listener takes clients with and without a certificate; others do worse, each in its way."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab, folder = cls.lab, cls.lab.make_folder("tls")
        cls.folder = folder
        cls.authority = authority = Authority(lab.make_folder("tls/ca"))
        cls.stranger = stranger = Authority(lab.make_folder("tls/stranger"), "Stranger CA")
        good = authority.issue("broker")
        cls.cert, cls.key = authority.issue("worker", WORKER, names=(), client=True)
        cls.secure = lab.broker("secure", plugins=["rabbitmq_auth_mechanism_ssl"], settings=[
            "auth_mechanisms.1 = EXTERNAL", "auth_mechanisms.2 = PLAIN", "ssl_cert_login_from = common_name",
        ], tls={"certfile": good[0], "keyfile": good[1], "cacertfile": authority.ca, "verify": "verify_peer",
                "fail_if_no_peer_cert": "false"})
        cls.addClassCleanup(lab.drop, cls.secure)
        cls.secure.start()
        cls.secure.ctl("add_user", WORKER, "never used")
        cls.secure.ctl("set_permissions", WORKER, ".*", ".*", ".*")

        def options(pair, **more):
            return {"certfile": quoted(pair[0]), "keyfile": quoted(pair[1]), "cacertfile": quoted(authority.ca), **more}
        strict = {"verify": "verify_peer", "fail_if_no_peer_cert": "true"}
        cls.ports = dict(zip(
            ("expired", "early", "wrong name", "no name", "unknown CA", "self-signed", "for clients", "strict 1.3",
             "strict 1.2"),
            cls.secure.listen_tls(
                options(authority.issue("expired", days=(-30, -2))), options(authority.issue("early", days=(2, 30))),
                options(authority.issue("other", names=("other.example", "10.1.2.3"))),
                options(authority.issue("nameless", "nameless.example", names=())),
                options(stranger.issue("unknown")), options(authority.issue("alone", self_signed=True)),
                options(authority.issue("for-clients", client=True)),
                options(good, versions="['tlsv1.3']", **strict), options(good, versions="['tlsv1.2']", **strict))))

    def url(self, which=None, host="127.0.0.1", login="guest:guest@"):
        port = self.ports[which] if which else self.secure.tls_port
        return f"amqps://{login}{host}:{port}/%2F"

    def mine(self, **more):
        """[bus] with our certificate."""
        return {"ca_file": self.authority.ca, "cert_file": self.cert, "key_file": self.key, **more}

    def cli(self, url, arguments=None, **settings):
        """Ask a host that nobody serves, with these settings as [bus] in a file; (exit status, what it said)."""
        path = os.path.join(self.folder, new_uuid()[:8])
        with open(path, "w", encoding="utf-8") as f:
            f.write("[bus]\n" + "".join(f"{key} = {value}\n" for key, value in {"url": url, **settings}.items()))
        ask = ("--timeout", "20000", "get", "--host", new_uuid(), "--vm", new_uuid(), "--key-version", "1")
        run = subprocess.run([*program("keyferry"), "-c", path, *(arguments or ask)], capture_output=True, text=True,
                             timeout=patience(60), check=False)
        return run.returncode, run.stderr

    def comes_through(self, url, **settings):
        status, said = self.cli(url, **{"ca_file": self.authority.ca, **settings})
        self.assertEqual(NO_ROUTE, status, said)

    def fails(self, url, *words, status=UNREACHABLE, **settings):
        got, said = self.cli(url, **{"ca_file": self.authority.ca, **settings})
        self.assertEqual(status, got, said)
        for word in words:
            self.assertIn(word, said)
        self.assertNotIn("geheim", said)

    def ours(self, *columns):
        """The broker's list of connections, those that we made."""
        rows = self.secure.rows("connections", *columns, "client_properties")
        return [row for row in rows if "Keyferry" in row["client_properties"]]

    def protocols(self):
        """{the TLS version of each connection of a worker}; "" for one in clear."""
        return {row["ssl_protocol"] if row["ssl"] == "true" else "" for row in self.ours("ssl", "ssl_protocol")}

    # It works.
    def test_a_worker_serves_over_tls_by_address_and_by_name(self):
        client = self.with_part(self.lab.client(self.secure))
        for host_name in ("127.0.0.1", "localhost"):
            host, key = self.a.alias(), new_key()
            self.worker(host, settings={"bus": {"url": self.url(host=host_name), "ca_file": self.authority.ca}})
            self.assertEqual({"tlsv1.3"}, self.protocols())
            # Loopback is loopback, with TLS or without: a clear DEK is taken.
            defined = client.ask("SecretHostDefineMsg", host, **key, dekBase64=new_dek())
            self.assertIs(True, self.succeeds(defined)["created"])
            for i in range(50):
                padding = {"padding": "x" * 1000 * i}  # up to the largest body, over several records of TLS
                reply = client.ask("SecretHostGetMsg", host, **key, headers=padding)
                self.assertEqual(defined["secretUuid"], self.succeeds(reply)["secretUuid"])

    def test_a_worker_logs_in_by_its_certificate_without_a_password(self):
        client = self.with_part(self.lab.client(self.secure))
        host = self.a.alias()
        for version in ("strict 1.3", "strict 1.2"):
            worker = self.worker(host, name="external-" + version[-1], settings={
                "bus": self.mine(url=self.url(version, login=""), sasl="external")})
            self.refuses(client.ask("SecretHostGetMsg", host, **new_key()), NOT_FOUND)
            self.assertEqual({WORKER}, {row["user"] for row in self.ours("user")})
            self.assertEqual({"tlsv" + version[-3:]}, self.protocols())
            self.assertEqual(0, worker.stop())

    def test_who_logs_in_by_certificate_says_who_it_is_where_the_url_does(self):
        client = self.with_part(self.lab.client(self.secure))
        for login, user in (("", None), (f"{WORKER}@", WORKER)):
            host = self.a.alias()
            worker = self.worker(host, name="external-" + (user or "nameless"), settings={
                "bus": self.mine(url=self.url("strict 1.3", login=login), sasl="external")})
            self.assertEqual(user, client.ask("SecretHostGetMsg", host, **new_key()).properties.user_id)
            self.assertEqual(0, worker.stop())

    def test_a_worker_that_lost_the_broker_comes_back_over_tls(self):
        host = self.a.alias()
        worker = self.worker(host, settings={"bus": {"url": self.url(), "ca_file": self.authority.ca}})
        self.secure.ctl("close_all_connections", "by the test")
        wait_until(lambda: "by the test" in worker.log_text(), 10, "the loss in the log")
        self.secure.wait_for_consumer("keyferry.host." + host.hex)
        client = self.with_part(self.lab.client(self.secure))
        self.refuses(client.ask("SecretHostGetMsg", host, **new_key()), NOT_FOUND)

    def test_the_cli_comes_through_with_the_workers_configuration(self):
        host = self.a.alias()
        worker = self.worker(host, settings={"bus": self.mine(url=self.url("strict 1.3", login=""), sasl="external")})
        run = subprocess.run([*program("keyferry"), "-c", worker.config, "get", "--host", host.uuid,
                              "--vm", new_uuid(), "--key-version", "1"], capture_output=True, text=True,
                             timeout=patience(30), check=False)
        self.assertEqual(1, run.returncode, run.stderr)
        self.assertIn(NOT_FOUND, run.stderr)

    def test_a_client_with_a_certificate_may_still_log_in_by_password(self):
        self.comes_through(self.url("strict 1.3"), **self.mine())
        self.comes_through(self.url("strict 1.2"), **self.mine())

    def test_the_systems_store_is_asked_where_no_ca_file_is_given(self):
        self.fails(self.url(), "unknown CA", ca_file="")
        with_store = {"SSL_CERT_FILE": self.authority.ca}
        os.environ.update(with_store)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        self.comes_through(self.url(), ca_file="")

    # It does not, and says why.
    def test_a_certificate_out_of_its_time_is_refused(self):
        host = f"127.0.0.1:{self.ports['expired']}"
        self.fails(self.url("expired"), host + ": its certificate /CN=localhost expired at 20")
        self.fails(self.url("early"), "its certificate /CN=localhost is not yet valid: it will be at 20")

    def test_a_certificate_for_another_name_is_refused(self):
        for host in ("127.0.0.1", "localhost"):
            self.fails(self.url("wrong name", host), "its certificate is for another name: other.example, 10.1.2.3")
        self.fails(self.url("no name"), "its certificate is for another name: /CN=nameless.example")

    def test_a_certificate_of_a_ca_that_is_not_trusted_is_refused(self):
        self.fails(self.url("unknown CA"), "its certificate is from an unknown CA, /CN=Stranger CA: ca_file")
        self.fails(self.url("self-signed"), "its certificate /CN=localhost is self-signed, and unknown: ca_file")
        self.fails(self.url(), "unknown CA, /CN=Lab CA", ca_file=self.stranger.ca)

    def test_a_self_signed_certificate_may_be_trusted_itself(self):
        self.comes_through(self.url("self-signed"), ca_file=os.path.join(self.authority.folder, "alone.pem"))

    def test_a_certificate_for_clients_is_no_brokers(self):
        self.fails(self.url("for clients"), "its certificate is not acceptable: ", "purpose")

    def test_a_port_without_tls_is_told_and_one_with_tls_where_none_was_meant(self):
        self.fails(f"amqps://127.0.0.1:{self.secure.port}/", "does not speak TLS: is this the port of amqp://?")
        self.fails(f"amqp://127.0.0.1:{self.secure.tls_port}/", "speaks TLS: is this the port of amqps://?")

    def test_a_broker_that_wants_a_certificate_or_another_one_is_told(self):
        own = self.stranger.issue("worker", WORKER, names=(), client=True)
        wrong = {"cert_file": own[0], "key_file": own[1]}
        old = self.authority.issue("old", WORKER, names=(), client=True, days=(-30, -2))
        for _ in range(3):  # with TLS 1.3 the refusal comes when we already talk
            self.fails(self.url("strict 1.3"), "the broker wants a certificate of ours: cert_file and key_file")
            self.fails(self.url("strict 1.3"), "the broker refused our certificate (cert_file)", **wrong)
        self.fails(self.url("strict 1.2"), "it wants a certificate of ours (cert_file)")
        self.fails(self.url("strict 1.2"), "the broker refused our certificate (cert_file)", **wrong)
        self.fails(self.url("strict 1.3"), "the broker refused our certificate (cert_file): it has expired",
                   cert_file=old[0], key_file=old[1])

    def test_a_certificate_that_is_nobodys_user_is_told(self):
        cert, key = self.authority.issue("nobody", "nobody", names=(), client=True)
        self.fails(self.url(), "ACCESS_REFUSED", "EXTERNAL", cert_file=cert, key_file=key, sasl="external")

    def test_a_broker_without_external_is_told(self):
        self.secure.ctl("eval", "application:set_env(rabbit, auth_mechanisms, ['PLAIN', 'AMQPLAIN']).")
        self.addCleanup(self.secure.ctl, "eval", "application:set_env(rabbit, auth_mechanisms, ['EXTERNAL', 'PLAIN']).")
        self.fails(self.url(), "the broker does not offer SASL EXTERNAL, only: ", **self.mine(sasl="external"))

    def test_one_that_is_silent_in_the_handshake_is_given_up_like_one_that_cannot_be_reached(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"amqps://127.0.0.1:{listener.getsockname()[1]}/"
            self.fails(f"{url},amqp://127.0.0.1:9/", "no TLS handshake within 10 s; 127.0.0.1:9: Connection refused")

    def test_one_that_hangs_up_in_the_handshake_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def hang_up():
                for _ in range(2):  # what consumes, and what publishes
                    connection, _ = listener.accept()
                    connection.recv(10000)
                    connection.close()
            threading.Thread(target=hang_up, daemon=True).start()
            self.fails(f"amqps://127.0.0.1:{listener.getsockname()[1]}/", "hung up in the TLS handshake")

    # The files and the options.
    def test_files_that_are_of_no_use_are_named_at_start(self):
        def write(name, data, mode=0o600):
            return self.authority.write(name, data, mode)
        with open(self.key, "rb") as f:
            key = f.read()
        other = self.authority.issue("another", client=True)
        nothing, none = write("nothing", b"nothing\n"), os.path.join(self.folder, "none")
        for words, settings in (
                (("ca_file", none, "No such file"), {"ca_file": none}),
                (("ca_file", nothing, "no certificate in PEM form"), {"ca_file": nothing}),
                (("cert_file", none, "No such file"), {"cert_file": none}),
                (("cert_file", nothing, "no certificate in PEM form"), {"cert_file": nothing}),
                (("key_file", none, "No such file"), {"key_file": none}),
                (("key_file", nothing, "no private key in PEM form"), {"key_file": nothing}),
                (("key_file", "may be read by others"), {"key_file": write("open.key", key, 0o644)}),
                (("key_file", "does not belong to cert_file", self.cert), {"key_file": other[1]}),
                (("cert_file and key_file go together",), {"key_file": ""}),
                (("sasl = external", "cert_file"), {"cert_file": "", "key_file": "", "sasl": "external"}),
                (("sasl must be one of: plain, external",), {"sasl": "gssapi"})):
            with self.subTest(words=words):
                self.fails(self.url(login="u:geheim@"), *words, status=USAGE, **self.mine(**settings))
        self.fails(f"{self.url()},amqp://127.0.0.1/", "sasl = external", "not every url is amqps://", status=USAGE,
                   **self.mine(sasl="external"))
        worker = self.lab.worker(self.secure, self.a.alias(), waits_ready=False, settings={
            "bus": self.mine(url=self.url(), key_file=other[1])})
        self.assertNotEqual(0, worker.launch().wait_end())
        self.assertIn("does not belong to cert_file", worker.log_text())
        self.lab.drop(worker)

    def test_a_key_that_its_group_may_read_is_taken(self):
        with open(self.key, "rb") as f:
            key = self.authority.write("group.key", f.read(), 0o640)
        self.comes_through(self.url("strict 1.3"), **self.mine(key_file=key))

    def test_a_certificate_that_was_renewed_is_used_without_a_restart(self):
        cert, key = self.authority.issue("renewed", WORKER, names=(), client=True, days=(-30, -2))
        worker = self.lab.worker(self.secure, self.a.alias(), waits_ready=False, settings={
            "bus": self.mine(url=self.url("strict 1.3", login=""), cert_file=cert, key_file=key, sasl="external")})
        self.with_part(worker).start()
        wait_until(lambda: "it has expired" in worker.log_text(), 10, "the refusal in the log")
        self.authority.issue("renewed", WORKER, names=(), client=True)
        worker.waits_ready = True
        worker.wait_ready()

    # Several brokers.
    def test_a_host_that_is_not_to_be_trusted_is_passed_over(self):
        client = self.with_part(self.lab.client(self.secure))
        plain = f"amqp://guest:guest@127.0.0.1:{self.secure.port}/"
        for first, last, protocol in (("expired", self.url(), "tlsv1.3"), ("unknown CA", self.url(), "tlsv1.3"),
                                      ("wrong name", plain, "")):
            host = self.a.alias()
            worker = self.worker(host, name="failover-" + first.replace(" ", "-"), settings={
                "bus": {"url": f"{self.url(first)},{last}", "ca_file": self.authority.ca}})
            self.refuses(client.ask("SecretHostGetMsg", host, **new_key()), NOT_FOUND)
            self.assertEqual({protocol}, self.protocols())
            self.assertEqual(0, worker.stop())

    def test_where_all_fail_each_is_told(self):
        self.fails(f"{self.url('expired')},{self.url('unknown CA')},amqp://127.0.0.1:9/", "expired at", "unknown CA",
                   "127.0.0.1:9: Connection refused")
