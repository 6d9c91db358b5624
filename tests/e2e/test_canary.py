"""Secrets that are known are looked for wherever they may not be: in memory, on disks, in logs, in what is said."""
import base64
import os
import shutil
import subprocess
import sys
import unittest

from tests.e2e.base import (CONFLICT, ENVELOPE_INVALID, INVALID, NO_HANDLER, PLAINTEXT_REFUSED, Scenario, b64, new_dek,
                            new_key, new_uuid)
from tests.lab import Authority, Lab, LabError, Listener, Search, hpke, patience, program, wait_until
from tests.lab.client import MIME, Pairs, encode

RELEASE = "build"  # a sanitizer keeps for a while what is freed

HOLDER = "import signal, sys; held = sys.stdin.buffer.read(); print(len(held), flush=True); signal.pause()"


def ways_to_write(secret):
    """{form: bytes that hold it}, by other means than the search's."""
    around = {f"base64 after {n}": base64.b64encode(b"x" * n + secret + b"yz") for n in range(3)}
    return {"raw": b"xy" + secret + b"z", "hex": secret.hex().encode(), "HEX": b"0x%X" % int.from_bytes(secret, "big"),
            **around}


class Finder(unittest.TestCase):
    """That the search finds what is there: else it would prove nothing."""

    def setUp(self):
        self.secret = b"\xff" + os.urandom(31)  # its number has all of its digits
        self.search = Search(planted=self.secret, other=new_dek())

    def forms(self, finds):
        self.assertEqual({"planted"}, {find.secret for find in finds} or {"planted"})
        return {find.form for find in finds}

    def in_process(self, data):
        """The finds in a process that holds these bytes."""
        with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            try:
                holder.stdin.write(data)
                holder.stdin.close()
                self.assertEqual(len(data), int(holder.stdout.readline()))
                return self.search.in_process(holder.pid)
            finally:
                holder.kill()

    def test_finds_each_form_in_the_memory_of_a_process(self):
        for form, data in ways_to_write(self.secret).items():
            self.assertEqual({form}, self.forms(self.in_process(data)))

    def test_finds_each_form_in_a_file_deep_in_a_folder_and_in_its_name(self):
        for form, data in ways_to_write(self.secret).items():
            with self.subTest(form), Lab() as lab:
                path = os.path.join(lab.make_folder("deep/down"), "file")
                with open(path, "wb") as f:
                    f.write(bytes(1 << 20) + data + bytes(1 << 20))
                finds = self.search.in_folder(lab.folder)
                self.assertEqual(({form}, {path}), (self.forms(finds), {find.place for find in finds}))
                self.assertEqual([], self.search.in_folder(lab.folder, but=[path]))
        with Lab() as lab:
            lab.make_folder("deep/" + self.secret.hex())
            self.assertEqual({"hex"}, self.forms(self.search.in_folder(lab.folder)))

    def test_finds_what_is_left_of_a_secret_that_was_half_overwritten(self):
        for at in range(32 - 15):
            left = self.secret[at:at + 15]
            self.assertEqual({"raw"}, self.forms(self.search.in_bytes(bytes(40) + left + bytes(40), "here")))
        for n in range(3):
            text = base64.b64encode(bytes(n) + self.secret)
            self.assertEqual({f"base64 after {n}"}, self.forms(self.search.in_bytes(text[20:42], "here")))

    def test_finds_nothing_where_nothing_is(self):
        self.assertEqual([], self.in_process(b"another secret: " + new_dek()))
        self.assertEqual([], self.search.in_bytes(os.urandom(1 << 16) + bytes(1 << 16), "noise"))


class Canary(Scenario):
    """A broker of its own, and workers that were built as they are shipped."""
    takes_long = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = Authority(cls.lab.make_folder("canary-ca"))
        cert, key = cls.authority.issue("broker")
        cls.broker = cls.lab.broker("canary-broker", tls={"certfile": cert, "keyfile": key})
        cls.addClassCleanup(cls.lab.drop, cls.broker)
        cls.broker.start()

    def setUp(self):
        super().setUp()
        self.search, self.key, self.workers, self.said = Search(), new_key(), {}, []

    # What is looked for.
    def new_dek(self, name, size=32):
        dek = os.urandom(size)
        self.search.add(name, dek)
        return dek

    def serve(self, hypervisor, bus=None, **settings):
        """A host of its own with a worker, whose private key is looked for, too."""
        host = hypervisor.alias()
        self.workers[host] = self.worker(host, build=RELEASE, settings={"worker": settings, "bus": bus or {}})
        self.know_keys(host)
        return host

    def key_file(self, host):
        return os.path.join(self.workers[host].state_dir, host.hex + ".key")

    def know_keys(self, host):
        """The pairs of the key file; the first half of each is private."""
        with open(self.key_file(host), "rb") as f:
            ring = f.read()
        for at in range(17, 17 + 64 * ring[16], 64):
            self.assertEqual(ring[at + 32:at + 64], hpke.KeyPair(ring[at:at + 32]).public)
            self.search.add("key of " + host.hex, ring[at:at + 32])

    def succeeds(self, reply):
        self.said.append(reply)
        return super().succeeds(reply)

    def refuses(self, reply, *codes, **rest):
        self.said.append(reply)
        return super().refuses(reply, *codes, **rest)

    # Where it is looked for.
    def come_to_rest(self):
        """Nothing is in hand any more, and each loop has been round since."""
        for host, worker in self.workers.items():
            self.broker.wait_for_drained("keyferry.host." + host.hex)
            self.assertEqual(200, worker.get("/healthz")[0])

    def leaves_memory(self):
        """What was asked last, before anything else is written over it."""
        for worker in self.workers.values():
            def finds(pid=worker.pid):
                return self.search.in_process(pid)
            try:
                wait_until(lambda: not finds(), 5)
            except LabError:
                self.assertEqual([], finds())

    def in_workers(self):
        """In memory, state, log and pages."""
        finds = []
        for worker in self.workers.values():
            finds += self.search.in_process(worker.pid)
            finds += self.search.in_folder(worker.folder)
            for path in ("/", "/healthz", "/readyz", "/metrics"):
                status, text = worker.get(path)
                finds += self.search.in_bytes(text.encode(), f"{worker.name}{path} ({status})", "page")
        return finds

    def in_replies(self):
        return [find for reply in self.said for find in self.search.in_bytes(reply.body, repr(reply), "reply")]

    def in_events(self, listener):
        listener.wait_for("secret-deleted")
        return [find for body in listener.bodies for find in self.search.in_bytes(body, repr(body), "event")]

    def in_dead_letters(self, count):
        return [find for properties, body in self.client.dead_letters(count)
                for find in self.search.in_bytes(repr(properties).encode() + body, "a dead letter", "dead letter")]

    def check(self, finds, *kinds):
        """That there are none, but of a host's key in its own file: and that it was looked for."""
        for kind in ("heap", "stack", "stack of a thread", "anonymous", "file", "file in a folder", "page", "reply", *kinds):
            self.assertLess(0, self.search.seen[kind], kind)
        own = {(self.key_file(host), "key of " + host.hex, "raw") for host in self.workers}
        found = {find[:3] for find in finds}
        self.assertEqual(own, found & own)
        self.assertEqual([], sorted(found - own))

    # Sealed.
    def ask_of_one_host(self, host):
        """Every way a sealed define can go, a rotation of keys, and a delete. Gives how many dead letters there are."""
        for encoding, aead, size in (("json", hpke.CHACHA, 32), ("msgpack", hpke.AES, 32), ("json", hpke.AES, 1024)):
            key, dek = new_key(), self.new_dek(f"{encoding}, {aead}, {size}", size)
            sealed = self.sealed(host, key, dek, aead=aead)
            sealed = base64.b64decode(sealed) if encoding == "msgpack" else sealed
            self.succeeds(self.define_sealed(host, key, sealed, encoding=encoding))
            self.leaves_memory()
            self.refuses(self.define_sealed(host, key, self.sealed(host, key, self.new_dek("conflict"))), CONFLICT)
            self.refuses(self.define_sealed(host, new_key(), sealed, encoding=encoding), ENVELOPE_INVALID)
            self.succeeds(self.get(host, key))
            self.assertIs(True, self.succeeds(self.delete(host, key))["deleted"])
        whole = encode({"SecretHostDefineMsg": {"id": new_uuid(), "hostUuid": host.uuid, **self.key,
                                                "encryptedDek": self.sealed(host, self.key, self.new_dek("malformed"))}}, "json")
        self.client.send_body(whole[:-1], "host." + host.hex, {"content_type": MIME["json"]})
        for retire in (False, True):
            self.succeeds(self.client.ask("HostEnvelopeKeyRotateMsg", host, retire=retire))
            self.know_keys(host)
        return 1

    def migrate_there_and_back(self, source, destination):
        """The first time with an envelope of the request, then with one of what the ledger keeps."""
        dek = self.new_dek("migrated")
        secret_uuid = self.succeeds(self.define_sealed(source, self.key, self.sealed(source, self.key, dek)))["secretUuid"]
        machine = self.vm(self.a, "encrypted", secret_uuid, self.key["vmUuid"])
        envelope = self.sealed(destination, self.key, dek, secret_uuid)
        self.succeeds(self.pre_migrate(source, destination, self.key, encryptedDek=envelope))
        machine.migrate(self.b)
        self.assertEqual("source", self.succeeds(self.post_migrate(source, destination, self.key))["deletedOn"])
        reply = self.succeeds(self.pre_migrate(destination, source, self.key, migration="m-2"))
        self.assertEqual("ledger", reply["dekSource"])
        machine.migrate(self.a)
        self.assertEqual("source", self.succeeds(
            self.post_migrate(destination, source, self.key, migration="m-2"))["deletedOn"])

    def in_all(self, dead_letters):
        self.come_to_rest()
        finds = self.in_workers() + self.in_replies() + self.in_dead_letters(dead_letters)
        for folder in (self.broker.folder, self.a.folder, self.b.folder):
            finds += self.search.in_folder(folder)
        return finds

    def test_sealed_deks_and_private_keys_are_nowhere_but_in_libvirt_and_the_key_files(self):
        source, destination = (self.serve(host, plaintext_dek="refuse") for host in (self.a, self.b))
        listener = Listener(self.broker.connection())
        self.addCleanup(listener.end)
        dead_letters = self.ask_of_one_host(source)
        self.migrate_there_and_back(source, destination)
        finds = self.in_all(dead_letters) + self.in_events(listener)
        self.broker.stop()
        try:
            finds += self.search.in_folder(self.broker.folder)
            finds += self.in_workers()
        finally:
            self.broker.start()
        self.check(finds, "dead letter", "event")

    # Clear.
    def ask_in_clear(self, host, ways=(("json", b64), ("msgpack", bytes), ("msgpack", b64))):
        """Every way a clear define can go, in each way it can be written."""
        for encoding, write in ways:
            def define(key, dek, message="SecretHostDefineMsg", **rest):
                return self.client.ask(message, host, **{"encoding": encoding, **key, "dekBase64": write(dek), **rest})
            for size in (32, 1024):
                key = new_key()
                self.succeeds(define(key, self.new_dek(f"{encoding} by {write.__name__}, {size}", size)))
                self.leaves_memory()
                self.refuses(define(key, self.new_dek("conflict", size)), CONFLICT)
                self.succeeds(self.get(host, key))
                self.succeeds(self.delete(host, key))
                self.refuses(define(new_key(), self.new_dek("unknown field", size), nonsense="x"), INVALID)
                self.refuses(define(new_key(), self.new_dek("wrong field", size), keyVersion=-1), INVALID)
                self.refuses(define(new_key(), self.new_dek("no such message", size), "SecretHostGuessMsg"), NO_HANDLER)
            self.refuses(define(new_key(), self.new_dek("too long", 1025)), INVALID)
            self.refuse_malformed(host, encoding, write)

    def refuse_malformed(self, host, encoding, write):
        """Cut off, given twice, not base64, and larger than any body may be."""
        def fields(name, *more):
            return Pairs([("id", new_uuid()), ("hostUuid", host.uuid), *new_key().items(),
                          ("dekBase64", write(self.new_dek(name))), *more])

        def send(these, cut=0, pad=b""):
            body = encode({"SecretHostDefineMsg": these}, encoding)
            return self.client.send_body(body[:len(body) - cut] + pad, "host." + host.hex,
                                         {"content_type": MIME[encoding], "message_id": new_uuid()})
        self.refuses(self.client.wait(send(fields("cut off"), cut=1)), INVALID)
        self.refuses(self.client.wait(send(fields("given twice", ("dekBase64", write(self.new_dek("again")))))), INVALID)
        self.refuses(self.client.wait(send(fields("not base64", ("dekBase64", b64(self.new_dek("broken")) + "!")))), INVALID)
        self.leaves_memory()
        send(fields("too large"), pad=bytes(70000))

    def test_clear_deks_are_in_no_memory_state_or_log_of_a_worker(self):
        source, destination = self.serve(self.a), self.serve(self.b)
        self.ask_in_clear(source)
        dek = self.new_dek("prepared")
        self.defined(source, self.key, dek)
        for migration, outcome in (("m-1", "failure"), ("m-2", "success")):
            self.succeeds(self.pre_migrate(source, destination, self.key, dek, migration=migration))
            self.leaves_memory()
            self.succeeds(self.post_migrate(source, destination, self.key, outcome, migration=migration))
        manager, key = self.keymanager(), new_key()
        manager.misbehaviour = "clear"
        dek = self.new_dek("by the key manager")
        manager.add(key["vmUuid"], source, dek)
        self.defined(source, key, dek)
        self.succeeds(self.pre_migrate(source, destination, key, tpmUuid=new_uuid()))
        self.come_to_rest()
        self.check(self.in_workers() + self.in_replies())

    def test_nor_where_they_come_over_tls(self):
        self.ask_in_clear(self.serve(self.a, {"url": self.broker.tls_url(), "ca_file": self.authority.ca}), [("json", b64)])
        self.come_to_rest()
        self.check(self.in_workers() + self.in_replies())

    def test_where_clear_deks_are_refused_they_are_kept_no_longer(self):
        host = self.serve(self.a, plaintext_dek="refuse")
        for encoding in ("json", "msgpack"):
            self.refuses(self.define(host, new_key(), self.new_dek(encoding), encoding=encoding), PLAINTEXT_REFUSED)
        self.come_to_rest()
        self.check(self.in_workers() + self.in_replies())

    def test_while_a_request_waits_its_dek_is_in_locked_memory_and_there_alone(self):
        """Which also shows that the search sees into a worker. Locked memory is in no core file either."""
        host = self.serve(self.a, hypervisor_wait_ms="30000")
        worker, dek = self.workers[host], self.new_dek("waiting")
        self.a.freeze()
        try:
            asked = self.client.send("SecretHostDefineMsg", host, **self.key, dekBase64=b64(dek))
            wait_until(lambda: any(find.locked for find in self.search.in_process(worker.pid)), 20, "the DEK to be read")
            self.assertEqual(200, worker.get("/healthz")[0])
            finds = self.search.in_process(worker.pid)
        finally:
            self.a.thaw()
        self.assertEqual({("waiting", "raw", True)}, {find[1:] for find in finds})
        self.succeeds(self.client.wait(asked))
        self.come_to_rest()
        self.check(self.in_workers() + self.in_replies())

    # The programs.
    def test_all_libraries_get_the_free_of_the_programs(self):
        """Which wipes, as the unit tests show."""
        for name in ("keyferryd", "keyferry"):
            run = subprocess.run(["nm", "-D", "--defined-only", *program(name, RELEASE)], capture_output=True, text=True,
                                 check=True)
            exported = {line.split()[2] for line in run.stdout.splitlines() if line.split()[1] == "T"}
            self.assertEqual(set(), {"malloc", "calloc", "realloc", "free"} - exported)

    def test_no_other_process_of_its_user_may_look_into_it_and_it_leaves_no_core_file(self):
        fake, nobody = self.fake_host({"SecretHostGetMsg": None}), {"user": "nobody", "group": "nogroup", "extra_groups": []}
        own = shutil.copy(program("keyferry", RELEASE)[0], self.lab.make_folder("nobody-" + new_uuid()[:8], "nobody"))

        def look(pid, name):
            return subprocess.run(["head", "-c", "1", f"/proc/{pid}/{name}"], capture_output=True, check=False, **nobody)
        command = [own, "--url", self.broker.url, "get", "--host", fake.uuid, "--vm", new_uuid(), "--key-version", "1"]
        with subprocess.Popen(command, **nobody) as cli, \
                subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 **nobody) as other:
            try:
                fake.wait_for("SecretHostGetMsg")
                other.stdout.readline()
                for name in ("environ", "maps", "mem"):
                    self.assertIn(b"Permission denied", look(cli.pid, name).stderr)
                    self.assertNotIn(b"Permission denied", look(other.pid, name).stderr)
            finally:
                cli.kill()
                other.kill()
        worker = self.workers[self.serve(self.a)]
        with open(f"/proc/{worker.pid}/limits", encoding="ascii") as f:
            self.assertRegex(f.read(), r"Max core file size +0 +0 ")

    # The client.
    def cli_waiting(self, fake, *options):
        """keyferry, which has sent a define that nobody answers yet: its finds, and how it ended when it was answered."""
        path = os.path.join(self.lab.make_folder("cli-" + new_uuid()[:8]), "dek")
        dek = self.new_dek("of the client")
        with open(path, "wb") as f:
            f.write(dek)
        command = [*program("keyferry", RELEASE), "--url", self.broker.url, "--timeout", "60000", "define", "--host", fake.uuid,
                   "--vm", new_uuid(), "--key-version", "1", "--dek-file", path, *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as cli:
            try:
                request = fake.wait_for("SecretHostDefineMsg", len(fake.requests) + 1)[-1]
                finds = self.search.in_process(cli.pid)
                for name in ("cmdline", "environ"):
                    with open(f"/proc/{cli.pid}/{name}", "rb") as f:
                        finds += self.search.in_bytes(f.read(), name, name)
                fake.reply(request, {"success": True, "secretUuid": new_uuid(), "created": True})
                said = cli.communicate(timeout=patience(30))[0]
            finally:
                cli.kill()
        self.assertEqual(0, cli.returncode, said)
        return finds + self.search.in_bytes(said, "what it printed", "output"), dek, request

    def test_a_client_that_sealed_its_dek_holds_it_no_more_while_it_waits(self):
        fake = self.fake_host({"SecretHostDefineMsg": None})
        finds, dek, request = self.cli_waiting(fake)
        self.assertEqual(dek, fake.dek_of(request))
        self.assertEqual([], finds)
        for kind in ("heap", "stack", "anonymous", "file", "cmdline", "environ", "output"):
            self.assertLess(0, self.search.seen[kind], kind)
        finds, dek, request = self.cli_waiting(fake, "--no-seal")  # and where it does hold it, it is found
        self.assertEqual(b64(dek), request.fields["dekBase64"])
        self.assertIn(("of the client", "raw", True), {find[1:] for find in finds})

