"""Reads a Dockerfile, and carries its first stage out in a directory, as far as that goes without containers."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """One of them: `RUN`, and what follows it on its (joined) line."""

    word: str
    rest: str


@dataclass(slots=True)
class Stage:
    """From one FROM to the next."""

    image: str
    name: str
    steps: list[Instruction] = field(default_factory=list[Instruction])

    def of(self, word: str) -> list[str]:
        """What follows the instructions of that name, in their order."""
        return [step.rest for step in self.steps if step.word == word]

    def copied(self) -> list[tuple[list[str], str]]:
        """Sources and target of each COPY from the build's own files."""
        parts = [shlex.split(rest) for rest in self.of("COPY")]
        return [(part[:-1], part[-1]) for part in parts if not part[0].startswith("--from=")]


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile. Raises `ValueError` for an instruction before the first of them."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            found.append(Stage(image, name))
        elif not found:
            raise ValueError(f"{word} before any FROM")
        else:
            found[-1].steps.append(Instruction(word, " ".join(rest.split())))
    return found


def sent(ignore: str, path: str) -> bool:
    """Whether a `.dockerignore` of `*` and exceptions lets `path` through to the builder."""
    kept = [line[1:] for line in ignore.splitlines() if line.startswith("!")]
    return "*" in ignore.splitlines() and any(path == name or path.startswith(f"{name}/") for name in kept)


class BuiltHere:
    """A stage carried out below `root`: its /opt and its WORKDIR lie there, and commands run without a shell.

    Only what COPY names is there. `ENV` is left out, it is about the builder's own machine; and nothing is compiled to bytecode.
    """

    def __init__(self, root: Path, context: Path) -> None:
        self.root, self._context = root, context
        self._place = root
        kept = {"PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE"}
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name in kept or name.startswith(("PIP_", "HTTP", "http"))
        } | {"PIP_COMPILE": "0"}  # half of pip's time, and only what is imported matters here

    def carry_out(self, stage: Stage) -> None:
        """Every WORKDIR, COPY and RUN in order. Raises `AssertionError` with what a command printed when it fails."""
        for step in stage.steps:
            if step.word == "WORKDIR":
                self._place = self.root / step.rest.lstrip("/")
                self._place.mkdir(parents=True)
            elif step.word == "COPY":
                *sources, target = shlex.split(step.rest)
                self._copy(sources, target)
            elif step.word == "RUN":
                self.run(shlex.split(step.rest))
        self._place = self.root / "elsewhere"  # so that Python finds what was installed, not what was copied
        self._place.mkdir()

    def run(self, command: Sequence[str], **variables: str) -> str:
        """What the command printed. The first word `python` is this interpreter without its virtual environment."""
        words = [word.replace("/opt/", f"{self.root}/opt/") if word.startswith("/opt/") else word for word in command]
        if words[0] == "python":
            words[0] = str(Path(sys.base_prefix) / "bin" / "python3.11")
        done = subprocess.run(
            words, cwd=self._place, env=self.environment | variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def _copy(self, sources: Sequence[str], target: str) -> None:
        for source in sources:
            found, to = self._context / source, self._place / target
            if found.is_dir():
                shutil.copytree(found, to, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                to = to / found.name if target.endswith("/") else to
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, to)
