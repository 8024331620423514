"""The forms that ask: 09 expense, 10 demand, 11 wages; and what of 11 is not given out."""

import itertools
from fractions import Fraction

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


def top(held_by, unit):
    """Units of one holding count as one where it is judged what is given out; of a ring one speaks for all."""
    path = [unit]
    while path[-1] in held_by:
        up = held_by[path[-1]]
        if up in path:
            return min(path[path.index(up):])
        path.append(up)
    return path[-1]


def form_11(oracle, s):
    s.columns(WHOLE, 1, 2)
    s.columns(MONEY, *range(3, 9))
    joins = " ".join(f"join member m{i} on m{i}.dim = '11/{d[0]}' and m{i}.code = {e}" for i, (d, e) in enumerate(zip(DIMS, ROWS)))
    answers, tops, held_by = {}, {}, {}
    for uscc, holding in oracle.db.execute("select uscc, holding from organisation where holding is not null order by district desc"):
        held_by[uscc] = holding  # of several districts the one with the smallest code speaks
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
        units = [tops.setdefault(u, top(held_by, u)) for u in units]
        if len(set(units)) < 5 or n < 10 or 2 * max(map(units.count, set(units))) > n:
            s.held[area, row] = "C"
    infer(s)


def infer(s):
    """What is not given out must not follow from totals. Each row held back becomes a corner of a cube of rows held back: on each
    axis (area, occupation, level) one other code, of all combinations the one that holds back the fewest answers more; of
    equals the first, the codes of an axis being tried from the cheapest on."""
    size = {(a, *row): s.get(a, row, 2) for a, row, m in s.values if m == 2}
    axes = (s.areas, *((*d[1], "_T") for d in DIMS))
    place = [{code: n for n, code in enumerate(axis)} for axis in axes]
    order = {c: tuple(place[i][code] for i, code in enumerate(c)) for c in size}
    safe = set()

    def cost(c):
        return 0 if (c[0], c[1:]) in s.held else size[c]

    for x in sorted(((a, *row) for a, row in s.held), key=order.get):
        if x in safe:
            continue
        others = [sorted((cost(c), order[c], c[i]) for c in size if c[i] != x[i] and c[:i] + c[i + 1:] == x[:i] + x[i + 1:]) for i in range(3)]
        best = (None, ())
        for beside in itertools.product(*(((code,) for _, _, code in of) for of in others if of)):
            beside = iter(beside)
            sides = [(x[i], *next(beside)) if others[i] else (x[i],) for i in range(3)]
            corners = list(itertools.product(*sides))
            if all(c in size for c in corners):
                dear = sum(map(cost, corners))
                if best[0] is None or dear < best[0]:
                    best = (dear, corners)
        for c in best[1]:
            safe.add(c)
            s.held.setdefault((c[0], c[1:]), "D")


def known(s):
    """The rows held back whose answers follow from what is given out: every total is the sum of its parts, over the districts,
    the occupations and the levels; what has one solution only is known. The audit of infer(), which must leave none."""
    there = {k[:2] for k in s.values}
    solved = {}  # row held back → the equation that it leads: {row: factor}
    for total, parts in lines(s, there):
        equation = {}
        for cell, sign in ((total, -1), *((p, 1) for p in parts)):
            if cell in s.held:
                equation[cell] = equation.get(cell, 0) + Fraction(sign)
        for lead in [c for c in equation if c in solved]:
            subtract(equation, solved[lead], equation[lead])
        if not equation:
            continue
        lead = min(equation)
        equation = {c: f / equation[lead] for c, f in equation.items()}
        for other in solved.values():
            if lead in other:
                subtract(other, equation, other[lead])
        solved[lead] = equation
    return sorted(lead for lead, equation in solved.items() if len(equation) == 1)


def subtract(equation, other, factor):
    for cell, f in other.items():
        equation[cell] = equation.get(cell, 0) - factor * f
        if not equation[cell]:
            del equation[cell]


def lines(s, there):
    """Every total with those of its parts that are there."""
    for area, row in sorted(there):
        if area == CITY:
            yield (area, row), [(a, row) for a in s.areas[1:] if (a, row) in there]
        for i in (0, 1):
            if row[i] == "_T":
                yield (area, row), [(a, r) for a, r in there if a == area and r[i] != "_T" and r[1 - i] == row[1 - i]]


Form("11", "year", DIMS, form_11)
