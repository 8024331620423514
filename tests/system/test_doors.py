"""Doors into a district besides a plain CSV: other kinds of file, retractions in bulk, dry runs, answers into files."""

import csv
import io
import json
import os
import subprocess

import openpyxl
import pytest

HEAD = ["enrolment_no", "class_no", "name", "doc_type", "doc_number", "type", "channel", "institution", "status_group", "enrolled_on",
        "ended_on", "hours_online", "result"]


def resident(n):
    """A number that belongs to nobody."""
    front = f"3101011905{n // 1000 % 12 + 1:02d}{n // 30 % 28 + 1:02d}{n % 999:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return front + "10X98765432"[sum(int(c) * w for c, w in zip(front, weights)) % 11]


def record(n, **other):
    cells = dict(zip(HEAD, (f"T{n:05d}", f"C{n % 7}", "甲子安", "111", resident(n), "upgrade", "individual", "91310101MA1T000136", "employed",
                            f"2019-03-{n % 28 + 1:02d}", "2019-04-01", f"{n % 50}.5", "completed")))
    return {**cells, **other}


def as_csv(rows, encoding="utf-8-sig"):
    out = io.StringIO()
    w = csv.DictWriter(out, list(rows[0]))
    w.writeheader()
    w.writerows(rows)
    return out.getvalue().encode(encoding)


def as_xlsx(rows, numbers=()):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([float(v) if k in numbers else v for k, v in row.items()])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_ndjson(rows, numbers=()):
    return "".join(json.dumps({k: float(v) if k in numbers else v for k, v in r.items()}, ensure_ascii=False) + "\n" for r in rows).encode()


@pytest.fixture
def node(cluster):
    cluster.build(("310101",)).start()
    return cluster.districts["310101"]


def put(node, name, content):
    path = f"{node.cluster.dir}/{name}"
    with open(path, "wb") as f:
        f.write(content)
    return path



def test_all_kinds_are_the_same_records(node):
    """What came in as one kind of file is unchanged in every other: the bodies are equal byte for byte."""
    rows = [record(n) for n in range(1500)]
    files = {"a.csv": as_csv(rows), "gb.csv": subprocess.run(["iconv", "-f", "utf-8", "-t", "gb18030"], input=as_csv(rows, "utf-8"),
                                                            capture_output=True, check=True).stdout,
             "a.xlsx": as_xlsx(rows, ("hours_online",)), "a.ndjson": as_ndjson(rows, ("hours_online",)),
             "a.tsv": as_csv(rows).replace(b",", b"\t"), "no-ending": as_xlsx(rows)}
    first = True
    for name, content in files.items():
        r = node.ctl("import", "training", put(node, name, content))
        assert ("accepted 1500, changed 0, unchanged 0" if first else "accepted 0, changed 0, unchanged 1500") in r.out, f"{name}: {r}"
        first = False
    node.ctl("ledger", "verify")


def test_amounts_where_names_belong(node):
    """A document number typed as a number is refused with a helpful word; the refused file of a workbook is a CSV."""
    rows = [record(1), record(2), record(3, enrolment_no="12345")]
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(rows)))
    book.active["E3"] = int(resident(2)[:17] + "0")
    book.active["A4"] = 12345
    out = io.BytesIO()
    book.save(out)
    path = put(node, "b.xlsx", out.getvalue())
    r = node.ctl("--lang", "en", "import", "training", path, codes=(3,))
    assert "accepted 1," in r.out and "refused 2" in r.out
    with open(path + ".refused.csv", encoding="utf-8-sig") as f:
        refused = list(csv.DictReader(f))
    assert [(r["line"], r["code"], r["field"]) for r in refused] == [("3", "E116", "doc_number"), ("4", "E116", "enrolment_no")]
    assert "text" in refused[0]["reason"]


def test_retract_a_file(node):
    rows = [record(n) for n in range(1200)]
    path = put(node, "a.csv", as_csv(rows))
    node.ctl("import", "training", path)
    keys = put(node, "keys.csv", "键\nT00001\nT00002\nNONE\nT00001\n".encode())
    before = node.last()
    r = node.ctl("retract", "training", "--file", keys, "--reason", "重复", "--dry-run", output="json", codes=(3,)).json()
    assert (r["retracted"], r["unchanged"], r["refused"]) == (2, 1, 1) and node.last() == before
    assert [row["key"] for row in r["rows"] if row["outcome"] == "retracted"] == ["T00001", "T00002"]
    r = node.ctl("retract", "training", "--file", keys, "--reason", "重复", codes=(3,))
    assert "retracted 2, unchanged 1, refused 1" in r.out
    with open(keys + ".refused.csv", encoding="utf-8-sig") as f:
        assert [(r["键"], r["code"]) for r in csv.DictReader(f)] == [("NONE", "E092")]
    last = node.ctl("history", "training", "T00001", output="json").json()[-1]
    assert last["state"] == "retracted" and last["reason"] == "重复"
    # the mistaken file as it was: all of it
    r = node.ctl("retract", "training", "--file", path, "--reason", "wrong class")
    assert "retracted 1198, unchanged 2, refused 0" in r.out
    assert node.ctl("list", "training", output="json").json() == []
    assert node.status()["intake"]["retracted"] == 1200
    r = node.ctl("retract", "training", "--file", path, codes=(3,))
    assert "refused 1200" in r.out, "a reason is wanted"
    r = node.ctl("import", "training", path)
    assert "accepted 1200" in r.out
    node.ctl("ledger", "verify")


def test_retract_by_any_document(node):
    """A key that a document is part of is made by the document's own type."""
    rows = [{"name": "甲子安", "doc_type": kind, "doc_number": number, "status": "employed", "as_of": "2019-03-01"}
            for kind, number in (("111", resident(1)), ("414", "X0000001"), ("516", "H00000001"))]
    path = put(node, "p.csv", as_csv(rows))
    node.ctl("import", "person", path)
    assert "retracted 3, unchanged 0, refused 0" in node.ctl("retract", "person", "--file", path, "--reason", "重复").out


def test_dry_run_shows_fields(node):
    node.ctl("import", "training", put(node, "a.csv", as_csv([record(n) for n in range(3)])))
    before = node.last()
    path = put(node, "b.csv", as_csv([record(0), record(1, class_no="C9", name="甲丑"), record(2, type="cooking"), record(3)]))
    r = node.ctl("import", "training", path, "--dry-run", codes=(3,))
    assert "accepted 1, changed 1, unchanged 1, refused 1" in r.out and "C1" in r.out and "C9" in r.out
    assert "甲" not in r.out and resident(1) not in r.out
    assert not os.path.exists(path + ".refused.csv"), "a dry run writes nothing"
    rows = node.ctl("import", "training", path, "--dry-run", output="json", codes=(3,)).json()["rows"]
    assert [(x["line"], x["outcome"], x["field"]) for x in rows] == [(3, "changed", "name"), (3, "changed", "class_no"), (4, "refused", "type"),
                                                                     (4, "warning", "doc_number")]
    rows = list(csv.DictReader(io.StringIO(node.ctl("import", "training", path, "--dry-run", output="csv", codes=(3,)).out)))
    assert len(rows) == 4 and rows[2]["code"] == "E301"
    assert node.last() == before


def test_answers_into_files(node):
    node.ctl("import", "training", put(node, "a.csv", as_csv([record(n) for n in range(3)])))
    to = f"{node.cluster.dir}/out.csv"
    assert node.ctl("list", "training", "--to", to).out == ""
    with open(to, encoding="utf-8") as f:
        assert len(list(csv.DictReader(f))) == 3
    r = node.ctl("list", "nothing", "--to", to, codes=(1,))
    with open(to, encoding="utf-8") as f:
        assert len(f.readlines()) == 4, "what stood there stays"
    node.ctl("list", "training", "--to", f"{node.cluster.dir}/out.json")
    with open(f"{node.cluster.dir}/out.json", encoding="utf-8") as f:
        assert len(json.load(f)) == 3
    r = node.ctl("list", "training", "--to", f"{node.cluster.dir}/out.xlsx", codes=(1,))
    assert len(r.err.strip().splitlines()) == 1
    r = node.ctl("list", "training", "--to", "/nowhere/out.csv", codes=(1,))
    assert "/nowhere/out.csv" in r.err
