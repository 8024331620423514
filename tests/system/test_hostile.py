"""Peers that lie. What is refused is named and counted, memory stays flat, other links are unharmed; a fork is never
guessed away."""

import os
import random
import shutil
import socket

import pytest
import zmq
import zstandard

from cluster import SANITIZED, Collector, wait_for
from data import Data
from linkclient import BATCH, FOLLOW, HELLO, PUBLISH, Closed, Keys, Ledger, Link, entry_pb, link_pb
from test_client import ORIGIN, training

PROTOCOL, OVERSIZED, UNLISTED, SIGNER, CHAIN, GAP, FORK, BEHIND, DUPLICATE, CREDIT = range(1, 11)
VERSION = 12


@pytest.fixture
def city(cluster):
    """A city, a real district that must never notice anything, and the listed keys of the liar."""
    cluster.build(("310101",))
    cluster.keys = Keys()
    cluster.city.child(ORIGIN, cluster.keys.public)
    cluster.start()
    cluster.data = Data(f"{cluster.dir}/data", seed=31, people=1500, districts=("310101",))
    yield cluster
    for f in cluster.data.files:  # the other link is unharmed
        cluster.districts["310101"].load(f["register"], cluster.data.path(f))
    cluster.wait_folded()
    cluster.check_equal()


def link(cluster, keys=None):
    c = cluster.city
    return Link(f"tcp://127.0.0.1:{c.port}", c.keys["key"], keys or cluster.keys, c.keys["signer"], zmq.Context())


def ledger_of(cluster, n=20):
    ledger = Ledger(ORIGIN, cluster.keys)
    for i in range(1, n + 1):
        ledger.record("training", training(i))
    return ledger


def refusals(cluster):
    """All the city's counters of what it refused, denied or ended by a fault."""
    return sum(v for k, v in cluster.city.metrics().items() if any(w in k for w in ("refused", "denied", "fault")))


def greet(peer, ledger):
    """A session, as soon as the one before has given way."""
    def welcome():
        try:
            return peer.hello(ledger)
        except Closed as e:
            assert e.fault == DUPLICATE, str(e)
            return None
    wait_for("a session", welcome, 10, 0.2)


class Lie:
    """Delivers half of a true ledger, then something else; what it was told, and that nothing of it was stored."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.ledger = ledger_of(cluster)
        self.peer = link(cluster)
        greet(self.peer, self.ledger)
        if self.peer.receipts[int(ORIGIN)].position == 0:
            self.peer.send_batch(self.ledger.batch(1, 10))
        while self.peer.receipts[int(ORIGIN)].position < 10:
            assert self.peer.receive()
        self.before = refusals(cluster)

    def tell(self, *faults, stored=(10,)):
        """The fault that comes back must be one of these, and no more than this may be stored."""
        try:
            with pytest.raises(Closed) as closed:
                while self.peer.receive(5) is not None:
                    pass
                raise AssertionError("neither a fault nor an end")
            assert closed.value.fault in faults, str(closed.value)
        finally:
            self.peer.close()
        self.unharmed(stored)

    def unharmed(self, stored=(10,)):
        child = self.cluster.city.children()[ORIGIN]
        assert child["position"] in stored and child["head"] == self.ledger.hashes[child["position"]].hex()
        wait_for("the refusal to be counted", lambda: refusals(self.cluster) > self.before, 5)
        # The truth is still taken, by the same key.
        with link(self.cluster) as peer:
            greet(peer, self.ledger)
            assert peer.deliver(self.ledger).head == self.ledger.head


def test_unlisted_key_gets_nothing(city):
    stranger = Keys()
    before = refusals(city)
    ledger = Ledger(ORIGIN, stranger)
    with link(city, stranger) as peer:
        assert not peer.socket.poll(800, zmq.POLLOUT) or peer.hello(ledger) is None
    wait_for("it to be counted", lambda: refusals(city) > before, 5)
    assert city.city.children()[ORIGIN]["position"] == 0


def test_plain_socket_gets_nothing(city):
    """No CURVE at all, and no ZeroMQ at all."""
    s = zmq.Context.instance().socket(zmq.DEALER)
    s.linger = 0
    s.connect(f"tcp://127.0.0.1:{city.city.port}")
    s.send(b"hello")
    assert not s.poll(500)
    s.close()
    with socket.create_connection(("127.0.0.1", city.city.port)) as raw:
        raw.sendall(os.urandom(4096))


def test_wrong_signer(city):
    lie = Lie(city)
    lie.peer.send_batch(lie.ledger.batch(11, 15, sign=Keys().sign))
    lie.tell(SIGNER)


def test_seal_of_another_position(city):
    lie = Lie(city)
    signature = entry_pb.Batch.FromString(lie.ledger.batch(11, 16)).signature
    lie.peer.send_batch(lie.ledger.batch(11, 15, signature=signature))
    lie.tell(SIGNER)


def test_broken_chain(city):
    lie = Lie(city)
    entries = list(lie.ledger.entries[10:15])
    entries[2] = entries[2][:-1] + bytes([entries[2][-1] ^ 1])
    lie.peer.send_batch(lie.ledger.batch(11, 15, entries=entries))
    lie.tell(CHAIN, PROTOCOL)


def test_wrong_head(city):
    lie = Lie(city)
    lie.peer.send_batch(lie.ledger.batch(11, 15, head=bytes(32)))
    lie.tell(CHAIN, SIGNER)


def test_entry_left_out(city):
    lie = Lie(city)
    entries = lie.ledger.entries[10:12] + lie.ledger.entries[13:15]
    lie.peer.send_batch(lie.ledger.batch(11, 15, entries=entries))
    lie.tell(CHAIN, PROTOCOL, GAP)


def test_gap(city):
    lie = Lie(city)
    lie.peer.send_batch(lie.ledger.batch(13, 15))
    lie.tell(GAP)


def test_rewritten_past(city):
    """Another tenth entry, well chained and well signed: a fork."""
    lie = Lie(city)
    other = Ledger(ORIGIN, city.keys)
    for n in range(1, 21):
        other.record("training", training(n + (500 if n > 5 else 0)))
    lie.peer.send_batch(other.batch(1, 15))
    lie.tell(FORK, CHAIN)


def test_somebody_elses_ledger(city):
    lie = Lie(city)
    other = Ledger("310101", city.keys)
    lie.peer.send_batch(other.batch(1, 1))
    lie.tell(UNLISTED)


def test_more_than_granted(city):
    """Batches that squeeze to nothing, all at once: the credit is counted unpacked."""
    lie = Lie(city)
    del lie.ledger.entries[10:], lie.ledger.hashes[11:]
    for _ in range(12):
        lie.ledger.append(77, body=bytes(16_000))
    packed = lie.ledger.batch(11, 22)
    assert 190_000 < len(packed) < 212_992
    for _ in range(40):
        lie.peer.send_batch(packed, wait=False)
    lie.tell(CREDIT, stored=(10, 22))


def test_follows_without_end(city):
    """Asked for the same decisions ten thousand times, before a session and in one, and for what is not: at most one answer a turn of
    the city's loop, memory flat, and the truth is still taken."""
    ledger = ledger_of(city)
    before, counted = city.city.memory(), refusals(city)
    down = link_pb.LedgerState(origin=3100001, position=0, head=bytes(32))
    none = link_pb.LedgerState(origin=4100001, position=1 << 40, head=bytes(range(32)))
    with link(city) as peer:
        for _ in range(100):
            peer.send(FOLLOW, ledgers=[down])  # of no session
        greet(peer, ledger)
        for n in range(2000 if SANITIZED else 10_000):
            peer.send(FOLLOW, ledgers=[none if n % 10 == 0 else down])
        answers = 0
        while (f := peer.receive(1)) is not None:
            answers += f.kind == PUBLISH
        assert 1 <= answers <= 10_000
        peer.send(FOLLOW, ledgers=[down, down])  # not one: no frame at all
        with pytest.raises(Closed) as closed:
            while peer.receive(5) is not None:
                pass
            raise AssertionError("a wrong FOLLOW is taken")
        assert closed.value.fault == PROTOCOL
        greet(peer, ledger)
        assert peer.deliver(ledger).head == ledger.head
    assert refusals(city) > counted
    if not SANITIZED:
        assert city.city.memory() < before + (10 << 20)


def test_unknown_version(city):
    ledger = ledger_of(city)
    with link(city) as peer:
        with pytest.raises(Closed) as closed:
            peer.hello(ledger, protocol=99)
        assert closed.value.fault == VERSION


@pytest.mark.parametrize("raw_size, faults", ((1 << 28, (OVERSIZED, PROTOCOL)), (4_000_000_000, (OVERSIZED, PROTOCOL)), (1000, (PROTOCOL,))))
def test_squeezed_bomb(city, raw_size, faults):
    """Much of nothing in a small frame costs nothing."""
    before = city.city.memory()
    lie = Lie(city)
    lie.peer.send(BATCH, origin=int(ORIGIN), raw_size=raw_size, batch=zstandard.compress(bytes(1 << 28), 19))
    lie.tell(*faults)
    if not SANITIZED:
        assert city.city.memory() < before + (8 << 20)


def test_oversized_frame(city):
    lie = Lie(city)
    lie.peer.send_bytes(bytes(8 << 20))
    lie.peer.socket.poll(1000)
    lie.peer.close()
    child = city.city.children()[ORIGIN]
    assert child["position"] == 10
    if not SANITIZED:
        assert city.city.memory() < 64 << 20


@pytest.mark.threads
def test_random_frames(city):
    """Noise, and true frames with bits flipped, from a listed key: memory flat, each ends at most that session. (Slow as it
    is under the thread sanitizer, it also finds what libzmq makes of peers that go while their frames wait.)"""
    rnd = random.Random(5)
    ledger = ledger_of(city, 50)
    true = link_pb.Frame(kind=BATCH, session=bytes(16), batch=ledger.batch(1, 51)).SerializeToString()
    hello = link_pb.Frame(kind=HELLO, session=bytes(16), protocol=1).SerializeToString()
    before, counted = city.city.memory(), refusals(city)
    for k in range(30 if SANITIZED else 60):
        with link(city) as peer:
            if k % 2:
                try:
                    peer.hello(ledger)
                except Closed:
                    continue
            for _ in range(30):
                frame = bytearray(rnd.choice((true, hello, rnd.randbytes(rnd.randint(0, 3000)))))
                for _ in range(rnd.randint(0, 8)):
                    if frame:
                        frame[rnd.randrange(len(frame))] ^= 1 << rnd.randrange(8)
                if not peer.socket.poll(1000, zmq.POLLOUT):
                    break
                peer.socket.send(bytes(frame))
    assert refusals(city) > counted
    if not SANITIZED:
        assert city.city.memory() < before + (10 << 20), f"{before} → {city.city.memory()}"
    assert city.city.children()[ORIGIN]["position"] in (0, 51)


def test_many_strangers(city):
    """Hundreds of connections with unlisted keys: nothing stays."""
    before = city.city.memory()
    context = zmq.Context()
    context.max_sockets = 2000
    for _ in range(6):
        peers = [link_of_stranger(city, context) for _ in range(50)]
        peers[-1].socket.poll(300)
        for p in peers:
            p.close()
    if not SANITIZED:
        assert city.city.memory() < before + (12 << 20)


def link_of_stranger(cluster, context):
    c = cluster.city
    peer = Link(f"tcp://127.0.0.1:{c.port}", c.keys["key"], Keys(), c.keys["signer"], context)
    return peer


# ---- restored and cloned collectors ----

def fault_words(status):
    return f"{status.get('state')} {status.get('error')}"


@pytest.fixture
def pair(cluster):
    cluster.build(("310104", "310112")).start()
    cluster.data = Data(f"{cluster.dir}/data", seed=41, people=800, districts=("310104", "310112"))
    return cluster


def load_part(cluster, district, part, parts=3):
    """One third of the district's files."""
    files = cluster.data.of(district)
    for f in files[part::parts]:
        cluster.districts[district].load(f["register"], cluster.data.path(f))


def load_oracle(cluster, oracle, skip=()):
    for f in cluster.data.files:
        if f["path"] not in skip:
            oracle.take_file(f["district"], f["register"], cluster.data.path(f))


def test_restored_from_an_old_copy(pair, oracle, same_figures):
    """The collector holds less than the city has receipted: named on both sides; the city keeps what it has; new rows
    of the restored collector make another ledger, which the city does not take; the other district goes on."""
    node = pair.districts["310104"]
    load_part(pair, "310104", 0)
    pair.wait_proven()
    node.stop()
    shutil.copytree(node.state, f"{pair.dir}/old")
    node.start()
    load_part(pair, "310104", 1)
    load_part(pair, "310104", 2)
    pair.wait_folded()
    there = pair.city.children()["310104"]
    load_oracle(pair, oracle, {f["path"] for f in pair.data.of("310112")})

    node.stop()
    shutil.rmtree(node.state)
    shutil.copytree(f"{pair.dir}/old", node.state)
    node.start()

    def named():
        own, city = node.parent(), pair.city.children()["310104"]
        return own["error"] and own["state"] != "streaming" and (city.get("error") or city["state"] == "fault")
    wait_for("the fault to be named on both sides", named)
    load_part(pair, "310104", 2)  # another future
    load_part(pair, "310104", 1)
    wait_for("the fault to be named on both sides", named)
    city = pair.city.children()["310104"]
    assert (city["position"], city["head"]) == (there["position"], there["head"])
    same_figures(pair.city, oracle)

    for f in pair.data.of("310112"):
        oracle.take_file("310112", f["register"], pair.data.path(f))
        pair.districts["310112"].load(f["register"], pair.data.path(f))
    wait_for("the other district", pair.districts["310112"].proven)
    last = pair.districts["310112"].last()
    wait_for("its fold", lambda: pair.city.children()["310112"]["fold_position"] == last)
    same_figures(pair.city, oracle)
    pair.city.ctl("recount")
    pair.city.ctl("ledger", "verify")
    node.ctl("ledger", "verify")


def test_cloned(pair, oracle, same_figures):
    """The same disk runs twice. One live session a key; when both have written, the fork is named, and what the city
    took from the first stays as it is."""
    node = pair.districts["310104"]
    load_part(pair, "310104", 0)
    pair.wait_proven()
    node.stop()
    clone = Collector(pair, "310104", [("city", pair.city.keys, pair.city.port)], where=f"{pair.dir}/clone")
    shutil.rmtree(clone.state)
    shutil.rmtree(clone.keys_dir)
    shutil.copytree(node.state, clone.state)
    shutil.copytree(node.keys_dir, clone.keys_dir)
    node.start()
    wait_for("the first to stream", lambda: node.parent()["state"] == "streaming")
    clone.start()
    load_part(pair, "310104", 1)           # at the first
    for f in pair.data.of("310104")[2::3]:  # at the clone
        clone.load(f["register"], pair.data.path(f))

    def named():
        sides = (node.parent(), clone.parent(), pair.city.children()["310104"])
        return any(s["error"] for s in sides[:2]) and (sides[2].get("error") or sides[2]["state"] == "fault")
    wait_for("the fault to be named", named, 40)
    city = pair.city.children()["310104"]
    heads = {n.status()["ledger"]["head"]: n for n in (node, clone)}
    wait_for("the city to hold one of the two", lambda: pair.city.children()["310104"]["head"] in heads, 20)
    city = pair.city.children()["310104"]
    winner = heads[city["head"]]
    files = pair.data.of("310104")
    for f in files[0::3] + (files[1::3] if winner is node else files[2::3]):
        oracle.take_file("310104", f["register"], pair.data.path(f))
    for f in pair.data.of("310112"):
        oracle.take_file("310112", f["register"], pair.data.path(f))
        pair.districts["310112"].load(f["register"], pair.data.path(f))
    wait_for("the other district", pair.districts["310112"].proven)
    wait_for("the fold", lambda: all(c["fold_position"] == c["position"] for c in pair.city.children().values()))
    same_figures(pair.city, oracle)
    pair.city.ctl("recount")
    clone.stop()
