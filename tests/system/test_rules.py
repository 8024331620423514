"""Rules from a directory: who gets in, what an honour opens, what raises an alert; read at the start, told when they are wrong."""

import os
import shutil
import signal
import subprocess

import pytest

from cluster import ctl, program, wait_for
from linkclient import Keys, Ledger, Link
from madeup import HEAD, TRAINING, certificate, certificate_key, load, pid_of, resident, training

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "../../deploy/examples/rules")
DISTRICTS = ("310101", "310115")
WANG = ("王甲子", resident("19030105", 1))
LI = ("李乙丑", resident("19440206", 2))

GATE = """
gate "2" {
	valid_from = "2026-01-01"  zh = "四级及以上"  en = "level 4 and above"
	clause "level" {
		zh = "证书"  en = "certificate"  register = "certificate"  from = "issued_on"  until = "revoked_on"  through = "valid_until"
		where = "kind = level_employer and level = 4|3|2|1|T|S"
	}
}
"""


def rules(node, **files):
    where = os.path.join(node.dir, "rules")
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    for name, text in files.items():
        with open(os.path.join(where, f"{name.replace('_', '-')}.rule"), "w", encoding="utf-8") as f:
            f.write(text)
    node.setting(rules_dir=where)
    return where


def marks(node):
    status = node.status()["rules"]
    (line,) = [k for k in node.metrics() if k.startswith("tally_rules_info")]
    assert all(f'{k}="{v}"' in line for k, v in status.items()), (line, status)
    return status


def talents(city, day):
    city.wait_folded()
    return {r["id"] for r in city.city.ctl("talent", "find", "--at", day, output="json").json()}


def beside(city):
    """What the city says of its districts' gates: {district: (mark, beside its own)}; None while its forms, asked one after the
    other, do not say the same."""
    rows = {r["origin"]: (r["gates"], r["gates_here"]) for r in city.ctl("districts", output="json").json()}
    children = {c["origin"]: (c["gates"], c["gates_differ"]) for c in city.status()["children"]}
    gauges = {k.split('"')[1]: v for k, v in city.metrics().items() if k.startswith("tally_child_gates_differ{")}
    words = {None: None, False: "same", True: "differ"}
    same = rows == {o: (mark, words[differs]) for o, (mark, differs) in children.items()}
    return rows if same and gauges == {o: float(differs) for o, (_, differs) in children.items() if differs is not None} else None


def wait_beside(city, wanted):
    wait_for(f"the gates {wanted}", lambda: beside(city) == wanted)


def restart(node):
    node.stop()
    node.start()


def test_a_gate_more_lets_others_in_from_its_day_on(cluster):
    where = os.path.join(cluster.dir, "registrar")
    os.makedirs(where, mode=0o700)
    public = ctl("keygen", "--registrar", where, output="json").json()["registrar"]
    with open(os.path.join(where, "registrar.key"), encoding="ascii") as f:
        secret = f.read().strip()
    cluster.settings = {"collector": {"registrar": public}}
    cluster.build(DISTRICTS).start()
    one, two = cluster.districts.values()
    load(one, "certificate", HEAD, certificate(1, *WANG), certificate(2, *LI, level="4"))
    of_the_program = {n.origin: marks(n) for n in cluster.nodes()}
    assert len({str(m) for m in of_the_program.values()}) == 1 and of_the_program["310000"]["gate"] == "1"
    before = talents(cluster, "2026-06-01")
    assert len(before) == 1
    old = of_the_program["310000"]["gates"]
    wait_beside(cluster.city, {d: (old, "same") for d in DISTRICTS})
    sealed = one.last()

    # At the city alone: both sides tell that they differ, and nobody's identity came.
    rules(cluster.city, gate_2=GATE)
    restart(cluster.city)
    assert talents(cluster, "2025-12-31") == before and len(talents(cluster, "2026-01-01")) == 2
    assert marks(cluster.city)["gate"] == "2" and marks(cluster.city)["gates"] != marks(one)["gates"]
    assert marks(one) == of_the_program["310101"] and one.last() == sealed
    wait_beside(cluster.city, {d: (old, "differ") for d in DISTRICTS})
    assert cluster.city.ctl("recount").code == 0

    # In the district too: who gets in now is sealed, and the marks agree, whatever the files are called and say beside it.
    rules(one, **{"gate_of_2026": "# a district's copy\n" + GATE.replace("  en", "\n\t en")})
    restart(one)
    assert (marks(one)["gate"], marks(one)["gates"]) == ("2", marks(cluster.city)["gates"])
    assert marks(one)["all"] != marks(cluster.city)["all"]
    wait_beside(cluster.city, {"310101": (marks(cluster.city)["gates"], "same"), "310115": (old, "differ")})
    new = marks(one)["gates"]
    one.stop()  # who is away goes by what was said last
    wait_for("it is away", lambda: cluster.city.ctl("districts", output="json").json()[0]["state"] == "absent")
    assert beside(cluster.city)["310101"] == (new, "same")
    one.start()
    wait_for("the second identity", lambda: one.last() == sealed + 1)
    cluster.wait_folded()
    li = pid_of(one, "certificate", certificate_key(2, "4"))
    found = cluster.city.ctl("talent", "identify", li, "--purpose", "an award", "--registrar-key", output="json", stdin=secret + "\n")
    assert [r["name"] for r in found.json()] == [LI[0]]

    # And back: the views follow.
    shutil.rmtree(cluster.city.settings["rules_dir"])
    os.makedirs(cluster.city.settings["rules_dir"])
    restart(cluster.city)
    assert talents(cluster, "2026-06-01") == before and marks(cluster.city) == of_the_program["310000"]
    wait_beside(cluster.city, {"310101": (new, "differ"), "310115": (old, "same")})
    cluster.check_equal()


def test_a_district_of_another_version_says_nothing_of_its_gates(cluster):
    """By a client of our own: no mark, a mark of another length, a mark."""
    cluster.build(("310101",))
    keys = Keys()
    cluster.city.child("310104", keys.public)
    cluster.start()
    ledger = Ledger("310104", keys)
    own = cluster.city.status()["rules"]["gates"]
    wait_beside(cluster.city, {"310101": (own, "same"), "310104": (None, None)})
    with Link(f"tcp://127.0.0.1:{cluster.city.port}", cluster.city.keys["key"], keys, cluster.city.keys["signer"]) as peer:
        for told, seen in (({}, (None, None)), ({"gates": b"\1" * 8}, ("01" * 8, "differ")), ({"gates": b"\1" * 7}, (None, None)),
                           ({"gates": bytes.fromhex(own)}, (own, "same")), ({"gates": b""}, (None, None)), ({"gates": b"\1" * 4096}, (None, None))):
            assert peer.hello(ledger, **told) is not None, told  # over the same connection: it begins anew
            ledger.retract("training", f"T{ledger.position}")
            assert peer.deliver(ledger).head == ledger.head  # whatever it says of its gates, its ledger comes in
            wait_beside(cluster.city, {"310101": (own, "same"), "310104": seen})


def test_alerts_and_chains_of_the_citys_own(cluster):
    cluster.build(("310101",)).start()
    one = cluster.districts["310101"]
    load(one, "training", TRAINING, training(1, *WANG), training(2, *LI))
    cluster.wait_folded()

    def alerts():
        cluster.wait_folded()
        return {(a["rule"], a["key"]) for a in cluster.city.ctl("alert", "list", output="json").json()}
    assert "rule B01" in cluster.city.ctl("alert", "list", "--rule", "B01", codes=None).err
    before = alerts()
    with open(os.path.join(EXAMPLES, "alerts-more.rule"), encoding="utf-8") as f:
        more = f.read()
    # A file of a built-in one's name takes its place: the chains are these and no others.
    rules(cluster.city, alerts_more=more, chains='chain "own" { zh = "自定"  en = "own"  clause "c" { zh = "证书"  en = "certificate" '
          'register = "certificate"  from = "issued_on" } }')
    restart(cluster.city)
    assert alerts() == before | {("B01", "T1"), ("B01", "T2")}
    assert cluster.city.ctl("talent", "eligible", "--for", "own", output="json").json() == []
    assert "model" in cluster.city.ctl("talent", "eligible", "--for", "model", codes=None).err
    assert cluster.city.ctl("recount").code == 0
    # Another limit: folded anew.
    rules(cluster.city, alerts_more=more.replace('"70"', '"80"'))
    restart(cluster.city)
    assert alerts() == before | {("B01", "T1")}


BROKEN = {
    'gate "2" {\n\tvalid_from = "2026-13-01"  zh = "x"  en = "x"\n\tclause "c" { zh = "x" en = "x" register = "certificate" from = "issued_on" }\n}\n':
        "own.rule:2: not a date",
    'gate "2" {\n\tvalid_from = "2026-01-01"  zh = "x"  en = "x"\n\tclause "c" { zh = "x" en = "x" register = "nothing" from = "issued_on" }\n}\n':
        "own.rule:3:",
    'alert "A01" { kind = "certificate" zh = "x" en = "x" register = "certificate" }\n': "own.rule:1: stands twice",
    'alert "B01" {\n kind = "sorcery" zh = "x" en = "x" }\n': "own.rule:2:",
    'gate "2" {\n': "own.rule:",
    'chain "x" { zh = "x" en = "x" clause "c" { zh = "x" en = "x" register = "certificate" from = "issued_on" where = "level < " } }': "own.rule:1",
    "": "own.rule",
    'gate "again" { valid_from = "1950-01-01" zh = "x" en = "x" clause "c" { zh = "x" en = "x" register = "certificate" from = "issued_on" } }':
        "own.rule:1: two gates begin on this day",
}


@pytest.mark.parametrize("role", ("collector", "aggregator"))
def test_what_is_wrong_is_told_with_file_and_line(cluster, role):
    cluster.build(("310101",)).start()
    node = cluster.districts["310101"] if role == "collector" else cluster.city
    good = marks(node)
    where = rules(node, own=GATE)
    restart(node)
    with_gate = marks(node)
    assert with_gate != good
    for text, words in BROKEN.items():
        with open(os.path.join(where, "own.rule"), "w", encoding="utf-8") as f:
            f.write(text)
        done = subprocess.run([program(node.binary), "-n", "-c", node.conf], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 78 and words in done.stderr, (text, done.stderr)
    # A reload is refused and changes nothing; a start is refused.
    node.process.send_signal(signal.SIGHUP)

    def logged(words):
        with open(node.log, encoding="utf-8") as f:
            return words in f.read()
    wait_for("the refusal", lambda: logged("reload refused, nothing has changed: own.rule:1: two gates"))
    assert marks(node) == with_gate
    node.stop()
    node.may_fail = True
    node.spawn()
    assert node.process.wait(30) == 78 and "own.rule:1: two gates begin on this day" in node.tail()
    # Other rules at a reload wait for a restart, and the log says so.
    rules(node, own=GATE)
    node.start()
    rules(node, own=GATE.replace("level = 4|", "level = "))
    node.process.send_signal(signal.SIGHUP)
    wait_for("the word", lambda: logged("the rules have changed and need a restart"))
    assert marks(node) == with_gate
    node.setting(rules_dir="/nowhere")
    node.write_conf()
    assert "/nowhere" in subprocess.run([program(node.binary), "-n", "-c", node.conf], capture_output=True, text=True, timeout=60,
                                        check=False).stderr


def test_the_examples_are_good(cluster):
    cluster.settings = {r: {"rules_dir": os.path.abspath(EXAMPLES)} for r in ("collector", "aggregator")}
    cluster.build(("310101",)).start()
    assert len({str(marks(n)) for n in cluster.nodes()}) == 1
    assert marks(cluster.city)["gate"] in ("1", "2027")
