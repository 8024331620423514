"""Every cell of forms 02 and 03, computed in sqlite from the clerks' files and nothing else.

The oracle takes in the same history as the daemons (files, corrections, retractions, in the order of each district)
and answers with {(area, dim, dim, measure): value as `form show -o csv` writes it} for a form and a period. It is
written from the survey page; it shares no code with the C and does not know its tables.

As a program: oracle.py DIR [FORM PERIOD [cumulative]] reads a generated DIR and prints the cells."""

import json
import os
import sqlite3
import sys

import judge

CITY = "310000"
SCHEMA = """
create table training (district, key, class_no, person, female, type, channel, status, migrant, veteran, disabled,
    enrolled, ended, completed, online, offline, primary key (district, key)) without rowid;
create table certificate (district, key, person, kind, level, issued, revoked, foreign_, primary key (district, key)) without rowid;
create table assessment (district, key, person, kind, level, registered, sat, result, primary key (district, key)) without rowid;
create table person (district, key, as_of, primary key (district, key)) without rowid;
"""
LEVELS = ("5", "4", "3", "2", "1", "T", "S", "_Z")


def span(period, cumulative=False):
    """First and last day of a period as yyyymmdd numbers; the last day may be 31 in any month, since it only bounds."""
    year = int(period[:4]) * 10000
    if len(period) == 4:
        return year + 101, year + 1231
    if period[5] == "Q":
        q = int(period[6])
        return year + (3 * q - 2) * 100 + 1, year + 3 * q * 100 + 31
    if period[5] == "H":
        h = int(period[6])
        return year + (6 * h - 5) * 100 + 1, year + 6 * h * 100 + 31
    month = int(period[5:7])
    return year + (101 if cumulative else month * 100 + 1), year + month * 100 + 31


def periods(form, year):
    """[(period, cumulative)]: every one of the form's kinds in a year."""
    months = [f"{year}-{m:02d}" for m in range(1, 13)]
    quarters = [f"{year}-Q{q}" for q in range(1, 5)]
    if form == "02":
        return [(m, False) for m in months] + [(m, True) for m in months] + [(q, False) for q in quarters] + [(str(year), False)]
    return [(q, False) for q in quarters] + [(str(year), False)]


class Oracle:
    def __init__(self, assessments=True):
        self.db = sqlite3.connect(":memory:")
        self.db.executescript(SCHEMA)
        self.assessments = assessments
        self.history = {}  # (district, register, key) → content: tells new, changed and unchanged apart

    # ---- the history ----

    def take_file(self, district, register, path):
        """Takes in a file; (accepted, changed, unchanged, [(line, fields at fault)]) as an import must answer."""
        new = changed = same = 0
        refused = []
        for line, record, bad in judge.judge_file(register, path):
            if bad:
                refused.append((line, bad))
                continue
            key = judge.KEY[register](record)
            content = tuple(record.values())
            before = self.history.get((district, register, key))
            if before == content:
                same += 1
                continue
            new, changed = (new + 1, changed) if before is None else (new, changed + 1)
            self.history[district, register, key] = content
            self.put(district, register, key, record)
        return new, changed, same, refused

    def put(self, district, register, key, r):
        if register == "training":
            groups = r["groups"] or ()
            values = (r["class_no"], r["person"], r["female"] is True, r["type"], r["channel"], r["status_group"],
                      "migrant" in groups, "veteran" in groups, "disabled" in groups, r["enrolled_on"],
                      r["ended_on"], r["result"] == "completed", r["hours_online"] or 0, r["hours_offline"] or 0)
        elif register == "certificate":
            kind = "contest" if r["source"] == "contest" else r["kind"]
            values = (r["person"], kind, r["level"] or "_Z", r["issued_on"], r["revoked_on"], r["kind"] == "foreign")
        elif register == "assessment":
            values = (r["person"], r["kind"], r["level"] or "_Z", r["registered_on"], r["sat_on"], r["result"])
        else:
            values = (r["as_of"],)
        marks = ",".join("?" * (len(values) + 2))
        self.db.execute(f"insert or replace into {register} values ({marks})", (district, key, *values))

    def retract(self, district, register, key):
        """False when no such record stands."""
        if self.history.pop((district, register, key), None) is None:
            return False
        self.db.execute(f"delete from {register} where district = ? and key = ?", (district, key))
        return True

    def count(self):
        return len(self.history)

    # ---- the figures ----

    def form(self, form, period, cumulative=False):
        first, last = span(period, cumulative)
        return (self.form_02 if form == "02" else self.form_03)(first, last)

    def cube(self, cells, columns, table, where, args, dims):
        """Adds a column's numbers for every area and every combination of the two dims with _T.
        columns: {measure: aggregate}."""
        a, b = dims
        picks = ", ".join(columns.values())
        for area, of_area in (("district", "district"), (f"'{CITY}'", None)):
            for one, of_one in ((a, a), ("'_T'", None)):
                for two, of_two in ((b, b), ("'_T'", None)):
                    group = ", ".join(g for g in (of_area, of_one, of_two) if g)
                    sql = f"select {area}, {one}, {two}, {picks} from {table} where {where}"
                    for row in self.db.execute(sql + (f" group by {group}" if group else ""), args):
                        for measure, value in zip(columns, row[3:]):
                            if value:
                                cells[row[0], row[1], row[2], measure] = value

    def form_02(self, first, last):
        cells, days = {}, (first, last)
        dims = ("type", "channel")
        self.cube(cells, {1: "count(distinct district || '/' || class_no)", 2: "count(*)"}, "training",
                  "enrolled between ? and ?", days, dims)
        sums = {6: "female", 7: "migrant", 8: "status = 'unemployed'", 9: "status = 'employed'", 10: "status = 'student'",
                11: "status = 'other'", 12: "veteran", 13: "disabled", 14: "online", 15: "offline"}
        done = "completed and ended between ? and ?"
        self.cube(cells, {3: "count(*)", 4: "count(distinct person)", **{m: f"sum({e})" for m, e in sums.items()}},
                  "training", done, days, dims)
        holders = ("person in (select person from certificate where issued between ? and ? "
                   "and (revoked is null or revoked > ?))")
        self.cube(cells, {5: "count(distinct person)"}, "training", f"{done} and {holders}", (*days, *days, last), dims)
        return {k: tenths(v) if k[3] in (14, 15) else str(v) for k, v in cells.items()}

    def form_03(self, first, last):
        cells, days, dims = {}, (first, last), ("kind", "level")
        if self.assessments:
            self.cube(cells, {1: "count(*)"}, "assessment", "registered between ? and ?", days, dims)
            self.cube(cells, {2: "count(*)", 3: "sum(result = 'passed')"}, "assessment",
                      "sat between ? and ? and result in ('failed', 'passed')", days, dims)
        self.cube(cells, {4: "count(*)", 5: "count(distinct person)"}, "certificate",
                  "not foreign_ and issued between ? and ?", days, dims)
        self.cube(cells, {6: "count(*)"}, "certificate", "not foreign_ and revoked between ? and ?", days, dims)
        return {k: str(v) for k, v in cells.items()}


def tenths(n):
    return f"{n // 10}.{n % 10}" if n % 10 else str(n // 10)


def read_csv_form(text):
    """The answer of `form show -o csv` as the oracle's cells."""
    lines = text.splitlines()
    head = lines[0].split(",")
    assert head[:3] == ["form", "period", "area"] and head[-5:] == ["measure", "value", "obs_status", "conf_status", "version"], head
    cells = {}
    for line in lines[1:]:
        part = line.split(",")
        key = (part[2], part[3], part[4], int(part[5]))
        assert key not in cells, f"cell twice: {line}"
        cells[key] = part[6]
    return cells


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


if __name__ == "__main__":
    it = Oracle()
    take_generated(it, sys.argv[1])
    wanted = [("02", "2019", False), ("03", "2019", False)]
    if len(sys.argv) > 3:
        wanted = [(sys.argv[2], sys.argv[3], len(sys.argv) > 4)]
    for name, when, cumulative in wanted:
        for cell_key, shown in sorted(it.form(name, when, cumulative).items()):
            print(",".join(map(str, (name, when, *cell_key, shown))))
