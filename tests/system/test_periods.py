"""Closing, revising, proving: from outside, with real daemons."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from cluster import PATIENCE, SANITIZED, Aggregator, Cluster, environment, program, wait_for
from data import Data
from history import History

CLOSE = ("--despite", "没有签报")
FORMS = (("02", "2019-06"), ("03", "2019"))


def close(city, form, period, *more, **kw):
    return city.ctl("period", "close", form, period, *CLOSE, *more, output="json", **kw)


def revise(city, form, period, cls="routine", reason="迟报"):
    return city.ctl("period", "revise", form, period, "--class", cls, "--reason", reason, output="json").json()


def csv(city, form, period, version=None, *more):
    words = ["form", "show", form, "--period", period, *(["--version", version] if version else []), *more]
    return city.ctl(*words, output="csv").out


def as_closed(live, version):
    """What a version shows of the figures that were live when it was closed."""
    lines = live.replace("\r", "").splitlines()
    return "".join(re.sub(r"(?:,P)?(,[^,]*),live$", lambda m: f"{',A' if m[0].startswith(',P') else ''}{m[1]},{version}", line) + "\n"
                   for line in lines)


def plain(text):
    return text.replace("\r", "")


def live(city, form, period):
    """All that a version keeps: plain, and cumulative where there is."""
    shown = {"": csv(city, form, period)}
    if form == "02" and len(period) == 7 and period[5].isdigit():
        shown["--cumulative"] = csv(city, form, period, None, "--cumulative")
    return shown


def shows(city, form, period, version, then):
    for how, text in then.items():
        found = csv(city, form, period, version, *([how] if how else []))
        assert plain(found) == as_closed(text, version), f"{form} {period} version {version} {how}"
        assert found.count("\n") > 20


class Story:
    """A history over some districts, of which a part is played, then periods closed, then the rest."""

    def __init__(self, cluster, oracle, seed, districts=3, people=50):
        self.cluster, self.oracle = cluster, oracle
        self.history = History(seed, f"{cluster.dir}/data", districts=districts, people=people)
        cluster.build(self.history.districts)

    @property
    def city(self):
        return self.cluster.city

    def play(self, first, last):
        steps = self.history.steps
        n = len(steps)
        self.history.play(self.cluster, self.oracle, steps[int(n * first):int(n * last)])
        self.cluster.wait_folded()


@pytest.fixture
def story(cluster, oracle):
    s = Story(cluster, oracle, 31)
    cluster.start()
    s.play(0, 0.6)
    return s


def test_close_revise_reproduce(story, oracle):
    """Closed early; a long later history; both versions stand, and can be proven: then, after a restart, without the views,
    with other forms loaded."""
    city, cluster = story.city, story.cluster
    first = {}
    for form, period in FORMS:
        first[form] = live(city, form, period)
        r = close(city, form, period).json()
        assert r["version"] == 1 and r["missing"] == sorted(story.history.districts) and r["ledgers"] == 3
        assert close(city, form, period, codes=(1,)).err.count("period revise") == 1
        shows(city, form, period, 1, first[form])
    story.play(0.6, 1)
    for form, period in FORMS:
        assert live(city, form, period) != first[form], "the later history must move something"
        shows(city, form, period, 1, first[form])
    second = {form: live(city, form, period) for form, period in FORMS}
    for form, period in FORMS:
        assert revise(city, form, period)["version"] == 2
        shows(city, form, period, 2, second[form])
        shows(city, form, period, 1, first[form])

    def prove():
        for form, period in FORMS:
            for version in (1, 2):
                r = city.ctl("period", "reproduce", form, period, "--version", version, output="json").json()
                assert r["equal"] and r["entries"] > 100 and r["cells"] > 20 and r["rules"] == "same", r
        assert city.ctl("period", "reproduce", *FORMS[0]).code == 0, "the newest"
        assert not os.path.exists(f"{city.state}/reproduce.tmp")

    prove()
    listed = city.ctl("period", "list", output="json").json()
    assert [(v["form"], v["period"], v["version"], v["class"]) for v in listed] == \
        [(f, p, n, c) for f, p in FORMS for n, c in ((1, "first"), (2, "routine"))]
    city.stop()
    city.start()
    prove()
    city.stop()
    shutil.rmtree(f"{city.state}/views")
    city.start()
    cluster.wait_folded()
    wait_for("the versions to be folded again", lambda: len(city.ctl("period", "list", output="json").json()) == 4)
    prove()
    for form, period in FORMS:
        shows(city, form, period, 1, first[form])
    # a new edition of the forms: what is live follows it, what was closed does not
    where = f"{cluster.dir}/forms"
    shutil.copytree(os.path.join(os.path.dirname(__file__), "../../daemon/survey/forms"), where)
    with open(f"{where}/02.form", encoding="utf-8") as f:
        text = f.read()
    changed = re.sub(r'edition( *)= "[^"]*"', r'edition\1= "2099"', text, count=1)
    changed = changed.replace("result = completed", "result = withdrawn")
    assert changed.count("withdrawn") == text.count("withdrawn") + 1
    with open(f"{where}/02.form", "w", encoding="utf-8") as f:
        f.write(changed)
    city.stop()
    city.setting(forms_dir=where)
    city.start()
    cluster.wait_folded()
    wait_for("the versions to be folded again", lambda: len(city.ctl("period", "list", output="json").json()) == 4)
    assert live(city, "02", "2019-06") != second["02"]
    shows(city, "02", "2019-06", 1, first["02"])
    shows(city, "02", "2019-06", 2, second["02"])
    prove()
    r = revise(city, "02", "2019-06", "definition", "新口径")
    assert r["version"] == 3 and r["edition"] == "2099"
    assert city.ctl("period", "reproduce", "02", "2019-06").code == 0
    prove()
    # the districts hold the same
    for d in cluster.districts.values():
        wait_for("the versions in the district", lambda d=d: len(d.ctl("period", "list", output="json").json()) == 5)
        assert plain(csv(d, "02", "2019-06", 1)) == as_closed(first["02"][""], 1)
        assert plain(csv(d, "02", "2019-06", 2, "--area", d.origin)) == "".join(
            line + "\n" for line in as_closed(second["02"][""], 2).splitlines() if line.startswith("form") or f",{d.origin}," in line)


def test_refusals(story):
    city = story.city
    for words, code, said in (
            (("period", "close", "02", "2019-06"), 1, "--despite"),
            (("period", "close", "02", "2099-06", *CLOSE), 1, "has not ended"),
            (("period", "close", "99", "2019-06", *CLOSE), 2, "no such form"),
            (("period", "close", "02", "2019-H1", *CLOSE), 2, "no figures for a half"),
            (("period", "close", "02", "June", *CLOSE), 2, "not a period"),
            (("period", "revise", "02", "2019-06", "--class", "routine", "--reason", "x"), 1, "is not closed"),
            (("period", "revise", "02", "2019-06", "--class", "whim", "--reason", "x"), 2, "definition"),
            (("period", "revise", "02", "2019-06", "--class", "routine", "--reason", " "), 2, "reason"),
            (("period", "revise", "02", "2019-06", "--class", "routine"), 2, "--reason"),
            (("period", "show", "02", "2019-06"), 1, "is not closed"),
            (("period", "reproduce", "02", "2019-06"), 1, "is not closed"),
            (("form", "show", "02", "--period", "2019-06", "--version", "1"), 1, "no version 1")):
        r = city.ctl(*words, codes=(code,))
        assert said in r.err and len(r.err.strip().splitlines()) == 1, (words, r)
    for d in story.history.districts:
        assert d in city.ctl("period", "close", "02", "2019-06", codes=(1,)).err
    assert city.ctl("period", "list", output="json").json() == []
    close(city, "02", "2019-06")
    for more, said in ((("--zeros",), "zeros"), (("--area", "310000", "--version", "7"), "version 7"), (("--area", "110000"), "110000")):
        version = () if "--version" in more else ("--version", "1")
        r = city.ctl("form", "show", "02", "--period", "2019-06", *version, *more, codes=(1, 2))
        assert said in r.err, r
    one = csv(city, "02", "2019-06", 1, "--area", "310000")
    assert plain(one) == as_closed(csv(city, "02", "2019-06", None, "--area", "310000"), 1)
    table = city.ctl("--lang", "en", "form", "show", "02", "--period", "2019-06", "--version", "1").out
    assert "version 1" in table and "first closing" in table
    rows = city.ctl("form", "show", "02", "--period", "2019-06", "--version", "1", output="json").json()
    assert all(r["version"] == "1" and r["obs_status"] == "A" for r in rows) and len(rows) > one.count("\n") - 1
    # the live table and the closed one say the same numbers
    wide = city.ctl("--lang", "en", "form", "show", "02", "--period", "2019-06").out
    numbers = [line.split() for line in wide.splitlines()[1:] if line and not line.startswith(("form", "unit", "the "))]
    closed = [line.split() for line in table.splitlines()[1:] if line and not line.startswith(("form", "unit", "the "))]
    assert numbers == closed
    d = story.cluster.districts[story.history.districts[0]]
    assert d.ctl("period", "close", "02", "2019-06", codes=(2,)).err, "a district closes nothing"


def bulletin(city, form, period, version, path):
    city.ctl("period", "show", form, period, "--version", version, "--to", path)
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def test_second_aggregator(cluster, oracle):
    """Two cities fed by the same collectors: what one closes the other proves, from the bulletin alone."""
    s = Story(cluster, oracle, 32)
    other = Cluster(cluster.settings)
    try:
        second = Aggregator(other)
        other.city = second
        for d in cluster.districts.values():
            second.child(d.origin, d.keys)
            d.sections.append(("parent", "second", {"endpoint": f"tcp://127.0.0.1:{second.port}", **second.keys}))
        cluster.start()
        second.start()
        s.play(0, 0.6)
        close(cluster.city, "02", "2019-06")
        close(cluster.city, "03", "2019")
        s.play(0.6, 1)
        revise(cluster.city, "02", "2019-06")

        def caught_up():
            there, here = second.children(), cluster.city.children()
            return all(there[d]["fold_position"] == here[d]["position"] for d in cluster.districts)
        wait_for("the second city", caught_up)
        path = f"{cluster.dir}/b.json"
        for form, period, version in (("02", "2019-06", 1), ("02", "2019-06", 2), ("03", "2019", 1)):
            b = bulletin(cluster.city, form, period, version, path)
            assert b["figures"].count("\n") > 20 and b["version"] == version
            r = second.ctl("period", "reproduce", "--file", path, output="json").json()
            assert r["equal"] and r["entries"] > 100, r
            assert b["signer"] in r["signer"], "who sealed it is not known there"
            r = second.ctl("period", "reproduce", "--file", path, "--signer", b["signer"])
            assert b["signer"] not in r.out
            # in a district, and at the city itself, the signer is known
            assert b["signer"] not in cluster.city.ctl("period", "reproduce", "--file", path).out
        assert second.ctl("period", "reproduce", "--file", path, "--signer", second.keys["signer"], codes=(1,)).err
        # what was changed on the way is refused
        for name, change in (("figures", lambda t: t.replace("A,F\n", "A,C\n", 1)), ("forms", lambda t: t + " "), ("period", lambda t: "2018"),
                             ("version", lambda t: 7), ("signer", lambda t: second.keys["signer"]), ("proof", lambda t: "A" + t[1:]),
                             ("ledger", lambda t: "3101011")):
            bad = dict(b, **{name: change(b[name])})
            with open(f"{cluster.dir}/bad.json", "w", encoding="utf-8") as f:
                json.dump(bad, f)
            r = second.ctl("period", "reproduce", "--file", f"{cluster.dir}/bad.json", codes=(1,))
            assert "refused" in r.err and len(r.err.strip().splitlines()) == 1, (name, r)
        for text in ("", "{", "[]", "{}", '{"bulletin": 1}', "x" * 100000):
            with open(f"{cluster.dir}/bad.json", "w", encoding="utf-8") as f:
                f.write(text)
            assert second.ctl("period", "reproduce", "--file", f"{cluster.dir}/bad.json", codes=(1,)).err
        second.stop()
        assert not other.reports()
    finally:
        other.close(check=False)


def test_who_does_not_hold_the_ledgers_says_so(cluster, oracle):
    """A city that has less, or something else, proves nothing, and names what."""
    s = Story(cluster, oracle, 33, districts=2, people=30)
    cluster.start()
    s.play(0, 1)
    close(cluster.city, "02", "2019")
    path = f"{cluster.dir}/b.json"
    bulletin(cluster.city, "02", "2019", 1, path)
    other = Cluster(cluster.settings)
    try:
        other.build(s.history.districts[:1])
        other.start()
        r = other.city.ctl("period", "reproduce", "--file", path, output="json", codes=(1,)).json()
        assert not r["equal"] and [(f["what"], f["origin"]) for f in r["faults"]] == [("short", d) for d in s.history.districts]
        assert r["entries"] == 0
    finally:
        other.close()


def flip(path, where, at=None):
    """Flips one bit of the bytes `where` in a store's file."""
    with open(path, "r+b") as f:
        data = f.read()
        places = [m.start() for m in re.finditer(re.escape(where), data)]
        assert len(places) == 1, f"{len(places)} places"
        f.seek(places[0] + (len(where) // 2 if at is None else at))
        byte = f.read(1)[0]
        f.seek(-1, 1)
        f.write(bytes([byte ^ 4]))


def test_one_bit(story):
    """One flipped bit in a stored entry is named, by reproduce and by verify, with origin and position."""
    city = story.city
    close(city, "02", "2019-06")
    origin = story.history.districts[1]
    last = city.children()[origin]["position"]
    rows = city.ctl("ledger", "show", origin, "--from", 2, "--to", last, output="json").json()
    store = f"{city.state}/ledger/data.mdb"
    with open(store, "rb") as f:
        data = f.read()
    # an entry whose key stands in the file once (other entries, or freed pages, may hold it too)
    chosen = next(r for r in rows if r["key"] and len(r["key"]) > 6 and data.count(r["key"].encode()) == 1)
    assert city.ctl("period", "reproduce", "02", "2019-06").code == 0
    city.stop()
    with open(store, "rb") as f:
        data = f.read()
    flip(store, chosen["key"].encode())
    city.start()
    r = city.ctl("period", "reproduce", "02", "2019-06", output="json", codes=(1,)).json()
    assert [(f["what"], f["origin"], f["position"]) for f in r["faults"]] == [("broken", origin, chosen["position"])], r
    table = city.ctl("period", "reproduce", "02", "2019-06", codes=(1,)).out
    assert origin in table and str(chosen["position"]) in table
    r = city.ctl("ledger", "verify", codes=(1,))
    assert origin in r.out + r.err and str(chosen["position"]) in r.out + r.err
    city.stop()
    # views that cannot go on are not closed upon
    shutil.rmtree(f"{city.state}/views")
    city.start()
    wait_for("the fold to stand still", lambda: city.status()["views"]["state"] == "stopped")
    said = close(city, "03", "2019", codes=(1,)).err
    assert origin in said and str(chosen["position"]) in said, said
    city.stop()
    with open(store, "r+b") as f:
        f.write(data)
    city.start()
    assert city.ctl("period", "reproduce", "02", "2019-06").code == 0


def cells(text):
    """{cell: value} of form show's CSV."""
    rows = [line.split(",") for line in plain(text).splitlines()[1:]]
    return {",".join(r[2:-4]): r[-4] for r in rows}


def positions(city, form, period, version):
    return {p["origin"]: p["position"] for p in city.ctl("period", "show", form, period, "--version", version, output="json").json()["positions"]}


def diff(city, form, period, m, n, **kw):
    return city.ctl("period", "diff", form, period, m, n, "--limit", 100000, output="json", **kw).json()


def test_diff(story):
    """Both values of every cell that differs; records that came in between, and no others."""
    city, seen = story.city, set()
    for form, period in FORMS:
        close(city, form, period)
        assert diff(city, form, period, 1, "live") == []
    story.play(0.6, 1)
    for form, period in FORMS:
        revise(city, form, period)
        found = diff(city, form, period, 1, 2)
        assert found == diff(city, form, period, 1, "live") and diff(city, form, period, 2, "live") == []
        for what, how in (("cell", ()), ("cell_cumulative", ("--cumulative",))):
            if how and form != "02":
                continue
            old, new = (cells(csv(city, form, period, v, *how)) for v in (1, 2))
            expected = {c: (old.get(c, "0"), new.get(c, "0")) for c in {*old, *new} if old.get(c) != new.get(c)}
            rows = [r for r in found if r["what"] == what]
            assert {f"{r['area']},{r['item']}": (r["m"], r["n"]) for r in rows} == expected and expected
            assert all(abs(float(r["difference"]) - (float(r["n"]) - float(r["m"]))) < 0.001 for r in rows)
        before, after = (positions(city, form, period, v) for v in (1, 2))
        records = [r for r in found if not r["what"].startswith("cell")]
        seen |= {r["what"] for r in records}
        assert len({(r["area"], r["register"], r["item"]) for r in records}) == len(records)
        for r in records:
            at = int((r["n"] or r["m"])[1:])
            row = city.ctl("ledger", "show", r["area"], "--from", at, "--to", at, output="json").json()[0]
            assert (row["register"], row["key"]) == (r["register"], r["item"]) and row["kind"] == "record"
            if r["n"]:
                assert before[r["area"]] < at <= after[r["area"]]
            if r["m"]:
                assert int(r["m"][1:]) <= before[r["area"]]
            assert bool(r["m"]) == (r["what"] in ("corrected", "retracted")) and bool(r["n"]) == (r["what"] != "retracted")
    assert seen >= {"late", "corrected", "retracted"}
    table = city.ctl("--lang", "en", "period", "diff", "02", "2019-06", "1", "2", "--limit", "3").out
    assert "the first 3 of each are shown" in table
    for words, said in ((("2", "1"), "older"), (("1", "9"), "no version 9"), (("1", "x"), ""), (("live", "1"), "")):
        assert said in city.ctl("period", "diff", "02", "2019-06", *words, codes=(1, 2)).err


def test_every_form(cluster):
    """Every form and kind of period can be closed and proven, whatever its columns are made of."""
    data = Data(f"{cluster.dir}/data", seed=5, people=900, districts=("310101", "310115"), corrections=0.1, registers="all")
    cluster.build(("310101", "310115")).start()
    for f in data.files:
        if f["rows"]:
            node = cluster.districts.get(f["district"], cluster.city)
            node.ctl("import", f["register"], data.path(f), codes=(0, 3))
    cluster.wait_folded()
    city, some = cluster.city, 0
    for row in city.ctl("form", "list", output="json").json():
        for period in {"year": "2019", "half": "2019-H2", "quarter": "2019-Q3", "month": "2019-11"}.items():
            if period[0] not in row["periods"]:
                continue
            form, period = row["form"], period[1]
            then = {"": csv(city, form, period)}
            if row["cumulative"] == "yes" and len(period) == 7 and period[5].isdigit():
                then["--cumulative"] = csv(city, form, period, None, "--cumulative")
            r = close(city, form, period).json()
            assert r["version"] == 1
            for how, text in then.items():
                assert plain(csv(city, form, period, 1, *([how] if how else []))) == as_closed(text, 1), (form, period, how)
            r = city.ctl("period", "reproduce", form, period, output="json").json()
            assert r["equal"]
            some += r["cells"] > 0
            assert diff(city, form, period, 1, "live") == []
            wide = city.ctl("form", "show", form, "--period", period, "--version", "1").out
            assert wide.count("\n") > 2
    assert some >= 20, some
    assert [v["form"] for v in city.ctl("period", "list", "03", output="json").json()] == ["03", "03"]
    assert city.ctl("period", "list", "no-such-form", output="json").json() == []


def test_two_close_at_once(story):
    """Of many who close the same, one does; every version has its number."""
    city = story.city
    words = [program("tallyctl"), "-s", city.socket, "period", "close", "02", "2019", *CLOSE]
    running = [subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(), text=True) for _ in range(6)]
    said = [p.communicate()[1] for p in running]
    assert sorted(p.returncode for p in running) == [0, 1, 1, 1, 1, 1], said
    words = [*words[:3], "period", "revise", "02", "2019", "--class", "error", "--reason", "同时"]
    running = [subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(), text=True) for _ in range(6)]
    done = sum(p.wait() == 0 for p in running)
    for p in running:
        p.stderr.close()
    listed = city.ctl("period", "list", "02", output="json").json()
    assert done >= 1 and [v["version"] for v in listed] == list(range(1, done + 2))
    # the forms stand once
    kinds = [e["kind"] for e in city.ctl("ledger", "show", "3100001", "--to", "1000", output="json").json()]
    assert kinds.count("9") + kinds.count("version") == done + 1
    for v in listed:
        assert city.ctl("period", "reproduce", "02", "2019", "--version", v["version"]).code == 0
    city.ctl("ledger", "verify")
    city.ctl("recount")


def test_void_forms_and_other_ends(story):
    """A form past its time cannot be closed; a city that stops ends what it proves."""
    city, where = story.city, f"{story.cluster.dir}/forms"
    close(city, "02", "2019")
    shutil.copytree(os.path.join(os.path.dirname(__file__), "../../daemon/survey/forms"), where)
    with open(f"{where}/03.form", encoding="utf-8") as f:
        text = f.read()
    with open(f"{where}/03.form", "w", encoding="utf-8") as f:
        f.write(text.replace('"2030-12-31"', '"2020-12-31"'))
    city.stop()
    city.setting(forms_dir=where)
    city.start()
    assert "valid until 2020-12-31" in close(city, "03", "2019", codes=(1,)).err
    wait_for("the fold", lambda: len(city.ctl("period", "list", output="json").json()) == 1)
    assert city.ctl("form", "show", "03", "--period", "2019").code == 0
    p = subprocess.Popen([program("tallyctl"), "-s", city.socket, "period", "reproduce", "02", "2019"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, env=environment())
    city.stop()
    assert p.wait(30) in (0, 1, 4)
    assert not os.path.exists(f"{city.state}/reproduce.tmp")
    os.mkdir(f"{city.state}/reproduce.tmp")  # what a kill would leave
    open(f"{city.state}/reproduce.tmp/data.mdb", "wb").close()
    city.start()
    assert not os.path.exists(f"{city.state}/reproduce.tmp")


KILLS = 4 if SANITIZED else 10


def test_killed_in_the_middle(story):
    """kill -9 while closing, revising, reproducing: a version stands whole or not at all."""
    city = story.city
    n = 0
    for i in range(KILLS):
        form, period = FORMS[i % 2]
        words = ("period", "close", form, period, *CLOSE) if i < 2 else \
            ("period", "revise", form, period, "--class", "error", "--reason", f"第{i}次")
        if i % 3 == 2:
            words = ("period", "reproduce", form, period)
        killed_after(city, words, 0.01 + 0.06 * PATIENCE * i / KILLS)
        city.start()
        wait_for("the fold", lambda: city.status()["views"]["left"] == 0)
        assert not os.path.exists(f"{city.state}/reproduce.tmp")
        city.ctl("ledger", "verify")
        for v in city.ctl("period", "list", output="json").json():
            r = city.ctl("period", "reproduce", v["form"], v["period"], "--version", v["version"], output="json").json()
            assert r["equal"]
            n += 1
    for form, period in FORMS:
        if not any(v["form"] == form for v in city.ctl("period", "list", output="json").json()):
            close(city, form, period)
    numbers = {}
    for v in city.ctl("period", "list", output="json").json():
        numbers.setdefault(v["form"], []).append(v["version"])
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values()), numbers
    city.ctl("recount")


def killed_after(city, words, seconds):
    p = subprocess.Popen([program("tallyctl"), "-s", city.socket, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         env=environment())
    time.sleep(seconds)
    city.kill()
    p.wait()
