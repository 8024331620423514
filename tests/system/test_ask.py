"""A district asks before it pays: `subsidy check` at its own socket, over the link, answered out of every district's records. Whole
daemons; on either side also somebody else's program, which looks at what travels."""

import base64
import hashlib
import itertools
import json
import threading
import time

import pytest

import data  # noqa: F401  (the generator's folder becomes importable)
import made_up
from cluster import PATIENCE, PORTS, SANITIZED, Collector, wait_for
from linkclient import (ANSWER, BUSY, HELLO, MANY, NO, QUESTION, SUBSIDY, UNCLEAR, UNKNOWN, YES, Closed, Keys, Ledger, Link, Parent, link_pb,
                        subsidy)
from test_talents import CERTIFICATE, CLAIM, NUMBER, put

OURS = "310104"
CASE = {"purpose": "certificate", "occupation": "6-18-01-01", "level": "3", "at": "2020-06-01"}


def number(n):
    return made_up.resident_number(n)[0]


def pid(cluster, n):
    with open(cluster.pid_key(), encoding="ascii") as f:
        key = base64.b64decode(f.read().strip())
    return hashlib.blake2b(f"111\0{number(n)}".encode(), digest_size=16, key=key).digest()


def words(**fields):
    return [w for k, v in {**CASE, **fields}.items() if v is not None for w in (f"--{k}", v)]


def check(node, *who, codes=(0,), stdin=None, output="json", **fields):
    return node.ctl("--lang", "en", "subsidy", "check", *who, *words(**fields), codes=codes, stdin=stdin, output=output)


def records(one, two):
    """What the centre sees: a claim paid and one refused in one district, a certificate revoked in the other."""
    person, other = (f"{made_up.name(n)},111,{number(n)}" for n in (7, 8))
    put(one, "subsidy", CLAIM, f"B1,certificate,individual,employment,person,,{person},6-18-01-01,3,E1,,1500,2020-05-01,1500,paid",
        f"B2,certificate,individual,employment,person,,{other},6-18-01-01,3,,,1500,2020-05-01,1500,refused")
    put(two, "certificate", CERTIFICATE, f"{NUMBER},level_social,assessment,{person},6-20-01-01,3,2019-05-01,2019-09-01")


@pytest.fixture
def city(cluster):
    """Three districts: two real ones with records, one of ours in Python. The bucket is wide."""
    cluster.settings["aggregator"] = {"questions_rate": 1000, "questions_burst": 10000}
    cluster.build(("310101", "310115"))
    cluster.keys = Keys()
    cluster.city.child(OURS, cluster.keys.public)
    cluster.start()
    records(*cluster.districts.values())
    cluster.wait_folded()
    return cluster


def ours(city):
    c = city.city
    return Link(f"tcp://127.0.0.1:{c.port}", c.keys["key"], city.keys, c.keys["signer"])


def greeted(link, book):
    """A session, as soon as the one before is known to be gone."""
    def welcomed():
        try:
            return link.hello(book) is not None
        except Closed as e:
            assert e.fault == 9
            return False
    wait_for("a session", welcomed, step=0.2)


def test_the_same_answer_as_at_the_city(city):
    """Decided by other districts' records, at every district, by pid and by number, in every form."""
    one, two = city.districts.values()
    for n, more, rule in (
            (7, {}, "A02"), (7, {"level": "4"}, "A03"), (7, {"level": "2"}, None), (7, {"purpose": "training"}, None),
            (7, {"level": "2", "enrolment": "E1", "payee": "x"}, "A05"), (7, {"level": "2", "certificate": NUMBER}, "A06"),
            (7, {"occupation": "6-20-01-01"}, "A06"), (7, {"occupation": "6-20-01-01", "at": "2019-06-01"}, None),
            (7, {"level": "三级/高级工"}, None), (8, {}, None), (9, {}, None)):
        answer = {"answer": "no", "rule": rule} if rule else {"answer": "yes"}
        who = pid(city, n).hex()
        if more.get("level") == "三级/高级工":
            more = {"level": None}
        for node in (one, two, city.city):
            assert check(node, who, **more).json() == answer, (node.origin, n, more)
        assert check(two, "--number", stdin=number(n) + "\n", **more).json() == answer
    who = pid(city, 7).hex()
    for form in ("json", "csv", None):
        said = [check(node, who, output=form) for node in (one, two, city.city)]
        assert len({(r.code, r.out, r.err) for r in said}) == 1, said
    path = f"/v1/subsidy-check/{who}?purpose=certificate&occupation=6-18-01-01&level=3&at=2020-06-01"
    assert one.get(path) == city.city.get(path) and json.loads(one.get(path)[1]) == {"answer": "no", "rule": "A02"}
    # A record of this very moment counts: two is asked when one has paid.
    put(one, "subsidy", CLAIM, f"B3,certificate,individual,employment,person,,{made_up.name(9)},111,{number(9)},6-18-01-01,3,,,1500,2020-05-02,1500,paid")
    city.wait_folded()
    assert check(two, "--number", stdin=number(9) + "\n").json() == {"answer": "no", "rule": "A02"}


def test_what_is_wrong_is_said(city):
    one = next(iter(city.districts.values()))
    who = pid(city, 7).hex()
    for args, fields, stdin, says in (
            ((), {}, None, "whose claim"), ((who, "--number"), {}, number(7) + "\n", "not both"), (("nobody",), {}, None, "neither a pid"),
            (("--number",), {}, number(7)[:-1] + "\n", "no document number"), (("--number",), {}, "\n", "whose claim"),
            (("--number", "--doc-type", "414"), {}, "!\n", "no document number"),
            ((who,), {"level": "x"}, None, "level x"), ((who,), {"purpose": "x"}, None, "purpose x"), ((who,), {"purpose": None}, None, "purpose"),
            ((who,), {"occupation": "61"}, None, "occupation"), ((who,), {"at": "1900-13-01"}, None, "not a date"),
            ((who,), {"payee": "长" * 201}, None, "payee"), ((who,), {"payee": "长" * 200, "enrolment": "长" * 200}, None, "too long")):
        r = check(one, *args, codes=(2,), stdin=stdin, **fields)
        assert says in r.err and number(7) not in r.err, (says, r)
    r = check(one, who, "--parent", "nobody", codes=(1,))
    assert "no such section" in r.err
    assert check(one, who, "--parent", "city").json()["rule"] == "A02"
    help_en, help_zh = (one.ctl("--lang", lang, "help").out for lang in ("en", "zh"))
    assert "May this be paid" in help_en and "可否拨付" in help_zh
    # Nothing of whom it was about stands in a log or a metric.
    for node in (one, city.city):
        with open(node.log, encoding="utf-8", errors="replace") as f:
            seen = f.read() + node.get("/metrics")[1] + node.get("/v1/status")[1]
        assert not any(secret in seen for secret in (number(7), who, made_up.name(7)))


def test_nothing_but_the_answer_travels(city):
    """A district in Python: each ANSWER is kind, session, nonce, answer, and the rule of a no; of the same length whatever the records."""
    book, seen = Ledger(OURS, city.keys), []
    with ours(city) as link:
        assert link.hello(book) is not None and link.questions == 8
        receive = link.socket.recv

        def recv(*args):
            packed = receive(*args)
            seen.append(packed)
            return packed
        link.socket.recv = recv
        known = {k: v for k, v in CASE.items() if k != "at"}
        ask = lambda n, **more: link.question(subsidy(pid(city, n), claimed_on=20200601, **{**known, **more}))  # noqa: E731
        assert ask(7) == (NO, "A02") and ask(7, level="4") == (NO, "A03") and ask(7, level="2") == (YES, "")
        assert ask(7, occupation="6-20-01-01") == (NO, "A06") and ask(8) == ask(9) == (YES, "")
        talent = subsidy(pid(city, 7)[:10], claimed_on=20200601, **known)
        assert link.question(talent) == (NO, "A02")
        assert link.question(subsidy(bytes(10), **known)) == (YES, "")
        frames = [link_pb.Frame.FromString(p) for p in seen]
        answers = [(p, f) for p, f in zip(seen, frames) if f.kind == ANSWER]
        assert len(answers) == 8
        for packed, f in answers:
            fields = {d.name for d, _ in f.ListFields()}
            assert fields == {"kind", "session", "nonce", "answer"} | ({"rule"} if f.answer == NO else set())
            bare = link_pb.Frame(kind=ANSWER, session=link.session, nonce=f.nonce, answer=f.answer)
            if f.answer == NO:
                bare.rule = f.rule
            assert sorted(packed) == sorted(bare.SerializeToString())  # not a byte more
        # What is no question of ours.
        assert link.question(b"x", kind=99) == (UNKNOWN, "")
        for asked in (b"\xff", b"\x0a\x00", subsidy(b"short", **known), subsidy(pid(city, 7)), subsidy(pid(city, 7), **{**known, "level": "x"}),
                      subsidy(pid(city, 7), **{**known, "purpose": "x" * 300}), subsidy(pid(city, 7), claimed_on=20201399, **known)):
            assert link.question(asked) == (UNCLEAR, "")
        assert ask(7) == (NO, "A02")
        before = city.city.metrics()['tally_link_refused_total{fault="oversized"}']
        with pytest.raises(Closed, match="fault 2"):
            link.question(bytes(1025))
        assert city.city.metrics()['tally_link_refused_total{fault="oversized"}'] == before + 1
    for kind, fields in ((ANSWER, {"nonce": 1, "answer": 1}), (QUESTION, {"nonce": 1}), (QUESTION, {"nonce": 1, "question": 1, "asked": b""})):
        with ours(city) as link:
            greeted(link, book)
            link.send(kind, **fields)
            with pytest.raises(Closed, match="fault 1"):
                link.receive()
    c = city.city.children()[OURS]["questions"]
    assert c["asked"] == 17 and (c["yes"], c["no"], c["unknown"], c["unclear"]) == (4, 5, 1, 7), c


def test_a_flood_is_limited(cluster):
    """A bucket for each district: who asks without end is told so, is counted, and is alone with it."""
    cluster.settings["aggregator"] = {"questions_rate": 1, "questions_burst": 10}
    cluster.build(("310101", "310115"))
    keys = Keys()
    cluster.keys = keys
    cluster.city.child(OURS, keys.public)
    cluster.start()
    one, two = cluster.districts.values()
    records(one, two)
    cluster.wait_folded()
    known, began = {k: v for k, v in CASE.items() if k != "at"}, time.monotonic()
    asked = subsidy(pid(cluster, 7), **known)
    with ours(cluster) as link:
        book = Ledger(OURS, keys)
        assert link.hello(book) is not None
        answers = [link.question(asked)[0] for _ in range(100)]
        flowed = time.monotonic() - began
        assert set(answers) <= {NO, MANY} and 10 <= answers.count(NO) <= 11 + flowed
        # A new session is the same district.
        link.hello(book)
        assert link.question(asked)[0] in ((MANY,) if time.monotonic() - began < 20 else (MANY, NO))
    # Without waiting for answers: never more than were granted, and nothing grows.
    memory = None
    with ours(cluster) as link:
        greeted(link, book)
        for n in range(3000 if SANITIZED else 20000):
            link.send(QUESTION, nonce=n, question=SUBSIDY, asked=asked)
            if n % 50 == 0:
                while link.socket.poll(0):
                    link.socket.recv()
            if n == 1000:
                memory = cluster.city.memory()
        assert check(two, pid(cluster, 7).hex()).json() == {"answer": "no", "rule": "A02"}
        # What still stands in the socket goes when it is closed.
        wait_for("most to be counted", lambda: cluster.city.children()[OURS]["questions"]["asked"] > 2000, 60)
        if not SANITIZED:
            assert cluster.city.memory() < memory + (8 << 20)
    counted, metrics = cluster.city.children()[OURS]["questions"], cluster.city.metrics()
    assert counted["many"] > 0.9 * counted["asked"] and counted["busy"] == 0
    assert metrics[f'tally_child_questions_total{{origin="{OURS}"}}'] >= counted["asked"]
    assert metrics[f'tally_child_answers_total{{origin="{OURS}",answer="many"}}'] >= counted["many"]
    assert metrics['tally_child_questions_total{origin="310115"}'] == 1
    # A real district that asks too much is told so in words.
    said = [check(one, pid(cluster, 7).hex(), codes=(0, 1)) for _ in range(25)]
    assert any(r.code == 1 and "more is asked than the parent answers" in r.err for r in said)
    assert one.metrics()['tally_parent_questions_total{parent="city",end="many"}'] > 0
    assert any("asks more than it may" in line for line in cluster.city.tail(200).splitlines())


def test_no_answers_at_all(cluster):
    cluster.settings["aggregator"] = {"questions_rate": 0}
    cluster.build(("310101",)).start()
    one = cluster.districts["310101"]
    cluster.wait_proven()
    r = check(one, "0" * 32, codes=(1,))
    assert "answers no questions" in r.err
    assert check(cluster.city, "0" * 32).json() == {"answer": "yes"}


def test_the_city_is_away(city):
    one = next(iter(city.districts.values()))
    who = pid(city, 7).hex()
    city.city.stop()
    wait_for("the link to be down", lambda: one.parent()["state"] != "streaming")
    r = check(one, who, codes=(1,))
    assert "parent city: the parent is away" in r.err and "seconds" in r.err and "connect" in r.err, r.err
    assert one.parent()["away_s"] is not None and one.parent()["questions"]["away"] == 1
    # Asked while it goes and comes: each ends, by its answer or in words.
    results = []

    def keep_asking():
        while not stop.is_set():
            results.append(check(one, who, codes=(0, 1)))
            time.sleep(0.02)
    stop = threading.Event()
    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    for t in threads:
        t.start()
    for _ in range(3):
        city.city.start()
        wait_for("the link", lambda: one.parent()["state"] == "streaming")
        time.sleep(0.3)
        city.city.kill()
    city.city.start()
    wait_for("the link", lambda: one.parent()["state"] == "streaming")
    wait_for("an answer", lambda: any(r.code == 0 for r in results[-5:]))
    stop.set()
    for t in threads:
        t.join()
    assert all(r.json() == {"answer": "no", "rule": "A02"} for r in results if r.code == 0)
    assert all("parent city: " in r.err for r in results if r.code == 1)
    q = one.parent()["questions"]
    assert q["standing"] == 0 and q["asked"] == sum(v for k, v in q.items() if k not in ("asked", "standing", "granted", "stray"))
    city.wait_folded()
    city.check_equal()


def test_the_city_takes_other_children(city):
    """A reload closes the link under those who ask."""
    one = next(iter(city.districts.values()))
    who, codes = pid(city, 7).hex(), []
    stop = threading.Event()

    def keep_asking():
        while not stop.is_set():
            codes.append(check(one, who, codes=(0, 1)).code)
    t = threading.Thread(target=keep_asking)
    t.start()
    for n in range(3):
        city.city.child(f"31010{5 + n}", Keys().public)
        city.city.write_conf()
        city.city.process.send_signal(1)
        time.sleep(1)
    wait_for("the link", lambda: one.parent()["state"] == "streaming")
    stop.set()
    t.join()
    assert check(one, who).json()["rule"] == "A02" and codes.count(0) > 0


# ---- a parent that is older, slow, or lies ----

class Asked:
    """A real collector and its parent in Python."""

    def __init__(self, cluster, questions):
        port = PORTS.take()
        self.node = Collector(cluster, "310112", [])
        cluster.districts["310112"] = self.node
        self.parent = Parent(port, self.node.keys["signer"])
        self.parent.questions = questions
        self.node.sections.append(("parent", "city", {"endpoint": f"tcp://127.0.0.1:{port}", **self.parent.keys.public}))
        self.node.start()
        self.parent.serve(lambda: self.node.parent()["state"] == "streaming")

    def ask(self, *who, **kw):
        """tallyctl asks while the parent serves."""
        got = []
        t = threading.Thread(target=lambda: got.append(check(self.node, *(who or ("0" * 32,)), codes=(0, 1, 2), **kw)))
        t.start()
        self.parent.serve(lambda: got, 30)
        t.join()
        return got[0]

    def goes_up(self):
        put(self.node, "certificate", CERTIFICATE,
            *(f"S0000310150001930{next(SERIAL):05d},level_social,assessment,{made_up.name(n)},111,{number(n)},6-20-01-01,3,2019-05-01," for n in range(5)))
        self.parent.serve(self.node.proven)


SERIAL = itertools.count(10000)


@pytest.fixture
def asked(cluster):
    made = []

    def make(questions=8):
        made.append(Asked(cluster, questions))
        return made[-1]
    yield make
    for a in made:
        a.parent.close()


def test_an_older_city(asked):
    """It knows nothing of questions: the district says so, sends none, and everything else is as ever."""
    a = asked(0)
    r = a.ask()
    assert r.code == 1 and "of a version that answers no questions" in r.err
    a.goes_up()
    assert a.parent.asked_of == [] and a.node.parent()["questions"]["old"] == 1


def test_what_a_question_says(asked, cluster):
    """A pid, and the fields that were given; never the number."""
    a = asked()
    assert a.ask("--number", stdin=number(7) + "\n", payee="91310000MA1K000012").json() == {"answer": "yes"}
    f = a.parent.asked_of[-1]
    q = link_pb.SubsidyQuestion.FromString(f.asked)
    assert f.question == SUBSIDY and q.person == pid(cluster, 7)
    assert (q.purpose, q.occupation, q.level, q.payee, q.claimed_on) == (b"certificate", b"6-18-01-01", b"3", b"91310000MA1K000012", 20200601)
    assert {d.name for d, _ in q.ListFields()} == {"person", "purpose", "occupation", "level", "payee", "claimed_on"}
    packed = f.SerializeToString()
    assert number(7).encode() not in packed and made_up.name(7).encode() not in packed
    assert {d.name for d, _ in f.ListFields()} == {"kind", "session", "nonce", "question", "asked"}
    a.ask(at=None, level=None)
    assert not link_pb.SubsidyQuestion.FromString(a.parent.asked_of[-1].asked).HasField("claimed_on")


def test_an_answer_to_another_question(asked):
    """Late, twice, never asked for: let go and counted; the question that stands is answered by its own, or nothing."""
    a = asked()
    a.parent.answers = lambda q: [{"nonce": n, "answer": NO, "rule": b"A99"} for n in (q.nonce + 1, q.nonce - 1, 0, 2**64 - 1)] + [
        {"nonce": q.nonce, "answer": YES}, {"nonce": q.nonce, "answer": NO, "rule": b"A99"}]
    for n in range(1, 4):
        assert a.ask().json() == {"answer": "yes"}
        a.parent.serve(lambda n=n: a.node.parent()["questions"]["stray"] == 5 * n)
    a.parent.answers = lambda q: [{"nonce": q.nonce, "answer": 4711}]
    r = a.ask()
    assert r.code == 1 and "an answer that this version does not know" in r.err
    for answer, says, code in ((MANY, "more is asked", 1), (BUSY, "too much to answer", 1), (UNCLEAR, "does not understand", 2), (UNKNOWN, "this kind", 1)):
        a.parent.answers = lambda q, answer=answer: [{"nonce": q.nonce, "answer": answer}]
        r = a.ask()
        assert r.code == code and says in r.err, r
    # A flood of them grows nothing, and the ledger goes up as ever.
    before = a.node.memory()
    a.parent.answers = lambda q: [{"nonce": n, "answer": YES} for n in range(10**6, 10**6 + 20000)] + [{"nonce": q.nonce, "answer": YES}]
    assert a.ask().code in (0, 1)
    assert SANITIZED or a.node.memory() < before + (8 << 20)
    a.goes_up()
    assert a.node.parent()["error"] is None


def test_a_slow_city(asked):
    a = asked(2)
    a.parent.answers = lambda q: []
    began = time.monotonic()
    r = a.ask()
    took = time.monotonic() - began
    assert r.code == 1 and "no answer came in time" in r.err and 4 < took < 8 * PATIENCE
    # A few stand, no more are sent than were granted, and further ones are told so at once.
    a.parent.asked_of.clear()
    got = []
    threads = [threading.Thread(target=lambda: got.append(check(a.node, "0" * 32, codes=(1,)).err)) for _ in range(12)]
    for t in threads:
        t.start()
    a.parent.serve(lambda: len(got) == 4)
    until = time.monotonic() + 2
    a.parent.serve(lambda: time.monotonic() > until)
    assert len(a.parent.asked_of) == 2 and len(got) == 4
    a.parent.serve(lambda: len(got) == 12, 30)
    for t in threads:
        t.join()
    assert sum("too many questions stand here" in e for e in got) == 4 and sum("in time" in e for e in got) == 8
    a.parent.answers = lambda q: [{"nonce": q.nonce, "answer": YES}]
    assert a.ask().code == 0
    a.goes_up()


@pytest.mark.parametrize("fields", [
    {"answer": NO}, {"answer": YES, "rule": b"A02"}, {"answer": NO, "rule": b"paid by 310115"}, {"answer": NO, "rule": b"A" * 33}, {"answer": 0}, {},
    {"kind": QUESTION, "question": SUBSIDY, "asked": b"x"}, {"kind": HELLO}])
def test_no_answer_at_all(asked, fields):
    """What is no frame of a parent ends the session, as ever; the question ends with it, and the next session is whole."""
    a = asked()
    a.parent.answers = lambda q: [{"nonce": q.nonce, **fields}]
    r = a.ask()
    assert r.code == 1 and "cut before the answer" in r.err and "310115" not in r.err, r
    assert a.node.metrics()['tally_parent_faults_total{parent="city"}'] == 1
    a.parent.answers = lambda q: [{"nonce": q.nonce, "answer": YES}]
    a.parent.serve(lambda: a.node.parent()["state"] == "streaming")
    assert a.ask().json() == {"answer": "yes"}
    a.goes_up()
