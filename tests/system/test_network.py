"""The network goes and comes: everything catches up by itself."""

import concurrent.futures
import signal
import time

import pytest

from cluster import PORTS, wait_for
from data import Data
from proxy import Proxy

DISTRICTS = ("310101", "310110")


@pytest.fixture
def road(cluster):
    """A cluster whose collectors dial the city through the proxy; nothing started yet."""
    cluster.build((), None)
    proxy = Proxy(cluster.city.port, PORTS.take())
    for d in DISTRICTS:
        cluster.add(d, proxy.port)
    cluster.proxy = proxy
    cluster.data = Data(f"{cluster.dir}/data", seed=11, people=3000, districts=DISTRICTS, corrections=0.05)
    yield cluster
    proxy.close()


def load_all(cluster, oracle, corrections=False):
    for f in cluster.data.files:
        if ("corrections" in f["path"]) == corrections:
            oracle.take_file(f["district"], f["register"], cluster.data.path(f))
            cluster.districts[f["district"]].load(f["register"], cluster.data.path(f))


def finish(cluster, oracle, same_figures):
    cluster.wait_folded(60)
    same_figures(cluster.city, oracle, brief=True)
    cluster.check_equal()


def test_collector_first(road, oracle, same_figures):
    """Rows are taken in while there is no city; it finds all of them when it comes."""
    for d in road.districts.values():
        d.start()
    load_all(road, oracle)
    p = road.districts["310101"].parent()
    assert p["proven"] == 0 and p["pending"] == road.districts["310101"].last()
    road.city.start()
    finish(road, oracle, same_figures)


@pytest.mark.threads
def test_cut_in_the_middle_of_batches(road, oracle, same_figures):
    road.start()
    for k in range(6):
        road.proxy.cut_after(15_000 + k * 23_456)
        if k == 0:
            load_all(road, oracle)
        # When all has been sent already there may be nothing left to cut.
        end = time.monotonic() + 3
        while not road.proxy.is_cut and time.monotonic() < end and not all(d.proven() for d in road.districts.values()):
            time.sleep(0.02)
        road.proxy.cut()
        time.sleep(0.2)
        road.proxy.restore()
    load_all(road, oracle, corrections=True)
    finish(road, oracle, same_figures)
    assert road.proxy.connections > 6


def test_city_away_for_a_while(road, oracle, same_figures):
    road.start()
    load_all(road, oracle)
    road.city.stop()
    load_all(road, oracle, corrections=True)
    states = {d.parent()["state"] for d in road.districts.values()}
    road.city.start()
    finish(road, oracle, same_figures)
    assert "streaming" not in states or all(d.parent()["state"] == "streaming" for d in road.districts.values())


def test_dead_route(road, oracle, same_figures):
    """Connections stay and nothing moves: both sides notice, and come back on their own."""
    road.start()
    load_all(road, oracle)
    road.wait_proven()
    road.proxy.stall()
    load_all(road, oracle, corrections=True)
    node = road.districts["310101"]
    wait_for("the collector to notice", lambda: node.parent()["state"] != "streaming", 30)
    road.proxy.cut()
    road.proxy.restore()
    finish(road, oracle, same_figures)


def test_slow_line(road, oracle, same_figures):
    road.start()
    road.proxy.delay = 0.02
    load_all(road, oracle)
    finish(road, oracle, same_figures)


def test_damaged_bytes(road, oracle, same_figures):
    """A flipped bit on the wire: the encryption notices, the link comes back, nothing false is stored."""
    road.start()
    for k in range(3):
        road.proxy.damage = True
        load_all(road, oracle, corrections=k % 2 == 1)
        wait_for("a piece to be damaged, or all proven",
                 lambda: not road.proxy.damage or all(d.proven() for d in road.districts.values()))
    finish(road, oracle, same_figures)


@pytest.mark.slow
def test_city_restarts_often(road, oracle, same_figures):
    road.start()
    for k in range(5):
        road.city.kill()
        load_all(road, oracle, corrections=k % 2 == 1)
        road.city.start()
        time.sleep(0.1 * k)
    finish(road, oracle, same_figures)


def test_idle_after_the_drain(road, oracle):
    """When all is proven nothing spins: hardly any processor time, hardly any bytes."""
    road.start()
    load_all(road, oracle)
    road.wait_folded(60)
    time.sleep(1)

    def spent():
        out = []
        for n in road.nodes():
            with open(f"/proc/{n.process.pid}/stat", encoding="ascii") as f:
                part = f.read().rpartition(")")[2].split()
            out.append((int(part[11]) + int(part[12])) / 100)
        return out
    before, bytes_before = spent(), road.proxy.bytes
    time.sleep(3)
    after, bytes_after = spent(), road.proxy.bytes
    assert max(b - a for a, b in zip(before, after)) < 0.45, f"{before} → {after}"
    assert bytes_after - bytes_before < 60_000


@pytest.mark.threads
def test_district_added_while_others_write(cluster, oracle, same_figures):
    """A new section and SIGHUP: the new district is let in, the others' imports go on and nothing is lost."""
    old, new = DISTRICTS
    cluster.build((old,)).start()
    data = Data(f"{cluster.dir}/data", seed=12, people=2500, districts=DISTRICTS)
    files = {d: [f for f in data.files if f["district"] == d] for d in DISTRICTS}

    def load(district):
        for f in files[district]:
            cluster.districts[district].load(f["register"], data.path(f))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load, old)
        cluster.add(new).start()
        cluster.city.write_conf()
        cluster.city.process.send_signal(signal.SIGHUP)
        wait_for("the new district to be let in", lambda: cluster.districts[new].parent()["state"] == "streaming")
        loading.result()
    load(new)
    for f in data.files:
        oracle.take_file(f["district"], f["register"], data.path(f))
    finish(cluster, oracle, same_figures)
    # and one is taken off the list: its ledger stays and counts, it is not let in any more
    cluster.city.sections = [s for s in cluster.city.sections if s[1] != new]
    cluster.city.write_conf()
    cluster.city.process.send_signal(signal.SIGHUP)
    wait_for("the district to be shut out", lambda: cluster.districts[new].parent()["state"] != "streaming")
    wait_for("the list without it", lambda: set(cluster.city.children()) == {old})
    same_figures(cluster.city, oracle, brief=True)
    cluster.city.sections.append(("child", new, cluster.districts[new].keys))
    cluster.city.write_conf()
    cluster.city.process.send_signal(signal.SIGHUP)
    wait_for("the list with it again", lambda: set(cluster.city.children()) == {old, new})
    finish(cluster, oracle, same_figures)
