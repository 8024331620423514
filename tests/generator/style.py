"""How the clerks of one district write their files: headers, dates, codes, booleans, column order, line ends, BOM.

The content is the same in every style; what differs are the liberties that the readers must grant.
"""

import datetime
import os
from operator import itemgetter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _rows(name):
    with open(os.path.join(ROOT, "proto", name), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                yield line.rstrip("\n").split("\t")


def load_fields():
    """{register: [(field, Chinese header), …]} in the order of the table."""
    out = {}
    for row in _rows("registers.tsv"):
        out.setdefault(row[0], []).append((row[1], row[2]))
    return out


def load_column(n):
    """{register: [the nth column of each field, …]}"""
    out = {}
    for row in _rows("registers.tsv"):
        out.setdefault(row[0], []).append(row[n])
    return out


def load_codes():
    """{list: {code: Chinese text}}"""
    out = {}
    for row in _rows("codes.tsv"):
        out.setdefault(row[0], {})[row[1]] = row[2]
    return out


def load_occupations():
    return [row[0] for row in _rows("occupations-2022.tsv") if row[1] == "4"]


FIELDS = load_fields()
TYPES = load_column(3)
REQUIRED = {register: [r == "y" for r in of] for register, of in load_column(4).items()}
CODES = load_codes()
DATES = (
    lambda d: d.strftime("%Y-%m-%d"),
    lambda d: f"{d.year}/{d.month}/{d.day}",
    lambda d: f"{d.year}.{d.month}.{d.day}",
    lambda d: d.strftime("%Y%m%d"),
    lambda d: f"{d.year}年{d.month}月{d.day}日",
)


class _Dates(dict):
    """Day number → text, made once per day."""

    def __init__(self, form):
        super().__init__()
        self.form = form

    def __missing__(self, ordinal):
        text = self[ordinal] = self.form(datetime.date.fromordinal(ordinal)) if ordinal else ""
        return text


class Style:
    def __init__(self, district, plain=False):
        n = 0 if plain else int(district) % 1000
        self.bom = not plain and n % 3 == 0
        self.chinese = not plain and n % 2 == 1
        self.crlf = not plain and n % 4 == 1
        self.shuffled = not plain and n % 5 == 2
        self.date = _Dates(DATES[n % 5])
        self.yes, self.no = (("是", "否") if self.chinese else ("1", "0"))
        self.code = {}
        for name, codes in CODES.items():
            shown = {c: (zh if self.chinese and n % 8 < 5 else c) for c, zh in codes.items()}
            shown[""] = ""
            self.code[name] = shown

    def codes(self, name, codes):
        return ";".join(self.code[name][c] for c in codes)

    def money(self, yuan):
        if not yuan:
            return ""
        return f'"{yuan:,}.00"' if self.chinese else f"{yuan}.50"

    def order(self, register):
        """Indexes of the fields in the order in which this district writes its columns."""
        indexes = list(range(len(FIELDS[register])))
        return indexes[3:] + indexes[:3] if self.shuffled else indexes

    def header(self, register):
        fields = FIELDS[register]
        return ",".join(fields[i][1 if self.chinese else 0] for i in self.order(register))

    def arrange(self, register):
        return itemgetter(*self.order(register))

    @property
    def end(self):
        return "\r\n" if self.crlf else "\n"
