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


def test_actions_are_pinned_by_commit_and_tools_by_hash():
    workflow = (ROOT / ".github" / "workflows" / "wheels.yml").read_text(encoding="utf-8")
    actions = re.findall(r"uses: *(\S+)", workflow)
    assert actions
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in actions)
    assert re.findall(r"pip install (.*)", workflow) == [
        "--require-hashes -r .github/wheels/requirements.txt"
    ] * workflow.count("pip install")
    tools = (ROOT / ".github" / "wheels" / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==\S+.*\n +--hash=sha256:", tools, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^\w", tools, re.MULTILINE)) > 0
