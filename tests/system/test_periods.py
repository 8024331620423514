"""Closing, revising, comparing periods: from outside, with real daemons."""

import os
import re
import shutil
import subprocess

import pytest

from cluster import environment, program, wait_for
from data import Data
from periods import CLOSE, FORMS, as_closed, cells, close, csv, diff, live, plain, positions, revise, shows, story  # noqa: F401


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
            assert {f"{r['area']},{r['item']}": (float(r["m"]), float(r["n"])) for r in rows} == \
                {c: tuple(map(float, pair)) for c, pair in expected.items()} and expected
            assert all(abs(float(r["difference"]) - (float(r["n"]) - float(r["m"]))) < 0.001 for r in rows)
        before, after = (positions(city, form, period, v) for v in (1, 2))
        records = [r for r in found if not r["what"].startswith("cell")]
        seen |= {r["what"] for r in records}
        assert len({(r["area"], r["register"], r["item"]) for r in records}) == len(records)
        for r in records:
            at = r["after"] or r["before"]
            row = city.ctl("ledger", "show", r["area"], "--from", at, "--to", at, output="json").json()[0]
            assert (row["register"], row["key"]) == (r["register"], r["item"]) and row["kind"] == "record"
            if r["after"]:
                assert before[r["area"]] < at <= after[r["area"]]
            if r["before"]:
                assert r["before"] <= before[r["area"]]
            assert bool(r["before"]) == (r["what"] in ("corrected", "retracted")) and bool(r["after"]) == (r["what"] != "retracted")
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


@pytest.mark.threads
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
    # the forms stand once, before the first version
    kinds = [e["kind"] for e in city.ctl("ledger", "show", "3100001", "--to", "1000", output="json").json()]
    assert kinds.count("version") == done + 1 and "forms" in kinds and "forms" not in kinds[kinds.index("version"):]
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


NAMES = ("--by", "张三", "--approve", "李四")


def test_signed_returns(story):
    """With every return accepted nothing needs to be explained; who is missing is named; names stand under a version for ever."""
    city, (a, b, c) = story.city, story.history.districts
    node = story.cluster.districts
    for d in (a, b):
        node[d].ctl("return", "sign", "02", "2019-06", *NAMES)
    story.cluster.wait_folded()
    city.ctl("return", "accept", "02", "2019-06", a)
    city.ctl("return", "send-back", "02", "2019-06", b, "--words", "请核实")
    said = city.ctl("period", "close", "02", "2019-06", codes=(1,)).err
    assert a not in said and b in said and c in said
    for d in (b, c):
        node[d].ctl("return", "sign", "02", "2019-06", "--by", f"报{d}", "--approve", "审")
    story.cluster.wait_folded()
    for d in (b, c):
        city.ctl("return", "accept", "02", "2019-06", d)
    r = city.ctl("period", "close", "02", "2019-06", output="json").json()
    assert r["version"] == 1 and r["missing"] == []
    wanted = [{"area": a, "by": "张三, 李四"}, {"area": b, "by": f"报{b}, 审"}, {"area": c, "by": f"报{c}, 审"}]
    assert city.ctl("period", "show", "02", "2019-06", output="json").json()["signed"] == wanted
    table = city.ctl("--lang", "en", "period", "show", "02", "2019-06").out
    assert f"signed by 报{b}, 审" in table and "first closing" in table
    wait_for("the version in the district", lambda: node[a].ctl("period", "list", output="json").json())
    assert "closed" in node[a].ctl("return", "sign", "02", "2019-06", "--by", "王五", "--approve", "赵六", codes=(1,)).err
    assert node[a].ctl("period", "show", "02", "2019-06", output="csv").out.count("\n") == 4
    revise(city, "02", "2019-06")
    for version in (1, 2):
        found = city.ctl("period", "show", "02", "2019-06", "--version", version, output="json").json()
        assert found["version"] == version and found["signed"] == wanted
    for version in (1, 2):
        assert city.ctl("period", "reproduce", "02", "2019-06", "--version", version).code == 0
    assert diff(city, "02", "2019-06", 1, 2) == []
