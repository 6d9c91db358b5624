"""The status page: in a real browser, with and without scripts; who may see it; and the same as JSON."""
import base64
import http.client
import json
import os
import re
import resource
import socket
import subprocess

from tests.e2e.base import NOT_FOUND, Scenario, new_dek, new_key, new_uuid
from tests.lab import Search, Worker, free_port, patience, program, wait_until

TOKEN = "a-token-of-the-lab-which-is-long"


class PageScenario(Scenario):
    def setUp(self):
        super().setUp()
        self.client.purge_dead_letters()  # of other tests: they would be told of

    def up(self, *more, **settings):
        """A worker for a host of its own on a's libvirtd, and more."""
        host = self.a.alias()
        host.uri = self.a.uri
        return host, self.worker(host, *more, settings=settings)

    def browser(self, **options):
        return self.with_part(self.lab.browser(**options)).start()

    def ask(self, worker, path, headers=None, address="127.0.0.1"):
        """(status, headers, text)"""
        connection = http.client.HTTPConnection(address, worker.port, timeout=patience(10))
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def state(self, worker):
        return json.loads(self.ask(worker, "/status.json")[2])


class Page(PageScenario):
    def shows(self, browser, text, selector="main", seconds=15):
        wait_until(lambda: text in browser.text(selector), seconds, f"the page to show {text}", every=0.1)

    def test_shows_a_define_that_just_happened_and_a_libvirtd_that_just_died_without_a_word_on_the_console(self):
        host = self.with_part(self.lab.hypervisor("p" + new_uuid()[:4])).start()
        worker = self.worker(host)
        browser = self.browser()
        browser.open(f"http://127.0.0.1:{worker.port}/")
        self.shows(browser, "All is well", "#state")
        self.shows(browser, "live", "#live")
        key = new_key()
        secret = self.defined(host, key, leaseSeconds=3600)
        self.shows(browser, key["vmUuid"], "#recent", seconds=5)
        self.assertIn("SecretHostDefineMsg", browser.text("#recent"))
        self.shows(browser, secret, "#leases")
        host.kill()
        self.shows(browser, f"libvirt of host {host.uuid} cannot be reached", "#state", seconds=10)
        self.shows(browser, "libvirt away", "#hosts")
        self.assertEqual("bad", browser.run("return document.querySelector('#state li').className"))
        asked = self.client.send("SecretHostGetMsg", host, **new_key())
        self.shows(browser, "waits for libvirt to be back", "#flights")
        host.start()
        self.refuses(self.client.wait(asked), NOT_FOUND)
        self.shows(browser, "All is well", "#state")
        self.shows(browser, NOT_FOUND, "#recent")
        self.assertEqual([], browser.console())

    def test_names_every_host_and_works_without_scripts(self):
        away = self.a.alias()
        away.uri = f"qemu+unix:///session?socket={self.lab.folder}/nobody"
        host, worker = self.up(away)
        self.defined(host)
        html = self.ask(worker, "/")[2]
        for one in (host, away):
            self.assertIn(f"<code>{one.uuid}</code>", html)
        browser = self.browser(scripts=False)
        browser.open(f"http://127.0.0.1:{worker.port}/")
        for text in (host.uuid, away.uuid, "SecretHostDefineMsg", "1 thing needs attention"):
            self.assertIn(text, browser.text())
        self.assertEqual("", browser.text("#live"))
        self.assertEqual([], browser.console())

    def test_is_as_wide_as_a_phone_and_light_or_dark_as_is_wished(self):
        host, worker = self.up()
        self.defined(host, leaseSeconds=3600)
        self.client.ask("SecretHostGetMsg", host, id="x" * 128, **new_key())
        self.client.ask("N" * 100, host)
        browser = self.browser()
        paper = "return getComputedStyle(document.body).backgroundColor"
        papers = set()
        for width in (360, 1200):
            for dark in (False, True):
                browser.look(width, 800, dark)
                browser.open(f"http://127.0.0.1:{worker.port}/")
                self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"), width)
                papers.add(browser.run(paper))
        self.assertEqual(2, len(papers))
        self.assertEqual([], browser.console())

    def test_tells_a_screen_reader_what_is_what(self):
        host, worker = self.up()
        self.defined(host)
        browser = self.browser()
        for width in (360, 1200):
            browser.look(width, 800)
            browser.open(f"http://127.0.0.1:{worker.port}/")
            tree = browser.devtools("Accessibility.getFullAXTree")["nodes"]
            roles = [node["role"]["value"] for node in tree if not node["ignored"]]
            for role in ("banner", "main", "contentinfo", "status", "table", "columnheader", "rowheader", "row", "cell"):
                self.assertIn(role, roles, f"at {width} px")
            names = {node["name"]["value"] for node in tree if node.get("name") and node["role"]["value"] == "table"}
            self.assertIn("Hosts, and how it is with each", names)
            nameless = [node for node in tree if not node["ignored"] and node["role"]["value"] in ("image", "img", "link")
                        and not node["name"]["value"]]
            self.assertEqual([], nameless)
        self.assertEqual("en", browser.run("return document.documentElement.lang"))
        self.assertEqual("polite", browser.run("return document.querySelector('[aria-live]').ariaLive"))

    def test_what_senders_write_stays_text(self):
        host, worker = self.up()
        evil = "<img src=x onerror=document.title='owned'>"
        self.client.send_body(json.dumps({evil: {"id": "evil", "hostUuid": host.uuid}}).encode(), "host." + host.hex,
                              {"content_type": "application/json"})
        browser = self.browser()
        browser.open(f"http://127.0.0.1:{worker.port}/")
        self.shows(browser, "SYS.100", "#recent")
        self.assertNotIn("<img", self.ask(worker, "/")[2])
        self.assertNotEqual("owned", browser.run("return document.title"))
        self.assertEqual(0, browser.run("return document.images.length"))

    def test_asks_nothing_of_anybody_else(self):
        _, worker = self.up()
        status, headers, html = self.ask(worker, "/")
        self.assertEqual((200, "text/html; charset=utf-8"), (status, headers["Content-Type"]))
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual({"/icon.svg", "/page.css", "/page.js", "/status.json", "/metrics", "/readyz"},
                         set(re.findall(r'(?:href|src)="([^"]*)"', html)))
        for path in ("/icon.svg", "/page.css", "/page.js"):
            self.assertEqual(200, self.ask(worker, path)[0])

    def test_no_secret_is_on_it(self):
        host, worker = self.up()
        dek = new_dek()
        self.defined(host, new_key(), dek)
        search = Search(dek=dek)
        for path in ("/", "/status.json"):
            self.assertEqual([], search.in_bytes(self.ask(worker, path)[2].encode(), path))


class Json(PageScenario):
    def test_has_what_the_page_has(self):
        host, worker = self.up()
        key = new_key()
        secret = self.defined(host, key, leaseSeconds=3600)
        self.refuses(self.get(host, new_key()), NOT_FOUND)
        def counted():
            state = self.state(worker)
            return state if state["leases"] and len(state["recent"]) == 2 else None
        state = wait_until(counted, 15, "the lease and both requests to be counted", every=0.1)
        self.assertEqual((worker.name, True, True, [], 1), tuple(state[name] for name in (
            "worker", "brokerUp", "ledgerUp", "troubles", "secrets")))
        self.assertEqual([(host.uuid, "ready", True)], [(one["hostUuid"], one["state"], one["served"])
                                                        for one in state["hosts"]])
        self.assertEqual([secret], [one["secretUuid"] for one in state["leases"]])
        last, first = state["recent"]
        self.assertEqual(("SecretHostGetMsg", NOT_FOUND), (last["message"], last["code"]))
        self.assertEqual(("SecretHostDefineMsg", ""), (first["message"], first["code"]))
        self.assertIn(key["vmUuid"], first["identity"])
        self.assertEqual((1, 1), tuple(sum(minute[name] for minute in state["minutes"]) for name in ("ok", "failed")))
        self.assertEqual(60, len(state["minutes"]))


class Events(PageScenario):
    def listen(self, worker, buffer=None):
        listener = socket.socket()
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        listener.settimeout(patience(15))
        listener.connect(("127.0.0.1", worker.port))
        self.addCleanup(listener.close)
        listener.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return listener

    def hears(self, listener, what):
        heard = b""
        while what not in heard:
            data = listener.recv(4096)
            self.assertTrue(data, f"hung up after {heard}")
            heard += data
        return heard

    def test_whoever_listens_is_told_that_something_has_changed(self):
        host, worker = self.up()
        listener = self.listen(worker)
        self.assertIn(b"Content-Type: text/event-stream", self.hears(listener, b"retry: "))
        self.defined(host)
        self.hears(listener, b"data: ")

    def test_listeners_are_few_and_who_hangs_up_makes_room(self):
        _, worker = self.up()
        listeners = [self.listen(worker) for _ in range(16)]
        for listener in listeners:
            self.hears(listener, b"retry: ")
        self.assertEqual(503, self.ask(worker, "/events")[0])
        self.assertEqual(200, self.ask(worker, "/")[0])
        listeners[3].close()
        wait_until(lambda: self.is_heard(worker), 10, "room for one more", every=0.1)

    def is_heard(self, worker):
        listener = self.listen(worker)
        return b" 200 " in listener.recv(200).split(b"\r\n")[0]

    def test_who_does_not_read_costs_next_to_nothing(self):
        host = self.a.alias()
        host.uri = self.a.uri
        worker = self.worker(host, build="build")  # a sanitizer keeps for a while what is freed
        for _ in range(8):
            self.listen(worker, buffer=2048)
        before = self.memory(worker)
        for _ in range(5):
            for _ in range(40):
                self.client.send("SecretHostGetMsg", host, **new_key())
            self.lives(host)
        self.assertLess(self.memory(worker) - before, 8 << 20)

    def memory(self, worker):
        with open(f"/proc/{worker.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()


class Access(PageScenario):
    def token_file(self, text=TOKEN + "\n", mode=0o600):
        path = os.path.join(self.lab.make_folder("tokens"), new_uuid())
        with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, mode)) as f:
            f.write(text)
        return path

    def test_an_address_that_others_reach_needs_a_token(self):
        worker = Worker(self.lab, self.broker, [self.a.alias()], "open-" + new_uuid()[:4], waits_ready=False)
        for address in ("0.0.0.0", "[::]", "10.1.2.3", "some-name"):
            worker.settings["worker"]["http"] = f"{address}:{worker.port}"
            worker.write_config()
            for more in ([], ["--check-config"]):
                run = subprocess.run([*program("keyferryd"), "-c", worker.config, *more], capture_output=True, text=True,
                                     timeout=patience(20), check=False)
                self.assertEqual(3, run.returncode, run.stderr)
                self.assertIn("needs http_token_file", run.stderr)

    def test_a_token_file_that_is_none_is_a_start_up_error(self):
        for file, says in ((self.token_file("short\n"), "16 to 255"), (self.token_file(mode=0o604), "chmod o="),
                           ("/nowhere/token", "No such file")):
            worker = Worker(self.lab, self.broker, [self.a.alias()], "none-" + new_uuid()[:4], waits_ready=False,
                            settings={"worker": {"http_token_file": file}})
            run = subprocess.run(worker.argv(), capture_output=True, text=True, timeout=patience(20), check=False)
            self.assertEqual(3, run.returncode, run.stderr)
            self.assertIn(says, run.stderr)

    def test_with_a_token_it_says_so_at_start_and_shows_pages_to_who_has_it_alone(self):
        host = self.a.alias()
        host.uri = self.a.uri
        port = free_port()
        worker = self.lab.worker(self.broker, host, settings={
            "worker": {"http": f"0.0.0.0:{port}", "http_token_file": self.token_file()}})
        worker.port = port
        self.with_part(worker).start()
        self.assertIn("event=http address=0.0.0.0", worker.log_text())
        self.assertIn("with the token of http_token_file", worker.log_text())
        self.assertNotIn(TOKEN, worker.log_text())
        login = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
        for path in ("/", "/status.json", "/metrics", "/page.css", "/events", "/nothing"):
            for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {TOKEN}x"},
                          {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()}):
                status, headers, text = self.ask(worker, path, wrong)
                self.assertEqual(401, status, path)
                self.assertIn("Basic", headers["WWW-Authenticate"])
                self.assertNotIn(host.uuid, text)
        for right in (f"Bearer {TOKEN}", f"Basic {login}"):
            for path in ("/", "/status.json", "/metrics"):
                status, _, text = self.ask(worker, path, {"Authorization": right, "Host": "elsewhere.example"})
                self.assertEqual(200, status)
                self.assertIn(host.uuid, text)
        prometheus = self.with_part(self.lab.prometheus(worker, extra=[
            f"authorization: {{credentials: {TOKEN}}}"])).start()
        wait_until(lambda: prometheus.value("keyferry_hosts") == 1, 30, "a scrape with the token")

    def test_probes_are_for_everybody_and_name_nobody_to_strangers(self):
        away, port = self.a.alias(), free_port()
        away.uri = f"qemu+unix:///session?socket={self.lab.folder}/nobody"
        worker = self.lab.worker(self.broker, away, waits_ready=False, name="probed-" + new_uuid()[:4], settings={
            "worker": {"http": f"127.0.0.1:{port}", "http_token_file": self.token_file()}})
        worker.port = port
        self.with_part(worker).start()
        wait_until(lambda: self.answers(worker), 10, "the worker to listen")
        self.assertEqual(200, self.ask(worker, "/healthz")[0])
        for path in ("/readyz", "/readyz?host=" + away.uuid):
            status, _, text = self.ask(worker, path)
            self.assertEqual((503, "not ready\n"), (status, text))
            status, _, text = self.ask(worker, path, {"Authorization": f"Bearer {TOKEN}"})
            self.assertEqual(503, status)
            self.assertIn(away.uuid, text)

    def answers(self, worker):
        try:
            return self.ask(worker, "/healthz")[0]
        except OSError:
            return None

    def test_a_page_from_elsewhere_cannot_have_a_browser_here_read_it(self):
        _, worker = self.up()
        for path in ("/", "/status.json", "/metrics", "/events"):
            self.assertEqual(403, self.ask(worker, path, {"Host": "evil.example"})[0])
        for name in ("localhost", "127.0.0.1:1", "[::1]:9464"):
            self.assertEqual(200, self.ask(worker, "/", {"Host": name})[0])
