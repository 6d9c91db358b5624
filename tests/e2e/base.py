"""What the end-to-end tests stand on: a ground they share, and the words they are written in."""
import base64
import os
import unittest
import uuid

from tests.lab import Lab, LabError, hpke, wait_until

KEY_AGENT = "KEY_AGENT_"
NOT_FOUND, CONFLICT, IN_USE = KEY_AGENT + "SECRET_NOT_FOUND", KEY_AGENT + "SECRET_CONFLICT", KEY_AGENT + "SECRET_IN_USE"
PLAINTEXT_REFUSED, BUSY = KEY_AGENT + "PLAINTEXT_REFUSED", KEY_AGENT + "BUSY"
SENDER_REFUSED = KEY_AGENT + "SENDER_REFUSED"
ENVELOPE_INVALID, KEYS_MISSING = KEY_AGENT + "ENVELOPE_INVALID", KEY_AGENT + "KEYS_NOT_ON_DISK"
DEK_MISMATCH = KEY_AGENT + "DEK_MISMATCH"
KEYS_DAMAGED = KEY_AGENT + "KEY_FILES_INTEGRITY_MISMATCH"
HYPERVISOR_AWAY = KEY_AGENT + "HYPERVISOR_UNAVAILABLE"
LATE, WRONG_HOST, REQUIRED, INVALID = "SYS.1001", "SYS.1003", "SYS.1006", "SYS.1007"
NO_HANDLER, NO_ROUTE = "SYS.1008", "SYS.1009"

ENCODINGS = ("json", "msgpack")


def new_uuid():
    return str(uuid.uuid4())


def new_dek():
    return os.urandom(32)


def b64(data):
    return base64.b64encode(data).decode()


def new_key(vm=None, version=1, purpose="vtpm", instance="tpm0"):
    """The four fields of an identity."""
    return {"vmUuid": vm or new_uuid(), "purpose": purpose, "keyVersion": version, "usageInstance": instance}


def usage_id(key):
    return f"keyferry/{key['purpose']}/{key['vmUuid']}/{key['usageInstance']}/v{key['keyVersion']}"


class Ground:
    """A broker, two hypervisors a and b, each with a worker behind a proxy (`pa`, `pb`). Started when first needed."""

    _shared = None

    def __init__(self):
        self.lab = Lab().__enter__()
        try:
            self.broker, self.a, self.b = self.lab.up(
                self.lab.broker(), self.lab.hypervisor("a"), self.lab.hypervisor("b"))
            self.pa, self.pb = self.lab.proxy(self.a), self.lab.proxy(self.b)
            self.wa, self.wb = self.lab.up(*(self.lab.worker(self.broker, p) for p in (self.pa, self.pb)))
        except BaseException:
            self.lab.__exit__()
            raise

    @classmethod
    def shared(cls):
        cls._shared = cls._shared or cls()
        return cls._shared

    @classmethod
    def end_shared(cls):
        """Gives what its workers are to be blamed for."""
        ground, cls._shared = cls._shared, None
        return ground.end() if ground else []

    def start_again(self):
        """A libvirtd that ended by itself, as systemd would; that is told."""
        for host in (self.a, self.b):
            if not host.alive:
                print(f"      {host.name} ended with status {host.popen.returncode}: started again", flush=True)
                host.start()

    def end(self):
        complaints = []
        for worker in (self.wa, self.wb):
            try:
                self.lab.drop(worker)
            except LabError as e:
                complaints.append(str(e))
        self.lab.__exit__()
        return complaints


class Scenario(unittest.TestCase):
    """self.a, self.b, self.client and the ground's other parts; the verbs; and what is right about replies."""

    meanings = {}  # each code's description, which is one
    takes_long = False  # then it is among the first to be begun

    @classmethod
    def setUpClass(cls):
        cls.ground = Ground.shared()
        cls.ground.start_again()
        for name in ("lab", "broker", "a", "b", "pa", "pb", "wa", "wb"):
            setattr(cls, name, getattr(cls.ground, name))

    def setUp(self):
        self.ground.start_again()
        self.client = self.lab.client(self.broker)
        self.addCleanup(self.lab.drop, self.client)
        self.pa.reset()
        self.pb.reset()

    def tearDown(self):
        for worker in (self.wa, self.wb):
            if not worker.alive and worker.popen.returncode not in (0, 1, -9):  # none of those that tests bring about
                died = f"{worker.name} died with status {worker.popen.returncode}\n{worker.log_tail()}"
                worker.start()
                self.fail(died)

    # Parts that end with the test.
    def with_part(self, part):
        self.addCleanup(self.lab.drop, part)
        return part

    def keymanager(self, **options):
        return self.with_part(self.lab.keymanager(self.broker, **options)).start()

    def fake_host(self, answers=None, **options):
        return self.with_part(self.lab.fake_host(self.broker, answers, **options)).start()

    def worker(self, *hosts, **options):
        """One that is ready is so with its first host: here each has its queue."""
        worker = self.with_part(self.lab.worker(self.broker, *hosts, **options)).start()
        for host in hosts[1:]:
            wait_until(lambda h=host: "not connected to the broker yet" not in worker.get("/readyz?host=" + h.uuid)[1], 20,
                       "a queue for each host")
        return worker

    def vm(self, host, *args, **options):
        vm = host.start_vm(*args, **options)
        self.addCleanup(vm.remove)
        return vm

    # Requests; `rest` goes to Client.send().
    def define(self, host, key, dek=None, **rest):
        return self.client.ask("SecretHostDefineMsg", host, **{**key, "dekBase64": b64(dek or new_dek()), **rest})

    def host_key(self, host, **rest):
        return self.client.ask("HostEnvelopeKeyGetMsg", host, **rest)

    def public_key(self, host):
        return base64.b64decode(self.succeeds(self.host_key(host))["publicKey"])

    def sealed(self, host, key, dek, secret_uuid="", public=None, aead=hpke.CHACHA, **changed):
        """`encryptedDek` for a define of this key on this host; `changed` fields go into its aad instead."""
        aad = hpke.aad_of(host, {**key, **changed}, secret_uuid)
        return b64(hpke.seal(public or self.public_key(host), dek, aad, aead))

    def define_sealed(self, host, key, envelope, **rest):
        return self.client.ask("SecretHostDefineMsg", host, **key, encryptedDek=envelope, **rest)

    def get(self, host, key, **rest):
        return self.client.ask("SecretHostGetMsg", host, **key, **rest)

    def delete(self, host, key, **rest):
        return self.client.ask("SecretHostDeleteMsg", host, **key, **rest)

    def resolve(self, host, vm_uuid, **rest):
        return self.client.ask("ResolveVtpmLibvirtSecretOnHypervisorMsg", host, vmUuid=vm_uuid, **rest)

    @staticmethod
    def pre_migrate_fields(source, destination, key, dek=None, migration="m-1", **rest):
        return {**key, "srcHostUuid": source.uuid, "dstHostUuid": destination.uuid, "migrationId": migration,
                "dekBase64": b64(dek) if dek else ..., **rest}

    def pre_migrate(self, source, destination, key, dek=None, seconds=30, **rest):
        return self.client.ask("VtpmPreMigrateMsg", source, seconds,
                               **self.pre_migrate_fields(source, destination, key, dek, **rest))

    def post_migrate(self, source, destination, key, outcome="success", migration="m-1", **rest):
        return self.client.ask("VtpmPostMigrateMsg", source, **key, srcHostUuid=source.uuid, migrationId=migration,
                               dstHostUuid=destination.uuid, outcome=outcome, **rest)

    def defined(self, host, key=None, dek=None, **rest):
        """Define a secret that must succeed; gives its UUID."""
        return self.succeeds(self.define(host, key or new_key(), dek, **rest))["secretUuid"]

    @staticmethod
    def planted(host, key, dek):
        """A secret of ours that no ledger knows, as a worker that lost its state finds it; gives its UUID."""
        return getattr(host, "hypervisor", host).define_secret(usage_id(key), dek, usage=key["purpose"])

    # What is right.
    def succeeds(self, reply):
        self.assertTrue(reply.success, reply)
        self.assertEqual({}, reply.error, reply)
        return reply

    def refuses(self, reply, *codes, field=None, effect="none"):
        self.assertFalse(reply.success, reply)
        self.assertIn(reply.code, codes, reply)
        self.assertTrue(reply.details, reply)
        self.assertEqual(self.meanings.setdefault(reply.code, reply.error["description"]), reply.error["description"], reply)
        self.assertEqual(effect, reply.opaque["effect"], reply)
        self.assertIsInstance(reply.opaque["retryable"], bool)
        if field:
            self.assertEqual(field, reply.opaque.get("field"), reply)
            self.assertIn(field, reply.details)
        return reply

    def holds(self, host, key, secret_uuid):
        """libvirt has this identity under this UUID (None: not at all)."""
        self.assertEqual(secret_uuid, host.secret_of(usage_id(key), key["purpose"]))

    def lives(self, host=None):
        """The worker still answers."""
        self.refuses(self.get(host or self.a, new_key()), NOT_FOUND)
