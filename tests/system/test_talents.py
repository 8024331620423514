"""The talent database against an oracle: random people over districts, all registers; what is searched, shown, counted, who may
apply, what only the centre can see. And what an operator notices: pages, refusals, restarts."""

import base64
import csv
import datetime
import hashlib
import io
import json
import os
import threading
import urllib.parse

import pytest

import data  # noqa: F401  (the generator's folder becomes importable)
import made_up
from cluster import SANITIZED
from judge import REGISTERS
from madeup import as_user, load, open_doors, resident, with_groups
from oracle_history import SurveyHistory, World
from oracle_talents import DIGITS, PARTS, TalentOracle, facets, fits, iso, shown, speaks, spelled

SEEDS = int(os.environ.get("TALLY_SEEDS", "6"))
FIRST = int(os.environ.get("TALLY_FIRST_SEED", "1"))
CHAINS = ("talent", "model", "may_day", "studio", "chief")


def today():
    at = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8)))
    return at.year * 10000 + at.month * 100 + at.day


class TalentWorld(World):
    """People who meet more often in what the centre looks at."""

    def __init__(self, *args):
        super().__init__(*args)
        self.people = self.people[:20]
        self.occupations = ["6-18-01-01", "6-18-01-02", "6-20-01-01", "9-99-99-99"]
        self.numbers, self.mentors = [], []

    def person(self):
        return {**super().person(), "industry": self.maybe(0.7, lambda: self.rnd.choice("CIT"))}

    def training(self):
        row, rnd = super().training(), self.rnd
        row |= {"programme": self.maybe(0.4, lambda: rnd.sample([str(n) for n in range(1, 11)], 2)),
                "area": self.maybe(0.3, lambda: rnd.sample(["zhangjiang", "lingang", "g60", "iiot"], 1)),
                "occupation": rnd.choice(self.occupations)}
        if rnd.random() < 0.5:
            start = datetime.date(self.year, 3, 1 + rnd.randrange(20))
            row |= {"enrolled_on": start, "ended_on": start + datetime.timedelta(rnd.randrange(9)), "result": "completed",
                    "hours_offline": rnd.randrange(100, 500)}
        if rnd.random() < 0.02:
            row |= {"enrolled_on": datetime.date(datetime.date.today().year + 4, 12, 1), "ended_on": None, "result": "enrolled"}
        return row

    def certificate(self):
        row = super().certificate()
        same = [(k, n) for k, n in self.numbers if k == row["kind"]]
        if same and self.rnd.random() < 0.15:
            row["number"] = self.rnd.choice(same)[1]
        self.numbers.append((row["kind"], row["number"]))
        return row

    def facility(self):
        return {**super().facility(), "programme": self.maybe(0.5, lambda: self.rnd.sample([str(n) for n in range(1, 11)], 2))}

    def apprenticeship(self):
        row = super().apprenticeship()
        if self.rnd.random() < 0.4:
            row["mentor_employer"] = self.rnd.choice(self.mentors)
        return row

    def subsidy(self):
        row, rnd = super().subsidy(), self.rnd
        row |= {"occupation": self.maybe(0.8, lambda: rnd.choice(self.occupations[:2])), "level": self.maybe(0.8, lambda: rnd.choice("543")),
                "enrolment_no": self.maybe(0.4, lambda: f"PX{rnd.randrange(9):05d}"),
                "certificate_no": self.maybe(0.3, lambda: rnd.choice(self.numbers)[1] if self.numbers else "K1")}
        if rnd.random() < 0.7:
            row |= {"purpose": rnd.choice(("training", "certificate")), "status": rnd.choice(("approved", "paid", "claimed"))}
        return row


class TalentHistory(SurveyHistory):
    def __init__(self, seed, where, oracle, **named):
        self.oracle = oracle
        super().__init__(seed, where, **named)

    @property
    def world(self):
        return self._world

    @world.setter
    def world(self, made):
        """In the place of the survey's."""
        self._world = TalentWorld(made.rnd, made.year, made.districts)
        for p in self._world.people:
            if p["doc_type"] == "111" and len(p["doc_number"]) == 18:
                self._world.mentors.append(self.oracle.talent_id(self.oracle.pid(f"111/{p['doc_number']}")))


def table(city, path, codes=(200,), **query):
    query = {k.replace("-", "_"): v for k, v in query.items()}
    status, text = city.get(path + "?" + urllib.parse.urlencode(query), "text/csv")
    assert status in codes, f"{path} {query}: {status} {text}"
    return list(csv.DictReader(io.StringIO(text)))


def found(line):
    sets = ("occupations", "honours", "programmes", "areas")
    return {k: set(filter(None, v.split(";"))) if k in sets else v for k, v in line.items() if k != "id"}


def same_find(city, oracle, day, question, rnd):
    """Every page, and the facets."""
    at = {} if day == today() else {"at": iso(day)}
    ours = {who: s for who, s in oracle.talents(day).items() if fits(s, question, day)}
    limit, theirs, after = rnd.choice((1, 3, 1000)) if len(ours) < 30 else 1000, [], {}
    while True:
        page = table(city, "/v1/talents", limit=limit, **after, **at, **question)
        theirs += page
        assert len(page) <= limit
        if len(page) < limit:
            break
        after = {"after": page[-1]["id"]}
    ids = [line["id"] for line in theirs]
    assert ids == sorted(ids) == sorted(ours), f"{day} {question}"
    for line in theirs:
        assert found(line) == shown(ours[line["id"]]), f"{day} {question} {line['id']}"
    counted = {(r["facet"], r["code"]): int(r["talents"]) for r in table(city, "/v1/talents", facets=1, **at, **question)}
    assert counted == facets(ours, day, question.get("level-min"), question.get("occupation", "")), f"{day} {question}"
    return len(ours)


def questions(rnd, districts):
    pool = {"level-min": "54321TS", "occupation": ("6", "6-18", "6-18-01", "6-18-01-02", "9-99-99-99", "1"),
            "honour": ("chief", "grand", "expert", "district", "unit"), "programme": ("1", "5", "10"),
            "area": (*districts, "310000", "zhangjiang", "lingang", "beidou"), "industry": "CIT", "status": ("employed", "retired", "student"),
            "sex": "12", "age-min": ("30", "46", "50", "112"), "age-max": ("45", "50", "55", "113")}
    yield {}
    for name, values in pool.items():
        yield {name: rnd.choice(values)}
    for _ in range(8):
        yield {name: rnd.choice(pool[name]) for name in rnd.sample(sorted(pool), rnd.randrange(2, 4))}


def record_lines(part, r, day, start, until, through):
    valid = "yes" if speaks(r, day, start, until, through) and not (
        until and r[until] and r[until] <= r[start]) and not (through and r[through] and r[through] < r[start]) else "no"
    return {(part, f.name, spelled(f, r[f.name]), iso(r[start]), valid, r["district"], r["register"], r["key"])
            for f in REGISTERS[r["register"]] if not f.type.startswith("person.") and r[f.name] not in (None, "")}


def same_show(city, oracle, who, day):
    people = oracle.records()
    lines = table(city, f"/v1/talents/{who}", at=iso(day))
    assert all(line["origin"] or line["field"] == "id" for line in lines)
    theirs = {(line["part"], line["field"], line["value"], line["from"], line["valid"], line["origin"], line["register"], line["key"])
              for line in lines if line["part"] != "now"}
    ours = set()
    for part, register, start, until, through in PARTS:
        for r in people[who]:
            if r["register"] == register and r[start] <= day:
                ours |= record_lines(part, r, day, start, until, through)
    names = {oracle.talent_id(oracle.pid(p)) for p in oracle.group(people[who][0]["person"])}
    for r in [r for records in people.values() for r in records if r["register"] == "apprenticeship"]:
        if {r["mentor_employer"], r["mentor_school"]} & names and r["started_on"] <= day:
            ours |= record_lines("mentor", r, day, "started_on", None, "ended_on")
    assert theirs == ours, f"{who} on {day}: only there {theirs - ours}; only here {ours - theirs}"
    s = oracle.state(people[who], day)
    now = {(line["field"], line["value"]) for line in lines if line["part"] == "now"}
    ours = {("id", who), *((n, str(s[n])) for n in ("level", "district", "sex", "birth_year", "status", "industry") if s[n]),
            *(("programme", p) for p in s["programmes"]), *(("area", a) for a in s["areas"])}
    assert ours <= now, f"{who} on {day}: {ours - now}"
    assert {line["field"] for line in lines if line["part"] == "now"} >= {"gate"}
    places = {(r["district"], r["register"], r["key"]) for r in people[who]}
    assert {(line["origin"], line["register"], line["key"]) for line in lines if line["part"] == "now" and line["field"] != "id"} <= places


def same_eligible(city, oracle, day):
    for what in CHAINS:
        theirs = {(r["id"], r["register"], r["origin"], r["key"]) for r in table(city, "/v1/eligible", **{"for": what, "at": iso(day)})}
        assert theirs == oracle.eligible(what, day), f"{what} on {day}"


def same_alerts(city, oracle):
    lines = table(city, "/v1/alerts", limit=100000)
    theirs = set()
    for r in lines:
        assert r["words"]
        if r["rule"] == "A08":
            continue
        places = [(r["origin"], r["register"], r["key"])]
        if r["other_origin"]:
            places.append((r["other_origin"], r["other_register"], r["other_key"]))
        theirs.add((r["rule"], frozenset(places)))
    ours = oracle.alerts()
    assert theirs == ours, f"only there {theirs - ours}; only here {ours - theirs}"
    assert len([r for r in lines if r["rule"] != "A08"]) == len(theirs), "none twice"
    assert {(r["origin"], r["note"].split()[1][:7]) for r in lines if r["rule"] == "A08"} == oracle.jumps(today())
    return {rule for rule, _ in ours}


def same_talents(city, oracle, history):
    rnd, year = history.rnd, history.year
    days = [today(), year * 10000 + 630, (year + 1) * 10000 + 331, rnd.choice((year - 1, year)) * 10000 + 1231]
    n = 0
    for day in days:
        for question in questions(rnd, history.districts):
            n += same_find(city, oracle, day, question, rnd)
        same_eligible(city, oracle, day)
        people = sorted(oracle.talents(day))
        for who in rnd.sample(people, min(4, len(people))):
            same_show(city, oracle, who, day)
    assert n > 100, "a test that finds nobody says nothing"
    return same_alerts(city, oracle)


def play(cluster, seed, scale=1.0):
    oracle = TalentOracle([], cluster.pid_key())
    history = TalentHistory(seed, f"{cluster.dir}/data", oracle, districts=3 + seed % 2, scale=scale)
    cluster.build(history.districts)
    os.link(cluster.pid_key(), os.path.join(cluster.city.keys_dir, "pid.key"))
    cluster.start()
    history.play(cluster, oracle)
    cluster.wait_folded(60)
    return history, oracle


@pytest.mark.parametrize("seed", range(FIRST, FIRST + min(SEEDS, 20)))
def test_talents(seed, cluster):
    history, oracle = play(cluster, seed, 0.4 if SANITIZED else 1.0)
    same_talents(cluster.city, oracle, history)
    cluster.city.ctl("recount")
    cluster.city.stop()
    cluster.city.start()
    same_talents(cluster.city, oracle, history)


FULL_TIME = ("enrolment_no,class_no,name,doc_type,doc_number,type,channel,institution,status_group,enrolled_on,ended_on,hours_offline,"
             "result")


def full_time(key, order, day, hours=8):
    return (f"F{key},C{key},甲{order},111,{resident('19030105', order)},upgrade,individual,91310101MA1T000136,employed,{day},{day},{hours},"
            "completed")


def test_one_number_for_many(cluster):
    """A number that clerks give for whoever they do not know: an alert, and all others are found beside it and behind it."""
    cluster.build(("310101", "310115")).start()
    days = [datetime.date(2019, 1, 1) + datetime.timedelta(days=k) for k in range(300)]
    crowd, at_most, over, aged = 20_000 if SANITIZED else 80_000, 1000, 1001, 257
    one, two = (cluster.districts[d] for d in ("310101", "310115"))
    load(one, "training", FULL_TIME, *(full_time(k, 1, days[k % 300], 1) for k in range(crowd)))
    load(two, "training", FULL_TIME, *(full_time(k, 2, days[k % 300], 1) for k in range(at_most)),
         *(full_time(k + at_most, 3, days[k % 300], 1) for k in range(over)),
         # many traces, and behind them the one that matters
         *(full_time(k + 5000, 4, days[k]) for k in range(aged)), full_time(6000, 4, "2024-06-01"))
    cluster.wait_folded(120)
    for rule in (None, "A10", "A07"):
        lines = table(cluster.city, "/v1/alerts", limit=1000, **({"rule": rule} if rule else {}))
        crowds = {(r["origin"], r["note"]) for r in lines if r["rule"] == "A10"}
        ages = [(r["origin"], r["key"], r["note"]) for r in lines if r["rule"] == "A07"]
        assert crowds == ({("310101", str(crowd)), ("310115", str(over))} if rule != "A07" else set()), crowds
        assert ages == ([("310115", "F6000", "121")] if rule != "A10" else []), ages
    one.ctl("retract", "training", "F0", "--reason", "x")
    two.ctl("retract", "training", f"F{at_most}", "--reason", "x")
    cluster.wait_folded(120)
    assert [r["note"] for r in table(cluster.city, "/v1/alerts", rule="A10")] == [str(crowd - 1)]
    cluster.city.ctl("recount")


def test_words_and_refusals(cluster):
    history, oracle = play(cluster, 2, 0.3)
    city, who = cluster.city, sorted(oracle.talents(today()))[0]
    assert who[0] == "T" and set(who[1:]) <= set(DIGITS) and len(who) == 17
    assert city.ctl("talent", "show", who.lower(), output="json").json()
    for path, status in ((f"/v1/talents/{who}?at=1900-13-01", 400), ("/v1/talents/nobody", 400), ("/v1/talents/T0000000000000000", 404),
                         ("/v1/talents?level_min=9", 400), ("/v1/talents?occupation=61", 400), ("/v1/talents?honour=x", 400),
                         ("/v1/talents?area=12", 400), ("/v1/talents?after=x", 400), ("/v1/talents?limit=0", 400),
                         ("/v1/talents?sex=3", 400), ("/v1/eligible?for=nothing", 404), ("/v1/alerts?rule=A99", 404),
                         ("/v1/alerts?after=A02/1", 404), (f"/v1/subsidy-check/{who}", 400),
                         (f"/v1/subsidy-check/{who}?purpose=x", 400)):
        code, text = city.get(path)
        assert code == status, f"{path}: {code} {text}"
        assert "error" in json.loads(text)
    assert [r["for"] for r in table(city, "/v1/eligible")] == list(CHAINS)
    # Words in both languages, and a table for people.
    assert "最高等级" in city.ctl("--lang", "zh", "talent", "find").out
    assert "may apply" in city.ctl("--lang", "en", "talent", "eligible", "--for", "model").out
    assert city.metrics()["tally_talents"] >= len(oracle.talents(today()))


def test_links_are_followed_at_once(cluster):
    """Two documents become one talent, and two again; ids of both find it; memory and views agree."""
    if os.geteuid() != 0:
        pytest.skip("deciding as two users wants root")
    cluster.settings = {"collector": with_groups({}), "aggregator": with_groups({})}
    history, oracle = play(cluster, 3, 0.5)
    open_doors(cluster)
    city, people = cluster.city, oracle.records()
    talents = sorted(oracle.talents(today()))
    persons = [people[who][0]["person"] for who in talents[:3]]
    pids = [oracle.pid(p).hex() for p in persons]

    def step(act, a, b):
        for user in ("bin", "sys"):
            r = as_user(user, "registrar", city, "case", act, pids[a], pids[b], output="json")
            assert r.code == 0, r

    step("link", 0, 1)
    step("link", 2, 1)
    cluster.wait_folded()
    oracle.links = {(persons[0], persons[1]), (persons[1], persons[2])}
    same_talents(city, oracle, history)
    city.ctl("recount")
    shown = {oracle.talent_id(oracle.pid(p)): table(city, f"/v1/talents/{oracle.talent_id(oracle.pid(p))}") for p in persons}
    assert len({json.dumps(lines) for lines in shown.values()}) == 1
    city.stop()
    city.start()
    open_doors(cluster)
    same_talents(city, oracle, history)

    step("unlink", 1, 2)
    oracle.links = {(persons[0], persons[1])}
    cluster.wait_folded()
    same_talents(city, oracle, history)


# ---- by hand: what a district asks before it pays, and figures that jump ----

CLAIM = "claim_no,purpose,channel,source,payee_kind,payee,name,doc_type,doc_number,occupation,level,enrolment_no,certificate_no,claimed,claimed_on,approved,status"
CERTIFICATE = "number,kind,source,name,doc_type,doc_number,occupation,level,issued_on,revoked_on"
NUMBER = "S000031015000193000001"


def put(node, register, head, *rows):
    path = os.path.join(node.dir, f"{register}.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join((head, *rows)) + "\n")
    assert node.load(register, path)[0] == len(rows)


def test_subsidy_check(cluster):
    """Yes, or no and the rule; and not a word more."""
    cluster.build(("310101", "310115")).start()
    one, two = cluster.districts.values()
    kind, number = "111", made_up.resident_number(7)[0]
    person, other = (f"{made_up.name(n)},{kind},{made_up.resident_number(n)[0]}" for n in (7, 8))
    put(one, "subsidy", CLAIM, f"B1,certificate,individual,employment,person,,{person},6-18-01-01,3,E1,,1500,2020-05-01,1500,paid",
        f"B2,certificate,individual,employment,person,,{other},6-18-01-01,3,,,1500,2020-05-01,1500,refused")
    put(two, "certificate", CERTIFICATE, f"{NUMBER},level_social,assessment,{person},6-20-01-01,3,2019-05-01,2019-09-01")
    cluster.wait_folded()
    with open(cluster.pid_key(), encoding="ascii") as f:
        key = base64.b64decode(f.read().strip())
    pids = [hashlib.blake2b(f"111\0{made_up.resident_number(n)[0]}".encode(), digest_size=16, key=key).hexdigest() for n in (7, 8, 9)]
    assert number not in str(pids)
    claim = {"purpose": "certificate", "occupation": "6-18-01-01", "level": "3", "at": "2020-06-01"}
    for pid, more, rule in (
            (0, {}, "A02"), (0, {"level": "4"}, "A03"), (0, {"level": "2"}, None), (0, {"purpose": "training"}, None),
            (0, {"occupation": "6-18-01-02"}, None), (0, {"level": "2", "enrolment": "E1", "payee": "x"}, "A05"),
            (0, {"level": "2", "enrolment": "E1"}, None), (0, {"level": "2", "certificate": NUMBER}, "A06"),
            (0, {"occupation": "6-20-01-01"}, "A06"), (0, {"occupation": "6-20-01-01", "at": "2019-06-01"}, None),
            (1, {}, None), (2, {}, None)):
        words = [w for k, v in {**claim, **more}.items() for w in (f"--{k}", v)]
        answer = cluster.city.ctl("subsidy", "check", pids[pid], *words, output="json").json()
        assert answer == ({"answer": "no", "rule": rule} if rule else {"answer": "yes"}), (pid, more, answer)
    assert table(cluster.city, "/v1/alerts", rule="A06") == []


def test_a_district_whose_numbers_jump(cluster):
    cluster.build(("310101", "310115")).start()
    head = "enrolment_no,class_no,name,doc_type,doc_number,type,channel,institution,status_group,enrolled_on,result"

    def enrol(node, year, month, n, letter):
        put(node, "training", head, *(f"{letter}{year}{i},C1,{made_up.name(i)},111,{made_up.resident_number(i)[0]},upgrade,individual,"
                                      f"{made_up.uscc('310101', 7)},employed,{year}-{month:02d}-10,enrolled" for i in range(n)))
    one, two = cluster.districts.values()
    month = today() // 100 % 100
    year, month = (today() // 10000, month - 1) if month > 1 else (today() // 10000 - 1, 12)
    enrol(one, year - 1, month, 60, "A")
    enrol(one, year, month, 121, "B")  # more than twice as many
    enrol(two, year - 1, month, 60, "A")
    enrol(two, year, month, 120, "B")  # just twice
    cluster.wait_folded()
    lines = table(cluster.city, "/v1/alerts", rule="A08")
    assert [(r["origin"], r["note"]) for r in lines] == [("310101", f"02/2 {year}-{month:02d}: 121, 60")]
    assert table(cluster.city, "/v1/alerts", rule="A08", at=f"{year - 2}-01-01") == []


@pytest.mark.threads
def test_searches_while_rows_change(cluster):
    """Every answer is of the end of some chunk: a person is never in it twice, totals and pages agree."""
    cluster.build(("310101",)).start()
    node = cluster.districts["310101"]
    head = "honour_no,title,name,doc_type,doc_number,granted_on"
    people = [(made_up.name(n), made_up.resident_number(n)[0]) for n in range(120)]
    ended = threading.Event()

    def stir():
        at = 0
        while not ended.is_set():
            path = os.path.join(node.dir, f"honour{at % 2}.csv")
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n".join([head, *(f"H{i},{'chief' if (i + at) % 2 else 'grand'},{n},111,{d},2019-01-01" for i, (n, d) in enumerate(people))]))
            node.load("honour", path)
            at += 1
    thread = threading.Thread(target=stir)
    thread.start()
    try:
        for _ in range(60 if SANITIZED else 150):
            lines = table(cluster.city, "/v1/talents", limit=1000)
            assert len({r["id"] for r in lines}) == len(lines) <= len(people)
            counted = {(r["facet"], r["code"]): int(r["talents"]) for r in table(cluster.city, "/v1/talents", facets=1)}
            assert counted.get(("total", "_T"), 0) == sum(n for (f, _), n in counted.items() if f == "honour")
    finally:
        ended.set()
        thread.join()
    cluster.wait_folded()
    assert len(table(cluster.city, "/v1/talents", limit=1000)) == len(people)
    cluster.city.ctl("recount")
