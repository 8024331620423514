"""Proving closed periods: at a second city, over damaged entries, between kills."""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter

import linkclient as lc
from cluster import PATIENCE, SANITIZED, Aggregator, Cluster, environment, program, wait_for
from periods import CLOSE, FORMS, Story, close, revise, story  # noqa: F401


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


def flip(path, where):
    """Flips one bit of the bytes `where` in a store's file, wherever they stand: pages that were given up hold them, too."""
    with open(path, "r+b") as f:
        data = f.read()
        places = [m.start() for m in re.finditer(re.escape(where), data)]
        assert places
        for place in places:
            f.seek(place + len(where) // 2)
            f.write(bytes([data[place + len(where) // 2] ^ 4]))


def test_one_bit(story):
    """One flipped bit in a stored entry is named, by reproduce and by verify, with origin and position."""
    city = story.city
    close(city, "02", "2019-06")
    origin = story.history.districts[1]
    last = city.children()[origin]["position"]
    rows = city.ctl("ledger", "show", origin, "--from", 2, "--to", last, output="json").json()
    store = f"{city.state}/ledger/data.mdb"
    # an entry whose key no other entry has, of any district
    keys = Counter(r["key"] or "" for d in story.history.districts
                   for r in city.ctl("ledger", "show", d, "--from", 2, "--to", city.children()[d]["position"], output="json").json())
    chosen = next(r for r in rows if r["key"] and len(r["key"]) > 6 and sum(n for k, n in keys.items() if r["key"] in k) == 1)
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


def forged(real, path, figures=None, forms=None, **changes):
    """The same version, sealed by somebody else, with other figures, forms or fields."""
    batch = lc.entry_pb.Batch.FromString(base64.b64decode(real["proof"]))
    version = lc.survey_pb.Version.FromString(lc.entry_pb.Entry.FromString(batch.entries[0]).body)
    figures, forms = figures or real["figures"], forms or real["forms"]
    version.digest, version.forms_digest = lc.entry_hash(figures.encode()), lc.entry_hash(forms.encode())
    for name, value in changes.items():
        setattr(version, name, value)
    book = lc.Ledger(3100001, lc.Keys())
    book.append(9, body=version.SerializeToString())
    with open(path, "w", encoding="utf-8") as f:
        json.dump({**real, "figures": figures, "forms": forms, "signer": base64.b64encode(bytes(book.keys.sign.verify_key)).decode(),
                   "proof": base64.b64encode(book.batch(2, 2)).decode()}, f)
    return path


def test_what_was_never_so_is_found(story):
    """A bulletin that is whole in itself, but whose figures the ledgers do not give: each cell is named, whoever sealed it."""
    city, path = story.city, f"{story.cluster.dir}/b.json"
    close(city, "02", "2019-06")
    real = bulletin(city, "02", "2019-06", 1, path)

    def reproduce(code):
        return city.ctl("period", "reproduce", "--file", path, output="json", codes=(code,)).json()
    forged(real, path)
    assert reproduce(0)["equal"]
    # other software wrote it by other rules: said, and compared all the same
    forged(real, path, rules=bytes(32), software=b"tally 0.0.0")
    r = reproduce(0)
    assert r["equal"] and r["rules"] == "other"
    table = city.ctl("--lang", "en", "period", "reproduce", "--file", path).out
    assert "registers, code lists or the fold are not those" in table and "tally 0.0.0" in table
    # one figure raised, one left out, one made up
    lines = real["figures"].splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith("1,310000,") and line.split(",")[5].isdigit())
    cells = lines[at].split(",")
    cells[5] = str(int(cells[5]) + 1)
    made_up = ",".join(["0", *lines[-1].split(",")[1:4], "1", "77", "A", "F"]) + "\n"
    assert not any(line.startswith(made_up[:made_up.rindex("77")]) and line[0] == "0" for line in lines)
    forged(real, path, figures="".join([*lines[:at], ",".join(cells), *lines[at + 1:-1], made_up]))
    r = reproduce(1)
    found = {(f["cumulative"], f["cell"]): (f["kept"], f["anew"]) for f in r["faults"]}
    assert r["differences"] == 3 and not r["equal"] and {f["what"] for f in r["faults"]} == {"cell"}
    assert found[(True, ",".join(cells[1:5]))] == (f"{cells[5]} A F", f"{int(cells[5]) - 1} A F")
    assert found[(False, made_up[2:made_up.index(",77")])] == ("77 A F", "")
    assert found[(True, ",".join(lines[-1].split(",")[1:5]))][0] == ""
    table = city.ctl("--lang", "en", "period", "reproduce", "--file", path, codes=(1,)).out
    assert "NOT EQUAL" in table and ",".join(cells[1:5]) in table
    # the same lines in another order are not the text
    forged(real, path, figures="".join([lines[1], lines[0], *lines[2:]]))
    assert city.ctl("period", "reproduce", "--file", path, codes=(1,)).err
    # forms that nobody can read, or that have no such form
    for forms in (real["forms"].replace('form "02"', 'form "02', 1), "no form files", "a.form 5\nabcde"):
        forged(real, path, forms=forms)
        r = reproduce(1)
        assert [f["what"] for f in r["faults"]] == ["forms"]
    # another head at a position that is there
    batch = lc.entry_pb.Batch.FromString(base64.b64decode(real["proof"]))
    version = lc.survey_pb.Version.FromString(lc.entry_pb.Entry.FromString(batch.entries[0]).body)
    version.positions[0].head = bytes(32)
    book = lc.Ledger(3100001, lc.Keys())
    book.append(9, body=version.SerializeToString())
    with open(path, "w", encoding="utf-8") as f:
        json.dump({**real, "signer": base64.b64encode(bytes(book.keys.sign.verify_key)).decode(),
                   "proof": base64.b64encode(book.batch(2, 2)).decode()}, f)
    r = reproduce(1)
    assert [(f["what"], f["origin"], f["position"]) for f in r["faults"]] == \
        [("head", f"{version.positions[0].origin:06}", version.positions[0].position)]
