"""The deployment's files as tests read them."""

import importlib
import os
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def read(path: str) -> Any:
    """A YAML file below the project's root."""
    return yaml.safe_load((ROOT / path).read_text())


def services() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml."""
    return read("docker-compose.yml")["services"]


def ours() -> dict[str, dict[str, Any]]:
    """Those of them that run streamguard."""
    return {name: service for name, service in services().items() if service["image"].startswith("streamguard:")}


def needed(module: str, package: str) -> ModuleType:
    """A module of a development package. Where it is not installed the test is skipped; in CI (`CI=true`) it fails."""
    if find_spec(module) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs {package}")
        pytest.skip(f"{package} is not installed")
    return importlib.import_module(module)
