"""The flow as a picture, `docs/flow.svg`: stages are boxes, topics are pipes, drawn from `FLOW` and `topics/*.toml`.

Topics that lead from one stage to the next lie between their boxes; all others are pipes across, and a line from each stage meets
them: a dot where it writes, a ring where it reads. Colours follow the reader's light or dark scheme.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from streamguard.resources import resource_dir
from streamguard.stream.flow import FLOW
from streamguard.stream.topics import Topic, Topics

_BOX, _PIPE, _GAP = 84, 116, 14  # widths, in pixels
_HIGH, _LANE = 34, 44  # of a box; from one lane to the next
_BUS, _BUS_STEP = 22, 30
_LEFT, _TOP, _RIGHT = 24, 62, 120
_BETWEEN = 34  # from a row of boxes to the pipes across
_OUTSIDE = ("services", "operators")

_FONT = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
  .small { font-size: 11px; } .stage { font-weight: 600; }
  .line { stroke-width: 1.5; fill: none; } .ring { stroke-width: 2; } .store { fill: none; stroke-dasharray: 4 3; }"""
_COLOURS = """
  text { fill: %(ink)s; } .small { fill: %(faint)s; } .stage { fill: %(on_box)s; }
  .box { fill: %(box)s; } .pipe { fill: %(pipe)s; stroke: %(edge)s; }
  .line, .store { stroke: %(line)s; } .dot, .arrow { fill: %(line)s; }
  .ring { fill: %(paper)s; stroke: %(line)s; }"""
_LIGHT = {
    "ink": "#1f2933", "faint": "#52606d", "paper": "#ffffff", "box": "#1d4e89", "on_box": "#ffffff", "pipe": "#e4ecf5",
    "edge": "#9fb3c8", "line": "#486581",
}  # fmt: skip
_DARK = {
    "ink": "#e6edf3", "faint": "#9fb3c8", "paper": "#0d1117", "box": "#4c8fd6", "on_box": "#0d1117", "pipe": "#1b2733",
    "edge": "#486581", "line": "#9fb3c8",
}  # fmt: skip
# colours as they are, not as variables: what draws pictures elsewhere than in a browser knows only these
_STYLE = f"{_FONT}{_COLOURS % _LIGHT}\n  @media (prefers-color-scheme: dark) {{{_COLOURS % _DARK}\n  }}\n"


@dataclass(frozen=True, slots=True)
class _Stage:
    """A box. `intakes` are what it is made of: those that read one lane each stand below one another."""

    name: str
    intakes: Sequence[str]
    sources: Sequence[str]


def picture() -> bytes:
    """The SVG file."""
    topics = {topic.name: topic for topic in Topics.load(folder=resource_dir("topics"))}
    return _Drawing(topics).drawn().encode()


class _Drawing:
    def __init__(self, topics: Mapping[str, Topic]) -> None:
        self._topics = topics
        self._upper, self._lower = _rows()
        inline = [name for stage in (*self._upper, *self._lower) for name in stage.sources]
        self._across = _in_order([name for name in topics if name not in inline], self._upper, topics)
        self._x: dict[str, int] = {}
        columns = len(self._upper)
        self._width = _LEFT + columns * (_PIPE + _BOX + 2 * _GAP) + _RIGHT
        self._lanes = max(len(stage.sources) for stage in self._upper)
        self._first_bus = _TOP + _HIGH + (self._lanes - 1) * _LANE + _BETWEEN
        self._bottom = self._first_bus + len(self._across) * _BUS_STEP + _BETWEEN - 8
        self._height = self._bottom + _LANE + _HIGH + 22

    def drawn(self) -> str:
        parts = [
            *self._buses(),
            *self._row(self._upper, _TOP, _LEFT),
            *self._row(self._lower, self._bottom, _LEFT + 2 * (_PIPE + _BOX + 2 * _GAP) + _BOX // 2),
            *self._around(),
            *self._crossings(),
            *self._legend(),
        ]
        body = "\n".join(parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width} {self._height}" width="{self._width}" '
            f'height="{self._height}" role="img" aria-label="The flow of streamguard: stages and topics">\n'
            f"<title>The flow of streamguard</title>\n<style>{_STYLE}</style>\n{body}\n</svg>\n"
        )

    def _row(self, stages: Sequence[_Stage], top: int, left: int) -> Iterator[str]:
        """The boxes of a row, each with the pipes that it reads on its left."""
        x = left
        for stage in stages:
            for lane, name in enumerate(stage.sources):
                y = top + lane * _LANE
                first = top + _HIGH // 2
                if x == left:
                    yield _arrow(x - _LEFT + 6, x, y + _HIGH // 2)
                else:
                    yield _elbow(x - _GAP, x, first, first + lane * _LANE)
                yield _pipe(x, y + (_HIGH - _BUS) // 2, _PIPE, name, self._topics[name].description)
                into = lane if lane < len(stage.intakes) else 0
                yield _elbow(x + _PIPE, x + _PIPE + _GAP, first + lane * _LANE, first + into * _LANE)
            x += _PIPE + _GAP if stage.sources else 0
            for lane, intake in enumerate(stage.intakes):
                yield _box(x, top + lane * _LANE, intake)
                if lane:  # what it writes goes on where the first lane's does
                    yield _elbow(x + _BOX, x + _BOX + _GAP, top + lane * _LANE + _HIGH // 2, top + _HIGH // 2)
            self._x[stage.name] = x + _BOX // 2
            x += _BOX + _GAP

    def _buses(self) -> Iterator[str]:
        for number, name in enumerate(self._across):
            topic, y = self._topics[name], self._first_bus + number * _BUS_STEP
            width = self._width - _RIGHT - _LEFT
            yield _pipe(_LEFT, y, width, name, topic.description, at_left=True)
            if said := self._outside(topic):
                yield f'<text class="small" x="{_LEFT + width + 8}" y="{y + 15}">{escape(said)}</text>'

    @staticmethod
    def _outside(topic: Topic) -> str:
        """Who else writes and reads a topic."""
        writers, readers = ([who for who in side if who in _OUTSIDE] for side in (topic.written_by, topic.read_by))
        if writers == readers:
            return ", ".join(writers)
        return " ".join((*(f"◂ {who}" for who in writers), *(f"▸ {who}" for who in readers)))

    def _around(self) -> Iterator[str]:
        """What a stage sends past its neighbour, and what leaves the picture."""
        for number, stage in enumerate(self._upper):
            following = self._upper[number + 1].sources if number + 1 < len(self._upper) else ()
            for other in self._upper:
                wanted = [name for name in other.sources if set(self._topics[name].written_by) & set(stage.intakes)]
                if wanted and other.sources != following:
                    yield self._arc(self._x[stage.name], self._x[other.name] - _BOX // 2 - _GAP - _PIPE // 2)
        yield f'<text class="small" x="2" y="{_TOP - 8}">services</text>'
        end = self._x["sink"] + _BOX // 2
        y = self._bottom + _HIGH // 2
        yield _arrow(end, end + _GAP + 8, y)
        yield f'<rect class="store" x="{end + _GAP + 8}" y="{self._bottom}" width="{_BOX}" height="{_HIGH}" rx="6"/>'
        yield f'<text x="{end + _GAP + 8 + _BOX // 2}" y="{y + 4}" text-anchor="middle">ClickHouse</text>'

    @staticmethod
    def _arc(start: int, end: int) -> str:
        """A line from the top of a box to the top of a pipe."""
        up, inset = _TOP - 22, _TOP + (_HIGH - _BUS) // 2
        offset = 10 if end > start else -10
        return (
            f'<path class="line" d="M{start + offset} {_TOP} V{up} H{end} V{inset - 6}"/>'
            f'<path class="arrow" d="M{end - 4} {inset - 7} h8 l-4 7 z"/>'
        )

    def _crossings(self) -> Iterator[str]:
        """The line of each stage across the pipes, with what it does there."""
        for stage in (*self._upper, *self._lower):
            marks: list[tuple[int, str]] = []
            for number, name in enumerate(self._across):
                topic, y = self._topics[name], self._first_bus + number * _BUS_STEP + _BUS // 2
                sides = (topic.written_by, "dot"), (topic.read_by, "ring")
                if does := [mark for names, mark in sides if set(names) & set(stage.intakes)]:
                    marks.append((y, " ".join(does)))
            if not marks:
                continue
            x = self._x[stage.name]
            upper = stage in self._upper
            start = _TOP + _HIGH + (len(stage.intakes) - 1) * _LANE if upper else self._bottom
            yield f'<path class="line" d="M{x} {start} V{marks[-1][0] if upper else marks[0][0]}"/>'
            yield from (_mark(x, y, does) for y, does in marks)

    def _legend(self) -> Iterator[str]:
        x, y = _LEFT + 5, self._bottom + _HIGH // 2
        for does, said in (("dot", "writes"), ("ring", "reads"), ("dot ring", "both")):
            yield _mark(x, y, does)
            yield f'<text class="small" x="{x + 11}" y="{y + 4}">{said}</text>'
            x += 66


def _rows() -> tuple[list[_Stage], list[_Stage]]:
    """The stages up to the one that ends requests, and those that book how they ended; with the pipes between them."""
    upper: dict[str, _Stage] = {}
    for name, route in FLOW.items():
        if route.source != "outcomes":
            known = upper.get(route.stage)
            before = known or _Stage(route.stage, (), ())
            upper[route.stage] = _Stage(route.stage, (*before.intakes, name), (*before.sources, route.source))
    booked = ("telemetry", "payloads")
    return list(upper.values()), [_Stage("settle", ("settle",), ()), _Stage("sink", ("sink",), booked)]


def _in_order(names: Sequence[str], upper: Sequence[_Stage], topics: Mapping[str, Topic]) -> list[str]:
    """The pipes across: what the upper stages alone use above what they share with the lower ones, and operators' own last."""
    above = {intake for stage in upper for intake in stage.intakes} | {"services"}

    def place(name: str) -> tuple[int, int, str]:
        users = {*topics[name].written_by, *topics[name].read_by}
        if users <= {"operators"}:
            return 3, 0, name
        return (2 if "operators" in users else 0 if users <= above else 1), len(users), name

    return sorted(names, key=place)


def _pipe(x: int, y: int, width: int, name: str, meaning: str, *, at_left: bool = False) -> str:
    place = f'x="{x + 12}"' if at_left else f'x="{x + width // 2}" text-anchor="middle"'
    return (
        f'<g><title>{escape(meaning)}</title><rect class="pipe" x="{x}" y="{y}" width="{width}" height="{_BUS}" '
        f'rx="{_BUS // 2}"/><text {place} y="{y + 15}">{escape(name)}</text></g>'
    )


def _box(x: int, y: int, name: str) -> str:
    return (
        f'<rect class="box" x="{x}" y="{y}" width="{_BOX}" height="{_HIGH}" rx="6"/>'
        f'<text class="stage" x="{x + _BOX // 2}" y="{y + _HIGH // 2 + 4}" text-anchor="middle">'
        f"{escape(name.replace('_', ' '))}</text>"
    )


def _mark(x: int, y: int, does: str) -> str:
    """A dot, a ring, or a dot within a ring."""
    ring = f'<circle class="ring" cx="{x}" cy="{y}" r="{6 if does == "dot ring" else 4.5}"/>' if "ring" in does else ""
    return ring + (f'<circle class="dot" cx="{x}" cy="{y}" r="{3 if ring else 4.5}"/>' if "dot" in does else "")


def _elbow(start: int, end: int, y: int, to: int) -> str:
    """From one height to another, halfway; an arrow where it goes straight on or begins at another's line."""
    if y == to:
        return _arrow(start, end, y)
    middle = (start + end) // 2
    if to < y:  # joins the line above it
        return f'<path class="line" d="M{start} {y} H{middle} V{to}"/>'
    return f'<path class="line" d="M{middle} {y} V{to} H{end - 5}"/>' + _head(end, to)


def _head(end: int, y: int) -> str:
    return f'<path class="arrow" d="M{end - 6} {y - 4} v8 l6 -4 z"/>'


def _arrow(start: int, end: int, y: int) -> str:
    return f'<path class="line" d="M{start} {y} H{end - 5}"/>' + _head(end, y)
