# SPDX-License-Identifier: MIT OR Apache-2.0
"""The package as a register gets it: built as a wheel, installed where nothing else is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import unittest
import venv
import zipfile
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_USE = """
import payhal, payhal.proofs
assert payhal.__file__.startswith(%r), payhal.__file__
print(payhal.proofs.number_of(bytes(32)), len(payhal.proofs.P256().shared_with(payhal.proofs.P256().public_key)))
"""


def _run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd="/", check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


class Wheel(unittest.TestCase):
    def test_it_is_built_installed_and_imported(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source = folder / "source"
            # A copy: building writes beside the sources.
            shutil.copytree(_PACKAGE, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info"))
            pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
            _run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, source)
            (wheel,) = folder.glob("payhal-*.whl")
            with zipfile.ZipFile(wheel) as held:
                names = held.namelist()
            self.assertIn("payhal/py.typed", names)
            self.assertEqual([name for name in names if name.startswith(("tests", "examples"))], [])
            venv.create(folder / "empty", with_pip=False)
            python = folder / "empty" / "bin" / "python"
            _run(*pip, "--python", python, "install", wheel)
            said = _run(python, "-I", "-c", _USE % str(folder))
            self.assertRegex(said, r"^\d{6} 32$")


if __name__ == "__main__":
    unittest.main()
