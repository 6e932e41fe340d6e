"""The texts of `examples/support/`, read once."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.resources import resource_dir


@dataclass(frozen=True, slots=True)
class Tenant:
    id: str
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked again and again: the usual wording, and others that mean the same."""

    ask: str
    paraphrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns of the customer; `replies[n]` stands between turn n and the next."""

    turns: tuple[str, ...]
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Article:
    id: str
    title: str
    text: str
    asks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """All texts, with their slots still open."""

    tenants: tuple[Tenant, ...]
    questions: tuple[Question, ...]
    tickets: tuple[str, ...]
    conversations: tuple[Conversation, ...]
    articles: tuple[Article, ...]
    personal: tuple[str, ...]
    twins: tuple[str, ...]
    injections: tuple[str, ...]
    secrets: tuple[str, ...]
    names: tuple[str, ...]


def load_material(folder: Path | None = None) -> Material:
    """The texts of `folder`, or of the examples shipped with the package. Raises `OSError` when a file is missing."""
    folder = folder or resource_dir("examples/support")
    return Material(
        tenants=tuple(Tenant(item["id"], tuple(item["products"])) for item in _toml(folder, "tenants")),
        questions=tuple(Question(item["ask"], tuple(item["paraphrases"])) for item in _toml(folder, "questions")),
        tickets=tuple(text for item in _toml(folder, "tickets") for text in item["texts"]),
        conversations=tuple(
            Conversation(tuple(item["turns"]), tuple(item["replies"])) for item in _toml(folder, "conversations")
        ),
        articles=tuple(
            Article(item["id"], item["title"], item["text"], tuple(item["asks"])) for item in _toml(folder, "documents")
        ),
        personal=_lines(folder, "personal"),
        twins=_lines(folder, "twins"),
        injections=_lines(folder, "injections"),
        secrets=_lines(folder, "secrets"),
        names=_lines(folder, "names"),
    )


def _toml(folder: Path, name: str) -> list[dict[str, Any]]:
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))[name]


def _lines(folder: Path, name: str) -> tuple[str, ...]:
    text = (folder / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))
