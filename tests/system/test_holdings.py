"""Units of one holding count as one where it is judged what of form 11 may be given out."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "generator"))

from made_up import uscc  # noqa: E402

DISTRICTS = ["310101", "310115"]
UNITS = [uscc("310115", n) for n in range(1, 8)]
ROW = "2-02-07-04", "3"


def rows(path, head, lines):
    path.write_text("\n".join([head, *(",".join(map(str, x)) for x in lines)]) + "\n", encoding="utf-8")
    return str(path)


def held(city, node, *orders):
    """Imports, and says how column 2 of the row stands: (value, conf_status)."""
    for register, path in orders:
        node.load(register, path)
    city.wait_folded()
    for line in city.city.form("11", "2019", False, "--area", "310000").splitlines():
        cells = line.split(",")
        if tuple(cells[3:6]) == (*ROW, "2"):
            return cells[6], cells[8]
    return None


def organisations(tmp_path, name, holdings):
    return "organisation", rows(tmp_path / name, "uscc,name,kind,holding", [(u, f"甲{n}", "enterprise", h) for n, (u, h) in enumerate(holdings)])


def test_units_of_one_holding_are_one(cluster, tmp_path):
    cluster.build(DISTRICTS).start()
    one, two = (cluster.districts[d] for d in ("310115", "310101"))
    wages = rows(tmp_path / "w.csv", "uscc,year,item,occupation,level,annual_pay",
                 [(u, 2019, n, *ROW, 60000 + 1000 * n) for u in UNITS[:6] for n in range(1, 3)])
    assert held(cluster, one, ("wage", wages)) == ("12", "F")  # six units with two persons each
    # two units hold one another's neighbours: 1 and 2 are one, 3 and 4 are held by 1's holding: six are three
    chain = [(UNITS[0], UNITS[6]), (UNITS[1], UNITS[0]), (UNITS[2], UNITS[6]), (UNITS[3], UNITS[2])]
    assert held(cluster, one, organisations(tmp_path, "a.csv", chain)) == ("", "C")
    assert held(cluster, one, organisations(tmp_path, "b.csv", [(u, "") for u, _ in chain])) == ("12", "F")
    # a pair leaves five: enough; of two districts that say otherwise the one with the smaller code is heard
    assert held(cluster, one, organisations(tmp_path, "c.csv", [(UNITS[0], UNITS[1])])) == ("12", "F")
    ring = [(UNITS[0], UNITS[1]), (UNITS[1], UNITS[2]), (UNITS[2], UNITS[0])]
    assert held(cluster, two, organisations(tmp_path, "d.csv", ring)) == ("", "C")
    for unit in (UNITS[1], UNITS[2]):
        two.ctl("retract", "organisation", unit, "--reason", "误报")
    assert held(cluster, two) == ("12", "F")
    # a group with more than half of the persons
    more = rows(tmp_path / "v.csv", "uscc,year,item,occupation,level,annual_pay",
                [(u, 2019, n, *ROW, 70000) for u in UNITS[:2] for n in range(10, 16)])
    assert held(cluster, one, ("wage", more)) == ("", "C")
    assert cluster.city.ctl("recount").code == 0
