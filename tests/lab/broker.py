"""A private RabbitMQ node with an epmd of its own."""
import glob
import os
import subprocess
import time

import pika

from .process import LabError, Process, answers, free_port, patience, wait_until

BIN = "/usr/lib/rabbitmq/bin/"  # the scripts in /usr/sbin change to the user rabbitmq and another HOME


def parameters_of(url):
    """pika's: without heartbeats, and with patience at the login."""
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 0
    parameters.socket_timeout, parameters.stack_timeout = patience(10), patience(15)
    return parameters


class Epmd(Process):
    """Erlang's port mapper. A node would start one by itself, which then outlives it."""

    def __init__(self, lab, name):
        super().__init__(lab, name)
        self.port = free_port()

    def argv(self):
        return ["epmd", "-port", str(self.port), "-address", "127.0.0.1"]

    def is_ready(self):
        return answers(self.port)


class Broker(Process):
    """start(), stop(), kill(), restart(), freeze(), thaw(); .url and .port; queue() and ctl() to look inside.
    With `tls`, RabbitMQ's ssl_options as a dict, it has a TLS listener as well, on .tls_port. `of`: the cluster that it is
    a node of."""

    ready_within = 60

    def __init__(self, lab, name="broker", plugins=("rabbitmq_consistent_hash_exchange",), settings=(), tls=None, of=None):
        super().__init__(lab, name)
        self.cluster, self.epmd = of, of.epmd if of else Epmd(lab, name + "-epmd")
        self.port, self.dist_port = free_port(), free_port()
        self.users = set()
        self.tls_port = free_port() if tls else None
        if tls:
            settings = [*settings, f"listeners.ssl.local = 127.0.0.1:{self.tls_port}",
                        *(f"ssl_options.{key} = {value}" for key, value in tls.items())]
        self._write("rabbitmq.conf", f"listeners.tcp.local = 127.0.0.1:{self.port}\n"
                    "disk_free_limit.absolute = 50MB\nlog.console = true\nlog.file = false\n"
                    + "".join(f"{line}\n" for line in settings))
        self._write("enabled_plugins", "[" + ",".join(plugins) + "].\n")

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    @property
    def url(self):
        return self.url_in("%2F")

    def url_in(self, vhost):
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{vhost}"

    def add_vhost(self, name):
        """One that guest may use; gives its URL."""
        self.ctl("eval", f"""rabbit_vhost:add(<<"{name}">>, <<"lab">>),
            rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, <<"lab">>).""")
        return self.url_in(name)

    def tls_url(self, login="guest:guest@", host="127.0.0.1"):
        return f"amqps://{login}{host}:{self.tls_port}/%2F"

    def listen_tls(self, *options):
        """Open a further TLS listener for each dict of Erlang's ssl options; gives their ports."""
        ports = [free_port() for _ in options]
        self.ctl("eval", ", ".join(
            f'rabbit_networking:start_ssl_listener({{"127.0.0.1", {port}}}, [' +
            ", ".join(f"{{{key}, {value}}}" for key, value in each.items()) + "], 1)"
            for port, each in zip(ports, options)) + ".")
        return ports

    @property
    def node(self):
        return f"{self.name if self.cluster else 'rabbit'}@localhost"  # a host name may not resolve

    def argv(self):
        return [BIN + "rabbitmq-server"]

    def environment(self):
        def inside(name):
            return os.path.join(self.folder, name)
        return {
            "HOME": self.cluster.folder if self.cluster else self.folder,  # the Erlang cookie
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"
                                                   + (f" -kernel net_ticktime {self.cluster.tick_s}" if self.cluster else ""),
            "RABBITMQ_MNESIA_BASE": inside("mnesia"),
            "RABBITMQ_LOG_BASE": inside("logs"),
            "RABBITMQ_PID_FILE": inside("pid"),
            "RABBITMQ_CONFIG_FILE": inside("rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": inside("none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": inside("enabled_plugins"),
            "ERL_EPMD_PORT": str(self.epmd.port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "NOTIFY_SOCKET": inside("notify"),  # under systemd the script becomes the node, so its pid is ours
            "LC_ALL": "C.UTF-8",
        }

    def is_ready(self):
        return answers(self.port, b"AMQP\x00\x00\x09\x01") and (not self.tls_port or answers(self.tls_port))

    def launch(self):
        if not self.epmd.alive:
            self.epmd.start()
        return super().launch()

    def kill(self):
        """SIGKILL, but not within 5 s of the making of a quorum queue: RabbitMQ (3.10.8) registers its name up to 3 s
        later, and a queue whose name it has not registered is there after a crash but never gets a leader."""
        queues = glob.glob(os.path.join(self.folder, "mnesia/*/quorum/*/*/"))
        newest = max(map(os.path.getctime, queues), default=0)
        time.sleep(max(0, newest + 5 - time.time()))
        super().kill()

    def end(self):
        """Quickly and for good: what it stored is thrown away anyway."""
        super().kill()
        if not self.cluster:
            self.epmd.kill()

    def processes(self):
        return super().processes() + ([] if self.cluster else self.epmd.processes())

    def url_of(self, user):
        """For one of add_users()."""
        return f"amqp://{user}:geheim@127.0.0.1:{self.port}/%2F"

    def add_users(self, *names):
        """Users who may do everything; all in one call. One of the same name that was made otherwise is made anew."""
        binaries = ",".join(f'<<"{name}">>' for name in names if name not in self.users)
        self.users.update(names)
        self.ctl("eval", f"""[begin
            rabbit_auth_backend_internal:exists(U) andalso rabbit_auth_backend_internal:delete_user(U, <<"lab">>),
            rabbit_auth_backend_internal:add_user(U, <<"geheim">>, <<"lab">>),
            rabbit_auth_backend_internal:set_permissions(U, <<"/">>, <<".*">>, <<".*">>, <<".*">>, <<"lab">>)
            end || U <- [{binaries}]].""")

    def ctl(self, *args, within=90):
        """rabbitmqctl; takes about a second. Gives what it printed."""
        run = subprocess.run([BIN + "rabbitmqctl", "--quiet", *args], env={**os.environ, **self.environment()},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience(within))
        if run.returncode:
            raise LabError(f"rabbitmqctl {' '.join(args)}: {run.stdout}{run.stderr}")
        return run.stdout

    def rows(self, what, *columns, extra=()):
        """`rabbitmqctl list_<what> columns...` as a list of dicts of text."""
        out = self.ctl(f"list_{what}", "--no-table-headers", *extra, *columns)
        return [dict(zip(columns, line.split("\t"))) for line in out.splitlines() if line]

    def connection(self, url=None):
        return pika.BlockingConnection(parameters_of(url or self.url))

    def queue(self, name):
        """(messages ready, consumers) of a queue, or None if there is no such queue."""
        with self.connection() as connection:
            try:
                ok = connection.channel().queue_declare(name, passive=True).method
                return ok.message_count, ok.consumer_count
            except pika.exceptions.ChannelClosedByBroker as e:
                if e.reply_code == 404:
                    return None
                raise

    def wait_for_consumer(self, name, seconds=20):
        wait_until(lambda: (self.queue(name) or (0, 0))[1] > 0, seconds, f"a consumer on {name}")

    def wait_for_drained(self, name, seconds=60):
        """Until nothing of the queue is ready or unacknowledged."""
        def drained():
            rows = self.rows("queues", "name", "messages")
            return all(row["messages"] == "0" for row in rows if row["name"] == name)
        wait_until(drained, seconds, f"{name} to be drained", every=0.2)
