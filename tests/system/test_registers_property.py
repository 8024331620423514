"""All eighteen registers: what went in comes out, whatever it is; and every way of being wrong has its own words."""

import csv
import io
import json
import random
import subprocess

import openpyxl
import pytest

from cluster import SANITIZED
from judge import CODES, REGISTERS
from rowmaker import KEYS, Maker, expected, spell

DISTRICT = "310101"
ROWS = 60 if SANITIZED else 300
KINDS = ("csv", "tsv", "gb18030", "ndjson", "xlsx")


@pytest.fixture
def desks(cluster):
    """{register: the node that takes it in}"""
    cluster.build((DISTRICT,)).start()
    return {r: cluster.city if r == "target" else cluster.districts[DISTRICT] for r in REGISTERS}


def write(path, kind, head, rows):
    """Rows of texts as a file of this kind."""
    if kind == "ndjson":
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(dict(zip(head, row)), ensure_ascii=False) + "\n" for row in rows)
    elif kind == "xlsx":
        book = openpyxl.Workbook()
        for at, row in enumerate([head, *rows], 1):
            for n, cell in enumerate(row, 1):
                if cell:
                    book.active.cell(at, n, cell).data_type = "s"
        book.save(path)
    else:
        out = io.StringIO()
        csv.writer(out, delimiter="\t" if kind == "tsv" else ",").writerows([head, *rows])
        text = out.getvalue().encode()
        if kind == "gb18030":
            text = subprocess.run(["iconv", "-f", "utf-8", "-t", "gb18030"], input=text, capture_output=True, check=True).stdout
        with open(path, "wb") as f:
            f.write(text)


def key_of(maker, row):
    """The natural key where no person stands in it."""
    from rowmaker import shown
    parts = [shown(maker.type[name], maker.codes[name], row[name]) for name in KEYS[maker.register]]
    return "/".join("" if p is None else str(p) for p in parts)


def plain(record):
    return json.dumps({k: v for k, v in record.items() if k not in ("key", "position") and not k.endswith("pid")}, sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize("seed", range(1 if SANITIZED else 2))
def test_what_went_in_comes_out(desks, seed):
    for register, node in desks.items():
        maker = Maker(register, seed)
        rnd = maker.rnd
        rows = {}
        while len(rows) < ROWS:
            row = maker.make()
            rows.setdefault(key_of(maker, row), row)
        kind = rnd.choice(KINDS)
        fields = rnd.sample(maker.fields, len(maker.fields))
        head = [f.zh if seed else f.name for f in fields]
        texts = [[spell(rnd, f.type, f.codes, row[f.name]) for f in fields] for row in rows.values()]
        path = f"{node.cluster.dir}/{register}.{kind}"
        write(path, kind, head, texts)
        r = node.ctl("--lang", "en", "import", register, path, codes=None)
        said = refused_file(path) if r.code == 3 else r
        assert r.code == 0, f"{register} as {kind}: {said}"
        assert f"accepted {ROWS}, changed 0, unchanged 0, refused 0" in r.out, f"{register} as {kind}: {r}"
        listed = node.ctl("list", register, "--limit", "1000", output="json").json()
        assert sorted(map(plain, listed)) == sorted(plain(expected(maker, row)) for row in rows.values()), f"{register} as {kind}"
        if not any(maker.type[k].startswith("person.") for k in KEYS[register]):
            assert {r["key"] for r in listed} == set(rows), register
        masked(maker, rows, json.dumps(listed, ensure_ascii=False))
        again = node.ctl("import", register, path)
        assert f"accepted 0, changed 0, unchanged {ROWS}" in again.out, f"{register}: {again}"
    for node in set(desks.values()):
        node.ctl("ledger", "verify")


def masked(maker, rows, said):
    for row in rows.values():
        for prefix in maker.groups:
            if row[f"{prefix}doc_number"]:
                assert row[f"{prefix}doc_number"] not in said


def refused_file(path):
    with open(path + ".refused.csv", encoding="utf-8-sig", newline="") as f:
        return [(r["line"], r["code"], r["field"]) for r in csv.DictReader(f)][:5]
