"""All eighteen registers: what went in comes out, whatever it is; and every way of being wrong has its own words."""

import csv
import io
import json
import subprocess

import openpyxl
import pytest

from cluster import SANITIZED
from judge import REGISTERS, _table
from rowmaker import KEYS, Maker, expected, made_up, shown, spell, spoilt

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


# ---- everything that can be wrong ----

def refused(path):
    """{line: {(code, field), …}}"""
    with open(path + ".refused.csv", encoding="utf-8-sig", newline="") as f:
        out = {}
        for r in csv.DictReader(f):
            fields = r["field"].split(";")
            codes = r["code"].split(";")
            out[int(r["line"])] = set(zip(codes, fields + [""] * (len(codes) - len(fields))))
            assert r["reason"].strip(), "every refusal says why"
        return out


def counted(node, register):
    """{code: how often}, by the metrics."""
    name = f'tally_intake_faults_total{{register="{register}",code="'
    return {k[len(name):-2]: v for k, v in node.metrics().items() if k.startswith(name)}


def whole_row(maker):
    """A good row with every person in it, so that each can be spoilt."""
    while True:
        row = maker.make()
        if all(row[f"{prefix}name"] for prefix in maker.groups):
            return row


def file_of(maker):
    """(texts of all rows, {line: what must be said of it}, {soft code: how many at least}): good rows stand between."""
    rnd, fields = maker.rnd, maker.fields
    texts, wanted, warned = [], {}, {}
    for changes, code, field in spoilt(maker):
        row = whole_row(maker)
        cells = {f.name: spell(rnd, f.type, f.codes, row[f.name]) for f in fields}
        if maker.type[fields[0].name] == "key" and fields[0].name not in changes:
            changes = {fields[0].name: f"{cells[fields[0].name]}", **changes}
        texts.append([{**cells, **changes}[f.name] for f in fields])
        if code[0] == "E":
            wanted[len(texts) + 1] = (code, field)
        else:
            warned[code] = warned.get(code, 0) + 1
        good = whole_row(maker)
        texts.append([spell(rnd, f.type, f.codes, good[f.name]) for f in fields])
    return texts, wanted, warned


def test_every_fault_of_every_register(desks):
    for register, node in desks.items():
        maker = Maker(register, "bad")
        texts, wanted, warned = file_of(maker)
        path = f"{node.cluster.dir}/{register}.csv"
        write(path, "csv", [f.name for f in maker.fields], texts)
        r = node.ctl("import", register, path, codes=(3,))
        said = refused(path)
        missing = {line: (w, said.get(line)) for line, w in wanted.items() if w not in said.get(line, ())}
        assert not missing, f"{register}: (wanted, said) by line: {missing}"
        assert set(said) == set(wanted), f"{register}: refused besides: { {n: said[n] for n in set(said) - set(wanted)} }"
        assert f"refused {len(wanted)}" in r.out
        for code, _ in wanted.values():
            warned[code] = warned.get(code, 0) + 1
        found = counted(node, register)
        assert {c: (n, found.get(c)) for c, n in warned.items() if found.get(c, 0) < n} == {}, f"{register}: (wanted, counted)"


TRAINING = [f.name for f in REGISTERS["training"]]


def good_texts(n=1):
    maker = Maker("training", "files")
    return [[spell(maker.rnd, f.type, f.codes, row[f.name]) for f in maker.fields] for row in (maker.make() for _ in range(n))]


def as_text(head, rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue().encode()


def sheet(cell, given, form=None):
    book = openpyxl.Workbook()
    book.active.append(TRAINING)
    book.active.append([c or None for c in good_texts()[0]])
    at = book.active.cell(2, TRAINING.index(cell) + 1)
    at.value = given
    if form:
        at.data_type = form
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def lines(*of):
    return "".join(line + "\n" for line in of).encode()


def as_json(**other):
    return json.dumps({**{k: v for k, v in zip(TRAINING, good_texts()[0]) if v}, **other}, ensure_ascii=False)


def changed(field, text):
    row = dict(zip(TRAINING, good_texts()[0]), **{field: text})
    return list(row.values())


GOOD = as_text(TRAINING, good_texts())
FILES = {  # code → a file in which it must be said
    "E001": b"",
    "E002": (",".join(TRAINING) + ",\x80").encode("latin-1") + b"\xff\n",
    "E003": as_text(TRAINING, [])[:-1].replace(b"class_no", b'"class_no') + b"\n",
    "E004": as_text(TRAINING[1:], [good_texts()[0][1:]]),
    "E005": as_text([*TRAINING, "salary"], [[*good_texts()[0], "1"]]),
    "E006": as_text([*TRAINING, "type"], [[*good_texts()[0], "1"]]),
    "E007": as_text(TRAINING, [good_texts()[0][:-1]]),
    "E008": as_text(TRAINING, [good_texts()[0] + ["x"]]),
    "E009": as_text(TRAINING, [changed("class_no", "x" * 70_000)]),
    "E010": as_text(["x" * 200_000, *TRAINING], []),
    "E011": as_text(TRAINING, []),
    "E014": b"enrolment_no,\0class_no\n1,2\n",
    "E016": b"PK\x03\x04" + bytes(2000),
    "E019": lines(as_json(), "{not json"),
    "E020": lines(as_json(), as_json(enrolment_no="K2", salary="1")),
    "E021": lines(as_json(), as_json(enrolment_no="K2", class_no={"a": 1})),
    "E102": GOOD + b"K2,\xff\xfe" + GOOD.split(b"\n")[1].partition(b",")[2] + b"\n",
    "E116": sheet("doc_number", 310101190301050015),
    "E117": sheet("fee", "#N/A", "e"),
    "E118": sheet("fee", 12345678901234567),
}


@pytest.mark.parametrize("code", FILES)
def test_faults_of_files(desks, code):
    node = desks["training"]
    path = f"{node.cluster.dir}/bad"
    with open(path, "wb") as f:
        f.write(FILES[code])
    r = node.ctl("--lang", "en", "import", "training", path, codes=(1, 3))
    if r.code == 1:
        assert code in r.err and len(r.err.strip().splitlines()) == 1, r
    else:
        assert any(code == c for row in refused(path).values() for c, _ in row), (refused(path), r)


ELSEWHERE = {  # code → why no file of rows reaches it
    "E012": "asks for a file that changes while it is read: reader_files_test, ctl_upload_test",
    "E013": "the register stands in the command, not in the file: below",
    "E015": "no reader says it: a quote inside a field is taken as it stands",
    "E017": "asks for a file larger than the store may be",
    "E018": "all fields of a register at their longest do not fill a record",
    "E090": "a body that came over the link",
    "E091": "a register of a newer version, over the link: test_client",
    "E092": "retractions: test_doors, intake_retract_test",
    "E093": "retractions: intake_retract_test",
    "E113": "no register has a month: proto_check_test",
    "E115": "what comes out of a file is trimmed; over the link: proto_message_test",
    "E206": "the code list says E301 before; proto_identity_test",
    "E208": "pids are made here; over the link: proto_message_test",
    "E209": "name tags are made here; over the link: proto_message_test",
    "E210": "sex and birth come from the number; over the link: proto_message_test",
    "E302": "codes are put in order here; over the link: proto_message_test",
}


def test_no_code_is_forgotten():
    """Every row of the fault table is reached by a test here, or its absence has a reason."""
    reached = set(FILES)
    for register in REGISTERS:
        reached |= {code for _, code, _ in spoilt(Maker(register, "bad"))}
    table = {row[0] for row in _table("faults.tsv")}
    assert table - reached - set(ELSEWHERE) == set(), "without a test"
    assert reached <= table
    assert not reached & set(ELSEWHERE), "reached after all"


def test_unknown_register(desks):
    r = desks["training"].ctl("import", "salaries", __file__, codes=(1, 2))
    assert "salaries" in r.err or "E013" in r.err, r
