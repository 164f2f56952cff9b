"""Every refusal of a service, and where its code is raised, read from the service itself."""

import ast
import importlib
import inspect
import pkgutil
from collections import defaultdict
from pathlib import Path
from types import ModuleType

from services.chassis.errors import Rejection

ROOT = Path(__file__).parents[2]


def raised_in(service: ModuleType) -> dict[str, set[str]]:
    """Give by code the files of a service that raise it; of its own refusals, raised or not."""
    name = service.__name__
    modules = [module.name for module in pkgutil.walk_packages(service.__path__, f"{name}.")]
    codes: dict[str, str] = {}
    for module in modules:
        for kind, refusal in inspect.getmembers(importlib.import_module(module), inspect.isclass):
            if issubclass(refusal, Rejection) and refusal.__module__.startswith(name):
                codes[kind] = refusal.code
    found: dict[str, set[str]] = defaultdict(set, {code: set() for code in codes.values()})
    for module in modules:
        path = importlib.import_module(module).__file__
        assert path is not None
        for node in ast.walk(ast.parse(Path(path).read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                kind = ast.unparse(node.exc.func).rpartition(".")[2]
                if kind in codes:
                    found[codes[kind]].add(Path(path).relative_to(ROOT / "services").as_posix())
    return dict(found)
