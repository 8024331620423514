"""The rows of the registers, district by district: classes of training, the certificates and assessments that follow
from them, and the facts about persons. A row is a list of cells in the order of proto/registers.tsv."""

import datetime
import random

import made_up
import others
from people import TAKEN, People, Places, weighted
from style import FIELDS

TYPES = {"upgrade": 45, "employment": 18, "newskill": 12, "induction": 9, "startup": 5, "transfer": 5, "other": 4, "renewal": 2}
CHANNELS = {
    "upgrade": {"enterprise": 60, "sme": 20, "individual": 18, "self": 2}, "employment": {"individual": 80, "self": 20},
    "newskill": {"enterprise": 35, "sme": 20, "individual": 40, "self": 5}, "induction": {"enterprise": 90, "sme": 10},
    "startup": {"individual": 85, "self": 15}, "transfer": {"enterprise": 70, "sme": 30},
    "other": {"self": 60, "individual": 40}, "renewal": {"enterprise": 80, "individual": 20},
}
MONTHS = {1: 5, 2: 3, 3: 10, 4: 11, 5: 11, 6: 10, 7: 7, 8: 7, 9: 11, 10: 10, 11: 10, 12: 5}
LEVELS = {"5": 400, "4": 300, "3": 200, "2": 70, "1": 25, "T": 4, "S": 1}
KINDS = {
    "upgrade": {"level_social": 40, "level_employer": 40, "qualification": 20}, "newskill": {"newskill": 100},
    "employment": {"special": 55, "level_social": 35, "qualification": 10},
    "renewal": {"level_social": 50, "level_employer": 50},
}
LONE = {"level_social": 35, "level_employer": 30, "qualification": 25, "special": 7, "foreign": 3}
GRADED = ("level_social", "level_employer", "qualification")


class Shape:
    """Proportions. `dense`: few people who meet in many districts, for tests that look for what is counted twice."""

    def __init__(self, dense=False):
        self.visitors = 0.30 if dense else 0.05
        self.class_size = (3, 9) if dense else (22, 38)
        self.certified = 0.75 if dense else 0.55
        self.lone = 0.40 if dense else 0.15
        self.revoked = 0.10 if dense else 0.015
        self.elsewhere = 0.30 if dense else 0.08
        self.occupations = TAKEN[:12] if dense else TAKEN


class District:
    """Makes the rows of one district. `people` and `homes` are the city's; `sent` collects, for every district,
    the certificates that are issued there to people trained elsewhere."""

    def __init__(self, city, code):
        self.city, self.code = city, code
        self.style = city.styles[code]
        self.places = Places(code)
        self.rnd = random.Random(f"{city.seed}/{code}")
        self.type_of = weighted(self.rnd, TYPES)
        self.channel_of = {t: weighted(self.rnd, c) for t, c in CHANNELS.items()}
        self.month_of = weighted(self.rnd, MONTHS)
        self.level_of = weighted(self.rnd, LEVELS)
        self.kind_of = {t: weighted(self.rnd, k) for t, k in KINDS.items()}
        self.lone_kind = weighted(self.rnd, LONE)
        self.serial = 0
        self.trained = []  # the facts of its trainings, for what is paid for them
        self.first, self.after = city.homes.get(code, (0, 0))

    def rows(self, register, wanted=None):
        """(cells, facts) of a register."""
        return others.rows(self, register, wanted) if register in others.MAKERS else getattr(self, register)(wanted)

    def pick(self, items):
        return items[int(self.rnd.random() * len(items))]

    def day_in_year(self):
        month = self.month_of()
        return datetime.date(self.city.year, month, 1 + int(self.rnd.random() * 28)).toordinal()

    # ---- training ----

    def trainees(self, wanted):
        """Person indexes, one for each enrolment, in the order of enrolment."""
        rnd, out = self.rnd, []
        people, home = self.city.people, range(self.first, self.after)
        if wanted is None:
            for i in home:
                out += [i] * (0, 1, 1, 1, 1, 1, 1, 1, 2, 3)[int(rnd.random() * 10)]
        elif len(home):
            out = [self.first + int(rnd.random() * len(home)) for _ in range(wanted)]
        for k in range(len(out)):
            if rnd.random() < self.city.shape.visitors:
                out[k] = int(rnd.random() * people.count)
        rnd.shuffle(out)
        return out

    def training(self, wanted=None):
        """Yields (cells, facts) class by class; a few come late and stand at the end."""
        rnd, late = self.rnd, []
        trainees = self.trainees(wanted)
        least, most = self.city.shape.class_size
        at, number = 0, 0
        while at < len(trainees):
            size = least + int(rnd.random() * (most - least + 1))
            number += 1
            for item in self.one_class(number, trainees[at:at + size], at):
                if rnd.random() < 0.03:
                    late.append(item)
                else:
                    yield item
            at += size
        rnd.shuffle(late)
        yield from late

    def one_class(self, number, members, at):
        rnd, style, code = self.rnd, self.style, self.style.code
        random_ = rnd.random
        kind = self.type_of()
        channel = self.channel_of[kind]()
        start = self.day_in_year()
        if random_() < 0.05:
            start -= 365
        days = 3 + int(random_() * random_() * 110)
        end = start + days
        hours_on = int(random_() * 60) * 10 if random_() < 0.4 else 0
        hours_off = (16 + int(random_() * 120)) * 10
        occupation = self.pick(self.city.shape.occupations) if random_() < 0.95 else ""
        level = self.level_of() if kind in ("upgrade", "renewal") else ""
        institution = self.pick(self.places.institutions)
        programme = style.code["programme"][str(1 + int(random_() * 10))] if random_() < 0.2 else ""
        area = style.code["area"][self.pick(("zhangjiang", "g60", "lingang", "c919"))] if random_() < 0.1 else ""
        employer = self.pick(self.places.employers) if channel in ("enterprise", "sme") else ""
        fee = style.money(300 + int(random_() * 40) * 100) if channel != "self" else ""
        class_no = f"{self.code}-{self.city.year}-{number:05d}"
        closing = datetime.date(self.city.year, 12, 31).toordinal()
        prefix = f"PX{self.code[2:]}{self.city.year}"
        people = self.city.people
        shown = (code["training_type"][kind], code["channel"][channel], code["level"][level], style.date[start])
        for k, who in enumerate(members):
            p = people[who]
            roll = random_()
            ended, result = end, "completed"
            if end > closing or roll < 0.04:
                ended, result = 0, "enrolled"
            elif roll < 0.10:
                ended, result = start + int(random_() * days), "withdrawn"
            on, off = hours_on, hours_off
            if roll > 0.8:
                on, off = int(on * random_()), int(off * random_())
            work = employer or (self.pick(self.places.employers) if p.status == "employed" else "")
            key = f"{prefix}{at + k:07d}"
            yield [
                key, class_no, p.name, code["doc_type"][p.doc_type], self.written(p, who), p.phone, shown[0], shown[1],
                institution, work, occupation, shown[2], programme, area, code["trainee_status"][p.status],
                style.codes("group", p.groups), shown[3], style.date[ended], tenths(on) if on else "", tenths(off),
                code["training_result"][result], fee,
            ], (key, who, start, ended, kind, channel, result, occupation, level)

    def written(self, p, who):
        """The number as a clerk has it: now and then the old form, or full width, or with a space."""
        if p.doc_type != "111" or who % 50:
            return p.number
        if who % 150 == 0 and p.number[6:8] == "19":
            return made_up.old_form(p.number)
        if who % 100 == 0:
            return "".join(chr(ord(c) + 0xFEE0) for c in p.number)
        return p.number.replace("X", "x") + " "

    # ---- what follows ----

    def follows(self, facts):
        """The certificate that a training leads to, as (district, what), or None."""
        _, who, _, ended, kind, _, result, occupation, level = facts
        rnd = self.rnd.random
        if result != "completed" or kind not in KINDS or rnd() > self.city.shape.certified:
            return None
        there = self.code
        if rnd() < self.city.shape.elsewhere:
            there = self.pick(self.city.districts)
        kind = self.kind_of[kind]()
        if kind in GRADED:
            level = level or ("5" if rnd() < 0.7 else "4")
        else:
            level = ""
        if level in ("T", "S") and kind == "qualification":
            kind = "level_employer"
        source = "contest" if rnd() < 0.02 else "appointment" if level in ("T", "S") else "assessment"
        return there, (who, kind, source, occupation or TAKEN[0], level, ended + 5 + int(rnd() * 60))

    def lone(self, n):
        """Certificates that stand for themselves: n of them."""
        rnd = self.rnd.random
        for _ in range(n):
            who = self.first + int(rnd() * (self.after - self.first))
            kind = self.lone_kind()
            level = self.level_of() if kind in GRADED else ""
            if level in ("T", "S"):
                kind = "level_employer"
            sources = ("appointment",) if level in ("T", "S") else ("assessment",) * 8 + ("direct", "award")
            if kind != "foreign" and rnd() < 0.03:
                sources = ("contest",)
            issued = self.day_in_year() - (365 if rnd() < 0.10 else 0)
            yield who, kind, self.pick(sources), self.pick(self.city.shape.occupations), level, issued

    def certificate(self, wanted=None):
        rnd, style, code = self.rnd.random, self.style, self.style.code
        pending = self.city.sent[self.code]
        n = int((self.after - self.first) * self.city.shape.lone)
        if wanted is not None:
            del pending[wanted:]
            n = wanted - len(pending)
        for who, kind, source, occupation, level, issued in (*pending, *self.lone(n)):
            p = self.city.people[who]
            self.serial += 1
            year = datetime.date.fromordinal(issued).year
            number = made_up.certificate_number(kind, self.code, year, level, self.serial)
            revoked = issued + 1 + int(rnd() * 200) if rnd() < self.city.shape.revoked else 0
            until = issued + 1826 if kind in ("special", "foreign") and rnd() < 0.5 else 0
            yield [
                number, p.name, code["doc_type"][p.doc_type], self.written(p, who), code["certificate_kind"][kind],
                code["certificate_source"][source], occupation, code["level"][level],
                self.pick(self.places.bodies) if rnd() < 0.9 else "", style.date[issued], style.date[until],
                style.date[revoked],
            ], (number, who, issued, revoked, kind, source, level)

    def assessment(self, wanted=None):
        """Everybody with a certificate by assessment sat for it; others did not come, or failed."""
        rnd, code, style = self.rnd.random, self.style.code, self.style
        pending = [p for p in self.city.sent[self.code] if p[2] in ("assessment", "contest") and p[1] != "foreign"]
        pending += [p for p in self.lone(wanted or len(pending) // 3) if p[1] != "foreign" and p[2] != "appointment"]
        for k, (who, kind, source, occupation, level, issued) in enumerate(pending[:wanted]):
            p = self.city.people[who]
            if source == "contest" and level:
                kind = "contest"
            roll = rnd()
            result = "passed" if roll < 0.72 else "failed" if roll < 0.88 else "absent" if roll < 0.94 else "registered"
            sat = issued - 4 if result in ("passed", "failed") else 0
            theory, practice = (tenths(int(400 + rnd() * 600)), tenths(int(400 + rnd() * 600))) if sat else ("", "")
            registered = issued - 5 - int(rnd() * 40)
            key = f"KH{self.code}{self.city.year}{k:07d}"
            yield [
                key, p.name, code["doc_type"][p.doc_type], self.written(p, who), self.pick(self.places.bodies),
                code["assessment_kind"][kind], occupation, code["level"][level], style.date[registered],
                style.date[sat], theory, practice, code["assessment_result"][result],
            ], (key, who, registered, sat, kind, result, level)

    def person(self, wanted=None):
        rnd, code, style = self.rnd.random, self.style.code, self.style
        education = weighted(self.rnd, {"14": 3, "21": 20, "31": 25, "41": 12, "44": 8, "47": 8, "61": 10, "71": 12, "81": 2, "": 4})
        new_year = datetime.date(self.city.year, 1, 1).toordinal()
        count = self.after - self.first if wanted is None else wanted
        for k in range(count):
            who = self.first + k % max(1, self.after - self.first)
            p = self.city.people[who]
            for as_of in ((new_year, new_year + 180) if k % 20 == 0 and wanted is None else (new_year + k // max(1, self.after - self.first),)):
                work = p.status == "employed"
                yield [
                    p.name, code["doc_type"][p.doc_type], self.written(p, who), p.phone, code["education"][education()],
                    style.no if "migrant" in p.groups or rnd() < 0.2 else style.yes, code["employment"][p.status],
                    self.pick(self.places.employers) if work else "", code["industry"][self.pick("CFGIMNOQ")] if work else "",
                    code["ownership"][self.pick(("private", "private", "state", "foreign", "public"))] if work else "",
                    self.pick(self.city.shape.occupations) if work else "", style.codes("group", p.groups), style.date[as_of],
                ], (f"{p.number}/{as_of}", who, as_of)


def tenths(n):
    return f"{n // 10}.{n % 10}" if n % 10 else str(n // 10)


class City:
    """What all districts share."""

    def __init__(self, seed, people, districts, styles, year, dense=False):
        self.seed, self.year, self.districts, self.styles = seed, year, districts, styles
        self.people = People(seed, people)
        self.homes = self.people.homes(districts)
        self.shape = Shape(dense)
        self.sent = {d: [] for d in districts}


def field_index(register, name):
    return [f[0] for f in FIELDS[register]].index(name)
