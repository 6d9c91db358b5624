"""Users made by deploy/broker-user: what a host's may do on the broker, and what it may not, and that it is enough."""
import json
import os
import re
import stat
import subprocess
import urllib.parse

import pika
from pika.exceptions import ChannelClosedByBroker, ProbableAccessDeniedError, UnroutableError

from tests.e2e.base import NOT_FOUND, Scenario, new_dek, new_key, new_uuid
from tests.lab import REPO, KeyManager, Listener, patience, program, wait_until
from tests.lab.broker import BIN
from tests.lab.client import Client

REFUSED, FORGED = 403, 406
P2P, PEERS, REPLIES = "keyferry.p2p", "keyferry.peers.default", "keyferry.replies"
DEAD, EVENTS, WORKERS = "keyferry.dead", "keyferry.events", "keyferry.workers"


class Manager(Client):
    """The management plane under a user of its own: named reply queue, replies through the reply exchange."""

    queue = "keyferry.reply.mgmt"

    def connect(self):
        self.connection = pika.BlockingConnection(pika.URLParameters(self.url))
        self.channel = self.connection.channel()
        self.channel.add_on_return_callback(lambda _, method, properties, body: self.returned.append(properties))
        self.channel.queue_declare(self.queue, exclusive=True)
        self.channel.queue_bind(self.queue, REPLIES, self.queue)
        self.channel.basic_consume(self.queue, self._on_reply, auto_ack=True)


class LeastKeyManager(KeyManager):
    """Declares nothing, and answers through the reply exchange."""

    def _serve(self):
        self._connection = pika.BlockingConnection(pika.URLParameters(self.broker.url))
        self._channel = self._connection.channel()
        publish = self._channel.basic_publish
        self._channel.basic_publish = lambda _, key, *rest: publish(REPLIES, key, *rest)
        self._channel.basic_consume(self.queue, self._on_request, auto_ack=True)
        self._ready.set()
        self._channel.start_consuming()
        self._connection.close()

    def _leave(self):
        self._channel.stop_consuming()


class Kit(Scenario):
    """On a vhost of its own."""

    vhost = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.lab.make_folder(cls.vhost)
        cls.broker.add_vhost(cls.vhost)
        cls.addClassCleanup(cls.broker.ctl, "delete_vhost", cls.vhost)
        cls.kit("--apply", "--manager", "mgmt")

    @classmethod
    def kit(cls, *arguments, **options):
        """Run deploy/broker-user; gives what it printed."""
        environment = {**os.environ, **cls.broker.environment(), "PATH": BIN + ":" + os.environ["PATH"]}
        run = subprocess.run([os.path.join(REPO, "deploy/broker-user"), "--vhost", cls.vhost, *arguments], cwd=cls.folder,
                             env=environment, capture_output=True, text=True, check=False, **options)
        if run.returncode:
            raise AssertionError(f"broker-user {' '.join(arguments)}: {run.stdout}{run.stderr}")
        return run.stdout

    def setUp(self):
        super().setUp()
        self.connections = {}

    @staticmethod
    def user_of(host):
        return f"host-{host.hex}"

    def password(self, user):
        with open(os.path.join(self.folder, f"{user}.password"), encoding="ascii") as f:
            return f.readline().rstrip("\n")

    def url(self, user):
        password = "guest" if user == "guest" else urllib.parse.quote(self.password(user), safe="")
        return f"amqp://{user}:{password}@127.0.0.1:{self.broker.port}/{self.vhost}"

    def connection(self, user):
        """The one of this user in this test."""
        if user not in self.connections:
            self.connections[user] = pika.BlockingConnection(pika.URLParameters(self.url(user)))
            self.addCleanup(self.close, self.connections[user])
        return self.connections[user]

    @staticmethod
    def close(connection):
        try:
            connection.close()
        except pika.exceptions.AMQPError:
            pass  # the broker closed it, as it should

    def channel(self, user):
        channel = self.connection(user).channel()
        channel.confirm_delivery()
        return channel

    def refused(self, user, action, *arguments, code=REFUSED, **named):
        """This method of a channel is refused to this user."""
        with self.subTest(f"{user} {action} {arguments} {named}"):
            with self.assertRaises(ChannelClosedByBroker) as refusal:
                getattr(self.channel(user), action)(*arguments, **named)
            self.assertEqual(code, refusal.exception.reply_code, refusal.exception)

    def publish(self, user, exchange, key, **properties):
        self.channel(user).basic_publish(exchange, key, b"{}", pika.BasicProperties(**properties), mandatory=True)

    def depth(self, queue):
        with pika.BlockingConnection(pika.URLParameters(self.url("guest"))) as connection:
            return connection.channel().queue_declare(queue, passive=True).method.message_count

    def least_worker(self, host, group="default"):
        """A worker with the user made for its host, as broker-user says it is to be configured."""
        user = self.user_of(host)
        return self.worker(host, name=user, settings={"bus": {
            "url": self.url(user), "declare": "no", "exchange": f"keyferry.peers.{group}", "reply_exchange": REPLIES}})

    def as_manager(self):
        self.client = Manager(self.broker, self.url("mgmt"))
        self.addCleanup(self.client.end)


class LeastPrivilege(Kit):
    """Hosts a and b of one group, c of another; users mgmt, ops and kms."""
    takes_long = True

    vhost = "least-privilege"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.a, cls.b, cls.c = cls.a.alias(), cls.b.alias(), cls.b.alias()
        cls.kit("--apply", cls.a.uuid)
        cls.kit("--apply", cls.b.uuid.upper())
        cls.kit("--apply", "--group", "elsewhere", cls.c.hex)
        for kind, user in (("operator", "ops"), ("keymanager", "kms")):
            cls.kit("--apply", f"--{kind}", user)

    def setUp(self):
        super().setUp()
        self.user_a = self.user_of(self.a)

    # What it can.
    def test_two_workers_and_a_manager_with_such_users_do_a_whole_live_migration(self):
        self.least_worker(self.a)
        self.least_worker(self.b)
        self.as_manager()
        key, dek = new_key(), new_dek()
        secret = self.defined(self.a, key, dek)
        self.assertEqual(secret, self.succeeds(self.get(self.a, key))["secretUuid"])
        machine = self.vm(self.ground.a, "encrypted", secret, key["vmUuid"])
        self.assertEqual(secret, self.succeeds(self.pre_migrate(self.a, self.b, key, dek))["secretUuid"])
        machine.migrate(self.ground.b)
        self.assertEqual("source", self.succeeds(self.post_migrate(self.a, self.b, key))["deletedOn"])
        self.assertEqual(secret, self.succeeds(self.get(self.b, key))["secretUuid"])
        self.refuses(self.get(self.a, key), NOT_FOUND)
        self.assertTrue(self.succeeds(self.delete(self.b, key, force=True))["deleted"])

    def test_the_dek_can_come_from_a_key_manager_with_a_user_of_its_own(self):
        self.least_worker(self.a)
        self.least_worker(self.b)
        self.as_manager()
        key, dek = new_key(), new_dek()
        broker = type("Reached", (), {"url": self.url("kms")})
        keymanager = LeastKeyManager(broker).start()
        self.addCleanup(keymanager.end)
        keymanager.add(key["vmUuid"], self.a, dek)
        secret = self.planted(self.a, key, dek)
        reply = self.succeeds(self.pre_migrate(self.a, self.b, key, tpmUuid=new_uuid()))
        self.assertEqual((secret, "keymanager"), (reply["secretUuid"], reply["dekSource"]))

    def test_a_malformed_request_becomes_a_dead_letter_that_an_operator_can_read(self):
        self.least_worker(self.a)
        self.as_manager()
        self.client.publish("host." + self.a.hex, b"no envelope", content_type="application/json")
        channel = self.channel("ops")
        wait_until(lambda: self.depth(DEAD), 10, "the dead letter")
        _, properties, body = channel.basic_get(DEAD, auto_ack=True)
        self.assertEqual((b"no envelope", "SYS.1007"), (body, properties.headers["x-keyferry-code"]))

    def test_an_operator_lists_replays_and_drops_dead_letters_and_a_manager_or_host_does_not(self):
        self.least_worker(self.a)
        self.as_manager()
        for i in range(2):
            self.client.publish("host." + self.a.hex, b"no envelope", content_type="application/json", message_id=f"m-{i}")
        wait_until(lambda: self.depth(DEAD) == 2, 10, "the dead letters")
        audit = os.path.join(self.lab.make_folder("operator"), "audit.log")

        def dead(user, *arguments):
            more = () if arguments[0] == "list" else ("--audit", audit)
            run = subprocess.run([*program("keyferry"), "--url", self.url(user), "--json", "dead", *arguments, *more],
                                 capture_output=True, text=True, check=False, timeout=patience(60))
            return run.returncode, run.stdout, run.stderr
        for user in ("mgmt", self.user_a, "kms"):
            for arguments in (("list",), ("replay", "--all"), ("drop", "--all")):
                status, _, said = dead(user, *arguments)
                self.assertEqual(5, status, said)
                self.assertIn("403", said)
        self.assertEqual(2, self.depth(DEAD))
        status, out, said = dead("ops", "list")
        self.assertEqual(0, status, said)
        self.assertEqual(["m-0", "m-1"], [json.loads(line)["id"] for line in out.splitlines()])
        status, out, said = dead("ops", "replay", "--id", "m-0")
        self.assertEqual((0, 1), (status, json.loads(out)["done"]), said)
        wait_until(lambda: self.depth(DEAD) == 2, 10, "the one that died again")
        status, out, said = dead("ops", "drop", "--all")
        self.assertEqual((0, 2), (status, json.loads(out)["done"]), said)
        wait_until(lambda: self.depth(DEAD) == 0, 10, "an empty queue")

    def keyferry(self, status, user, *arguments):
        """As this user, with the lines that broker-user ends with. (stdout, stderr)"""
        path = os.path.join(self.folder, f"{user}.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"[bus]\nurl = {self.url(user)}\nreply_exchange = {REPLIES}\n[host.{self.a.uuid}]\n"
                    "libvirt_uri = qemu:///system\n")
        run = subprocess.run([*program("keyferry"), "-c", path, *arguments], capture_output=True, text=True, check=False,
                             timeout=patience(60))
        self.assertEqual(status, run.returncode, (user, arguments, run.stdout, run.stderr))
        return run.stdout, run.stderr

    def test_managers_and_operators_may_use_what_the_program_has_for_people_and_a_host_what_concerns_itself(self):
        worker = self.least_worker(self.a)
        for user in ("mgmt", "ops"):
            self.assertIn("served", self.keyferry(0, user, "status")[0])
            self.keyferry(0, user, "bench", "--host", self.a.uuid, "--count", "3")
            watch = subprocess.Popen([*program("keyferry"), "-c", os.path.join(self.folder, f"{user}.conf"), "watch",
                                      "--event", "key-rotated", "--count", "1"], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
            self.addCleanup(watch.kill)
            self.assertIn("watching", watch.stderr.readline())
            self.keyferry(0, user, "host-key", "--host", self.a.uuid, "--rotate")
            self.assertIn(self.a.uuid, watch.communicate(timeout=patience(20))[0])
        for user in ("mgmt", "ops", "kms", self.user_a):
            self.assertIn("keyferry.host." + self.a.hex, self.keyferry(0, user, "queues")[0])
        for user in ("kms", self.user_a):
            for arguments in (("status",), ("watch",), ("bench", "--host", self.a.uuid)):
                self.assertIn("403", self.keyferry(5, user, *arguments)[1])
        run = subprocess.run([*program("keyferry"), "-c", worker.config, "doctor"], capture_output=True, text=True,
                             check=False, timeout=patience(60))
        self.assertEqual((0, ""), (run.returncode, run.stderr), run.stdout)
        self.assertIn("'keyferry.workers' for the workers of this state_dir is there", run.stdout)
        self.assertNotRegex(run.stdout, "(?m)^(warn|fail)  (rights|pool)")

    def test_a_manager_hears_the_events_of_hosts_and_whose_they_are(self):
        listener = Listener(self.connection("mgmt"), "host.#", "keyferry.events.mgmt")
        worker = self.least_worker(self.a)
        self.as_manager()
        key = new_key()
        self.defined(self.a, key)
        self.succeeds(self.delete(self.a, key))
        worker.stop()
        for kind in ("worker-up", "hypervisor-up", "secret-defined", "secret-deleted", "worker-down"):
            self.assertEqual(self.a.uuid, listener.wait_for(kind)["hostUuid"])
        self.assertEqual({self.user_a}, {properties.user_id for properties in listener.properties})
        self.assertNotIn("events-", worker.log_text())

    def test_a_host_reaches_its_own_queue_with_a_canary_which_is_acked_and_kept_nowhere(self):
        queue = "keyferry.host." + self.a.hex
        self.least_worker(self.a)
        dead = self.depth(DEAD)
        for user in (self.user_a, self.user_of(self.b)):  # one that another forged does as much
            self.publish(user, PEERS, "host." + self.a.hex, content_type="application/vnd.keyferry.canary")
        self.as_manager()
        self.refuses(self.get(self.a, new_key()), NOT_FOUND)

        def unsettled():
            rows = self.broker.rows("queues", "name", "messages", extra=("-p", self.vhost))
            return next(row["messages"] for row in rows if row["name"] == queue)
        wait_until(lambda: unsettled() == "0", 20, "all to be acked", 0.2)
        self.assertEqual(dead, self.depth(DEAD))

    def test_a_second_worker_for_the_host_has_a_reply_queue_under_the_same_user(self):
        for name in ("keyferry.reply." + self.user_a, f"keyferry.reply.{self.user_a}.2"):
            channel = self.channel(self.user_a)
            channel.queue_declare(name, exclusive=True)
            channel.queue_bind(name, REPLIES, name)
            self.publish(self.user_of(self.b), REPLIES, name)

    def test_two_workers_of_a_host_hear_each_other_under_the_same_user(self):
        first = self.least_worker(self.a)
        second = self.with_part(self.lab.worker(
            self.broker, self.a, name=self.user_a + ".2", state=first.state_dir, waits_ready=False,
            settings={"bus": {key: first.settings["bus"][key] for key in
                              ("url", "declare", "exchange", "reply_exchange")}})).start()
        for one, other in ((first, second), (second, first)):
            wait_until(lambda one=one, other=other: f'details="shared with {other.name}"' in one.log_text(), 10,
                       f"{one.name} to hear {other.name}")
            self.assertNotIn("event=pool-down", one.log_text())

    def test_a_host_announces_itself_by_the_keys_of_pools_alone(self):
        own, pool = "keyferry.workers." + self.user_a, "pool." + "0" * 32
        self.channel(self.user_a).queue_declare(own, exclusive=True)
        self.channel(self.user_a).queue_bind(own, WORKERS, pool)
        self.publish(self.user_a, WORKERS, pool)
        for key in ("#", "pool.#", "pool.*", "pool.1", pool + ".x", "host." + self.b.hex):
            self.refused(self.user_a, "queue_bind", own, WORKERS, key)
            self.refused(self.user_a, "basic_publish", WORKERS, key, b"")
        for user in ("mgmt", "ops", "kms"):
            self.refused(user, "basic_publish", WORKERS, pool, b"")
        self.refused(self.user_a, "queue_declare", "keyferry.workers." + self.user_of(self.b), exclusive=True)
        self.refused(self.user_a, "exchange_delete", WORKERS)
        self.refused(self.user_a, "exchange_declare", WORKERS, "topic", durable=True)

    def test_its_topology_is_what_a_worker_with_all_rights_would_declare(self):
        self.worker(self.c, settings={"bus": {"url": self.url("guest")}})

    # What it cannot.
    def test_a_host_cannot_read_or_delete_the_queue_of_another(self):
        queue = "keyferry.host." + self.b.hex
        self.refused(self.user_a, "basic_consume", queue, print)
        self.refused(self.user_a, "basic_get", queue)
        self.refused(self.user_a, "queue_purge", queue)
        self.refused(self.user_a, "queue_delete", queue)
        self.refused(self.user_a, "queue_declare", queue, durable=True)
        self.refused(self.user_a, "queue_unbind", queue, PEERS, "host." + self.b.hex)
        self.refused(self.user_a, "queue_bind", queue, REPLIES, "keyferry.reply." + self.user_a)
        self.refused(self.user_a, "queue_delete", "keyferry.host." + self.a.hex)

    def test_a_host_reaches_only_the_hosts_of_its_group_and_only_by_the_groups_exchange(self):
        ours, theirs = "keyferry.host." + self.b.hex, "keyferry.host." + self.c.hex
        for exchange, key in ((P2P, "host." + self.b.hex), ("", ours), ("amq.topic", "host." + self.b.hex),
                              ("keyferry.peers.elsewhere", "host." + self.c.hex), ("keyferry.services", "service.x")):
            self.refused(self.user_a, "basic_publish", exchange, key, b"")
        with self.assertRaises(UnroutableError):
            self.publish(self.user_a, PEERS, "host." + self.c.hex)
        self.publish(self.user_a, PEERS, "host." + self.b.hex, headers={"CC": ["host." + self.c.hex], "BCC": [theirs]})
        self.publish(self.user_a, PEERS, "service.keymanager", headers={"CC": ["host." + self.c.hex]})
        channel = self.channel("guest")
        self.assertEqual((1, 0), (self.depth(ours), self.depth(theirs)))
        for queue in (ours, "keyferry.service.keymanager"):
            channel.queue_purge(queue)

    def test_a_host_cannot_reach_others_by_dead_letters_of_its_own_queue(self):
        own = "keyferry.reply." + self.user_a
        for exchange in (P2P, "", "keyferry.peers.elsewhere"):
            arguments = {"x-dead-letter-exchange": exchange, "x-dead-letter-routing-key": "host." + self.b.hex}
            self.refused(self.user_a, "queue_declare", own, exclusive=True, arguments=arguments)
        self.refused(self.user_a, "exchange_declare", own, "fanout", arguments={"alternate-exchange": P2P})

    def test_a_host_cannot_read_or_delete_dead_letters(self):
        for action in ("basic_get", "queue_purge", "queue_delete", "exchange_delete"):
            self.refused(self.user_a, action, DEAD)
        self.refused(self.user_a, "basic_consume", DEAD, print)
        self.refused(self.user_a, "queue_unbind", DEAD, DEAD, "")

    def test_a_host_cannot_bind_a_queue_of_its_own_to_the_keys_of_others(self):
        own = "keyferry.reply." + self.user_a
        self.channel(self.user_a).queue_declare(own, exclusive=True)
        for exchange, key in ((P2P, "host.#"), (P2P, "host." + self.a.hex), (PEERS, "#"), (PEERS, "host." + self.b.hex),
                              (EVENTS, "#"), (DEAD, ""), (REPLIES, "#"), (REPLIES, "keyferry.reply.*"),
                              (REPLIES, "keyferry.reply." + self.user_of(self.b)), (REPLIES, self.client.queue),
                              (REPLIES, own + ".#"), ("keyferry.services", "#")):
            self.refused(self.user_a, "queue_bind", own, exchange, key)
            self.refused(self.user_a, "exchange_bind", DEAD, exchange, key)

    def test_a_host_has_no_queue_or_exchange_but_its_reply_queue(self):
        for queue in ("", "mine", "keyferry.reply." + self.user_of(self.b), "keyferry.reply." + self.user_a + ".x.y",
                      "keyferry.reply." + self.user_a + "2", "keyferry.host." + new_uuid().replace("-", "")):
            self.refused(self.user_a, "queue_declare", queue, exclusive=True)
        for exchange in (P2P, PEERS, REPLIES, DEAD, EVENTS, "keyferry.services"):
            self.refused(self.user_a, "exchange_delete", exchange)
            self.refused(self.user_a, "exchange_declare", exchange, "topic", durable=True)

    def test_a_host_cannot_speak_for_another(self):
        self.refused(self.user_a, "basic_publish", PEERS, "host." + self.b.hex, b"",
                     pika.BasicProperties(user_id=self.user_of(self.b)), code=FORGED)
        self.refused(self.user_a, "basic_publish", EVENTS, f"host.{self.b.hex}.worker-down", b"")
        self.refused(self.user_a, "basic_publish", REPLIES, "anything", b"")
        self.refused(self.user_a, "basic_consume", "keyferry.service.keymanager", print)
        with self.assertRaises(ProbableAccessDeniedError):
            pika.BlockingConnection(pika.URLParameters(self.url(self.user_a).replace("/" + self.vhost, "/%2F")))

    def test_a_manager_sends_to_hosts_and_reads_neither_their_queues_nor_dead_letters_nor_others_replies(self):
        of_a = "keyferry.reply." + self.user_a
        for queue in (DEAD, "keyferry.host." + self.b.hex, "keyferry.service.keymanager", of_a):
            self.refused("mgmt", "basic_get", queue)
            self.refused("mgmt", "queue_delete", queue)
        own = "keyferry.reply.mgmt"
        self.channel("mgmt").queue_declare(own, exclusive=True)
        for exchange, key in ((REPLIES, "#"), (REPLIES, of_a), (P2P, "host.#"), (PEERS, "#")):
            self.refused("mgmt", "queue_bind", own, exchange, key)
        for exchange, key in (("", DEAD), (P2P, "service.keymanager"), (REPLIES, own), (PEERS, "host." + self.b.hex)):
            self.refused("mgmt", "basic_publish", exchange, key, b"")
        self.refused("ops", "queue_delete", DEAD)
        self.refused("kms", "queue_delete", "keyferry.service.keymanager")
        self.refused("kms", "basic_publish", P2P, "host." + self.b.hex, b"")

    # The tool.
    def test_the_password_is_in_a_file_of_its_owner_and_in_nothing_that_is_printed(self):
        path = os.path.join(self.folder, self.user_a + ".password")
        self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode))
        self.assertRegex(self.password(self.user_a), r"^[A-Za-z0-9+/]{32}$")
        printed = self.kit(self.a.uuid)
        self.assertNotIn(self.password(self.user_a), printed)
        self.assertIn(f"change_password {self.user_a} < {self.user_a}.password", printed)

    def test_it_mends_what_differs_and_takes_a_password_from_standard_input(self):
        user = "host-of-words"
        self.kit("--apply", "--name", user, self.c.uuid)
        self.broker.ctl("set_permissions", "-p", self.vhost, user, ".*", ".*", ".*")
        self.kit("--apply", "--name", user, "--password-file", "-", self.c.uuid, input="from stdin\n")
        with open(os.path.join(self.folder, f"{user}.password"), "w", encoding="ascii") as f:
            f.write("from stdin\n")
        self.refused(user, "queue_purge", DEAD)
        self.kit("--apply", "--remove", "--name", user, self.c.uuid)
        self.assertIsNotNone(self.depth("keyferry.host." + self.c.hex))

    def test_removing_a_user_ends_its_connections_and_may_take_its_queue_along(self):
        host = self.a.hypervisor.alias()
        self.kit("--apply", host.uuid)
        connection = self.connection(self.user_of(host))
        self.kit("--apply", "--remove", "--queue", host.uuid)
        with self.assertRaises(pika.exceptions.AMQPConnectionError):
            while True:
                connection.process_data_events(1)
        names = {row["name"] for row in self.broker.rows("queues", "name", extra=("-p", self.vhost))}
        self.assertNotIn("keyferry.host." + host.hex, names)

    def test_it_refuses_what_is_no_uuid_or_no_plain_name(self):
        for arguments in ([], ["x"], ["--manager", "a.b"], ["--name", "a b", new_uuid()],
                          ["--manager", "m", new_uuid()], ["--queue", new_uuid()], ["--partitions", "0"],
                          ["--partitions", "4", new_uuid()], ["--queue", "--remove", "--partitions", "4"]):
            run = subprocess.run([os.path.join(REPO, "deploy/broker-user"), *arguments], capture_output=True, text=True,
                                 check=False)
            self.assertEqual(2, run.returncode, arguments)
            self.assertTrue(re.search(r"broker-user: error: .+", run.stderr), run.stderr)


class LeastPrivilegeOfPartitions(Kit):
    """Workers of all hosts, which share partitions, under one user."""

    vhost, user, count = "least-partitions", "partitions", 12

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kit("--apply", "--partitions", str(cls.count))

    def partitioned(self, name, host, **bus):
        return self.worker(host, name=name, settings={"bus": {"partitions": self.count, **bus}})

    def least(self, name, host):
        return self.partitioned(name, host, url=self.url(self.user), declare="no", exchange=PEERS, reply_exchange=REPLIES)

    def test_a_worker_serves_and_its_canaries_reach_every_partition(self):
        source, destination = self.a.alias(), self.b.alias()
        self.least(self.user, source)
        self.least(self.user + ".2", destination)  # its messages come by either
        self.as_manager()
        self.refuses(self.get(source, new_key()), NOT_FOUND, "SYS.1003")
        for n in range(self.count):
            self.publish(self.user, PEERS, f"partition.{n:04d}", content_type="application/vnd.keyferry.canary")
        self.publish(self.user, PEERS, "host." + destination.hex, content_type="application/vnd.keyferry.canary")

    def test_its_ring_is_in_the_order_of_names_and_what_a_worker_with_all_rights_would_declare(self):
        self.partitioned("declares", self.a.alias(), url=self.url("guest"))
        state = self.broker.ctl("eval", f'{{ok, R}} = rabbit_exchange_type_consistent_hash:ring_state(<<"{self.vhost}">>, '
                                '<<"keyferry.partitions">>), [N || {_, {_, _, _, N}} <- '
                                'lists:sort(maps:to_list(element(3, R)))].')
        self.assertEqual([f"keyferry.partition.{n:04d}" for n in range(self.count)],
                         re.findall(r"keyferry[.][a-z]+[.][0-9]+", state))

    def test_it_can_neither_delete_nor_unbind_a_partition_nor_send_by_another_way(self):
        queue = "keyferry.partition.0000"
        self.refused(self.user, "queue_delete", queue)
        for exchange, key in (("keyferry.partitions", "host." + self.a.hex), ("", queue), (P2P, "partition.0000")):
            self.refused(self.user, "basic_publish", exchange, key, b"")
        self.refused(self.user, "queue_unbind", queue, "keyferry.partitions", "1")
        self.refused(self.user, "exchange_delete", "keyferry.partitions")
        self.refused("mgmt", "basic_publish", P2P, "partition.0000", b"")
