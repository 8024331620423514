"""Who a talent is: sealed by the districts, opened by a registrar, on record; cases decided by two."""

import json
import os
import re
import shutil
import subprocess
import threading
import time

import pytest

from cluster import ctl, program, wait_for
from madeup import (HEAD, ROLES, TRAINING, as_user, card_2017, card_2023, certificate, certificate_key, load, open_doors, pid_of,
                    post_as, resident, statuses_as, training, with_groups)

DISTRICTS = ("310101", "310115")
WANG = ("王甲子", resident("19030105", 1))
LI = ("李乙丑", resident("19040206", 2))
ZHAO = ("赵丙寅", resident("19050307", 3))


def registrar_keys(cluster, name="registrar"):
    where = os.path.join(cluster.dir, name)
    os.makedirs(where, mode=0o700)
    public = ctl("keygen", "--registrar", where, output="json").json()["registrar"]
    with open(os.path.join(where, "registrar.key"), encoding="ascii") as f:
        return public, f.read().strip(), os.path.join(where, "registrar.key")


@pytest.fixture
def city(cluster):
    """Two districts that seal to a registrar whose key is at hand, and a city without it."""
    cluster.registrar = registrar_keys(cluster)
    cluster.settings = {"collector": with_groups({"registrar": cluster.registrar[0]}), "aggregator": with_groups({})}
    cluster.build(DISTRICTS).start()
    open_doors(cluster)
    return cluster


def identify(cluster, talent, *more, codes=(0,), key=None):
    return cluster.city.ctl("talent", "identify", talent, "--registrar-key", *more, output="json", codes=codes,
                            stdin=(key or cluster.registrar[1]) + "\n")


def log_of(cluster):
    return cluster.city.ctl("access", "list", "--limit", "1000", output="json").json()


# ---- sealing and opening ----

def test_who_qualifies_can_be_opened_and_nobody_else(city):
    one, two = city.districts.values()
    load(one, "training", TRAINING, training(1, *WANG, phone="13800000001"), training(2, *LI), training(3, *ZHAO))
    load(one, "certificate", HEAD, certificate(1, *WANG), certificate(2, *LI, level="4"))
    load(two, "certificate", HEAD, certificate(3, *ZHAO, level="2"), certificate(4, *WANG, level="5"))
    city.wait_folded()
    wang, li = (pid_of(one, "training", k) for k in ("T1", "T2"))
    zhao = pid_of(two, "certificate", certificate_key(3, "2"))

    found = identify(city, wang, "--purpose", "an award").json()
    assert [(r["talent"], r["district"], r["name"], r["doc_type"], r["doc_number"], r["phone"]) for r in found] == [
        (wang, "310101", WANG[0], "111", WANG[1], "13800000001")]
    assert identify(city, zhao, "--purpose", "an award").json()[0]["name"] == ZHAO[0]
    r = identify(city, li, "--purpose", "curiosity", codes=(1,))
    assert "no identity" in r.err and LI[0] not in r.out + r.err

    lines = log_of(city)
    assert [(x["act"], x["talent"], x["purpose"], not x["refused"]) for x in reversed(lines)] == [
        ("打开身份", wang, "an award", True), ("打开身份", zhao, "an award", True), ("打开身份", li, "curiosity", False)]
    assert all(x["user"] == "root" for x in lines)
    for name, number in (WANG, LI, ZHAO):
        assert name not in str(lines) and number not in str(lines)
    assert city.city.ctl("access", "verify", output="json").json()[0]["verdict"] == "whole"
    city.check_equal()


def test_the_newest_identity_of_each_district(city):
    one, two = city.districts.values()
    load(one, "certificate", HEAD, certificate(1, *WANG))
    load(two, "certificate", HEAD, certificate(2, *WANG, level="2"))
    load(one, "training", TRAINING, training(1, "王甲改", WANG[1], phone="13900000009"))
    city.wait_folded()
    wang = pid_of(one, "training", "T1")
    found = {r["district"]: (r["name"], r["phone"]) for r in identify(city, wang, "--purpose", "an award").json()}
    assert found == {"310101": ("王甲改", "13900000009"), "310115": (WANG[0], None)}


def test_keys_and_purposes(city):
    one = city.districts["310101"]
    load(one, "certificate", HEAD, certificate(1, *WANG))
    city.wait_folded()
    wang = pid_of(one, "certificate", certificate_key(1))
    other = registrar_keys(city, "other")

    def refused(words, r, code):
        assert r.code == code and words in r.err, r
        assert WANG[0] not in r.out + r.err and WANG[1] not in r.out + r.err

    refused("purpose", identify(city, wang, codes=None), 2)
    refused("purpose", identify(city, wang, "--purpose", "   ", codes=None), 2)
    refused("purpose", identify(city, wang, "--purpose", "x" * 201, codes=None), 2)
    refused("registrar key", city.city.ctl("talent", "identify", wang, "--purpose", "x", codes=None), 2)
    refused("no registrar key", identify(city, wang, "--purpose", "x", key="c2hvcnQ=", codes=None), 2)
    refused("no talent", identify(city, "nobody", "--purpose", "x", codes=None), 1)
    r = identify(city, wang, "--purpose", "x", key=other[1])
    assert r.json() == []  # sealed to another key: nothing to show, and on record all the same
    assert [bool(x["refused"]) for x in log_of(city)] == [False] + [True] * 6

    # The key on a path of its own.
    city.city.stop()
    city.city.setting(registrar_key=city.registrar[2]).start()
    r = city.city.ctl("talent", "identify", wang, "--purpose", "x", output="json")
    assert r.json()[0]["name"] == WANG[0]
    os.chmod(city.registrar[2], 0o644)
    refused("cannot be read", city.city.ctl("talent", "identify", wang, "--purpose", "x", codes=None), 2)
    os.chmod(city.registrar[2], 0o600)
    shutil.move(city.registrar[2], city.registrar[2] + ".away")
    refused("cannot be read", city.city.ctl("talent", "identify", wang, "--purpose", "x", codes=None), 2)


@pytest.mark.threads
def test_a_backup_holds_the_log(city):
    """Taken while identities are opened: the copy starts, its log is whole, and who was held back is still sealed there."""
    one = city.districts["310101"]
    load(one, "certificate", HEAD, certificate(1, *WANG))
    city.wait_folded()
    wang = pid_of(one, "certificate", certificate_key(1))
    stop = threading.Event()

    def keep_opening():
        while not stop.is_set():
            identify(city, wang, "--purpose", "x")
    worker = threading.Thread(target=keep_opening)
    worker.start()
    try:
        for n in range(3):
            city.city.ctl("backup", os.path.join(city.dir, f"backup{n}"))
    finally:
        stop.set()
        worker.join()
    city.city.stop()
    for n in range(3):
        shutil.rmtree(city.city.state)
        shutil.copytree(os.path.join(city.dir, f"backup{n}"), city.city.state)
        city.city.start()
        assert city.city.ctl("access", "verify", output="json").json()[0]["verdict"] == "whole"
        city.wait_folded()
        assert identify(city, wang, "--purpose", "x").json()[0]["name"] == WANG[0]
        city.city.stop()
    shutil.rmtree(os.path.join(city.city.state, "access"))
    city.city.may_fail = True
    city.city.spawn()
    assert city.city.process.wait(20) == 1 and "access log is missing" in city.city.tail()


def test_names_are_searched_on_record(city):
    one, two = city.districts.values()
    load(one, "certificate", HEAD, certificate(1, *WANG), certificate(2, *LI))
    load(two, "certificate", HEAD, certificate(3, *ZHAO))
    city.wait_folded()
    words = ("talent", "names", "--registrar-key", "--purpose", "a letter without a number")
    r = city.city.ctl(*words, output="json", stdin=f"乙\n{city.registrar[1]}\n")
    assert [x["name"] for x in r.json()] == [LI[0]]
    assert city.city.ctl(*words, output="json", stdin=f"nobody\n{city.registrar[1]}\n").json() == []
    lines = log_of(city)
    assert [(x["act"], x["count"], x["talent"]) for x in lines] == [("按姓名查找", 3, None)] * 2
    assert "乙" not in str([x["purpose"] for x in lines])


def test_bulk_reads_are_an_alert(city):
    one = city.districts["310101"]
    city.city.stop()
    city.city.setting(access_hour="3").start()
    load(one, "certificate", HEAD, certificate(1, *WANG))
    city.wait_folded()
    wang = pid_of(one, "certificate", certificate_key(1))
    for _ in range(3):
        identify(city, wang, "--purpose", "x")
    assert city.city.ctl("access", "alerts", output="json").json() == []
    assert city.city.status()["access"]["alerts"] == 0
    identify(city, wang, "--purpose", "x")
    (alert,) = city.city.ctl("access", "alerts", output="json").json()
    assert (alert["user"], alert["hour"], alert["rule"], alert["alert"]) == ("root", 4, "access_hour > 3", "A09")
    (listed,) = city.city.ctl("alert", "list", "--rule", "A09", output="json").json()
    assert (listed["origin"], listed["key"], listed["note"], listed["person"]) == ("310000", "root", "hour 4, day 4", None)
    assert listed in city.city.ctl("alert", "list", output="json").json()
    if os.geteuid() == 0:
        for user, role, shown in (("bin", "operator", "#1"), ("games", "registrar", "#1"), ("sys", "admin", "root")):
            r = as_user(user, role, city.city, "alert", "list", "--rule", "A09", output="json")
            if r.code == 0:
                (line,) = r.json()
                assert line["key"] == shown and (shown == "root" or "root" not in r.out)
    assert city.city.status()["access"]["alerts"] == 1
    assert city.city.metrics()["tally_access_alerts"] == 1
    identify(city, wang, "--purpose", "x")
    with open(city.city.log, encoding="utf-8") as f:
        assert f.read().count("user root opened 4 identities within an hour") == 1


def test_the_limit_of_bulk_reads_is_a_rule(city):
    """Without a setting the rule's limits hold, another file puts others, and a file without the rule none."""
    rules = os.path.join(city.dir, "rules")
    os.makedirs(rules)
    one = city.districts["310101"]
    load(one, "certificate", HEAD, certificate(1, *WANG))
    city.wait_folded()
    wang = pid_of(one, "certificate", certificate_key(1))
    for _ in range(3):
        identify(city, wang, "--purpose", "x")
    assert city.city.status()["access"]["alerts"] == 0

    def alerts(text):
        with open(os.path.join(rules, "alerts.rule"), "w", encoding="utf-8") as f:
            f.write(text)
        city.city.stop()
        city.city.setting(rules_dir=rules).start()
        city.wait_folded()
        listed = city.city.ctl("alert", "list", output="json").json()
        assert len(listed) == city.city.status()["access"]["alerts"] == city.city.metrics()["tally_access_alerts"]
        return [(a["rule"], a["words"], a["note"]) for a in listed]
    rule = 'alert "X1" { kind = "reads"  zh = "过多"  en = "many"  hour = "%d"  day = "%d" }\n'
    assert alerts(rule % (2, 100)) == [("X1", "过多", "hour 3, day 3")]
    assert alerts(rule % (20, 2)) == [("X1", "过多", "hour 3, day 3")]
    assert alerts(rule % (3, 3)) == []
    assert alerts('chain "none" { zh = "x" en = "x" clause "c" { zh = "x" en = "x" register = "certificate" from = "issued_on" } }') == []


@pytest.mark.threads
def test_a_key_that_comes_later(cluster):
    """Who was in before the key was configured is sealed by and by, and nobody twice."""
    public, secret, _ = registrar_keys(cluster)
    cluster.build(("310101",)).start()
    one = cluster.districts["310101"]
    people = [(f"赵{chr(0x4e00 + i)}", resident("19060408", i)) for i in range(300)]
    load(one, "certificate", HEAD, *(certificate(i, *p, level="345"[i % 3]) for i, p in enumerate(people)))
    before = one.last()
    one.stop()
    one.setting(registrar=public).start()
    wait_for("100 identities", lambda: one.last() == before + 100)
    one.stop()
    one.start()
    cluster.wait_folded()
    assert one.last() == before + 100
    cluster.registrar = (public, secret, None)
    pid = pid_of(one, "certificate", certificate_key(297))
    assert identify(cluster, pid, "--purpose", "x").json()[0]["name"] == people[297][0]
    cluster.check_equal()


def test_a_kill_seals_nobody_twice_and_forgets_nobody(cluster):
    """kill -9 while people come in and while those of before are caught up with: in the end each who qualifies is sealed once."""
    public, secret, _ = registrar_keys(cluster)
    cluster.build(("310101",)).start()
    one = cluster.districts["310101"]
    people = [(f"赵{chr(0x4e00 + i)}", resident("19060408", i % 999, f"3101{i // 999:02d}")) for i in range(1500)]
    early = [certificate(i, *p) for i, p in enumerate(people[:700])]
    late = [certificate(i, *p) for i, p in enumerate(people[700:], 700)]
    load(one, "certificate", HEAD, *early)
    one.stop()
    one.setting(registrar=public).start()
    for round in range(6):
        path = os.path.join(one.dir, "late.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join((HEAD, *late)) + "\n")
        work = subprocess.Popen([program("tallyctl"), "-s", one.socket, "import", "certificate", path], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        time.sleep(0.01 + 0.03 * round)
        one.kill()
        work.wait()
        one.start()
    load(one, "certificate", HEAD, *late)
    wait_for("everybody to be sealed", lambda: one.last() == 1 + 2 * len(people), 60)
    time.sleep(0.3)
    assert one.last() == 1 + 2 * len(people)
    cluster.wait_folded()
    cluster.registrar = (public, secret, None)
    words = ("talent", "names", "--registrar-key", "--purpose", "a count", "--limit", "1000")
    found = cluster.city.ctl(*words, output="json", stdin=f"赵\n{secret}\n").json()
    assert len(found) == 1000 and len({r["talent"] for r in found}) == 1000
    cluster.check_equal()


# ---- rights ----

def needs_root():
    if os.geteuid():
        pytest.skip("needs root")


GRANTS = {"unlisted": set(), "viewer": {"viewer"}, "operator": {"viewer", "operator"},
          "registrar": {"viewer", "operator", "registrar"}, "admin": {"viewer", "operator", "admin"}}
# What has to do with identities, and the right that it must ask for: written here a second time. An auditor is an admin.
RIGHTS = {
    "talent identify": "registrar", "talent names": "registrar", "case list": "operator", "case link": "registrar",
    "case unlink": "registrar", "case not-same": "registrar", "access list": "admin", "access verify": "admin", "access alerts": "admin",
    "talent publish": "registrar", "person export": "registrar", "person erase": "registrar", "person due": "admin",
    "subsidy check": "operator",
}


def test_every_route_for_every_role(city):
    """Each route of both daemons, asked by a user of each role: refused unless the role has the right in its row, and
    answered or refused for another reason otherwise. Identities need the registrar's right, which no admin has."""
    needs_root()
    asked, seen = 0, set()
    for node in (city.city, city.districts["310101"]):
        rows = json.loads(node.get("/v1/")[1])["routes"]
        for row in rows:
            words = " ".join(w for w in (row.get("command") or "").split() if w.islower())
            if words in RIGHTS:
                assert row["right"] == RIGHTS[words], words
                seen.add(words)
        paths = [(r["method"], re.sub(r"{\w+}", "x", r["path"])) for r in rows]
        for role in ROLES:
            for row, status in zip(rows, statuses_as("bin", role, node, paths)):
                assert (status == 403) == (row["right"] not in GRANTS[role]), f"{row['path']} as {role}: {status}"
                asked += 1
        assert node.running()
    assert asked > 300 and seen == set(RIGHTS)


def test_who_asks_without_the_right_is_refused_and_logged(city):
    needs_root()
    one = city.districts["310101"]
    load(one, "certificate", HEAD, certificate(1, *WANG))
    city.wait_folded()
    wang = pid_of(one, "certificate", certificate_key(1))
    for user, role in (("bin", "operator"), ("sys", "admin"), ("mail", "viewer"), ("nobody", "unlisted")):
        r = as_user(user, role, city.city, "talent", "identify", wang, "--purpose", "curiosity", "--registrar-key",
                    stdin=city.registrar[1] + "\n")
        assert r.code == 5 and WANG[0] not in r.out + r.err
    # Who is not listed is not even told the routes; asked for directly, it is refused and logged as well.
    assert post_as("nobody", "unlisted", city.city, f"/v1/talents/{wang}/identity?purpose=x").startswith("HTTP/1.1 403")
    r = as_user("games", "registrar", city.city, "talent", "identify", wang, "--registrar-key", stdin=city.registrar[1] + "\n")
    assert r.code == 2 and "purpose" in r.err and WANG[0] not in r.out
    r = as_user("games", "registrar", city.city, "talent", "identify", wang, "--purpose", "an award", "--registrar-key",
                stdin=city.registrar[1] + "\n")
    assert r.code == 0 and WANG[0] in r.out
    audit = as_user("sys", "admin", city.city, "access", "list", output="json").json()
    assert [(x["user"], bool(x["refused"])) for x in reversed(audit)] == [
        ("bin", True), ("sys", True), ("mail", True), ("nobody", True), ("games", True), ("games", False)]
    assert as_user("sys", "admin", city.city, "access", "verify").code == 0


# ---- cases ----

def form_02(city):
    rows = [line.split(",") for line in city.city.form("02", "2019").splitlines()]
    return {r[2]: int(r[6]) for r in rows if r[0] == "02" and r[3:6] == ["_T", "_T", "4"]}


def cases(city, *more):
    return city.city.ctl("--lang", "en", "case", "list", *more, output="json").json()


@pytest.mark.threads
def test_cases_are_found_decided_by_two_and_taken_back(city):
    needs_root()
    one, two = city.districts.values()
    old, new = card_2017("DEU", "050412", 1), card_2023("276", "19050412", 1)
    load(one, "training", TRAINING, training(1, "穆勒", old, doc_type="553"), training(2, "旧名", LI[1]), training(3, "新名", LI[1]))
    load(two, "training", TRAINING, training(4, "穆勒", new, doc_type="553"))
    load(one, "certificate", HEAD, certificate(1, "穆勒", old, doc_type="553"), certificate(5, *ZHAO))
    load(two, "certificate", HEAD, certificate(2, "穆勒", new, doc_type="553"), certificate(3, "钱护照", "E1234567", doc_type="414"),
         certificate(4, "钱护照", "E7654321", doc_type="414"))
    city.wait_folded()
    a, b = sorted((pid_of(one, "training", "T1"), pid_of(two, "training", "T4")))
    li = pid_of(one, "training", "T2")
    found = {c["rule"]: c for c in cases(city)}
    assert sorted(found) == ["I1", "I3", "I4"]
    assert (found["I4"]["a"], found["I4"]["b"], found["I4"]["state"]) == (a, b, "open")
    assert found["I1"]["a"] == found["I1"]["b"] == li
    before = form_02(city)
    assert before["310000"] == 3

    def step(user, act, x, y, code=0):
        r = as_user(user, "registrar", city.city, "case", act, x, y, output="json")
        assert r.code == code, r
        return r.json() if code == 0 else r.err

    assert step("bin", "link", a, b)["step"] == "proposed"
    assert "another person" in step("bin", "link", a, b, code=1)
    assert form_02(city) == before
    assert next(c for c in cases(city) if c["rule"] == "I4")["by"] == "bin"
    assert step("sys", "link", b, a)["step"] == "decided"
    linked = form_02(city)
    assert linked["310000"] == 2 and linked["310101"] == before["310101"] and linked["310115"] == before["310115"]
    assert "I4" not in {c["rule"] for c in cases(city)}
    assert next(c for c in cases(city, "--all") if c["rule"] == "I4")["state"] == "linked"
    names = {r["doc_number"] for r in identify(city, b, "--purpose", "an award").json()}
    assert names == {old, new}
    city.check_equal()

    assert "linked" in step("bin", "not-same", a, b, code=1)
    assert step("sys", "unlink", a, b)["step"] == "proposed"
    assert step("bin", "unlink", a, b)["step"] == "decided"
    assert form_02(city) == before
    assert step("sys", "not-same", a, b)["step"] == "proposed"
    assert step("bin", "not-same", a, b)["step"] == "decided"
    assert step("sys", "not-same", li, li)["step"] == "proposed"
    assert step("bin", "not-same", li, li)["step"] == "decided"
    assert [c["rule"] for c in cases(city)] == ["I3"]
    assert "nobody" in step("bin", "link", a, "1" * 32, code=1)
    city.check_equal()


def test_views_follow_after_a_restart_too(city):
    needs_root()
    one, two = city.districts.values()
    load(one, "training", TRAINING, training(1, *WANG))
    load(two, "training", TRAINING, training(2, *LI))
    city.wait_folded()
    a, b = pid_of(one, "training", "T1"), pid_of(two, "training", "T2")
    for user in ("bin", "sys"):
        assert as_user(user, "registrar", city.city, "case", "link", a, b).code == 0
    assert form_02(city)["310000"] == 1
    city.city.stop()
    city.city.start()
    load(one, "training", TRAINING, training(1, *WANG), training(3, *ZHAO))
    city.wait_folded()
    assert form_02(city)["310000"] == 2
    city.check_equal()


# ---- the subject's rights ----

def person(node, act, number, *more, codes=(0,)):
    return node.ctl("person", act, *more, output="json", codes=codes, stdin=number + "\n")


def test_export_holds_everything_on_one_number(city):
    one = city.districts["310101"]
    load(one, "training", TRAINING, training(1, *WANG, phone="13800000001"), training(2, *LI))
    load(one, "training", TRAINING, training(1, *WANG, phone="13800000001", ended="2019-05-02"))
    load(one, "certificate", HEAD, certificate(1, *WANG), certificate(2, *LI))
    one.ctl("retract", "certificate", certificate_key(1), "--reason", "entered twice")
    rows = person(one, "export", WANG[1], "--purpose", "asked for by the person").json()
    held = [(r["register"], r["key"], r["field"], r["value"]) for r in rows]
    for expected in (("vault", None, "name", WANG[0]), ("vault", None, "doc_number", WANG[1]), ("vault", None, "phone", "13800000001"),
                     ("training", "T1", "ended_on", "2019-04-01"), ("training", "T1", "ended_on", "2019-05-02"),
                     ("certificate", certificate_key(1), "retracted", "entered twice"),
                     ("identity", None, "sealed", "to the registrar of the city"),
                     ("access", None, "opened", "asked for by the person")):
        assert expected in held, f"{expected} is not in {held}"
    assert LI[0] not in str(rows) and LI[1] not in str(rows) and "T2" not in str(rows)
    assert person(one, "export", ZHAO[1], "--purpose", "x").json() == [
        r for r in person(one, "export", ZHAO[1], "--purpose", "x").json()[1:]]
    assert "purpose" in person(one, "export", WANG[1], codes=(2,)).err
    assert "no document number" in person(one, "export", WANG[1][:-1], "--purpose", "x", codes=(2,)).err
    log = one.ctl("access", "list", output="json").json()
    assert [bool(x["refused"]) for x in log] == [True, True, False, False, False]
    assert WANG[1] not in str(log)


def test_erased_is_erased_and_figures_stay(city):
    one = city.districts["310101"]
    load(one, "training", TRAINING, training(1, *WANG, phone="13800000001"), training(2, *LI))
    city.wait_folded()
    before = form_02(city)
    assert person(one, "erase", WANG[1], "--purpose", "asked for by the person").json() == {"erased": True, "overwritten": True}
    rows = person(one, "export", WANG[1], "--purpose", "x").json()
    assert not [r for r in rows if r["register"] == "vault"] and [r for r in rows if r["register"] == "training"]
    assert person(one, "export", LI[1], "--purpose", "x").json()[0]["value"] == LI[0]
    assert "no identity" in person(one, "erase", WANG[1], "--purpose", "x", codes=(1,)).err
    assert form_02(city) == before
    assert "purpose" in person(one, "erase", LI[1], codes=(2,)).err
    one.stop()
    one.start()
    city.check_equal()
    assert [r["value"] for r in person(one, "export", LI[1], "--purpose", "x").json()[:1]] == [LI[0]]


# ---- for publication ----

def test_a_list_for_publication_is_masked(city):
    one, two = city.districts.values()
    load(one, "certificate", HEAD, certificate(1, *WANG), certificate(2, "穆勒", card_2017("DEU", "050412", 1), doc_type="553"))
    load(two, "certificate", HEAD, certificate(3, *LI))
    city.wait_folded()
    found = [r["id"] for r in city.city.ctl("talent", "find", output="json").json()]
    assert len(found) == 3
    r = city.city.ctl("talent", "publish", "--ids", ",".join(found), "--purpose", "公示", "--registrar-key", output="json",
                      stdin=city.registrar[1] + "\n")
    rows = r.json()
    assert {(x["name"], x["doc_number"]) for x in rows} == {
        ("王**", WANG[1][:6] + "*" * 12), ("李**", LI[1][:6] + "*" * 12), ("穆*", "DEU31" + "*" * 10)}
    assert [x["talent"] for x in rows] == found
    for name, number in (WANG, LI):
        assert name not in r.out and number not in r.out and number[6:14] not in r.out
    assert [(x["act"], x["count"]) for x in log_of(city)] == [("公示名单", 3)]
    assert "names no talent" in city.city.ctl("talent", "publish", "--ids", "T0", "--purpose", "x", "--registrar-key", codes=None,
                                              stdin=city.registrar[1] + "\n").err
    one_found = identify(city, found[0], "--purpose", "an award").json()  # the public id will do everywhere
    assert one_found and one_found[0]["name"] in (WANG[0], LI[0], "穆勒")
