"""make bench: the road of a record against raw LMDB on the same disk, in the same minutes.

Two yardsticks are taken before and after every case and averaged: Y1000 (records a second at 1,000 a commit) and Y1 (commits a
second at one a commit). Figures alone mean little on a shared machine; the ratios are what is held to a bar.
Writes BUILD/bench.tsv: case, figure, unit, yardstick, ratio, bar, verdict. Exits 1 when a bar is missed.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))

import bench_talents  # noqa: E402
import madeup  # noqa: E402
from cluster import BUILD, Cluster, ctl, program, wait_for  # noqa: E402
from data import Data  # noqa: E402
from stir import Stir  # noqa: E402

DISTRICTS = ["310115", "310112", "310101", "310113"]
ROWS = int(os.environ.get("BENCH_ROWS", "50000"))
RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))  # of the largest city whose forms are asked for
FEW = 10_000
STIRRED = 5_000  # of these an import changes without a pause
SHOWS = 3_000
SINGLES_SECONDS = 4
VISIBLE_TIMES = 400
CLIENTS = 8

TICK = os.sysconf("SC_CLK_TCK")


def tool(name, *words):
    line = [os.path.join(BUILD, "tests", "bench", name), *map(str, words)]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


def yardstick(where):
    return {m[1]: float(m[2]) for m in re.finditer(r"(Y\d+) (\d+)", tool("yardstick", where))}


class Report:
    """Rows of bench.tsv; each case is taken between two yardsticks."""

    def __init__(self, where):
        self.where, self.rows = where, []

    def case(self, run):
        before = yardstick(self.where)
        figures = run()
        after = yardstick(self.where)
        y = {k: (before[k] + after[k]) / 2 for k in before}
        for row in figures:
            self.add(y, *row)

    def add(self, y, name, figure, unit, against, bar):
        """against: `Y1000` or `Y1` divide the figure; `commits` turns ms into raw commits; None: the figure itself.
        bar: ("≥", x) or ("≤", x) or None."""
        ratio = figure
        if against == "commits":
            ratio = figure * y["Y1"] / 1000
        elif against:
            ratio = figure / y[against]
        verdict = ""
        if bar:
            verdict = "reached" if (ratio >= bar[1] if bar[0] == "≥" else ratio <= bar[1]) else "MISSED"
        shown = {"commits": "raw commits", None: ""}.get(against, against)
        self.rows.append((name, f"{figure:.4g}" if figure < 1000 else f"{figure:.0f}", unit, shown,
                          f"{ratio:.3g}" if against else "", f"{bar[0]} {bar[1]}" if bar else "", verdict))
        print("  ".join(f"{c:<{w}}" for c, w in zip(self.rows[-1], (34, 9, 12, 12, 8, 9, 8))), flush=True)

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            f.write("case\tfigure\tunit\tyardstick\tratio\tbar\tverdict\n")
            f.writelines("\t".join(r) + "\n" for r in self.rows)

    def missed(self):
        return [r for r in self.rows if r[-1] == "MISSED"]


def processor(node):
    """Seconds of processor time of a daemon so far."""
    with open(f"/proc/{node.process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def road(cluster, files):
    """Four imports side by side, until all is accepted, proven, and in the forms."""
    collectors = list(cluster.districts.values())
    rows = ROWS * len(collectors)
    spent = {n: processor(n) for n in cluster.nodes()}
    start = time.monotonic()
    imports = [subprocess.Popen([program("tallyctl"), "-s", c.socket, "import", "training", files[c.origin]],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for c in collectors]
    for p in imports:
        assert p.wait() == 0, "an import failed"
    accepted = time.monotonic() - start
    last = {c.origin: c.last() for c in collectors}

    def all_of(condition):
        wait_for("the road's end", lambda: all(condition(c) for c in collectors), 120, step=0.005)
        return time.monotonic() - start

    proven = all_of(lambda c: c.parent()["proven"] == last[c.origin])
    folded = all_of(lambda c: cluster.city.children()[c.origin]["fold_position"] == last[c.origin])
    spent = {n: processor(n) - s for n, s in spent.items()}
    there = sum(spent[c] for c in collectors)
    return [
        ("import, accepted", rows / accepted, "records/s", "Y1000", None),
        ("import, proven", rows / proven, "records/s", "Y1000", ("≥", 0.08)),
        ("import, in the forms", rows / folded, "records/s", "Y1000", ("≥", 0.035)),
        ("processor a record, collectors", there / rows * 1e6, "µs", None, None),
        ("processor a record, city", spent[cluster.city] / rows * 1e6, "µs", None, None),
    ]


def intake(node, path):
    """Rows a second of one file, from tallyctl to the commit of its last row."""
    start = time.monotonic()
    answer = node.load("training", path)
    spent = time.monotonic() - start
    assert answer == (ROWS, 0, 0, 0), f"{path}: {answer}"
    return ROWS / spent


def readers(where):
    """Files of two kinds into one collector whose city is away: reading, checking, pid, vault, commit, and nothing else."""
    figures = []
    for kind, name, bar in (("utf8", "CSV", ("≥", 0.05)), ("xlsx", "XLSX", None)):
        data = Data(os.path.join(where, kind), seed=2, people=ROWS, districts=DISTRICTS[:1], registers=["training"],
                    rows=f"training={ROWS}", formats=kind)
        cluster = Cluster()
        try:
            node = cluster.build(DISTRICTS[:1]).districts[DISTRICTS[0]].start()
            figures.append((f"{name} rows, one collector", intake(node, data.path(data.files[0])), "rows/s", "Y1000", bar))
        finally:
            cluster.close(check=False)
    return figures


def sealing(where):
    """What it costs that everybody qualifies: the same certificates into a collector with a registrar key, and into one without."""
    spent, rows = [], 10_000
    path = os.path.join(where, "certificates.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write(madeup.HEAD + "\n" + "".join(
            madeup.certificate(i, f"甲{chr(0x4e00 + i % 5000)}", madeup.resident(f"190{3 + i // 5000}0105", i % 999, f"31{i // 999:04d}")) + "\n"
            for i in range(rows)))
    for sealed in (False, True):
        cluster = Cluster()
        try:
            keys = os.path.join(cluster.dir, "registrar")
            public = ctl("keygen", "--registrar", keys, output="json").json()["registrar"]
            node = cluster.build(DISTRICTS[:1]).districts[DISTRICTS[0]]
            node.setting(**({"registrar": public} if sealed else {})).start()
            before = processor(node)
            assert node.load("certificate", path)[0] == rows
            spent.append(processor(node) - before)
            assert not sealed or node.last() == 1 + 2 * rows
        finally:
            cluster.close(check=False)
    cost = (spent[1] - spent[0]) / rows * 1e6
    return [("sealing cost, a person who qualifies", cost, "µs", None, ("≤", 250))]


def memory(cluster):
    biggest = max(c.memory() for c in cluster.districts.values())
    return [("anonymous memory, collector", biggest / 1e6, "MB", None, ("≤", 9)),
            ("anonymous memory, aggregator", cluster.city.memory() / 1e6, "MB", None, None)]


def singles(cluster):
    node = cluster.districts[DISTRICTS[0]]
    rate = float(tool("load", "singles", node.socket, CLIENTS, SINGLES_SECONDS, "s").split()[1])
    return [(f"single records, {CLIENTS} clients", rate, "records/s", "Y1", ("≥", 1.4))]


def visible(cluster):
    node = cluster.districts[DISTRICTS[1]]
    p50, p99 = map(float, tool("load", "visible", node.socket, cluster.city.socket, node.origin, VISIBLE_TIMES, "v").split()[1:3])
    return [("submit to visible, p50", p50, "ms", "commits", ("≤", 8)), ("submit to visible, p99", p99, "ms", "commits", ("≤", 40))]


# ---- forms of a large city ----

MIXED = ("training", "certificate", "person")
ASKED = ["/v1/forms/01?period=2019", "/v1/forms/01?period=2019-Q2", "/v1/forms/02?period=2019-06", "/v1/forms/02?period=2019-06&cumulative",
         "/v1/forms/02?period=2019", "/v1/forms/03?period=2019", "/v1/forms/12A?period=2019-06"]


def cut(path, n):
    """The first n rows of a CSV file, and the others, as two files, neither of them empty."""
    with open(path, "rb") as f:
        head, *lines = f.read().splitlines(keepends=True)
    n = min(n, len(lines) - 1)
    for name, part in ((path + ".few", lines[:n]), (path + ".rest", lines[n:])):
        with open(name, "wb") as f:
            f.write(head + b"".join(part))
    return path + ".few", path + ".rest"


def changed(path):
    """The same trainings with other hours."""
    with open(path, encoding="utf-8-sig", newline="") as f:
        rows = list(csv.DictReader(f))
    with open(path + ".changed", "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, rows[0].keys())
        w.writeheader()
        w.writerows({**r, "hours_online": "77.5" if r["hours_online"] != "77.5" else "7.5"} for r in rows)
    return path + ".changed"


def shows(city, stir):
    """p50 and p99 of the forms that people ask for, for the city and a district, while an import runs."""
    paths = [f"{path}&area={area}" for path in ASKED for area in ("310000", DISTRICTS[0])]
    with stir:
        answer = tool("load", "shows", city.socket, SHOWS, *paths)
    return tuple(map(float, answer.split()[1:3]))


def refold(cluster):
    """Entries a second from ledgers to views that are not there."""
    city = cluster.city
    city.stop()
    shutil.rmtree(os.path.join(city.state, "views"))
    start = time.monotonic()
    city.start()
    wait_for("the fold", lambda: all(c["fold_position"] == c["position"] for c in city.children().values()), 1200, step=0.01)
    spent = time.monotonic() - start
    entries = sum(c["position"] for c in city.children().values())
    return entries / spent, entries


def large(report, where):
    each = RECORDS // len(DISTRICTS) // len(MIXED)
    data = Data(os.path.join(where, "large"), "--plain", seed=3, people=RECORDS // 3, districts=DISTRICTS, registers=MIXED,
                rows=",".join(f"{r}={each}" for r in MIXED), broken=0, corrections=0, retractions=0)
    stirred = next(f for f in data.files if f["district"] == DISTRICTS[0] and f["register"] == "training")
    few = (FEW - STIRRED) // (len(data.files) - 1)
    parts = [(f, *cut(data.path(f), STIRRED if f is stirred else few)) for f in data.files]
    cluster = Cluster()
    try:
        cluster.build(DISTRICTS).start()
        paths = next((first, changed(first)) for f, first, _ in parts if f is stirred)

        def measure(part):
            for f, *files in parts:
                cluster.districts[f["district"]].load(f["register"], files[part])
            cluster.wait_folded(1200)
            found.append(shows(cluster.city, Stir(cluster.districts[DISTRICTS[0]], "training", paths[::-1])))
            cluster.wait_folded(1200)
            return [(f"form show, {FEW if part == 0 else RECORDS:,} records, {name}", ms, "ms", None, bar)
                    for name, ms, bar in zip(("p50", "p99"), found[-1], (None, ("≤", 5)))]

        found = []
        report.case(lambda: measure(0))
        report.case(lambda: measure(1))
        report.add({}, "form show, p99, many to few", found[1][1] / found[0][1], "", None, ("≤", 1.5))

        def recount():
            start = time.monotonic()
            cluster.city.ctl("recount", seconds=1200)
            spent = time.monotonic() - start
            entries = sum(c["position"] for c in cluster.city.children().values())
            return [("recount, a million entries", spent * 1e6 / entries, "s", None, None)]

        def fold():
            speed, _ = refold(cluster)
            return [("fold, from nothing", speed, "entries/s", "Y1000", None)]

        report.case(recount)
        report.case(fold)
    finally:
        cluster.close(check=False)


def main():
    with tempfile.TemporaryDirectory(prefix="tlyb", dir="/tmp") as where:
        report = Report(where)
        report.case(lambda: readers(where))
        report.case(lambda: sealing(where))
        data = Data(os.path.join(where, "data"), seed=1, people=ROWS * 4, districts=DISTRICTS, registers=["training"],
                    rows=f"training={ROWS}", broken=0, corrections=0, retractions=0)
        files = {f["district"]: data.path(f) for f in data.files if f["register"] == "training"}
        cluster = Cluster()
        try:
            cluster.build(DISTRICTS).start()
            report.case(lambda: road(cluster, files))
            for row in memory(cluster):
                report.add({}, *row)
            report.case(lambda: visible(cluster))
            report.case(lambda: singles(cluster))
            cluster.wait_folded(60)
            time.sleep(3)  # at rest
            for row in memory(cluster):
                report.add({}, row[0] + " after all", *row[1:])
        finally:
            cluster.close(check=False)
        large(report, where)
        bench_talents.talents(report, where, tool, processor)
    report.write(os.path.join(BUILD, "bench.tsv"))
    for row in report.missed():
        print(f"missed: {row[0]}: {row[4] or row[1]}, bar {row[5]}", file=sys.stderr)
    return 1 if report.missed() else 0


if __name__ == "__main__":
    sys.exit(main())
