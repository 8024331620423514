"""Damaged files of every kind at a running collector: no crash, no hang, no memory, and no good row lost without a word."""

import csv
import random

import pytest

from cluster import SANITIZED
from rowmaker import Maker, spell
from test_registers_property import write

ROWS, ROUNDS = 120, 6 if SANITIZED else 16
MOST = 24 << 20
assert (ROUNDS + 1) * ROWS <= 10_000, "what one list shows"


def damage(rnd, data):
    """One to four things that happen to files."""
    data = bytearray(data)
    for _ in range(rnd.randrange(1, 5)):
        at = rnd.randrange(len(data))
        kind = rnd.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rnd.randrange(8)
        elif kind == 1:
            del data[at:at + rnd.randrange(1, 60)]
        elif kind == 2:
            data[at:at] = rnd.choice((b'"', b"\n", b"\r\n", b",", b"\0", b"\xff", b"}", b"{", "甲".encode()))
        elif kind == 3:
            data[at:at] = data[at:at + rnd.randrange(400)]
        elif kind == 4:
            data[at:at + 20] = rnd.randbytes(20)
        else:
            del data[max(1, at):len(data) if rnd.random() < 0.3 else at + 1]
        data = data or bytearray(b"x")
    return bytes(data)


@pytest.fixture
def node(cluster):
    cluster.build(("310101",)).start()
    return cluster.districts["310101"]


def refused(path):
    """(the refused rows as text, the numbers of their lines)"""
    try:
        with open(path + ".refused.csv", encoding="utf-8-sig", newline="") as f:
            rows = list(csv.DictReader(f))
    except FileNotFoundError:
        rows = []
    return str(rows), {int(row["line"]) for row in rows}


@pytest.mark.parametrize("kind", ("csv", "gb18030", "tsv", "ndjson", "xlsx"))
def test_nothing_is_lost_silently(node, kind):
    rnd = random.Random(f"damage/{kind}")
    maker = Maker("apprenticeship", kind)
    fields = maker.fields
    for n in range(ROUNDS):
        rows = [maker.make() for _ in range(ROWS)]
        texts = [[spell(rnd, f.type, f.codes, row[f.name]) for f in fields] for row in rows]
        path = f"{node.cluster.dir}/{n}.{kind}"
        write(path, kind, [f.name for f in fields], texts)
        with open(path, "rb") as f:
            good = f.read()
        bad = damage(rnd, good)
        with open(path, "wb") as f:
            f.write(bad)
        r = node.ctl("--lang", "en", "import", "apprenticeship", path, codes=(0, 1, 3), seconds=20)
        assert SANITIZED or node.memory() < MOST
        if r.code == 1:
            assert len(r.err.strip().splitlines()) == 1 and r.err.strip(), r
            continue
        listed = {row["contract_no"] for row in node.ctl("list", "apprenticeship", "--limit", "10000", output="json").json()}
        if kind == "xlsx":
            assert {row["contract_no"] for row in rows} <= listed, "a workbook is read whole or not at all"
            continue
        said, numbers = refused(path)
        lines = {line: n for n, line in enumerate(bad.splitlines(), 1)}
        for row, line in zip(rows, good.splitlines()[0 if kind == "ndjson" else 1:]):
            key = row["contract_no"]
            if line in lines and key not in listed:
                assert key[:6] in said or lines[line] in numbers, f"round {n}: {key} is neither taken in nor refused: {r}"
    path = f"{node.cluster.dir}/whole.{kind}"
    write(path, kind, [f.name for f in fields], texts)
    assert sum(node.load("apprenticeship", path)[:3]) == ROWS, "the file as it was"
    node.ctl("ledger", "verify")
