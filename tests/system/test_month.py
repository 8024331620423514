"""Types every command of "a month in the life of the survey" into a shell and reads the answers that the page promises."""

import os
import re
import subprocess

from cluster import BUILD, PATIENCE, ROOT, environment

PAGE = os.path.join(ROOT, "aggregator", "MONTH.md")


def commands():
    """[(command, [lines that must be among its answer])]"""
    out = []
    with open(PAGE, encoding="utf-8") as f:
        for line in f:
            if line.startswith("    $ "):
                out.append((line[6:].rstrip("\n"), []))
            elif line.startswith("    ") and out:
                out[-1][1].append(line.strip())
    return out


def squeezed(text):
    return re.sub(r"\s+", " ", text)


def test_the_page_does_what_it_says(tmp_path):
    for name in ("deploy", "proto", "tests"):  # the page is typed at the top of a checkout
        (tmp_path / name).symlink_to(os.path.join(ROOT, name))
    (tmp_path / "build").symlink_to(BUILD)
    typed = commands()
    assert len(typed) > 30
    lines = []
    for n, (command, _) in enumerate(typed):
        lines += [command, f'printf "\\n--%s ended--\\n" {n}']
    try:
        done = subprocess.run(["bash"], input="\n".join(lines), capture_output=True, text=True, cwd=tmp_path, timeout=120 * PATIENCE,
                              env=environment() | {"TALLY_BUILD": BUILD})
    finally:
        subprocess.run([f"{ROOT}/deploy/demo/town.py", "down", f"{tmp_path}/town"], capture_output=True, check=False)
    text = done.stdout
    for n, (command, promised) in enumerate(typed):
        answer, mark, text = text.partition(f"\n--{n} ended--\n")
        assert mark, f"the shell did not come to: {command}\n{answer}\n{done.stderr}"
        for line in promised:
            assert squeezed(line) in squeezed(answer) or squeezed(line) in squeezed(done.stderr), \
                f"$ {command}\npromised: {line}\nanswered: {answer}\n{done.stderr}"
    wrong = [line for line in done.stderr.splitlines() if "is not explained" not in line and "are not explained" not in line]
    assert not wrong, wrong
