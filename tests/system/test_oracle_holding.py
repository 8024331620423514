"""What is held back of form 11 cannot be computed from what is given out: by the audit of the oracle, which solves all sums
at once, on dense random tables (the histories of test_oracle.py are sparse: nearly everything is held back there)."""

import random

import pytest

from oracle import FORMS
from oracle_forms_sample import OCCUPATIONS, infer, known
from oracle_sheet import CITY, Sheet

DISTRICTS = ("310101", "310104", "310105", "310106")


def table(rnd):
    """A sheet of answers with its totals; rows with few answers are held back."""
    s = Sheet(FORMS["11"], [CITY, *DISTRICTS[:rnd.randint(1, 4)]], "2019", False)
    least = rnd.choice((5, 10, 20))
    for area in s.areas[1:]:
        for occupation in OCCUPATIONS[:rnd.randint(1, 4)]:
            for level in ("5", "4", "3")[:rnd.randint(1, 3)]:
                if rnd.random() < 0.8:
                    n = rnd.randint(1, 60)
                    for a in (area, CITY):
                        for row in ((occupation, level), (occupation, "_T"), ("_T", level), ("_T", "_T")):
                            s.put(a, row, 2, s.get(a, row, 2) + n)
    for area, row, m in list(s.values):
        if s.get(area, row, m) < least:
            s.held[area, row] = "C"
    return s


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_nothing_can_be_inferred(first):
    for seed in range(first, first + 50):
        s = table(random.Random(seed))
        infer(s)
        assert known(s) == [], seed


def test_the_audit_sees():
    """It sees what one subtraction gives, and what only several sums together give."""
    tables = [table(random.Random(seed)) for seed in range(100)]
    assert sum(known(s) != [] for s in tables) > 50, "without the rule much is known"
    s = Sheet(FORMS["11"], [CITY, "310101"], "2019", False)
    for level, n in (("5", 7), ("4", 20), ("3", 30)):
        for a in s.areas:
            for row in ((OCCUPATIONS[0], level), ("_T", level), (OCCUPATIONS[0], "_T"), ("_T", "_T")):
                s.put(a, row, 2, s.get(a, row, 2) + n)
    alone = OCCUPATIONS[0], "5"
    s.held["310101", alone] = "C"
    assert known(s) == [("310101", alone)]
    s.held["310101", (OCCUPATIONS[0], "4")] = "D"  # the other part of the total, and nothing else: still in the city's row
    assert known(s) == [("310101", (OCCUPATIONS[0], "4")), ("310101", alone)]
    infer(s)
    assert known(s) == []
