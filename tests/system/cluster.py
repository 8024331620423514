"""A city on one machine: real daemons in a temporary folder, driven through their public surface only.

Standard library only, since `make demo` uses it too. Paths are short: a Unix socket's path ends at 107 bytes."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("TALLY_BUILD", "build"))
SANITIZED = "san" in os.path.basename(BUILD)
PATIENCE = 5 if SANITIZED else 1  # how much longer everything may take
REPORTS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed|SUMMARY: \w+Sanitizer")
SIGKILLED = -signal.SIGKILL
# No daemon outlives the test that started it, even when the test is killed.
DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def program(name):
    return os.path.join(BUILD, name)


def environment():
    env = dict(os.environ, LC_ALL="C.UTF-8")
    env.setdefault("ASAN_OPTIONS", "abort_on_error=0:exitcode=86:detect_leaks=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1:exitcode=86")
    suppressions = os.path.join(ROOT, "tests", "system", "tsan.txt")
    env.setdefault("TSAN_OPTIONS", f"exitcode=86:suppressions={suppressions}")
    env.pop("TALLY_SOCKET", None)
    return env


def wait_for(what, condition, seconds=20, step=0.02):
    """Calls condition until it is true; its value. Its last value stands in the complaint."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * PATIENCE} s in vain for: {what} (last: {value!r})")
        time.sleep(step)


class Ports:
    """Free ports below those that the kernel gives to outgoing connections; each process has its own range."""

    def __init__(self):
        self.next = 12000 + os.getpid() * 97 % 18000

    def take(self):
        while True:
            self.next = self.next + 1 if self.next < 31000 else 12000
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", self.next))
                    return self.next
                except OSError:
                    pass


PORTS = Ports()


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"


def ctl(*words, socket_path=None, output=None, codes=(0,), stdin=None, seconds=120, env=None):
    """Runs tallyctl; complains when its exit code is not among `codes` (None: any)."""
    line = [program("tallyctl")]
    if socket_path:
        line += ["-s", socket_path]
    if output:
        line += ["-o", output]
    done = subprocess.run([*line, *map(str, words)], capture_output=True, text=True, timeout=seconds * PATIENCE,
                          input=stdin, env=env or environment())
    r = Result(done)
    if codes is not None and r.code not in codes:
        raise AssertionError(f"tallyctl {' '.join(map(str, words))}: {r}")
    return r


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("tally", timeout=10 * PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Node:
    """One daemon: its folder, keys, configuration and process."""

    def __init__(self, cluster, role, origin, where=None):
        self.cluster, self.role, self.origin = cluster, role, str(origin)
        self.dir = where or os.path.join(cluster.dir, self.origin)
        self.keys_dir = os.path.join(self.dir, "keys")
        self.state = os.path.join(self.dir, "state")
        self.socket = os.path.join(self.dir, "s")
        self.conf = os.path.join(self.dir, "conf")
        self.log = os.path.join(self.dir, "log")
        self.process = None
        self.binary = f"tally-{role}"
        self.settings = {}
        self.sections = []
        os.makedirs(self.state, mode=0o750, exist_ok=True)
        os.makedirs(self.keys_dir, mode=0o700, exist_ok=True)
        self.keys = ctl("keygen", self.keys_dir, output="json").json()

    # ---- configuration ----

    def setting(self, **values):
        self.settings.update(values)
        return self

    def write_conf(self):
        name = "district" if self.role == "collector" else "area"
        lines = [f'{name} = "{self.origin}"', f'state_dir = "{self.state}"', f'control = "{self.socket}"',
                 f'keys_dir = "{self.keys_dir}"']
        lines += [f'{k} = "{v}"' for k, v in {**self.cluster.settings.get(self.role, {}), **self.settings}.items()]
        for kind, title, values in self.sections:
            lines.append(f"{kind} {title} {{")
            lines += [f'\t{k} = "{v}"' for k, v in values.items()]
            lines.append("}")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")

    # ---- life ----

    def spawn(self):
        """Starts the process and does not wait for it."""
        self.write_conf()
        line = [*DIE_WITH_US, program(self.binary), "-c", self.conf]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment(), start_new_session=True)
        self.cluster.processes.append((self, self.process))
        return self

    def start(self):
        self.spawn()
        self.wait_up()
        return self

    def wait_up(self):
        def up():
            code = self.process.poll()
            if code is not None:
                raise AssertionError(f"{self.role} {self.origin} ended with {code} at its start:\n{self.tail()}")
            try:
                return self.status()
            except (OSError, http.client.HTTPException):
                return None
        wait_for(f"{self.role} {self.origin} to answer", up, 15)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, code=0):
        """A clean stop; complains when it takes long or ends otherwise."""
        if not self.running():
            return
        self.process.terminate()
        try:
            found = self.process.wait(15 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.role} {self.origin} does not stop:\n{self.tail()}") from None
        assert found == code, f"{self.role} {self.origin} ended with {found}, not {code}:\n{self.tail()}"

    def kill(self):
        """kill -9"""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()

    # ---- questions ----

    def ctl(self, *words, **kw):
        return ctl(*words, socket_path=self.socket, **kw)

    def load(self, register, *files, codes=(0,), **kw):
        """Imports; (accepted, changed, unchanged, refused) of the last line."""
        return counts(self.ctl("import", register, *files, codes=codes, **kw).out)

    def ask(self, path, **headers):
        """(HTTP status, body, ETag) over the control socket, without tallyctl."""
        c = _UnixConnection(self.socket)
        try:
            c.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            r = c.getresponse()
            return r.status, r.read().decode(), r.headers["ETag"]
        finally:
            c.close()

    def get(self, path, accept="application/json"):
        """(HTTP status, body)"""
        return self.ask(path, Accept=accept)[:2]

    def status(self):
        return json.loads(self.get("/v1/status")[1])

    def metrics(self):
        """{name with labels: value}"""
        out = {}
        for line in self.get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                out[name] = float(value)
        return out

    def last(self):
        """The last position of the own ledger."""
        return self.status()["ledger"]["next"] - 1

    def memory(self):
        """Anonymous memory in bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1]) * 1024

    def tail(self, lines=25):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])


class Aggregator(Node):
    def __init__(self, cluster, area="310000"):
        super().__init__(cluster, "aggregator", area)
        self.port = PORTS.take()
        self.settings["listen"] = f"tcp://127.0.0.1:{self.port}"

    def child(self, origin, keys):
        self.sections.append(("child", str(origin), keys))

    def children(self):
        return {str(c["origin"]): c for c in self.status()["children"]}

    def form(self, form, period, cumulative=False, *more):
        words = ["form", "show", form, "--period", period, *more]
        return self.ctl(*words, *(["--cumulative"] if cumulative else []), output="csv").out


class Collector(Node):
    def __init__(self, cluster, district, parents, where=None):
        super().__init__(cluster, "collector", district, where)
        shutil.copy(cluster.pid_key(), self.keys_dir)
        for name, keys, port in parents:
            self.sections.append(("parent", name, {"endpoint": f"tcp://127.0.0.1:{port}", **keys}))

    def parent(self):
        return self.status()["parents"][0]

    def proven(self):
        s = self.status()
        p, last = s["parents"][0], s["ledger"]["next"] - 1
        return p["proven"] == last == p["acked"]


def counts(text):
    m = re.findall(r"accepted (\d+), changed (\d+), unchanged (\d+), refused (\d+)", text)
    assert m, f"no counts in {text!r}"
    return tuple(map(int, m[-1]))


class Cluster:
    """settings: {"collector": {…}, "aggregator": {…}} for every configuration file."""

    def __init__(self, settings=None):
        self.dir = tempfile.mkdtemp(prefix="tly", dir="/tmp")
        self.settings = settings or {}
        self.processes = []  # every process ever started, with its node
        self.city = None
        self.districts = {}

    def pid_key(self):
        where = os.path.join(self.dir, "pid")
        if not os.path.isdir(where):
            os.makedirs(where, mode=0o700)
            ctl("keygen", "--pid", where)
        return os.path.join(where, "pid.key")

    def build(self, districts, port=None):
        """One aggregator and its collectors, configured, not started. `port`: what the collectors dial."""
        self.city = Aggregator(self)
        for d in districts:
            self.add(d, port)
        return self

    def add(self, district, port=None):
        node = Collector(self, district, [("city", self.city.keys, port or self.city.port)])
        self.city.child(district, node.keys)
        self.districts[str(district)] = node
        return node

    def nodes(self):
        return [n for n in (self.city, *self.districts.values()) if n]

    def start(self):
        """All at once, then waits for each."""
        for n in self.nodes():
            n.spawn()
        for n in self.nodes():
            n.wait_up()
        return self

    def wait_proven(self, seconds=30):
        for d in self.districts.values():
            wait_for(f"{d.origin} to be proven equal", d.proven, seconds)

    def wait_folded(self, seconds=30):
        """Proven, and in the city's figures."""
        self.wait_proven(seconds)
        for origin, d in self.districts.items():
            last = d.last()

            def folded(origin=origin, last=last):
                c = self.city.children()[origin]
                return c["position"] == last == c["fold_position"]
            wait_for(f"the city to fold {origin}", folded, seconds)

    def check_equal(self):
        """Both sides hold the same heads, every chain verifies, the figures are what the ledgers say."""
        for origin, d in self.districts.items():
            own, there = d.status()["ledger"], self.city.children()[origin]
            assert own["next"] - 1 == there["position"], f"{origin}: {own} {there}"
            assert own["head"] == there["head"], f"{origin}: {own} {there}"
            d.ctl("ledger", "verify")
        self.city.ctl("ledger", "verify")
        self.city.ctl("recount")

    def reports(self):
        """What sanitizers and assertions left in the logs."""
        found = []
        for node in {id(n): n for n, _ in self.processes}.values():
            with open(node.log, encoding="utf-8", errors="replace") as f:
                text = f.read()
            m = REPORTS.search(text)
            if m:
                found.append(f"{node.role} {node.origin}: {text[max(0, m.start() - 200):m.start() + 4000]}")
        return found

    def close(self, check=True):
        """Stops everything cleanly, complains about crashes, removes the folder. Without `check` it only cleans up."""
        faults = []
        try:
            if check:
                for n in reversed(self.nodes()):
                    try:
                        n.stop()
                    except AssertionError as e:
                        faults.append(str(e))
                for node, process in self.processes:
                    if process.poll() not in (0, SIGKILLED, None) and not getattr(node, "may_fail", False):
                        faults.append(f"{node.role} {node.origin} ended with {process.poll()}:\n{node.tail()}")
                faults += self.reports()
        finally:
            for _, process in self.processes:
                process.kill()
                process.wait()
            if not os.environ.get("TALLY_KEEP"):
                shutil.rmtree(self.dir, ignore_errors=True)
        assert not faults, "\n".join(faults)
