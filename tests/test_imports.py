"""Who may import whom: DESIGN section 3, read from the imports themselves."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "trenza"
# From the top of the house down. A room may import itself, rooms of its own floor, and rooms below.
FLOORS = (
    {"cli"},
    {"serve"},
    {"evaluate", "guard", "align"},
    {"data", "systems", "checkpoints"},
    {"bridges", "towers"},
    {"layers"},
    {"conversation", "messages"},
    {"signals"},
    {"errors", "cache"},
)
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
# Judges know models from outside only, and data knows no model at all.
FORBIDDEN = {
    "evaluate": {"systems", "towers", "layers", "bridges", "checkpoints", "align"},
    "guard": {"systems", "towers", "layers", "bridges", "checkpoints", "align"},
    "data": {"systems", "towers", "layers", "bridges", "checkpoints"},
}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(source: str) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {m.split(".")[1] for m in modules if m.startswith("trenza.")}


def violations(room: str, source: str) -> list[str]:
    return [
        f"{room} imports {other}"
        for other in sorted(imported_rooms(source) - {room})
        if FLOOR[other] < FLOOR[room] or other in FORBIDDEN.get(room, set())
    ]


FILES = [p for p in sorted(ROOT.rglob("*.py")) if p != ROOT / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path):
    assert room_of(path) in FLOOR, f"{path} stands in no room of DESIGN section 3"
    assert violations(room_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("layers", "from trenza.towers.language import LanguageModel"),
        ("evaluate", "import trenza.systems.load"),
        ("data", "from trenza.checkpoints import parts"),
        ("signals", "from trenza import conversation"),
    ],
)
def test_the_check_sees_a_planted_violation(room, line):
    assert violations(room, line) != []


def test_no_file_outgrows_a_reader():
    long = [(str(p), n) for p in FILES if (n := len(p.read_text().splitlines())) > 310]
    assert long == []
