"""Declaring a feature set in words: of a TOML file, of the command line, or of a Pandera model.

```toml
inputs = ["bars/1m"]
ttl = "2h"
owner = "research"

[columns]
rsi = { type = "float64", ge = 0, le = 100 }
regime = { type = "text", isin = ["calm", "wild"], nullable = true }
embedding = "float32[16]"
```
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from schemas.assets import canonical
from schemas.columns import Column, Rule, parse_type
from schemas.features import KEYS, FeatureSet, Serving, length_us

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.columns import RuleKind

_FORM = "A set is declared by its columns, as docs/features.md shows."
_BOUNDS: dict[str, RuleKind] = {"ge": "at_least", "le": "at_most"}
_TEXTS, _WHOLE = ("text", "category"), ("int64", "int32", "int8")
_COLUMN_WORDS = ("type", "unit", "nullable", "description", "ge", "le", "isin")

_WORDS = ("columns", "inputs", "ttl", "delay", "stamp", "lookback", "keys", "owner", "description")


def feature_set(name: str, version: str, words: Mapping[str, Any], where: str = "") -> FeatureSet:
    """Return the version of a set that words declare.

    Args:
        name: The set's name.
        version: The version.
        words: `columns`, by name; `inputs`, `keys` as lists; `ttl`, `delay` and `lookback` as lengths of time;
            `stamp`, `owner`, `description`.
        where: Where they stand, for what is said of them.

    Raises:
        LakeError: USAGE when they declare no set.
    """
    _refuse_unknown(words, _WORDS, where)
    columns, rules = _columns(words.get("columns"), where)
    owner, description = (str(words.get(word, "")) for word in ("owner", "description"))
    try:
        ttl = None if words.get("ttl") in (None, "") else length_us(str(words["ttl"]))
        serving = Serving(
            tuple(_texts(words, "keys", where)) if "keys" in words else KEYS,
            ttl,
            length_us(str(words.get("delay", "0s"))),
            words.get("stamp", "open"),
            length_us(str(words.get("lookback", "0s"))),
        )
        inputs = tuple(dict.fromkeys(canonical(key) for key in _texts(words, "inputs", where)))
        return FeatureSet(name, version, columns, rules, inputs, serving, owner, description)
    except ValueError as error:
        raise _refused(str(error), where) from None


def _columns(given: object, where: str) -> tuple[tuple[Column, ...], tuple[Rule, ...]]:
    if not isinstance(given, dict) or not given:
        raise _refused("no columns are declared", where)
    columns: list[Column] = []
    rules: list[Rule] = []
    for name, said in given.items():
        if not isinstance(name, str):
            raise _refused(f"a column is called by a text, not {name!r}", where)
        words = {"type": said} if isinstance(said, str) else said
        if not isinstance(words, dict):
            raise _refused(f"{name}: a column is a type, or a table with one, not {said!r}", where)
        _refuse_unknown(words, _COLUMN_WORDS, where, f"{name}: ")
        try:
            type_, length = parse_type(str(words.get("type", "")))
        except ValueError as error:
            raise _refused(f"{name}: {error}", where) from None
        nullable = words.get("nullable", False)
        if not isinstance(nullable, bool):
            raise _refused(f"{name}: nullable is true or false, not {nullable!r}", where)
        told = {word: str(words.get(word, "")) for word in ("unit", "description")}
        columns.append(Column(name, type_, nullable=nullable, length=length, **told))
        rules += _rules(columns[-1], words, where)
    return tuple(columns), tuple(rules)


def _rules(column: Column, words: Mapping[str, Any], where: str) -> list[Rule]:
    name, found = column.name, list[Rule]()
    for word, kind in _BOUNDS.items():
        bound = words.get(word)
        if bound is None:
            continue
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise _refused(f"{name}: {word} is a number, not {bound!r}", where)
        try:
            column.as_held(bound)
        except ValueError as error:
            raise _refused(str(error), where) from None
        found.append(Rule(kind, "bad_value", (name,), bound=bound))
    if len(found) == len(_BOUNDS) and words["ge"] > words["le"]:
        raise _refused(f"{name}: nothing is at least {words['ge']} and at most {words['le']}", where)
    if "isin" in words:
        values = words["isin"]
        texts = isinstance(values, list | tuple) and all(isinstance(each, str) for each in values)
        numbers = isinstance(values, list | tuple) and all(type(each) is int for each in values)
        if not values or not (texts or numbers):
            raise _refused(f"{name}: isin is a list of texts, or of whole numbers, not {values!r}", where)
        if column.length is not None or column.type not in (_TEXTS if texts else _WHOLE):
            raise _refused(f"{name}: {column.spelled} is none of {', '.join(map(str, values))}", where)
        found.append(Rule("one_of", "bad_value", (name,), values=tuple(values)))
    return found


def _texts(words: Mapping[str, Any], word: str, where: str) -> Sequence[str]:
    given = words.get(word, [])
    if isinstance(given, str):
        given = [each.strip() for each in given.split(",") if each.strip()]
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise _refused(f"{word} is a list of texts, not {given!r}", where)
    return given


def _refuse_unknown(words: Mapping[str, Any], known: Sequence[str], where: str, what: str = "") -> None:
    for word in words:
        if word not in known:
            near = get_close_matches(str(word), known, 1)
            told = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise _refused(f"{what}unknown word {word!r}: {told}", where)


def _refused(message: str, where: str) -> LakeError:
    return LakeError("USAGE", message, where=where, why=_FORM, fix=["correct the declaration"])
