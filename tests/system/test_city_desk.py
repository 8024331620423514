"""The city takes in what it decides itself: targets, tasks, funds, and honours when it has the keys, into a ledger of its own, folded like a district's."""

import os
import shutil
import time

import pytest

from cluster import wait_for
from test_doors import put

TARGETS = "plan,code,year,area,value\nP2019,{code},2019,310000,100\nP2019,{code},2019,310101,20.5\n"


def code(node):
    with open(os.path.join(os.path.dirname(__file__), "../../proto/codes.tsv"), encoding="utf-8") as f:
        return next(line.split("\t")[1] for line in f if line.startswith("target\t"))


@pytest.fixture
def city(cluster):
    where = f"{cluster.dir}/drop"
    os.mkdir(where)
    cluster.build(("310101",))
    cluster.city.setting(drop_dir=where)
    cluster.start()
    return cluster


def test_targets_and_tasks(city):
    node, district = city.city, city.districts["310101"]
    path = put(node, "t.csv", TARGETS.format(code=code(node)).encode())
    r = node.ctl("import", "target", path)
    assert "accepted 2, changed 0, unchanged 0, refused 0" in r.out
    assert "unchanged 2" in node.ctl("import", "target", path).out
    assert node.ctl("list", "target", output="json").json()[0]["plan"] == "P2019"
    task = put(node, "k.csv", "task_no,kind,title,owner,due_on\nK1,{},事项,处室,2019-05-01\n".format(
        next(line.split("\t")[1] for line in open(os.path.join(os.path.dirname(__file__), "../../proto/codes.tsv"), encoding="utf-8")
             if line.startswith("task_kind\t"))).encode())
    for n in (node, district):
        assert "accepted 1" in n.ctl("import", "task", task).out
    for n, register, words in ((district, "target", "at the city"), (node, "training", "in the districts")):
        r = n.ctl("import", register, path, codes=(1,))
        assert words in r.err and len(r.err.strip().splitlines()) == 1
    assert node.status()["intake"]["accepted"] == 3
    # the city's own ledger is folded, also when nothing comes from a district
    def records():
        return next(float(line.split()[-1]) for line in node.ctl("metrics").out.splitlines() if line.startswith('tally_view_rows{view="record"'))
    wait_for("the fold", lambda: records() == 4)
    node.ctl("retract", "target", f"P2019/{code(node)}/2019/310000", "--reason", "x")
    wait_for("the fold of the retraction", lambda: records() == 3)
    assert node.ctl("recount").code == 0
    node.ctl("ledger", "verify")
    node.kill()
    node.start()
    assert node.status()["intake"]["accepted"] == 3 and node.last() == 5


def test_honours_want_the_keys(city):
    """An honour names a person: without the network's key nobody can be named."""
    text = "honour_no,title,name,doc_type,doc_number,granted_on\nH1,grand,甲子安,414,X0000001,2019-05-01\n"
    path = put(city.city, "h.csv", text.encode())
    r = city.city.ctl("import", "honour", path, codes=(1,))
    assert "pid.key" in r.err and len(r.err.strip().splitlines()) == 1
    city.city.stop()
    shutil.copy(city.pid_key(), city.city.keys_dir)
    city.city.start()
    assert "accepted 1" in city.city.ctl("import", "honour", path).out
    wait_for("the fold", lambda: "310000,grand,1,1," in city.city.form("06", "2019"))


def test_drop_folder_of_the_city(city):
    where = f"{city.dir}/drop"
    wait_for("the folders", lambda: os.path.isdir(f"{where}/failed/target"))
    assert sorted(n for n in os.listdir(where) if n not in ("done", "failed", "taking")) == ["fund", "target", "task"]
    with open(f"{where}/target/.a", "w", encoding="utf-8") as f:
        f.write(TARGETS.format(code=code(city.city)))
    os.utime(f"{where}/target/.a", (time.time() - 10,) * 2)
    os.rename(f"{where}/target/.a", f"{where}/target/a.csv")
    wait_for("the file", lambda: os.path.exists(f"{where}/done/target/a.csv"))
    assert city.city.status()["drop"]["last"]["accepted"] == 2
