"""The names on the broker, as rabbitmqctl shows them."""
import re

from tests.e2e.base import NOT_FOUND, Scenario, new_key, new_uuid
from tests.lab import wait_until

QUORUM = {"x-queue-type": "quorum", "x-single-active-consumer": "true", "x-dead-letter-exchange": "keyferry.dead",
          "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish", "x-delivery-limit": "50"}
QUORUM_ONLY = {"x-queue-type", "x-dead-letter-strategy", "x-delivery-limit"}


def read_arguments(text):
    """{name: value} of what rabbitmqctl prints as [{"name","value"},...]."""
    return {name: value.strip('"') for name, value in re.findall(r'\{"([^"]+)",("[^"]*"|[^,}\]]+)\}', text)}


class Topology(Scenario):
    def queue(self, name):
        rows = self.broker.rows("queues", "name", "durable", "type", "arguments")
        row, = [row for row in rows if row["name"] == name]
        return row, read_arguments(row["arguments"])

    def test_the_host_queue_is_a_durable_quorum_queue_with_a_single_active_consumer(self):
        row, arguments = self.queue("keyferry.host." + self.a.hex)
        self.assertEqual("true", row["durable"])
        self.assertEqual(QUORUM, arguments)

    def test_a_classic_host_queue_has_what_classic_queues_can_have(self):
        host = self.a.alias()
        self.worker(host, settings={"bus": {"queue_type": "classic"}})
        row, arguments = self.queue("keyferry.host." + host.hex)
        self.assertEqual(("true", "classic"), (row["durable"], row["type"].rpartition("_")[2]))
        self.assertEqual({k: v for k, v in QUORUM.items() if k not in QUORUM_ONLY},
                         {k: v for k, v in arguments.items() if k != "x-queue-type"})
        self.refuses(self.get(host, new_key()), NOT_FOUND)

    def test_exchanges_and_bindings_are_as_named(self):
        exchanges = {row["name"]: (row["type"], row["durable"])
                     for row in self.broker.rows("exchanges", "name", "type", "durable")}
        self.assertEqual(("topic", "true"), exchanges["keyferry.p2p"])
        self.assertEqual(("fanout", "true"), exchanges["keyferry.dead"])
        self.assertEqual(("topic", "true"), exchanges["keyferry.events"])
        bindings = {(row["source_name"], row["destination_name"], row["routing_key"])
                    for row in self.broker.rows("bindings", "source_name", "destination_name", "routing_key")}
        self.assertIn(("keyferry.p2p", "keyferry.host." + self.a.hex, "host." + self.a.hex), bindings)
        self.assertIn("keyferry.dead",
                      {destination for source, destination, _ in bindings if source == "keyferry.dead"})

    def test_dead_letters_are_kept_in_a_durable_quorum_queue(self):
        row, arguments = self.queue("keyferry.dead")
        self.assertEqual("true", row["durable"])
        self.assertEqual("quorum", arguments.pop("x-queue-type"))
        version = re.search(r"RabbitMQ (\d+)", self.wa.log_text())
        self.assertEqual({"x-delivery-limit": "2147483647"} if int(version[1]) >= 4 else {}, arguments)

    def test_dead_letters_may_have_a_queue_that_others_declared_otherwise(self):
        host, vhost = self.a.alias(), "dead-" + new_uuid()[:8]
        url = self.broker.add_vhost(vhost)
        self.addCleanup(self.broker.ctl, "delete_vhost", vhost)
        self.client = self.with_part(self.lab.client(self.broker, url))
        self.client.channel.queue_declare("keyferry.dead", durable=True,
                                          arguments={"x-queue-type": "quorum", "x-max-length": 1000})
        worker = self.worker(host, settings={"bus": {"url": url}})
        self.client.send_body(b"?", "host." + host.hex, {"reply_to": None})
        self.client.dead_letters()
        self.client.channel.queue_delete("keyferry.dead")
        worker.stop()
        worker.start()  # and where there is none, it is made
        self.client.send_body(b"?", "host." + host.hex, {"reply_to": None})
        self.client.dead_letters()
        self.assertNotIn("PRECONDITION_FAILED", worker.log_text())

    def test_a_worker_consumes_and_publishes_on_two_connections_and_is_named_there(self):
        rows = self.broker.rows("connections", "client_properties", "name", "user")
        ours = [row for row in rows if self.wa.name in row["client_properties"]]
        self.assertEqual(2, len(ours), rows)

    def test_its_own_replies_come_to_an_exclusive_queue_of_its_name(self):
        names = {row["name"]: row["exclusive"] for row in self.broker.rows("queues", "name", "exclusive")}
        self.assertEqual("true", names.get("keyferry.reply." + self.wa.name), names)

    def test_a_queue_that_an_operator_deleted_is_made_again(self):
        host = self.a.alias()
        self.worker(host)
        self.broker.ctl("delete_queue", "keyferry.host." + host.hex)
        self.broker.wait_for_consumer("keyferry.host." + host.hex)
        self.refuses(self.get(host, new_key()), NOT_FOUND)

    def test_connections_that_an_operator_closed_come_back(self):
        host = self.a.alias()
        worker = self.worker(host)
        for row in self.broker.rows("connections", "pid", "client_properties"):
            if f'"{worker.name}' in row["client_properties"]:
                self.broker.ctl("close_connection", row["pid"], "maintenance")
        wait_until(lambda: worker.get("/readyz")[0] == 200, 20, "the worker to be back")
        self.refuses(self.get(host, new_key()), NOT_FOUND)
        self.assertIn("maintenance", worker.log_text())  # the broker's own words
