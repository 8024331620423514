"""The judges are judged: the worked cases of the validations, and the generator against judge and manifest."""

import collections
import filecmp
import os

import pytest

import judge
from cluster import ROOT
from data import Data
from oracle import Oracle, take_generated


def cases():
    with open(os.path.join(ROOT, "tests", "unit", "data", "identity-cases.tsv"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                kind, given, verdict, canonical, *_ = line.rstrip("\n").split("\t") + ["", ""]
                yield pytest.param(kind, given, verdict, canonical, id=f"{kind} {given}")


@pytest.mark.parametrize("kind, given, verdict, canonical", cases())
def test_worked_case(kind, given, verdict, canonical):
    try:
        if kind == "uscc":
            found = judge.credit_code(given)
        elif kind.startswith("certificate:"):
            found = judge.certificate_number(kind[12:], given)
        else:
            found = judge.document(kind, given)[0]
    except judge.Bad:
        found = None
    assert found == (None if verdict == "hard" else canonical)


OPTIONS = {"people": 4000, "corrections": 0.03, "retractions": 0.01, "broken": 5,
           "registers": ("training", "certificate", "person", "assessment")}


def test_manifest_tells_the_truth(tmp_path):
    """take_generated complains where the manifest and the judge differ."""
    data = Data(str(tmp_path), seed=3, **OPTIONS)
    o = Oracle()
    take_generated(o, str(tmp_path))
    assert o.count() == sum(f["good"] for f in data.files if "corrections" not in f["path"]) - sum(
        r["rows"] for r in data.manifest["retractions"])


def test_same_seed_same_bytes(tmp_path):
    a, b = (Data(str(tmp_path / n), seed=9, people=500) for n in "ab")
    c = Data(str(tmp_path / "c"), seed=10, people=500)
    paths = [f["path"] for f in a.files]
    assert filecmp.cmpfiles(a.dir, b.dir, paths, shallow=False)[0] == paths
    assert filecmp.cmpfiles(a.dir, c.dir, paths, shallow=False)[0] == []


def test_it_looks_like_a_city(tmp_path):
    data = Data(str(tmp_path), seed=1, people=8000)
    size = collections.Counter()
    for f in data.files:
        size[f["district"]] += f["rows"]
    assert size.most_common(1)[0][0] == "310115" and len(size) == 16
    o = Oracle()
    take_generated(o, str(tmp_path))
    births = {p.split("/")[1][6:10] for (p,) in o.db.execute("select person from training where person like '111/%'")}
    assert births <= {str(y) for y in range(1903, 1910)}
    levels = dict(o.db.execute("select level, count(*) from certificate group by level"))
    assert levels["5"] > levels["4"] > levels["3"] > levels["2"] > levels["1"] > levels.get("S", 0)
    cells = o.form("02", "2019")
    persons = int(cells["310000", "_T", "_T", 4])
    assert persons < sum(int(v) for k, v in cells.items() if k[0] != "310000" and k[1:] == ("_T", "_T", 4))
    assert len({k[1] for k in cells}) == 9


def test_exact_rows(tmp_path):
    data = Data(str(tmp_path), seed=1, people=3000, districts=("310101", "310115"), rows="training=5000,certificate=700,person=900")
    assert {(f["register"], f["rows"]) for f in data.files} == {("training", 5000), ("certificate", 700), ("person", 900)}
