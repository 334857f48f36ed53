"""The direction of the house: models imports neither training nor serving, and these two never import each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {"models": {"training", "serving"}, "training": {"serving"}, "serving": {"training"}}


def imported_packages(source: str) -> set[str]:
    """Top-level names that a module imports, anywhere in it (inside functions and `if TYPE_CHECKING` too)."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "importlib.import_module"):
            names |= {str(arg.value).split(".")[0] for arg in node.args if isinstance(arg, ast.Constant)}
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_imports_only_what_its_layer_allows(package: str) -> None:
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    broken = {
        str(module.relative_to(ROOT)): found
        for module in modules
        if (found := imported_packages(module.read_text("utf-8")) & FORBIDDEN[package])
    }
    assert broken == {}


def test_the_layer_check_sees_imports_inside_functions() -> None:
    assert imported_packages("def f():\n    from serving.gate import Gate\n") == {"serving"}
    assert imported_packages("import importlib\nimportlib.import_module('training.run')\n") == {"importlib", "training"}


def test_no_pickle_in_our_code() -> None:
    pickling = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
    users = [
        str(module.relative_to(ROOT))
        for package in FORBIDDEN
        for module in (ROOT / package).rglob("*.py")
        if imported_packages(module.read_text("utf-8")) & pickling
    ]
    assert users == []


# Who may know on which days feasts fall: the simulator, whose households give, and the calendar of organisations.
KNOWS_FEASTS = {"models/feasts.py", "training/simulation/giving.py", "serving/contact/giving.py"}


def imported_modules(source: str) -> set[str]:
    """Full names of modules that a module imports, each name of `from package import name` too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def importers_of(prefixes: tuple[str, ...]) -> set[str]:
    return {
        str(module.relative_to(ROOT))
        for package in FORBIDDEN
        for module in (ROOT / package).rglob("*.py")
        if any(name.startswith(prefixes) for name in imported_modules(module.read_text("utf-8")))
    }


def test_no_feature_and_no_event_meets_a_feast() -> None:
    assert importers_of(("models.feasts",)) == KNOWS_FEASTS - {"models/feasts.py"}


# The page on which contact colleagues, and nobody else, use the giving calendar.
CALENDAR_PAGE = "serving/pages/contact_calendar.py"


def test_giving_of_organisations_never_leaves_the_contact_desk() -> None:
    calendar = ("serving.contact.giving", "serving.contact.peaks", "serving.contact.organisations")
    others = {name for name in importers_of(calendar) if not name.startswith("serving/contact/")}
    assert others == {CALENDAR_PAGE}


def test_accounts_of_organisations_never_meet_the_model() -> None:
    model = ("models.features", "models.classifier", "models.detection", "models.events", "models.release")
    named = importers_of(model)
    assert not {name for name in named if name.startswith("serving/contact/") or name == CALENDAR_PAGE}
    assert "serving/opening.py" in named  # the check sees who does


def test_the_module_check_sees_both_forms_of_import() -> None:
    assert "models.feasts" in imported_modules("from models import feasts")
    assert "models.feasts" in imported_modules("import models.feasts")
