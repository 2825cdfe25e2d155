"""Statements' texts without what people typed into them: passwords, and every other text between quotes. Pure.

PostgreSQL hides values of plain statements in pg_stat_statements, but neither those of utility statements (passwords
of roles and user mappings, programs of COPY) nor any in pg_stat_activity. A statement may be cut anywhere and need not
be one at all; what cannot be read with certainty is hidden to its end. Numbers and names stay.
"""

import re

from cluster.documents import printable

HIDDEN = "…"
_LITERAL = f"'{HIDDEN}'"
_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\r\n]*+|/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|''|\\.)*+')
    | (?P<literal>(?:[bBnNxX]|[uU]&)?'(?:[^']|'')*+')
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*+)?\$)
    | (?P<name>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*+|"(?:[^"]|"")*+")
    | (?P<number>\$?[0-9][0-9A-Za-z_.]*+)
    | (?P<open>['"])
    | (?P<end>;)
    | (?P<space>\s++)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NESTED = re.compile(r"/\*|\*/")
_TOUCHY = frozenset({"role", "user", "group", "server", "subscription"})
"""What CREATE and ALTER give passwords to; a user mapping too."""
_SECRET = frozenset({"password", "options", "connection"})
"""Words after which a statement about those says nothing that is shown."""


def redacted(text: str) -> str:
    """``text`` with every literal hidden, without comments; of a statement about passwords only its beginning."""
    return "".join(_Scan(text).pieces()).strip()


class _Scan:
    """One walk over a text, token by token; ``words`` are those of the statement at hand."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._words: list[str] = []

    def pieces(self) -> list[str]:
        """What is shown, in order."""
        found: list[str] = []
        while self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            assert match is not None  # the last alternative is any character
            self._at = match.end()
            found.append(self._shown(match))
        return found

    def _shown(self, match: re.Match[str]) -> str:
        kind, piece = match.lastgroup, match[0]
        if kind == "comment":
            return self._after_comment(nested=piece == "/*")
        if kind in ("literal", "escaped", "dollar"):
            return self._literal(match)
        if kind == "open":
            return self._rest(piece)
        if kind == "end":
            self._words.clear()
        elif kind == "name":
            self._words.append(piece.lower())
            if self._names_secret():
                return self._rest(f"{piece} ")
        elif piece == "=" and self._sets_own():
            return self._rest("= ")
        return piece

    def _rest(self, before: str) -> str:
        """Nothing more of the text: where its statement ends cannot be known."""
        self._at = len(self._text)
        return before + HIDDEN

    def _literal(self, match: re.Match[str]) -> str:
        piece = match[0]
        if match["dollar"] is not None:
            end = self._text.find(piece, self._at)
            self._at = len(self._text) if end < 0 else end + len(piece)
        elif match["literal"] is not None and _ends_escaped(piece):
            return self._rest("'")  # without standard_conforming_strings it goes on
        return _LITERAL

    def _after_comment(self, *, nested: bool) -> str:
        depth = 1 if nested else 0
        while depth:
            mark = _NESTED.search(self._text, self._at)
            if mark is None:
                self._at = len(self._text)
                break
            depth += 1 if mark[0] == "/*" else -1
            self._at = mark.end()
        return " "

    def _names_secret(self) -> bool:
        words = self._words
        if self._sets_own() and words[-1] == "to":
            return True
        return words[0] in ("create", "alter") and words[-1] in _SECRET and words[1] in _TOUCHY

    def _sets_own(self) -> bool:
        """Whether it sets a parameter, to what need not be between quotes."""
        return bool(self._words) and self._words[0] in ("set", "alter") and "set" in self._words


def _ends_escaped(literal: str) -> bool:
    body = literal[:-1]
    return (len(body) - len(body.rstrip("\\"))) % 2 == 1 or "\\'" in body


def one_line(text: str) -> str:
    """``text`` redacted, in one line, without what a terminal would obey."""
    return printable(" ".join(redacted(text).split()))
