"""The talent database in the bench: search under import in a city of ten thousand talents and of a million, what a talent costs the
fold, what the index takes. Called by bench.py; alone: `bench_talents.py` prints the figures (BENCH_TALENTS for fewer than a million)."""

import csv
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for folder in ("system", "generator", "bench"):
    sys.path.insert(0, os.path.join(ROOT, "tests", folder))

import made_up  # noqa: E402
from cluster import Cluster  # noqa: E402
from stir import Stir  # noqa: E402

TALENTS = int(os.environ.get("BENCH_TALENTS", "1000000"))
FEW = min(10_000, TALENTS // 2)
COST = min(20_000, TALENTS // 4)  # records of whom the fold's cost is taken
STIRRED = 2000
TIMES = 400
DISTRICTS = ["310115", "310112"]
OCCUPATIONS = [f"6-{a:02d}-{b:02d}-{c:02d}" for a in (4, 11, 18, 20, 25, 29) for b in (1, 2, 3) for c in (1, 2, 3, 4, 5)]
FIELDS = ("number", "name", "doc_type", "doc_number", "kind", "source", "occupation", "level", "issued_on")

FIRST = "/v1/talents?limit=50"
SEARCHES = [FIRST, f"{FIRST}&level_min=2", f"{FIRST}&occupation=6-18-01-03", f"{FIRST}&occupation=6-18&level_min=1", f"{FIRST}&area=310112",
            f"{FIRST}&age_max=118&level_min=2", f"{FIRST}&honour=grand", f"{FIRST}&programme=4&area=zhangjiang", f"{FIRST}&sex=2&occupation=6-2"]
# More than the index keeps the counts of: each is asked as if for the first time.
NEW = [f"{FIRST}&occupation={o}" for o in OCCUPATIONS] + [f"{FIRST}&sex={s}&age_max={a}&level_min={l}"
                                                         for s in (1, 2) for a in range(117, 123) for l in (3, 2, 1)]


def certificates(path, first, n, levels, flip=0):
    """n certificates of as many people, the index of the first one; `flip` shifts the levels: the same records, changed."""
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f)
        w.writerow(FIELDS)
        for i in range(first, first + n):
            number = made_up.certificate_number("level_social", "310115", 2019, levels[i % len(levels)], i)
            w.writerow((number, made_up.name(i), "111", made_up.resident_number(i)[0], "level_social", "assessment", OCCUPATIONS[i % len(OCCUPATIONS)],
                        levels[(i + flip) % len(levels)], f"2019-{i % 12 + 1:02d}-{i % 28 + 1:02d}"))
    return path


def talents(report, where, tool, processor):
    cluster = Cluster()
    try:
        cluster.build(DISTRICTS).start()
        node, other, city = cluster.districts[DISTRICTS[0]], cluster.districts[DISTRICTS[1]], cluster.city
        file = os.path.join(where, "certificates.csv")

        def fold_cost(first, levels):
            """Processor time of the city for records of people who were not there."""
            before = processor(city)
            other.load("certificate", certificates(file, first, COST, levels), seconds=600)
            cluster.wait_folded(600)
            return (processor(city) - before) * 1e6 / COST

        def cost():
            plain, talent = fold_cost(30_000_000, "54"), fold_cost(31_000_000, "32")
            return [("processor a record, city, nobody's talent", plain, "µs", None, None),
                    ("processor a record, city, a talent's", talent, "µs", None, None)]

        def searched(n, name):
            stirred = [certificates(f"{file}.{flip}", 0, STIRRED, "321", flip) for flip in (1, 0)]
            with Stir(node, "certificate", stirred):
                hits = tool("load", "shows", city.socket, TIMES, *SEARCHES).split()
                new = tool("load", "shows", city.socket, TIMES, *NEW).split()
                facets = tool("load", "shows", city.socket, 40, *(f"{p}&facets" for p in SEARCHES)).split()
            cluster.wait_folded(600)
            return [(f"talent find, {name}, p50", float(hits[1]), "ms", None, None),
                    (f"talent find, {name}, p99", float(hits[2]), "ms", None, ("≤", 5)),
                    (f"talent find, {name}, new questions, p99", float(new[2]), "ms", None, None),
                    (f"talent facets, {name}, p50", float(facets[1]), "ms", None, None),
                    (f"talent index, {name}", city.metrics()["tally_talents_bytes"] / 1e6, "MB", None, None)]

        def grow(first, n, name):
            for at in range(first, first + n, 200_000):
                node.load("certificate", certificates(file, at, min(200_000, first + n - at), "321"), seconds=1200)
            cluster.wait_folded(1200)
            return searched(n, name)

        report.case(lambda: grow(0, FEW, f"{FEW:,}"))
        report.case(cost)
        report.case(lambda: grow(FEW, TALENTS - FEW, f"{TALENTS:,}"))
    finally:
        cluster.close(check=False)


if __name__ == "__main__":
    import tempfile

    import bench

    with tempfile.TemporaryDirectory(prefix="tlyb", dir="/tmp") as folder:
        talents(bench.Report(folder), folder, bench.tool, bench.processor)
