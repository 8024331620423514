"""The people of the made-up city: who they are, where they live, who trains them."""

import random

import made_up
from style import load_occupations

# Relative sizes of the sixteen districts (ten thousands of people).
SIZE = {
    "310101": 66, "310104": 111, "310105": 69, "310106": 98, "310107": 124, "310109": 76, "310110": 124, "310112": 265,
    "310113": 224, "310114": 183, "310115": 568, "310116": 82, "310117": 191, "310118": 127, "310120": 114, "310151": 64,
}
DISTRICTS = tuple(SIZE)


def weighted(rnd, table):
    """A function that draws a key of {key: weight}; a prepared list, since it is called a million times."""
    total = sum(table.values())
    slots = []
    for key, weight in table.items():
        slots += [key] * max(1, round(1000 * weight / total))
    rnd.shuffle(slots)
    n, draw = len(slots), rnd.random
    return lambda: slots[int(draw() * n)]


class Person:
    __slots__ = ("name", "doc_type", "number", "female", "phone", "status", "groups")


class People:
    """`count` people, made when first asked for; the same index is the same person in every district."""

    def __init__(self, seed, count):
        self.count = count
        self.shift = random.Random(f"people/{seed}").randrange(1_000_000)
        self.made = [None] * count

    def __getitem__(self, i):
        return self.made[i] or self._make(i)

    def _make(self, i):
        p = Person()
        n = i + self.shift
        mix = n * 2654435761 >> 7
        p.name = made_up.name(n)
        p.doc_type = "111"
        p.number, p.female = made_up.resident_number(n)
        p.phone = f"100{mix % 100000000:08d}" if mix % 4 else ""
        p.status = ("employed",) * 12 + ("unemployed",) * 4 + ("student",) * 3 + ("other",)
        p.status = p.status[mix % 20]
        groups = []
        if mix % 100 < 38:
            groups.append("migrant")
        if mix % 97 < 5:
            groups.append("graduate")
        if mix % 89 < 3:
            groups.append("veteran")
        if mix % 83 < 2:
            groups.append("disabled")
        if mix % 199 < 30 and "migrant" in groups:
            groups.append("farmer")
        kind = mix % 1009
        if kind < 16:
            self._foreign(p, n, kind, groups)
        p.groups = tuple(groups)
        self.made[i] = p
        return p

    def _foreign(self, p, n, kind, groups):
        """One in sixty has another document than the resident identity card."""
        if kind < 8:
            p.doc_type = "516"
            p.number = f"{'HM'[n % 2]}00{n % 1000000:06d}"
        elif kind < 11:
            p.doc_type, p.number = "511", f"00{n % 1000000:06d}"
        else:
            p.name = made_up.foreign_name(n)
            groups.append("foreign")
            p.doc_type = "553" if kind < 14 else "414"
            if kind < 13:
                p.number, p.female = made_up.foreign_card_2023(n)
                return
            p.number = made_up.foreign_card_2017(n) if kind == 13 else f"X0{n % 1000000:06d}"
        p.female = False  # the document does not tell

    def homes(self, districts):
        """{district: (first, after the last)}: everybody has one home."""
        total = sum(SIZE[d] for d in districts)
        out, first, seen = {}, 0, 0
        for d in districts:
            seen += SIZE[d]
            last = self.count * seen // total
            out[d] = (first, last)
            first = last
        return out


class Places:
    """Who trains, examines and employs in a district."""

    def __init__(self, district):
        area = district
        base = (int(district) - 310100) * 600
        self.institutions = [made_up.uscc(area, base + i, ("91", "52", "12")[i % 3]) for i in range(40)]
        self.bodies = [made_up.uscc(area, base + 40 + i, "52") for i in range(10)]
        self.employers = [made_up.uscc(area, base + 50 + i) for i in range(500)]
        self.employers += [made_up.uscc(area, base + 550 + i, "N2") for i in range(10)]


OCCUPATIONS = load_occupations()
TAKEN = OCCUPATIONS[200::7]  # trades that are trained; the first groups of the classification are offices
