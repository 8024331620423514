"""Bad input of every kind gets a clear error, costs no memory, and takes nothing else with it."""

import os
import random
import signal
import subprocess

import pytest

from cluster import SANITIZED, environment, program, wait_for
from data import Data

HEAD = "enrolment_no,class_no,name,doc_type,doc_number,type,channel,institution,status_group,enrolled_on,ended_on,result"
CELLS = "T{n},C1,甲子安,111,310101190301050015,upgrade,individual,91310101MA1T000136,employed,2019-03-01,2019-04-01,completed"


def row(n):
    return CELLS.format(n=n)


@pytest.fixture
def node(cluster):
    cluster.build(("310101",)).start()
    return cluster.districts["310101"]


def load(node, content, codes=None):
    """(result, words on both outputs) of importing these bytes."""
    path = f"{node.cluster.dir}/bad.csv"
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    r = node.ctl("import", "training", path, codes=codes)
    return r, r.out + r.err


WHOLE_FILES = {  # name → (content, a word of the complaint)
    "empty": (b"", "empty"),
    "only a BOM": (b"\xef\xbb\xbf", "empty"),
    "missing column": (HEAD.replace("class_no,", "") + "\n" + row(1).replace("C1,", "") + "\n", "class_no"),
    "doubled column": (HEAD + ",type\n" + row(1) + ",upgrade\n", "type"),
    "doubled column in two languages": (HEAD + ",培训类型\n" + row(1) + ",upgrade\n", "type"),
    "unknown column": (HEAD + ",salary\n" + row(1) + ",3\n", "salary"),
    "UTF-32": (("\ufeff" + HEAD + "\n" + row(1) + "\n").encode("utf-32-le"), "UTF-32"),
    "a workbook that is none": (b"PK\x03\x04" + bytes(2000), "damaged"),
    "binary": (bytes(random.Random(1).randbytes(20000)), ""),
    "NUL": ((HEAD + "\n").encode() + b"T1,\x00" + row(2).encode() + b"\n", ""),
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_whole_file_is_refused(node, name):
    content, word = WHOLE_FILES[name]
    before = node.last()
    r, said = load(node, content)
    assert r.code in (1, 3), said
    assert word in said
    assert "甲子安" not in said and "310101190301050015" not in said
    assert len(r.err.strip().splitlines()) <= 1, "an error is one line"
    # A file that is refused before its first row leaves nothing; one whose rows are all refused leaves the note of it.
    assert node.last() == before + (r.code == 3)
    ok, said = load(node, f"{HEAD}\n{row(1)}\n")
    assert ok.code == 0 and "accepted 1," in said


ROWS = {  # name → the bad row, between two good ones
    "too few fields": "T9,C1,甲子安",
    "Latin-1": row(9).encode().replace("甲子安".encode(), b"Jos\xe9"),
    "GB18030": row(9).encode("gb18030"),
    "too many fields": row(9) + ",,,,",
    "million characters": row(9).replace("C1", "x" * 1_000_000),
    "million characters in quotes": row(9).replace("C1", '"' + "y,\n" * 333_333 + '"'),
    "no key": row("").replace("T,", ",", 1),
    "control character": row(9).replace("C1", "C\x01"),
    "name of 65 characters": row(9).replace("甲子安", "甲" * 65),
    "text of 201 characters": row(9).replace("C1", "班" * 201),
    "injected formula is only text, and a bad date": row(9).replace("C1", "=1+1").replace("2019-04-01", "2019-04-31"),
    "all at fault": "T9,,,999,1,cooking,x,y,z,2019-02-31,never,?",
}


@pytest.mark.parametrize("name", ROWS)
def test_bad_row_between_good_ones(node, name):
    bad = ROWS[name]
    bad = bad if isinstance(bad, bytes) else bad.encode()
    r, said = load(node, f"{HEAD}\n{row(1)}\n".encode() + bad + f"\n{row(2)}\n".encode())
    assert r.code == 3, said
    assert "accepted 2, changed 0, unchanged 0, refused 1" in said
    assert "甲子安" not in said and "310101190301050015" not in said
    refused = node.ctl("refused", output="json").json()
    assert refused, "listed"
    assert len(str(refused)) < 5000
    if not SANITIZED:
        assert node.memory() < 24 << 20


def test_all_faults_of_a_row_at_once(node):
    load(node, f"{HEAD}\n{ROWS['all at fault']}\n", codes=(3,))
    with open(f"{node.cluster.dir}/bad.csv.refused.csv", encoding="utf-8-sig") as f:
        said = f.read()
    for field in ("class_no", "name", "doc_type", "type", "channel", "institution", "status_group", "enrolled_on", "ended_on", "result"):
        assert field in said.split("\n", 1)[1], field


def test_unclosed_quote(node):
    """What stands before the quote may be taken in; nothing after it is guessed; memory stays flat."""
    start = node.memory()
    body = "\n".join(row(n) for n in range(2, 60_000))
    r, said = load(node, f'{HEAD}\n{row(1)}\nT0,"C1,{body}\n')
    assert r.code in (1, 3), said
    assert node.last() <= 2 + (r.code == 3), "a note of what was refused, and nothing else"
    if not SANITIZED:
        assert node.memory() < start + (24 << 20)


def test_liberties_of_clerks(node):
    """What is not a fault: CRLF, a blank last line, quotes, spaces in headers, columns in any order, absent optional ones."""
    head, cells = HEAD.split(","), row(1).split(",")
    text = ",".join(f'" {h} "' if i % 2 else h for i, h in enumerate(head[::-1])) + "\r\n"
    text += ",".join(f'"{c}"' for c in cells[::-1]) + "\r\n\r\n"
    r, said = load(node, text)
    assert r.code == 0 and "accepted 1, changed 0, unchanged 0, refused 0" in said
    r, said = load(node, f"{HEAD}\n{row(1)}")  # no line end at the end
    assert r.code == 0 and "accepted 0, changed 0, unchanged 1, refused 0" in said


def test_same_key_twice_in_a_file(node):
    """The later row is the newer version."""
    r, said = load(node, f"{HEAD}\n{row(1)}\n{row(1).replace('upgrade', 'newskill')}\n")
    assert r.code == 0 and "accepted 1, changed 1, unchanged 0, refused 0" in said
    assert "newskill" in node.ctl("get", "training", "T1").out + node.ctl("get", "training", "T1", output="json").out


@pytest.mark.parametrize("what", ("missing", "folder", "register"))
def test_no_file(node, what):
    path = {"missing": f"{node.cluster.dir}/none.csv", "folder": node.cluster.dir, "register": node.conf}[what]
    r = node.ctl("import", "cooking" if what == "register" else "training", path, codes=None)
    assert r.code in (1, 2) and len(r.err.strip().splitlines()) == 1
    assert ("cooking" if what == "register" else path) in r.err


def test_several_files_one_bad(node):
    """The good ones are taken in although one is not."""
    where = node.cluster.dir
    for k, text in enumerate((f"{HEAD}\n{row(1)}\n", "", f"{HEAD}\n{row(3)}\n")):
        with open(f"{where}/m{k}.csv", "w", encoding="utf-8") as f:
            f.write(text)
    r = node.ctl("import", "training", *(f"{where}/m{k}.csv" for k in range(3)), codes=None)
    assert r.code in (1, 3) and node.last() >= 2 and "m1.csv" in r.err
    assert "unchanged 1" in node.ctl("import", "training", f"{where}/m2.csv").out


def read_so_far(pid, path):
    """How far a process has read a file that it holds open; 0 before."""
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{fd}") == path:
                with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
                    return int(f.readline().split()[1])
    except FileNotFoundError:
        pass
    return 0


def test_file_that_changes_while_it_is_read(node):
    path = f"{node.cluster.dir}/growing.csv"
    with open(path, "w", encoding="utf-8") as f:
        f.write(HEAD + "\n")
        f.writelines(row(n) + "\n" for n in range(120_000))
    job = subprocess.Popen([program("tallyctl"), "-s", node.socket, "import", "training", path],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
    wait_for("tallyctl to read", lambda: 0 < read_so_far(job.pid, path), step=0.0005)
    os.kill(job.pid, signal.SIGSTOP)
    assert read_so_far(job.pid, path) < os.path.getsize(path), "it was too fast"
    with open(path, "a", encoding="utf-8") as f:
        f.write(row(999_999) + "\n")
    os.kill(job.pid, signal.SIGCONT)
    said, _ = job.communicate(timeout=120)
    assert job.returncode not in (0, None) and "chang" in said, said
    r = node.ctl("import", "training", path, codes=(0,))
    assert "refused 0" in r.out
    node.ctl("ledger", "verify")


@pytest.fixture
def small_disk(cluster):
    """A tmpfs for the collector's state: its three stores, each with the 8 MiB that it holds against a full disk and its journal, and a little more."""
    where = os.path.join(cluster.dir, "disk")
    os.mkdir(where)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", where], capture_output=True).returncode:
        pytest.skip("needs root and mount")
    yield where
    for node in cluster.nodes():
        node.kill()
    subprocess.run(["umount", "-l", where], check=True)


def slices(path, rows):
    """The file's rows in files of so many, each with the header."""
    with open(path, encoding="utf-8") as f:
        head, *lines = f.readlines()
    for i in range(0, len(lines), rows):
        part = f"{path}.{i}"
        with open(part, "w", encoding="utf-8") as f:
            f.writelines([head, *lines[i:i + rows]])
        yield part


def test_full_disk_during_import(cluster, small_disk, oracle, same_figures):
    """The intake stops with a clear word and keeps what it accepted; receipts are still stored; with room it goes on."""
    data = Data(f"{cluster.dir}/data", seed=3, people=3000, rows="training=60000", districts=("310101",), registers="training")
    cluster.build(("310101",))
    node = cluster.districts["310101"]
    os.rmdir(node.state)
    os.symlink(small_disk, node.state)
    cluster.start()
    f = data.files[0]
    for part in slices(data.path(f), 3000):
        r = node.ctl("import", "training", part, codes=None)
        if r.code:
            break
    assert r.code == 1, r
    assert "room" in r.err or "full" in r.err or "space" in r.err, r
    assert len(r.err.strip().splitlines()) == 1
    kept = node.last()
    assert kept > 1000
    cluster.wait_proven()
    assert "room_days" in node.status()["store"]
    node.ctl("ledger", "verify")
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)

    def goes_on():
        return node.ctl("import", "training", data.path(f), codes=None).code == 0
    wait_for("the intake to go on when there is room", goes_on, 30, 0.5)
    oracle.take_file("310101", "training", data.path(f))
    cluster.wait_folded()
    same_figures(cluster.city, oracle, brief=True)
    cluster.check_equal()
