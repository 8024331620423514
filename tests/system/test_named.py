"""Numbers of people are refused where they would stand in the open: in a ledger's keys, reasons and notes, in the access log."""

import os

from cluster import counts
from madeup import HEAD, TRAINING, certificate, certificate_key, load, pid_of, training
from test_identity import LI, WANG, city, identify, log_of  # noqa: F401  (a fixture)


def test_numbers_are_refused_where_they_would_stand_in_the_open(city):
    """A clerk's key, a reason, a note, a purpose: none of them may carry somebody's number; the control without it passes."""
    one = city.districts["310101"]
    load(one, "training", TRAINING, training(1, *WANG), training(2, *LI))
    load(one, "certificate", HEAD, certificate(1, *WANG), certificate(2, *LI))
    before = one.last()
    path = os.path.join(one.dir, "own.csv")
    for own in (training(3, *WANG).replace("T3", f"T{WANG[1]}"), training(3, *WANG, phone="13800000001").replace("C3", "C13800000001")):
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"{TRAINING}\n{own}\n")
        assert counts(one.ctl("import", "training", path, codes=(3,)).out) == (0, 0, 0, 1)
        with open(path + ".refused.csv", encoding="utf-8") as f:
            assert "E410" in f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"key,reason\nT1,double of {WANG[1]}\nT2,entered twice\n")
    r = one.ctl("retract", "training", "--file", path, codes=(3,))
    assert "refused 1" in r.out
    for words, code in ((("retract", "training", "T1", "--reason", f"double of {WANG[1]}"), 2),
                        (("retract", "training", "--file", path, "--reason", "call 13800000001"), 1)):
        assert "number" in one.ctl(*words, codes=(code,)).err
    assert "number" in one.ctl("return", "explain", "02", "2019-06", "02-8", "--words", f"see {WANG[1]}", codes=(2,)).err
    for words in (("return", "send-back", "02", "2019-06", "310101", "--words", "call 13800000001"),
                  ("period", "close", "02", "2019-06", "--despite", f"waits for {WANG[1]}")):
        assert "number" in city.city.ctl(*words, codes=(2,)).err
    # The two refusals left their notes, the retraction its entry; none of them holds the number.
    city.wait_folded()
    seen = one.ctl("ledger", "show", "310101", "--from", str(before + 1), output="json").out
    assert WANG[1] not in seen and "13800000001" not in seen
    wang = pid_of(one, "training", "T1")
    assert "number" in identify(city, wang, "--purpose", f"about {WANG[1]}", codes=(2,)).err
    assert WANG[1] not in str(log_of(city))
    li = pid_of(one, "certificate", certificate_key(2))
    assert "number" in city.city.ctl("case", "link", wang, li, "--note", f"see {WANG[1]}", codes=(1,)).err
    assert city.city.ctl("case", "link", wang, li, "--note", "see the file", output="json").json()["step"] == "proposed"
    one.ctl("retract", "training", "T1", "--reason", "entered twice as Y000031123456193000001")
