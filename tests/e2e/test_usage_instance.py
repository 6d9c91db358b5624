"""usageInstance on each of the three messages that name a secret, refused before libvirt is touched."""
from tests.e2e.base import ENCODINGS, INVALID, REQUIRED, Scenario, b64, new_dek, new_key, new_uuid

MESSAGES = {"SecretHostDefineMsg": "ensure", "SecretHostGetMsg": "get", "SecretHostDeleteMsg": "delete"}
ABSENT = {"missing": ..., "null": None, "empty": "", "blank": "   ", "a tab": "\t"}
WRONG = {"a number": 7, "true": True, "a list": ["tpm0"], "a map": {"tpm0": 1}, "two digits": "tpm10",
         "capitals": "TPM0", "no digit": "tpm", "a sign": "tpm-1", "a space before": " tpm0", "a line break": "tpm0\n",
         "the other purpose's": "volume-" + new_uuid(), "a volume that is none": "volume-x",
         "an Arabic digit": "tpm\u0661", "long": "tpm0" * 100}


class UsageInstance(Scenario):
    def ask_each(self, cases, purpose="vtpm"):
        """[(message, label, encoding, reply)] for every message, case and encoding, all in flight at once."""
        asked = []
        for message in MESSAGES:
            more = {"dekBase64": b64(new_dek())} if message == "SecretHostDefineMsg" else {}
            for label, value in cases.items():
                for encoding in ENCODINGS:
                    fields = {**new_key(purpose=purpose), **more, "usageInstance": value}
                    asked.append((message, label, encoding,
                                  self.client.send(message, self.a, encoding=encoding, **fields)))
        replies = self.client.wait_many([correlation_id for *_, correlation_id in asked])
        return [(*what[:3], reply) for what, reply in zip(asked, replies)]

    def test_absent_it_is_required_in_the_words_of_the_contract(self):
        for purpose in ("vtpm", "volume"):
            for message, label, encoding, reply in self.ask_each(ABSENT, purpose):
                with self.subTest(message=message, case=label, encoding=encoding):
                    self.refuses(reply, REQUIRED, field="usageInstance")
                    self.assertTrue(reply.details.startswith(
                        "vmUuid, purpose, keyVersion and usageInstance are required for "
                        f"{MESSAGES[message]} secret"), reply.details)
        self.assertEqual({}, self.pa.calls)

    def test_of_another_form_it_is_refused_and_told_what_is_accepted(self):
        for message, label, encoding, reply in self.ask_each(WRONG):
            with self.subTest(message=message, case=label, encoding=encoding):
                self.refuses(reply, INVALID, field="usageInstance")
                self.assertIn("tpm0", reply.details)
        self.assertEqual({}, self.pa.calls)

    def test_of_the_other_form_it_is_refused_for_a_volume_too(self):
        wrong = {"a TPM's": "tpm0", "nil": "volume-00000000-0000-0000-0000-000000000000",
                 "capitals": "VOLUME-" + new_uuid(),
                 "a UUID alone": new_uuid(), "short": "volume-" + new_uuid()[:-1]}
        for message, label, encoding, reply in self.ask_each(wrong, "volume"):
            with self.subTest(message=message, case=label, encoding=encoding):
                self.refuses(reply, INVALID, field="usageInstance")
                self.assertIn("volume-", reply.details)
        self.assertEqual({}, self.pa.calls)

    def test_all_ten_of_a_tpm_are_accepted(self):
        for digit in range(10):
            key = new_key(instance=f"tpm{digit}")
            self.defined(self.a, key)
            self.succeeds(self.get(self.a, key))
            self.assertTrue(self.succeeds(self.delete(self.a, key))["deleted"])
