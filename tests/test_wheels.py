"""Wheels are built for every platform and Python that the package supports."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLATFORMS = {
    "linux-x86_64",
    "linux-aarch64",
    "macos-x86_64",
    "macos-arm64",
    "windows-x86_64",
}


def test_workflow_and_configuration_name_all_of_them():
    with open(ROOT / "pyproject.toml", "rb") as file:
        settings = tomllib.load(file)["tool"]["cibuildwheel"]
    assert settings["build"] == [f"cp3{minor}-*" for minor in ("11", "12", "13", "14", "14t")]
    assert "skip" not in settings
    # On Linux each runner builds for its own processor, with glibc and with musl.
    assert settings["linux"] == {"archs": ["auto64"]}
    workflow = (ROOT / ".github" / "workflows" / "wheels.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"{ platform: ([\w-]+),", workflow)) == PLATFORMS
