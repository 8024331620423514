"""An independent client of the link: a collector in Python, written from proto/README.md alone.

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
    protos = ["proto/entry.proto", "proto/link.proto", "proto/registers.proto"]
    subprocess.run(["protoc", f"-I{ROOT}", f"--python_out={where}", *protos], check=True, cwd=ROOT)
    sys.path.insert(0, where)
    return [importlib.import_module(f"proto.{os.path.basename(p)[:-6]}_pb2") for p in protos]


entry_pb, link_pb, registers_pb = _compile()
GENESIS, RECORD, RETRACT = 1, 2, 3
HELLO, WELCOME, BATCH, ACK, PING, PONG, FAULT = range(1, 8)
ZEROS = bytes(32)
LEAST_COST = 4096  # of a batch, in credit


def entry_hash(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def signed_text(purpose, origin, position, head):
    return purpose.encode() + origin.to_bytes(4, "big") + position.to_bytes(8, "big") + head


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


class Closed(Exception):
    """The parent ended the session by a fault."""

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

    # ---- the conversation ----

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

    def state(self):
        text = signed_text("tally-receipt-1", self.origin, len(self.entries), self.head)
        return link_pb.LedgerState(origin=self.origin, position=len(self.entries), head=self.head,
                                   signature=self.keys.sign.sign(text).signature)

    def reply(self, route, session, kind, **fields):
        f = link_pb.Frame(kind=kind, session=session)
        for name, value in fields.items():
            f.ledgers.append(value) if name == "ledger" else setattr(f, name, value)
        self.socket.send_multipart([route, f.SerializeToString()])

    def serve(self, until, seconds=20):
        """Answers until until() is true."""
        end = time.monotonic() + seconds * PATIENCE
        while not until():
            assert time.monotonic() < end, "the collector did not deliver"
            if not self.socket.poll(50):
                continue
            route, data = self.socket.recv_multipart()
            f = link_pb.Frame.FromString(data)
            if f.kind == HELLO:
                assert f.protocol == 1 and len(f.session) == 16
                self.origin = f.ledgers[0].origin
                self.reply(route, f.session, WELCOME, protocol=1, ledger=self.state(), credit=self.credit)
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
