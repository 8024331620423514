"""Made-up people with documents, and the users of a machine with their roles. Births lie in 1903–1909."""

import grp
import os
import pwd
import subprocess

from cluster import PATIENCE, Result, environment, program

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident(birth, order, area="310101"):
    body = f"{area}{birth}{order:03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS)) % 11]


def card_2023(nationality, birth, order):
    body = f"931{nationality}{birth}{order:03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS)) % 11]


def card_2017(nation, birth6, order):
    body = f"{nation}3100{birth6}{order}"
    value = [int(c) if c.isdigit() else ord(c) - 55 for c in body]
    return body + str(sum(v * w for v, w in zip(value, (7, 3, 1) * 5)) % 10)


HEAD = "number,name,doc_type,doc_number,kind,source,occupation,level,issued_on,valid_until,revoked_on"
TRAINING = ("enrolment_no,class_no,name,doc_type,doc_number,phone,type,channel,institution,status_group,enrolled_on,ended_on,"
            "hours_online,result")


def certificate(key, name, number, level="3", doc_type="111", until="", revoked=""):
    return f"Y00003112345619{level}{key:06d},{name},{doc_type},{number},level_employer,assessment,6-18-01-01,{level},2019-03-01,{until},{revoked}"


def certificate_key(key, level="3"):
    return f"Y00003112345619{level}{key:06d}"


def training(key, name, number, phone="", doc_type="111", ended="2019-04-01"):
    return (f"T{key},C{key},{name},{doc_type},{number},{phone},upgrade,individual,91310101MA1T000136,employed,2019-03-01,{ended},"
            "1,completed")


def load(node, register, head, *rows):
    path = os.path.join(node.dir, f"{register}.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join((head, *rows)) + "\n")
    return node.load(register, path)


def pid_of(node, register, key):
    (row,) = node.ctl("get", register, key, output="json").json()
    return row["pid"]


# ---- who asks ----

GROUPS = {"viewer": "games", "operator": "mail", "registrar": "news", "admin": "uucp"}
ROLES = ("unlisted", *GROUPS)


def open_doors(cluster):
    """Other users reach the programs and sockets; what they may do is the daemons' matter."""
    os.chmod(cluster.dir, 0o755)
    for node in cluster.nodes():
        os.chmod(node.dir, 0o755)
        os.chmod(node.socket, 0o666)


def with_groups(settings):
    return {**settings, **{f"{role}_group": group for role, group in GROUPS.items()}}


def as_user(user, role, node, *words, output=None, stdin=None):
    """tallyctl as this user of the machine, in the group of that role."""
    line = [program("tallyctl"), "-s", node.socket, *(["-o", output] if output else []), *map(str, words)]
    return Result(run_as(user, role, line, stdin))


def run_as(user, role, line, stdin=None):
    groups = [grp.getgrnam(GROUPS[role]).gr_gid] if role in GROUPS else []
    return subprocess.run(line, capture_output=True, text=True, timeout=60 * PATIENCE, input=stdin, env=environment(), cwd="/",
                          user=pwd.getpwnam(user).pw_uid, group=65534, extra_groups=groups)


POST = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(f"POST {sys.argv[2]} HTTP/1.1\\r\\nHost: tally\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n".encode())
print(s.makefile(encoding="utf-8").read())
"""


def post_as(user, role, node, path):
    """The whole answer to a POST without a body, by a program that knows no routes."""
    return run_as(user, role, ["/usr/bin/python3", "-c", POST, node.socket, path]).stdout


STATUSES = """
import socket, sys
for line in sys.stdin:
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(sys.argv[1])
    s.sendall((line.strip() + " HTTP/1.1\\r\\nHost: tally\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n").encode())
    print(s.makefile(encoding="utf-8", errors="replace").readline().split()[1])
"""


def statuses_as(user, role, node, requests):
    """The HTTP status of each (method, path), asked without a body."""
    done = run_as(user, role, ["/usr/bin/python3", "-c", STATUSES, node.socket], "".join(f"{m} {p}\n" for m, p in requests))
    assert done.returncode == 0, done
    return [int(line) for line in done.stdout.split()]
