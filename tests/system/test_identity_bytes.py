"""Nothing that identifies a person leaves a district but sealed: every byte that a collector sends, and everything that the
city stores, is searched for names, numbers and phones in every encoding that somebody might have used by mistake.

The control: a collector that does not seal (built with another crypto_box_seal) is found by the same search."""

import base64
import glob
import os
import re
import urllib.parse

import nacl.exceptions
import nacl.public
import pytest
import zstandard
from zmq.utils import z85

from cluster import PORTS, program
from linkclient import BATCH, Parent, entry_pb, link_pb
from madeup import HEAD, TRAINING, card_2017, card_2023, certificate, load, resident, training
from test_identity import identify, registrar_keys

# Names of three characters and more, so that none stands anywhere by chance.
PEOPLE = [
    ("欧阳甲子", resident("19030105", 11), "111", "13812345601"),
    ("司马乙丑", resident("19040206", 22), "111", "13912345602"),
    ("诸葛丙寅", resident("19050307", 33), "111", "13712345603"),
    ("赫尔曼·穆勒一世", card_2017("DEU", "060412", 1), "553", "13612345604"),
    ("爱丽丝·史密斯", card_2023("840", "19070512", 2), "553", "13512345605"),
    ("佐藤戊辰郎", "TK7654321098", "414", "18812345606"),
    ("公孙己巳", "H09876543", "516", "18912345607"),
]
ORDINARY = [("端木庚午", resident("19080613", 44), "111", "15912345608"), ("皇甫辛未", resident("19090714", 55), "111", "15812345609")]


def encodings(text):
    """Every way in which a value might stand in bytes; those of fewer than 6 bytes are left out: they stand anywhere."""
    plain = text.encode()
    forms = {plain, text[::-1].encode(), text.lower().encode(), text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("utf-32-le"),
             text.encode("utf-32-be"), urllib.parse.quote(text).encode(), urllib.parse.quote(text).lower().encode(),
             text.encode("unicode_escape"), text.encode("ascii", "xmlcharrefreplace"), text.encode("utf-7")}
    for code in ("gb18030", "big5", "shift_jis"):
        try:
            forms.add(text.encode(code))
        except UnicodeEncodeError:
            pass
    for raw in (plain, text.encode("gb18030"), text.encode("utf-16-le")):
        forms |= {raw.hex().encode(), raw.hex().upper().encode(), raw.hex(" ").encode(), bytes(b ^ 0xff for b in raw), raw[::-1]}
        for shift in range(3):  # wherever it begins within a group of three; the edges depend on the neighbours
            whole = base64.b64encode(b"\0" * shift + raw)
            forms |= {whole[4 if shift else 0:len(whole) // 4 * 4 - 4], whole[4 if shift else 0:len(whole) // 4 * 4 - 4].translate(
                bytes.maketrans(b"+/", b"-_"))}
            forms.add(base64.b32encode(raw)[:len(raw) * 8 // 5 // 8 * 8])
    digits = "".join(c for c in text if c.isdigit())
    if len(digits) >= 8:
        number = int(digits)
        size = (number.bit_length() + 7) // 8
        varint, n = b"", number
        while n:
            varint += bytes([n & 0x7f | (0x80 if n > 0x7f else 0)])
            n >>= 7
        even = digits if len(digits) % 2 == 0 else "0" + digits
        forms |= {digits.encode(), digits[::-1].encode(), number.to_bytes(size, "big"), number.to_bytes(size, "little"), varint,
                  bytes.fromhex(even), bytes.fromhex(even[::-1]), b" ".join(digits[i:i + 4].encode() for i in range(0, len(digits), 4))}
    return {f for f in forms if len(f) >= 6}


NEEDLES = {form: value for who in (*PEOPLE, *ORDINARY) for value in (who[0], who[1], who[3]) for form in encodings(value)}


def personal_values(blob):
    return {value for form, value in NEEDLES.items() if form in blob}


class Recorder(Parent):
    """A parent that keeps every frame as it came out of the link's encryption, and every batch unpacked."""

    def __init__(self, port, signer):
        super().__init__(port, signer)
        self.heard = []
        receive = self.socket.recv_multipart

        def recorded():
            route, data = receive()
            self.heard.append(data)
            f = link_pb.Frame.FromString(data)
            if f.kind == BATCH:
                self.heard.append(zstandard.decompress(f.batch, max_output_size=f.raw_size) if f.HasField("raw_size") else f.batch)
            return route, data
        self.inner = self.socket
        self.socket = type("Spy", (), {"poll": self.inner.poll, "send_multipart": self.inner.send_multipart,
                                       "close": self.inner.close, "recv_multipart": staticmethod(recorded)})()

    def bytes(self):
        return b"\n".join(self.heard)


def stored(node):
    """Everything that a node keeps: its state folder and its log."""
    blob = []
    for path in (*glob.glob(f"{node.state}/**", recursive=True), node.log):
        if os.path.isfile(path):
            with open(path, "rb") as f:
                blob.append(re.sub(rb"\0{256,}", bytes(256), f.read()))  # empty pages
    return b"\n".join(blob)


@pytest.fixture
def recorded(cluster):
    """A city, a district, and a second parent of the district's that writes down what it hears."""
    cluster.registrar = registrar_keys(cluster)
    cluster.settings = {"collector": {"registrar": cluster.registrar[0]}}
    cluster.build(("310101",))
    node = cluster.districts["310101"]
    port = PORTS.take()
    recorder = Recorder(port, node.keys["signer"])
    node.sections.append(("parent", "recorder", {"endpoint": f"tcp://127.0.0.1:{port}", **recorder.keys.public}))
    yield cluster, node, recorder
    recorder.close()


def live(cluster, node, recorder):
    """A life: people come in, qualify, change, are taken back; refused rows, bad files, a restart."""
    cluster.start()
    people = [*PEOPLE, *ORDINARY]
    load(node, "training", TRAINING, *(training(i, name, number, phone, kind) for i, (name, number, kind, phone) in enumerate(people)))
    load(node, "certificate", HEAD, *(certificate(i, who[0], who[1], doc_type=who[2]) for i, who in enumerate(PEOPLE)),
         *(certificate(50 + i, who[0], who[1], level="4") for i, who in enumerate(ORDINARY)))
    bad = os.path.join(node.dir, "bad.csv")
    with open(bad, "w", encoding="gb18030") as f:
        f.write(TRAINING + "\n" + "".join(training(90 + i, w[0], w[1][:-1] + "?", w[3]) + "\n" for i, w in enumerate(people)))
    node.load("training", bad, codes=(3,))
    load(node, "training", TRAINING, training(0, PEOPLE[0][0] + "改", PEOPLE[0][1], "13800000009"))
    node.ctl("retract", "certificate", "Y000031123456193000001", "--reason", "entered twice")
    recorder.serve(lambda: len(recorder.entries) == node.last(), 60)
    cluster.wait_folded()
    for command in (("form", "list"), ("districts",), ("finding", "list"), ("case", "list"), ("access", "list"), ("recount",)):
        cluster.city.ctl(*command)
    backup = os.path.join(cluster.dir, "backup")
    cluster.city.ctl("backup", backup)
    for n in cluster.nodes():
        n.stop()
    cluster.city.state_copy = backup


def sealed_of(recorder):
    return [e for e in map(entry_pb.Entry.FromString, recorder.entries) if e.kind == 7]


def test_nothing_that_identifies_is_sent_or_stored(recorded):
    cluster, node, recorder = recorded
    live(cluster, node, recorder)
    assert len(sealed_of(recorder)) == len(PEOPLE) + 1
    sent, kept = recorder.bytes(), stored(cluster.city)
    assert len(sent) > 10_000 and len(kept) > 20_000 and sent.count(recorder.entries[-1]) >= 1
    assert personal_values(sent) == set()
    assert personal_values(kept) == set()
    assert personal_values(stored(node)) == set(), "the vault keeps nothing readable either"
    cluster.city.state = cluster.city.state_copy
    assert personal_values(stored(cluster.city)) == set()


def test_no_other_key_of_the_network_opens_it(recorded):
    """With every secret of every node at hand but the registrar's, nothing opens; with the registrar's all does."""
    cluster, node, recorder = recorded
    live(cluster, node, recorder)
    secrets = []
    for n in cluster.nodes():
        for path in glob.glob(f"{n.keys_dir}/*"):
            with open(path, encoding="ascii") as f:
                text = f.read().strip()
            secrets.append(z85.decode(text) if path.endswith("link.key") else base64.b64decode(text))
    assert len(secrets) >= 6
    names = set()
    registrar = nacl.public.SealedBox(nacl.public.PrivateKey(base64.b64decode(cluster.registrar[1])))
    for e in sealed_of(recorder):
        # field 4 of Identity, at the end of the body: 560 bytes, whatever the name
        assert e.body[-563:-560] == b"\x22\xb0\x04"
        sealed = e.body[-560:]
        for key in secrets:
            with pytest.raises(nacl.exceptions.CryptoError):
                nacl.public.SealedBox(nacl.public.PrivateKey(key)).decrypt(sealed)
        plain = registrar.decrypt(sealed)
        names |= {w[0] for w in PEOPLE if w[0].encode() in plain}
    assert names == {w[0] for w in PEOPLE}


def test_the_search_finds_what_is_not_sealed(recorded):
    """The control: the same search over a collector that leaves the seal open."""
    cluster, node, recorder = recorded
    node.binary = "tests/tally-collector-unsealed"
    assert os.path.exists(program(node.binary)), "make system-tools first"
    live(cluster, node, recorder)
    expected = {value for who in PEOPLE for value in (who[0], who[1])}
    assert personal_values(recorder.bytes()) >= expected
    assert personal_values(stored(cluster.city)) >= expected
    assert not personal_values(recorder.bytes()) & {value for who in ORDINARY for value in (who[0], who[1], who[3])}


@pytest.mark.parametrize("disguise", (lambda v: v.encode("gb18030"), lambda v: v.encode("utf-16-le"), lambda v: base64.b64encode(b"x" + v.encode()),
                                      lambda v: v.encode().hex().encode(), lambda v: v[::-1].encode(), lambda v: v.encode("utf-32-be")))
def test_the_search_sees_through_disguises(disguise):
    for who in (*PEOPLE, *ORDINARY):
        for value in (who[0], who[1]):
            assert value in personal_values(b"\0\1\2 some bytes " + disguise(value) + b" and more")


def test_opening_leaves_no_trace(recorded):
    """After identities were opened, by name too, neither store nor log of the city knows more than before."""
    cluster, node, recorder = recorded
    cluster.start()
    load(node, "certificate", HEAD, *(certificate(i, who[0], who[1], doc_type=who[2]) for i, who in enumerate(PEOPLE)))
    cluster.wait_folded()
    rows = node.ctl("list", "certificate", output="json").json()
    for row in rows:
        assert identify(cluster, row["pid"], "--purpose", "an award").json()
    found = cluster.city.ctl("talent", "names", "--registrar-key", "--purpose", "a letter", output="json",
                             stdin=f"{PEOPLE[0][0]}\n{cluster.registrar[1]}\n").json()
    assert [r["doc_number"] for r in found] == [PEOPLE[0][1]]
    for n in cluster.nodes():
        n.stop()
    kept = stored(cluster.city)
    assert personal_values(kept) == set()
    secret = cluster.registrar[1].encode()
    assert secret not in kept and base64.b64decode(secret) not in kept
