"""The deployment's files as tests read them."""

from pathlib import Path
from typing import Any

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
