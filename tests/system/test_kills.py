"""kill -9 at random moments of a running import, of either side: what was called accepted is there, once; both sides
are equal again by themselves; the figures are the oracle's."""

import os
import random
import subprocess
import time

import pytest

from cluster import ctl, environment, program
from data import Data, split

DISTRICTS = ("310104", "310115")
KILLS = int(os.environ.get("TALLY_KILLS", "14"))


def importing(node, register, path):
    return subprocess.Popen([program("tallyctl"), "-s", node.socket, "import", register, path], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())


class Trial:
    """Two districts, a pile of files; each round starts an import and kills somebody during it, or right after.
    Mostly it is a file that has not been seen yet, so that there is something to write."""

    def __init__(self, cluster, oracle, seed, rows=36000):
        self.cluster, self.oracle = cluster, oracle
        self.rnd = random.Random(f"kills/{seed}")
        data = Data(f"{cluster.dir}/data", seed=seed, people=9000, rows=f"training={rows},certificate={rows // 4}",
                    districts=DISTRICTS, registers=("training", "certificate"), corrections=0.2)
        self.files = []
        for f in data.files:
            parts = max(1, f["rows"] // 6000)
            self.files += [(f["district"], f["register"], p) for p in split(data.path(f), parts, f"{data.dir}/{f['district']}")]
        self.fresh = list(self.files)
        cluster.build(DISTRICTS).start()
        self.accepted = self.hits = 0

    def next_file(self):
        if self.fresh and self.rnd.random() < 0.8:
            return self.fresh.pop(0)
        return self.rnd.choice(self.files)

    def round(self, victim_of):
        """One kill."""
        district, register, path = file = self.next_file()
        node = self.cluster.districts[district]
        victim = victim_of(node)
        job = importing(node, register, path)
        if self.rnd.random() < 0.25:
            job.wait(60)                               # right after the answer
        else:
            time.sleep(self.rnd.random() * 0.1)        # anywhere in the middle
        self.hits += job.poll() is None
        victim.kill()
        said, _ = job.communicate(timeout=60)
        victim.start()
        if job.returncode == 0 and "accepted" in said:
            self.check_kept(node, file)

    def check_kept(self, node, file):
        """All of it had been called accepted: sent again it must be unchanged to the last row."""
        _, register, path = file
        expected = sum(self.oracle.take_file(*file)[:3])
        again = node.load(register, path)
        assert again == (0, 0, expected, 0), f"rows lost that were accepted: {again}"
        self.accepted += 1

    def finish(self, same_figures):
        for file in self.files:
            self.oracle.take_file(*file)
            self.cluster.districts[file[0]].load(*file[1:])
        self.cluster.wait_folded(60)
        self.cluster.check_equal()
        same_figures(self.cluster.city, self.oracle, brief=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", (1, 2))
def test_kill_collector(cluster, oracle, same_figures, seed):
    trial = Trial(cluster, oracle, seed)
    for _ in range(KILLS):
        trial.round(lambda node: node)
    assert trial.hits >= KILLS // 7, "the kills missed the running imports"
    assert trial.accepted
    trial.finish(same_figures)


@pytest.mark.slow
@pytest.mark.parametrize("seed", (3, 4))
def test_kill_aggregator(cluster, oracle, same_figures, seed):
    trial = Trial(cluster, oracle, seed)
    for _ in range(KILLS):
        trial.round(lambda node: cluster.city)
    assert trial.hits >= KILLS // 7, "the kills missed the running imports"
    trial.finish(same_figures)


def test_killed_once(cluster, oracle, same_figures):
    """The short form of the above, for the sanitizers."""
    trial = Trial(cluster, oracle, 5, 6000)
    trial.round(lambda node: node)
    trial.round(lambda node: cluster.city)
    trial.finish(same_figures)


def test_killed_client(cluster, oracle, same_figures):
    """tallyctl dies in the middle of its upload: what was taken in stands, the daemon goes on."""
    trial = Trial(cluster, oracle, 6, 6000)
    district, register, path = trial.files[0]
    for wait in (0.005, 0.02, 0.05):
        job = importing(cluster.districts[district], register, path)
        time.sleep(wait)
        job.kill()
        job.wait()
        job.stdout.close()
    trial.finish(same_figures)
    assert ctl("status", socket_path=cluster.districts[district].socket).code == 0
