"""The plan and the assessment, counted again: targets out of the oracle's form 12A, returns out of the calendar, quality out of what
the imports answered, ranks by sorting."""

import csv
import datetime
import io
import os
from decimal import ROUND_HALF_UP, Decimal

import pytest

from cluster import ROOT, Cluster, counts
from data import Data
from judge import CODES
from oracle import Oracle, take_generated

CITY, DISTRICTS = "310000", ["310101", "310112", "310115"]
TODAY = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).date()
RANKED = {"progress": True, "complete": True, "timely": True, "hard": False, "findings": False, "refused": False, "corrected": False}
VALUE = {"findings": "findings_rate", "refused": "refused_rate", "corrected": "corrected_rate"}


@pytest.fixture(scope="module")
def world():
    c = Cluster()
    try:
        c.build(DISTRICTS).start()
        data = Data(os.path.join(c.dir, "made"), seed=21, people=1200, districts=DISTRICTS, registers="all", broken=2, corrections=0.05,
                    retractions=0.02)
        taken = {d: [0, 0, 0, 0] for d in (*DISTRICTS, CITY)}
        for f in sorted(data.files, key=lambda f: "corrections" in f["path"]):
            if f["rows"]:
                node = c.districts.get(f["district"], c.city)
                answer = counts(node.ctl("import", f["register"], data.path(f), codes=(0, 3)).out)
                taken[f["district"]] = [a + b for a, b in zip(taken[f["district"]], answer)]
        retracted = {d: data.retractions(d) for d in DISTRICTS}
        for d, rows in retracted.items():
            for register, key, reason in rows:
                c.districts[d].ctl("retract", register, key, "--reason", reason)
        c.wait_proven()
        c.wait_folded()
        oracle = Oracle(DISTRICTS)
        take_generated(oracle, data.dir)
        yield c, oracle, taken, {d: len(rows) for d, rows in retracted.items()}
    finally:
        c.close()


def ask(node, *words):
    return list(csv.DictReader(io.StringIO(node.ctl(*words, output="csv").out)))


def half_up(x, digits=2):
    return Decimal(x).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


# ---- the plan ----

def targets(oracle, period, area):
    """{code: {measure: text or None}} of the oracle's form 12A."""
    cells = oracle.sheet("12A", period, len(period) > 4).cells(True, [area])
    return {code: {m: cells[area, code, m][0] or None for m in range(1, 7)} for code in CODES["target"]}


def state(cells):
    if cells[1] is None:
        return "no_target"
    if cells[3] is None:
        return "no_figure"
    if Decimal(cells[3]) >= 100:
        return "reached"
    return "on_pace" if Decimal(cells[5]) >= 0 else "behind"


@pytest.mark.parametrize("area", [CITY, *DISTRICTS])
@pytest.mark.parametrize("period", ["2019", "2019-03", "2019-11", "2020", "2024"])
def test_the_plan_is_form_12a_with_a_word(world, period, area):
    c, oracle, *_ = world
    found = ask(c.city, "plan", "--period", period, "--area", area)
    ours = targets(oracle, period, area)
    assert [r["code"] for r in found] == list(CODES["target"])
    for r in found:
        cells = ours[r["code"]]
        names = ("value", "actual", "percent", "time_gone", "difference", "forecast")
        assert [r[n] or None for n in names] == [cells[m] for m in range(1, 7)], r["code"]
        assert r["state"] == state(cells) and r["unit"], r


def test_the_newest_year_that_has_begun(world):
    c, oracle, *_ = world
    year = max(y for y, in oracle.db.execute("select distinct year from target") if y <= TODAY.year)
    assert ask(c.city, "plan") == ask(c.city, "plan", "--period", year)
    assert {r["state"] for r in ask(c.city, "plan", "--period", 2017)} == {"no_target"}


def test_a_bar_for_people(world):
    c, oracle, *_ = world
    lines = c.city.ctl("plan", "--period", "2019-06", "--lang", "en").out.splitlines()
    for line, cells in zip(lines[1:], targets(oracle, "2019-06", CITY).values()):
        if cells[3] is None:
            continue
        bar = line.split()[-1]
        reached = min(20, int(Decimal(cells[3]) / 5))
        assert len(bar) == 20 and bar[10] == "|", line
        assert bar.replace("|", "#" if reached > 10 else ".") == "#" * reached + "." * (20 - reached), line
    assert "time gone" in lines[0] and "targets" in lines[8]


@pytest.mark.parametrize("words", [("--period", "2019-Q2"), ("--period", "June"), ("--area", "310999"), ("--area", "31")])
def test_what_cannot_be_asked(world, words):
    r = world[0].city.ctl("plan", *words, codes=None)
    assert r.code == 2 and words[0].strip("-") in r.err


# ---- the assessment ----

def calendar():
    """[(form, kind, days)] of the calendar that the programs carry."""
    with open(os.path.join(ROOT, "daemon", "survey", "calendar.tsv"), encoding="utf-8") as f:
        return [(a, b, int(d)) for a, b, d in (line.split() for line in f if line.strip() and line[0] != "#")]


def periods(kind, year):
    """[(period, last day)]"""
    n = {"month": 12, "quarter": 4, "half": 2, "year": 1}[kind]
    name = {"month": "{}-{:02}", "quarter": "{}-Q{}", "half": "{}-H{}", "year": "{}"}[kind]
    for i in range(1, n + 1):
        month = 12 // n * i
        after = datetime.date(year + month // 12, month % 12 + 1, 1)
        yield name.format(year, i), after - datetime.timedelta(1)


def due(first, last):
    """Forms and periods whose due day lies between two days."""
    for form, kind, days in calendar():
        for year in range(first.year - 1, last.year + 1):
            for period, end in periods(kind, year):
                if first <= end + datetime.timedelta(days) <= min(last, TODAY):
                    yield form, period


def hard_errors(city, returns):
    found = dict.fromkeys(DISTRICTS, 0)
    for form, period in returns:
        for r in csv.DictReader(io.StringIO(city.get(f"/v1/forms/{form}/checks/{period}", "text/csv")[1])):
            if r["level"] == "hard" and r["area"] in found:
                found[r["area"]] += 1
    return found


def ranks(rows, column, more):
    value = VALUE.get(column, column)
    for r in rows:
        if r[value] == "":
            assert r[column + "_rank"] == ""
            continue
        better = sum(1 for o in rows if o[value] != "" and (Decimal(o[value]) > Decimal(r[value]) if more else Decimal(o[value]) < Decimal(r[value])))
        assert r[column + "_rank"] == str(better + 1), (column, r)


def test_districts_side_by_side(world):
    c, oracle, taken, retracted = world
    *rows, city = ask(c.city, "assess", "--period", "2019", "--written", TODAY.year)
    assert [r["area"] for r in rows] == DISTRICTS and city["area"] == CITY
    returns = list(due(datetime.date(2019, 1, 1), datetime.date(2019, 12, 31)))
    hard = hard_errors(c.city, returns)
    assert sum(hard.values()) > 0 and len(returns) > 40
    findings = [r["origin"] for r in ask(c.city, "finding", "list", "--limit", 100000)]
    for r in (*rows, city):
        own = [(cells, state(cells)) for cells in targets(oracle, "2019", r["area"]).values()]
        own = [(cells, word) for cells, word in own if word != "no_target"]
        assert (int(r["targets"]), int(r["kept"])) == (len(own), sum(word in ("reached", "on_pace") for _, word in own))
        reached = sum(min(Decimal(100), Decimal(cells[3] or 0)) for cells, _ in own)
        assert Decimal(r["progress"]) == half_up(reached / len(own))
    for r in rows:
        d = r["area"]
        _, changed, _, refused = taken[d]
        entries = c.districts[d].status()["ledger"]["next"] - 1
        assert (r["expected"], r["received"], r["on_time"]) == (str(len(returns)), "0", "0")
        assert (r["complete"], r["timely"], int(r["hard"])) == ("0.00", "0.00", hard[d])
        assert (int(r["ledger"]), int(r["findings"])) == (entries, findings.count(d))
        written = entries - 1  # the first one, which begins the ledger, was written at no time
        assert (int(r["written"]), int(r["refused"])) == (written, refused)
        assert (int(r["corrections"]), int(r["retractions"])) == (changed, retracted[d])
        for rate, of, whole in (("findings_rate", findings.count(d), entries), ("refused_rate", refused, written + refused),
                                ("corrected_rate", changed + retracted[d], written)):
            assert Decimal(r[rate]) == half_up(Decimal(of * 1000) / whole), (d, rate)
    for column in ("expected", "received", "on_time", "hard", "ledger", "findings", "written", "refused", "corrections", "retractions"):
        assert int(city[column]) == sum(int(r[column]) for r in rows), column
    for column, more in RANKED.items():
        ranks(rows, column, more)
        assert city[column + "_rank"] == ""
    for r in rows:
        of = [int(r[k + "_rank"]) for k in RANKED if r[k + "_rank"]]
        assert Decimal(r["mean_rank"]) == half_up(Decimal(sum(of)) / len(of))
        assert int(r["rank"]) == 1 + sum(Decimal(o["mean_rank"]) < Decimal(r["mean_rank"]) for o in rows)
    assert city["mean_rank"] == city["rank"] == ""


def test_nothing_written_is_no_value(world):
    c = world[0]
    for r in ask(c.city, "assess", "--period", "2019"):  # all was written later
        assert r["written"] == "0" and r["refused_rate"] == r["corrected_rate"] == r["corrected_rank"] == ""
    rows = ask(c.city, "assess", "--period", "2035")
    assert {r["expected"] for r in rows} == {"0"} and {r["complete"] for r in rows} == {""}


def test_a_table_for_people(world):
    out = world[0].city.ctl("assess", "--period", "2019", "--written", TODAY.year).out
    assert "no weights" in out or "不加权" in out
    lines = out.splitlines()
    assert len(lines) == 1 + len(DISTRICTS) + 1 + 3 and lines[1].count("(") == len(RANKED)
    assert world[0].city.ctl("assess", "--period", "x", codes=None).code == 2
