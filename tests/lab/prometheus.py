"""A private Prometheus that scrapes some workers."""
import json
import os
import subprocess
import urllib.parse
import urllib.request

from .process import LabError, Process, free_port, patience

BIN = "/usr/bin/prometheus"
TOOL = "/usr/bin/promtool"


def promtool(*args, text=None):
    """What promtool prints, or an error with it."""
    run = subprocess.run([TOOL, *args], input=text, capture_output=True, text=True, timeout=patience(60), check=False)
    if run.returncode:
        raise LabError(f"promtool {' '.join(args)}: {run.stdout}{run.stderr}")
    return run.stdout + run.stderr


class Prometheus(Process):
    """query() asks it; `targets` are what it scrapes, each second; `extra` are further lines of the job."""

    def __init__(self, lab, targets, extra=(), name="prometheus"):
        super().__init__(lab, name)
        self.port = free_port()
        with open(os.path.join(self.folder, "prometheus.yml"), "w", encoding="utf-8") as f:
            f.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\nscrape_configs:\n"
                    f"  - job_name: keyferry\n    static_configs: [{{targets: {json.dumps(targets)}}}]\n")
            f.writelines(f"    {line}\n" for line in extra)

    def argv(self):
        return [BIN, f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}"]

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def end(self):
        self.kill()

    def ask(self, page, **fields):
        url = f"http://127.0.0.1:{self.port}/api/v1/{page}?" + urllib.parse.urlencode(fields)
        with urllib.request.urlopen(url, timeout=patience(10)) as answer:
            return json.load(answer)["data"]

    def query(self, text):
        """[(labels, value)] of what a query gives now."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=text)["result"]]

    def value(self, text):
        """Of the only series there is, or None."""
        found = self.query(text)
        return found[0][1] if len(found) == 1 else None
