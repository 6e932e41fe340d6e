"""Mending JSON: how often what was meant comes back, and how long hostile text takes: `python -m benchmarks.json_mending`.

Objects of a support answer's shape are damaged in one way each, as models damage them, and mended by `answers.mending` and by
json-repair; `right` is the share that comes back equal to what it was.
"""

import argparse
import random
import time
from collections.abc import Callable
from typing import cast

import orjson
from json_repair import repair_json
from pydantic import JsonValue

from streamguard.answers.extraction import find_json

_WORDS = [
    "order",
    "refund",
    "parcel",
    "it's",
    "late",
    "“soon”",
    "invoice",
    "(new)",
    "12.50",
    "EUR,",
    "and:",
    "more",
    "https://help.example/a?b=c",
    "the",
    "customer's",
]
_HOSTILE = ("{'", "\\,1]{", ']"\\{"', '1"', "{1}")


def document(dice: random.Random) -> dict[str, JsonValue]:
    """An answer as services ask for it."""

    def text() -> str:
        return " ".join(dice.choices(_WORDS, k=dice.randint(3, 25)))

    return {
        "category": dice.choice(["billing", "delivery"]),
        "urgent": dice.random() < 0.5,
        "note": None,
        "answer": text(),
        "steps": [{"title": text(), "minutes": dice.randint(1, 90)} for _ in range(dice.randint(1, 4))],
    }


def _quotes(value: JsonValue, dice: random.Random) -> str:
    return repr(value)  # Python's own form: single quotes, True, None


def _trailing_commas(value: JsonValue, dice: random.Random) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode().replace("\n}", ",\n}").replace("\n  ]", ",\n  ]")


def _missing_comma(value: JsonValue, dice: random.Random) -> str:
    lines = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode().split("\n")
    place = dice.choice([number for number, line in enumerate(lines) if line.endswith(",")])
    lines[place] = lines[place][:-1]
    return "\n".join(lines)


def _raw_line_breaks(value: JsonValue, dice: random.Random) -> str:
    return orjson.dumps(value).decode().replace(" and: ", "\n").replace("and: ", "\n")


def _bare_keys(value: JsonValue, dice: random.Random) -> str:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    for key in ("category", "urgent", "note", "answer", "steps", "title", "minutes"):
        text = text.replace(f'"{key}":', f"{key}:")
    return text


def _inner_quotes(value: JsonValue, dice: random.Random) -> str:
    return orjson.dumps(value).decode().replace("(new)", '"new" one')


def _no_last_bracket(value: JsonValue, dice: random.Random) -> str:
    return orjson.dumps(value).decode()[:-1]


_DAMAGES: dict[str, Callable[[JsonValue, random.Random], str]] = {
    "Python's form": _quotes,
    "trailing commas": _trailing_commas,
    "a missing comma": _missing_comma,
    "raw line breaks": _raw_line_breaks,
    "bare keys": _bare_keys,
    "inner quotes": _inner_quotes,
    "no last bracket": _no_last_bracket,
}


def by_us(text: str) -> object:
    """Mended by streamguard."""
    found = find_json(text, "{")
    return found.value if found else None


def by_json_repair(text: str) -> object:
    """Mended by json-repair."""
    try:
        return cast("object", repair_json(text, return_objects=True))
    except (ValueError, RecursionError):
        return None


def meant(name: str, value: JsonValue) -> JsonValue:
    """What a damaged document should come back as: two damages change the text itself."""
    text = orjson.dumps(value).decode()
    if name == "raw line breaks":
        text = text.replace(" and: ", "\\n").replace("and: ", "\\n")
    if name == "inner quotes":
        text = text.replace("(new)", '\\"new\\" one')
    return cast("JsonValue", orjson.loads(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=300, help="a kind of damage")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    ways = {"streamguard": by_us, "json-repair": by_json_repair}
    right: dict[str, dict[str, float]] = {}
    micros: dict[str, float] = dict.fromkeys(ways, 0.0)
    for name, damage in _DAMAGES.items():
        dice = random.Random(7)
        documents = [document(dice) for _ in range(given.documents)]
        texts = [damage(value, dice) for value in documents]
        right[name] = {}
        for way, mend in ways.items():
            began = time.process_time()
            mended = [mend(text) for text in texts]
            micros[way] += (time.process_time() - began) * 1e6
            pairs = zip(documents, mended, strict=True)
            right[name][way] = sum(got == meant(name, value) for value, got in pairs) / len(documents)
    hostile: dict[str, dict[str, float]] = {}
    for unit in _HOSTILE:
        text = "{" + unit * (2000 // len(unit))
        hostile[unit] = {}
        for way, mend in ways.items():
            began = time.process_time()
            mend(text)
            hostile[unit][way] = round((time.process_time() - began) * 1e3, 2)
    mean = {way: round(spent / len(_DAMAGES) / given.documents, 1) for way, spent in micros.items()}
    result = {"right": right, "mean_us": mean, "hostile_2000_characters_ms": hostile}
    print(orjson.dumps(result, option=0 if given.json else orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
