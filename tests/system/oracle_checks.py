"""The survey's checks, asked of the oracle's own cells: what `check run` must list, and nothing else.

A rule: columns added and subtracted on both sides of = <= >= or ~ (within 30 % of). Before a column may stand
`previous`, `year_ago`, `cumulative`, `before` (cumulative to the month before), `year`, `ever` (all years up to the end of
the period) or `districts`. With columns given, a rule speaks of rows in each of these columns."""

import re

from judge import CODES
from oracle_sheet import CITY, FORMS, Sheet, kind_of, previous, shown, year_ago


class Check:
    def __init__(self, name, level, rule, columns=(), kinds=None, only=None, last=False):
        self.name, self.level, self.columns, self.kinds, self.only, self.last = name, level, columns, kinds, only, last
        self.rule = rule
        left, self.relation, right = re.split(r" (=|<=|>=|~) ", rule)
        self.left, self.right = self.terms(left), self.terms(right)

    def with_rule(self, rule):
        return Check(self.name, self.level, rule, self.columns, self.kinds, self.only, self.last)

    @staticmethod
    def terms(text):
        """[(sign, span or None, column or row)]"""
        out = []
        for sign, term in re.findall(r"([+-]?) ?((?:[a-z_]+ )?\w+)", text):
            of, _, what = term.rpartition(" ")
            out.append((-1 if sign == "-" else 1, of or None, what))
        return out

    def asked(self, period):
        return (self.kinds is None or kind_of(period) in self.kinds) and not (self.last and not period.endswith("-12"))

    def holds(self, left, right):
        if self.relation == "~":
            return right == 0 or abs(left - right) * 100 <= 30 * right
        return {"=": left == right, "<=": left <= right, ">=": left >= right}[self.relation]


STUDIOS = ("studio_city", "studio_state", "studio_district", "chief")
TITLES = " + ".join(t for t in CODES["honour"] if t != "unit")
CHECKS = {
    "01": [Check("01-1", "hard", "1 = 3 + 4 + 5 + 6"), Check("01-2", "hard", "1 = 7 + 8 + 9 + 10 + 11 + 12"), Check("01-3", "hard", "2 <= 1"),
           Check("01-4", "hard", "13 <= 1"), Check("01-5", "hard", "14 <= 1"), Check("01-6", "hard", "1 = previous 1 + 15 - 16"),
           Check("01-7", "hard", "high = 3 + 2 + 1 + T + S", range(1, 15)), Check("01-8", "hard", "_T = 5 + 4 + 3 + 2 + 1 + T + S", range(1, 15)),
           Check("01-9", "hard", "1 = districts 1")],
    "02": [Check("02-1", "hard", "4 <= 3"), Check("02-2", "hard", "5 <= 4"), Check("02-3", "hard", "3 = 8 + 9 + 10 + 11"),
           Check("02-4", "hard", "6 <= 3"), Check("02-5", "hard", "cumulative 2 = before 2 + 2", kinds=("month",)),
           Check("02-6", "hard", "cumulative 3 = before 3 + 3", kinds=("month",)),
           Check("02-7", "hard", "cumulative 4 = year 4", kinds=("month",), last=True),
           Check("02-8", "soft", "3 ~ year_ago 3", kinds=("month",)),
           *(Check(f"02-{c + 3}", "hard", f"cumulative {c} = before {c} + {c}", kinds=("month",)) for c in range(6, 16))],
    "03": [Check("03-1", "hard", "3 <= 2"), Check("03-2", "hard", "5 <= 4"), Check("03-3", "soft", "4 <= 3", kinds=("year",))],
    "04": [Check("04-1", "hard", "6 = 1 + 2 - 3 - 5"), Check("04-2", "hard", "4 <= 3"), Check("04-3", "hard", "1 = previous 6"),
           Check("04-4", "hard", "13 <= 6")],
    "05": [Check("05-1", "hard", "1 = previous 1 + 2 - 3"), Check("05-2", "soft", "5 >= 4", only=STUDIOS)],
    "06": [Check("06-1", "hard", "4 <= 1"), Check("06-2", "soft", "2 <= 1"),
           Check("06-3", "hard", "leaders <= chief + master_city + master_state", range(1, 5)),
           Check("06-4", "hard", f"_T <= {TITLES}", range(1, 5))],
    "07": [Check("07-1", "hard", "3 <= 2"), Check("07-2", "hard", "4 <= 2"), Check("07-3", "hard", "5 <= 2")],
    "08": [Check("08-1", "hard", "6 = 4 - 5"), Check("08-2", "hard", "ever 3 <= ever 2"), Check("08-3", "hard", "6 <= 10", kinds=("year",))],
    "09": [Check("09-1", "hard", "6 <= 5"), Check("09-2", "hard", "7 <= 2"), Check("09-3", "hard", "9 <= 1"), Check("09-4", "hard", "11 <= 10")],
    "10": [],
    "11": [Check(f"11-{n - 3}", "hard", f"{n} <= {n + 1}") for n in range(4, 8)],
    "12A": [],
    "12B": [Check("12B-1", "hard", "3 <= 2")],
}


class Spans:
    """The sheets that the terms of a form's checks speak of, each filled once; None where there is nothing (the months
    before January)."""

    def __init__(self, oracle, form, period):
        self.oracle, self.form, self.period, self.made = oracle, form, period, {}

    def __getitem__(self, name):
        if name not in self.made:
            self.made[name] = self.make(name)
        return self.made[name]

    def make(self, name):
        o, form, period = self.oracle, self.form, self.period
        if name == "before":
            return None if period.endswith("-01") else o.sheet(form, previous(period), True)
        if name == "ever":
            out = Sheet(FORMS[form], o.areas, period, False)
            out.first, out.days = 0, (0, out.last)
            FORMS[form].fill(o, out)
            return out
        spans = {None: (period, False), "districts": (period, False), "previous": (previous(period), False),
                 "year_ago": (year_ago(period), False), "cumulative": (period, True), "year": (period[:4], False)}
        return o.sheet(form, *spans[name])


def side(spans, terms, area, row):
    """The sum; None when a cell of it does not apply or was not reported."""
    total = 0
    for sign, name, measure in terms:
        sheet = spans[name]
        areas = [area] if name != "districts" else [a for a in sheet.areas if a != CITY]
        for a in areas if sheet else ():
            if sheet.marked(a, row, int(measure)):
                return None
            total += sign * sheet.get(a, row, int(measure))
    return total


def of_rows(check, sheet, area):
    """A check of rows: (row, column, left, right)"""
    for m in check.columns:
        yield ("_T",), m, *(sum(sign * sheet.get(area, (row,), m) for sign, _, row in terms) for terms in (check.left, check.right))


def of_columns(check, spans, area, rows):
    for row in rows:
        if check.only is None or row[0] in check.only:
            left, right = (side(spans, terms, area, row) for terms in (check.left, check.right))
            if left is not None and right is not None:
                yield row, int(check.left[0][2]), left, right


def fails(oracle, form, period):
    """{(id, level, area, row): (left, right, imbalance)} as `check run` writes them."""
    spans = Spans(oracle, form, period)
    sheet = spans[None]
    out = {}
    for check in CHECKS[form]:
        if not check.asked(period):
            continue
        used = [s for s in (spans[name] for _, name, _ in check.left + check.right) if s] if not check.columns else [sheet]
        rows = sorted({k[1] for s in used for k in s.values})
        for area in oracle.areas:
            if area != CITY and any(name == "districts" for _, name, _ in check.right):
                continue
            found = of_rows(check, sheet, area) if check.columns else of_columns(check, spans, area, rows)
            for row, measure, left, right in found:
                if not check.holds(left, right):
                    where = " ".join(row) + (f" {measure}" if check.columns else "")
                    out[check.name, check.level, area, where] = tuple(shown(n, sheet.how[measure]) for n in (left, right, left - right))
    return out
