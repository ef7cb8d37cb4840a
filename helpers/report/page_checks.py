"""Finds what a reader must not see on the page and names the notebook and cell of each finding."""

import re
from collections import Counter
from collections.abc import Iterator

from bs4 import BeautifulSoup

PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
LARGEST_PICTURE = 400_000  # bytes, as shown
LARGEST_PAGE = 6_000_000
BASE64 = re.compile(r"(data:[\w/+.-]+;base64,)([A-Za-z0-9+/=\s]+)")
LOADS = {"src", "href", "srcset", "poster", "data", "action", "formaction", "xlink:href"}


def pictures(notebook) -> Iterator[tuple[object, object, dict]]:
    """Yield (cell, output, words) of each picture; words has its name, caption, alt and more."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for mime in PICTURES:
                if mime in output.get("data", {}):
                    yield cell, output, output.metadata.setdefault(mime, {})
                    break


def tables(notebook) -> Iterator[dict]:
    """Yield the words of each table that has a caption: its name, caption, CSV and `folded`."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            words = output.get("metadata", {}).get("text/html")
            if words:
                yield words


def notebook_problems(notebook) -> list[str]:
    """Errors, warnings and pictures without words in an executed notebook, one line each.

    Each line begins with the `metadata.page_name` of its cell.
    """
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"{cell.metadata.page_name}: error {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                first = output.text.strip().splitlines()[:1]
                found.append(f"{cell.metadata.page_name}: written to stderr: {' '.join(first)}")
    seen = Counter()
    for cell, _, words in pictures(notebook):
        seen[words.get("name")] += 1
        for word in ("name", "caption", "alt"):
            if not str(words.get(word, "")).strip():
                found.append(f"{cell.metadata.page_name}: a picture without {word}")
    found += [f"two figures are named {name!r}" for name, n in seen.items() if name and n > 1]
    return found


def page_problems(html: str) -> list[str]:
    """Faults of the whole page: links, network, pictures, TeX, unfilled keys, size."""
    found = []
    if len(html.encode()) > LARGEST_PAGE:
        found.append(f"the page has {len(html.encode()):,} bytes, more than {LARGEST_PAGE:,}")

    def measured(match: re.Match) -> str:
        return f"{match[1]}{len(match[2]) * 3 // 4}"

    soup = BeautifulSoup(BASE64.sub(measured, html), "html.parser")
    ids = Counter(tag["id"] for tag in soup.find_all(id=True))
    found += [f"the id {name!r} is used {n} times" for name, n in ids.items() if n > 1]
    for tag in soup.find_all(True):
        found += [f"{_where(tag)}: {what}" for what in _tag_problems(tag, ids)]
    for text in soup.find_all(string=True):
        if text.find_parent(_quoted):
            continue
        if re.search(r"\\[a-zA-Z(\[]|\$\$|\$[^$\n]*[\\^_{][^$\n]*\$", text):
            found.append(f"{_where(text)}: leftover TeX: {text.strip()[:60]}")
        if "{{" in text:
            found.append(f"{_where(text)}: a key that was not filled: {text.strip()[:60]}")
    styles = " ".join(style.get_text() for style in soup.find_all("style"))
    styles += " ".join(tag["style"] for tag in soup.find_all(style=True))
    found += [
        f"the style refers to the network: {reference[:60]}"
        for reference in re.findall(r"@import[^;]*|url\(\s*['\"]?(?!data:|#)[^)]*", styles)
    ]
    return found


def _quoted(tag) -> bool:
    """Whether a tag shows text as it is: code, names of the user's folders and files, a caption."""
    table = tag.name == "table" and "dataframe" in tag.get("class", [])
    return table or tag.name in ("pre", "code", "script", "style", "bdi", "figcaption")


def _tag_problems(tag, ids: Counter) -> Iterator[str]:
    for name in LOADS & set(tag.attrs):
        address = tag[name]
        if tag.name == "a" and address.startswith("https://"):
            continue  # a reader may follow it; the page loads nothing
        if re.match(r"(?:[a-z+.-]+:)?//|(?:https?|ftp|wss?):", address):
            yield f"a reference to the network: {address[:80]}"
        elif address.startswith("#"):
            if address[1:] not in ids:
                yield f"a link to nowhere: {address}"
        elif not address.startswith("data:"):
            yield f"a link to another file, but the page is one file: {address[:80]}"
    if tag.name == "img":
        if not tag.get("alt", "").strip():
            yield "a picture without alternative text"
        size = re.search(r";base64,(\d+)$", tag.get("src", ""))
        if size and int(size[1]) > LARGEST_PICTURE:
            yield f"a picture of {int(size[1]) // 1000} KB, more than {LARGEST_PICTURE // 1000}"


def _where(node) -> str:
    cell = node.find_parent(attrs={"data-cell": True})
    return cell["data-cell"] if cell else "the frame of the page"
