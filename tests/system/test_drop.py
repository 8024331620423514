"""The drop folder: files that are put there by rename are taken in, once, and end where they belong."""

import csv
import os
import re
import subprocess
import time

import pytest

from cluster import wait_for
from test_doors import as_csv, as_ndjson, as_xlsx, record


class Drop:
    def __init__(self, node, where):
        self.node, self.dir = node, where
        node.setting(drop_dir=where)

    def put(self, register, name, content):
        beside = f"{self.dir}/.incoming-{name}"
        with open(beside, "wb") as f:
            f.write(content)
        os.utime(beside, (time.time() - 10,) * 2)
        os.rename(beside, f"{self.dir}/{register}/{name}")

    def names(self, *where):
        path = os.path.join(self.dir, *where)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def state(self):
        return self.node.status()["drop"]

    def wait_empty(self, seconds=20):
        def empty():
            waits = [n for r in ("training", "person") for n in self.names(r) + self.names("taking", r) if not n.startswith(".")]
            return not waits and not self.state()["waiting"]
        wait_for("the drop folder to be empty", empty, seconds)


@pytest.fixture
def drop(cluster):
    where = f"{cluster.dir}/drop"
    os.mkdir(where)
    cluster.build(("310101",))
    d = Drop(cluster.districts["310101"], where)
    cluster.start()
    wait_for("the folders", lambda: os.path.isdir(f"{where}/failed/training"), 10)
    return d


def test_files_of_every_kind(drop):
    rows = [record(n) for n in range(300)]
    drop.put("training", "a.csv", as_csv(rows[:100]))
    drop.put("training", "b.xlsx", as_xlsx(rows[100:200]))
    drop.put("training", "c.ndjson", as_ndjson(rows[200:]))
    drop.wait_empty()
    assert drop.names("done", "training") == ["a.csv", "b.xlsx", "c.ndjson"] and drop.names("failed", "training") == []
    assert drop.node.status()["intake"]["accepted"] == 300
    state = drop.state()
    assert state["error"] is None and state["last"]["to"] == "done" and state["last"]["register"] == "training"
    newest = drop.node.ctl("history", "training", "T00001", output="json").json()[-1]
    assert newest["author"] == subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    # the same name once more: nothing is overwritten
    drop.put("training", "a.csv", as_csv([record(0, class_no="C99")]))
    drop.wait_empty()
    names = drop.names("done", "training")
    assert len(names) == 4 and re.fullmatch(r"a-\d{8}T\d{6}\.csv", names[0]), names
    assert drop.node.ctl("get", "training", "T00000", output="json").json()[0]["class_no"] == "C99"


def test_refused_rows_stand_beside(drop):
    drop.put("training", "a.csv", as_csv([record(1), record(2, type="cooking"), record(3)]))
    drop.put("training", "none.xlsx", b"PK\x03\x04 no workbook")
    drop.put("training", "salary.csv", b"enrolment_no,salary\nT1,3\n")
    drop.wait_empty()
    assert drop.names("failed", "training") == ["a.csv", "a.csv.refused.csv", "none.xlsx", "none.xlsx.reason.txt", "salary.csv",
                                                "salary.csv.reason.txt"]
    with open(f"{drop.dir}/failed/training/a.csv.refused.csv", encoding="utf-8-sig", newline="") as f:
        text = f.read()
    rows = list(csv.DictReader(text.splitlines()))
    assert [(r["enrolment_no"], r["line"], r["code"]) for r in rows] == [("T00002", "3", "E301;W403")]
    with open(f"{drop.dir}/failed/training/salary.csv.reason.txt", encoding="utf-8") as f:
        assert f.read().startswith("E005")
    assert drop.node.status()["intake"]["accepted"] == 2
    # corrected and put in again
    drop.put("training", "again.csv", text.replace("cooking", "upgrade").encode("utf-8"))
    drop.wait_empty()
    assert drop.names("done", "training") == ["again.csv"] and drop.node.status()["intake"]["accepted"] == 3
    assert "甲" not in open(drop.node.log, encoding="utf-8").read()


def test_what_waits(drop):
    """Parts of files, and what is still being written, are left alone; what nobody takes is said."""
    for name in (".a.csv", "b.csv.part", "c.tmp"):
        with open(f"{drop.dir}/training/{name}", "wb") as f:
            f.write(as_csv([record(1)]))
    os.mkfifo(f"{drop.dir}/training/pipe")
    os.symlink("/etc/passwd", f"{drop.dir}/training/link.csv")
    path = f"{drop.dir}/training/slow.csv"
    content = as_csv([record(n) for n in range(100)])
    with open(path, "wb") as f:
        for i in range(8):
            f.write(content[i * len(content) // 8:(i + 1) * len(content) // 8])
            f.flush()
            time.sleep(0.4)
    wait_for("the slow file", lambda: drop.names("done", "training") == ["slow.csv"])
    assert drop.node.status()["intake"]["accepted"] == 100 and drop.node.status()["intake"]["refused"] == 0
    assert set(drop.names("training")) == {".a.csv", "b.csv.part", "c.tmp", "pipe", "link.csv"}
    os.mkdir(f"{drop.dir}/trainings")
    wait_for("a word", lambda: "beside" in (drop.state()["error"] or ""), 15)
    os.rmdir(f"{drop.dir}/trainings")
    wait_for("no more words", lambda: drop.state()["error"] is None, 15)


def test_kills_in_the_middle(drop):
    rows = [record(n) for n in range(30000)]
    drop.put("training", "a.csv", as_csv([*rows, record(99999, type="cooking")]))
    for _ in range(4):
        wait_for("the import to be under way", lambda: drop.node.status()["intake"]["accepted"] > 0 or drop.names("failed", "training"))
        drop.node.kill()
        drop.node.start()
    drop.wait_empty(60)
    assert drop.names("failed", "training") == ["a.csv", "a.csv.refused.csv"] and drop.names("done", "training") == []
    # GENESIS, the records, and a note of the refused row from every time that the file came to its end
    assert drop.node.status()["intake"]["accepted"] == 30000 and 30002 <= drop.node.last() <= 30006
    # a kill after the file was moved and before what was refused got its name; and one before it was moved
    failed = f"{drop.dir}/failed/training"
    drop.node.kill()
    os.rename(f"{failed}/a.csv.refused.csv", f"{failed}/.a.csv.refused.csv.part")
    with open(f"{failed}/.b.csv.refused.csv.part", "w", encoding="utf-8") as f:
        f.write("half")
    drop.node.start()
    wait_for("the name", lambda: drop.names("failed", "training") == ["a.csv", "a.csv.refused.csv"])


def test_folder_that_cannot_be_written(drop):
    if os.geteuid() or subprocess.run(["mount", "--bind", drop.dir, drop.dir], capture_output=True).returncode:
        pytest.skip("needs root and mount")
    try:
        drop.put("training", "a.csv", as_csv([record(1)]))
        drop.wait_empty()
        drop.node.stop()
        drop.put("training", "b.csv", as_csv([record(2)]))
        subprocess.run(["mount", "-o", "remount,bind,ro", drop.dir], check=True)
        drop.node.start()
        wait_for("words", lambda: "Read-only" in (drop.state()["error"] or ""), 15)
        assert drop.names("training") == ["b.csv"] and drop.node.status()["intake"]["accepted"] == 1
        subprocess.run(["mount", "-o", "remount,bind,rw", drop.dir], check=True)
        drop.wait_empty(60)
        assert drop.names("done", "training") == ["a.csv", "b.csv"]
        wait_for("no more words", lambda: drop.state()["error"] is None)
    finally:
        subprocess.run(["umount", "-l", drop.dir], check=False)


def test_missing_folder(cluster):
    cluster.build(("310101",))
    where = f"{cluster.dir}/later"
    d = Drop(cluster.districts["310101"], where)
    cluster.start()
    wait_for("words", lambda: "No such file" in (d.state()["error"] or ""))
    os.mkdir(where)
    wait_for("the folders", lambda: os.path.isdir(f"{where}/training"), 30)
    d.put("training", "a.csv", as_csv([record(1)]))
    d.wait_empty(30)
    assert d.names("done", "training") == ["a.csv"]


def test_two_daemons_and_two_imports(cluster):
    """The second daemon on a folder waits; the same file by the other door at the same time is harmless."""
    where = f"{cluster.dir}/drop"
    os.mkdir(where)
    cluster.build(("310101", "310115"))
    one, two = (Drop(cluster.districts[d], where) for d in ("310101", "310115"))
    cluster.start()
    wait_for("one of them to say so", lambda: any("another daemon" in (d.state()["error"] or "") for d in (one, two)))
    works, waits = (one, two) if one.state()["error"] is None else (two, one)
    content = as_csv([record(n) for n in range(5000)])
    path = f"{cluster.dir}/same.csv"
    with open(path, "wb") as f:
        f.write(content)
    works.put("training", "same.csv", content)
    works.node.ctl("import", "training", path)
    works.wait_empty()
    intake = works.node.status()["intake"]
    assert intake["accepted"] == 5000 and intake["changed"] == 0 and works.node.last() == 5001
    assert waits.node.status()["intake"]["accepted"] == 0
    works.node.stop()
    waits.put("training", "next.csv", as_csv([record(1)]))
    wait_for("the other to go on", lambda: waits.node.status()["intake"]["accepted"] == 1, 70)
