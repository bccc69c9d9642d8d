"""The Dockerfile, as far as it can be tried without a Docker engine."""

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import free_port

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
SERVED = ["app.py", "pages/index.py", "vizcore/__init__.py", ".streamlit/config.toml", "requirements.txt"]


def instructions(word: str) -> list[str]:
    """What follows every use of a Dockerfile instruction, in order."""
    return re.findall(rf"^{word} +(.*)$", DOCKERFILE, re.MULTILINE)


def ask_health(port: int) -> int:
    """Run the image's health check against a server on another port, and give its exit status."""
    (check,) = instructions("HEALTHCHECK")
    program, *arguments = json.loads(check[check.index("[") :])
    assert program == "python"
    command = [sys.executable, *(argument.replace("8501", str(port)) for argument in arguments)]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file out of the image: the last pattern that fits it or a folder above decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern, keep = line.lstrip("!"), line.startswith("!")
        places = [path, *map(str, Path(path).parents)]
        if pattern and not line.startswith("#") and any(fnmatch.fnmatch(place, pattern) for place in places):
            verdict = not keep
    return verdict


def test_the_health_check_knows_a_server_from_none(server):
    assert ask_health(int(server.rpartition(":")[2])) == 0
    assert ask_health(free_port()) == 1


@pytest.mark.parametrize("path", SERVED)
def test_what_the_server_needs_reaches_the_image(path):
    assert (ROOT / path).exists()
    assert not ignored(path)


@pytest.mark.parametrize("path", [".venv/bin/python", ".git/config", "tests/conftest.py", "pages/__pycache__/x.pyc"])
def test_nothing_else_does(path):
    assert ignored(path)


def test_the_server_does_not_run_as_root():
    words = re.findall(r"^(USER|CMD) +(.*)$", DOCKERFILE, re.MULTILINE)
    assert [word for word, _ in words] == ["USER", "CMD"]
    assert words[0][1] != "root"
