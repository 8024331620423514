"""A file of a million rows: flat memory, ten kills in its midst, and in the end exactly its rows.

TALLY_MILLION is how many rows a million has."""

import os
import random
import subprocess
import threading
import time

import pytest

import data  # noqa: F401  (the generator's folder becomes importable)
import made_up
from cluster import counts, environment, program

ROWS = int(os.environ.get("TALLY_MILLION", "1000000"))
KILLS = 10
MOST = 12_000_000  # bytes of anonymous memory
HEAD = "enrolment_no,class_no,name,doc_type,doc_number,type,channel,institution,status_group,enrolled_on,ended_on,result\n"


def write(path):
    with open(path, "w", encoding="utf-8") as f:
        f.write(HEAD)
        for at in range(0, ROWS, 10_000):
            f.write("".join(
                f"T{n:07d},C{n // 30},{made_up.name(n)},111,{made_up.resident_number(n)[0]},upgrade,individual,91310101MA1T000136,employed,"
                f"2019-{n % 12 + 1:02d}-01,2020-01-{n % 28 + 1:02d},completed\n" for n in range(at, min(at + 10_000, ROWS))))


class Watch(threading.Thread):
    """Samples the anonymous memory of whatever process the node is."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.most, self.samples, self.over = node, 0, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            try:
                self.most = max(self.most, self.node.memory())
                self.samples += 1
            except (OSError, TypeError):
                pass  # between a kill and the next start


def begin(node, path):
    return subprocess.Popen([program("tallyctl"), "-s", node.socket, "import", "training", path], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=environment())


@pytest.mark.slow
def test_a_million_rows(cluster):
    rnd = random.Random(2019)
    node = cluster.build(("310101",)).districts["310101"]
    path = f"{cluster.dir}/million.csv"
    write(path)
    node.start()
    watch = Watch(node)
    watch.start()
    seen = [0]
    longest = max(0.05, ROWS / 1e6 * 2.5)
    for _ in range(KILLS):
        run = begin(node, path)
        time.sleep(rnd.uniform(0.02, longest))
        node.kill()
        _, err = run.communicate(timeout=60)
        assert run.returncode in (1, 4) and len(err.strip().splitlines()) == 1, f"exit {run.returncode}: {err}"
        node.start()
        seen.append(node.status()["intake"]["accepted"])
        assert seen[-1] >= seen[-2] and node.last() == seen[-1] + 1, "counters and ledger are of one commit"
    assert seen[-1] < ROWS, "the kills came too late"
    run = begin(node, path)
    out, err = run.communicate(timeout=300)
    watch.over.set()
    watch.join()
    assert run.returncode == 0, err
    assert counts(out) == (ROWS - seen[-1], 0, seen[-1], 0)
    intake = node.status()["intake"]
    assert (intake["accepted"], intake["changed"], intake["refused"]) == (ROWS, 0, 0) and node.last() == ROWS + 1
    node.ctl("ledger", "verify", seconds=120)
    assert len(node.ctl("list", "training", "--after", f"T{ROWS - 4:07d}", output="json").json()) == 3
    assert watch.samples > 20 and watch.most <= MOST, f"{watch.most / 1e6:.1f} MB of {watch.samples} samples"
    print(f"accepted after each kill: {seen[1:]}; {watch.most / 1e6:.1f} MB at most")
