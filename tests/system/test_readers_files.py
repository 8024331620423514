"""Files made by other programs (openpyxl, iconv, Python) come out of the readers as what went in: the readers alone, without a daemon,
through `reader_files_test FILE`, which prints the rows it read. It is a unit test, so `make` alone does not build it: this file does."""

import csv
import datetime
import fcntl
import io
import json
import os
import random
import shutil
import subprocess
import zipfile

import openpyxl
import pytest

from cluster import BUILD, ROOT, SANITIZED, environment, program

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


TOOL = "tests/unit/reader_files_test"
FLAGS = {"asan": ["SAN=address,undefined", "OPT=-O1"], "tsan": ["SAN=thread", "OPT=-O1"]}  # as the Makefile's check-sanitized


def older(tool, than):
    return not os.path.exists(tool) or os.path.exists(than) and os.stat(tool).st_mtime < os.stat(than).st_mtime


@pytest.fixture(scope="session", autouse=True)
def tool():
    """Builds the tool when it is not there, or older than what was built of the rest; once, although several workers want it."""
    if not older(program(TOOL), program("libtally.a")):
        return
    if not shutil.which("make") or not shutil.which("cc"):
        pytest.skip(f"{program(TOOL)} is not built, and there is no compiler to build it")
    folder = os.environ.get("TALLY_BUILD", "build")
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, ".reader_files_test.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = ["make", "-C", ROOT, "-j2", f"B={folder}", *FLAGS.get(os.path.basename(BUILD), []), f"{folder}/{TOOL}"]
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{' '.join(line)}: {(done.stdout + done.stderr)[-2000:]}"


def read(path, *options):
    """(rows as {"line", "flaws", "kinds", "cells"}, the error or warning or None)"""
    r = subprocess.run([program(TOOL), *options, str(path)], env=environment(), capture_output=True,
                       timeout=120, check=True)
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    said = lines.pop() if lines and "cells" not in lines[-1] else None
    return lines, said


def cells(rows):
    return [row["cells"] for row in rows]


def text(rnd):
    alphabet = "甲乙丙丁戊·㐀𠮷éA1 -,;\"'\n=+_x000D_<>&]]>\t　"
    t = "".join(rnd.choice(alphabet) for _ in range(rnd.randrange(1, 12)))
    return t.strip(" \t\n　") or "甲"


def table(seed, rows=60, columns=7):
    rnd = random.Random(seed)
    head = [f"列{i}" for i in range(columns)]
    body = [[text(rnd) if rnd.random() < 0.8 else "" for _ in range(columns)] for _ in range(rows)]
    for row in body:
        row[0] = row[0] or "甲"
    return [head, *body]


def csv_bytes(rows, **options):
    out = io.StringIO()
    csv.writer(out, **options).writerows(rows)
    return out.getvalue().encode()


def iconv(data, to):
    return subprocess.run(["iconv", "-f", "UTF-8", "-t", to], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("seed", range(10))
def test_text_in_every_encoding(tmp_path, seed):
    rows = table(seed)
    plain = csv_bytes(rows)
    tabs = csv_bytes([[c.replace(",", "，") for c in row] for row in rows], delimiter="\t")
    files = {"utf8.csv": plain, "bom.csv": b"\xef\xbb\xbf" + plain, "gb.csv": iconv(plain, "GB18030"),
             "utf16.csv": plain.decode().encode("utf-16"), "lf.csv": csv_bytes(rows, lineterminator="\n")}
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        got, said = read(path)
        assert said is None and cells(got) == rows, name
    for name, data in {"tabs.txt": tabs, "unicode.txt": tabs.decode().encode("utf-16")}.items():
        path = tmp_path / name
        path.write_bytes(data)
        got, said = read(path)
        assert said is None and cells(got) == [[c.replace(",", "，") for c in row] for row in rows], name


def value(rnd):
    """(what openpyxl is given, its text, its kind, its number format)"""
    kind = rnd.randrange(6)
    if kind == 0:
        n = rnd.randrange(-10**6, 10 ** rnd.randrange(1, 15))
        return n, str(n), "n", None
    if kind == 1:
        n = rnd.randrange(10**9)
        return n / 100, f"{n / 100:.2f}".rstrip("0").rstrip("."), "n", rnd.choice([None, "0.00", "#,##0.00;[Red]-0.00"])
    if kind == 2:
        d = datetime.date(1950, 1, 1) + datetime.timedelta(rnd.randrange(30000))
        return d, d.isoformat(), "d", rnd.choice(["yyyy-mm-dd", 'yyyy"年"m"月"d"日"', "m/d/yy", "[$-804]yyyy/m/d;@", "yyyy.mm"])
    if kind == 3:
        d = datetime.datetime(2019, 1, 1) + datetime.timedelta(seconds=rnd.randrange(10**8))
        return d, d.date().isoformat(), "d", "yyyy-mm-dd h:mm:ss"
    if kind == 4:
        b = rnd.random() < 0.5
        return b, str(int(b)), "b", None
    t = text(rnd).replace("\t", "").replace("_x000D_", "\r")
    t = "'" + t if t[0] == "=" else t
    return t, t, "t", None


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("streamed", (False, True))
def test_workbooks_by_openpyxl(tmp_path, seed, streamed):
    rnd = random.Random(seed)
    book = openpyxl.Workbook(write_only=streamed)
    book.epoch = rnd.choice([openpyxl.utils.datetime.WINDOWS_EPOCH, openpyxl.utils.datetime.MAC_EPOCH])
    sheet = book.create_sheet("s") if streamed else book.active
    head = [f"列{i}" for i in range(8)]
    sheet.append(head)
    expected, kinds = [head], ["t" * 8]
    for _ in range(100):
        values = [value(rnd) if rnd.random() < 0.8 else (None, "", "t", None) for _ in head]
        row = []
        for given, _, _, form in values:
            cell = openpyxl.cell.WriteOnlyCell(sheet, value=given)
            if form:
                cell.number_format = form
            row.append(cell)
        if streamed:
            sheet.append(row)
        else:
            at = sheet.max_row + 1
            for i, cell in enumerate(row, 1):
                if cell.value is not None:
                    sheet.cell(at, i, cell.value).number_format = cell.number_format
                else:
                    sheet.cell(at, i).number_format = "yyyy-mm-dd"
        if any(v[1] for v in values):
            expected.append([v[1] for v in values])
            kinds.append("".join(v[2] for v in values))
    other = book.create_sheet("hidden")
    other.sheet_state = "hidden"
    other.append(head)
    path = tmp_path / "book.xlsx"
    book.save(path)
    rows, said = read(path)
    assert said is None
    assert cells(rows) == expected
    assert [r["kinds"] for r in rows] == kinds


def make(path, strings, rows, deflate=zipfile.ZIP_DEFLATED):
    """A large workbook, written piece by piece: `strings` texts, `rows` rows of three of them."""
    rels = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
    rel = '<Relationship Id="{}" Type="' + REL + '/{}" Target="{}"/>'
    with zipfile.ZipFile(path, "w", deflate, compresslevel=1) as z:
        z.writestr("_rels/.rels", rels.format(rel.format("w", "officeDocument", "xl/w.xml")))
        z.writestr("xl/_rels/w.xml.rels", rels.format(rel.format("a", "worksheet", "a.xml") + rel.format("s", "sharedStrings", "s.xml")))
        z.writestr("xl/w.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets><sheet name="a" sheetId="1" r:id="a"/></sheets></workbook>')
        with z.open("xl/s.xml", "w") as f:
            f.write(f'<sst xmlns="{MAIN}">'.encode())
            for at in range(0, strings, 1000):
                f.write("".join(f"<si><t>text number {i}</t></si>" for i in range(at, at + 1000)).encode())
            f.write(b"</sst>")
        with z.open("xl/a.xml", "w") as f:
            f.write(f'<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            for at in range(1, rows + 1, 1000):
                f.write("".join(f'<row r="{i}">' + "".join(f'<c r="{c}{i}" t="s"><v>{(i * 3 + k) % strings}</v></c>' for k, c in enumerate("ABC"))
                                + "</row>" for i in range(at, at + 1000)).encode())
            f.write(b"</sheetData></worksheet>")


@pytest.mark.slow
def test_large_files_in_flat_memory(tmp_path):
    """A file of a hundred times the size takes no more memory."""
    def highest(path):
        r = subprocess.run([program(TOOL), "-t", str(path)], env=environment(), capture_output=True, text=True,
                           timeout=300, check=True)
        said = r.stdout.split()
        return int(said[1]), int(said[said.index("KiB") - 1])

    small, large = tmp_path / "small.xlsx", tmp_path / "large.xlsx"
    make(small, 3000, 3000)
    make(large, 300_000, 300_000)
    (n, before), (m, after) = highest(small), highest(large)
    assert (n, m) == (3000, 300_000)
    assert after < before + 1024, (before, after)
    for name, line in (("large.csv", b"\xbc\xd7\xd7\xd3,%d,x\n"), ("large.txt", "甲子\t%d\tx\n".encode())):
        path = tmp_path / name
        with open(path, "wb") as f:
            f.write(b"a,b,c\n" if b"," in line else b"a\tb\tc\n")
            for i in range(1_000_000):
                f.write(line % i)
        n, after = highest(path)
        assert n == 1_000_001 and after < before + 1024, (name, before, after)


@pytest.mark.parametrize("seed", range(3 if SANITIZED else 10))
def test_random_damage(tmp_path, seed):
    """Rows or words, nothing else: never a crash, a hang, a row that was not there."""
    rnd = random.Random(seed)
    good = tmp_path / "good.xlsx"
    make(good, 1000, 1000)
    rows, _ = read(good)
    there = {tuple(r["cells"]) for r in rows}
    data = good.read_bytes()
    path = tmp_path / "bad.xlsx"
    for _ in range(10):
        bad = bytearray(data)
        for _ in range(rnd.randrange(1, 6)):
            at = rnd.randrange(4, len(bad) - 50)
            if rnd.random() < 0.3:
                del bad[at:at + rnd.randrange(1, 50)]
            else:
                bad[at] ^= 1 << rnd.randrange(8)
        path.write_bytes(bad)
        got, said = read(path)
        assert len(got) in (0, 1000)
        assert got or (said and "error" in said)
        assert all(tuple(r["cells"]) in there for r in got)


def test_nothing_is_left_behind(tmp_path):
    """What is put aside has no name."""
    before = set(os.listdir("/var/tmp"))
    path = tmp_path / "book.xlsx"
    make(path, 20_000, 1000)
    read(path)
    assert set(os.listdir("/var/tmp")) - before == set()
