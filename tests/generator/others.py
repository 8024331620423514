"""The registers beside trainings, certificates, assessments and persons: the places, the money, the contests, the surveys,
and what the city decides. Fewer rows, and each register draws its own chances, so that one more changes no other's bytes.

A register is a function here: (district, random, how many are wanted or None) → rows as dicts, by field."""

import datetime
import random

from made_up import uscc
from people import TAKEN
from style import CODES, FIELDS

CITY = "310000"
OF_CITY = ("target", "task")
STUDIOS = ("studio_city", "studio_state", "studio_district", "chief")


class Pen:
    """A district's way of writing, and its chances."""

    def __init__(self, district, register):
        self.d, self.style, self.code = district, district.style, district.style.code
        self.rnd = random.Random(f"{district.city.seed}/{district.code}/{register}")
        self.year = district.city.year
        self.start = datetime.date(self.year, 1, 1).toordinal()
        self.homes = district.after - district.first

    def below(self, n):
        return int(self.rnd.random() * n)

    def pick(self, items):
        return items[int(self.rnd.random() * len(items))]

    def often(self, share):
        return self.rnd.random() < share

    def any(self, name):
        return self.code[name][self.pick(list(CODES[name]))]

    def several(self, name, most):
        codes = list(CODES[name])
        return self.style.codes(name, sorted(self.rnd.sample(codes, 1 + self.below(most)), key=codes.index))

    def day(self, ordinal):
        return self.style.date[ordinal]

    def in_year(self):
        return self.start + self.below(330)

    def yes(self, share):
        return self.style.yes if self.often(share) else self.style.no

    def who(self, prefix=""):
        i = self.d.first + self.below(self.homes) if self.homes else self.below(self.d.city.people.count)
        return self.named(i, prefix)

    def named(self, i, prefix=""):
        p = self.d.city.people[i]
        return {f"{prefix}name": p.name, f"{prefix}doc_type": self.code["doc_type"][p.doc_type],
                f"{prefix}doc_number": self.d.written(p, i)}

    def tenths(self, most):
        n = self.below(most * 10)
        return f"{n // 10}.{n % 10}" if n % 10 else str(n // 10)


def how_many(wanted, usual):
    return range(usual if wanted is None else wanted)


def organisation(d, pen, wanted):
    places = d.places
    all_of = [(c, "training") for c in places.institutions] + [(c, "evaluation") for c in places.bodies]
    all_of += [(c, "cooperative" if c.startswith("N") else "enterprise") for c in places.employers]
    for k in how_many(wanted, len(all_of)):
        code, kind = all_of[k] if k < len(all_of) else (uscc(d.code, 60_000 + k), "other")
        opened = pen.start - pen.below(7000)
        yield {
            "uscc": code, "name": f"甲子{kind}{k:04d}号", "kind": pen.code["organisation_kind"][kind], "ownership": pen.any("ownership"),
            "industry": pen.any("industry"), "holding": pen.pick(places.employers) if pen.often(0.1) else "",
            "approval": pen.any("approval") if kind == "training" else "",
            "licence_until": pen.day(pen.start + pen.below(1000)) if kind == "training" else "",
            "scope": ";".join(pen.rnd.sample(TAKEN, 3)) if kind == "evaluation" else "",
            "opened": pen.day(opened), "closed": pen.day(pen.start + pen.below(365)) if pen.often(0.02) else "",
        }


def facility(d, pen, wanted):
    for k in how_many(wanted, 30):
        kind = pen.pick(list(CODES["facility_kind"]))
        approved = pen.start - pen.below(1500)
        led = kind in STUDIOS
        row = {
            "facility_id": f"JD{d.code}{k:04d}", "name": f"{kind} {k}", "kind": pen.code["facility_kind"][kind],
            "host": pen.pick(d.places.employers), "programme": pen.several("programme", 2), "approved_on": pen.day(approved),
            "ends_on": pen.day(approved + 1826), "withdrawn_on": pen.day(pen.in_year()) if pen.often(0.05) else "",
            "grant": pen.style.money(100_000), "matched": pen.style.money(100_000 + pen.below(9) * 10_000) if led else "",
            "open_to_society": pen.yes(0.3),
        }
        yield {**row, **(pen.who("lead_") if led else {})}


def apprenticeship(d, pen, wanted):
    for k in how_many(wanted, pen.homes // 50):
        status, started = pen.pick(("running", "completed", "completed", "left")), pen.in_year() - 200
        allowance = pen.below(3) * 1000
        yield {
            "contract_no": f"XT{d.code}{d.city.year}{k:06d}", **pen.who(), "scheme": pen.any("apprenticeship_scheme"),
            "employer": pen.pick(d.places.employers), "school": pen.pick(d.places.institutions), "mentor_employer": f"MT{pen.below(999):03d}",
            "mentor_school": f"S{pen.below(99)}", "occupation": pen.pick(TAKEN), "level": pen.code["level"][pen.pick("543")],
            "started_on": pen.day(started), "ended_on": "" if status == "running" else pen.day(started + 200),
            "status": pen.code["apprenticeship_status"][status], "certified": pen.yes(0.8) if status == "completed" else pen.style.no,
            "subsidy": pen.style.money(4000 + pen.below(20) * 100), "mentor_allowance": pen.style.money(allowance), "insured": pen.yes(1),
        }


def honour(d, pen, wanted):
    for k in how_many(wanted, pen.homes // 200):
        title = pen.pick(list(CODES["honour"]))
        whom = {"unit": pen.pick(d.places.employers)} if title == "unit" else pen.who()
        granted = pen.in_year() - pen.below(3) * 365
        yield {
            "honour_no": f"RY{d.code}{k:05d}", "title": pen.code["honour"][title], **whom, "granted_on": pen.day(granted),
            "document": f"沪人社〔{d.city.year}〕{pen.below(300)}号", "grant": pen.style.money(pen.below(5) * 10_000),
            "matched": pen.style.money(pen.below(5) * 10_000), "revoked_on": pen.day(granted + 300) if pen.often(0.01) else "",
        }


def contest_entry(d, pen, wanted):
    for k in how_many(wanted, pen.homes // 60):
        contest, rank = pen.below(40), 1 + pen.below(30)
        award = ("gold", "silver", "bronze")[rank - 1] if rank < 4 else "excellence" if rank < 8 else ""
        yield {
            "entry_no": f"CS{d.code}{k:06d}", "contest": f"S{d.city.year}-{contest:02d}", "tier": pen.any("contest_tier"),
            "series": pen.any("contest_series") if contest % 3 else "", "trade": f"赛项{contest}", "occupation": pen.pick(TAKEN), **pen.who(),
            "held_on": pen.day(pen.in_year()), "rank": str(rank), "award": pen.code["contest_award"][award],
            "promoted_level": pen.code["level"][pen.pick("32") if rank == 1 else ""], "national_squad": pen.yes(0.05) if rank < 4 else "",
        }


def subsidy(d, pen, wanted):
    """One in seven trainings that somebody pays for, then what has no training."""
    paid_for = [t for t in d.trained if t[5] != "self" and t[3]]
    for k in how_many(wanted, pen.homes // 7):
        asked = 800 + pen.below(40) * 50
        t = paid_for[k * 7 % len(paid_for)] if paid_for else None
        claimed = t[3] + 10 if t else pen.in_year()
        unit = t[5] in ("enterprise", "sme") if t else pen.often(0.5)
        status = pen.pick(("claimed", "approved", "refused") + ("paid",) * 12 + ("recovered",))
        paid = status in ("paid", "recovered")
        row = {
            "claim_no": f"BT{d.code}{d.city.year}{k:06d}", "purpose": pen.code["subsidy_purpose"]["training" if t else "certificate"],
            "channel": pen.code["channel"][t[5] if t else ""], "source": pen.any("fund_source"),
            "payee_kind": pen.code["payee_kind"]["unit" if unit else "person"], "payee": pen.pick(d.places.employers) if unit else "",
            "occupation": t[7] if t else pen.pick(TAKEN), "level": pen.code["level"][t[8] if t else ""], "enrolment_no": t[0] if t else "",
            "certificate_no": "" if t else f"ZX-{pen.below(9999)}", "claimed": pen.style.money(asked), "claimed_on": pen.day(claimed),
            "approved": pen.style.money(asked - 100) if paid or status == "approved" else "",
            "decided_on": "" if status == "claimed" else pen.day(claimed + 20), "paid": pen.style.money(asked - 100) if paid else "",
            "paid_on": pen.day(claimed + 30) if paid else "", "status": pen.code["subsidy_status"][status],
        }
        if status == "recovered":
            row.update(recovered=pen.style.money(asked - 200), recovered_on=pen.day(claimed + 90))
        yield {**row, **(pen.named(t[1]) if t else pen.who())}


def fund(d, pen, wanted):
    pairs = [(s, p) for s in CODES["fund_source"] for p in CODES["subsidy_purpose"]]
    for k in how_many(wanted, len(pairs)):
        source, purpose = pairs[k % len(pairs)]
        budget = 100_000 * (1 + pen.below(80))
        yield {"fund_no": f"ZJ{d.code}{d.city.year}{k:04d}", "year": str(d.city.year), "source": pen.code["fund_source"][source],
               "purpose": pen.code["subsidy_purpose"][purpose], "budget": pen.style.money(budget),
               "allotted": pen.style.money(budget - 100 * pen.below(400))}


def introduction(d, pen, wanted):
    for k in how_many(wanted, pen.homes // 150):
        received, foreign = pen.in_year(), pen.often(0.2)
        decision = pen.pick(("granted", "granted", "granted", "refused", "withdrawn", ""))
        yield {
            "case_no": f"YJ{d.code}{k:05d}", **pen.who(), "route": pen.code["introduction_route"][pen.pick(("r_visa", "work_permit"))]
            if foreign else pen.code["introduction_route"][pen.pick(("permit", "permit_to_hukou", "hukou"))],
            "basis": pen.any("introduction_basis"), "employer": pen.pick(d.places.employers), "occupation": pen.pick(TAKEN),
            "level": pen.code["level"][pen.pick("4321")], "nationality": pen.pick(("DEU", "JPN", "FRA")) if foreign else "",
            "received_on": pen.day(received), "decided_on": pen.day(received + 30) if decision else "",
            "decision": pen.code["decision"][decision], "valid_until": pen.day(received + 800) if decision == "granted" else "",
        }


def expense(d, pen, wanted):
    all_of = d.places.employers
    for k in how_many(wanted, 120):
        ownership, staff = pen.pick(list(CODES["ownership"])), 20 + pen.below(900)
        drawn = staff * 1000
        spent = drawn - 100 * pen.below(200)
        row = {
            "uscc": all_of[k % len(all_of)], "year": str(d.city.year - k // len(all_of)), "ownership": pen.code["ownership"][ownership],
            "industry": pen.any("industry"), "staff": str(staff), "wages": pen.style.money(staff * 120_000), "drawn": pen.style.money(drawn),
            "spent": pen.style.money(spent), "spent_frontline": pen.style.money(spent * (50 + pen.below(40)) // 100),
            "staff_frontline": str(staff * (40 + pen.below(50)) // 100), "trained": str(pen.below(staff * 2)),
        }
        if ownership == "state" or pen.often(0.3):
            row.update(growth_skilled=pen.tenths(15), growth_managers=pen.tenths(12))
        yield row


def demand(d, pen, wanted):
    for k in how_many(wanted, 150):
        yield {
            "uscc": d.places.employers[k % 200], "period": f"{d.city.year}-H{1 + k % 2}", "stratum": f"{pen.pick('CFGI')}-{1 + pen.below(3)}",
            "occupation": TAKEN[k % len(TAKEN)], "level": pen.code["level"]["54321"[k // 300 % 5]], "employed": str(pen.below(90)),
            "vacant": str(pen.below(9)), "hiring": str(pen.below(20)), "urgency": str(1 + pen.below(5)),
        }


def wage(d, pen, wanted):
    for k in how_many(wanted, 400):
        yield {"uscc": d.places.employers[k // 20 % 500], "year": str(d.city.year - k // 10_000), "item": str(1 + k % 20),
               "occupation": pen.pick(TAKEN), "level": pen.code["level"][pen.pick("54321")],
               "annual_pay": pen.style.money(60_000 + 500 * pen.below(400))}


def figure(d, pen, wanted):
    codes = list(CODES["figure"])
    for k in how_many(wanted, len(codes) * 5):
        n, part = k // len(codes) % 5, k // len(codes) // 5
        yield {"code": pen.code["figure"][codes[k % len(codes)]], "period": f"{d.city.year}-Q{n}" if n else str(d.city.year),
               "part": f"分项{part}" if part else "", "value": str(pen.below(500)), "note": "甲子街道报" if pen.often(0.1) else ""}


def task(d, pen, wanted):
    for k in how_many(wanted, 12):
        due, done = pen.in_year(), pen.often(0.6)
        yield {"task_no": f"RW{d.code}{k:03d}", "kind": pen.any("task_kind"), "title": f"事项{k}", "owner": "职业能力建设科",
               "due_on": pen.day(due), "done_on": pen.day(due - 10 + pen.below(30)) if done else "", "note": "已办结" if done else ""}


PLANNED = {"trained": 1_000_000, "upgrade_share": 80, "bases": 120, "leaders": 2000, "studios": 200, "high_share": 35, "frontline_share": 60}


def target(d, pen, wanted):
    """The plan of 2019 to 2021: the whole city, and the districts by their size where it is a count."""
    districts = (CITY, *d.city.districts)
    everything = [(code, year, area) for year in range(d.city.year, d.city.year + 3) for code in PLANNED for area in districts]
    for k in how_many(wanted, len(everything)):
        code, year, area = everything[k % len(everything)]
        share = 1 if area == CITY or code.endswith("share") else len(districts) - 1
        yield {"plan": f"P{d.city.year}" + (f"-{k // len(everything)}" if k >= len(everything) else ""), "code": pen.code["target"][code],
               "year": str(year), "area": pen.code["district"][area], "value": str(PLANNED[code] // share)}


MAKERS = {f.__name__: f for f in (organisation, facility, apprenticeship, honour, contest_entry, subsidy, fund, introduction, expense,
                                  demand, wage, figure, target, task)}


def rows(district, register, wanted=None):
    """(cells, facts) as registers.py yields them; the facts are the key alone."""
    names = [f[0] for f in FIELDS[register]]
    pen = Pen(district, register)
    for row in MAKERS[register](district, pen, wanted):
        yield [row.get(name, "") for name in names], (row[names[0]],)
