"""What analysts may ask. Pure: from the engine's own form of a statement to a refusal, or none.

Looked at is the statement as the engine writes it after reading it (`formatQuery`): one statement, without comments, names
quoted only where they must be; and exactly that is then run. So nothing hides between two ways of reading a text. What tables
and sources may be read is the engine's own matter (`access`); here stands what its grants do not cover.
"""

from collections.abc import Collection, Iterator
from itertools import pairwise

from streamguard.dev.store.access import may_set
from streamguard.dev.store.errors import ACCESS_DENIED, READONLY, EngineError
from streamguard.dev.store.statement import tokens

_READS = frozenset({"SELECT", "WITH", "(", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})
_TABLE_FUNCTIONS = frozenset(
    {
        *("format", "generaterandom", "generateseries", "generate_series", "merge", "null", "numbers", "numbers_mt"),
        *("primes", "sqlstandardvalues", "values", "view", "zeros", "zeros_mt"),
    }
)
"""Table functions that reach nothing but tables and numbers."""
_OUTSIDE = frozenset({"file", "python", "eval", "catboostevaluate"})
"""Reading files, Python's objects or statements out of strings, whatever the engine's version lists as what."""


def forbidden_functions(table_functions: Collection[str], functions: Collection[str]) -> frozenset[str]:
    """What analysts must not call, in lower case, of what an engine has: table functions that are not known here to be
    harmless, and functions that ask models."""
    tables = {name.lower() for name in table_functions} - _TABLE_FUNCTIONS
    asking = {name.lower() for name in functions if name.startswith("ai") and name[2:3].isupper()}
    return frozenset(tables | asking | _OUTSIDE)


def refuse_unless_reading(statement: str, forbidden: Collection[str]) -> None:
    """Raise `EngineError` with ClickHouse's code unless the statement, as the engine writes it, only reads the store."""
    found = [(kind, text) for kind, text in tokens(statement) if kind != "space"]
    if not found or found[0][1].upper() not in _READS:
        raise read_only()
    for (_, first), (_, second) in pairwise(found):
        if (first, second) == ("INTO", "OUTFILE"):
            raise _refusal(READONLY, "Cannot write files in readonly mode")
    for name in _called(found):
        if name.lower() in forbidden:
            raise _refusal(ACCESS_DENIED, f"Not enough privileges: {name} is not for reading the store")
    for name in _set(found):
        if not may_set(name):
            raise cannot_set(name)


def read_only() -> EngineError:
    """The refusal of whatever is no question."""
    return _refusal(READONLY, "Cannot execute query in readonly mode")


def cannot_set(name: str) -> EngineError:
    """The refusal of a setting that analysts may not change."""
    return _refusal(READONLY, f"Cannot modify '{name}' setting in readonly mode")


def _called(found: list[tuple[str, str]]) -> Iterator[str]:
    """Names before a bracket, and those that `APPLY` calls without one."""
    for (_, before), (kind, text), (_, after) in zip([("", ""), *found], found, [*found[1:], ("", "")], strict=False):
        if (kind == "word" or text[:1] in '`"') and (after == "(" or before == "APPLY"):
            yield text.strip('`"')


def _set(found: list[tuple[str, str]]) -> Iterator[str]:
    """The names in `SETTINGS name = value, …`, wherever such a list stands."""
    begins = [text for _, text in found[:3]]
    position = 3 if begins[:2] == ["SHOW", "SETTINGS"] or begins == ["SHOW", "CHANGED", "SETTINGS"] else 0
    while position < len(found):
        if found[position][1] != "SETTINGS":
            position += 1
            continue
        position += 1
        while position < len(found) and found[position][0] in ("word", "quoted"):
            yield found[position][1].strip('`"')
            position = _past_value(found, position + 1)
            if position >= len(found) or found[position][1] != ",":
                break
            position += 1


def _past_value(found: list[tuple[str, str]], position: int) -> int:
    """Where a setting's value ends: at the next comma or bracket outside of its own brackets, or at the next clause."""
    depth = 0
    while position < len(found):
        text = found[position][1]
        if depth == 0 and text in (",", ")", "FORMAT", "UNION", "INTO"):
            return position
        depth += (text in "([{") - (text in ")]}")
        position += 1
    return position


def _refusal(code: int, words: str) -> EngineError:
    name = "READONLY" if code == READONLY else "ACCESS_DENIED"
    return EngineError(code, f"Code: {code}. DB::Exception: {words}. ({name})")
