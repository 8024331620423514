"""How others lost data (damaged buffers, missing files, jumping clocks), played with whole daemons."""

import datetime
import glob
import os
import random
import shutil
import time

import pytest

import madeup
from cluster import PATIENCE, SANITIZED, wait_for
from data import Data

SEEDS = 8 if SANITIZED else 24
FORMS = (("02", "2019", False), ("03", "2019", False))
DISTRICT = "310101"


@pytest.fixture
def full(cluster):
    """A district and its city with some 1,500 records; stopped."""
    cluster.build((DISTRICT,)).start()
    cluster.data = Data(f"{cluster.dir}/data", seed=5, people=500, districts=(DISTRICT,))
    node = cluster.districts[DISTRICT]
    for f in cluster.data.files:
        node.load(f["register"], cluster.data.path(f))
    cluster.wait_folded()
    cluster.figures = [cluster.city.form(*f) for f in FORMS]
    cluster.last = node.last()
    for n in cluster.nodes():
        n.stop()
    yield cluster
    for n in cluster.nodes():  # what a test has broken need not end well
        n.may_fail = True
        n.kill()


def start_or_words(node):
    """True: it runs. False: it ended by itself, with words about the store and by no signal."""
    size = os.path.getsize(node.log)
    node.spawn()
    try:
        node.wait_up()
        return True
    except AssertionError:
        code = node.process.poll()
        with open(node.log, encoding="utf-8", errors="replace") as f:
            f.seek(size)
            said = f.read()
        assert code is not None, f"it neither answers nor ends:\n{said}"
        assert code > 0, f"ended by signal {-code}:\n{said}"
        assert node.state in said or "ledger" in said or "store" in said, f"no reason given:\n{said}"
        return False


@pytest.mark.parametrize("harm", ("missing", "empty", "half", "no folder", "no format"))
@pytest.mark.parametrize("role", ("collector", "aggregator"))
def test_missing_store_is_never_new(full, role, harm):
    """A store whose file is gone or cut is a fault with a reason, never an empty store."""
    node = full.city if role == "aggregator" else full.districts[DISTRICT]
    folder = os.path.join(node.state, "ledger")
    data = os.path.join(folder, "data.mdb")
    if harm == "missing":
        os.unlink(data)
    elif harm == "empty":
        os.truncate(data, 0)
    elif harm == "half":
        os.truncate(data, os.path.getsize(data) // 8192 * 4096)
    elif harm == "no folder":
        shutil.rmtree(folder)
    else:
        os.unlink(os.path.join(folder, "format"))
    before = sorted(glob.glob(f"{node.state}/**", recursive=True))
    assert not start_or_words(node) or harm == "no format"
    if harm == "no format":
        return
    assert start_or_words(node) is False, "the second start took what the first had made"
    assert os.path.exists(data) == (data in before), "a store was made where one is missing"


def test_missing_views_are_folded_anew(full):
    shutil.rmtree(os.path.join(full.city.state, "views"))
    for n in full.nodes():
        n.start()
    full.wait_folded()
    assert [full.city.form(*f) for f in FORMS] == full.figures
    full.city.ctl("recount")


@pytest.mark.parametrize("role", ("collector", "aggregator"))
def test_flipped_bits(full, role):
    """Damage anywhere in a ledger's file: what is whole is served and what is not is named, or the daemon says why it
    does not start. Nothing is ever silently less or other."""
    node = full.city if role == "aggregator" else full.districts[DISTRICT]
    data = os.path.join(node.state, "ledger", "data.mdb")
    with open(data, "rb") as f:
        whole = f.read()
    ran = named = 0
    for seed in range(SEEDS):
        chance = random.Random(seed)
        harmed = bytearray(whole)
        for _ in range(1 + seed % 4):
            harmed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        shutil.rmtree(os.path.join(node.state, "views"), ignore_errors=True)
        with open(data, "wb") as f:
            f.write(harmed)
        if not start_or_words(node):
            named += 1
            continue
        ran += 1
        verdict = node.ctl("ledger", "verify", codes=(0, 1))
        if verdict.code == 0:
            s = node.status()
            last = s["ledger"]["next"] - 1 if role == "collector" else s["children"][0]["position"]
            assert last == full.last, f"seed {seed}: entries are gone and verify found all well"
        else:
            named += 1
            assert DISTRICT in verdict.out + verdict.err, f"seed {seed}: the ledger is not named: {verdict}"
        for f in FORMS:  # answers or words, and the daemon stays up
            node.ctl("form", "show", f[0], "--period", f[1], codes=None)
        assert node.running(), f"seed {seed}: {node.tail()}"
        node.kill()
    assert ran and named, (ran, named)


PAGE = 4096


def mixed(before, after, chance):
    """A data file as a disk may leave it whose pages were written, and none of them synced, when the power went."""
    pages = max(len(before), len(after)) // PAGE
    kept = chance.choice((0, 0.1, 0.5, 0.9))
    out = bytearray(after.ljust(pages * PAGE, b"\0"))
    for i in range(pages):
        if chance.random() >= kept:
            out[i * PAGE:(i + 1) * PAGE] = before[i * PAGE:(i + 1) * PAGE].ljust(PAGE, b"\0")
    return out


def test_power_cut(full):
    """What was accepted and acknowledged since the start stands, although any of the pages written since are lost."""
    district = full.districts[DISTRICT]
    nodes = (district, full.city)
    for seed in range(4 if SANITIZED else 12):
        chance = random.Random(seed)
        before = {}
        for n in nodes:
            with open(os.path.join(n.state, "ledger", "data.mdb"), "rb") as f:
                before[n] = f.read()
        full.start()
        for _ in range(chance.randrange(1, 6)):
            ended = f"2019-0{chance.randrange(4, 9)}-01"
            rows = [madeup.training(k, f"甲{k}", madeup.resident("19050607", k), ended=ended) for k in chance.sample(range(1, 40), 5)]
            madeup.load(district, "training", madeup.TRAINING, *rows)
        full.wait_folded()
        last, head_now = district.last(), district.status()["ledger"]["head"]
        figures = [full.city.form(*f) for f in FORMS]
        for n in nodes:
            n.kill()
            data = os.path.join(n.state, "ledger", "data.mdb")
            with open(data, "rb") as f:
                after = f.read()
            with open(data, "wb") as f:
                f.write(mixed(before[n], after, chance))
            shutil.rmtree(os.path.join(n.state, "views"), ignore_errors=True)
        full.start()
        full.wait_folded()
        assert (district.last(), district.status()["ledger"]["head"]) == (last, head_now), f"seed {seed}"
        assert [full.city.form(*f) for f in FORMS] == figures, f"seed {seed}"
        for n in nodes:
            n.ctl("ledger", "verify")
            n.stop()


FAKE = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


@pytest.mark.skipif(not FAKE or SANITIZED, reason="libfaketime and sanitizers cannot be loaded together")
@pytest.mark.parametrize("days", (14, -14))
def test_clock_jumps(cluster, monkeypatch, days):
    """The wall clock jumps by two weeks under running daemons: links, retries and ages are unharmed."""
    cluster.build((DISTRICT, "310110"))
    clock = f"{cluster.dir}/clock"
    with open(clock, "w", encoding="ascii") as f:
        f.write("+0")
    for name, value in (("LD_PRELOAD", FAKE[0]), ("FAKETIME_TIMESTAMP_FILE", clock), ("FAKETIME_NO_CACHE", "1"),
                        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("FAKETIME_DONT_RESET", "1")):
        monkeypatch.setenv(name, value)
    cluster.start()
    monkeypatch.delenv("LD_PRELOAD")
    cluster.data = Data(f"{cluster.dir}/data", seed=9, people=600, districts=(DISTRICT, "310110"))
    files = cluster.data.files
    for k, f in enumerate(files):
        if k == len(files) // 2:
            sessions = {d: n.metrics() for d, n in cluster.districts.items()}
            with open(clock, "w", encoding="ascii") as out:
                out.write(f"{days:+}d")
            time.sleep(2.5 * PATIENCE)  # longer than any heartbeat
        cluster.districts[f["district"]].load(f["register"], cluster.data.path(f))
    cluster.wait_folded()
    for d, n in cluster.districts.items():
        p = n.parent()
        assert p["state"] == "streaming" and 0 <= p["last_ack_age_s"] < 60, p
        name = next(k for k in n.metrics() if "sessions_total" in k)
        assert n.metrics()[name] == sessions[d][name], "the jump ended a session"
        assert 0 <= n.status()["uptime_s"] < 600
    for c in cluster.city.children().values():
        assert 0 <= c["last_entry_age_s"] < 60, c
    # the jump did happen: entries before and after it say so
    entries = cluster.districts[DISTRICT].ctl("ledger", "show", DISTRICT, "--from", "1", "--to", "100000", output="json").json()
    days_seen = sorted({e["time"][:10] for e in entries if e["time"]})
    first, last = (datetime.date.fromisoformat(d) for d in (days_seen[0], days_seen[-1]))
    assert (last - first).days >= 13, days_seen
    # and a link that comes back after it
    cluster.city.kill()
    time.sleep(1)
    cluster.city.start()
    wait_for("all to stream again", lambda: all(n.parent()["state"] == "streaming" for n in cluster.districts.values()), 40)
    cluster.check_equal()
