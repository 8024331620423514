"""tallyctl: exit codes, one-line errors, tables that align, CSV and JSON; the daemons' -n and -V; refused configurations."""

import csv
import io
import json
import os
import re
import subprocess
import unicodedata

import pytest

from cluster import ctl, environment, program
from data import Data


@pytest.fixture
def city(cluster):
    cluster.data = Data(f"{cluster.dir}/data", seed=5, people=300, districts=("310101", "310115"))
    cluster.build(("310101", "310115")).start()
    for f in cluster.data.files:
        cluster.districts[f["district"]].load(f["register"], cluster.data.path(f))
    cluster.wait_folded()
    return cluster


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


# ---- exit codes ----

def test_done_and_failed(city):
    node = city.districts["310101"]
    assert node.ctl("status").code == 0
    r = node.ctl("get", "training", "no-such-key", codes=(1,))
    assert len(r.err.strip().splitlines()) == 1
    r = node.ctl("retract", "training", "no-such-key", "--reason", "x", codes=(1,))
    assert r.err.strip()


@pytest.mark.parametrize("words", (
    (), ("no-such-command",), ("form",), ("form", "show"), ("form", "show", "02"), ("status", "too", "many"),
    ("status", "--no-such-option"), ("-o", "yaml", "status"), ("import",), ("import", "training"),
    ("retract", "training", "k"),
))
def test_wrong_usage(city, words):
    node = city.city if words[:1] == ("form",) else city.districts["310101"]
    r = node.ctl(*words, codes=None)
    assert r.code == 2, r
    assert r.err.strip()


def test_wrong_usage_of_a_command_with_two_forms(city):
    """What is said is of the form that was meant."""
    node = city.districts["310101"]
    for words in (("--due", "--purpose", "x"), ("--purpose", "x", "--due"), ("--due", "--persons")):
        err = node.ctl("person", "erase", *words, codes=(2,)).err
        assert "usage: tallyctl person erase [--due] [--persons PERSONS]" in err and "--purpose PURPOSE" not in err, err
    err = node.ctl("person", "erase", "--purpose", "x", "--number", "y", codes=(2,)).err
    assert "usage: tallyctl person erase [--purpose PURPOSE]" in err and "--due" not in err, err


def test_done_in_part(city):
    data = Data(f"{city.dir}/more", seed=6, people=100, districts=("310101",), registers="training", broken=2)
    f = data.files[0]
    r = city.districts["310101"].ctl("import", "training", data.path(f), codes=(3,))
    assert f"refused {len(f['refused'])}" in r.out


def test_no_daemon(city):
    r = ctl("status", socket_path=f"{city.dir}/none", codes=(4,))
    assert f"{city.dir}/none" in r.err
    node = city.districts["310115"]
    node.kill()
    node.ctl("status", codes=(4,))
    node.start()


def test_socket_from_the_environment(city):
    env = dict(environment(), TALLY_SOCKET=city.city.socket)
    assert ctl("status", output="json", env=env).json()["role"] == "aggregator"


def test_not_allowed(city):
    """Another user, even one that reaches the socket, has no rights."""
    if os.geteuid():
        pytest.skip("needs root")
    node = city.districts["310101"]
    os.chmod(city.dir, 0o755)
    os.chmod(node.dir, 0o755)
    os.chmod(node.socket, 0o666)
    for words in (("status",), ("list", "training"), ("ledger", "list")):
        done = subprocess.run([program("tallyctl"), "-s", node.socket, *words], capture_output=True, text=True,
                              env=environment(), user=65534, group=65534, extra_groups=[], cwd="/")
        assert done.returncode == 5, f"{words}: {done}"
        assert len(done.stderr.strip().splitlines()) == 1


# ---- forms of an answer ----

@pytest.mark.parametrize("lang", ("zh", "en"))
@pytest.mark.parametrize("form", ("02", "03"))
def test_tables_align(city, form, lang):
    """A Chinese character takes two places. The texts on the left begin at one place in all rows, and the numbers on the
    right end at one place: with the title, too."""
    text = city.city.ctl("--lang", lang, "form", "show", form, "--period", "2019", "--area", "310000").out
    lines = text.split("\n\n")[0].splitlines()
    rows = [line for line in lines if re.search(r"  [\d.]+$", line)]
    assert len(rows) > 15
    assert len({width(line) for line in (lines[0], *rows)}) == 1, text
    second = {width(re.match(r"\S+( \S+)* {2,}", line)[0]) for line in (lines[0], *rows)}
    assert len(second) == 1, text
    assert {"zh": "合计", "en": "total"}[lang] in text.lower()


def test_csv_and_json_say_the_same(city):
    for node, words in ((city.city, ("districts",)), (city.city, ("form", "show", "02", "--period", "2019-Q2")),
                        (city.districts["310101"], ("list", "training", "--limit", "40"))):
        rows = list(csv.DictReader(io.StringIO(node.ctl(*words, output="csv").out)))
        objects = node.ctl(*words, output="json").json()
        objects = objects if isinstance(objects, list) else objects.get("rows", objects)
        assert len(rows) == len(objects) > 0, words
        for one, other in zip(rows, objects):
            assert list(one) == list(other), words
            for name in one:
                if "age" not in name and "at" not in name.split("_"):
                    assert same(one[name], other[name]), (words, name, one[name], other[name])


def same(text, value):
    if isinstance(value, (int, float)):
        return float(text) == value
    return text == (value or "")


def test_form_csv_is_in_order(city):
    text = city.city.form("02", "2019")
    lines = text.splitlines()
    assert lines[0] == "form,period,area,type,channel,measure,value,obs_status,conf_status,version"
    assert lines[1].startswith("02,2019,310000,")
    assert all(line.split(",")[6] not in ("0", "0.0", "") for line in lines[1:]), "zeros are left out"
    assert all(line.endswith(",live") for line in lines[1:])
    only = city.city.form("02", "2019", False, "--area", "310115").splitlines()
    assert only[1:] == [line for line in lines[1:] if line.split(",")[2] == "310115"]
    zeros = city.city.form("02", "2019", False, "--area", "310115", "--zeros").splitlines()
    assert len(zeros) > len(only) and any(",0," in line for line in zeros)


def test_the_fold_gives_way(city):
    """What comes in and what is asked goes before what is folded from it: the views' writer alone has a lower priority."""
    nice = {}
    for task in os.listdir(f"/proc/{city.city.process.pid}/task"):
        try:
            with open(f"/proc/{city.city.process.pid}/task/{task}/stat", encoding="ascii") as f:
                name, _, fields = f.read().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue  # one that answered a request, and has ended
        nice.setdefault(name, set()).add(int(fields.split()[16]))
    (views,) = nice.pop("views")
    assert set.union(*nice.values()) == nice["ledger"] and views > max(nice["ledger"])


def test_who_holds_the_figures_is_not_sent_them_again(city):
    path = "/v1/forms/02?period=2019&area=310115"
    status, body, tag = city.city.ask(path)
    assert status == 200 and tag
    assert city.city.ask(path, If_None_Match=tag) == (304, "", tag)
    assert city.city.ask(path, If_None_Match=f'"other", {tag}')[0] == 304
    # another form of the same answer, another language: another answer
    for headers in ({"Accept": "text/csv"}, {"Accept_Language": "en"}):
        status, _, other = city.city.ask(path, If_None_Match=tag, **headers)
        assert status == 200 and other != tag
    # a figure that may have moved is told
    record = city.districts["310101"].ctl("list", "training", "--limit", "1", output="json").json()[0]
    city.districts["310101"].ctl("retract", "training", record["enrolment_no"], "--reason", "test")
    city.wait_folded()
    status, again, moved = city.city.ask(path, If_None_Match=tag)
    assert status == 200 and moved != tag and again == body
    # nor does what another life of the daemon said hold
    city.city.stop()
    city.city.start()
    assert city.city.ask(path, If_None_Match=moved)[0] == 200


@pytest.mark.parametrize("words", (
    ("form", "show", "99", "--period", "2019"), ("form", "show", "02", "--period", "2019-13"),
    ("form", "show", "02", "--period", "2019-H1"), ("form", "show", "03", "--period", "2019-05"),
    ("form", "show", "02", "--period", "nineteen"), ("form", "show", "02", "--period", "2019", "--area", "310119"),
    ("form", "show", "03", "--period", "2019", "--cumulative"),
))
def test_questions_without_an_answer(city, words):
    r = city.city.ctl(*words, codes=None)
    assert r.code in (1, 2), r
    assert len(r.err.strip().splitlines()) == 1 and not r.out.strip()


def test_status_keeps_its_contract(city):
    s = city.districts["310101"].ctl("status", output="json").json()
    assert {"role", "origin", "version", "uptime_s", "ledger", "parents", "store", "intake"} <= set(s)
    assert s["role"] == "collector" and s["origin"] == "310101"
    assert {"next", "head", "oldest"} <= set(s["ledger"]) and len(s["ledger"]["head"]) == 64
    p = s["parents"][0]
    assert {"name", "endpoint", "state", "acked", "pending", "last_ack_age_s", "proven", "error"} <= set(p)
    assert p["name"] == "city" and p["pending"] == 0 and p["state"] == "streaming" and not p["error"]
    assert {"used_bytes", "limit_bytes", "room_days"} <= set(s["store"])
    assert {"accepted", "changed", "unchanged", "refused"} <= set(s["intake"])
    s = city.city.ctl("status", output="json").json()
    assert s["role"] == "aggregator" and s["origin"] == "310000"
    assert {"origin", "state", "position", "head", "last_entry_age_s", "fold_position"} <= set(s["children"][0])


def test_ledger_commands(city):
    node = city.districts["310101"]
    last = node.last()
    rows = node.ctl("ledger", "list", output="json").json()
    assert any(str(r["origin"]) == "310101" and int(r["position"]) == last for r in rows)
    rows = node.ctl("ledger", "show", "310101", "--from", "1", "--to", "5", output="json").json()
    assert [int(r["position"]) for r in rows] == [1, 2, 3, 4, 5]
    assert city.city.ctl("ledger", "verify", "310115").code == 0
    assert city.city.ctl("ledger", "verify", "310199", codes=None).code in (1, 2)


def test_config_and_metrics(city):
    node = city.districts["310101"]
    assert node.socket in node.ctl("config", "show").out
    assert node.ctl("config", "check", node.conf).code == 0
    with open(f"{city.dir}/wrong.conf", "w", encoding="utf-8") as f:
        f.write('district = "310101"\nno_such_setting = "1"\n')
    r = node.ctl("config", "check", f"{city.dir}/wrong.conf", codes=None)
    assert r.code in (1, 2) and "wrong.conf:2" in r.err + r.out
    assert node.metrics() and city.city.metrics()


def test_routes_list_themselves(city):
    status, body = city.city.get("/v1/")
    routes = json.loads(body)["routes"]
    assert status == 200 and all({"method", "path", "right"} <= set(r) for r in routes)
    assert any(r["command"] and r["command"].startswith("form show") for r in routes)
    assert city.city.get("/v1/no/such/thing")[0] == 404


# ---- the programs ----

def run(name, *words):
    return subprocess.run([program(name), *words], capture_output=True, text=True, env=environment(), timeout=60)


def test_version_and_check(city):
    for name in ("tally-collector", "tally-aggregator", "tallyctl"):
        r = run(name, "-V")
        assert r.returncode == 0 and any(c.isdigit() for c in r.stdout)
    node = city.districts["310101"]
    assert run("tally-collector", "-n", "-c", node.conf).returncode == 0


@pytest.mark.parametrize("line, words", (
    ('no_such_setting = "1"', ":1"), ("district = 310101x", ":1"), ('parent city {', ""), ('listen = "tcp://0.0.0.0:1"', ":1"),
))
def test_refused_configuration(city, line, words):
    path = f"{city.dir}/bad.conf"
    with open(path, "w", encoding="utf-8") as f:
        f.write(line + "\n")
    r = run("tally-collector", "-n", "-c", path)
    assert r.returncode not in (0, 86) and r.returncode > 0
    assert path + words in r.stderr


def test_keygen_never_overwrites(cluster):
    where = f"{cluster.dir}/k"
    first = ctl("keygen", where, output="json").json()
    assert set(first) >= {"key", "signer"} and len(first["key"]) == 40 and len(first["signer"]) == 44
    assert ctl("keygen", where, output="json", codes=None).code in (0, 1)
    assert ctl("keygen", where, output="json").json() == first
    for name in os.listdir(where):
        assert os.stat(f"{where}/{name}").st_mode & 0o777 == 0o600
