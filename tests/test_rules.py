"""The laws of the house that can be read off its sources."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import vizcore

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ("inspection", "representation", "attribution", "synthesis", "adversarial", "laboratory")
LIBRARY = sorted((ROOT / "vizcore").rglob("*.py"))
SCIENCE = [path for path in LIBRARY if path.parent.name != "training" and path.name != "__main__.py"]
PAGES = sorted((ROOT / "pages").rglob("*.py"))
SOURCES = sorted({*LIBRARY, *PAGES, *ROOT.glob("*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/*.py")})
HOUSEKEEPING = {"index", "overview", "network"}  # pages that ask no family's question


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), short(path))


def imported(path: Path) -> set[str]:
    """The outermost names of all modules a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def calls(path: Path) -> Iterator[tuple[int, str, str]]:
    """Every call in a file: its line, what it is called on, as written, and the function's name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.lineno, ast.unparse(node.func.value), node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.lineno, "", node.func.id


@pytest.mark.parametrize("path", LIBRARY, ids=short)
def test_the_library_never_imports_streamlit(path):
    assert "streamlit" not in imported(path)


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_pages_hold_no_mathematics(path):
    assert not imported(path) & {"torch", "torchvision", "numpy", "scipy", "math", "statistics"}


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_widgets_are_set_in_one_place(path):
    """Whatever touches the session's state outside pages/parts/state.py looks something up in it."""
    if path == ROOT / "pages" / "parts" / "state.py":
        return
    inside = {child: node for node in ast.walk(tree(path)) for child in ast.iter_child_nodes(node)}
    for node, around in inside.items():
        if isinstance(node, ast.Attribute) and node.attr == "session_state":
            read = (
                (isinstance(around, ast.Subscript) and isinstance(around.ctx, ast.Load))
                or (isinstance(around, ast.Attribute) and around.attr == "get")
                or isinstance(around, ast.Compare)
            )
            assert read, f"{short(path)}:{node.lineno}: state.put and state.place set widgets and remember things"


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "jobs.py"], ids=short)
def test_a_page_that_ends_early_lets_the_frame_end(path):
    """After `st.stop` nothing is drawn any more; a job's session alone, that is over, may end so."""
    stops = [node.lineno for node in ast.walk(tree(path)) if ast.unparse(node) == "st.stop()"]
    assert not stops, f"{short(path)}:{stops}: calm.end() ends a page"


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_no_callback_can_leave_the_reader_without_a_page(path):
    """Streamlit gives up a run whose callback raises; `calmly` says a sentence instead."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.keyword) and re.fullmatch(r"on_(click|change|select|\w+_change)", node.arg or ""):
            calm = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "calmly"
            calm = calm or isinstance(node.value, ast.Constant)
            assert calm, f"{short(path)}:{node.value.lineno}: {node.arg}=calmly(...)"


@pytest.mark.parametrize("path", SCIENCE, ids=short)
def test_a_method_leaves_the_network_and_the_randomness_of_others_alone(path):
    for line, on, name in calls(path):
        where = f"{short(path)}:{line}: {on}.{name}"
        assert not re.fullmatch(r"register_\w*hook\w*", name), f"{where}: taps and wraps take the place of hooks"
        assert name != "backward", f"{where}: probe.gradient derives without leaving gradients behind"
        assert name not in ("train", "zero_grad"), f"{where}: a network's modes are not a method's business"
        a_local_generator = re.search(r"Generator\(.*\)$|generator$", on)
        assert name not in ("manual_seed", "seed") or a_local_generator, f"{where}: seeds belong to a local generator"
        assert on not in ("random", "np.random", "numpy.random") or name in ("default_rng", "Random"), (
            f"{where}: randomness comes from a local generator"
        )
        assert name not in ("set_grad_enabled", "set_default_dtype", "set_default_device"), f"{where}: that is global"
        if name in ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial") and on == "torch":
            assert "generator=" in source_of_call(path, line), f"{where}: name the generator it draws from"


def source_of_call(path: Path, line: int) -> str:
    return next(ast.unparse(node) for node in ast.walk(tree(path)) if isinstance(node, ast.stmt) and (
        node.lineno <= line <= (node.end_lineno or line)) and not hasattr(node, "body"))  # fmt: skip


@pytest.mark.parametrize("path", [path for path in LIBRARY if path.parent.name in CHAPTERS], ids=short)
def test_the_probe_is_the_only_door_to_the_device(path):
    for line, on, name in calls(path):
        assert name not in ("to", "cuda"), f"{short(path)}:{line}: {on}.{name}() moves something by itself"


@pytest.mark.parametrize("path", SOURCES, ids=short)
def test_files_are_short_and_swallow_nothing(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 320, "a file that grows past about 300 lines is asking to be two with better names"
    for node in ast.walk(tree(path)):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), f"a bare except in line {node.lineno}"


@pytest.mark.parametrize("path", SCIENCE + PAGES, ids=short)
def test_the_library_and_the_pages_print_nothing(path):
    assert "print" not in {name for _, on, name in calls(path) if not on}


def public_modules() -> list[types.ModuleType]:
    """The library and its chapters, as many of them as say what is public."""
    modules = [vizcore, *(importlib.import_module(f"vizcore.{chapter}") for chapter in CHAPTERS)]
    return [module for module in modules if hasattr(module, "__all__")]


def public_names() -> list[tuple[types.ModuleType, str]]:
    return [(module, name) for module in public_modules() for name in module.__all__]


@pytest.mark.parametrize("module", public_modules(), ids=lambda module: module.__name__)
def test_the_public_surface_is_exactly_what_can_be_imported(module):
    there = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert there == set(module.__all__)
    assert list(module.__all__) == sorted(module.__all__) and len(set(module.__all__)) == len(module.__all__)


@pytest.mark.parametrize(("module", "name"), public_names(), ids=lambda part: getattr(part, "__name__", part))
def test_every_public_name_is_documented_and_shown(module, name):
    documentation = inspect.getdoc(getattr(module, name)) or ""
    if inspect.isclass(getattr(module, name)) and issubclass(getattr(module, name), Exception):
        assert documentation, f"{name} needs a sentence that says when it is raised"
        return
    assert re.match(r"[A-Z].*[.]( |\n|$)", documentation, re.DOTALL), f"the docstring of {name} begins with no sentence"
    assert not documentation.startswith(f"{name}("), f"{name} was given no docstring of its own"
    assert ">>>" in documentation, f"{name} has no doctest that shows it at work"


SHAPE_OR_SIGN = re.compile(r"True|False|\(?(torch\.Size\(.*\)[, )]*)+")


def answers(node: ast.AST) -> list[str]:
    """What the examples in a docstring say comes out."""
    examples = doctest.DocTestParser().get_examples(ast.get_docstring(node) or "")
    return [example.want.strip() for example in examples if example.want.strip()]


def test_examples_show_a_value_and_not_a_shape_or_a_sign_alone():
    """Where True or False is the value, of a function that gives a `bool`, it may stand alone."""
    alone = []
    for path in SCIENCE:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and (shown := answers(node)):
                yes_or_no = getattr(node, "returns", None) is not None and ast.unparse(node.returns) == "bool"
                if not yes_or_no and all(SHAPE_OR_SIGN.fullmatch(one) for one in shown):
                    alone.append(f"{short(path)}: {node.name}")
    assert not alone, f"a shape or a sign proves little; show a value: {', '.join(alone)}"


@pytest.mark.parametrize(("module", "name"), public_names(), ids=lambda part: getattr(part, "__name__", part))
def test_every_public_name_stands_in_a_table_of_the_readme(module, name):
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    assert any(f"`{name}`" in row for row in rows), f"{module.__name__}.{name} is in no table of README.md"


def test_pages_take_no_method_by_its_place():
    """Another that joins the family would come between; a title stays what it is."""
    taken = re.compile(r"^[^=\n]*[,\[][^=\n]* = [\w, ]*METHODS\b|METHODS\[-?\d", re.MULTILINE)
    assert [short(page) for page in PAGES if taken.search(page.read_text())] == []


@pytest.mark.parametrize("page", [path for path in (ROOT / "pages").glob("*.py") if path.stem not in HOUSEKEEPING],
                         ids=short)  # fmt: skip
def test_a_family_has_one_word_in_its_rooms(page):
    rooms = [chapter for chapter in CHAPTERS if (ROOT / "vizcore" / chapter / page.name).exists()]
    assert len(rooms) == 1, f"{short(page)} needs vizcore/<chapter>/{page.name}, in one chapter; it is in {rooms}"
    test = ROOT / "tests" / rooms[0] / f"test_{page.name}"
    assert test.exists(), f"{short(page)} needs {short(test)}"


def test_every_method_table_holds_documented_functions_by_their_titles():
    for found in pkgutil.walk_packages(vizcore.__path__, "vizcore."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for record in getattr(module, "METHODS", ()):
            method = record.function
            chapter = found.name.split(".")[1]
            assert chapter in CHAPTERS, f"{found.name} has a table of methods and is in no chapter"
            assert re.match(r"[A-Z]|t-", record.title) and callable(method)
            assert record.misleads.endswith("."), f"{record.title} does not say how it can mislead"
            assert method.__name__ in importlib.import_module(f"vizcore.{chapter}").__all__, (
                f"{method.__name__} is a method and has to be public: name it in vizcore/{chapter}/__init__.py"
            )
            assert re.search(r"\b(19|20)\d\d\b", method.__doc__), f"the docstring of {method.__name__} names no paper"


FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w.])/(work|opt|root)/(?!venv/bin)|/home/\w",
    "the number of an issue": r"\bissues? #?\d+\b|(?<![\w&#])#\d{1,4}\b(?!\w)",
    "who wrote it": r"\b(the lead|helper session|language model|assistant)\b",
    "an address of a package registry": r"https?://[\w.]*(pypi|pythonhosted)[\w.]*",
}


def texts() -> list[Path]:
    """Every text the project keeps under version control."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    suffixes = {".py", ".md", ".toml", ".txt", ".js", ".css", ".html", ".json", ".yml", ".yaml", "", ".sh"}
    return [ROOT / name for name in names.stdout.splitlines() if Path(name).suffix in suffixes]


def test_the_project_speaks_of_itself_alone():
    found = texts()
    if not found:
        pytest.skip("not under version control here")
    for path in found:
        if path == Path(__file__) or not path.is_file():
            continue
        for line, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
            for what, pattern in FORBIDDEN.items():
                assert not re.search(pattern, text, re.IGNORECASE), f"{what}, in {short(path)}:{line}: {text.strip()}"
