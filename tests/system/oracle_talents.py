"""The talent database, computed from the clerks' files and nothing else: who is a talent on a day, what is known of each, who may
apply for what, what only the centre can see. Written from the plan's page and the readings of aggregator/talents/README.md; it shares
no code with the C and reads none of its rules.

A person here is what the document says ("111/…"), or after a link the group of them; ids and pids are made of it as the network's
linking key would."""

import base64
import datetime
import hashlib
from collections import Counter, defaultdict

from judge import CODES, REGISTERS
from oracle import Oracle
from oracle_sheet import CITY

RANK = {code: rank for rank, code in enumerate("854321TS")}
LEVEL_KINDS = ("qualification", "level_employer", "level_social")
HIGH = ("3", "2", "1", "T", "S")
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# part of a talent's page: register, from, until, through
PARTS = (("person", "person", "as_of", None, None), ("certificate", "certificate", "issued_on", "revoked_on", "valid_until"),
         ("honour", "honour", "granted_on", "revoked_on", None), ("contest", "contest_entry", "held_on", None, None),
         ("assessment", "assessment", "registered_on", None, None), ("training", "training", "enrolled_on", None, "ended_on"),
         ("apprenticeship", "apprenticeship", "started_on", None, "ended_on"), ("subsidy", "subsidy", "claimed_on", None, None),
         ("facility", "facility", "approved_on", "withdrawn_on", "ends_on"),
         ("introduction", "introduction", "received_on", None, "valid_until"))
HOME = (("person", "as_of"), ("certificate", "issued_on"), ("honour", "granted_on"), ("contest_entry", "held_on"), ("facility", "approved_on"))
AGES = {"training": "enrolled_on", "certificate": "issued_on", "assessment": "registered_on", "apprenticeship": "started_on",
        "contest_entry": "held_on"}


def ordinal(day):
    return datetime.date(day // 10000, day // 100 % 100, day % 100).toordinal()


def iso(day):
    return f"{day // 10000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"


def speaks(r, day, start, until=None, through=None):
    """From `start` on, up to the day before `until`, up to and with `through`."""
    return r[start] is not None and r[start] <= day and not (until and r[until] and r[until] <= day) and not (
        through and r[through] and r[through] < day)


class TalentOracle(Oracle):
    """Also knows who leads a facility."""

    def __init__(self, areas, pid_key):
        super().__init__(areas)
        self.leads, self.births = {}, {}
        with open(pid_key, encoding="ascii") as f:
            self.key = base64.b64decode(f.read().strip())
        self.links = set()

    def put(self, district, register, key, record):
        super().put(district, register, key, record)
        prefix = "lead_" if register == "facility" else ""
        if prefix:
            self.leads[str(district), repr(key)] = record.get("lead_person")
        self.births[record.get(f"{prefix}person")] = (record.get(f"{prefix}female"), record.get(f"{prefix}birth"))

    # ---- persons ----

    def pid(self, person):
        kind, number = person.split("/", 1)
        return hashlib.blake2b(kind.encode() + b"\0" + number.encode(), digest_size=16, key=self.key).digest()

    def talent_id(self, pid):
        n = int.from_bytes(pid[:10], "big")
        return "T" + "".join(DIGITS[n >> (75 - 5 * i) & 31] for i in range(16))

    def group(self, person):
        """All persons that are one with this one, after the links."""
        found, todo = {person}, [person]
        while todo:
            at = todo.pop()
            for pair in self.links:
                if at in pair:
                    new = set(pair) - found
                    found |= new
                    todo += new
        return found

    def one(self, person):
        """The id of a person: of the smallest pid."""
        return self.talent_id(min(self.pid(p) for p in self.group(person)))

    # ---- records ----

    def records(self):
        """{id: [record]}: every record that names somebody, with register, district and its key as the ledgers write it."""
        out, names = defaultdict(list), {}
        for register in REGISTERS:
            cursor = self.db.execute(f"select * from {register}")
            columns = [c[0] for c in cursor.description]
            for row in cursor:
                r = dict(zip(columns, row), register=register)
                r["person"] = r["person"] or self.leads.get((r["district"], r["key"])) if register == "facility" else r["person"]
                if not r["person"]:
                    continue
                r["key"] = "/".join(self.pid(p).hex() if str(p).startswith(r["person"]) else iso(p) if register == "person" else str(p)
                                    for p in eval(r["key"]))  # what put() wrote
                if r["person"] not in names:
                    names[r["person"]] = self.one(r["person"])
                r["id"] = names[r["person"]]
                out[r["id"]].append(r)
        return out

    def known(self, person):
        """(female, year of birth); None: the document does not say."""
        return self.births.get(person) or (None, None)

    def state(self, records, day):
        """What the search says of a person on a day; None: not a talent."""
        of = defaultdict(list)
        for r in records:
            of[r["register"]].append(r)
        levels = [r for r in of["certificate"] if r["kind"] in LEVEL_KINDS and speaks(r, day, "issued_on", "revoked_on", "valid_until")]
        honours = [r for r in of["honour"] if r["title"] != "unit" and speaks(r, day, "granted_on", "revoked_on")]
        prizes = [r for r in of["contest_entry"] if r["tier"] in ("city", "state", "world") and r["award"] and r["held_on"] <= day]
        ranks = [RANK[r["level"]] for r in levels if RANK.get(r["level"], 0) >= 1]
        s = {"in": any(r["level"] in HIGH for r in levels) or bool(honours) or bool(prizes)}
        s["level"] = "854321TS"[max(ranks)] if ranks else ""
        occs = {}
        for r in levels:
            if RANK.get(r["level"], 0) >= 1:
                occs[r["occupation"]] = max(occs.get(r["occupation"], 0), RANK[r["level"]])
        s["occupations"] = occs
        s["honours"] = {r["title"] for r in of["honour"] if speaks(r, day, "granted_on", "revoked_on")}
        led = [r for r in of["facility"] if speaks(r, r["approved_on"], "approved_on", "withdrawn_on", "ends_on")]
        s["programmes"] = {c for r in of["training"] + led for c in (r["programme"] or "").split(";") if c
                           and r["enrolled_on" if r["register"] == "training" else "approved_on"] <= day}
        s["areas"] = {c for r in of["training"] if r["enrolled_on"] <= day for c in (r["area"] or "").split(";") if c}
        # Linked persons may have two of one day in one district: the status that its list names first, then the industry.
        newest = min((r for r in of["person"] if r["as_of"] <= day), default=None, key=lambda r: (
            -r["as_of"], r["district"], CODES["employment"].index(r["status"]), ([None] + CODES["industry"]).index(r["industry"] or None)))
        s["status"], s["industry"] = (newest["status"], newest["industry"] or "") if newest else ("", "")
        s["district"] = ""
        for register, date in HOME:
            stands = sorted((-r[date], r["district"]) for r in of[register] if r[date] <= day)
            if stands:
                s["district"] = stands[0][1]
                break
        who = [self.known(p) for p in {r["person"] for r in records}]
        s["birth_year"] = max((b or 0 for _, b in who), default=0)
        sexes = [2 if f else 1 for f, b in who if f is not None]
        s["sex"] = str(max(sexes)) if sexes else ""
        return s

    def talents(self, day):
        out = {}
        for who, records in self.records().items():
            s = self.state(records, day)
            if s["in"]:
                out[who] = s
        return out

    # ---- what honours open ----

    def eligible(self, what, day):
        """{(id, register, district, key)}"""
        opens = {"talent": "grand", "model": "expert", "may_day": "outstanding"}
        out = set()
        for who, records in self.records().items():
            if what in opens:
                held = [r for r in records if r["register"] == "honour" and speaks(r, day, "granted_on", "revoked_on")]
                if any(r["title"] == what for r in held):
                    continue
                good = [r for r in held if r["title"] == opens[what]]
            else:
                kinds = ("chief",) if what == "chief" else ("studio_city", "studio_state", "studio_district")
                good = [r for r in records if r["register"] == "facility" and r["kind"] in kinds and r["grant"] is not None
                        and r["matched"] is not None and r["matched"] >= r["grant"] and speaks(r, day, "approved_on", "withdrawn_on", "ends_on")]
            out |= {(who, r["register"], r["district"], r["key"]) for r in good}
        return out

    # ---- what only the centre can see ----

    def alerts(self):
        """{(rule, place, other place)} with place = (district, register, key); of one record the other is None."""
        out = set()
        people = self.records()

        def told(rule, *records):
            places = [(r["district"], r["register"], r["key"]) for r in records]
            out.add((rule, frozenset(places)))
        numbers = defaultdict(list)
        for records in people.values():
            for r in records:
                if r["register"] == "certificate" and r["kind"] in LEVEL_KINDS:
                    numbers[r["number"]].append(r)
            self.alerts_of(records, told)
        for same in numbers.values():
            for i, a in enumerate(same):
                for b in same[i + 1:]:
                    if a["id"] != b["id"]:
                        told("A01", a, b)
        return out

    def alerts_of(self, records, told):
        claims = [r for r in records if r["register"] == "subsidy"]
        paid = [r for r in claims if r["status"] in ("approved", "paid") and r["purpose"] in ("training", "certificate") and r["occupation"]
                and r["level"]]
        for i, a in enumerate(paid):
            for b in paid[i + 1:]:
                if (a["purpose"], a["occupation"]) != (b["purpose"], b["occupation"]):
                    continue
                first, later = sorted((a, b), key=lambda r: r["claimed_on"])
                if a["level"] == b["level"]:
                    told("A02", a, b)
                elif RANK.get(later["level"], -1) < RANK.get(first["level"], -1) or first["claimed_on"] == later["claimed_on"]:
                    told("A03", a, b)
        full = [r for r in records if r["register"] == "training" and r["result"] != "withdrawn" and r["ended_on"]
                and (r["hours_offline"] or 0) >= 40 * (ordinal(r["ended_on"]) - ordinal(r["enrolled_on"]) + 1)]
        for i, a in enumerate(full):
            for b in full[i + 1:]:
                if a["district"] != b["district"] and max(a["enrolled_on"], b["enrolled_on"]) <= min(a["ended_on"], b["ended_on"]):
                    told("A04", a, b)
        standing = [r for r in claims if r["status"] in ("claimed", "approved", "paid")]
        for i, a in enumerate(standing):
            for b in standing[i + 1:]:
                if a["enrolment_no"] and a["enrolment_no"] == b["enrolment_no"] and a["purpose"] == b["purpose"] and (
                        (a["payee"], a["payee_kind"]) != (b["payee"], b["payee_kind"])):
                    told("A05", a, b)
        certificates = [r for r in records if r["register"] == "certificate"]
        for claim in standing:
            for z in certificates:
                if z["revoked_on"] and self.counts_revoked(claim, z, certificates):
                    told("A06", claim, z)
        for r in records:
            birth = self.known(r["person"])[1]
            if r["register"] in AGES and birth and not 14 <= r[AGES[r["register"]]] // 10000 - birth <= 120:
                told("A07", r)

    def counts_revoked(self, claim, z, certificates):
        if claim["certificate_no"]:
            return claim["certificate_no"] == z["number"]
        same = [c for c in certificates if c["occupation"] == claim["occupation"] and c["level"] in RANK and claim["level"] in RANK
                and c["level"] == claim["level"]]
        return z in same and z["revoked_on"] <= claim["claimed_on"] and all(c["revoked_on"] for c in same)

    def jumps(self, today):
        """{(area, month)}: enrolments against the same month a year before."""
        out = set()
        first = today // 10000 * 12 + today // 100 % 100 - 1
        for month in range(first - 12, first):
            now, then = ({k[0]: int(v) for k, v in self.form("02", f"{m // 12}-{m % 12 + 1:02d}").items() if k[1:] == ("_T", "_T", "2")}
                         for m in (month, month - 12))
            for area in set(now) | set(then):
                a, b = now.get(area, 0), then.get(area, 0)
                if area != CITY and abs(a - b) >= 50 and abs(a - b) * 100 > b * 100:
                    out.add((area, f"{month // 12}-{month % 12 + 1:02d}"))
        return out


# ---- as the city shows it ----

def shown(s):
    """A state as a line of `talent find`."""
    return {"level": s["level"], "occupations": {f"{o}/{'854321TS'[r]}" for o, r in s["occupations"].items()}, "honours": s["honours"],
            "district": s["district"], "status": s["status"], "industry": s["industry"], "sex": s["sex"],
            "birth_year": str(s["birth_year"] or ""), "programmes": s["programmes"], "areas": s["areas"]}


def facets(talents, day, level_min=None, occupation=""):
    """{(facet, code): talents}"""
    out = Counter()
    for s in talents.values():
        out["total", "_T"] += 1
        for name in ("level", "status", "industry", "district"):
            out[name, s[name] or "_Z"] += 1
        for name, of in (("honour", "honours"), ("programme", "programmes"), ("area", "areas")):
            for code in s[of]:
                out[name, code] += 1
        age = day // 10000 - s["birth_year"]
        out["age", "_Z" if not s["birth_year"] else "-35" if age <= 35 else "36-45" if age <= 45 else "46-55" if age <= 55 else "56-"] += 1
        for o, rank in s["occupations"].items():
            if rank >= (RANK[level_min] if level_min else 0) and o.startswith(occupation):
                out["occupation", o] += 1
    return dict(out)


def fits(s, q, day):
    """Does a talent fit the words of a question? {option: value}"""
    rank = RANK[q["level-min"]] if "level-min" in q else 0
    age = day // 10000 - s["birth_year"] if s["birth_year"] else None
    checks = {
        "level-min": lambda v: s["level"] and RANK[s["level"]] >= RANK[v],
        "occupation": lambda v: any(o.startswith(v) and r >= rank for o, r in s["occupations"].items()),
        "honour": lambda v: v in s["honours"],
        "programme": lambda v: v in s["programmes"],
        "area": lambda v: v == CITY or s["district"] == v if v.isdigit() else v in s["areas"],
        "industry": lambda v: s["industry"] == v,
        "status": lambda v: s["status"] == v,
        "sex": lambda v: s["sex"] == v,
        "age-min": lambda v: age is not None and age >= int(v),
        "age-max": lambda v: age is not None and age <= int(v),
    }
    return all(checks[name](value) for name, value in q.items())


def spelled(field, value):
    """A field of a record as `talent show` prints it; a set for several codes."""
    if field.type in ("date",):
        return iso(value)
    if field.type == "money":
        return f"{value // 100}.{value % 100:02d}"
    if field.type == "dec1":
        return f"{value // 10}.{value % 10}"
    if field.type == "codes":
        return ";".join(c for c in CODES[field.codes] if f";{c};" in value)
    return str(value)
