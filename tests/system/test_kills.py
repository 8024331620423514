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
    """Two districts, a pile of files; each round starts an import and kills somebody during it, or right after."""

    def __init__(self, cluster, oracle, seed):
        self.cluster, self.oracle = cluster, oracle
        self.rnd = random.Random(f"kills/{seed}")
        data = Data(f"{cluster.dir}/data", seed=seed, people=3000, rows="training=12000,certificate=4000", districts=DISTRICTS,
                    registers=("training", "certificate"), corrections=0.2)
        self.files = []
        for f in data.files:
            self.files += [(f["district"], f["register"], p) for p in split(data.path(f), 6, f"{data.dir}/{f['district']}")]
        cluster.build(DISTRICTS).start()
        self.accepted = 0

    def round(self, victim_of):
        """One kill. Answers whether the import came to its end before it."""
        district, register, path = file = self.rnd.choice(self.files)
        node = self.cluster.districts[district]
        victim = victim_of(node)
        job = importing(node, register, path)
        if self.rnd.random() < 0.3:
            job.wait(60)                               # right after the answer
        else:
            time.sleep(self.rnd.random() * 0.12)       # anywhere in the middle
        victim.kill()
        said, _ = job.communicate(timeout=60)
        victim.start()
        if job.returncode == 0 and "accepted" in said:
            self.check_kept(node, file)
        return job.returncode == 0

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
        same_figures(self.cluster.city, self.oracle)


@pytest.mark.slow
@pytest.mark.parametrize("seed", (1, 2))
def test_kill_collector(cluster, oracle, same_figures, seed):
    trial = Trial(cluster, oracle, seed)
    ended = [trial.round(lambda node: node) for _ in range(KILLS)]
    assert not all(ended), "no kill hit a running import"
    assert trial.accepted
    trial.finish(same_figures)


@pytest.mark.slow
@pytest.mark.parametrize("seed", (3, 4))
def test_kill_aggregator(cluster, oracle, same_figures, seed):
    trial = Trial(cluster, oracle, seed)
    for _ in range(KILLS):
        trial.round(lambda node: cluster.city)
    trial.finish(same_figures)


def test_killed_once(cluster, oracle, same_figures):
    """The short form of the above, for the sanitizers."""
    trial = Trial(cluster, oracle, 5)
    trial.round(lambda node: node)
    trial.round(lambda node: cluster.city)
    trial.finish(same_figures)


def test_killed_client(cluster, oracle, same_figures):
    """tallyctl dies in the middle of its upload: what was taken in stands, the daemon goes on."""
    trial = Trial(cluster, oracle, 6)
    district, register, path = trial.files[0]
    for wait in (0.005, 0.02, 0.05):
        job = importing(cluster.districts[district], register, path)
        time.sleep(wait)
        job.kill()
        job.wait()
        job.stdout.close()
    trial.finish(same_figures)
    assert ctl("status", socket_path=cluster.districts[district].socket).code == 0
