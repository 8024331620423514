"""A parent that lies about its decisions. What it publishes falsely is refused, named and counted; the district's copy stays as it is, its
memory flat, and its own ledger goes up as if nothing were."""

import random

import pytest
import zstandard

from cluster import PORTS, SANITIZED, Collector
from data import Data
from linkclient import GENESIS, PUBLISH, Keys, Ledger, Parent, entry_pb, link_pb, signed_text

DOWN = 3100001
PROTOCOL, OVERSIZED, UNLISTED, SIGNER, CHAIN, GAP, FORK, BEHIND = range(1, 9)
WORDS = {PROTOCOL: "protocol", UNLISTED: "unlisted", SIGNER: "signer", CHAIN: "chain", GAP: "gap", FORK: "fork", BEHIND: "behind"}
REFUSED = 'tally_parent_decisions_refused_total{parent="city"}'


class Liar:
    """A real collector that holds twenty true decisions, and its parent, which goes on as it likes."""

    def __init__(self, cluster):
        port = PORTS.take()
        self.node = Collector(cluster, "310112", [])
        cluster.districts["310112"] = self.node
        self.parent = Parent(port, self.node.keys["signer"])
        self.true = self.parent.decisions = Ledger(DOWN, self.parent.keys)
        for n in range(19):
            self.true.append(8, body=b"decided %d" % n)
        self.node.sections.append(("parent", "city", {"endpoint": f"tcp://127.0.0.1:{port}", **self.parent.keys.public}))
        self.data = Data(f"{cluster.dir}/data", seed=51, people=300, districts=("310112",))
        self.files = list(self.data.files)
        self.node.start()
        self.serve(lambda: self.held(20))

    def serve(self, until):
        self.parent.serve(until)

    def held(self, n):
        return bool(self.parent.follows) and self.parent.follows[-1].position == n

    def refused(self):
        return self.node.metrics()[REFUSED]

    def packed(self, batch):
        return {"origin": DOWN, "raw_size": len(batch), "batch": zstandard.compress(batch, 1)}

    def tell(self, fields, *faults):
        """The answer to the FOLLOW that stands: refused by one of these."""
        before = self.refused()
        self.parent.publish = lambda held: fields
        self.serve(lambda: self.refused() > before)
        self.parent.publish = lambda held: None
        d = self.node.parent()["decisions"]
        assert d["fault"] in [WORDS[f] for f in faults], d
        assert d["error"].startswith(d["fault"])
        self.unharmed()

    def unharmed(self):
        """The copy is what it was, and the way up is open."""
        p = self.node.parent()
        assert (p["decisions"]["position"], p["decisions"]["head"]) == (20, self.true.hashes[20].hex())
        assert p["state"] == "streaming" and p["error"] is None
        f = self.files.pop()
        self.node.load(f["register"], self.data.path(f))
        self.serve(self.node.proven)
        assert self.parent.head.hex() == self.node.status()["ledger"]["head"]
        self.node.ctl("ledger", "verify")

    def truth(self):
        """Asked anew, the truth is still taken."""
        self.node.stop()
        self.parent.publish = self.parent.publish_truly
        self.node.start()
        self.serve(lambda: self.held(self.true.position))
        assert self.node.parent()["decisions"]["fault"] is None


@pytest.fixture
def liar(cluster):
    one = Liar(cluster)
    yield one
    one.parent.close()


def more(liar, n=10):
    for k in range(n):
        liar.true.append(8, body=b"later %d" % k)


def test_signed_by_another_key(liar):
    more(liar)
    liar.tell(liar.packed(liar.true.batch(21, 25, sign=Keys().sign)), SIGNER)
    liar.truth()


def test_a_gap(liar):
    more(liar)
    liar.tell(liar.packed(liar.true.batch(23, 25)), GAP)
    liar.truth()


def test_another_past(liar):
    """The same number, the same signer, another ledger."""
    other = Ledger(DOWN, liar.parent.keys)
    for n in range(40):
        other.append(8, body=b"otherwise %d" % n)
    liar.tell(liar.packed(other.batch(1, 30)), FORK)
    more(liar)
    liar.truth()


def test_a_broken_chain(liar):
    more(liar)
    entries = list(liar.true.entries[20:25])
    entries[2] = entries[2][:-1] + bytes([entries[2][-1] ^ 1])
    liar.tell(liar.packed(liar.true.batch(21, 25, entries=entries)), CHAIN, PROTOCOL)
    liar.truth()


def test_a_ledger_that_was_not_named(liar):
    """Decisions of another area, and districts' ledgers, well signed. The FOLLOW that stands still gets its true answer."""
    for origin in (4100001, 310115, 310112):
        batch, before = Ledger(origin, liar.parent.keys).batch(1, 1), liar.refused()
        liar.parent.publish = lambda held, o=origin, b=batch: {"origin": o, "batch": b}
        liar.parent.asked = True
        liar.serve(lambda b=before: liar.refused() > b)
    liar.parent.publish = lambda held: None
    liar.unharmed()
    assert {r["origin"] for r in liar.node.ctl("ledger", "list", output="json").json()} == {"310112", "3100001"}
    more(liar)
    liar.parent.publish, liar.parent.asked = liar.parent.publish_truly, True
    liar.serve(lambda: liar.held(30))


def test_the_parent_holds_less(liar):
    liar.tell({"origin": DOWN, "fault": BEHIND, "reason": b"we are an old copy"}, BEHIND)
    assert "we are an old copy" in liar.node.parent()["decisions"]["error"]
    more(liar)
    liar.truth()


@pytest.mark.parametrize("raw_size", (1 << 27, 4000))
def test_squeezed_bomb(liar, raw_size):
    """More than it says, or more than may be: the frame is refused, and with it at most the session."""
    before = liar.node.memory()
    count = liar.node.status()["parents"][0]["proven"]
    bomb = {"origin": DOWN, "raw_size": raw_size, "batch": zstandard.compress(bytes(1 << 27), 19)}
    liar.parent.publish = lambda held: bomb
    liar.serve(lambda: liar.refused() > 0 or liar.node.metrics()['tally_parent_faults_total{parent="city"}'] > 0)
    liar.parent.publish = liar.parent.publish_truly
    f = liar.files.pop()
    liar.node.load(f["register"], liar.data.path(f))
    liar.serve(liar.node.proven)
    assert liar.node.parent()["proven"] > count
    if not SANITIZED:
        assert liar.node.memory() < before + (10 << 20)


def test_a_flood(liar):
    """Thousands of batches that nobody asked for: let go, in flat memory."""
    for _ in range(12):
        liar.true.append(8, body=random.Random(3).randbytes(16_000))
    batch = liar.true.batch(21, 32)
    liar.parent.publish = lambda held: None
    before = liar.node.memory()
    route, session = liar.parent.live
    for n in range(30 if SANITIZED else 300):
        liar.parent.reply(route, session, PUBLISH, origin=DOWN, batch=batch)
        if n % 20 == 0:
            liar.serve(lambda: True)
            liar.parent.socket.poll(20)
    liar.serve(lambda: liar.node.parent()["decisions"]["position"] == 32)  # the first was an answer
    f = liar.files.pop()
    liar.node.load(f["register"], liar.data.path(f))
    liar.serve(liar.node.proven)
    assert liar.node.parent()["state"] == "streaming"
    if not SANITIZED:
        assert liar.node.memory() < before + (16 << 20)


def state_of(ledger, sign):
    text = signed_text("tally-seal-1", ledger.origin, ledger.position, ledger.head)
    return link_pb.LedgerState(origin=ledger.origin, position=ledger.position, head=ledger.head, signature=sign.sign(text).signature)


def again(liar, state):
    """The next WELCOME publishes this."""
    liar.node.stop()
    liar.parent.decision = lambda: state
    liar.parent.follows.clear()
    liar.parent.publish = lambda held: None
    liar.node.start()
    liar.serve(lambda: liar.node.parent()["state"] == "streaming")


def test_a_welcome_under_another_seal(liar):
    again(liar, state_of(liar.true, Keys().sign))
    d = liar.node.parent()["decisions"]
    assert d["fault"] == "signer" and not liar.parent.follows
    liar.unharmed()


def test_a_welcome_that_names_no_decisions(liar):
    """A district's number, and the district's own: neither is followed."""
    for origin in (310115, 310112, 3100002, 31000001):
        again(liar, state_of(Ledger(origin, liar.parent.keys), liar.parent.keys.sign))
        assert liar.node.parent()["decisions"] is None and not liar.parent.follows
    assert {r["origin"] for r in liar.node.ctl("ledger", "list", output="json").json()} == {"310112", "3100001"}


def test_two_cities_of_one_number(cluster):
    """Two parents publish 3100001 under different signers: the first is followed, the second named; both get the district's ledger."""
    node = Collector(cluster, "310112", [])
    cluster.districts["310112"] = node
    parents = []
    for name in ("city", "other"):
        port = PORTS.take()
        parent = Parent(port, node.keys["signer"])
        parent.decisions = Ledger(DOWN, parent.keys)
        for n in range(10):
            parent.decisions.append(8, body=b"%s %d" % (name.encode(), n))
        node.sections.append(("parent", name, {"endpoint": f"tcp://127.0.0.1:{port}", **parent.keys.public}))
        parents.append(parent)
    try:
        first, second = parents
        node.start()
        first.serve(lambda: bool(first.follows) and first.follows[-1].position == 11)
        second.serve(lambda: node.status()["parents"][1]["decisions"])
        data = Data(f"{cluster.dir}/data", seed=52, people=100, districts=("310112",))
        for f in data.files:
            node.load(f["register"], data.path(f))
        for parent in parents:
            parent.serve(lambda p=parent: len(p.entries) == node.last())
        one, two = node.status()["parents"]
        assert (one["decisions"]["fault"], two["decisions"]["fault"]) == (None, "signer")
        assert one["decisions"]["head"] == first.decisions.head.hex() == two["decisions"]["head"]
        shown = node.ctl("ledger", "show", "3100001", output="json").json()
        assert len(shown) == 11 and shown[0]["kind"] == "genesis"
        e = entry_pb.Entry.FromString(first.decisions.entries[0])
        assert e.kind == GENESIS
        node.ctl("ledger", "verify")
    finally:
        for parent in parents:
            parent.close()
