"""Type-check every Python block of the README and of the documentation: `python tests/type_check_docs.py`.

The blocks of a page, in their order, are one program, at the lines that they have in the page. Blocks need no
annotations; what they pass and use must be right all the same.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python( title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
GIVEN = "callback_url: str = ''  # the tests log a user in\n"
OPTIONS = (
    "--config-file=",
    "--ignore-missing-imports",
    "--check-untyped-defs",
    "--allow-redefinition",
    "--disable-error-code=no-redef",  # a page says the same thing in several ways
    "--disable-error-code=assignment",  # idem
    "--disable-error-code=union-attr",  # a login with `openid` has its ID Token
    "--disable-error-code=var-annotated",  # an empty dict says enough to a reader
)


def programs(page: Path) -> dict[str, str]:
    """Return the programs of a page, by file name; blocks with a title are files of their own."""
    text = page.read_text("utf-8")
    name = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix("")))
    found: dict[str, list[str]] = {}
    for block in BLOCK.finditer(text):
        key = f"{name}/{block[2] or 'page.py'}"
        lines = found.setdefault(key, [] if block[2] else [GIVEN])
        lines.append("\n" * (text.count("\n", 0, block.start(3)) - "".join(lines).count("\n")) + block[3])
    return {key: "".join(lines) for key, lines in found.items()}


def main() -> int:
    """Write the programs, check them at once, and name the pages in what mypy says."""
    with tempfile.TemporaryDirectory() as folder:
        names: dict[str, Path] = {}
        for page in PAGES:
            for key, program in programs(page).items():
                target = Path(folder) / key.replace("/", "__")
                target.write_text(program, "utf-8")
                names[target.name] = page.relative_to(ROOT)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *OPTIONS, *names],
            cwd=folder,
            env={**os.environ, "MYPYPATH": f"{ROOT}:{folder}"},
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        for name, page in names.items():
            output = output.replace(f"{name}:", f"{page}:")
        sys.stdout.write(output)
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
