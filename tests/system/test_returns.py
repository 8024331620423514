"""The life of a return, from outside: signed, sent back, explained, corrected, accepted, closed; zero, late, missing; and form 12C,
which is made of it. Today's date is the real one, asked for by each test, and does not change under it: what must be in time is due
today, what must be late has been due for years."""

import datetime
import os
import random
import subprocess
import time

import pytest

from cluster import PATIENCE, ROOT, environment, program, wait_for
from test_doors import as_csv, record

A, B = "310101", "310115"
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
LONGEST = 30 * PATIENCE  # seconds that a test here may take


def one_day():
    """The date in Shanghai, which stays the same while a test runs: the last moments of a day are waited for."""
    now = datetime.datetime.now(SHANGHAI)
    midnight = datetime.datetime.combine(now.date() + datetime.timedelta(days=1), datetime.time(0), SHANGHAI)
    if (midnight - now).total_seconds() > LONGEST:
        return now.date()
    wait_for("the next day", lambda: datetime.datetime.now(SHANGHAI) > midnight, seconds=LONGEST + 1)
    return midnight.date()


NAMES = ("--by", "张三", "--approve", "李四")


def subsidy(n, **other):
    cells = {"claim_no": f"S{n}", "purpose": "training", "channel": "sme", "source": "employment", "payee_kind": "unit",
             "payee": "91310101MA1T000136", "claimed": "500", "claimed_on": "2019-03-01", "approved": "400", "decided_on": "2019-04-01",
             "paid": "300", "paid_on": "2019-05-01", "status": "paid"}
    return {**cells, **other}


def fund(budget):
    return {"fund_no": "F1", "year": "2019", "source": "employment", "purpose": "training", "budget": str(budget), "allotted": "0"}


def trainings(first, n, month, **other):
    return [record(k, enrolled_on=f"{month}-02", ended_on=f"{month}-03", **other) for k in range(first, first + n)]


class City:
    def __init__(self, cluster):
        self.cluster = cluster
        self.today = one_day()
        last = self.today.replace(day=1) - datetime.timedelta(days=1)  # of the month before
        self.month, self.year_ago, self.this_month = f"{last:%Y-%m}", f"{last.year - 1}-{last:%m}", f"{self.today:%Y-%m}"
        self.calendar = f"{cluster.dir}/due.tsv"
        with open(self.calendar, "w", encoding="utf-8") as f:  # form, kind of period, days
            f.write(f"02	month	{(self.today - last).days}\n03	quarter	15\n08	year	40\n")
        cluster.settings = {"collector": {"calendar": self.calendar}, "aggregator": {"calendar": self.calendar}}
        cluster.build((A, B))

    @property
    def node(self):
        return self.cluster.city

    def district(self, d):
        return self.cluster.districts[d]

    def load(self, d, register, rows, codes=(0,)):
        path = f"{self.cluster.dir}/{register}.csv"
        with open(path, "wb") as f:
            f.write(as_csv(rows))
        return self.district(d).load(register, path, codes=codes)

    def sign(self, d, form, period, names=NAMES):
        return self.district(d).ctl("return", "sign", form, period, *names, output="json").json()[0]

    def rows(self, where, *more):
        node = self.node if where == "city" else self.district(where)
        return node.ctl("return", "list", *more, output="json").json()

    def row(self, where, form, period, d=None):
        found = [r for r in self.rows(where, "--period", period) if (r["form"], r["period"]) == (form, period) and r["area"] == (d or where)]
        return found[0] if found else None

    def decide(self, what, form, period, d, *more, **kw):
        return self.node.ctl("return", what, form, period, d, *more, output="json", **kw)

    def summary(self, form, d, *more):
        found = [r for r in self.rows("city", "--summary", *more) if (r["form"], r["area"]) == (form, d)]
        return found[0] if found else None

    def comes_down(self, d, form, period, state):
        return wait_for(f"{state} to reach {d}", lambda: (r := self.row(d, form, period)) and r["state"] == state and r)

    def refused(self, node, *words, code=1):
        r = node.ctl(*words, codes=(code,))
        assert len(r.err.strip().splitlines()) == 1 and not r.out.strip(), r
        return r.err


@pytest.fixture
def city(cluster):
    c = City(cluster)
    cluster.start()
    return c


def days(a, b):
    return (b - a).days


def test_sent_back_corrected_accepted(city):
    """A hard check blocks; the query comes down with both sides; a correction answers it. Both sides restart in between."""
    city.load(A, "subsidy", [subsidy(1), subsidy(2, paid="400")])
    signed = city.sign(A, "08", "2019")
    assert signed["zero"] == "no" and signed["cells"] > 0 and signed["hard"] > 0 and signed["vouched"] == 3
    assert signed["position"] == city.district(A).last() > signed["vouched"]
    kinds = [e["kind"] for e in city.district(A).ctl("ledger", "show", A, output="json").json()]
    assert kinds == ["genesis", "record", "record", "figures", "return"]
    mine = city.row(A, "08", "2019")
    assert (mine["state"], mine["by"], mine["approve"], mine["due"]) == ("signed", "张三", "李四", "2020-02-09")
    assert mine["received_on"] == f"{city.today}" and mine["late"] == days(datetime.date(2020, 2, 9), city.today)
    city.cluster.wait_folded()
    assert city.row("city", "08", "2019", A)["state"] == "signed"
    words = city.refused(city.node, "return", "accept", "08", "2019", A)
    assert "08-3" in words and "700.00 against 0.00" in words
    sent = city.decide("send-back", "08", "2019", A, "--words", "预算未录入", "--check", "08-3").json()[0]
    assert sent["state"] == "sent_back" and sent["of"] == signed["position"]
    mine = city.comes_down(A, "08", "2019", "sent_back")
    assert mine["words"] == "预算未录入" and "08-3 " in mine["query"] and "700.00 / 0.00" in mine["query"]
    assert "08-3" in city.refused(city.node, "return", "accept", "08", "2019", A), "nothing has changed yet"
    for node in (city.node, city.district(A)):
        node.stop()
        node.start()
    assert city.comes_down(A, "08", "2019", "sent_back")["query"] == mine["query"]
    city.load(A, "fund", [fund(1000)])
    again = city.sign(A, "08", "2019")
    assert again["hard"] == 0 and again["position"] > signed["position"]
    mine = city.row(A, "08", "2019")
    assert mine["state"] == "signed" and mine["signatures"] == 2 and "08-3" in mine["query"], "what was asked stands until it is accepted"
    city.cluster.wait_folded()
    accepted = city.decide("accept", "08", "2019", A, "--words", "已核对").json()[0]
    assert accepted["state"] == "accepted" and accepted["of"] == again["position"] and accepted["as_signed"] == "yes"
    assert city.comes_down(A, "08", "2019", "accepted")["words"] == "已核对"
    assert "accepted already" in city.refused(city.node, "return", "accept", "08", "2019", A)
    # Everybody sees every decision: they are public.
    assert city.row(B, "08", "2019")["state"] == "open"
    city.cluster.wait_folded()
    city.cluster.check_equal()
    for d in (A, B):
        city.district(d).ctl("recount")


def test_a_soft_check_wants_words(city):
    city.load(A, "training", trainings(0, 10, city.year_ago) + trainings(100, 2, city.month))
    signed = city.sign(A, "02", city.month)
    assert signed["hard"] == 0 and signed["soft"] > 1
    city.cluster.wait_folded()
    words = city.refused(city.node, "return", "accept", "02", city.month, A)
    assert "02-8 (_T _T): 2 against 10" in words
    district = city.district(A)
    assert "no check" in city.refused(district, "return", "explain", "02", city.month, "02-99", "--words", "x", code=2)
    assert "hard" in city.refused(district, "return", "explain", "02", city.month, "02-1", "--words", "x", code=2)
    assert "no such row" in city.refused(district, "return", "explain", "02", city.month, "02-8", "--row", "upgrade", "--words", "x", code=2)
    assert "--words" in city.refused(district, "return", "explain", "02", city.month, "02-8", "--words", " ", code=2)
    district.ctl("return", "explain", "02", city.month, "02-8", "--row", "_T _T", "--words", "去年同月集中开班")
    city.cluster.wait_folded()
    words = city.refused(city.node, "return", "accept", "02", city.month, A)
    assert "(_T _T)" not in words and "(upgrade _T)" in words
    city.decide("send-back", "02", city.month, A, "--words", "变动较大，请说明")
    query = city.comes_down(A, "02", city.month, "sent_back")["query"]
    assert "02-8 upgrade _T: 2 / 10" in query and "02-8 _T _T" not in query, "what is explained is not asked again"
    # Words are an answer: the figures stand, and need no new signature.
    district.ctl("return", "explain", "02", city.month, "02-8", "--words", "去年同月集中开班")
    assert city.row(A, "02", city.month)["explained"] == 2
    city.cluster.wait_folded()
    assert city.decide("accept", "02", city.month, A).json()[0]["soft"] == 0
    assert city.comes_down(A, "02", city.month, "accepted")["late"] == 0


def test_zero_late_and_missing(city):
    """Zero is not missing; late is counted in days; a rate above 100 % cannot exist."""
    zero = city.sign(B, "03", "2019-Q1")
    assert zero["zero"] == "yes" and zero["cells"] == 0
    text = city.district(B).ctl("return", "sign", "03", "2019-Q1", *NAMES).out
    assert "零报告" in text
    city.sign(B, "02", city.month)
    city.cluster.wait_folded()
    got, missing = city.row("city", "03", "2019-Q1", B), city.row("city", "03", "2019-Q1", A)
    assert (got["zero"], got["state"], got["signatures"]) == ("yes", "signed", 2)
    late = days(datetime.date(2019, 4, 15), city.today)
    assert got["late"] == late == missing["late"] and missing["state"] == "open" and missing["received_on"] is None
    s = city.summary("03", B, "--period", "2019")
    assert (s["expected"], s["received"], s["on_time"], s["late"], s["late_days"], s["missing"], s["zero"]) == (4, 1, 0, 1, late, 3, 1)
    assert float(s["complete"]) == 25
    s = city.summary("03", A, "--period", "2019")
    assert (s["expected"], s["received"], s["missing"], s["zero"]) == (4, 0, 4, 0)
    s = city.summary("02", B, "--period", city.month)
    assert (s["expected"], s["received"], s["on_time"], s["late"], s["missing"]) == (1, 1, 1, 0, 0)
    assert float(s["complete"]) == float(s["timely"]) == 100
    for r in city.rows("city", "--summary", "--period", "2019"):
        assert r["received"] == r["on_time"] + r["late"] and r["received"] + r["missing"] == r["expected"]
    # Without --period: the year up to today. 03 has quarters that were due in it, 2019 does not show.
    listed = city.rows("city")
    assert {r["form"] for r in listed} >= {"02", "03"} and not [r for r in listed if r["period"].startswith("2019")]


def test_offline_and_later(city):
    """A district without its city signs and knows it; the city hears of it later."""
    city.node.stop()
    city.load(A, "training", trainings(0, 3, "2019-06"))
    signed = city.sign(A, "02", "2019-06")
    assert city.row(A, "02", "2019-06")["state"] == "signed"
    city.district(A).kill()
    city.district(A).start()
    assert city.row(A, "02", "2019-06")["position"] == signed["position"]
    city.node.start()
    city.cluster.wait_folded()
    assert city.row("city", "02", "2019-06", A)["position"] == signed["position"]


def test_killed_while_signing(city):
    """Figures and signature stand together or not at all."""
    city.load(A, "training", [record(n, enrolled_on=f"2019-{n % 12 + 1:02d}-02", ended_on=f"2019-{n % 12 + 1:02d}-03") for n in range(300)])
    district = city.district(A)
    line = [program("tallyctl"), "-s", district.socket, "return", "sign", "02", "2019", *NAMES]
    rnd = random.Random(7)
    for _ in range(12):
        signing = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        time.sleep(rnd.random() * 0.04 * PATIENCE)
        district.kill()
        said = signing.communicate(timeout=20)[0].decode()
        district.start()
        last = district.last()
        if signing.returncode == 0:
            assert f" {last} " in said, "what was said stands"
    city.sign(A, "02", "2019")
    kinds = [e["kind"] for e in district.ctl("ledger", "show", A, "--from", "302", output="json").json()]
    assert kinds and kinds == ["figures", "return"] * (len(kinds) // 2)
    assert city.row(A, "02", "2019")["signatures"] == len(kinds) // 2
    assert district.ctl("finding", "list", output="json").json() == []
    city.cluster.wait_folded()
    city.cluster.check_equal()


def test_signed_beside_now(city):
    city.load(A, "training", trainings(0, 3, "2019-06") + [trainings(3, 1, "2019-06", type="newskill")[0]])
    city.sign(A, "02", "2019-06")
    city.cluster.wait_folded()
    show = ("return", "show", "02", "2019-06", A)
    assert city.node.ctl(*show, output="json").json() == []
    every = city.node.ctl(*show, "--all", output="json").json()
    assert every and all(r["signed"] == r["now"] for r in every)
    total = [r for r in every if (r["cumulative"], r["type"], r["channel"], r["measure"]) == ("no", "_T", "_T", "3")]
    assert len(total) == 1 and float(total[0]["now"]) == 4
    district = city.district(A)
    district.ctl("retract", "training", "T00003", "--reason", "重复")
    city.load(A, "training", [record(0, enrolled_on="2019-06-02", ended_on="2019-06-03", hours_online="99.5")])
    city.cluster.wait_folded()
    differ = {(r["cumulative"], r["type"], r["channel"], r["measure"]): (float(r["signed"]), float(r["now"]))
              for r in city.node.ctl(*show, output="json").json()}
    assert differ["no", "_T", "_T", "3"] == (4, 3) and differ["no", "newskill", "_T", "3"] == (1, 0)
    assert differ["yes", "_T", "_T", "3"] == (4, 3) and ("no", "upgrade", "_T", "3") not in differ
    assert differ["no", "upgrade", "_T", "14"][1] == 99.5 + 1.5 + 2.5
    assert city.decide("accept", "02", "2019-06", A).json()[0]["as_signed"] == "no"
    assert "has signed nothing" in city.refused(city.node, "return", "show", "02", "2019-06", B)


def test_what_cannot_be_signed(city):
    district = city.district(A)
    before = district.last()

    def refused(form, period, names=NAMES, code=1):
        return city.refused(district, "return", "sign", form, period, *names, code=code)

    assert "no such form" in refused("99", "2019", code=2)
    assert "not a period" in refused("02", "2019-13", code=2)
    assert "no figures for a half" in refused("02", "2019-H1", code=2)
    assert "has not ended" in refused("02", city.this_month)
    assert "no return" in refused("12C", "2019", code=2)
    assert "--by" in refused("02", "2019-06", ("--by", " ", "--approve", "李四"), code=2)
    assert "--approve" in refused("02", "2019-06", ("--by", "张三", "--approve", "李" * 65), code=2)
    refused("02", "2019-06", ("--by", "张三"), code=2)
    assert "signed nothing" in city.refused(city.node, "return", "accept", "02", "2019-06", A)
    assert "not a district" in city.refused(city.node, "return", "accept", "02", "2019-06", "310000", code=2)
    assert district.last() == before
    # A form past its day is void: it can be read, not signed.
    forms = f"{city.cluster.dir}/forms"
    os.mkdir(forms)
    for name in ("01", "02", "03", "08"):
        with open(f"{ROOT}/daemon/survey/forms/{name}.form", encoding="utf-8") as f:
            text = f.read()
        with open(f"{forms}/{name}.form", "w", encoding="utf-8") as f:
            f.write(text.replace("2030-12-31", "2020-12-31") if name == "03" else text)
    district.stop()
    district.setting(forms_dir=forms).start()
    assert "is void" in refused("03", "2019-Q1")
    district.ctl("form", "show", "03", "--period", "2019-Q1")
    city.sign(A, "02", "2019-06")


def test_a_closed_period_is_not_signed(city):
    city.load(A, "training", trainings(0, 3, "2019-06"))
    city.sign(A, "02", "2019-06")
    city.cluster.wait_folded()
    assert city.decide("accept", "02", "2019-06", A).json()[0]["state"] == "accepted"
    city.node.ctl("period", "close", "02", "2019-06", "--despite", f"{B} 缺报")
    mine = city.comes_down(A, "02", "2019-06", "closed")
    assert mine["version"] == 1
    assert "is closed" in city.refused(city.district(A), "return", "sign", "02", "2019-06", *NAMES)
    assert "is closed" in city.refused(city.district(A), "return", "explain", "02", "2019-06", "02-8", "--words", "x")
    assert "is closed" in city.refused(city.node, "return", "send-back", "02", "2019-06", A, "--words", "x")
    assert city.row("city", "02", "2019-06", B)["state"] == "closed"
    s = city.summary("02", A, "--period", "2019-06")
    assert (s["accepted"], s["received"]) == (1, 1)


def cells(text):
    """{(area, measure): value} of form 12C."""
    out = {}
    for line in text.replace("\r", "").splitlines()[1:]:
        _, _, area, measure, value, obs, _, _ = line.split(",")
        out[area, int(measure)] = obs if obs == "M" else int(value)
    return out


def test_quality_of_reporting(city):
    """Form 12C against what is known of every district."""
    city.load(A, "subsidy", [subsidy(1), subsidy(2)])
    city.load(A, "subsidy", [subsidy(1, paid="350"), subsidy(2)])  # one correction
    city.load(A, "training", [*trainings(0, 2, city.month), record(9, type="cooking"), record(10, type="cooking")], codes=(3,))
    city.load(B, "training", [record(9, type="cooking")], codes=(3,))
    city.sign(A, "02", city.month)
    city.sign(B, "02", city.month)
    city.sign(A, "08", "2019")
    city.cluster.wait_folded()
    due = [r for r in city.rows("city") if r["due"] and r["due"].startswith(city.this_month)]
    expected = {d: len([r for r in due if r["area"] == d]) for d in (A, B)}
    month_end = (city.today.replace(day=28) + datetime.timedelta(days=4)).replace(day=1) - datetime.timedelta(days=1)
    age = days(city.today, month_end)
    found = cells(city.node.form("12C", city.this_month))
    for d, corrections, refused in ((A, 1, 2), (B, 0, 1)):
        assert found[d, 1] == expected[d] and found[d, 2] == 1 == found[d, 3]
        assert found.get((d, 6), 0) == corrections and found[d, 7] == refused and found.get((d, 8), 0) == age
    for m in (1, 2, 3, 6, 7):
        assert found["310000", m] == found.get((A, m), 0) + found.get((B, m), 0), f"column {m}"
    assert found.get(("310000", 8), 0) == age
    # 08 of 2019 was due in February 2020: paid without a budget, in three rows.
    found = cells(city.node.form("12C", "2020"))
    hard = len([r for r in city.node.ctl("check", "run", "08", "2019", "--area", A, output="json", codes=(1,)).json() if r["level"] == "hard"])
    assert hard > 0 and found[A, 4] == hard == found["310000", 4]
    # with four quarters of 03, and every month of 02: each falls due within the next one
    assert (found[A, 1], found[A, 2], found.get((A, 3), 0)) == (1 + 4 + 12, 1, 0)
    assert (found[B, 1], found.get((B, 2), 0)) == (17, 0) and found["310000", 1] == 34 and found["310000", 2] == 1
    assert found[A, 8] == "M", "nothing was written up to the end of 2020"
    city.node.ctl("check", "run", "12C", "2020")
    # Closed, and computed again.
    city.node.ctl("period", "close", "12C", "2020", "--despite", "市局自制")
    city.sign(B, "08", "2019")
    city.cluster.wait_folded()
    assert cells(city.node.form("12C", "2020"))["310000", 2] == 2
    city.node.ctl("period", "reproduce", "12C", "2020")
    assert cells(city.node.form("12C", "2020", False, "--version", "1"))["310000", 2] == 1
    city.node.ctl("recount")


def test_a_calendar_with_a_fault(city):
    """Refused with file and line, at both daemons."""
    for node in (city.node, city.district(A)):
        for text, words in (("02 month\n", ":1: a line is"), ("02 month 8\n99 month 8\n", ":2: there is no such form: 99")):
            with open(city.calendar, "w", encoding="utf-8") as f:
                f.write(text)
            done = subprocess.run([program(f"tally-{node.role}"), "-n", "-c", node.conf], capture_output=True, text=True, timeout=20,
                                  env=environment())
            assert done.returncode == 78 and "due.tsv" + words in done.stderr, done
