"""Random histories: every cell of every form, for every area and the periods of three years, equals the oracle's, with
its status; every check that does not hold is listed, and nothing else."""

import collections
import csv
import datetime
import io
import os
import re
import shutil

import pytest

import oracle_checks
from cluster import ROOT, SANITIZED, wait_for
from history import History
from oracle import FORMS, Oracle, difference
from oracle_checks import CHECKS, fails
from oracle_forms_sample import known
from oracle_history import SurveyHistory
from oracle_sheet import CITY, all_of, kind_of, read_csv_cells, span

SEEDS = int(os.environ.get("TALLY_SEEDS", "30"))
FIRST = int(os.environ.get("TALLY_FIRST_SEED", "1"))


def ask(city, path):
    status, text = city.get(path, "text/csv")
    assert status == 200, f"{path}: {status} {text}"
    return text


def same_cells(city, oracle, form, period, cumulative, zeros=False, area=None):
    query = f"period={period}" + "&cumulative=1" * cumulative + "&zeros=1" * zeros + f"&area={area}" * bool(area)
    theirs = read_csv_cells(ask(city, f"/v1/forms/{form}?{query}"))
    ours = oracle.sheet(form, period, cumulative).cells(zeros, [area] if area else None)
    wrong = difference(ours, theirs)
    assert not wrong, f"form {form} {query}: {wrong}"
    return ours


def same_checks(city, oracle, form, period):
    found = list(csv.DictReader(io.StringIO(ask(city, f"/v1/forms/{form}/checks/{period}"))))
    theirs = {(r["id"], r["level"], r["area"], r["row"]): (r["left"], r["right"], r["imbalance"]) for r in found}
    assert len(theirs) == len(found)
    ours = fails(oracle, form, period)
    wrong = difference(ours, theirs)
    assert not wrong, f"check run {form} {period}: {wrong}"
    return ours


def same_survey(city, oracle, year, rnd):
    """All periods of the year, some of its neighbours; of one area every cell with its zeros; the checks of some periods."""
    seen = set()
    large = rnd.choice(("10", "11", ""))  # of these every cell takes a second: now and then
    for form, of in FORMS.items():
        periods = all_of(of.kinds, year)
        for period in {p for p, _ in periods if form == "11"}:
            assert known(oracle.sheet(form, period)) == []
        for period, cumulative in [*periods, *(p for y in (year - 1, year + 1) for p in all_of(set(of.kinds) - {"month"}, y)[-2:])]:
            seen |= {cell[1:] for cell in same_cells(city, oracle, form, period, cumulative).values()}
        period, cumulative = rnd.choice(periods)
        area = rnd.choice(oracle.areas)
        whole = form not in ("10", "11") or form == large
        seen |= {cell[1:] for cell in same_cells(city, oracle, form, period, cumulative, whole, area).values()}
        for period in {p for p, _ in periods if kind_of(p) == "year"} | {p for p, _ in rnd.sample(periods, min(3, len(periods)))} | (
                {f"{year}-12"} if "month" in of.kinds else set()):
            same_checks(city, oracle, form, period)
    return seen


def due_in(year):
    """[(form, period)] whose returns are due in a year, by the calendar."""
    out = []
    with open(os.path.join(ROOT, "daemon/survey/calendar.tsv"), encoding="utf-8") as f:
        rows = [line.split() for line in f if not line.startswith("#")]
    for form, kind, days in rows:
        for period, _ in all_of({kind}, year - 1) + all_of({kind}, year):
            last = str(span(period)[1])
            end = datetime.date(int(last[:4]), int(last[4:6]), int(last[6:]))
            if (end + datetime.timedelta(days=int(days))).year == year:
                out.append((form, period))
    return out


def quality(city, year):
    rows = csv.DictReader(io.StringIO(ask(city, f"/v1/forms/12C?period={year}")))
    return {(r["area"], int(r["measure"])): r["obs_status"] if r["obs_status"] == "M" else int(r["value"]) for r in rows}


def same_quality(city, oracle, year, districts):
    """12C. Of this year: what each district corrected, what was refused, and how old its newest entry is at the year's end. Of the
    year in which most returns of the history are due: how many are, and the checks that do not hold in them."""
    now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).date()
    age = (datetime.date(now.year, 12, 31) - now).days
    found = quality(city, now.year)
    assert {k: v for k, v in found.items() if k[1] in (2, 3, 6, 7)} == {k: v for k, v in oracle.written.items() if v}
    assert {found.get((a, 8), 0) for a in (CITY, *districts)} == {age}
    expected = collections.Counter()
    for form, period in due_in(year + 1):
        for area in map(str, districts):
            expected[area, 1] += 1
        for _, level, area, _ in fails(oracle, form, period):
            if area != CITY:
                expected[area, 4 if level == "hard" else 5] += 1
    for (area, measure), n in list(expected.items()):
        expected[CITY, measure] += n
    found = {k: v for k, v in quality(city, year + 1).items() if k[1] in (1, 2, 3, 4, 5)}
    assert found == dict(expected)


@pytest.fixture
def survey(cluster):
    """A city with the keys that honours entered there want."""
    def start(history, **settings):
        cluster.build(history.districts).city.setting(**settings)
        shutil.copy(cluster.pid_key(), cluster.city.keys_dir)
        return cluster.start()
    return start


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_survey(seed, cluster, survey):
    history = SurveyHistory(seed, f"{cluster.dir}/data", districts=3 + seed % 2, scale=0.3 if SANITIZED else 1)
    survey(history)
    oracle = Oracle(history.districts)
    history.play(cluster, oracle)
    cluster.wait_folded()
    wait_for("the fold of the city's own ledger",
             lambda: cluster.city.metrics()['tally_view_rows{view="record"}'] == oracle.count())
    same_survey(cluster.city, oracle, history.year, history.rnd)
    same_quality(cluster.city, oracle, history.year, history.districts)
    cluster.city.ctl("recount")


def test_checks_speak(cluster, survey):
    """Exit 1 where a hard check does not hold, 0 where all do."""
    history = SurveyHistory(5, f"{cluster.dir}/data", scale=0.5)
    survey(history)
    oracle = Oracle(history.districts)
    history.play(cluster, oracle)
    cluster.wait_folded()
    for form in CHECKS:
        period = all_of(FORMS[form].kinds, history.year)[-1][0]
        hard = any(key[1] == "hard" for key in fails(oracle, form, period))
        cluster.city.ctl("check", "run", form, period, codes=(int(hard),))


def spoilt(check):
    """The same check with a rule that seldom holds."""
    left, relation, right = re.split(r" (=|<=|>=|~) ", check.rule)
    if relation == "=":
        return f"{left} = {right[:right.rindex(' ') - 2]}" if re.search(" [+-] ", right) else f"{left} = {right} + 2"
    return f"{right} {relation} {left}"


@pytest.mark.slow
def test_checks_that_do_not_hold(cluster, survey, monkeypatch):
    """With good records most checks hold. Here every rule is turned round, in the form files as in the oracle: so each kind of
    rule (sums, rows, other periods, districts) is seen to list what it should."""
    where = f"{cluster.dir}/forms"
    shutil.copytree(os.path.join(ROOT, "daemon/survey/forms"), where)
    turned = {form: [check.with_rule(spoilt(check)) for check in checks] for form, checks in CHECKS.items()}
    for form, checks in turned.items():
        with open(f"{where}/{form}.form", encoding="utf-8") as f:
            text = f.read()
        for check in checks:
            rule = check.rule.replace("before ", "cumulative_previous ").replace(" ~ ", " within 30% of ")
            text, n = re.subn(f'(check "{check.name}".*?rule +=) "[^"]*"', f'\\1 "{rule}"', text, count=1, flags=re.DOTALL)
            assert n == 1, check.name
        with open(f"{where}/{form}.form", "w", encoding="utf-8") as f:
            f.write(text)
    monkeypatch.setattr(oracle_checks, "CHECKS", turned)
    history = SurveyHistory(8, f"{cluster.dir}/data")
    survey(history, forms_dir=where)
    oracle = Oracle(history.districts)
    history.play(cluster, oracle)
    cluster.wait_folded()
    listed = set()
    for form, of in FORMS.items():
        for period in sorted({p for p, _ in all_of(of.kinds, history.year)})[:14]:
            listed |= {key[0] for key in same_checks(cluster.city, oracle, form, period)}
    assert listed == {check.name for checks in turned.values() for check in checks}


# ---- the generator's files: every style of clerk, broken rows ----

@pytest.mark.threads
@pytest.mark.parametrize("seed", range(FIRST, FIRST + min(SEEDS, 20)))
def test_random_history(seed, cluster, oracle, same_figures, tmp_path):
    history = History(seed, f"{cluster.dir}/data", districts=3 + seed % 2)
    cluster.build(history.districts).start()
    history.play(cluster, oracle)
    cluster.wait_folded()
    same_figures(cluster.city, oracle)
    cluster.city.ctl("recount")


def test_order_between_districts_does_not_matter(cluster, oracle, same_figures):
    """The same ledgers, sent to the city one after the other in two orders: equal figures."""
    history = History(4711, f"{cluster.dir}/data", districts=4)
    cluster.build(history.districts)
    for d in reversed(history.districts):
        cluster.districts[d].start()
    history.play(cluster, oracle)
    cluster.city.start()
    cluster.wait_folded(60)
    same_figures(cluster.city, oracle)
    cluster.check_equal()
