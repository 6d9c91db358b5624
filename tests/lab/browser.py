"""A headless Chromium, driven over WebDriver (W3C) with Python's standard library alone."""
import base64
import json
import os
import urllib.error
import urllib.request
import uuid

from .process import LabError, Process, free_port

DRIVER, CHROMIUM = "/usr/bin/chromedriver", "/usr/bin/chromium"


class Browser(Process):
    """open(), run() a script, text(), console(), screenshot(); resize() and look() as a phone, in the dark, without
    scripts. `scripts`: whether pages may run theirs."""

    ready_within = 60

    def __init__(self, lab, name=None, scripts=True):
        super().__init__(lab, name or "browser-" + uuid.uuid4().hex[:8])  # each with a profile of its own
        self.port, self.scripts, self.session = free_port(), scripts, None

    def argv(self):
        return [DRIVER, f"--port={self.port}"]

    def environment(self):
        return {"HOME": self.folder, "TMPDIR": self.folder}

    def is_ready(self):
        try:
            return self.call("GET", "/status")["ready"]
        except OSError:
            return False

    def wait_ready(self):
        super().wait_ready()
        options = {"binary": CHROMIUM, "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                                "--no-first-run", "--disable-background-networking",
                                                f"--user-data-dir={self.folder}/profile", "--window-size=1200,900"]}
        if not self.scripts:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        capabilities = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": options}
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]
        return self

    def end(self):
        if self.session and self.alive:
            try:
                self.call("DELETE", f"/session/{self.session}")
            except (OSError, LabError):
                pass
        self.kill()

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise LabError(f"the browser: {e.read().decode()[:500]}") from None

    def do(self, command, **body):
        return self.call("POST", f"/session/{self.session}/{command}", body)

    def open(self, url):
        self.do("url", url=url)

    def run(self, script, *args):
        return self.do("execute/sync", script=script, args=list(args))

    def devtools(self, command, **params):
        return self.do("goog/cdp/execute", cmd=command, params=params)

    def text(self, selector="body"):
        """What a person sees of an element."""
        element, = self.do("element", **{"using": "css selector", "value": selector}).values()
        return self.call("GET", f"/session/{self.session}/element/{element}/text")

    def console(self):
        """What was said since the last call, but for mere notes."""
        return [entry["message"] for entry in self.do("se/log", type="browser") if entry["level"] != "INFO"]

    def look(self, width, height, dark=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path):
        """The whole page."""
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=False)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
        return os.path.getsize(path)
