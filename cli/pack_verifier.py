"""The one file that proves a pack on a machine without our code, put together from its parts.

`python -m cli.pack_verifier` writes it: the same bytes as in every pack that this version made.
"""

import ast
import sys
from pathlib import Path
from typing import Final

PARTS: Final = ("records", "signatures", "folder", "chains", "verify")
FOLDER: Final = Path(__file__).parent / "pack"
SHEBANG: Final = "#!/usr/bin/env python3\n"


def verifier() -> str:
    """Give verify.py: the last part's docstring, everybody's imports, then each part's own code."""
    imports: set[str] = set()
    bodies: list[str] = []
    docstring = ""
    for part in PARTS:
        source = (FOLDER / f"{part}.py").read_text(encoding="utf-8")
        tree = ast.parse(source)
        docstring = f'"""{ast.get_docstring(tree, clean=False)}"""\n'
        dropped: set[int] = set()
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                dropped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
                imports |= _imported(node)
        first = tree.body[0].end_lineno or 1
        lines = source.splitlines()
        kept = [line for no, line in enumerate(lines, 1) if no > first and no not in dropped]
        bodies.append(f"# --- {part}\n\n" + "\n".join(kept).strip() + "\n")
    head = "from __future__ import annotations\n\n" + "".join(
        f"{line}\n" for line in sorted(imports)
    )
    return SHEBANG + docstring + "\n" + head + "\n" + "\n\n".join(bodies)


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Give the imports of the standard library, one a line."""
    if isinstance(node, ast.Import):
        return {f"import {name.name}" for name in node.names}
    module = node.module or ""
    if module == "__future__" or module.startswith("cli."):
        return set()
    return {f"from {module} import {name.name}" for name in node.names}


if __name__ == "__main__":
    sys.stdout.write(verifier())
