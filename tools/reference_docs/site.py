"""The static site: docs/**/*.md as plain HTML with one stylesheet, one script and an index for the search.

No request leaves it.
"""

import html
import json
import os
import posixpath
import re
import shutil

import markdown

HERE = os.path.dirname(__file__)
GROUPS = [
    ("Start", ["README.md", "guides/README.md", "reference/README.md", "reference/errors.md"]),
    ("Guides", "guides/"),
    ("Registry", "reference/registry/"),
    ("Activity reporting", "reference/activity/"),
    ("Funding policy", "reference/funding/"),
    ("Notification", "reference/notification/"),
    ("Feeds, shared types", ("reference/feed/", "reference/common/")),
    ("Tiếng Việt", ("vi/",)),
]


def slug(text):
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", text.lower())).strip("-")


class Page:
    def __init__(self, path):
        self.path = path
        with open(f"docs/{path}") as file:
            self.text = file.read()
        self.title = re.search(r"^# (.+)$", self.text, re.M).group(1).replace("`", "")

    @property
    def target(self):
        folder, name = posixpath.split(self.path)
        return posixpath.join(folder, "index.html" if name == "README.md" else name.removesuffix(".md") + ".html")


def write(out):
    pages = [
        Page(os.path.relpath(os.path.join(folder, name), "docs"))
        for folder, _, names in sorted(os.walk("docs"))
        for name in sorted(names)
        if name.endswith(".md")
    ]
    # Only what an earlier run made is removed: the folder may be anybody's.
    if os.path.exists(os.path.join(out, "site.css")):
        shutil.rmtree(out)
    elif os.path.isdir(out) and os.listdir(out):
        raise SystemExit(f"tools/reference: {out} is not empty, and no site of an earlier run")
    index = []
    for page in pages:
        target = os.path.join(out, page.target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w") as file:
            file.write(whole(page, pages))
        index += entries(page)
    for name in ("site.css", "site.js"):
        shutil.copy(os.path.join(HERE, name), out)
    if os.path.isdir("docs/images"):
        shutil.copytree("docs/images", os.path.join(out, "images"))
    with open(os.path.join(out, "index.js"), "w") as file:
        file.write("window.searchIndex = " + json.dumps(index, ensure_ascii=False, separators=(",", ":")) + ";\n")
    print(f"{len(pages)} pages with {len(index)} entries of the search in {out}/index.html")


def body(page):
    text = re.sub(r"^```(\w+) \w+$", r"```\1", page.text, flags=re.M)
    made = markdown.markdown(
        text,
        extensions=["tables", "fenced_code", "toc", "sane_lists"],
        extension_configs={"toc": {"slugify": lambda value, _: slug(value)}},
    )

    # Links to pages; links out of docs/ stay text, as the site has no repository beside it.
    def link(match):
        target, rest = match.group(1), match.group(2) or ""
        if "://" in target:
            return match.group(0)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), target))
        if path.startswith(".."):
            return 'class="outside"'
        return 'href="' + re.sub(r"README\.md$", "index.html", target).replace(".md", ".html") + rest + '"'

    made = re.sub(r'href="([^"#]+)(#[^"]*)?"', link, made)
    made = re.sub(r'<tr>\s*<td><a id="([^"]+)"></a>', r'<tr id="\1"><td>', made)
    return made.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")


def whole(page, pages):
    root = "../" * page.path.count("/")
    known, links = {p.path: p for p in pages}, []
    for title, wanted in GROUPS:
        found = (
            [known[path] for path in wanted if path in known]
            if isinstance(wanted, list)
            else [p for p in pages if p.path.startswith(wanted) and not p.path.startswith("guides/README")]
        )
        if found:
            links.append(f"<strong>{title}</strong>")
        for other in found:
            current = ' aria-current="page"' if other is page else ""
            links.append(f'<a href="{root}{other.target}"{current}>{html.escape(other.title)}</a>')
    language = "vi" if page.path.startswith("vi/") else "en"
    return f"""<!DOCTYPE html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(page.title)} – cdt</title>
<link rel="stylesheet" href="{root}site.css">
<body>
<div class="page">
<nav>
<input id="search" type="search" placeholder="Search · Tìm kiếm" aria-label="Search"
    autocomplete="off" data-root="{root}">
<ul id="found"></ul>
<details class="menu"><summary>Contents · Mục lục</summary><div class="links">{"".join(links)}</div></details>
<div class="links">{"".join(links)}</div>
</nav>
<main>
{body(page)}
</main>
</div>
<script src="{root}index.js"></script>
<script src="{root}site.js"></script>
</body>
</html>
"""


def entries(page):
    """What the search knows: each page, each call or message, each reason of an error, each Vietnamese line."""
    found = [[page.title, page.path.removesuffix(".md"), page.target, ""]]
    for match in re.finditer(r"^## (.+)\n\n(.+)$", page.text, re.M):
        title = match.group(1).replace("`", "")
        vietnamese = re.search(r"^\*(.+)\*$", page.text[match.end() : match.end() + 400], re.M)
        if vietnamese and "\n## " in page.text[match.end() : match.end() + vietnamese.start()]:
            vietnamese = None
        words = match.group(2)[:200] + (" " + vietnamese.group(1) if vietnamese else "")
        found.append([title, page.title, f"{page.target}#{slug(title)}", words])
    for match in re.finditer(r'^\| <a id="(\w+)"></a>`(\w+)`[^|]*\|(.+)\|$', page.text, re.M):
        found.append([match.group(2), page.title, f"{page.target}#{match.group(1)}", match.group(3)[:160]])
    return found
