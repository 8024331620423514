"""People, credit codes and certificate numbers that belong to nobody.

Births lie in 1903-1909, names are made of the ten stems and twelve branches, credit codes use an organisation
prefix (MXT) that no registry gives out. All check characters are right, so that a validator has nothing to say.
"""

import datetime

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"

FIRST_DAY = datetime.date(1903, 1, 1)
DAYS = (datetime.date(1909, 12, 31) - FIRST_DAY).days + 1
ORDERS = 999

# Where numbers come from: half of the city's workers came from elsewhere. Old Shanghai codes live on in numbers.
AREAS = (
    "310101 310104 310105 310106 310107 310109 310110 310112 310113 310114 310115 310116 310117 310118 310120 310151 "
    "310102 310103 310108 310221 310222 310223 310224 310225 310226 310227 310228 310229 310230 "
    "320101 320601 330101 330601 340101 341201 350101 360101 370101 410101 411501 420101 430101 440101 500101 510101 "
    "520101 610101 620101 210101 220101 230101"
).split()


def _sum(text, offset):
    return sum(int(c) * WEIGHTS[offset + i] for i, c in enumerate(text))


_AREA_SUM = [_sum(a, 0) for a in AREAS]
_BIRTH = [(FIRST_DAY + datetime.timedelta(days=i)).strftime("%Y%m%d") for i in range(DAYS)]
_BIRTH_SUM = [_sum(b, 6) for b in _BIRTH]
_ORDER = [f"{i:03d}" for i in range(1, ORDERS + 1)]
_ORDER_SUM = [_sum(o, 14) for o in _ORDER]

_SPACE = len(AREAS) * DAYS * ORDERS
_STEP = 1_000_003 * 41  # coprime to _SPACE: walks over the whole space without meeting itself


def resident_number(index):
    """The index-th GB 11643 number: (18 characters, female). Different for every index below 120 million."""
    k = index * _STEP % _SPACE
    k, o = divmod(k, ORDERS)
    a, b = divmod(k, DAYS)
    check = CHECK[(_AREA_SUM[a] + _BIRTH_SUM[b] + _ORDER_SUM[o]) % 11]
    return AREAS[a] + _BIRTH[b] + _ORDER[o] + check, o % 2 == 1


def old_form(number):
    """The 15-digit form in which the same number stood before 1999."""
    return number[:6] + number[8:17]


def foreign_card_2023(index):
    body = f"931{(392, 840, 276, 250, 826)[index % 5]}{_BIRTH[index * 131 % DAYS]}{index % 999 + 1:03d}"
    return body + CHECK[_sum(body, 0) % 11], (index % 999 + 1) % 2 == 0


def foreign_card_2017(index):
    nation = ("DEU", "USA", "FRA", "JPN", "GBR")[index % 5]
    body = f"{nation}31{index // 5 % 1000:03d}{_BIRTH[index * 77 % DAYS][2:]}"
    value = [ord(c) - 55 if c.isalpha() else int(c) for c in body]
    return body + str(sum(v * (7, 3, 1)[i % 3] for i, v in enumerate(value)) % 10)


STEMS = "甲乙丙丁戊己庚辛壬癸"
BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
CALM = "安宁平和清明文武成立新远川山林石云田禾谷"


def name(index):
    """A name of three or four characters that nobody bears by intent. Many share one, as in life."""
    i, s = divmod(index * 7 + 3, 10)
    i, b = divmod(i, 12)
    i, c = divmod(i, len(CALM))
    tail = CALM[i % len(CALM)] if i % 3 == 0 else ""
    return STEMS[s] + BRANCHES[b] + CALM[c] + tail


def foreign_name(index):
    return f"{STEMS[index % 10]}{BRANCHES[index % 12]}·{STEMS[index // 10 % 10]}{CALM[index % len(CALM)]}"


ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def uscc(area, index, department="91"):
    """A unified social credit code (GB 32100) whose inner organisation code (GB 11714) fits too."""
    org = f"MXT{index % 100000:05d}"
    c9 = 11 - sum((int(c) if c.isdigit() else ord(c) - 55) * w for c, w in zip(org, ORG_WEIGHTS)) % 11
    body = department + area + org + ("X" if c9 == 10 else "0" if c9 == 11 else str(c9))
    check = (31 - sum(ALPHABET.index(c) * w for c, w in zip(body, USCC_WEIGHTS)) % 31) % 31
    return body + ALPHABET[check]


def certificate_number(kind, district, year, level, serial):
    """By the pattern of the kind; serial counts within the district, so numbers differ over the city."""
    district_no = int(district) - 310100
    if kind in ("level_employer", "level_social"):
        body, number = divmod(serial, 1_000_000)
        letter = "Y" if kind == "level_employer" else "S"
        return f"{letter}000031{district_no * 1000 + body:06d}{year % 100:02d}{level}{number:06d}"
    if kind == "qualification":
        body, number = divmod(serial, 100_000)
        return f"{year % 100:02d}0900{body % 10}{district_no:03d}{level}{number:05d}"
    prefix = {"special": "ZX", "newskill": "XJN", "foreign": "JW"}[kind]
    return f"{prefix}-{district}-{year}-{serial:07d}"
