"""The worked examples of PROTOCOL.md: both forms of each are the same request, and a worker does what it says."""
import base64
import json
import os
import re

import msgpack

from tests.e2e.base import Scenario
from tests.lab import REPO

HOST, OTHER = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-8999-aaaaaaaaaaaa"
BLOCKS = re.compile(r"#### `(\w+)`\n\n```json\n(.*?)```\n```msgpack\n(.*?)```", re.DOTALL)


def examples():
    """{message name: (JSON, msgpack)}, as bytes, in the order of the document."""
    with open(os.path.join(REPO, "PROTOCOL.md"), encoding="utf-8") as f:
        return {name: (text.encode(), bytes.fromhex(packed)) for name, text, packed in BLOCKS.findall(f.read())}


def plain(value):
    """With bytes as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


class Examples(Scenario):
    def test_both_forms_of_each_example_say_the_same(self):
        found = examples()
        self.assertIn("SecretHostDefineMsg", found)
        for name, (text, packed) in found.items():
            with self.subTest(name):
                self.assertEqual([name], list(json.loads(text)))
                self.assertEqual(json.loads(text), plain(msgpack.unpackb(packed)))

    def both_ways(self, name):
        """Send both forms of an example, which have one id: the second one gets the outcome of the first. Gives that."""
        outcomes = []
        for body, encoding in zip(self.examples.pop(name), ("json", "msgpack")):
            asked = self.client.send_body(body, "host." + HOST.replace("-", ""), {"content_type": "application/" + encoding})
            outcomes.append(plain(self.succeeds(self.client.wait(asked)).outcome))
        self.assertEqual(outcomes[0], outcomes[1])
        return outcomes[0]

    def test_each_is_done_by_a_worker_and_both_forms_are_one_request(self):
        self.examples = examples()
        source, destination = self.a.alias(), self.b.alias()
        source.uuid, destination.uuid = HOST, OTHER
        for host in (source, destination):
            host.hex = host.uuid.replace("-", "")
        self.worker(source, destination)
        define = json.loads(self.examples["SecretHostDefineMsg"][0])["SecretHostDefineMsg"]
        self.assertEqual({"success": True, "secretUuid": define["secretUuid"], "created": True},
                         self.both_ways("SecretHostDefineMsg"))
        self.assertEqual(define["secretUuid"], self.both_ways("SecretHostGetMsg")["secretUuid"])
        vm = self.vm(self.a, "encrypted", define["secretUuid"], define["vmUuid"])
        self.assertEqual(define["secretUuid"], self.both_ways("ResolveVtpmLibvirtSecretOnHypervisorMsg")["secretUuid"])
        self.assertEqual("ledger", self.both_ways("VtpmPreMigrateMsg")["dekSource"])
        self.assertEqual("none", self.both_ways("VtpmPostMigrateMsg")["deletedOn"])
        vm.stop()
        vm.undefine()
        self.assertIs(True, self.both_ways("SecretHostDeleteMsg")["deleted"])
        key = self.both_ways("HostEnvelopeKeyGetMsg")
        self.assertNotEqual(key["fingerprint"], self.both_ways("HostEnvelopeKeyRotateMsg")["fingerprint"])
        del self.examples["ResourceKeyGetMsg"]  # what a worker sends, and no worker gets
        for name in list(self.examples):
            self.both_ways(name)
        self.b.undefine_secret(define["secretUuid"])
