"""A random history of the whole survey: every register that a form reads, a few people and units who meet in every
district, dates that crowd at the ends of months, quarters and years, records corrected, taken back and sent again in
any order, and what the city enters at its own desk.

Nobody is in it (made_up.py). Births lie in 1903–1909, so that the ages of form 01 need the nineteen-fifties: half of the
seeds play there."""

import csv
import datetime
import os
import random

import data  # noqa: F401  (the generator's folder becomes importable)
import made_up
from judge import CODES, KEYS, REGISTERS, _table
from oracle_sheet import CITY
from people import SIZE
from rowmaker import spell

AT = {row[0]: (row + [""] * 9)[8] for row in reversed(_table("registers.tsv"))}  # a register's first row says who enters it
AT_CITY = [r for r in REGISTERS if AT[r]]
OCCUPATIONS = [row[0] for row in _table("occupations-2022.tsv") if row[1] == "4"]
LEVELS = ("5", "5", "4", "4", "3", "3", "2", "1", "T", "S", "8", "9")
ROWS = {"person": 40, "training": 40, "certificate": 60, "assessment": 20, "apprenticeship": 24, "facility": 20, "honour": 24,
        "contest_entry": 24, "subsidy": 30, "fund": 10, "introduction": 20, "expense": 14, "demand": 24, "wage": 90}
CITY_ROWS = {"target": 30, "task": 3, "honour": 12, "fund": 6}
PERSON = ("name", "doc_type", "doc_number")
WITHOUT_LEVEL = ("special", "newskill", "foreign")


class World:
    """Who and what may meet, and one way to make a row of each register: a method of its name, {field: value}."""

    def __init__(self, rnd, year, districts):
        self.rnd, self.year, self.districts = rnd, year, districts
        self.people = [self.someone(rnd.randrange(10**6)) for _ in range(26)]
        self.units = [made_up.uscc("310101", 7 + n) for n in range(rnd.choice((6, 9, 14)))]
        self.occupations = [*rnd.sample(OCCUPATIONS, 2), "9-99-99-99"]
        self.census = [self.day() for _ in range(4)]  # days on which several districts write down whom they find
        self.serial = 0

    def someone(self, n):
        kind, name = "111", made_up.name(n)
        number = made_up.resident_number(n)[0]
        chance = self.rnd.random()
        if chance < 0.06:
            kind, number = "414", f"X{n:07d}"
        elif chance < 0.12:
            kind, number = "553", made_up.foreign_card_2023(n)[0]
        elif chance < 0.16:
            kind, number = "553", made_up.foreign_card_2017(n)
        return {"name": name, "doc_type": kind, "doc_number": number}

    def who(self):
        return dict(self.rnd.choice(self.people))

    def maybe(self, share, value):
        return value() if self.rnd.random() < share else None

    def code(self, name):
        return self.rnd.choice(CODES[name])

    def unit(self):
        return self.units[int(len(self.units) * self.rnd.random() ** 2)]

    def day(self):
        """Of three years; one in three at an end or a beginning."""
        rnd = self.rnd
        if rnd.random() < 0.6:
            return datetime.date(self.year - 1, 9, 1) + datetime.timedelta(rnd.randrange(640))
        first = datetime.date(self.year + rnd.choice((0, 0, 0, 1, -1)), rnd.choice((1, 1, 2, 3, 4, 7, 10, 12)), 1)
        return first - datetime.timedelta(rnd.choice((0, 0, 1, 1, 2)))

    def after(self, day, most=200):
        """That day or later; one in four at the end of a month or on the day after."""
        later = day + datetime.timedelta(self.rnd.choice((0, 1, self.rnd.randrange(most), self.rnd.randrange(most))))
        if self.rnd.random() < 0.25:
            turn = datetime.date(later.year + later.month // 12, later.month % 12 + 1, 1)
            return turn - datetime.timedelta(self.rnd.randrange(2))
        return later

    def money(self, most=50_000):
        return self.rnd.choice((0, self.rnd.randrange(most * 100), self.rnd.randrange(most) * 100))

    def number(self, letters):
        self.serial += 1
        return f"{letters}{self.serial:05d}"

    # ---- the registers ----

    def person(self):
        work = self.rnd.random() < 0.7
        return {**self.who(), "education": self.maybe(0.8, lambda: self.code("education")),
                "local_hukou": self.maybe(0.8, lambda: self.rnd.random() < 0.5), "status": self.code("employment"),
                "employer": self.unit() if work else None, "as_of": self.rnd.choice((self.day(), self.rnd.choice(self.census)))}

    def training(self):
        start, result = self.day(), self.rnd.choice(("completed",) * 6 + ("enrolled", "withdrawn"))
        channel = self.code("channel")
        return {"enrolment_no": self.number("PX"), "class_no": f"C{self.rnd.randrange(9)}", **self.who(), "type": self.code("training_type"),
                "channel": channel, "institution": self.unit(), "employer": self.unit() if channel == "enterprise" else None,
                "status_group": self.code("trainee_status"), "groups": self.maybe(0.5, lambda: self.rnd.sample(CODES["group"], 2)),
                "enrolled_on": start, "ended_on": None if result == "enrolled" else self.after(start),
                "hours_online": self.maybe(0.5, lambda: self.rnd.randrange(900)), "hours_offline": self.maybe(0.8, lambda: self.rnd.randrange(900)),
                "result": result, "fee": self.maybe(0.3, self.money)}

    def certificate(self):
        kind, issued = self.rnd.choice(CODES["certificate_kind"] + ["level_social"] * 4), self.day()
        level = None if kind in WITHOUT_LEVEL else self.rnd.choice(LEVELS)
        if kind == "qualification" and not level.isdigit():
            kind = "level_employer"
        self.serial += 1
        return {"number": made_up.certificate_number(kind, self.districts[0], issued.year, level, self.serial), **self.who(), "kind": kind,
                "source": self.rnd.choice(CODES["certificate_source"] + ["assessment"] * 3), "occupation": self.rnd.choice(self.occupations),
                "level": level, "issued_on": issued, "valid_until": self.maybe(0.35, lambda: self.after(issued, 500)),
                "revoked_on": self.maybe(0.2, lambda: self.after(issued))}

    def assessment(self):
        kind, registered = self.code("assessment_kind"), self.day()
        return {"assessment_no": self.number("KH"), **self.who(), "body": self.unit(), "kind": kind, "occupation": self.rnd.choice(self.occupations),
                "level": None if kind in WITHOUT_LEVEL else self.rnd.choice(LEVELS), "registered_on": registered,
                "sat_on": self.maybe(0.85, lambda: self.after(registered, 60)), "result": self.code("assessment_result")}

    def apprenticeship(self):
        start, status = self.day(), self.code("apprenticeship_status")
        ended = None if status == "running" and self.rnd.random() < 0.9 else self.after(start, 300)
        if ended and self.rnd.random() < 0.06:
            ended = start - datetime.timedelta(self.rnd.randrange(1, 60))
        return {"contract_no": self.number("XT"), **self.who(), "scheme": self.code("apprenticeship_scheme"), "employer": self.unit(),
                "school": self.unit(), "mentor_employer": f"MT{self.rnd.randrange(4)}", "mentor_school": self.maybe(0.6, lambda: f"S{self.rnd.randrange(3)}"),
                "occupation": self.rnd.choice(self.occupations), "level": self.rnd.choice(LEVELS), "started_on": start, "ended_on": ended,
                "status": status, "certified": status == "completed" and self.rnd.random() < 0.6 or self.maybe(0.5, lambda: False),
                "subsidy": self.maybe(0.8, self.money), "mentor_allowance": self.maybe(0.6, self.money),
                "insured": self.maybe(0.8, lambda: self.rnd.random() < 0.6)}

    def facility(self):
        kind, approved = self.rnd.choice(CODES["facility_kind"] + ["base", "studio_city"]), self.day()
        leader = {f"lead_{k}": v for k, v in self.who().items()}
        return {"facility_id": self.number("JD"), "name": kind, "kind": kind, "host": self.unit(), **leader, "approved_on": approved,
                "ends_on": self.maybe(0.5, lambda: self.after(approved, 400) - datetime.timedelta(self.rnd.choice((0, 0, 0, 9)))),
                "withdrawn_on": self.maybe(0.3, lambda: self.after(approved, 300)), "grant": self.maybe(0.8, self.money),
                "matched": self.maybe(0.8, self.money), "open_to_society": self.maybe(0.7, lambda: self.rnd.random() < 0.5)}

    def honour(self):
        title, granted = self.rnd.choice(CODES["honour"] + ["chief", "master_city", "master_state"]), self.day()
        unit = title == "unit" or self.rnd.random() < 0.1
        whom = {} if unit and self.rnd.random() < 0.7 else self.who()
        return {"honour_no": self.number("RY"), "title": title, **whom, "unit": self.unit() if unit else None, "granted_on": granted,
                "revoked_on": self.maybe(0.25, lambda: self.after(granted, 300))}

    def contest_entry(self):
        return {"entry_no": self.number("CS"), "contest": f"S{self.rnd.randrange(9)}", "tier": self.code("contest_tier"),
                "series": self.maybe(0.7, lambda: self.code("contest_series")), "trade": "焊接", **self.who(), "held_on": self.day(),
                "rank": self.maybe(0.5, lambda: self.rnd.randrange(1, 40)), "award": self.maybe(0.5, lambda: self.code("contest_award")),
                "promoted_level": self.maybe(0.3, lambda: self.rnd.choice(LEVELS)),
                "national_squad": self.maybe(0.6, lambda: self.rnd.random() < 0.4)}

    def subsidy(self):
        channel, claimed_on = self.code("channel"), self.day()
        payee = {"individual": "person", "self": self.code("payee_kind")}.get(channel, "unit")
        claimed = self.money()
        approved = self.maybe(0.8, lambda: self.rnd.randrange(claimed + 1))
        paid = self.maybe(0.8, lambda: self.rnd.choice((0, self.rnd.randrange((approved or 0) + 1), approved or 0)))
        recovered = self.maybe(0.3, lambda: self.rnd.randrange((paid or 0) + 1))
        decided = self.after(claimed_on, 90) if self.rnd.random() < 0.9 else self.day()
        row = {"claim_no": self.number("BT"), "purpose": self.code("subsidy_purpose"), "channel": channel, "source": self.code("fund_source"),
               "payee_kind": payee, "payee": self.unit() if payee == "unit" else self.maybe(0.1, self.unit), "claimed": claimed,
               "claimed_on": claimed_on, "approved": approved, "decided_on": self.maybe(0.9, lambda: decided), "paid": paid,
               "paid_on": self.after(decided, 60) if paid is not None else None, "recovered": recovered,
               "recovered_on": self.after(decided, 90) if recovered is not None else None, "status": self.code("subsidy_status")}
        return {**row, **(self.who() if self.rnd.random() < 0.8 else {})}

    def any_year(self):
        return self.year + self.rnd.choice((0, 0, 0, -1, 1))

    def fund(self):
        return {"fund_no": self.number("ZJ"), "year": self.any_year(), "source": self.code("fund_source"), "purpose": self.code("subsidy_purpose"),
                "budget": self.money(90_000)}

    def introduction(self):
        received = self.day()
        return {"case_no": self.number("YJ"), **self.who(), "route": self.code("introduction_route"), "basis": self.code("introduction_basis"),
                "received_on": received, "decided_on": self.maybe(0.8, lambda: self.after(received, 70)),
                "decision": self.maybe(0.8, lambda: self.code("decision"))}

    def expense(self):
        staff, spent, rnd = self.rnd.randrange(300), self.money(), self.rnd
        ownership = rnd.choice(("state", "state", "private", "public"))
        growth = [rnd.randrange(-50, 99) if ownership == "state" or rnd.random() < 0.3 else None for _ in "ab"]
        return {"uscc": rnd.choice(self.units), "year": self.any_year(), "ownership": ownership, "industry": rnd.choice("CCI"), "staff": staff,
                "wages": self.money(10**7), "drawn": self.money(), "spent": spent,
                "spent_frontline": rnd.choice((spent * 6 // 10, -(-spent * 6 // 10), rnd.randrange(spent + 1))),
                "staff_frontline": rnd.randrange(staff + 1), "trained": rnd.randrange(400), "growth_skilled": growth[0],
                "growth_managers": growth[1]}

    def demand(self):
        rnd = self.rnd
        return {"uscc": rnd.choice(self.units), "period": f"{self.any_year()}-H{rnd.randrange(1, 3)}", "stratum": "C-1",
                "occupation": rnd.choice(self.occupations), "level": self.maybe(0.8, lambda: rnd.choice("543")), "employed": rnd.randrange(90),
                "vacant": rnd.randrange(9), "hiring": rnd.randrange(9), "urgency": rnd.randrange(1, 6)}

    def wage(self):
        rnd = self.rnd
        return {"uscc": self.unit(), "year": self.any_year(), "item": rnd.randrange(1, 60), "occupation": rnd.choice(self.occupations),
                "level": rnd.choice(("5", "5", "4", "3", None)), "annual_pay": rnd.choice((self.money(200_000), 6_000_000))}

    def target(self):
        code = self.code("target")
        return {"plan": f"P{self.rnd.randrange(2)}", "code": code, "year": self.any_year(), "area": self.rnd.choice((CITY, *self.districts, "310151")),
                "value": self.rnd.choice((0, self.rnd.randrange(1, 900), self.rnd.randrange(1, 900)))}

    def task(self):
        return {"task_no": self.number("RW"), "kind": self.code("task_kind"), "title": "事项", "owner": "科", "due_on": self.day()}


class SurveyHistory:
    """steps: (area, "import" or "retract", register, path), each area's in its order; between areas anything goes."""

    def __init__(self, seed, where, districts=3, scale=1.0):
        self.rnd = random.Random(f"survey/{seed}")
        self.where = where
        os.makedirs(where, exist_ok=True)
        self.year = (2019, 1954, 2020, 1963)[seed % 4]
        self.districts = sorted(self.rnd.sample(sorted(SIZE), districts))
        self.world = World(self.rnd, self.year, self.districts)
        self.files = 0
        queues = []
        for area in (*self.districts, CITY):
            rows = {r: n for r, n in (CITY_ROWS if area == CITY else ROWS).items() if area != CITY or r in AT_CITY}
            queues.append([step for r, n in rows.items() for step in self.of_register(area, r, max(1, round(n * scale)))])
            self.rnd.shuffle(queues[-1])
            queues[-1].sort(key=lambda step: step[0])
            queues[-1] = [step[1:] for step in queues[-1]]
        self.steps = []
        while any(queues):
            self.steps.append(self.rnd.choice([q for q in queues if q]).pop(0))

    def of_register(self, area, register, n):
        """Three rounds: all rows; some corrected, some repeated as they were; some taken back, and of these some sent again."""
        rnd, make = self.rnd, getattr(self.world, register)
        rows = [make() for _ in range(n)]
        changed = [self.corrected(self.alike(make, row), row, register) for row in rnd.sample(rows, max(1, n // 5))]
        again = rnd.sample(rows, max(1, n // 8))
        gone = rnd.sample(rows, max(1, n // 9))
        yield 1 + rnd.random(), area, "import", register, self.file(register, rows)
        yield 2 + rnd.random(), area, "import", register, self.file(register, changed + again)
        yield 3 + rnd.random(), area, "retract", register, self.file(register, gone)
        yield 4 + rnd.random() * rnd.choice((0, 1)), area, "import", register, self.file(register, rnd.sample(gone, len(gone) // 2) + changed[:1])

    def alike(self, make, row):
        """A new row; a certificate of the same kind, since its number says which."""
        new = make()
        while "number" in new and new["kind"] != row["kind"]:
            new = make()
        return new

    def corrected(self, new, row, register):
        """Same key, other content: all of it, or some fields. (Then a row may break a rule, and is refused by both.)"""
        always = {*KEYS[register], *(PERSON if register == "person" else ())}
        kept = set()
        if self.rnd.random() < 0.4:
            names = {*row, *new}
            kept |= {name for name in sorted(names) if self.rnd.random() < 0.7}
            for whole in (PERSON, tuple(f"lead_{p}" for p in PERSON)):
                kept = kept | set(whole) if whole[1] in kept else kept - set(whole)
        kept |= always
        return {name: (row if name in kept else new).get(name) for name in {**row, **new}}

    def file(self, register, rows):
        self.files += 1
        path = os.path.join(self.where, f"{self.files:04d}-{register}.csv")
        fields = REGISTERS[register]
        zh = self.rnd.random() < 0.5
        with open(path, "w", encoding="utf-8", newline="") as f:
            out = csv.writer(f)
            out.writerow([x.zh if zh else x.name for x in fields])
            for row in rows:
                out.writerow([spell(self.rnd, x.type, x.codes, row.get(x.name)) for x in fields])
        return path

    def play(self, cluster, oracle):
        """Every answer of the daemons must be the oracle's."""
        oracle.know([*self.districts])
        for area, what, register, path in self.steps:
            node = cluster.city if area == CITY else cluster.districts[area]
            expected = getattr(oracle, f"{what}_file" if what == "retract" else "take_file")(area, register, path)
            if what == "import":
                found = node.load(register, path, codes=(0, 3))
                assert found == (*expected[:3], len(expected[3])), f"{area} {register} {path}: {found}, oracle {expected}"
            else:
                r = node.ctl("retract", register, "--file", path, "--reason", "重复录入", codes=(0, 3))
                assert "retracted {}, unchanged {}, refused {}".format(*expected) in r.out, f"{area} {register} {path}: {r}, oracle {expected}"
