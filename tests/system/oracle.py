"""Every cell of the survey's forms, computed in sqlite from the clerks' files and nothing else.

The oracle takes in the same history as the daemons (files, corrections, retractions, in the order of each district)
and answers with {(area, dim, …, measure): value as `form show -o csv` writes it} for a form and a period. It is written
from the survey page and the readings of aggregator/README.md; it shares no code with the C and reads none of its forms.

    files ──► judge ──► a table for each register ──► oracle_forms_*: one function a form ──► Sheet: cells with their status

As a program: oracle.py DIR [FORM PERIOD [cumulative]] reads a generated DIR and prints the cells."""

import collections
import json
import os
import sqlite3
import sys

import judge
import oracle_forms_flow  # noqa: F401  (the forms put themselves into FORMS)
import oracle_forms_plan  # noqa: F401
import oracle_forms_sample  # noqa: F401
import oracle_forms_stock  # noqa: F401
from oracle_sheet import CITY, FORMS, Sheet, read_csv_form  # noqa: F401

class Oracle:
    def __init__(self, areas=()):
        """areas: the city's districts; others join them when they send something."""
        self.db = sqlite3.connect(":memory:")
        self.areas = [CITY]
        self.history = {}  # (district, register, key) → content: tells new, changed and unchanged apart
        self.retracted = set()
        self.written = collections.Counter()  # (area, column of 12C): corrections and rows refused, all of them written today
        self.db.create_function("days", 1, judge.ordinal)
        self.db.execute("create table part (district, area, primary key (district, area)) without rowid")
        self.db.execute("create table member (dim, code, row, primary key (dim, code, row)) without rowid")
        self.db.execute("create table who (person primary key, female, birth) without rowid")
        for register, fields in judge.REGISTERS.items():
            columns = "".join(f'"{f.name}", ' for f in fields if not f.type.startswith("person."))
            self.db.execute(f"create table {register} (district, key, person, {columns}primary key (district, key)) without rowid")
        for form in FORMS.values():
            for name, codes, unions in form.dims:
                rows = [(c, c) for c in codes] + [(c, "_T") for c in codes] + [(c, u) for u, of in unions.items() for c in of]
                self.db.executemany("insert into member values (?, ?, ?)", [(f"{form.name}/{name}", *r) for r in rows])
        self.know([CITY, *map(str, areas)])

    def know(self, districts):
        for d in {*map(str, districts)} - {*self.areas[1:]}:
            self.areas = [CITY, *sorted({*self.areas, d} - {CITY})]
            self.db.executemany("insert or ignore into part values (?, ?)", {(d, d), (d, CITY)})

    # ---- the history ----

    def take_file(self, district, register, path):
        """Takes in a file; (accepted, changed, unchanged, [(line, fields at fault)]) as an import must answer."""
        new = changed = same = 0
        refused = []
        for line, record, bad in judge.judge_file(register, path):
            if bad:
                refused.append((line, bad))
                continue
            key = judge.natural_key(register, record)
            content = tuple(v for name, v in record.items() if not name.endswith("doc_number"))
            before = self.history.get((district, register, key))
            if before == content:
                same += 1
                continue
            new, changed = (new + 1, changed) if before is None else (new, changed + 1)
            self.history[district, register, key] = content
            self.put(district, register, key, record)
        for area in {str(district), CITY} if str(district) != CITY else ():  # part C is of districts
            self.written[area, 6] += changed
            self.written[area, 7] += len(refused)
        return new, changed, same, refused

    def put(self, district, register, key, record):
        self.know([district])
        if record["person"]:
            self.db.execute("insert or replace into who values (?, ?, ?)", (record["person"], record["female"] is True, record["birth"]))
        values = [record[f.name] for f in judge.REGISTERS[register] if not f.type.startswith("person.")]
        values = [f";{';'.join(sorted(v))};" if isinstance(v, frozenset) else v for v in values]
        marks = ",".join("?" * (len(values) + 3))
        self.db.execute(f"insert or replace into {register} values ({marks})", (str(district), repr(key), record["person"], *values))

    def retract(self, district, register, key):
        """False when no such record stands. key: its parts, or as text what one field holds."""
        key = (key,) if isinstance(key, str) else key
        if self.history.pop((district, register, key), None) is None:
            return False
        self.db.execute(f"delete from {register} where district = ? and key = ?", (str(district), repr(key)))
        return True

    def retract_file(self, district, register, path):
        """Takes back the records that the rows of a file name; (retracted, unchanged, refused)."""
        gone = same = refused = 0
        for _, record, _ in judge.judge_file(register, path):
            key = judge.natural_key(register, record)
            if self.retract(district, register, key):
                gone += 1
                self.retracted.add((district, register, key))
            elif (district, register, key) in self.retracted:
                same += 1
            else:
                refused += 1
        return gone, same, refused

    def count(self):
        return len(self.history)

    # ---- the figures ----

    def sheet(self, form, period, cumulative=False):
        of = FORMS[form]
        sheet = Sheet(of, self.areas, period, cumulative or "running" in of.kinds and len(period) == 7)
        of.fill(self, sheet)
        return sheet

    def form(self, form, period, cumulative=False):
        """{(area, dim, …, measure): value}: those that are not 0."""
        return {k: v[0] for k, v in self.sheet(form, period, cumulative).cells().items()}

    def cube(self, sheet, table, where, args, columns, dims=None):
        """Adds columns for every area and every combination of rows: {measure: aggregate of the table's fields}.
        dims: expressions for the row of a record; without them the fields with the dims' names, absent in row _Z."""
        names = [d[0] for d in sheet.form.dims]
        exprs = dims or [f"coalesce({n}, '_Z')" for n in names]
        joins = "".join(f" join member m{i} on m{i}.dim = '{sheet.form.name}/{n}' and m{i}.code = {e}"
                        for i, (n, e) in enumerate(zip(names, exprs)))
        groups = ["part.area", *(f"m{i}.row" for i in range(len(names)))]
        sql = (f"select {', '.join(groups)}, {', '.join(columns.values())} from (select * from {table} where {where}) "
               f"join part using (district){joins} group by {', '.join(groups)}")
        for line in self.db.execute(sql, args):
            area, row, values = line[0], line[1:len(groups)], line[len(groups):]
            for measure, value in zip(columns, values):
                sheet.put(area, row, measure, value or 0)


def difference(ours, theirs, most=12):
    """Words on the first cells that differ; empty when equal."""
    keys = sorted(set(ours) | set(theirs))
    wrong = [k for k in keys if ours.get(k) != theirs.get(k)]
    lines = [f"  {k}: oracle {ours.get(k, '-')}, daemon {theirs.get(k, '-')}" for k in wrong[:most]]
    return f"{len(wrong)} of {len(keys)} cells differ\n" + "\n".join(lines) if wrong else ""


def take_generated(o, where, follow_ups=True):
    """Takes in a generator's folder; complains when its manifest and the judge do not agree."""
    with open(os.path.join(where, "manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    for f in manifest["files"]:
        if "corrections" in f["path"] and not follow_ups:
            continue
        *_, refused = o.take_file(f["district"], f["register"], os.path.join(where, f["path"]))
        expected = [r["line"] for r in f["refused"]]
        found = [line for line, _ in refused]
        assert found == expected, f"{f['path']}: broken lines {expected}, judged {refused}"
    for f in manifest["retractions"] if follow_ups else ():
        with open(os.path.join(where, f["path"]), encoding="utf-8") as tsv:
            for line in tsv:
                register, key, _ = line.split("\t")
                o.retract(f["district"], register, key)


def main(argv):
    o = Oracle()
    take_generated(o, argv[1])
    wanted = [("02", "2019", False), ("03", "2019", False)]
    if len(argv) > 3:
        wanted = [(argv[2], argv[3], len(argv) > 4)]
    for name, when, cumulative in wanted:
        for key, shown in sorted(o.form(name, when, cumulative).items()):
            print(",".join(map(str, (name, when, *key, shown))))


if __name__ == "__main__":
    main(sys.argv)
