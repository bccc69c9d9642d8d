"""The documents keep what they promise: links lead somewhere, the table of methods is complete, the snippet runs."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import vizcore

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
README = (ROOT / "README.md").read_text()
ROW = re.compile(
    r"^\|[^|]+\| (?P<title>[^|]+) \| \[`(?P<function>\w+)`\]\((?P<file>[\w/.]+)\) \| (?P<paper>.+) \|$", re.MULTILINE
)


def methods() -> set[tuple[str, str, str, str]]:
    """Title, function, file and paper of every record of every METHODS in vizcore."""
    found = set()
    for module in pkgutil.walk_packages(vizcore.__path__, "vizcore."):
        if not module.name.endswith("__main__"):
            table = getattr(importlib.import_module(module.name), "METHODS", ())
            file = module.name.replace(".", "/") + ".py"
            found |= {(method.title, method.name, file, method.paper) for method in table}
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_local_link_leads_somewhere(document):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / document).read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_method_has_a_row_in_the_readme():
    rows = {(row["title"], row["function"], row["file"], row["paper"]) for row in ROW.finditer(README)}
    assert methods() - rows == set()


def test_every_row_of_the_readme_names_a_function_and_a_paper():
    for row in ROW.finditer(README):
        module = importlib.import_module(row["file"].removesuffix(".py").replace("/", "."))
        assert callable(getattr(module, row["function"])), row["function"]
        assert re.search(r"\b(19|20)\d\d\b", row["paper"]), row["title"]


def test_the_notebook_snippet_runs(capsys):
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(snippet, {})
    assert re.match(r".+: \d+%\ntorch.Size\(\[\d+, \d+\]\) score\n$", capsys.readouterr().out)


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [(ROOT / document).read_text() for document in DOCUMENTS]
    named = {name for text in texts for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)}
    assert {"run", "test"} <= named <= targets
