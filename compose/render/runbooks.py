"""Pages for browsers that Prometheus and Alertmanager serve: the runbooks, and a page where they have none. Pure.

The images from the Debian archive hold no web application; links in a mail would lead nowhere.
"""

import html
import re
from posixpath import normpath

from cluster.config.env_file import PROJECT_ROOT

PAGES = PROJECT_ROOT / "compose" / "prometheus" / "pages"
RUNBOOKS = PROJECT_ROOT / "docs" / "how-to" / "alerts"
_LINK = re.compile(r"docs/how-to/alerts/(\w+)\.md#(\w+)")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)")


def pages_of(service: str) -> str:
    """The page of a service that has none of its own."""
    return (PAGES / f"{service}.html").read_text().replace("/* pages.css */", _style())


def with_addresses(rules: str, prometheus: str) -> str:
    """Alert rules whose runbooks are addresses at Prometheus, which a browser can open."""
    return _LINK.sub(rf"{prometheus}user/\1.html#\2", rules)


def runbook_pages() -> dict[str, str]:
    """Every runbook as HTML, by file name, and a list of them."""
    texts = {path.stem: path.read_text() for path in sorted(RUNBOOKS.glob("*.md"))}
    index = [f'<li><a href="{stem}.html">{_inline(_title(text))}</a></li>' for stem, text in texts.items()]
    found = {f"{stem}.html": _page(_title(text), _blocks(text)) for stem, text in texts.items()}
    return found | {"index.html": _page("Runbooks", ["<h1>Runbooks</h1><ul>", *index, "</ul>"])}


def _style() -> str:
    return (PAGES / "pages.css").read_text()


def _page(title: str, blocks: list[str]) -> str:
    nav = '<nav><a href="./">Runbooks</a><a href="/alerts">Alerts</a></nav>'
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
    return f"{head}<style>{_style()}</style>\n{nav}\n" + "\n".join(blocks) + "\n"


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ")


def _blocks(text: str) -> list[str]:
    """Each block of the few kinds that these pages are made of."""
    fenced = re.split(r"^```\w*\n(.*?)^```\n", text, flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for number, part in enumerate(fenced):
        if number % 2:
            found.append(f"<pre>{html.escape(part)}</pre>")
        else:
            found += [_block(block) for block in re.split(r"\n{2,}", part) if block.strip()]
    return found


def _block(block: str) -> str:
    block = block.strip("\n")
    if heading := re.fullmatch(r"(#{1,3}) (.+)", block):
        level = len(heading[1])
        anchor = f' id="{heading[2].lower()}"' if heading[2].isalnum() else ""
        return f"<h{level}{anchor}>{_inline(heading[2])}</h{level}>"
    if block.startswith("|"):
        return _table(block.splitlines())
    if block.startswith("- "):
        items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
        return "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>"
    return f"<p>{_inline(block)}</p>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))] for line in lines]
    return "<table>" + "".join(_line(row) for row in rows if not re.fullmatch(r"[-: ]*", "".join(row))) + "</table>"


def _line(cells: list[str]) -> str:
    return "<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in cells) + "</tr>"


def _inline(text: str) -> str:
    parts, begin = [], 0
    for found in _INLINE.finditer(text):
        parts += [html.escape(text[begin : found.start()]), _marked(*found.groups())]
        begin = found.end()
    return "".join([*parts, html.escape(text[begin:])])


def _marked(code: str | None, bold: str | None, words: str, address: str) -> str:
    if code is not None:
        return f"<code>{html.escape(code)}</code>"
    if bold is not None:
        return f"<b>{html.escape(bold)}</b>"
    here = re.fullmatch(r"(?:(\w+)\.md)?(#[\w-]+)?", address)
    if here:
        target = (f"{here[1]}.html" if here[1] else "") + (here[2] or "")
    elif address.startswith("https://"):
        target = address
    else:  # another page of the documentation, which is not served
        return f"{_inline(words)} (<code>{html.escape(normpath(f'docs/how-to/alerts/{address}'))}</code>)"
    return f'<a href="{html.escape(target)}">{_inline(words)}</a>'
