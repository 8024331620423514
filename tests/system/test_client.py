"""Somebody else's program speaks the link: linkclient.py, written from the protocol's page, in the place of either side."""

import os
import re

import nacl.signing
import pytest

from cluster import PORTS, ROOT, Collector, wait_for
from data import Data
from linkclient import PUBLISH, RECORD, Closed, Copy, Keys, Ledger, Link, Parent, entry_hash, entry_pb, link_pb, registers_pb, signed_text, subsidy
from oracle import read_csv_form

ORIGIN = "310104"


def training(n, **changes):
    fields = {
        "enrolment_no": f"T{n}".encode(), "class_no": b"C1", "pid": n.to_bytes(16, "big"), "name_tag": n.to_bytes(8, "big"), "sex": 2, "birth_year": 1905,
        "type": b"upgrade", "channel": b"individual", "institution": b"91310101MA1T000136", "status_group": b"employed",
        "enrolled_on": 20190301, "ended_on": 20190401, "result": b"completed", "hours_offline": 405,
    }
    m = registers_pb.Training()
    for name, value in {**fields, **changes}.items():
        getattr(m, name).extend(value) if name in ("groups", "programme", "area") else setattr(m, name, value)
    return m


def certificate(n, **changes):
    fields = {
        "number": f"S000031000123193{n:06d}".encode(), "pid": n.to_bytes(16, "big"), "name_tag": n.to_bytes(8, "big"), "sex": 2, "birth_year": 1905,
        "kind": b"level_social", "source": b"assessment", "occupation": b"6-18-01-01", "level": b"3", "issued_on": 20190520,
    }
    m = registers_pb.Certificate()
    for name, value in {**fields, **changes}.items():
        setattr(m, name, value)
    return m


@pytest.fixture
def city(cluster):
    """A city with one district of ours (in Python) and a real one."""
    cluster.build(("310101",))
    cluster.keys = Keys()
    cluster.city.child(ORIGIN, cluster.keys.public)
    cluster.start()
    return cluster


def link(cluster, keys=None):
    c = cluster.city
    return Link(f"tcp://127.0.0.1:{c.port}", c.keys["key"], keys or cluster.keys, c.keys["signer"])


def test_accepted_and_counted(city):
    ledger = Ledger(ORIGIN, city.keys)
    for n in range(1, 301):
        ledger.record("training", training(n, groups=[b"migrant"] if n % 3 == 0 else []))
        if n % 2 == 0:
            ledger.record("certificate", certificate(n))
    with link(city) as peer:
        welcome = peer.hello(ledger)
        assert welcome is not None, "no answer to a HELLO"
        assert peer.receipts[int(ORIGIN)].position == 0 and peer.credit > 0
        receipt = peer.deliver(ledger)
        assert receipt.head == ledger.head and receipt.position == 451

        # Corrections and retractions on the running session.
        ledger.record("training", training(1, ended_on=20190601))
        ledger.record("training", training(2, result=b"withdrawn"))
        ledger.retract("training", "T3")
        ledger.retract("certificate", "S000031000123193000004")
        assert peer.deliver(ledger).head == ledger.head

    def folded():
        c = city.city.children()[ORIGIN]
        return c["position"] == c["fold_position"] == ledger.position and c["head"] == ledger.head.hex()
    wait_for("the city to fold it", folded)
    cells = read_csv_form(city.city.form("02", "2019"))
    for area in (ORIGIN, "310000"):
        got = {m: cells.get((area, "upgrade", "individual", m)) for m in range(1, 16)}
        assert (got[1], got[2], got[3], got[4], got[5]) == ("1", "299", "298", "298", "148")
        assert (got[6], got[7], got[9], got[15]) == ("298", "99", "298", "12069")
    month = read_csv_form(city.city.form("02", "2019-06"))
    assert month[ORIGIN, "_T", "_T", 3] == "1"
    three = read_csv_form(city.city.form("03", "2019-Q2"))
    assert three[ORIGIN, "level_social", "3", 4] == "149"
    city.city.ctl("recount")
    city.city.ctl("ledger", "verify", ORIGIN)

    with link(city) as peer:
        peer.hello(ledger)
        again = peer.receipts[int(ORIGIN)]
        assert (again.position, again.head) == (ledger.position, ledger.head), "the city remembers"


def test_the_example_of_the_page():
    """Every line of hex in the page's example comes out of this client."""
    with open(os.path.join(ROOT, "proto", "README.md"), encoding="utf-8") as f:
        text = f.read().split("## 7.")[1]
    page = {name: bytes.fromhex(value) for name, value in re.findall(r"^    (\w+) +((?:[0-9a-f]+\s*?(?:\n {8,})?)+)$", text, re.M)}
    sign = nacl.signing.SigningKey(page["child_seed"])
    assert bytes(sign.verify_key) == page["child_signer"]
    e = entry_pb.Entry.FromString(page["entry"])
    assert (e.position, e.origin, e.kind, e.prev) == (1, 310115, 1, bytes(32))
    assert entry_pb.Genesis.FromString(e.body).signer == page["child_signer"]
    assert entry_hash(page["entry"]) == page["head"]
    assert signed_text("tally-seal-1", 310115, 1, page["head"]) == page["sealed"]
    assert sign.sign(page["sealed"]).signature == page["seal"]
    b = entry_pb.Batch(origin=310115, first=1, entries=[page["entry"]], head=page["head"], signature=page["seal"])
    assert b.SerializeToString() == page["batch"]
    f = link_pb.Frame.FromString(page["frame"])
    assert (f.kind, f.origin, f.batch) == (3, 310115, page["batch"])
    parent = nacl.signing.SigningKey(page["parent_seed"])
    assert bytes(parent.verify_key) == page["parent_signer"]
    assert signed_text("tally-receipt-1", 310115, 1, page["head"]) == page["receipted"]
    assert parent.sign(page["receipted"]).signature == page["receipt"]
    copy = Copy(3100001, parent.verify_key)
    assert link_pb.Frame(kind=8, session=f.session, ledgers=[copy.state()]).SerializeToString() == page["follow"]
    f = link_pb.Frame.FromString(page["publish"])
    assert (f.kind, f.origin) == (PUBLISH, 3100001)
    copy.take(f.batch)
    assert copy.entries == [page["down_entry"]] and copy.hashes[1] == page["down_head"]


def test_many_small_batches_and_replays(city):
    """Sent twice, in overlapping pieces: each entry stands once."""
    ledger = Ledger(ORIGIN, city.keys)
    for n in range(1, 101):
        ledger.record("training", training(n))
    with link(city) as peer:
        peer.hello(ledger)
        for first, last in ((1, 1), (1, 5), (2, 40), (1, 40), (30, 101), (101, 101)):
            peer.send_batch(ledger.batch(first, last))
        wait_for("the last receipt", lambda: peer.receive(1) and peer.receipts[int(ORIGIN)].position == 101)
        assert peer.receipts[int(ORIGIN)].head == ledger.head
    wait_for("the fold", lambda: city.city.children()[ORIGIN]["fold_position"] == 101)
    cells = read_csv_form(city.city.form("02", "2019"))
    assert cells[ORIGIN, "_T", "_T", 2] == "100"


def test_what_cannot_be_folded_is_kept(city):
    """Well signed and well chained is stored: an unknown kind, an unknown register, a record that fails its checks, an
    unknown field. What comes after is folded."""
    ledger = Ledger(ORIGIN, city.keys)
    ledger.append(77, body=b"from the future")
    ledger.append(RECORD, register=b"stars", body=b"\x0a\x01x")
    ledger.record("training", training(1, type=b"cooking"))
    ledger.record("training", training(2, ended_on=20190231))
    ledger.append(RECORD, register=b"training", body=b"\xff\xff\xff")
    newer = training(3).SerializeToString() + b"\xf2\x3f\x03new"  # field 1022, length 3
    ledger.append(RECORD, register=b"training", body=newer)
    ledger.retract("training", "never was there")
    ledger.record("training", training(4))
    with link(city) as peer:
        peer.hello(ledger)
        assert peer.deliver(ledger).head == ledger.head
    wait_for("the fold", lambda: city.city.children()[ORIGIN]["fold_position"] == ledger.position)
    cells = read_csv_form(city.city.form("02", "2019"))
    assert cells[ORIGIN, "_T", "_T", 2] == "2"
    assert len(city.city.ctl("ledger", "show", ORIGIN, output="json").json()) == ledger.position
    city.city.ctl("recount")


def test_real_collector_to_our_parent(cluster, oracle):
    """The other way round: a real collector delivers to a parent in Python, which checks every hash, link and seal."""
    port = PORTS.take()
    district = "310112"
    node = Collector(cluster, district, [])
    cluster.districts[district] = node
    parent = Parent(port, node.keys["signer"])
    node.sections.append(("parent", "city", {"endpoint": f"tcp://127.0.0.1:{port}", **parent.keys.public}))
    try:
        node.start()
        data = Data(f"{cluster.dir}/data", seed=21, people=2000, districts=(district,), corrections=0.1)
        for f in data.files:
            oracle.take_file(district, f["register"], data.path(f))
            node.load(f["register"], data.path(f))
        parent.serve(lambda: len(parent.entries) == node.last() and node.proven())
        assert parent.head.hex() == node.status()["ledger"]["head"]
        assert len(parent.gates) == 8 and parent.gates.hex() == node.status()["rules"]["gates"]
        records = [entry_pb.Entry.FromString(e) for e in parent.entries]
        assert records[0].kind == 1
        assert entry_pb.Genesis.FromString(records[0].body).signer == bytes(parent.child)
        rows = sum(f["good"] for f in data.files)
        assert sum(e.kind == RECORD for e in records) == rows
        bodies = [registers_pb.Training.FromString(e.body) for e in records if e.register == b"training"]
        assert all(len(b.pid) == 16 and b.sex in (0, 1, 2) and b.enrolled_on > 20170000 for b in bodies)
        people = {b.pid for b in bodies}
        assert len(people) == len({r for (r,) in oracle.db.execute("select distinct person from training")}) or len(people) > 100
    finally:
        parent.close()


def test_decisions_come_down_to_our_client(city):
    """A real city publishes its decisions: so far their genesis, under its own signer. What does not fit is answered in words,
    and the session goes on."""
    ledger = Ledger(ORIGIN, city.keys)
    ledger.record("training", training(1))
    with link(city) as peer:
        peer.hello(ledger)
        assert list(peer.published) == [3100001]
        copy = Copy(3100001, peer.signer)
        assert peer.ask(copy) and copy.position >= 1
        while copy.position < peer.published[3100001].position:
            assert peer.ask(copy)
        assert copy.hashes[-1] == peer.published[3100001].head
        assert not peer.ask(copy) or copy.position > 1  # it stands
        peer.deliver(ledger)

        def child():
            return city.city.children()[ORIGIN]
        wait_for("the city to know it", lambda: child()["decisions"] == copy.position)
        for state, fault in (({"position": 900, "head": bytes(range(32))}, 8), ({"position": 1, "head": bytes(range(32))}, 7),
                             ({"origin": 4100001}, 3)):
            wrong = copy.state()
            for name, value in state.items():
                setattr(wrong, name, value)
            with link(city) as again:
                wait_for("a session", lambda: greeted(again, ledger))
                again.send(8, ledgers=[wrong])
                with pytest.raises(Closed) as refused:
                    again.answer(copy)
                assert refused.value.fault == fault
                if fault == 7:
                    assert (child()["decisions"], child()["decisions_fault"]) == (1, "fork")
                ledger.record("training", training(ledger.position + 1))
                again.deliver(ledger)  # the session lives
    node = city.districts["310101"]
    wait_for("the real district too", lambda: node.parent()["decisions"] and node.parent()["decisions"]["position"] == copy.position)
    d = node.parent()["decisions"]
    assert (d["origin"], d["head"], d["fault"]) == ("3100001", copy.hashes[-1].hex(), None)
    rows = {r["origin"]: r for r in node.ctl("ledger", "list", output="json").json()}
    assert rows["3100001"]["head"] == d["head"] and rows["3100001"]["own"] == "no"
    node.ctl("ledger", "verify", "3100001")
    node.ctl("ledger", "show", "3100001")
    own = {r["origin"]: r["own"] for r in city.city.ctl("ledger", "list", output="json").json()}
    assert own["310000"] == own["3100001"] == "yes"
    city.city.ctl("ledger", "verify")
    city.city.ctl("recount")


def greeted(peer, ledger):
    try:
        return peer.hello(ledger)
    except Closed:
        return None


def test_decisions_of_our_parent(cluster):
    """The other way round: a real collector follows what a parent in Python publishes, says what it holds only when it does,
    and goes on where it was after a restart."""
    port = PORTS.take()
    node = Collector(cluster, "310112", [])
    cluster.districts["310112"] = node
    parent = Parent(port, node.keys["signer"])
    parent.decisions = Ledger(3100001, parent.keys)
    for n in range(700):
        parent.decisions.append(8, body=b"decided %d" % n, reason=b"because")
    node.sections.append(("parent", "city", {"endpoint": f"tcp://127.0.0.1:{port}", **parent.keys.public}))

    def holds(n):
        return parent.follows and parent.follows[-1].position == n and parent.follows[-1].head == parent.decisions.hashes[n]
    try:
        node.start()
        parent.serve(lambda: holds(701) and node.proven())
        assert node.parent()["decisions"]["head"] == parent.decisions.head.hex()
        parent.decisions.append(8, body=b"one more")
        parent.serve(lambda: holds(702))
        node.kill()
        parent.decisions.append(8, body=b"and one")
        parent.follows.clear()
        node.start()
        parent.serve(lambda: holds(703))
        assert parent.follows[0].position == 702, "it goes on where it was"
        shown = node.ctl("ledger", "show", "3100001", output="json").json()
        assert shown[-1]["position"] == 703
        node.ctl("ledger", "verify")
    finally:
        parent.close()


def test_a_question(city):
    """Asked and answered by the protocol's page alone: the second of two claims is refused by A02, and a third kind of person is not known."""
    ledger = Ledger(ORIGIN, city.keys)
    claim = {"channel": b"individual", "source": b"employment", "payee_kind": b"person", "name_tag": bytes(8), "sex": 1, "birth_year": 1905,
             "claimed": 150000, "claimed_on": 20200501, "approved": 150000, "decided_on": 20200502, "status": b"approved"}
    ledger.record("subsidy", registers_pb.Subsidy(claim_no=b"B1", purpose=b"certificate", occupation=b"6-18-01-01", level=b"3", pid=bytes(range(16)), **claim))
    with link(city) as peer:
        peer.hello(ledger)
        peer.deliver(ledger)
        wait_for("the city to fold it", lambda: city.city.children()[ORIGIN]["fold_position"] == ledger.position)
        asked = {"purpose": "certificate", "occupation": "6-18-01-01", "level": "3", "claimed_on": 20200601}
        assert peer.question(subsidy(bytes(range(16)), **asked)) == (2, "A02")
        assert peer.question(subsidy(bytes(range(16)), **{**asked, "level": "2"})) == (1, "")
        assert peer.question(subsidy(bytes(range(1, 17)), **asked)) == (1, "")
        # Its ledger goes on in between.
        ledger.retract("subsidy", "B1")
        peer.deliver(ledger)
        wait_for("the city to fold it", lambda: city.city.children()[ORIGIN]["fold_position"] == ledger.position)
        assert peer.question(subsidy(bytes(range(16)), **asked)) == (1, "")
