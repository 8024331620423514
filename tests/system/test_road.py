"""The road of a file: taken in, proven equal, in the figures; again without effect; corrected; taken back."""

import csv
import os
import re
import shutil
import stat

import pytest

from data import Data, personal

DISTRICTS = ("310101", "310115", "310151")


@pytest.fixture
def city(cluster):
    """A running cluster and its data, nothing imported yet."""
    data = Data(f"{cluster.dir}/data", "--dense", seed=7, people=400, districts=DISTRICTS, corrections=0.1,
                retractions=0.03, broken=6, registers=("training", "certificate", "person", "assessment"))
    cluster.build(DISTRICTS).start()
    return cluster, data


def take(node, data, file, oracle):
    *expected, refused = oracle.take_file(file["district"], file["register"], data.path(file))
    found = node.load(file["register"], data.path(file), codes=(3,) if refused else (0,))
    assert found == (*expected, len(refused)), file["path"]
    return refused


@pytest.mark.threads
def test_whole_road(city, oracle, same_figures):
    cluster, data = city
    for f in data.files:
        if "corrections" not in f["path"]:
            refused = take(cluster.districts[f["district"]], data, f, oracle)
            assert [line for line, _ in refused] == [r["line"] for r in f["refused"]]
    cluster.wait_folded()
    same_figures(cluster.city, oracle)

    expected = {d: n.last() for d, n in cluster.districts.items()}
    for f in data.files:
        if "corrections" not in f["path"]:
            a, c, u, r = cluster.districts[f["district"]].load(f["register"], data.path(f), codes=(3,) if f["refused"] else (0,))
            assert (a, c, u, r) == (0, 0, f["good"], len(f["refused"])), f"{f['path']} again"
            expected[f["district"]] += bool(f["refused"])
    assert expected == {d: n.last() for d, n in cluster.districts.items()}, "importing again writes no record, only notes of what is refused"

    for f in data.files:
        if "corrections" in f["path"]:
            take(cluster.districts[f["district"]], data, f, oracle)
    cluster.wait_folded()
    same_figures(cluster.city, oracle)

    for d, node in cluster.districts.items():
        for register, key, reason in data.retractions(d):
            assert oracle.retract(d, register, key)
            node.ctl("retract", register, key, "--reason", reason)
    cluster.wait_folded()
    same_figures(cluster.city, oracle)
    cluster.check_equal()


def test_refused_file(city):
    """Holds the rows as they were, with line, code, field and reason; put right it can be imported itself."""
    cluster, data = city
    f = data.of("310101", "training")[0]
    node = cluster.districts["310101"]
    node.load("training", data.path(f), codes=(3,))
    refused = data.path(f) + ".refused.csv"
    assert stat.S_IMODE(os.stat(refused).st_mode) == 0o600
    with open(data.path(f), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    with open(refused, encoding="utf-8-sig", newline="") as file:
        bad = list(csv.reader(file))
    head = bad[0]
    extra = [head.index(name) for name in ("line", "code", "field", "reason")]
    kept = [i for i in range(len(head)) if i not in extra]
    assert [head[i] for i in kept] == rows[0], "the columns as they were"
    lines = {}
    for row in bad[1:]:
        line, code, field, reason = (row[i] for i in extra)
        assert [row[i] for i in kept] == rows[int(line) - 1], "the row as it was"
        assert code[0] == "E" and reason
        lines.setdefault(int(line), set()).update(field.replace(";", " ").split())
    assert sorted(lines) == [r["line"] for r in f["refused"]]
    for r in f["refused"]:
        assert r["field"] in lines[r["line"]], f"{r}: {lines[r['line']]}"
    listed = node.ctl("refused", output="json").json()
    assert len(listed) >= len(lines)


def test_dry_run_changes_nothing(city):
    cluster, data = city
    f = data.of("310115", "training")[0]
    node = cluster.districts["310115"]
    before = node.last()
    r = node.ctl("import", "training", "--dry-run", data.path(f), codes=(0, 3))
    assert r.code == 3 and node.last() == before


def test_headers_of_the_template(city):
    """Chinese and English templates; a row under either is the same record."""
    cluster, _ = city
    node = cluster.districts["310101"]
    zh = node.ctl("template", "training").out.lstrip("\ufeff").splitlines()[0]
    en = node.ctl("--lang", "en", "template", "training").out.lstrip("\ufeff").splitlines()[0]
    assert zh.startswith("报名编号,") and en.startswith("enrolment_no,")
    assert len(zh.split(",")) == len(en.split(","))
    cells = {"enrolment_no": "T1", "class_no": "C1", "name": "甲子安", "doc_type": "111", "doc_number": "310101190301050015",
             "type": "upgrade", "channel": "individual", "institution": "91310101MA1T000136", "status_group": "employed",
             "enrolled_on": "2019-03-01", "ended_on": "2019-04-01", "result": "completed", "hours_offline": "40.5"}
    row = ",".join(cells.get(name, "") for name in en.split(","))
    for k, (head, expected) in enumerate(((zh, (1, 0, 0, 0)), (en, (0, 0, 1, 0)))):
        path = f"{cluster.dir}/t{k}.csv"
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"{head}\n{row}\n")
        assert node.load("training", path) == expected


def test_records_are_found_masked(city):
    cluster, data = city
    node = cluster.districts["310101"]
    f = data.of("310101", "training")[0]
    node.load("training", data.path(f), codes=(3,))
    rows = node.ctl("list", "training", "--limit", "20", output="json").json()
    assert len(rows) == 20
    key = rows[0]["enrolment_no"] if "enrolment_no" in rows[0] else rows[0]["key"]
    one = node.ctl("get", "training", key).out
    several = node.ctl("history", "training", key).out
    assert key in one and several
    names, numbers = personal(data)
    for text in (one, several, node.ctl("list", "training", "--limit", "50").out):
        assert not [n for n in (*names, *numbers) if n.decode() in text], "identity in an answer"
    assert node.ctl("get", "training", "no-such-key", codes=None).code == 1


def test_identity_stays_in_the_vault(city):
    """No name and no document number in any byte of a state folder, in any log, or in any answer; the ledger that the
    city holds cannot have them either, since it is the same bytes."""
    cluster, data = city
    for f in data.files:
        cluster.districts[f["district"]].load(f["register"], data.path(f), codes=(0, 3))
    cluster.wait_folded()
    for node in cluster.nodes():
        node.stop()
    names, numbers = personal(data)
    assert len(names) > 50 and len(numbers) > 300
    searched = 0
    for node in cluster.nodes():
        places = [node.log]
        for folder, _, files in os.walk(node.state):
            places += [os.path.join(folder, f) for f in files]
        for place in places:
            with open(place, "rb") as f:
                content = f.read()
            searched += len(content)
            content = re.sub(rb"\0{16,}", b"\0", content)  # ballast and empty pages; what is searched for has no zero byte
            # The shortest document numbers (8 digits) could stand anywhere by chance.
            found = [n for n in (*names, *numbers) if len(n) >= 9 and n in content]
            assert not found, f"{place}: {len(found)} personal values, {found[0]!r}"
    assert searched > 500_000


def test_stop_and_start_keeps_everything(city, oracle, same_figures):
    cluster, data = city
    for f in data.files:
        take(cluster.districts[f["district"]], data, f, oracle)
    heads = {d: n.status()["ledger"] for d, n in cluster.districts.items()}
    for node in cluster.nodes():
        node.stop()
    cluster.start()
    assert heads == {d: n.status()["ledger"] for d, n in cluster.districts.items()}
    cluster.wait_folded()
    same_figures(cluster.city, oracle)
    cluster.check_equal()


def test_backup_is_a_ledger(city):
    """A copy taken while running verifies and starts."""
    cluster, data = city
    node = cluster.districts["310101"]
    f = data.of("310101", "training")[0]
    node.load("training", data.path(f), codes=(3,))
    cluster.wait_proven()
    head = node.status()["ledger"]
    where = f"{cluster.dir}/copy"
    node.ctl("backup", where)
    node.stop()
    shutil.rmtree(node.state)
    shutil.copytree(where, node.state)
    node.start()
    assert node.status()["ledger"] == head
    node.ctl("ledger", "verify")
    cluster.wait_proven()
