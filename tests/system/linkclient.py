"""An independent client of the link: a collector in Python, written from proto/README.md alone. It sends its ledger up and follows
what the parent publishes.

pyzmq, protobuf, PyNaCl and hashlib; the message classes are made from the .proto files at test time."""

import atexit
import base64
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

import nacl.signing
import zmq
import zstandard

from cluster import PATIENCE, ROOT


def _compile():
    where = tempfile.mkdtemp(prefix="tlyproto")
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    protos = ["proto/entry.proto", "proto/link.proto", "proto/registers.proto", "proto/survey.proto"]
    subprocess.run(["protoc", f"-I{ROOT}", f"--python_out={where}", *protos], check=True, cwd=ROOT)
    sys.path.insert(0, where)
    return [importlib.import_module(f"proto.{os.path.basename(p)[:-6]}_pb2") for p in protos]


entry_pb, link_pb, registers_pb, survey_pb = _compile()
GENESIS, RECORD, RETRACT = 1, 2, 3
HELLO, WELCOME, BATCH, ACK, PING, PONG, FAULT, FOLLOW, PUBLISH, QUESTION, ANSWER = range(1, 12)
SUBSIDY = 1  # a kind of question
YES, NO, UNKNOWN, MANY, BUSY, UNCLEAR, UNABLE = range(1, 8)  # answers
ZEROS = bytes(32)
LEAST_COST = 4096  # of a batch, in credit


def entry_hash(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def signed_text(purpose, origin, position, head):
    return purpose.encode() + origin.to_bytes(4, "big") + position.to_bytes(8, "big") + head


def subsidy(person, claimed_on=None, **fields):
    """What a question about a claim asks: the person's pid and the claim's fields."""
    q = link_pb.SubsidyQuestion(person=person, **{name: value.encode() for name, value in fields.items()})
    if claimed_on:
        q.claimed_on = claimed_on
    return q.SerializeToString()


class Keys:
    """link.key and sign.key of a district, made here; `public` is what the city's configuration names."""

    def __init__(self):
        public, self.secret = zmq.curve_keypair()
        self.curve = public.decode()
        self.sign = nacl.signing.SigningKey.generate()
        signer = base64.b64encode(bytes(self.sign.verify_key)).decode()
        self.public = {"key": self.curve, "signer": signer}


class Ledger:
    """A ledger of our own: entries, their hashes, the next one's place."""

    def __init__(self, origin, keys):
        self.origin, self.keys = int(origin), keys
        self.entries, self.hashes = [], [ZEROS]
        genesis = entry_pb.Genesis(signer=bytes(keys.sign.verify_key), software=b"linkclient")
        self.append(GENESIS, body=genesis.SerializeToString())

    @property
    def position(self):
        return len(self.entries)

    @property
    def head(self):
        return self.hashes[-1]

    def append(self, kind, **fields):
        e = entry_pb.Entry(prev=fields.pop("prev", self.head), position=fields.pop("position", self.position + 1),
                           origin=fields.pop("origin", self.origin), kind=kind, at_ms=int(time.time() * 1000), author=b"test")
        for name, value in fields.items():
            setattr(e, name, value)
        data = e.SerializeToString()
        self.entries.append(data)
        self.hashes.append(entry_hash(data))

    def record(self, register, message):
        self.append(RECORD, register=register.encode(), body=message.SerializeToString())

    def retract(self, register, key, reason="entered by mistake"):
        self.append(RETRACT, register=register.encode(), key=key.encode(), reason=reason.encode())

    def copy(self):
        other = object.__new__(Ledger)
        other.origin, other.keys = self.origin, self.keys
        other.entries, other.hashes = list(self.entries), list(self.hashes)
        return other

    def batch(self, first, last, sign=None, **changes):
        """Entries first…last with the seal at last, packed; `changes` set fields to what is not true."""
        b = entry_pb.Batch(origin=self.origin, first=first, entries=self.entries[first - 1:last], head=self.hashes[last])
        b.signature = (sign or self.keys.sign).sign(signed_text("tally-seal-1", self.origin, last, self.hashes[last])).signature
        for name, value in changes.items():
            if name == "entries":
                del b.entries[:]
                b.entries.extend(value)
            else:
                setattr(b, name, value)
        return b.SerializeToString()


class Copy:
    """What a child holds of a ledger that its parent publishes: nothing is believed."""

    def __init__(self, origin, signer):
        self.origin, self.signer = origin, signer
        self.entries, self.hashes = [], [ZEROS]

    @property
    def position(self):
        return len(self.entries)

    def state(self):
        return link_pb.LedgerState(origin=self.origin, position=self.position, head=self.hashes[-1])

    def take(self, packed):
        """A batch: chain, head, seal; what stands already must be the same."""
        b = entry_pb.Batch.FromString(packed)
        assert b.origin == self.origin and b.entries and 1 <= b.first <= self.position + 1, "a batch that does not follow"
        for position, data in enumerate(b.entries, b.first):
            e = entry_pb.Entry.FromString(data)
            assert (e.origin, e.position, e.prev) == (self.origin, position, self.hashes[position - 1])
            if position <= self.position:
                assert self.entries[position - 1] == data, "a fork"
                continue
            if position == 1:
                assert e.kind == GENESIS and entry_pb.Genesis.FromString(e.body).signer == bytes(self.signer)
            self.entries.append(data)
            self.hashes.append(entry_hash(data))
        last = b.first + len(b.entries) - 1
        assert b.head == self.hashes[last]
        self.signer.verify(signed_text("tally-seal-1", self.origin, last, b.head), b.signature)


class Closed(Exception):
    """The parent ended the session by a fault, or refused a FOLLOW by one."""

    def __init__(self, frame):
        super().__init__(f"fault {frame.fault}: {frame.reason.decode()}")
        self.fault = frame.fault


class Link:
    """One connection and session with a parent."""

    def __init__(self, endpoint, server_key, keys, parent_signer=None, context=None):
        self.context = context or zmq.Context.instance()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.curve_serverkey = server_key.encode()
        self.socket.curve_publickey = keys.curve.encode()
        self.socket.curve_secretkey = keys.secret
        self.socket.connect(endpoint)
        self.session = os.urandom(16)
        self.credit = self.sent = 0
        self.receipts = {}  # origin → the newest LedgerState under the parent's signature
        self.published = {}  # origin → LedgerState under the same signer's seal
        self.questions = 0   # that may stand at the parent
        self.nonce = 0
        self.signer = nacl.signing.VerifyKey(base64.b64decode(parent_signer)) if parent_signer else None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- frames ----

    def send_bytes(self, data):
        """True when the socket took it."""
        if not self.socket.poll(5000 * PATIENCE, zmq.POLLOUT):
            return False
        self.socket.send(data)
        return True

    def send(self, kind, **fields):
        f = link_pb.Frame(kind=kind, session=fields.pop("session", self.session))
        for state in fields.pop("ledgers", ()):
            f.ledgers.append(state)
        for name, value in fields.items():
            setattr(f, name, value)
        return self.send_bytes(f.SerializeToString())

    def receive(self, seconds=5):
        """The next frame that is not a heartbeat, or None. Answers pings; raises Closed on a fault."""
        end = time.monotonic() + seconds * PATIENCE
        while (left := end - time.monotonic()) > 0:
            if not self.socket.poll(int(left * 1000) + 1):
                return None
            f = link_pb.Frame.FromString(self.socket.recv())
            if f.session != self.session and not (f.kind == FAULT and f.session == bytes(16)):
                continue
            if f.kind == PING:
                self.send(PONG, nonce=f.nonce)
            elif f.kind == FAULT:
                raise Closed(f)
            elif f.kind in (WELCOME, ACK):
                self.note(f)
                return f
            elif f.kind in (PUBLISH, ANSWER):
                return f
        return None

    def note(self, f):
        """Credit is a total; a receipt counts only under the parent's signature."""
        if f.HasField("credit"):
            assert f.credit >= self.credit, "credit never goes down"
            self.credit = f.credit
        for state in f.ledgers:
            if self.signer:
                text = signed_text("tally-receipt-1", state.origin, state.position, state.head)
                self.signer.verify(text, state.signature)
            self.receipts[state.origin] = state
        if f.kind == WELCOME:
            self.questions = f.questions
        for state in f.published:
            if self.signer:
                text = signed_text("tally-seal-1", state.origin, state.position, state.head)
                self.signer.verify(text, state.signature)
            self.published[state.origin] = state

    # ---- the conversation ----

    def ask(self, copy):
        """One FOLLOW and its PUBLISH; False: none came in time, the FOLLOW stands."""
        self.send(FOLLOW, ledgers=[copy.state()])
        return self.answer(copy)

    def answer(self, copy, seconds=5):
        end = time.monotonic() + seconds * PATIENCE
        while (left := end - time.monotonic()) > 0:
            f = self.receive(left / PATIENCE)
            if f is None or f.kind != PUBLISH:
                continue
            if f.fault:
                raise Closed(f)
            assert f.origin == copy.origin
            copy.take(zstandard.decompress(f.batch, max_output_size=f.raw_size) if f.HasField("raw_size") else f.batch)
            return True
        return False

    def question(self, asked, kind=SUBSIDY):
        """One question and its answer: (answer, rule)."""
        assert self.questions, "the parent answers no questions"
        self.nonce += 1
        self.send(QUESTION, nonce=self.nonce, question=kind, asked=asked)
        while (f := self.receive()) is not None:
            if f.kind == ANSWER and f.nonce == self.nonce:
                return f.answer, f.rule.decode()
        return None

    def hello(self, *ledgers, **changes):
        self.session, self.sent, self.credit = os.urandom(16), 0, 0
        states = [link_pb.LedgerState(origin=ledger.origin, position=ledger.position, head=ledger.head) for ledger in ledgers]
        fields = {"protocol": 1, "software": b"linkclient 1", "ledgers": states, **changes}
        self.send(HELLO, **fields)
        return self.receive()

    def send_batch(self, packed, squeeze=True, origin=None, wait=True):
        """As soon as the credit allows it, unless told not to wait."""
        cost = max(len(packed), LEAST_COST)
        while wait and self.sent + cost > self.credit:
            assert self.receive() is not None, "no credit comes"
        self.sent += cost
        origin = entry_pb.Batch.FromString(packed).origin if origin is None else origin
        if squeeze:
            return self.send(BATCH, origin=origin, raw_size=len(packed), batch=zstandard.compress(packed, 1))
        return self.send(BATCH, origin=origin, batch=packed)

    def deliver(self, ledger, size=200):
        """Sends what the parent does not hold yet; returns when its receipt equals our head."""
        first = self.receipts[ledger.origin].position + 1
        for at in range(first, ledger.position + 1, size):
            self.send_batch(ledger.batch(at, min(at + size - 1, ledger.position)), squeeze=at % 2 == 0)
        while self.receipts[ledger.origin].position < ledger.position:
            assert self.receive() is not None, "no receipt comes"
        return self.receipts[ledger.origin]


class Parent:
    """The other side, as small as it can be: takes a real collector's batches, checks chain and seals, signs receipts."""

    def __init__(self, port, child_signer):
        self.keys = Keys()
        self.child = nacl.signing.VerifyKey(base64.b64decode(child_signer))
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.curve_server = True
        self.socket.curve_publickey = self.keys.curve.encode()
        self.socket.curve_secretkey = self.keys.secret
        self.socket.bind(f"tcp://127.0.0.1:{port}")
        self.entries, self.head = [], ZEROS
        self.credit = 1 << 20
        self.origin = None
        self.decisions = None  # a Ledger under our own keys; then it is published
        self.follows = []      # each FOLLOW's LedgerState
        self.publish = self.publish_truly
        self.live = None       # route and session
        self.gates = None      # what the last HELLO said of the child's gates
        self.questions = 0     # that a WELCOME grants
        self.asked_of = []     # each QUESTION
        self.answers = lambda question: [{"nonce": question.nonce, "answer": YES}]  # fields of the ANSWERs to it

    def state(self):
        text = signed_text("tally-receipt-1", self.origin, len(self.entries), self.head)
        return link_pb.LedgerState(origin=self.origin, position=len(self.entries), head=self.head,
                                   signature=self.keys.sign.sign(text).signature)

    def reply(self, route, session, kind, **fields):
        f = link_pb.Frame(kind=kind, session=session)
        for name, value in fields.items():
            if name in ("ledger", "published"):
                (f.ledgers if name == "ledger" else f.published).append(value)
            else:
                setattr(f, name, value)
        self.socket.send_multipart([route, f.SerializeToString()])

    def decision(self):
        """What a WELCOME says of our decisions."""
        d = self.decisions
        text = signed_text("tally-seal-1", d.origin, d.position, d.head)
        return link_pb.LedgerState(origin=d.origin, position=d.position, head=d.head, signature=self.keys.sign.sign(text).signature)

    def publish_truly(self, held):
        """Fields of the PUBLISH that answers a FOLLOW, or None: it stands."""
        d = self.decisions
        if held.origin != d.origin:
            return {"origin": held.origin, "fault": 3, "reason": b"no such ledger"}
        if held.position > d.position:
            return {"origin": d.origin, "fault": 8, "reason": b"we hold less"}
        if d.hashes[held.position] != held.head:
            return {"origin": d.origin, "fault": 7, "reason": b"another ledger"}
        if held.position == d.position:
            return None
        packed = d.batch(held.position + 1, d.position)
        return {"origin": d.origin, "raw_size": len(packed), "batch": zstandard.compress(packed, 1)}

    def standing(self):
        """Answers the FOLLOW that stands, if there is an answer."""
        if self.live and self.follows and self.asked:
            fields = self.publish(self.follows[-1])
            if fields:
                self.asked = False
                self.reply(*self.live, PUBLISH, **fields)

    def serve(self, until, seconds=20):
        """Answers until until() is true."""
        end = time.monotonic() + seconds * PATIENCE
        while not until():
            assert time.monotonic() < end, "the collector did not deliver"
            self.standing()
            if not self.socket.poll(50):
                continue
            route, data = self.socket.recv_multipart()
            f = link_pb.Frame.FromString(data)
            if f.kind == HELLO:
                assert f.protocol == 1 and len(f.session) == 16
                self.origin, self.gates = f.ledgers[0].origin, f.gates
                self.live, self.asked = (route, f.session), False
                more = {"published": self.decision()} if self.decisions else {}
                if self.questions:
                    more["questions"] = self.questions
                self.reply(route, f.session, WELCOME, protocol=1, ledger=self.state(), credit=self.credit, **more)
            elif f.kind == FOLLOW:
                assert len(f.ledgers) == 1 and self.decisions and self.live == (route, f.session)
                self.follows.append(f.ledgers[0])
                self.asked = True
            elif f.kind == QUESTION:
                assert self.questions, "asked although nothing was granted"
                self.asked_of.append(f)
                for fields in self.answers(f):
                    fields = {"kind": ANSWER, **fields}
                    self.reply(route, f.session, fields.pop("kind"), **fields)
            elif f.kind == PING:
                self.reply(route, f.session, PONG, nonce=f.nonce)
            elif f.kind == BATCH:
                self.take(f)
                self.credit += max(f.raw_size or len(f.batch), LEAST_COST)
                self.reply(route, f.session, ACK, ledger=self.state(), credit=self.credit)

    def take(self, frame):
        packed = frame.batch
        if frame.HasField("raw_size"):
            packed = zstandard.decompress(packed, max_output_size=frame.raw_size)
            assert len(packed) == frame.raw_size
        b = entry_pb.Batch.FromString(packed)
        assert b.origin == frame.origin == self.origin and b.first <= len(self.entries) + 1
        for position, data in enumerate(b.entries, b.first):
            e = entry_pb.Entry.FromString(data)
            assert e.position == position and e.origin == self.origin
            if position <= len(self.entries):
                assert self.entries[position - 1] == data
                continue
            assert e.prev == self.head, f"the chain breaks at {position}"
            self.entries.append(data)
            self.head = entry_hash(data)
        assert b.head == self.head
        self.child.verify(signed_text("tally-seal-1", self.origin, len(self.entries), self.head), b.signature)

    def close(self):
        self.socket.close()
        self.context.term()
