"""The house: what lies where in vizcore, which way imports run, and what one room may take from another."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = sorted((ROOT / "vizcore").rglob("*.py"))
PAGES = sorted((ROOT / "pages").rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in LIBRARY}

# From the ground up: a room, or a module at the root, imports from the floors below its own.
FLOORS = (
    ("dial", "folders"),
    ("imaging", "probe"),
    ("frames", "terminal"),
    ("zoo",),
    ("corpora",),
    ("ascent", "method"),
    ("inspection", "representation", "attribution", "synthesis", "adversarial"),
    ("laboratory",),
    ("overview", "training"),
    ("__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

LISTED = ("probe", "zoo", "imaging", "corpora")  # rooms whose __init__ lists what others may use
LAZY = {"vizcore.zoo.torchvision_import"}  # a module that a list could not give without importing torchvision


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(module: str) -> str:
    """The room, or the module at the root, that a module of vizcore belongs to; nothing for `vizcore` itself.

    >>> room("vizcore.zoo.shelf"), room("vizcore.frames"), room("vizcore")
    ('zoo', 'frames', '')
    """
    return (*module.split("."), "")[1]


def imports(path: Path) -> Iterator[tuple[int, str, str]]:
    """Every import from vizcore, wherever in a file: the line, the module and the name taken from it, if any."""
    for node in ast.walk(ast.parse(path.read_text(), short(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names if alias.name.startswith("vizcore."))
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{short(path)}:{node.lineno}: imports name the whole path"
            if node.module == "vizcore" or node.module.startswith("vizcore."):
                yield from ((node.lineno, node.module, alias.name) for alias in node.names)


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """The line of every import from vizcore, and the module it reaches: `from vizcore import zoo` reaches the zoo."""
    for line, module, name in imports(path):
        inner = f"{module}.{name}"
        yield line, inner if inner in MODULES else module


def used(path: Path, name: str) -> Iterator[tuple[int, str]]:
    """The line of every attribute that a file reads of something with this name, and the attribute."""
    for node in ast.walk(ast.parse(path.read_text(), short(path))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            yield node.lineno, node.attr


@cache
def listed(name: str) -> list[str]:
    """What a room's `__init__` lists."""
    for node in ast.parse(MODULES[f"vizcore.{name}"].read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError(f"vizcore/{name}/__init__.py lists nothing in __all__")


def test_every_room_has_a_floor():
    rooms = {room(module) for module in MODULES} - {""}
    assert rooms - FLOOR.keys() == set(), "a new room or root module needs its floor in FLOORS"


def test_contributing_draws_the_same_floors():
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("| floor | rooms and modules |")[2].partition("\n\n")[0]
    drawn = [set(re.findall(r"`(\w+)`", row)) for row in table.splitlines()[2:]]
    assert drawn == [set(floor) for floor in reversed(FLOORS)]


@pytest.mark.parametrize("module", [module for module in MODULES if module != "vizcore"])
def test_imports_run_downwards(module):
    own = FLOOR[room(module)]
    for line, reached in imported(MODULES[module]):
        where = f"{short(MODULES[module])}:{line} imports {reached}"
        assert room(reached), f"{where}: the library's public names are for its users; name the room"
        assert room(reached) == room(module) or FLOOR[room(reached)] < own, (
            f"{where}, which is not below; what both need belongs a floor down"
        )


def test_no_modules_import_one_another_in_a_circle():
    graph = {module: {reached for _, reached in imported(path)} - {module} for module, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" <- ".join(circle.args[1]))


def test_few_modules_lie_at_the_root():
    assert len(list((ROOT / "vizcore").glob("*.py"))) < 10


@pytest.mark.parametrize("path", LIBRARY + PAGES, ids=short)
def test_only_listed_names_leave_a_room(path):
    home = path.relative_to(ROOT).parts[1]
    for line, module, name in imports(path):
        where = f"{short(path)}:{line}"
        if room(module) in LISTED and room(module) != home and module not in LAZY:
            door = f"vizcore.{room(module)}"
            assert module == door, f"{where} imports from {module}; others import from {door}, or list the name there"
            assert name in listed(room(module)), f"{where}: vizcore/{room(module)}/__init__.py does not list {name}"
        if module == "vizcore" and name in LISTED and name != home:
            for at, attribute in used(path, name):
                assert attribute in listed(name), f"{short(path)}:{at}: vizcore/{name}/__init__.py lists no {attribute}"


@pytest.mark.parametrize("name", LISTED)
def test_a_list_is_what_the_room_gives(name):
    given = {part for _, _, part in imports(MODULES[f"vizcore.{name}"])}
    assert set(listed(name)) == given


def test_no_two_files_share_a_name():
    places = defaultdict(list)
    for path in LIBRARY:
        places[path.name].append(short(path))
    assert [paths for name, paths in places.items() if len(paths) > 1 and name != "__init__.py"] == []


@pytest.mark.parametrize(("path", "starting"), [("app.py", ["warm", "decode"]), ("pages/index.py", [""])])
def test_what_starts_in_a_thread_of_its_own_imports_the_whole_before_a_part(path, starting):
    # Python locks a part, then its package: two threads that come by different parts wait for one another, and Python
    # lets one of them find half a package. Seen three times in forty cold starts.
    tree = ast.parse((ROOT / path).read_text())
    bodies = {"": tree.body} | {node.name: node.body for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in starting:
        found = [node for node in bodies[name] if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = [getattr(node, "module", None) or node.names[0].name for node in found]
        assert next(module for module in modules if re.match(r"(vizcore|pages)\b", module)) == "vizcore"
