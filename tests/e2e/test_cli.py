"""keyferry, as people and scripts use it."""
import json
import os
import subprocess
import time

from tests.e2e.base import IN_USE, NOT_FOUND, Scenario, b64, new_dek, new_key, new_uuid, usage_id
from tests.lab import patience, program, refusal


class Cli(Scenario):
    def setUp(self):
        super().setUp()
        self.key, self.dek = new_key(), new_dek()
        self.folder = self.lab.make_folder("cli-" + new_uuid()[:8])
        self.dek_file = self.write("dek", self.dek)

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def run_it(self, *arguments, url=None, stdin=b"", **environment):
        """(exit status, stdout, stderr)."""
        where = ["--url", url or self.broker.url]
        run = subprocess.run([*program("keyferry"), *where, *arguments], input=stdin, capture_output=True,
                             timeout=patience(60), env={**os.environ, **environment}, check=False)
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def cli(self, status, *arguments, **more):
        """Run it with --json; the exit status must be that. Gives the reply's fields."""
        got, out, said = self.run_it("--json", *arguments, **more)
        self.assertEqual(status, got, (out, said))
        (fields,) = json.loads(out).values()
        return fields

    def identity(self, key=None):
        key = key or self.key
        return ("--vm", key["vmUuid"], "--key-version", str(key["keyVersion"]))

    def on(self, host):
        return ("--host", host.uuid, *self.identity())

    def test_defines_gets_resolves_and_deletes(self):
        defined = self.cli(0, "define", *self.on(self.a), "--dek-file", self.dek_file)
        self.assertIs(True, defined["created"])
        self.holds(self.a, self.key, defined["secretUuid"])
        self.assertEqual(defined["secretUuid"], self.cli(0, "get", *self.on(self.a))["secretUuid"])
        vm = self.vm(self.a, "encrypted", defined["secretUuid"], self.key["vmUuid"])
        self.assertEqual(defined["secretUuid"],
                         self.cli(0, "resolve", "--host", self.a.uuid, "--vm", vm.uuid)["secretUuid"])
        self.assertEqual(IN_USE, self.cli(1, "delete", *self.on(self.a))["error"]["code"])
        self.assertIs(True, self.cli(0, "delete", *self.on(self.a), "--force")["deleted"])

    def test_the_dek_it_sends_is_the_files_bytes(self):
        self.cli(0, "define", *self.on(self.a), "--dek-file", self.dek_file)
        self.assertIs(False, self.succeeds(self.define(self.a, self.key, self.dek))["created"])

    def test_prepares_and_finishes_a_migration(self):
        self.cli(0, "define", *self.on(self.a), "--dek-file", self.dek_file)
        move = ("--src", self.a.uuid, "--dst", self.b.uuid, *self.identity())
        prepared = self.cli(0, "pre-migrate", *move, "--migration-id", "m-1", "--dek-file", self.dek_file)
        self.assertEqual((False, "request"), (prepared["skipped"], prepared["dekSource"]))
        finished = self.cli(0, "post-migrate", *move, "--migration-id", "m-1", "--outcome", "success")
        self.assertEqual("source", finished["deletedOn"])

    def test_takes_all_options_of_a_define_and_a_delete(self):
        volume, wanted = new_uuid(), new_uuid()
        key = {**self.key, "purpose": "volume", "usageInstance": "volume-" + volume, "keyVersion": 7}
        options = ("--host", self.a.hex, *self.identity(key), "--purpose", "volume",
                   "--usage-instance", "volume-" + volume)
        defined = self.cli(0, "define", *options, "--secret-uuid", wanted, "--description", "a \u00fc",
                           "--migration-id", "m-5", "--dek-file", self.dek_file)
        self.assertEqual(wanted, defined["secretUuid"])
        self.holds(self.a, key, wanted)
        self.assertIn("a \u00fc", self.a.secrets()[wanted])
        self.assertIs(False, self.cli(0, "delete", *options, "--migration-id", "m-6")["deleted"])
        deleted = self.cli(0, "delete", *options, "--migration-id", "m-5", "--secret-uuid", wanted)
        self.assertIs(True, deleted["deleted"])

    def test_takes_the_dek_from_stdin_and_never_from_the_command_line(self):
        self.cli(0, "define", *self.on(self.a), "--dek-file", "-", stdin=self.dek)
        self.assertIs(False, self.succeeds(self.define(self.a, self.key, self.dek))["created"])
        for option in (("--dek", "YWJj"), ("--dek-base64", "YWJj"), ("--dek=YWJj",), ("--dekBase64=YWJj",)):
            status, out, said = self.run_it("define", *self.on(self.a), *option)
            self.assertEqual(2, status)
            self.assertIn(option[0].partition("=")[0], said)
            self.assertNotIn("YWJj", out + said)

    def test_refuses_a_dek_file_that_is_missing_empty_or_too_large(self):
        for path in (os.path.join(self.folder, "none"), self.write("empty", b""), self.write("large", b"x" * 1025),
                     self.folder):
            status, out, said = self.run_it("define", *self.on(self.a), "--dek-file", path)
            self.assertIn(status, (1, 2), (path, out, said))
            self.assertTrue(said)
        self.holds(self.a, self.key, None)

    def test_prints_for_people_and_errors_with_their_code_on_stderr(self):
        status, out, said = self.run_it("define", *self.on(self.a), "--dek-file", self.dek_file)
        self.assertEqual((0, ""), (status, said))
        secret_uuid = self.a.secret_of(f"keyferry/vtpm/{self.key['vmUuid']}/tpm0/v1")
        self.assertIn(secret_uuid, out)
        self.assertNotIn("{", out)
        self.cli(0, "delete", *self.on(self.a))
        status, out, said = self.run_it("get", *self.on(self.a))
        self.assertEqual(1, status)
        self.assertIn(NOT_FOUND, said + out)

    def test_the_json_of_an_error_is_the_replys_envelope(self):
        status, out, _ = self.run_it("--json", "get", *self.on(self.a))
        self.assertEqual(1, status)
        (name, fields), = json.loads(out).items()
        self.assertEqual(("SecretHostGetReply", False, NOT_FOUND), (name, fields["success"], fields["error"]["code"]))

    def test_sends_an_envelope_as_it_is(self):
        def envelope():
            fields = {"id": new_uuid(), "hostUuid": self.a.uuid, **self.key}
            return json.dumps({"org.zstack.header.secret.SecretHostGetMsg": fields}).encode()
        path = self.write("envelope.json", envelope())
        self.assertEqual(NOT_FOUND, self.cli(1, "send", path)["error"]["code"])
        secret_uuid = self.defined(self.a, self.key)
        self.assertEqual(secret_uuid, self.cli(0, "send", "-", stdin=envelope())["secretUuid"])

    def test_refuses_to_send_what_is_no_envelope(self):
        for body in (b"", b"{", b"[]", b"{}", b'{"SecretHostGetMsg": {}}', b'{"SecretHostGetMsg": {"hostUuid": "x"}}',
                     os.urandom(100)):
            status, out, said = self.run_it("send", self.write("body", body))
            self.assertEqual(2, status, (body, out, said))
            self.assertTrue(said)

    def test_prints_rotates_and_retires_a_hosts_key(self):
        first = self.cli(0, "host-key", "--host", self.a.uuid)
        self.assertEqual(b64(self.public_key(self.a)), first["publicKey"])
        second = self.cli(0, "host-key", "--host", self.a.uuid, "--rotate")
        self.assertNotEqual(first["publicKey"], second["publicKey"])
        third = self.cli(0, "host-key", "--host", self.a.uuid, "--retire")
        self.assertEqual(second["publicKey"], third["publicKey"])
        status, out, said = self.run_it("host-key", "--host", self.a.uuid)
        self.assertEqual((0, ""), (status, said))
        self.assertIn(second["publicKey"], out)
        self.assertIn(second["fingerprint"], out)

    def test_seals_what_it_defines_to_the_host_and_says_where_it_cannot(self):
        fake = self.fake_host()
        self.cli(0, "define", *self.on(fake), "--dek-file", self.dek_file)
        request, = fake.requests
        self.assertEqual(self.dek, fake.dek_of(request))
        self.assertNotIn("dekBase64", request.fields)
        self.cli(0, "define", *self.on(fake), "--dek-file", self.dek_file, "--no-seal", "--secret-uuid", new_uuid())
        self.assertEqual(b64(self.dek), fake.requests[1].fields["dekBase64"])
        self.assertEqual(1, len(fake.key_requests))
        self.cli(0, "define", *self.on(fake), "--dek-file", self.dek_file, "--seal", "--secret-uuid", new_uuid())
        self.assertEqual(self.dek, fake.dek_of(fake.requests[2]))

        keyless = self.fake_host({"HostEnvelopeKeyGetMsg": refusal("SYS.1008", "an older worker")})
        status, _, said = self.run_it("define", *self.on(keyless), "--dek-file", self.dek_file)
        self.assertEqual(0, status, said)
        self.assertIn("clear", said)
        self.assertEqual(b64(self.dek), keyless.requests[0].fields["dekBase64"])
        status, _, said = self.run_it("define", *self.on(keyless), "--dek-file", self.dek_file, "--seal")
        self.assertEqual(1, status, said)
        self.assertIn("SYS.1008", said)
        self.assertEqual(1, len(keyless.requests))
        bad_key = {"success": True, "publicKey": b64(bytes(32)), "fingerprint": "0" * 64}
        wrong = self.fake_host({"HostEnvelopeKeyGetMsg": bad_key})
        self.assertEqual(1, self.run_it("define", *self.on(wrong), "--dek-file", self.dek_file)[0])
        self.assertEqual([], wrong.requests)

    def test_seals_as_the_host_opens_it(self):
        host = self.a.alias()
        self.worker(host, settings={"worker": {"plaintext_dek": "refuse", "envelope": "compatible"}})
        self.cli(0, "define", *self.on(host), "--dek-file", self.dek_file)

    def test_seals_what_it_pre_migrates_to_the_destination(self):
        host = self.a.alias()
        self.worker(host, settings={"worker": {"plaintext_dek": "refuse"}})
        secret_uuid = self.cli(0, "define", *self.on(host), "--dek-file", self.dek_file)["secretUuid"]
        move = ("--src", host.uuid, "--dst", self.b.uuid, *self.identity(), "--dek-file", self.dek_file)
        self.assertEqual(secret_uuid, self.cli(0, "pre-migrate", *move, "--migration-id", "m-1")["secretUuid"])
        self.holds(self.b, self.key, secret_uuid)
        status, out, said = self.run_it("pre-migrate", *move, "--no-seal")
        self.assertEqual(1, status)
        self.assertIn("KEY_AGENT_PLAINTEXT_REFUSED", said + out)
        plain = self.vm(self.a, None)
        skipped = ("--src", host.uuid, "--dst", self.b.uuid, *self.identity(new_key(plain.uuid)), "--dek-file", self.dek_file)
        self.assertIs(True, self.cli(0, "pre-migrate", *skipped)["skipped"])

    def test_exits_with_2_for_wrong_usage(self):
        get = ("get", *self.on(self.a))
        for arguments in (
                (), ("nonsense",), ("define",), ("send",), ("get", "--host"), ("get", "--host", self.a.uuid),
                ("get", "--host", "x", *self.identity()), (*get, "--nonsense"), (*get, "more"),
                ("--timeout", "x", *get), (*get, "--key-version", "x"), (*get, "--usage-instance", "tpm10"),
                (*get, "--dek-file", self.dek_file), ("define", *self.on(self.a)),
                ("send", os.path.join(self.folder, "none"))):
            with self.subTest(arguments=" ".join(arguments)):
                status, out, said = self.run_it(*arguments)
                self.assertEqual((2, ""), (status, out), said)
                self.assertTrue(said)

    def test_leases_what_it_defines(self):
        status, out, said = self.run_it("define", *self.on(self.a), "--dek-file", self.dek_file, "--lease", "86400")
        self.assertEqual(0, status, said)
        secret, = (xml for xml in self.a.secrets().values() if usage_id(self.key) in xml)
        self.assertIn(" until=", secret)
        status, _, said = self.run_it("define", *self.on(self.a), "--dek-file", self.dek_file, "--lease", "29")
        self.assertEqual(2, status)
        self.assertIn("leaseSeconds", said)

    def test_names_the_option_that_is_none(self):
        for arguments, name in ((("--json", "-Zx", "get"), "-Z"), (("-Z",), "-Z"), (("--ho", "x"), "--ho"),
                                (("--json=1", "get"), "--json"), (("get", "--host"), "--host"), (("-c",), "-c")):
            status, _, said = self.run_it(*arguments)
            self.assertEqual((2, f"keyferry: {name} "), (status, said[:len(f"keyferry: {name} ")]))

    def test_exits_with_3_where_no_reply_comes_in_time(self):
        silent = self.fake_host({"SecretHostGetMsg": None})
        began = time.monotonic()
        status, _, said = self.run_it("--timeout", str(int(patience(700))), "get", "--host", silent.uuid, *self.identity())
        self.assertEqual(3, status, said)
        self.assertLess(time.monotonic() - began, patience(5))

    def test_exits_with_4_where_nobody_serves_the_host(self):
        status, _, said = self.run_it("get", "--host", new_uuid(), *self.identity())
        self.assertEqual(4, status, said)
        self.assertTrue(said)

    def test_exits_with_5_where_the_broker_cannot_be_reached_or_refuses(self):
        for url in ("amqp://guest:guest@127.0.0.1:9/", f"amqp://guest:wrong@127.0.0.1:{self.broker.port}/",
                    f"amqp://guest:guest@127.0.0.1:{self.broker.port}/no-such-vhost"):
            status, _, said = self.run_it("--timeout", "3000", "get", *self.on(self.a), url=url)
            self.assertEqual(5, status, (url, said))
            self.assertNotIn("wrong@", said)

    def test_says_what_may_be_wrong_with_the_broker_or_its_url(self):
        for url, words in (("amqp://guest:guest@127.0.0.1:9/", "127.0.0.1:9: Connection refused (does a broker listen there?)"),
                           (f"amqp://guest:wrong@127.0.0.1:{self.broker.port}/", "(is there such a user, with this password?"),
                           (f"amqp://guest:guest@127.0.0.1:{self.broker.port}/none", "(the vhost is what follows the host in the URL")):
            self.assertIn(words, self.run_it("get", *self.on(self.a), url=url)[2])
        self.assertIn("--dek-file FILE is required", self.run_it("define", *self.on(self.a))[2])

    def test_takes_the_broker_from_a_workers_configuration(self):
        run = subprocess.run([*program("keyferry"), "-c", self.wa.config, "--json", "get", *self.on(self.a)],
                             capture_output=True, timeout=patience(30), check=False)
        self.assertEqual(1, run.returncode, run.stderr)
        self.assertEqual(2, subprocess.run([*program("keyferry"), "-c", self.folder + "/none", "get", *self.on(self.a)],
                                           capture_output=True, timeout=patience(30), check=False).returncode)

    def test_takes_its_answers_by_the_reply_exchange_of_that_configuration(self):
        self.client.channel.exchange_declare("cli.replies", "direct", durable=True)
        host = self.a.alias()
        worker = self.worker(host, settings={"bus": {"reply_exchange": "cli.replies"}})
        run = subprocess.run([*program("keyferry"), "-c", worker.config, "--timeout", "30000", "get", *self.on(host)],
                             capture_output=True, timeout=patience(60), check=False)
        self.assertEqual(1, run.returncode, run.stderr)
        self.assertIn(NOT_FOUND, run.stderr.decode())

    def test_says_what_it_is(self):
        for option in ("--help", "--version"):
            status, out, _ = self.run_it(option)
            self.assertEqual(0, status)
            self.assertIn("keyferry", out)
