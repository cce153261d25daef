"""What can be told from a query's text: its first table, what it reads under an absence, and constructs that are silently wrong or slow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.sql import regex_problem
from dddoctor.tables import Table

_TOKEN = lazy(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\])
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<op>->>|->|<>|!=|<=|>=|==|\|\||[-+*/%<>=(),.;?:@$&|~])""",
    re.X | re.S,
)
_CLAUSE_END = {"WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "WINDOW", "UNION", "EXCEPT", "INTERSECT"}
_JOIN_WORDS = {
    "JOIN",
    "LEFT",
    "INNER",
    "CROSS",
    "OUTER",
    "NATURAL",
    "ON",
    "USING",
    "AS",
    "INDEXED",
    "NOT",
    "RIGHT",
    "FULL",
    "SELECT",
    "VALUES",
    "SET",
}
_AGGREGATES = {
    "group_concat",
    "string_agg",
    "json_group_array",
    "json_group_object",
    "list_of",
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "total",
}
_PATH_COLUMNS = {
    "file",
    "path",
    "pattern",
    "real_file",
    "target",
    "main_file",
    "config_dir",
    "parent",
    "location",
    "folder",
    "include_path",
    "included_from",
}


class Token(NamedTuple):
    """`kind` is text, quoted, number, word or op; `depth` counts the open parentheses before it."""

    kind: str
    text: str
    depth: int
    line: int

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else self.text


class Source(NamedTuple):
    """A table or CTE in a FROM clause. `scope` numbers the SELECT that it belongs to; `absence` = it stands under a NOT EXISTS, EXCEPT or LEFT JOIN."""

    name: str
    alias: str
    scope: int
    absence: bool
    position: int


class Scan(NamedTuple):
    """`absent`: table → columns (of file, agent, …) by which each of its absences is tied to the outer row; empty = not tied.
    `joined`: tables of the outer FROM without whose rows the query has none."""

    first_table: str
    absent: dict[str, tuple[str, ...]]
    joined: tuple[str, ...]
    problems: list[tuple[int, str]]


def tokens(query: str) -> list[Token]:
    """Tokens without blanks and comments; an unknown character is a token of kind op."""
    found: list[Token] = []
    position, depth, line = 0, 0, 1
    while position < len(query):
        match = _TOKEN.match(query, position)
        kind, text = (match.lastgroup or "op", match[0]) if match else ("op", query[position])
        if kind != "space":
            if text == ")":
                depth -= 1
            found.append(Token(kind, text, depth, line))
            if text == "(":
                depth += 1
        line += text.count("\n")
        position += len(text)
    return found


def scan(query: str, tables: Mapping[str, Table]) -> Scan:
    """Read a query. `problems` are (line within the query, what to write instead), empty for a query that a rule may use."""
    words = tokens(query)
    sources = list(_sources(words))
    ctes = {w.text for i, w in enumerate(words) if w.kind == "word" and _is_cte(words, i)}
    return Scan(
        _first_table(words, sources, tables, ctes),
        _absences(words, sources, tables),
        _joined(words, [s for s in sources if s.name in tables and s.name not in ctes]),
        [*_refused(words), *_refused_by_type(words, sources, tables), *_unjoined_agents(words, sources, tables)],
    )


def _is_cte(words: list[Token], i: int) -> bool:
    """Whether a word is NAME in `WITH NAME AS (` or `, NAME AS (` at depth 0 before the first SELECT."""
    after = [w.upper for w in words[i + 1 : i + 3]]
    before = words[i - 1].upper if i else ""
    return after == ["AS", "("] and before in {"WITH", "RECURSIVE", ","}


def _sources(words: list[Token]) -> Iterator[Source]:
    """Each table named after FROM, JOIN or a comma in a FROM clause, in order."""
    scopes: list[int] = [0]  # scope number by depth
    next_scope = 0
    in_from: dict[int, bool] = {}
    absence_from: dict[int, bool] = {}
    left: dict[int, bool] = {}
    under: list[bool] = [False]  # is depth d under an absence?
    for i, word in enumerate(words):
        depth = word.depth
        while len(under) > depth + 1:
            under.pop()
            scopes.pop()
        if word.text == "(":
            before = [w.upper for w in words[max(0, i - 2) : i]]
            is_not_exists = before[-2:] == ["NOT", "EXISTS"]
            opens_left = in_from.get(depth, False) and left.get(depth, False)
            under.append(under[-1] or is_not_exists or opens_left or absence_from.get(depth, False))
            next_scope += 1
            scopes.append(
                next_scope
                if words[i + 1 : i + 2] and words[i + 1].upper in {"SELECT", "WITH", "VALUES"}
                else scopes[-1]
            )
            in_from[depth + 1] = (
                words[i + 1 : i + 2] != []
                and words[i + 1].upper not in {"SELECT", "WITH", "VALUES"}
                and in_from.get(depth, False)
                and words[i - 1].upper in {"FROM", "JOIN", ",", "("}
            )
            left[depth + 1] = False
            absence_from[depth + 1] = False
            continue
        upper = word.upper
        if upper == "SELECT":
            in_from[depth] = False
        elif upper == "EXCEPT":
            absence_from[depth] = True
            in_from[depth] = False
        elif upper in {"UNION", "INTERSECT"}:
            absence_from[depth] = False
            in_from[depth] = False
            next_scope += 1
            scopes[-1] = next_scope
        elif upper == "FROM":
            in_from[depth], left[depth] = True, False
        elif upper == "LEFT":
            left[depth] = True
        elif upper in {"INNER", "CROSS"} or (upper == "JOIN" and words[i - 1].upper not in {"LEFT", "OUTER"}):
            left[depth] = False
        elif upper in _CLAUSE_END:
            in_from[depth] = False
        if word.kind != "word" or not in_from.get(depth, False) or upper in _JOIN_WORDS:
            continue
        if words[i - 1].upper not in {"FROM", "JOIN", ",", "("}:
            continue
        alias = word.text
        rest = words[i + 1 : i + 3]
        if rest and rest[0].upper == "AS" and len(rest) > 1:
            alias = rest[1].text
        elif rest and rest[0].kind == "word" and rest[0].upper not in _JOIN_WORDS | _CLAUSE_END | {"FROM"}:
            alias = rest[0].text
        yield Source(
            word.text, alias, scopes[-1], under[-1] or left.get(depth, False) or absence_from.get(depth, False), i
        )


def _first_table(words: list[Token], sources: list[Source], tables: Mapping[str, Table], ctes: set[str]) -> str:
    """The first real table of the outer FROM; of a CTE or subquery, the first one inside it."""
    start = next((i for i, w in enumerate(words) if w.depth == 0 and w.upper == "SELECT"), 0)
    start = next((i for i, w in enumerate(words) if i >= start and w.depth == 0 and w.upper == "FROM"), start)
    for source in sources:
        if source.position > start and source.name in tables:
            return source.name
        if source.position > start and source.name in ctes:
            definition = next(i for i, w in enumerate(words) if w.text == source.name and _is_cte(words, i))
            return next((s.name for s in sources if s.position > definition and s.name in tables), "")
    return ""


def _absences(words: list[Token], sources: list[Source], tables: Mapping[str, Table]) -> dict[str, tuple[str, ...]]:
    """Tables read under an absence, with the columns that tie every such reading to an outer alias by equality."""
    ties: dict[str, set[str]] = {}
    for source in sources:
        if not source.absence or source.name not in tables:
            continue
        columns = {mine for mine, _ in _equalities(words, source)}
        ties[source.name] = ties[source.name] & columns if source.name in ties else columns
    return {name: tuple(sorted(columns)) for name, columns in ties.items()}


def _joined(words: list[Token], sources: list[Source]) -> tuple[str, ...]:
    """Those tables that the outer FROM joins and does not LEFT JOIN. None where the query is one row of aggregates, which stands without any row."""
    outer = [w for w in words if w.depth == 0]
    if all(w.upper != "GROUP" for w in outer) and any(w.text.lower() in _AGGREGATES for w in outer):
        return ()
    return tuple(dict.fromkeys(s.name for s in sources if words[s.position].depth == 0 and not s.absence))


def _equalities(words: list[Token], source: Source) -> Iterator[tuple[str, str]]:
    """(column, other alias) for each `alias.column = other.column` of a source, either way round."""
    for i in range(len(words) - 6):
        a, dot, column, equals, b, dot2, other = words[i : i + 7]
        if dot.text == "." and dot2.text == "." and equals.upper in {"=", "==", "IS"}:
            if a.text == source.alias and b.text != source.alias and column.text == other.text:
                yield column.text, b.text
            elif b.text == source.alias and a.text != source.alias and column.text == other.text:
                yield column.text, a.text


def _refused(words: list[Token]) -> Iterator[tuple[int, str]]:
    for i, word in enumerate(words):
        upper = word.upper
        after = [w.upper for w in words[i + 1 : i + 8]]
        if word.kind == "quoted":
            yield (
                word.line,
                f"write text in single quotes and names bare: {word.text} silently becomes a text where no such column exists",
            )
        elif upper == "GLOB":
            yield (
                word.line,
                "GLOB is refused: in a path `[*]` is a class of characters; compare yaml_keys.pattern with =, or use matches()",
            )
        elif upper == "LIKE" and words[i - 1].text in _PATH_COLUMNS:
            yield word.line, f"LIKE on {words[i - 1].text} is refused: `_` is a wildcard; use = or matches()"
        elif upper == "NOT" and after[:3] == ["IN", "(", "SELECT"]:
            yield word.line, "NOT IN over a subquery is refused (one NULL empties it): write NOT EXISTS"
        elif (
            upper == "NOT"
            and i + 1 < len(words)
            and words[i + 1].kind == "word"
            and ("IN" in (after[1:2] + (after[3:4] if after[1:2] == ["."] else [])))
        ):
            yield word.line, "NOT x IN is refused: write x NOT IN (…) over literals, or NOT EXISTS"
        elif upper == "COUNT" and after[:5] == ["(", "*", ")", "=", "0"]:
            yield word.line, "count(*) = 0 is refused: write NOT EXISTS, so that gaps are seen"
        elif upper in {"UNION", "INTERSECT", "EXCEPT"} and word.depth == 0:
            yield word.line, f"{upper} at top level is refused: one rule, one kind of row"
        elif upper in {"RIGHT", "FULL"} and after[:1] in (["JOIN"], ["OUTER"]):
            yield word.line, f"{upper} JOIN is refused: turn the tables round and write LEFT JOIN"
        elif upper == "IIF" and after[:1] == ["("]:
            yield word.line, "IIF is refused (not in every SQLite): write CASE WHEN … THEN … ELSE … END"
        elif word.text in {"->>", "->"}:
            yield word.line, f"{word.text} is refused (not in every SQLite): write json_extract()"
        elif upper in {"STRICT", "FTS5"}:
            yield word.line, f"{upper} is refused (not in every SQLite)"
        elif word.text == ";":
            yield word.line, "one SELECT without a semicolon"
        elif (
            word.kind == "word"
            and word.text.lower() in _AGGREGATES
            and after[:1] == ["("]
            and _has_order_by(words, i + 1)
        ):
            yield word.line, f"{word.text}(… ORDER BY …) is refused (not in every SQLite): list_of() sorts by itself"
        elif word.text.lower() == "matches" and after[:1] == ["("]:
            pattern = _second_argument(words, i + 1)
            if pattern is None:
                yield word.line, "the pattern of matches() must be a literal text"
            elif problem := regex_problem(pattern):
                yield word.line, f"matches(): {problem}"


def _has_order_by(words: list[Token], opening: int) -> bool:
    depth = words[opening].depth + 1
    for w in words[opening + 1 :]:
        if w.depth < depth:
            return False
        if w.depth == depth and w.upper == "ORDER":
            return True
    return False


def _second_argument(words: list[Token], opening: int) -> str | None:
    """The literal text after the first comma of a call, or None where it is no literal."""
    depth = words[opening].depth + 1
    for i in range(opening + 1, len(words) - 2):
        if words[i].depth < depth:
            return None
        if words[i].depth == depth and words[i].text == ",":
            value, after = words[i + 1], words[i + 2]
            return value.text[1:-1].replace("''", "'") if value.kind == "text" and after.text == ")" else None
    return None


def _refused_by_type(
    words: list[Token], sources: list[Source], tables: Mapping[str, Table]
) -> Iterator[tuple[int, str]]:
    types = {
        (s.alias, c): t
        for s in sources
        if s.name in tables
        for c, t in zip(tables[s.name].columns, tables[s.name].types, strict=True)
    }
    comparisons = {"=", "==", "<", ">", "<=", ">=", "<>", "!="}
    for i in range(len(words) - 4):
        alias, dot, column, operator, value = words[i : i + 5]
        if dot.text != "." or operator.text not in comparisons:
            continue
        kind = types.get((alias.text, column.text), "")
        if kind.startswith("str") and value.kind == "number":
            yield (
                column.line,
                f"{alias.text}.{column.text} is a text: write CAST({alias.text}.{column.text} AS INTEGER) {operator.text} {value.text}",
            )
        elif column.text.endswith("version") and kind.startswith("str") and operator.text in {"<", ">", "<=", ">="}:
            yield (
                column.line,
                f"versions are no texts (7.9 > 7.52): write version_in({alias.text}.{column.text}, '{operator.text}…')",
            )


def _unjoined_agents(
    words: list[Token], sources: list[Source], tables: Mapping[str, Table]
) -> Iterator[tuple[int, str]]:
    """One file can be read by two Agents: each table with an `agent` must be tied to the others by it."""
    with_agent = [s for s in sources if s.name in tables and "agent" in tables[s.name].columns]
    if len(with_agent) < 2:
        return
    tied: dict[str, str] = {s.alias: s.alias for s in sources}

    def root(alias: str) -> str:
        while tied.get(alias, alias) != alias:
            alias = tied[alias]
        return alias

    for source in sources:
        for column, other in _equalities(words, source):
            if column == "agent":
                tied[root(source.alias)] = root(other)
    first = with_agent[0]
    for source in with_agent[1:]:
        if root(source.alias) != root(first.alias):
            yield (
                words[source.position].line,
                f"{source.name} AS {source.alias} and {first.name} AS {first.alias} both have `agent`: add {source.alias}.agent = {first.alias}.agent",
            )
