"""Check the links inside the built site: ``python docs/check_links.py docs/_build/html``.

Every link to another page must have a page, every link to a part of a page an element of that id,
every picture a file. Needs no network; for links to other sites, see CONTRIBUTING.md.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class PageParser(HTMLParser):
    """Collects the ids of a page and the addresses that it refers to."""

    def __init__(self):
        super().__init__()
        self.ids = {"", "top"}
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.addresses.append(value)


def read_page(path):
    parser = PageParser()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def find_problem(page, address, root, pages):
    """Return what is wrong with an address on a page, or None."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if not target.is_relative_to(root):
        return "outside the site"
    if target in pages and unquote(parts.fragment) not in pages[target].ids:
        return "no such part of the page"
    return None


def main(root):
    root = Path(root).resolve()
    pages = {
        path: read_page(path)
        for path in sorted(root.rglob("*.html"))
        if "_static" not in path.relative_to(root).parts
    }
    n_links = n_problems = 0
    for path, page in pages.items():
        for address in dict.fromkeys(page.addresses):
            n_links += 1
            problem = find_problem(path, address, root, pages)
            if problem:
                n_problems += 1
                print(f"{path.relative_to(root)}: {address}: {problem}")
    print(f"{len(pages)} pages, {n_links} links, {n_problems} problems")
    return 1 if n_problems or not pages else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
