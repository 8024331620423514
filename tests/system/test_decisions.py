"""What the city decides reaches every district: real daemons on both sides, killed in the middle, a district that comes late, a city
that was restored from an old copy."""

import random
import shutil
import time

import pytest

from cluster import Collector, wait_for
from data import Data

DOWN = "3100001"
PERIODS = [f"20{year}-{month:02}" for year in (18, 19, 20) for month in range(1, 13)]


@pytest.fixture
def pair(cluster):
    cluster.build(("310104", "310112")).start()
    cluster.periods = list(PERIODS)
    cluster.data = Data(f"{cluster.dir}/data", seed=61, people=300, districts=("310104", "310112"))
    cluster.files = list(cluster.data.files)
    return cluster


def close(cluster):
    """The city decides: a period is closed. Its entries: the version, and the figures."""
    return cluster.city.ctl("period", "close", "02", cluster.periods.pop(0), "--despite", "没有签报", output="json")


def load(cluster):
    f = cluster.files.pop()
    cluster.districts[f["district"]].load(f["register"], cluster.data.path(f))


def ledger(node, origin=DOWN):
    rows = {r["origin"]: r for r in node.ctl("ledger", "list", output="json").json()}
    return (rows[origin]["position"], rows[origin]["head"]) if origin in rows else (0, None)


def all_equal(cluster):
    """Every district holds the city's decisions, byte for byte, and both sides say so."""
    there = ledger(cluster.city)

    def equal():
        children = cluster.city.children()
        for origin, node in cluster.districts.items():
            d = node.parent()["decisions"]
            if not d or (d["position"], d["head"]) != there or d["fault"] or children[origin]["decisions"] != there[0]:
                return False
        return True
    wait_for("every district to hold the decisions", equal)
    for node in cluster.districts.values():
        assert ledger(node) == there
        node.ctl("ledger", "verify")
    return there


def test_a_closed_period_reaches_the_districts(pair):
    load(pair)
    pair.wait_folded()
    first = all_equal(pair)
    close(pair)
    second = all_equal(pair)
    assert second[0] > first[0]
    began = time.monotonic()
    close(pair)
    all_equal(pair)
    assert time.monotonic() - began < 20
    shown = [pair.city.ctl("ledger", "show", DOWN, output="json").json()]
    shown += [node.ctl("ledger", "show", DOWN, output="json").json() for node in pair.districts.values()]
    assert shown[0] == shown[1] == shown[2] and {r["kind"] for r in shown[0]} > {"genesis"}
    # A district that comes when much is decided.
    late = Collector(pair, "310115", [("city", pair.city.keys, pair.city.port)])
    pair.city.stop()
    pair.city.child("310115", late.keys)
    pair.city.start()
    late.start()
    pair.districts["310115"] = late
    all_equal(pair)
    rows = pair.city.ctl("districts", output="json").json()
    assert {r["decisions"] for r in rows} == {ledger(pair.city)[0]}
    pair.city.ctl("recount")


def test_killed_in_the_middle(pair):
    """kill -9 of either side while decisions go down and records go up: what was there stays, nothing is missing in the end."""
    rnd = random.Random(7)
    load(pair)
    for _ in range(8):
        node = rnd.choice([pair.city, *pair.districts.values()])
        before = {n.origin: ledger(n)[0] for n in pair.districts.values()}
        close(pair)
        time.sleep(rnd.random() * 0.03)
        node.kill()
        node.start()
        for n in pair.districts.values():
            assert ledger(n)[0] >= before[n.origin], "a position went down"
        if pair.files:
            load(pair)
    all_equal(pair)
    pair.wait_folded()
    pair.check_equal()


def test_a_city_from_an_old_copy(pair):
    """The city's store is an old backup: its districts hold more decisions than it. They keep them, both sides name it, records go up
    all the same; what the city decides on top of the old copy is a fork, and is refused too."""
    load(pair)
    pair.wait_folded()
    close(pair)
    all_equal(pair)
    pair.city.stop()
    shutil.copytree(pair.city.state, f"{pair.dir}/old")
    pair.city.start()
    close(pair)
    there = all_equal(pair)
    pair.city.stop()
    shutil.rmtree(pair.city.state)
    shutil.copytree(f"{pair.dir}/old", pair.city.state)
    pair.city.start()

    def named(word):
        sides = [n.parent()["decisions"] for n in pair.districts.values()]
        children = pair.city.children()
        return all(d and d["fault"] == word for d in sides) and all(children[o]["decisions_fault"] in (word, None) for o in pair.districts)
    wait_for("the old copy to be named", lambda: named("behind"))
    load(pair)
    pair.wait_folded()
    pair.check_equal()
    while ledger(pair.city)[0] <= there[0]:
        close(pair)
    for node in pair.districts.values():
        node.stop()
        node.start()
    wait_for("the fork to be named", lambda: named("fork"))
    load(pair)
    pair.wait_folded()
    pair.check_equal()
    for node in pair.districts.values():
        assert ledger(node) == there
        assert node.parent()["state"] == "streaming" and node.parent()["error"] is None
        node.ctl("ledger", "verify")
