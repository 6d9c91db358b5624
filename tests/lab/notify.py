"""What a program tells systemd."""
import os
import socket
import threading
import time


class NotifySocket:
    """.environment for the program, with a watchdog that wants to be fed within `watchdog_s`; .feedings are the times at
    which it was, .said everything."""

    name = "notify"

    def __init__(self, lab, name, watchdog_s):
        path = os.path.join(lab.make_folder(name), "notify")
        self.watchdog_s, self.feedings, self.said = watchdog_s, [], []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(int(watchdog_s * 1000000))}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                said = self.socket.recv(4096).decode().split("\n")
            except OSError:
                return
            self.said += said
            if "WATCHDOG=1" in said:
                self.feedings.append(time.monotonic())

    def is_fed(self):
        """It would not bite now."""
        return bool(self.feedings) and time.monotonic() - self.feedings[-1] < self.watchdog_s

    def end(self):
        self.socket.close()

    def processes(self):
        return []
