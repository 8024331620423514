#!/usr/bin/python3
"""Makes the first corpora of the fuzzers for entries and frames with the independent client of tests/system: entries of every
kind, a batch, and a frame of every kind. Run by hand when the schemas change; what it writes is committed. Made-up values only."""

import base64
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import zstandard  # noqa: E402

import linkclient as lc  # noqa: E402

PERSON = {"pid": bytes(range(16)), "sex": 1, "birth_year": 1905, "name_tag": bytes(8)}


def ledger():
    out = lc.Ledger(310115, lc.Keys())
    out.record("training", lc.registers_pb.Training(
        enrolment_no=b"N1", class_no=b"C1", type=b"upgrade", channel=b"self", institution=b"91310101MA1T000136",
        status_group=b"employed", groups=[b"migrant", b"veteran"], enrolled_on=20190601, ended_on=20190620, hours_online=125,
        result=b"completed", **PERSON))
    out.record("certificate", lc.registers_pb.Certificate(
        number=b"S000031000123213000045", kind=b"level_social", source=b"assessment", occupation=b"6-31-01-03", level=b"3",
        issued_on=20210501, **PERSON))
    out.retract("training", "N1")
    return out


def frame(kind, **fields):
    f = lc.link_pb.Frame(kind=kind, session=bytes(range(16)))
    for state in fields.pop("ledgers", ()):
        f.ledgers.append(state)
    for state in fields.pop("published", ()):
        f.published.append(state)
    for name, value in fields.items():
        setattr(f, name, value)
    return f.SerializeToString()


def bulletin():
    """A bulletin with one figure and no forms worth the name, sealed; its VERSION entry; its part of figures."""
    book = lc.Ledger(3100001, lc.Keys())
    figures, forms = b"0,310000,_T,1,7,A,F\n", b"01.form 1\n#"
    packed = lc.survey_pb.Figures(part=1, parts=1, raw_size=len(figures), bytes=zstandard.compress(figures, 1)).SerializeToString()
    version = lc.survey_pb.Version(form=b"02", edition=b"1", period=b"2019-06", number=1, figures=2, parts=1, digest=lc.entry_hash(figures),
                                   forms=3, forms_parts=1, forms_digest=lc.entry_hash(forms), rules=bytes(32), areas=[310000, 310101])
    setattr(version, "class", b"first")
    version.positions.add(origin=310101, position=5, head=bytes(32))
    book.append(9, body=version.SerializeToString())
    text = json.dumps({"bulletin": 1, "form": "02", "period": "2019-06", "version": 1, "ledger": "3100001", "figures": figures.decode(),
                       "forms": forms.decode(), "signer": base64.b64encode(bytes(book.keys.sign.verify_key)).decode(),
                       "proof": base64.b64encode(book.batch(2, 2)).decode()})
    return {"bulletin/whole": text.encode(), "bulletin/version": book.entries[1], "bulletin/part": packed, "bulletin/lines": figures}


def main():
    book = ledger()
    batch = book.batch(1, book.position)
    state = lc.link_pb.LedgerState(origin=book.origin, position=book.position, head=book.head)
    signed = lc.link_pb.LedgerState(origin=book.origin, position=book.position, head=book.head, signature=bytes(64))
    decisions = lc.link_pb.LedgerState(origin=3100001, position=1, head=book.head, signature=bytes(64))
    held = lc.link_pb.LedgerState(origin=3100001, position=0, head=bytes(32))
    seeds = {f"entry/{i}": data for i, data in enumerate(book.entries)}
    seeds["entry/batch"] = batch
    seeds.update({
        "frame/hello": frame(lc.HELLO, protocol=1, software=b"seed", ledgers=[state]),
        "frame/welcome": frame(lc.WELCOME, protocol=1, software=b"seed", ledgers=[signed], credit=1 << 20),
        "frame/batch": frame(lc.BATCH, origin=book.origin, batch=batch),
        "frame/batch_zstd": frame(lc.BATCH, origin=book.origin, raw_size=len(batch), batch=zstandard.compress(batch, 1)),
        "frame/ack": frame(lc.ACK, ledgers=[signed], credit=1 << 21),
        "frame/ping": frame(lc.PING, nonce=7),
        "frame/pong": frame(lc.PONG, nonce=7),
        "frame/fault": frame(lc.FAULT, fault=7, reason=b"fork"),
        "frame/welcome_published": frame(lc.WELCOME, protocol=1, ledgers=[signed], credit=1 << 20, published=[decisions]),
        "frame/follow": frame(lc.FOLLOW, ledgers=[held]),
        "frame/publish": frame(lc.PUBLISH, origin=3100001, batch=batch),
        "frame/publish_zstd": frame(lc.PUBLISH, origin=3100001, raw_size=len(batch), batch=zstandard.compress(batch, 1)),
        "frame/publish_fault": frame(lc.PUBLISH, origin=3100001, fault=8, reason=b"behind"),
        "frame/welcome_questions": frame(lc.WELCOME, protocol=1, ledgers=[signed], credit=1 << 20, questions=8),
        "frame/question": frame(lc.QUESTION, nonce=5, question=lc.SUBSIDY, asked=lc.subsidy(bytes(range(16)), purpose="training", level="3")),
        "frame/answer_yes": frame(lc.ANSWER, nonce=5, answer=1),
        "frame/answer_no": frame(lc.ANSWER, nonce=5, answer=2, rule=b"A02"),
        "frame/answer_many": frame(lc.ANSWER, nonce=5, answer=4),
    })
    seeds.update(bulletin())
    for name, data in seeds.items():
        path = os.path.join(HERE, "corpus", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
    print(f"{len(seeds)} seeds")


if __name__ == "__main__":
    main()
