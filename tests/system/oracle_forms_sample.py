"""The forms that ask: 09 expense, 10 demand, 11 wages; and what of 11 is not given out."""

from judge import CODES, _table
from oracle_sheet import CITY, MONEY, RATIO, WHOLE, Form, ratio

OCCUPATIONS = [row[0] for row in _table("occupations-2022.tsv") if row[1] == "4"]
LIST = "', '".join(OCCUPATIONS)
ROWS = (f"case when occupation in ('{LIST}') then occupation else '_O' end", "coalesce(level, '_Z')")
DIMS = [("occupation", (*OCCUPATIONS, "_O"), {}), ("level", (*CODES["level"], "_Z"), {})]


def share(s, measure, numerator, denominator, percent=1):
    """A column of one over another; without a denominator it does not apply."""
    s.state[measure] = "_Z"
    for area, row in {k[:2] for k in s.values}:
        n = s.get(area, row, denominator)
        if n:
            s.put(area, row, measure, ratio(s.get(area, row, numerator) * percent, n))
            s.mark(area, row, measure, "")


def form_09(oracle, s):
    s.columns(WHOLE, 1, 2, 7, 8, 9, 10, 11)
    s.columns(MONEY, 3, 4, 5, 6)
    s.columns(RATIO, 12)
    both = "ownership = 'state' and growth_skilled is not null and growth_managers is not null"
    oracle.cube(s, "expense", "year = ?", (int(s.period),), {
        1: "count(distinct uscc)", 2: "sum(staff)", 3: "sum(wages)", 4: "sum(drawn)", 5: "sum(spent)", 6: "sum(spent_frontline)",
        7: "sum(staff_frontline)", 8: "sum(trained)",
        9: "count(distinct case when spent > 0 and spent_frontline * 100 >= spent * 60 then uscc end)",
        10: f"count(distinct case when {both} then uscc end)",
        11: f"count(distinct case when {both} and growth_skilled >= growth_managers then uscc end)"})
    share(s, 12, 6, 5, 100)


Form("09", "year", [("industry", CODES["industry"], {}), ("ownership", CODES["ownership"], {})], form_09)


def form_10(oracle, s):
    s.columns(WHOLE, 1, 2, 3, 4)
    s.columns(RATIO, 5, 6)
    oracle.cube(s, "demand", "period = ?", (s.period,), {
        1: "count(distinct uscc)", 2: "sum(employed)", 3: "sum(vacant)", 4: "sum(hiring)", "answers": "count(*)", "urgency": "sum(urgency)"},
        ROWS)
    share(s, 5, "urgency", "answers")
    for area, row in {k[:2] for k in s.values}:
        s.put(area, row, 6, ratio(s.get(area, row, 3) + s.get(area, row, 4), 2))


Form("10", "half", DIMS, form_10)

# ---- 11 ----

QUANTILES = {4: 10, 5: 25, 6: 50, 7: 75, 8: 90}


def form_11(oracle, s):
    s.columns(WHOLE, 1, 2)
    s.columns(MONEY, *range(3, 9))
    joins = " ".join(f"join member m{i} on m{i}.dim = '11/{d[0]}' and m{i}.code = {e}" for i, (d, e) in enumerate(zip(DIMS, ROWS)))
    answers = {}
    for area, a, b, uscc, pay in oracle.db.execute(
            f"select area, m0.row, m1.row, uscc, annual_pay from (select * from wage where year = ?) join part using (district) {joins} "
            "order by annual_pay", (int(s.period),)):
        answers.setdefault((area, (a, b)), []).append((uscc, pay))
    s.state.update((m, "_Z") for m in range(3, 9))  # nothing has no mean, and no quantiles
    for (area, row), of in answers.items():
        units, n = [u for u, _ in of], len(of)
        for m in range(3, 9):
            s.mark(area, row, m, "")
        s.put(area, row, 1, len(set(units)))
        s.put(area, row, 2, n)
        s.put(area, row, 3, (2 * sum(p for _, p in of) + n) // (2 * n))
        for measure, p in QUANTILES.items():
            s.put(area, row, measure, of[-(-p * n // 100) - 1][1])
        if len(set(units)) < 5 or n < 10 or 2 * max(map(units.count, set(units))) > n:
            s.held[area, row] = "C"
    infer(s)


def lines(s):
    """Every total with its parts, as (area, row): over the districts, then in each area over occupations and over levels.
    Only what has answers."""
    there = {k[:2] for k in s.values}
    occupations, levels = ((*d[1], "_T") for d in DIMS)
    rows = [r for r in s.form.rows() if any((a, r) in there for a in s.areas)]
    for row in rows:
        yield (CITY, row), [(a, row) for a in s.areas if a != CITY]
    for area in s.areas:
        for level in levels:
            yield (area, ("_T", level)), [(area, (o, level)) for o in occupations[:-1]]
        for occupation in occupations:
            yield (area, (occupation, "_T")), [(area, (occupation, k)) for k in levels[:-1]]


def infer(s):
    """Where a total is given out and just one of its parts is not, that part could be had by subtraction: the smallest of
    the others (the first of them, when two are as small) is held back too, or the total where there is no other."""
    there = {k[:2] for k in s.values}
    every = [(total, [p for p in parts if p in there]) for total, parts in lines(s) if total in there]
    more = True
    while more:
        more = False
        for total, parts in every:
            if total in s.held or sum(p in s.held for p in parts) != 1:
                continue
            free = [p for p in parts if p not in s.held]
            s.held[min(free, key=lambda p: s.get(*p, 2)) if free else total] = "D"
            more = True


Form("11", "year", DIMS, form_11)
