"""What a form says for a period: periods and their days, numbers and how they are written, the status of a cell."""

import calendar
import csv
import io
from fractions import Fraction

CITY = "310000"
NEVER = 99999999  # later than any day: for dates that are absent
FORMS = {}  # id → Form; the oracle_forms_* put theirs in


class Form:
    """kinds: of "month", "quarter", "half", "year"; "cumulative" when months are also shown from January on, "running" when
    they are shown in no other way. dims: [(name, codes in order, {union: codes})], with "_Z" and "_O" among the codes
    where there are such rows. fill(oracle, sheet) puts the numbers in."""

    def __init__(self, name, kinds, dims, fill):
        self.name, self.kinds, self.dims, self.fill = name, kinds.split(), dims, fill
        FORMS[name] = self

    def rows(self):
        """Every row: a tuple of codes, unions and totals."""
        out = [()]
        for _, codes, unions in self.dims:
            out = [row + (code,) for row in out for code in (*codes, *unions, "_T")]
        return out


# ---- periods ----

def kind_of(period):
    return {4: "year", 7: {"H": "half", "Q": "quarter"}.get(period[5:6], "month")}[len(period)]


def months(period, cumulative=False):
    """(year, first month, last month)"""
    year, kind = int(period[:4]), kind_of(period)
    if kind == "year":
        return year, 1, 12
    if kind == "month":
        return year, 1 if cumulative else int(period[5:]), int(period[5:])
    n = {"half": 6, "quarter": 3}[kind]
    return year, n * int(period[6]) - n + 1, n * int(period[6])


def span(period, cumulative=False):
    """First and last day of a period, as yyyymmdd."""
    year, first, last = months(period, cumulative)
    return year * 10000 + first * 100 + 1, year * 10000 + last * 100 + calendar.monthrange(year, last)[1]


def previous(period):
    """The period of the same kind before it."""
    year, kind = int(period[:4]), kind_of(period)
    if kind == "year":
        return str(year - 1)
    n, last = (int(period[5:]), 12) if kind == "month" else (int(period[6]), {"half": 2, "quarter": 4}[kind])
    if n == 1:
        year, n = year - 1, last + 1
    return f"{year}-{n - 1:02d}" if kind == "month" else f"{year}-{period[5]}{n - 1}"


def year_ago(period):
    return f"{int(period[:4]) - 1}{period[4:]}"


def all_of(kinds, year):
    """[(period, cumulative)]: every one of these kinds in a year."""
    out = [(f"{year}-{m:02d}", False) for m in range(1, 13)] if "month" in kinds else []
    out += [(p, True) for p, _ in out] if "cumulative" in kinds else []
    out += [(f"{year}-Q{n}", False) for n in range(1, 5)] if "quarter" in kinds else []
    out += [(f"{year}-H{n}", False) for n in (1, 2)] if "half" in kinds else []
    return out + ([(str(year), False)] if "year" in kinds else [])


# ---- numbers ----

WHOLE, TENTHS, MONEY, RATIO = "whole", "tenths", "money", "ratio"


def ratio(numerator, denominator):
    """In hundredths, rounded half up (away from zero)."""
    q = abs(Fraction(numerator) * 100 / Fraction(denominator))
    q = int(q + Fraction(1, 2))
    return -q if numerator * denominator < 0 else q


def shown(value, how):
    """Money, ratios: two decimals. Hours and targets: one where they are not whole. Everything else whole."""
    sign, value = ("-" if value < 0 else ""), abs(value)
    if how in (MONEY, RATIO):
        return f"{sign}{value // 100}.{value % 100:02d}"
    if how == TENTHS and value % 10:
        return f"{sign}{value // 10}.{value % 10}"
    return f"{sign}{value // 10 if how == TENTHS else value}"


class Sheet:
    """The cells of a form for a period. A cell that nobody put is 0.

    how: {measure: WHOLE, …}, or a function of the row. state: {(area, row, measure): "M", "_Z" or ""}; under a measure
    alone what holds where nothing else is said. held: {(area, row): "C" or "D"}."""

    def __init__(self, form, areas, period, cumulative):
        self.form, self.areas, self.period, self.cumulative = form, areas, period, cumulative
        self.first, self.last = span(period, cumulative)
        self.days = (self.first, self.last)
        self.kind = kind_of(period)
        self.values, self.how, self.state, self.held = {}, {}, {}, {}

    def columns(self, how, *measures):
        self.how.update((m, how) for m in measures)

    def put(self, area, row, measure, value):
        if area in self.areas:
            self.values[area, tuple(row), measure] = value

    def get(self, area, row, measure):
        return self.values.get((area, tuple(row), measure), 0)

    def mark(self, area, row, measure, state):
        self.state[area, tuple(row), measure] = state

    def marked(self, area, row, measure):
        return self.state.get((area, tuple(row), measure), self.state.get(measure))

    def cell(self, area, row, measure):
        """(value, obs_status, conf_status)"""
        state, held = self.marked(area, row, measure), self.held.get((area, row), "F")
        how = self.how[measure]
        how = how(row) if callable(how) else how
        value = "" if state or held != "F" else shown(self.get(area, row, measure), how)
        return value, state or "P", held

    def cells(self, zeros=False, areas=None):
        """{(area, row…, measure): (value, obs_status, conf_status)}: all, or those that are shown without zeros: what is
        not 0, not reported, or held back."""
        out = {}
        for area in areas or self.areas:
            if zeros:
                rows = self.form.rows()
            else:
                rows = {k[1] for k in self.values if k[0] == area} | {k[1] for k in self.held if k[0] == area}
                rows |= {k[1] for k, v in self.state.items() if v == "M" and k[0] == area}
            for row in rows:
                for m in self.how:
                    cell = self.cell(area, row, m)
                    if zeros or cell[1] == "M" or cell[2] != "F" or cell[1] != "_Z" and self.get(area, row, m):
                        out[(area, *row, m)] = cell
        return out


# ---- the daemon's answer ----

def read_csv_cells(text):
    """The answer of `form show -o csv` as {(area, row…, measure): (value, obs_status, conf_status)}."""
    head, *lines = csv.reader(io.StringIO(text))
    assert head[:3] == ["form", "period", "area"] and head[-5:] == ["measure", "value", "obs_status", "conf_status", "version"], head
    cells = {}
    for line in lines:
        *row, measure, value, obs, conf, version = line[2:]
        key = (*row, int(measure))
        assert key not in cells, f"cell twice: {line}"
        assert version == "live", line
        cells[key] = (value, obs, conf)
    return cells


def read_csv_form(text):
    """The same, without the status."""
    return {key: value for key, (value, *_) in read_csv_cells(text).items()}
