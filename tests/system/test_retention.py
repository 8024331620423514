"""Retention: whose term is over is found and shredded on a person's word, and no figure moves."""

import glob
import os
import subprocess
import time

import pytest

from cluster import PATIENCE, program, wait_for
from madeup import (HEAD, TRAINING, as_user, certificate, load, open_doors, pid_of, resident, training, with_groups)

FAKE = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
pytestmark = pytest.mark.skipif(not FAKE or "asan" in os.environ.get("TALLY_BUILD", "") or "tsan" in os.environ.get("TALLY_BUILD", ""),
                                reason="libfaketime and sanitizers cannot be loaded together")
DISTRICT = "310101"
WANG = ("王甲子", resident("19030105", 1))
LI = ("李乙丑", resident("19040206", 2))
ZHAO = ("赵丙寅", resident("19050307", 3))
QIAN = ("钱丁卯", resident("19060408", 4))
SUN = ("孙戊辰", resident("19070509", 5))


class Clock:
    def __init__(self, path):
        self.path = path

    def set(self, days):
        with open(self.path, "w", encoding="ascii") as f:
            f.write(f"{days:+}d" if days else "+0")


@pytest.fixture
def long_ago(cluster, monkeypatch):
    """A city and a district whose clocks stand where the test puts them: 2000 days back at first."""
    clock = Clock(f"{cluster.dir}/clock")
    clock.set(-2000)
    for name, value in (("LD_PRELOAD", FAKE[0]), ("FAKETIME_TIMESTAMP_FILE", clock.path), ("FAKETIME_NO_CACHE", "1"),
                        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("FAKETIME_DONT_RESET", "1")):
        monkeypatch.setenv(name, value)
    cluster.settings = {"collector": with_groups({"retention_years": "4", "access_hour": "1"}), "aggregator": with_groups({})}
    cluster.build((DISTRICT,)).start()
    monkeypatch.delenv("LD_PRELOAD")
    open_doors(cluster)
    cluster.clock = clock
    return cluster


def today():
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))


def due(node, *more, codes=(0,)):
    return node.ctl("--lang", "en", "person", "due", *more, output="json", codes=codes)


def erase(node, *more, codes=(0,)):
    return node.ctl("person", "erase", "--due", *more, output="json", codes=codes)


def figures(city):
    city.wait_folded()
    got = [city.city.form(f, p) for f, p in (("01", "2026"), ("01", "2019"), ("02", "2019"), ("03", "2019"), ("04", "2019"), ("06", "2026"))]
    got += [city.city.ctl("talent", "find", "--at", d, output="json").json() for d in ("2020-01-01", "2026-11-01")]
    return got + [city.city.ctl("talent", "show", t["id"], output="json").json() for t in got[-1]]


def in_vault(node, person):
    rows = node.ctl("person", "export", "--purpose", "x", output="json", stdin=person[1] + "\n").json()
    return [r["value"] for r in rows if r["register"] == "vault" and r["field"] == "name"] == [person[0]]


def test_whose_term_is_over_is_shredded_and_no_figure_moves(long_ago):
    city, one = long_ago, long_ago.districts[DISTRICT]
    running = training(3, *ZHAO).replace(",2019-04-01,1,completed", ",,1,enrolled")
    rows = (training(1, *WANG, phone="13800000001"), training(2, *LI), running, training(4, *QIAN))
    load(one, "training", TRAINING, *rows)
    load(one, "certificate", HEAD, certificate(1, *WANG, level="4"), certificate(2, *LI), certificate(4, *QIAN, until="2022-01-01"))
    month = time.strftime("%Y-%m", time.gmtime(time.time() - 2000 * 86400 + 8 * 3600))
    city.clock.set(0)
    # Nobody's term is judged on the word of a clock that nothing agrees with.
    assert "--today" in due(one, codes=(1,)).err
    load(one, "training", TRAINING, training(5, *SUN), *rows)  # what is unchanged does not count
    assert "leap" in due(one, codes=(1,)).err
    assert "--today is not" in due(one, "--today", "2031-01-01", codes=(2,)).err
    assert "leap" in erase(one, "--yes", codes=(1,)).err
    before = figures(city)

    date = ("--today", today())
    found = due(one, *date).json()
    wang, qian = pid_of(one, "training", "T1"), pid_of(one, "training", "T4")
    assert {(r["person"], r["heard"]) for r in found} == {(wang, month), (qian, month)} and len(found) == 2
    assert "2 due, 1 shown" in one.ctl("--lang", "en", "person", "due", "--limit", "1", *date).out
    assert one.ctl("access", "list", output="json").json() == []  # pseudonyms are no identities

    if os.geteuid() == 0:
        assert as_user("sys", "admin", one, "person", "due", *date).code == 0
        assert as_user("games", "registrar", one, "person", "due", *date).code == 5
        assert as_user("sys", "admin", one, "person", "erase", "--due", "--yes", *date).code == 5
    for words in ((), ("--persons", "3"), ("--persons", "3", "--yes")):
        assert "2 persons are due" in erase(one, *words, *date, codes=(1,)).err
    assert in_vault(one, WANG)
    assert erase(one, "--persons", "2", *date).json() == {"erased": 2, "spared": 0, "overwritten": True}
    for person in (WANG, QIAN):
        assert not in_vault(one, person)
    for person in (LI, ZHAO, SUN):
        assert in_vault(one, person)
    assert figures(city) == before
    city.check_equal()
    assert due(one, *date).json() == []
    assert erase(one, "--yes", *date).json()["erased"] == 0

    lines = [x for x in one.ctl("--lang", "en", "access", "list", output="json").json() if x["act"] == "erase"]
    assert {(x["talent"], x["purpose"]) for x in lines if not x["refused"]} == {
        (p, f"retention: 4 years, last heard of in {month}") for p in (wang, qian)}
    assert one.ctl("access", "verify", output="json").json()[0]["verdict"] == "whole"
    with open(one.log, encoding="utf-8") as f:
        log = f.read()
    for name, number in (WANG, QIAN):
        assert name not in log + str(lines) and number not in log + str(lines)

    # A file that names the person brings the identity back, and a new term begins: also after a restart.
    load(one, "training", TRAINING, *rows)
    assert in_vault(one, WANG)
    one.stop()
    one.start()
    assert due(one, *date).json() == []
    # Rules that do not say who is kept let nobody go.
    rules = os.path.join(one.dir, "rules")
    os.makedirs(rules)
    for name, section in (("person", "section running"), ("gate", "gate in force")):
        with open(os.path.join(rules, f"{name}.rule"), "w", encoding="utf-8") as f:
            f.write('chain "none" { zh = "x" en = "x" clause "c" { zh = "x" en = "x" register = "certificate" from = "issued_on" } }')
        one.stop()
        one.setting(rules_dir=rules).start()
        assert section in due(one, *date, codes=(1,)).err
        os.unlink(os.path.join(rules, f"{name}.rule"))
    one.stop()
    one.setting(retention_years="0").start()
    assert "held for ever" in due(one, codes=(1,)).err
    assert figures(city) == before


def test_who_is_erased_opens_no_alert_and_the_plain_command_asks_as_before(long_ago):
    one = long_ago.districts[DISTRICT]
    load(one, "training", TRAINING, *(training(i, *p) for i, p in enumerate((WANG, LI, ZHAO, QIAN))))
    long_ago.clock.set(0)
    assert erase(one, "--yes", "--today", today()).json()["erased"] == 4
    assert one.ctl("access", "alerts", output="json").json() == []
    assert "purpose" in one.ctl("person", "erase", codes=(2,), stdin=WANG[1] + "\n").err
    assert "no vault" in due(long_ago.city, codes=(1,)).err


def test_a_kill_in_the_middle_leaves_nobody_half_way(long_ago):
    """kill -9 while hundreds are shredded: whoever is still due is due again, whoever is gone is gone, and each has a line."""
    one = long_ago.districts[DISTRICT]
    people = [(f"王{chr(0x4e00 + i)}", resident("19060408", i % 999, f"3101{i // 999:02d}")) for i in range(1200)]
    load(one, "training", TRAINING, *(training(i, *p) for i, p in enumerate(people)))
    pids = {pid_of(one, "training", f"T{i}") for i in range(0, 1200, 200)}
    long_ago.clock.set(0)
    left = [len(due(one, "--limit", "5000", "--today", today()).json())]
    assert left == [1200]
    for round in range(5):
        work = subprocess.Popen([program("tallyctl"), "-s", one.socket, "person", "erase", "--due", "--yes", "--today", today()],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep((0.004 + 0.006 * round) * PATIENCE)
        one.kill()
        work.wait()
        one.start()
        left.append(len(due(one, "--limit", "5000", "--today", today()).json()))
    assert left == sorted(left, reverse=True)
    assert erase(one, "--yes", "--today", today()).json()["erased"] == left[-1]
    assert due(one, "--today", today()).json() == []
    lines = one.ctl("access", "list", "--limit", "100000", output="json").json()
    erased = {x["talent"] for x in lines}
    assert len(erased) == 1200 and pids <= erased
    wait_for("the city to know it all", lambda: long_ago.check_equal() is None)
