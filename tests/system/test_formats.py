"""One thing said in four kinds of file is the same ledger: UTF-8, GB18030, workbooks and lines of JSON, into four fresh districts."""

import csv
import datetime
import json
import shutil
import subprocess

import openpyxl
import pytest

import judge
from cluster import PORTS, SANITIZED, Collector
from data import Data
from linkclient import RECORD, Parent, entry_pb

DISTRICT = "310117"  # whose clerks take every liberty: BOM, CRLF, Chinese headers in an order of their own, 2019.5.1, 1,000.00
SHARE = 10 if SANITIZED else 1
ROWS = {"training": 8000 // SHARE, "subsidy": 1500 // SHARE, "expense": 500 // SHARE}


def kinds_of(register):
    """{header in either language: type}"""
    return {h: f.type for f in judge.REGISTERS[register] for h in (f.zh, f.name)}


def iconv(path, to):
    with open(path, "rb") as f:
        text = f.read().removeprefix(b"\xef\xbb\xbf")
    with open(to, "wb") as f:
        subprocess.run(["iconv", "-f", "utf-8", "-t", "gb18030"], input=text, stdout=f, check=True)


def table(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        return list(csv.reader(f))


def value(kind, text):
    """A cell as a spreadsheet or a program would have it."""
    if kind in ("int", "dec1") and text:
        return float(text) if "." in text else int(text)
    return text or None


def workbook(path, to, kinds):
    """As openpyxl writes it: numbers are numbers, days are days, everything else is text."""
    head, *rows = table(path)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("登记")
    sheet.append(head)
    for row in rows:
        cells = [value(kinds[name], text) for name, text in zip(head, row)]
        for at, (name, text) in enumerate(zip(head, row)):
            if kinds[name] == "date" and text:
                day = judge.parse_date(text)
                cells[at] = datetime.date(day // 10000, day // 100 % 100, day % 100)
        sheet.append(cells)
    book.save(to)


def ndjson(path, to, kinds):
    head, *rows = table(path)
    with open(to, "w", encoding="utf-8") as f:
        for row in rows:
            record = {name: value(kinds[name], text) for name, text in zip(head, row) if text}
            f.write(json.dumps(record, ensure_ascii=False) + "\n")


def make(kind, source, to, register):
    if kind == "utf8":
        shutil.copy(source, to)
    elif kind == "gb18030":
        iconv(source, to)
    else:
        {"xlsx": workbook, "ndjson": ndjson}[kind](source, to, kinds_of(register))


class District:
    """A fresh collector of the same district, with a parent of its own that keeps what it is given."""

    def __init__(self, cluster, name):
        port = PORTS.take()
        self.name = name
        self.node = Collector(cluster, DISTRICT, [], where=f"{cluster.dir}/{name}")
        self.parent = Parent(port, self.node.keys["signer"])
        self.node.sections.append(("parent", "city", {"endpoint": f"tcp://127.0.0.1:{port}", **self.parent.keys.public}))
        cluster.districts[name] = self.node
        self.node.start()

    def bodies(self):
        """[(register, body)] in the order of the ledger, over the link, every hash and seal checked."""
        self.parent.serve(lambda: len(self.parent.entries) == self.node.last() and self.node.proven(), 60)
        entries = map(entry_pb.Entry.FromString, self.parent.entries)
        return [(e.register, e.body) for e in entries if e.kind == RECORD]

    def everything(self):
        return {register: self.node.ctl("list", register, "--limit", "10000", output="json").json() for register in ROWS}


@pytest.fixture
def made(cluster):
    rows = ",".join(f"{r}={n}" for r, n in ROWS.items())
    return Data(f"{cluster.dir}/data", seed=5, people=4000, districts=(DISTRICT,), registers=list(ROWS), rows=rows)


def of_kind(cluster, name, files):
    d = District(cluster, name)
    try:
        for register, n in ROWS.items():
            assert d.node.load(register, files[register]) == (n, 0, 0, 0), f"{name}: {register}"
        d.node.ctl("ledger", "verify")
        return d.bodies(), d.everything()
    finally:
        d.parent.close()
        d.node.stop()


def files_of(cluster, made, kind):
    files = {}
    for register in ROWS:
        files[register] = f"{cluster.dir}/{kind}.{register}.{'csv' if kind in ('utf8', 'gb18030') else kind}"
        make(kind, made.path(made.of(DISTRICT, register)[0]), files[register], register)
    return files


def test_the_same_ledger_bodies(cluster, made):
    first = None
    for kind in ("utf8", "gb18030", "xlsx", "ndjson"):
        files = files_of(cluster, made, kind)
        found = of_kind(cluster, kind, files)
        assert len(found[0]) == sum(ROWS.values())
        first = first or found
        assert found[0] == first[0], f"{kind}: bodies differ"
        assert found[1] == first[1], f"{kind}: lists differ"


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_the_same_from_libreoffice(cluster, made):
    """A workbook that LibreOffice has opened and saved again."""
    files = files_of(cluster, made, "xlsx")
    saved = {}
    for register, path in files.items():
        subprocess.run(["soffice", "--headless", f"-env:UserInstallation=file://{cluster.dir}/office", "--convert-to", "xlsx:Calc MS Excel 2007 XML",
                        "--outdir", f"{cluster.dir}/saved", path], check=True, capture_output=True, timeout=300)
        saved[register] = f"{cluster.dir}/saved/{path.rpartition('/')[2]}"
    wanted = of_kind(cluster, "utf8", files_of(cluster, made, "utf8"))
    assert of_kind(cluster, "office", saved) == wanted
