"""What comes after the first files: corrections, retractions, and rows that must be refused.

Each change is a row of a table: which cells it touches and how. A broken row names the field that is at fault."""

import random

from registers import field_index, tenths
from style import FIELDS, REQUIRED, TYPES

REASONS = ("重复录入", "录入错误", "not held after all", "entered by mistake", "学员撤回")


def corrector(register):
    return {"training": Training, "certificate": Certificate, "assessment": Assessment}.get(register)


class Correction:
    """Same key, other content."""

    register = ""

    def __init__(self, district):
        self.district, self.style, self.city = district, district.style, district.city
        self.rnd = random.Random(f"{self.city.seed}/{district.code}/corrections/{self.register}")
        self.at = {name: field_index(self.register, name) for name in self.fields}

    def set(self, cells, name, text):
        cells[self.at[name]] = text

    def day(self, cells, name, ordinal):
        self.set(cells, name, self.style.date[ordinal])

    def person(self, cells, facts):
        """The record was somebody else's."""
        i = int(self.rnd.random() * self.city.people.count)
        p = self.city.people[i]
        if i == facts[1]:
            p = self.city.people[(i + 1) % self.city.people.count]
        self.set(cells, "name", p.name)
        self.set(cells, "doc_type", self.style.code["doc_type"][p.doc_type])
        self.set(cells, "doc_number", p.number)

    def make(self, cells, facts):
        """A changed copy of the row."""
        cells = list(cells)
        self.rnd.choice(self.changes)(self, cells, facts)
        return cells


class Training(Correction):
    register = "training"
    fields = ("name", "doc_type", "doc_number", "type", "hours_offline", "enrolled_on", "ended_on", "result", "status_group",
              "groups", "channel", "employer", "class_no")

    def hours(self, cells, facts):
        self.set(cells, "hours_offline", tenths(1500 + int(self.rnd.random() * 400)))

    def ended(self, cells, facts):
        _, _, start, end, *_ = facts
        self.day(cells, "ended_on", max(start, end or start) + 1 + int(self.rnd.random() * 60))
        self.set(cells, "result", self.style.code["training_result"]["completed" if end == 0 else facts[6]])

    def moved(self, cells, facts):
        """The class began in another month."""
        _, _, start, end, *_ = facts
        earlier = start - 20 - int(self.rnd.random() * 50)
        self.day(cells, "enrolled_on", earlier)

    def dropped(self, cells, facts):
        """In training after all: no end, no result. Or completed, where it was not."""
        if facts[6] == "completed":
            self.set(cells, "result", self.style.code["training_result"]["enrolled"])
            self.set(cells, "ended_on", "")
        else:
            self.set(cells, "result", self.style.code["training_result"]["completed"])
            self.day(cells, "ended_on", facts[2] + 30)

    def kind(self, cells, facts):
        other = "upgrade" if facts[4] != "upgrade" else "newskill"
        self.set(cells, "type", self.style.code["training_type"][other])

    def channel(self, cells, facts):
        other = "self" if facts[5] != "self" else "individual"
        self.set(cells, "channel", self.style.code["channel"][other])

    def status(self, cells, facts):
        shown = self.style.code["trainee_status"]
        now = cells[self.at["status_group"]]
        self.set(cells, "status_group", shown["student"] if now != shown["student"] else shown["unemployed"])

    def groups(self, cells, facts):
        shown = self.style.code["group"]
        now = cells[self.at["groups"]]
        self.set(cells, "groups", shown["veteran"] if now != shown["veteran"] else shown["migrant"])

    def other_class(self, cells, facts):
        self.set(cells, "class_no", cells[self.at["class_no"]][:-5] + "99999")

    changes = (hours, ended, moved, dropped, kind, channel, status, groups, other_class, Correction.person)


class Certificate(Correction):
    register = "certificate"
    fields = ("name", "doc_type", "doc_number", "source", "issued_on", "revoked_on")

    def revoked(self, cells, facts):
        _, _, issued, revoked, *_ = facts
        self.day(cells, "revoked_on", 0 if revoked else issued + int(self.rnd.random() * 150))

    def issued(self, cells, facts):
        """Moved to an earlier day, often of another month, sometimes of another year."""
        self.day(cells, "issued_on", facts[2] - 1 - int(self.rnd.random() * 70))

    def source(self, cells, facts):
        other = "contest" if facts[5] != "contest" and facts[4] != "foreign" else "direct"
        self.set(cells, "source", self.style.code["certificate_source"][other])

    changes = (revoked, revoked, issued, source, Correction.person)


class Assessment(Correction):
    register = "assessment"
    fields = ("name", "doc_type", "doc_number", "registered_on", "result", "sat_on")

    def result(self, cells, facts):
        other = "passed" if facts[5] != "passed" else "failed"
        self.set(cells, "result", self.style.code["assessment_result"][other])
        self.day(cells, "sat_on", facts[2] + 10)

    def registered(self, cells, facts):
        self.day(cells, "registered_on", facts[2] - 40)

    changes = (result, registered, Correction.person)


# ---- broken rows ----

# register → [(field at fault, its content, further cells)]
BROKEN = {
    "training": [
        ("doc_number", "310101190301050016", {"doc_type": "111"}),          # check digit
        ("doc_number", "310101190302290010", {"doc_type": "111"}),          # 29 February 1903
        ("doc_number", "31010119030105001", {"doc_type": "111"}),           # 17 characters
        ("doc_number", "", {}),
        ("enrolled_on", "2019-02-31", {}),
        ("enrolled_on", "", {}),
        ("type", "cooking", {}),
        ("result", "通过了", {}),
        ("ended_on", "", {"result": "completed"}),
        ("ended_on", "2019-01-01", {"enrolled_on": "2019-03-01", "result": "completed"}),
        ("employer", "", {"channel": "enterprise"}),
        ("institution", "91310115MA1G4L1WXK", {}),                          # check character
        ("hours_offline", "2000.5", {}),
        ("hours_online", "-3", {}),
        ("class_no", "", {}),
        ("occupation", "6-31", {}),
        ("fee", "12.345", {}),
        ("status_group", "", {}),
    ],
    "certificate": [
        ("doc_number", "310101190302300012", {"doc_type": "111"}),          # 30 February 1903
        ("number", "S00003100012321300004", {"kind": "level_social"}),      # 21 characters
        ("number", "18090010233004", {"kind": "qualification"}),            # 14 digits
        ("number", "Y000131000456221000007", {"kind": "level_social"}),     # the letter says employer
        ("kind", "diploma", {}),
        ("level", "", {"kind": "level_social", "number": "S000031000123193000099"}),
        ("level", "3", {"kind": "special", "number": "ZX-999"}),
        ("revoked_on", "2019-03-01", {"issued_on": "2019-05-01"}),
        ("issued_on", "2019-13-01", {}),
        ("occupation", "", {}),
        ("source", "", {}),
    ],
    "person": [
        ("doc_number", "990101190301050011", {"doc_type": "111"}),          # no such area
        ("as_of", "2019-04-31", {}),
        ("status", "busy", {}),
        ("status", "", {}),
        ("local_hukou", "maybe", {}),
        ("education", "99", {}),
    ],
    "assessment": [
        ("doc_number", "310101190301050016", {"doc_type": "111"}),
        ("level", "", {"kind": "qualification"}),
        ("level", "3", {"kind": "special"}),
        ("sat_on", "2019-01-01", {"registered_on": "2019-03-01"}),
        ("theory", "100.5", {}),
    ],
}
WRONG = {"date": "2019-02-30", "code": "no such", "codes": "migrant;no such", "uscc": "91310115MA1G4L1WXK", "occ": "6-31", "year": "19",
         "int": "-1", "dec1": "1.25", "money": "12.345", "bool": "maybe"}
KEYS = {"training": "enrolment_no", "certificate": None, "person": None, "assessment": "assessment_no"}


def broken_by_table(register):
    """What a register without a list of its own gets wrong: each required field left out, and a bad value of most types."""
    out = []
    for (name, *_), kind, required in zip(FIELDS[register], TYPES[register], REQUIRED[register]):
        out += [(name, "", {})] if required and kind != "key" else []
        out += [(name, WRONG[kind], {})] if kind in WRONG else []
    return out


def broken(register, cells, k):
    """The k-th kind of broken row of a register, made from a good row: (cells, field at fault)."""
    table = BROKEN.get(register) or broken_by_table(register)
    field, text, others = table[k % len(table)]
    cells = list(cells)
    key = KEYS[register] if register in KEYS else FIELDS[register][0][0] if TYPES[register][0] == "key" else None
    if key:
        cells[field_index(register, key)] += f"X{k}"
    for name, value in {**others, field: text}.items():
        cells[field_index(register, name)] = value
    return cells, field
