"""/metrics: as Prometheus' own tools read it, and that each metric is moved by what it counts."""
import json
import re
import resource
import subprocess
import sys

from tests.e2e.base import CONFLICT, INVALID, NOT_FOUND, Scenario, b64, new_dek, new_key, new_uuid, usage_id
from tests.lab import REPO, Search, promtool, wait_until

SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Page:
    """One scrape: page["name"], or page["name", label=value]… by at()."""

    def __init__(self, worker):
        status, self.text = worker.get("/metrics")
        assert status == 200, self.text
        self.samples = {}
        for line in self.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                key = (name, frozenset(LABEL.findall(labels or "")))
                assert key not in self.samples, f"twice: {line}"
                self.samples[key] = float(value)

    def at(self, name, **labels):
        """None where there is no such series."""
        return self.samples.get((name, frozenset(labels.items())))

    @property
    def names(self):
        return set(re.findall(r"^# TYPE (\w+) ", self.text, re.M))


class Metrics(Scenario):
    def setUp(self):
        super().setUp()
        self.client.purge_dead_letters()  # of other tests: they would be counted

    def table(self):
        """The names in the documentation, which lint compares with the table."""
        with open(f"{REPO}/deploy/METRICS.md", encoding="utf-8") as f:
            return set(re.findall(r"^\| `(\w+)` \|", f.read(), re.M))

    def up(self, **settings):
        """A worker for a host of its own on a's libvirtd, by a proxy that can hold its calls up."""
        host = self.a.alias()
        host.uri = self.a.uri
        return host, self.worker(host, settings=settings)

    def becomes(self, worker, value, name, **labels):
        """Depths and counts are those of the scrape before."""
        wait_until(lambda: Page(worker).at(name, **labels) == value, 20, f"{name}{labels} to be {value}", every=0.1)

    def grows(self, worker, before, by, name, **labels):
        """A request counts when the broker has its reply, which may have arrived by then."""
        was = before.at(name, **labels) or 0
        wait_until(lambda: (Page(worker).at(name, **labels) or 0) - was == by, 10, f"{name}{labels} to grow by {by}")

    def test_the_page_is_what_promtool_accepts_and_holds_every_metric_of_the_table(self):
        host, worker = self.up()
        self.defined(host)
        wait_until(lambda: Page(worker).at("keyferry_secrets") == 1, 20, "the ledger to be counted")
        page = Page(worker)
        self.assertEqual("", promtool("check", "metrics", text=page.text))
        self.assertEqual(self.table(), page.names)
        empty = {name for name in page.names if not any(key[0].startswith(name) for key in page.samples)}
        self.assertEqual(set(), empty)
        self.assertEqual({"host"}, {label for name, labels in page.samples for label, value in labels
                                    if host.uuid in value})

    def test_a_prometheus_scrapes_it(self):
        host, worker = self.up()
        prometheus = self.with_part(self.lab.prometheus(worker)).start()
        for _ in range(3):
            self.defined(host)
        def tells(value, query):
            """For a scrape that takes longer than a second nothing is told until the next one."""
            wait_until(lambda: prometheus.value(query) == value, 30, f"{query} to be {value}", every=0.1)
        tells(3, 'sum(keyferry_requests_total{message="SecretHostDefineMsg",code="ok"})')
        tells(1, "up")
        tells(3, "sum(keyferry_request_libvirt_seconds_count)")
        tells(1, "histogram_quantile(0.5, sum by (le) (keyferry_request_duration_seconds_bucket)) > bool 0")
        tells(1, f'sum(keyferry_build_info{{worker="{worker.name}"}})')
        tells(1, "sum(keyferry_build_info)")
        types = {entry["metric"]: entry["type"] for entry in prometheus.ask("targets/metadata")}
        self.assertEqual(self.table(), {name for name in types if name.startswith(("keyferry_", "process_"))})

    def test_requests_are_counted_by_message_and_outcome(self):
        host, worker = self.up()
        key, before = new_key(), Page(worker)
        self.defined(host, key, id="one")
        self.refuses(self.define(host, key), CONFLICT)
        self.refuses(self.get(host, new_key()), NOT_FOUND)
        self.client.publish("host." + host.hex, b"[]", message_id="malformed", reply_to=self.client.queue)
        wait_until(lambda: Page(worker).at("keyferry_dead_lettered_total") == 1, 20, "the dead letter")
        for message, code in (("SecretHostDefineMsg", "ok"), ("SecretHostDefineMsg", CONFLICT),
                              ("SecretHostGetMsg", NOT_FOUND), ("other", INVALID)):
            self.grows(worker, before, 1, "keyferry_requests_total", message=message, code=code)
        self.grows(worker, before, 2, "keyferry_request_duration_seconds_count", message="SecretHostDefineMsg")
        self.grows(worker, before, 2, "keyferry_request_libvirt_seconds_count", message="SecretHostDefineMsg")
        self.grows(worker, before, 3, "keyferry_request_waiting_seconds_count")
        self.grows(worker, before, 4, "keyferry_deliveries_total")
        self.grows(worker, before, 1, "keyferry_events_total", event="secret-defined")
        self.grows(worker, before, 0, "keyferry_duplicates_total")
        self.becomes(worker, 1, "keyferry_dead_letters")
        self.client.purge_dead_letters()
        self.becomes(worker, 0, "keyferry_dead_letters")
        page = Page(worker)
        spent = page.at("keyferry_request_libvirt_seconds_sum", message="SecretHostDefineMsg")
        self.assertTrue(0 < spent < page.at("keyferry_request_duration_seconds_sum", message="SecretHostDefineMsg"))
        self.assertLess(0, page.at("keyferry_ledger_commit_seconds_sum"))
        self.assertLess(4096, page.at("keyferry_ledger_size_bytes"))

    def test_duplicates_redeliveries_and_returned_replies_are_counted(self):
        link = self.with_part(self.lab.link(self.broker, "metrics-link"))
        host, worker = self.up(bus={"url": link.url})
        key, dek, before = new_key(), new_dek(), Page(worker)
        for _ in range(2):
            self.defined(host, key, dek, id="same")
        self.grows(worker, before, 1, "keyferry_duplicates_total")
        self.client.send("SecretHostGetMsg", host, **key, properties={"reply_to": "nobody-has-this-queue"})
        self.becomes(worker, 1, "keyferry_published_total", outcome="returned")
        self.a.freeze()  # so that requests are in hand when the link goes
        self.addCleanup(self.a.thaw)
        asked = [self.client.send("SecretHostGetMsg", host, **new_key()) for _ in range(3)]
        wait_until(lambda: Page(worker).at("keyferry_host_requests_in_flight", host=host.uuid) == 3, 20, "three in hand")
        link.cut()
        wait_until(lambda: Page(worker).at("keyferry_broker_connections_total") == 2, 20, "the worker to be back")
        self.assertEqual(1, Page(worker).at("keyferry_broker_losses_total"))
        self.a.thaw()
        for reply in self.client.wait_many(asked):
            self.refuses(reply, NOT_FOUND)
        wait_until(lambda: Page(worker).at("keyferry_redeliveries_total") >= 3, 20, "the redeliveries")

    def test_a_libvirtd_that_dies_and_what_it_loses_is_seen(self):
        host = self.with_part(self.lab.hypervisor("m" + new_uuid()[:4])).start()
        worker = self.worker(host)
        self.defined(host)
        self.assertEqual((1, 1, 1, 1), tuple(Page(worker).at("keyferry_host_" + name, host=host.uuid) for name in
                                             ("ready", "consuming", "served", "libvirt_up")))
        host.kill()
        self.becomes(worker, 0, "keyferry_host_libvirt_up", host=host.uuid)
        page = Page(worker)
        self.assertEqual((0, 1), (page.at("keyferry_hosts_ready"), page.at("keyferry_hosts")))
        self.assertEqual((0, 1), (page.at("keyferry_host_ready", host=host.uuid),
                                  page.at("keyferry_host_consuming", host=host.uuid)))
        asked = self.client.send("SecretHostGetMsg", host, **new_key())
        self.becomes(worker, 1, "keyferry_requests_in_flight", stage="away")
        host.start()
        self.refuses(self.client.wait(asked), NOT_FOUND)
        self.becomes(worker, 1, "keyferry_events_total", event="secret-restored")
        self.becomes(worker, 2, "keyferry_host_libvirt_connections_total", host=host.uuid)
        self.becomes(worker, 1, "keyferry_hosts_ready")
        self.becomes(worker, 0, "keyferry_requests_in_flight", stage="away")

    def test_leases_findings_and_what_was_mended_are_counted(self):
        host = self.with_part(self.lab.hypervisor("m" + new_uuid()[:4])).start()
        worker = self.worker(host)
        lost = self.defined(host)
        self.defined(host, leaseSeconds=3600)
        self.becomes(worker, 2, "keyferry_secrets")
        self.becomes(worker, 1, "keyferry_leases")
        host.undefine_secret(lost)
        host.define_secret(usage_id(new_key()), new_dek())
        self.succeeds(self.client.ask("HostReconcileMsg", host))
        self.becomes(worker, 1, "keyferry_findings", kind="not-in-ledger")
        self.becomes(worker, 0, "keyferry_findings", kind="orphan")
        self.becomes(worker, 1, "keyferry_mended_total")

    def test_a_queue_that_grows_is_seen_and_so_is_when_it_was_heard_last(self):
        host, worker = self.up(bus={"prefetch": 2})
        self.defined(host)
        self.assertLess(0, Page(worker).at("keyferry_host_queue_heard_timestamp_seconds", host=host.uuid))
        self.becomes(worker, 0, "keyferry_host_queue_messages", host=host.uuid)
        self.a.freeze()
        self.addCleanup(self.a.thaw)
        asked = [self.client.send("SecretHostGetMsg", host, **new_key()) for _ in range(12)]
        self.becomes(worker, 10, "keyferry_host_queue_messages", host=host.uuid)
        self.a.thaw()
        self.client.wait_many(asked)
        self.becomes(worker, 0, "keyferry_host_queue_messages", host=host.uuid)

    def test_a_ledger_that_cannot_be_written_and_a_broker_that_is_blocked_are_seen(self):
        host, worker = self.up()
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        asked = self.client.send("SecretHostDefineMsg", host, **new_key(), dekBase64=b64(new_dek()))
        self.becomes(worker, 0, "keyferry_ledger_up")
        self.becomes(worker, 1, "keyferry_requests_in_flight", stage="recording")
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.succeeds(self.client.wait(asked))
        self.becomes(worker, 1, "keyferry_ledger_up")
        self.assertEqual(0, Page(worker).at("keyferry_broker_blocked"))
        self.broker.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
        self.addCleanup(self.broker.ctl, "set_vm_memory_high_watermark", "0.4")
        self.a.kill()  # an event is due, and a connection is blocked when it publishes
        self.addCleanup(self.a.start)
        self.becomes(worker, 1, "keyferry_broker_blocked")

    def test_no_secret_is_in_it(self):
        host, worker = self.up()
        dek = new_dek()
        self.defined(host, new_key(), dek)
        search = Search(dek=dek)
        self.assertEqual([], search.in_bytes(Page(worker).text.encode(), "/metrics"))

    def test_what_is_asked_at_random_adds_no_series(self):
        host, worker = self.up()
        self.defined(host)
        self.becomes(worker, 1, "keyferry_secrets")
        self.becomes(worker, 0, "keyferry_dead_letters")

        def ask():
            for name in ("X" * 100, "é" * 20 + '"b\\c\nMsg', f"M{new_uuid()}Msg"):
                self.client.ask(name, host)
            self.client.ask("SecretHostGetMsg", host, id=new_uuid(), **new_key(vm=new_uuid()))
        ask()
        before = set(Page(worker).samples)
        ask()
        self.assertEqual(before, set(Page(worker).samples))


class Rules(Scenario):
    def test_alerts_fire_when_they_should_and_only_then(self):
        self.assertIn("SUCCESS", promtool("check", "rules", f"{REPO}/deploy/prometheus/alerts.yml"))
        self.assertIn("SUCCESS", promtool("test", "rules", f"{REPO}/deploy/prometheus/alerts_test.yml"))

    def test_alerts_and_panels_name_metrics_that_there_are(self):
        run = subprocess.run([sys.executable, "tests/check-metrics"], cwd=REPO, capture_output=True, text=True, check=False)
        self.assertEqual(0, run.returncode, run.stdout)

    def test_a_prometheus_takes_the_alerts_and_every_query_of_the_dashboard(self):
        host = self.a.alias()
        host.uri = self.a.uri
        worker = self.worker(host)
        prometheus = self.with_part(self.lab.prometheus(worker)).start()
        self.defined(host)
        wait_until(lambda: prometheus.value("keyferry_hosts") == 1, 30, "a scrape")
        with open(f"{REPO}/deploy/grafana/keyferry.json", encoding="utf-8") as f:
            board = json.load(f)
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"].replace("$__rate_interval", "1m").replace("$__range", "3h").replace("$worker", ".*").replace("$host", ".*")
                with self.subTest(panel["title"]):
                    prometheus.query(query)
