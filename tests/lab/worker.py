"""keyferryd, configured for a broker and some hypervisors."""
import http.client
import os
import re
import shlex
import sqlite3

from .log_lines import complaint_about, parse
from .process import LabError, Process, free_port, patience

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What a sanitizer or valgrind prints where it has something to say.
ALARM = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|^==\d+== .*(Invalid|definitely lost)",
                   re.MULTILINE)


def program(name, build=None):
    """The command for one of our programs, as a list: the one in the folder `build`, where that is given; $KEYFERRYD or
    $KEYFERRY (which may hold a whole command such as "valgrind -q build/keyferryd"), else the one in the folder
    $KEYFERRY_BUILD, or build."""
    if os.environ.get(name.upper()) and not build:
        return shlex.split(os.environ[name.upper()])
    return [os.path.join(REPO, build or os.environ.get("KEYFERRY_BUILD", "build"), name)]


class Worker(Process):
    """start() waits until it consumes; stop(), kill(), freeze()…; `settings`: {"section": {"key": value}} on top.
    `build`: the folder of the program, where it matters which."""

    ready_within = 30
    extra_environment = {}

    def __init__(self, lab, broker, hypervisors, name=None, settings=None, state=None, waits_ready=True,
                 build=None):
        super().__init__(lab, name or "worker-" + "".join(h.name for h in hypervisors))
        self.hypervisors, self.waits_ready, self.build = hypervisors, waits_ready, build
        self.port = free_port()
        self.state_dir = state or lab.make_folder(os.path.join(self.name, "state"))
        self.config = os.path.join(self.folder, "keyferry.conf")
        self.settings = {"bus": {"url": broker.url, "heartbeat_s": 5},
                         "worker": {"name": self.name, "state_dir": self.state_dir, "http": f"127.0.0.1:{self.port}"}}
        for hypervisor in hypervisors:
            self.settings[f"host.{hypervisor.uuid}"] = {"libvirt_uri": hypervisor.uri}
        for section, keys in (settings or {}).items():
            self.settings.setdefault(section, {}).update(keys)
        self.write_config()

    def write_config(self):
        """Write self.settings; a key whose value is None is left out. It is replaced as a whole: a worker may be reading it."""
        with open(self.config + ".new", "w", encoding="utf-8") as f:
            for section, keys in self.settings.items():
                f.write(f"[{section}]\n")
                f.writelines(f"{key} = {value}\n" for key, value in keys.items() if value is not None)
        os.rename(self.config + ".new", self.config)

    def argv(self):
        return [*program("keyferryd", self.build), "-c", self.config]

    def environment(self):
        return {"NOTIFY_SOCKET": "", **self.extra_environment}

    @property
    def ledger(self):
        return os.path.join(self.state_dir, "ledger.db")

    def ask_ledger(self, query, *values):
        """The rows that it gives now, read beside the worker."""
        database = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(query, values).fetchall()
        finally:
            database.close()

    def remembers(self, request_id):
        """(state, attempts) of a request in the ledger, or None."""
        return next(iter(self.ask_ledger("SELECT state, attempts FROM inbox WHERE id = ?", request_id)), None)

    def get(self, path):
        """(status, text) of a page on its `http` port; OSError where there is none, or no more of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience(10))
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except http.client.HTTPException as e:
            raise ConnectionError(f"{self.name}: {e!r}") from e
        finally:
            connection.close()

    def is_ready(self):
        if not self.waits_ready:
            return True
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def end(self):
        """Stop as an operator would; what does not, or has left an alarm in its log, is an error."""
        was_alive = self.alive
        self.thaw()
        status = self.stop()
        if was_alive and status != 0:
            raise LabError(f"{self.name} ended with status {status}\n{self.log_tail()}")
        self.check_log()

    def check_log(self):
        alarm = ALARM.search(self.log_text())
        if alarm:
            text = self.log_text()[alarm.start():alarm.start() + 6000]
            raise LabError(f"{self.name} left an alarm in its log:\n{text}")
        if os.path.exists(self.log) and "==" not in self.log_text()[:2]:  # no valgrind's
            with open(self.log, "rb") as f:
                complaint = complaint_about(f.read())
            if complaint:
                raise LabError(f"a line of {self.name}'s log cannot be read: {complaint}")

    def log_lines(self):
        """The fields of each line that is whole."""
        lines = self.log_text().rpartition("\n")[0].splitlines()
        return [parse(line) for line in lines if not line.startswith("keyferryd: ")]
