"""What `pip install .` gives: the library with its networks, the command and the dashboard, away from the sources."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from playwright.sync_api import expect

import vizcore
from tests.served import answers, free_port, watch

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that the wheel is installed in; built with what is here, since nothing may be fetched."""
    wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    offline = ["--no-index", "--no-deps"]
    subprocess.run([*PIP, "wheel", "-q", *offline, "--no-build-isolation", "-w", wheels, ROOT], check=True)
    (wheel,) = wheels.iterdir()
    subprocess.run([*PIP, "install", "-q", *offline, "--target", target, wheel], check=True)
    return target


@pytest.fixture(scope="module")
def package(installed) -> Distribution:
    """What the installed wheel says of itself."""
    (found,) = distributions(path=[str(installed)])
    return found


@pytest.fixture
def away(installed, tmp_path) -> dict:
    """How a program is started that knows the installed wheel and not the sources."""
    (tmp_path / "elsewhere").mkdir()
    return {"cwd": tmp_path / "elsewhere", "env": os.environ | {"PYTHONPATH": str(installed)}}


def run(away: dict, *command: str | Path) -> str:
    """What a program prints that is started away from the sources."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **away).stdout


def test_the_wheel_holds_the_library_and_the_dashboard_and_nothing_else(package):
    kept = [path for room in ("vizcore", "pages", "assets", ".streamlit") for path in (ROOT / room).rglob("*")]
    kept = [path.relative_to(ROOT) for path in [*kept, ROOT / "app.py"] if path.is_file() and path.suffix != ".pyc"]
    wanted = {str(path) if path.parts[0] == "vizcore" else f"vizcore/dashboard/{path}" for path in kept}
    files = {str(file) for file in package.files if file.suffix != ".pyc"}
    assert {file for file in files if not re.match(r"(\.\./)*bin/|convscope-[\d.]+\.dist-info/", file)} == wanted


def test_it_asks_for_what_the_dashboard_was_tested_with(package):
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert sorted(package.requires) == sorted(line for line in lines if not line.startswith("#"))


def test_a_bundled_network_answers_as_it_does_in_the_source_tree(away, installed):
    question = "vizcore.open_probe('tiny-vgg').predict(vizcore.bundled_image('cat'))[0]"
    where, label = run(
        away, sys.executable, "-c", f"import vizcore; print(vizcore.__file__); print({question}.label)"
    ).splitlines()
    assert Path(where).is_relative_to(installed)
    assert label == eval(question, {"vizcore": vizcore}).label == "tabby"


def test_the_command_examines_a_file(away, installed):
    said = run(away, installed / "bin" / "convscope", "doctor", ROOT / "assets" / "weights" / "tiny-vgg.safetensors")
    assert said.startswith("tiny-vgg.safetensors can be opened.") and "64: goldfish" in said


@pytest.fixture
def dashboard(away, installed, tmp_path) -> Iterator[str]:
    """The address of the dashboard as `convscope serve` serves it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    away["env"] |= {"VIZCORE_CACHE": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1,localhost"}
    log = tmp_path / "log.txt"
    with open(log, "wb") as output:
        command = [installed / "bin" / "convscope", "serve", "--port", str(port)]
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **away)
    try:
        deadline = time.monotonic() + 120
        while not answers(url):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


def test_the_command_serves_the_dashboard(browser, dashboard):
    with browser.new_page() as page:
        elsewhere = watch(page, dashboard)
        page.goto(dashboard)
        expect(page.get_by_role("heading", name="What does the network see?")).to_be_visible(timeout=120_000)
        expect(page.get_by_text("tabby").first).to_be_visible(timeout=120_000)
        assert page.get_by_role("alert").count() == 0
        assert not elsewhere
