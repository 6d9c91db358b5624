"""The client examples of deploy/examples, as their users would run them: what they seal, the worker opens."""
import os
import shutil
import subprocess

from tests.e2e.base import Scenario, new_dek, new_key, new_uuid
from tests.lab import REPO, patience

EXAMPLES = os.path.join(REPO, "deploy/examples")


class Examples(Scenario):
    def run_example(self, *command, cwd=EXAMPLES, url=None, host=None, key=None, dek=b"", env=None):
        arguments = [url or self.broker.url, host or self.a.uuid, (key or new_key())["vmUuid"]]
        return subprocess.run([*command, *arguments], cwd=cwd, input=dek, capture_output=True, check=False,
                              timeout=patience(120), env={**os.environ, **(env or {})})

    def defines(self, *command, **options):
        """It prints the UUID of a secret that holds this DEK, and says what is wrong where something is."""
        key, dek = new_key(), new_dek()
        run = self.run_example(*command, key=key, dek=dek, **options)
        self.assertEqual(0, run.returncode, run.stderr.decode())
        self.holds(self.a, key, run.stdout.decode().strip())
        self.assertIs(False, self.succeeds(self.define(self.a, key, dek))["created"])
        again = self.run_example(*command, key=key, dek=new_dek(), **options)
        self.assertNotEqual(0, again.returncode)
        self.assertIn(b"KEY_AGENT_SECRET_CONFLICT", again.stderr)
        self.assertNotEqual(0, self.run_example(*command, host=new_uuid(), dek=dek, **options).returncode)

    def test_python(self):
        self.defines("/usr/bin/python3", "define.py")

    def test_node_whose_hpke_is_not_ours(self):
        folder = self.lab.make_folder("node")
        for name in ("package.json", "package-lock.json", "define.js"):
            shutil.copy(os.path.join(EXAMPLES, "node", name), folder)
        npm = subprocess.run(["npm", "ci", "--no-fund", "--no-audit"], cwd=folder, capture_output=True, text=True, check=False,
                             timeout=patience(120))
        self.assertEqual(0, npm.returncode, npm.stderr)
        self.defines("node", "define.js", cwd=folder)

    def test_go(self):
        program = os.path.join(self.lab.make_folder("go"), "define")
        environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "GOCACHE": program + ".cache"}
        build = subprocess.run(["go", "build", "-o", program, "define.go"], cwd=EXAMPLES, capture_output=True, text=True,
                               check=False, timeout=patience(170), env={**os.environ, **environment})
        self.assertEqual(0, build.returncode, build.stderr)
        self.defines(program)
