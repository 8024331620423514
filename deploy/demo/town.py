#!/usr/bin/python3
"""A small city that stays: one aggregator and two districts in a folder, to be driven by hand.

    town.py up DIR      makes keys, configurations and two districts' files of made-up people under DIR, starts the daemons
    town.py down DIR    stops them

The control sockets are DIR/city, DIR/310101 and DIR/310115; files to bring in lie in DIR/files/DISTRICT/REGISTER.csv.
README.md's page "a month in the life of the survey" walks through it."""

import os
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "system"), os.path.join(ROOT, "tests", "generator")]

import cluster as cluster_module  # noqa: E402
import generate  # noqa: E402

DISTRICTS = ("310101", "310115")


def make_up(where):
    """The first files of a small city, and apart from them the corrections that a district will have to make."""
    generate.generate(generate.parse(["--seed", "6", "--people", "2000", "--districts", ",".join(DISTRICTS), "--corrections", "0.02",
                                      "--plain", "--out", where]))


def keep(where, ready):
    """Runs the daemons until the stop signal comes; `ready` is written to when all answer."""
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    town = cluster_module.Cluster()
    try:
        town.build(DISTRICTS).start()
        os.symlink(town.city.socket, os.path.join(where, "city"))
        for district, node in town.districts.items():
            os.symlink(node.socket, os.path.join(where, district))
        os.write(ready, b"1")
        os.close(ready)
        while True:
            signal.pause()
    finally:
        town.close(check=False)
        for name in ("city", *DISTRICTS, "pid"):
            if os.path.lexists(os.path.join(where, name)):
                os.unlink(os.path.join(where, name))


def up(where):
    os.makedirs(where, exist_ok=True)
    if os.path.exists(os.path.join(where, "pid")):
        return f"{where}: a city stands there already; `town.py down {where}` stops it"
    make_up(os.path.join(where, "files"))
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        try:
            keep(where, write)
        finally:
            os._exit(0)
    os.close(write)
    if os.read(read, 1) != b"1":
        return "the daemons did not start: has `make` been run?"
    with open(os.path.join(where, "pid"), "w", encoding="ascii") as f:
        f.write(str(pid))
    return None


def down(where):
    try:
        with open(os.path.join(where, "pid"), encoding="ascii") as f:
            pid = int(f.read())
    except (OSError, ValueError):
        return f"{where}: no city stands there"
    try:
        os.kill(pid, signal.SIGTERM)
        while os.path.exists(os.path.join(where, "pid")):
            os.kill(pid, 0)
            time.sleep(0.05)
    except ProcessLookupError:
        pass
    return None


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.exit(__doc__)
    if not os.path.exists(cluster_module.program("tallyctl")):
        sys.exit("run `make` first")
    fault = {"up": up, "down": down}[sys.argv[1]](os.path.abspath(sys.argv[2]))
    sys.exit(fault)
