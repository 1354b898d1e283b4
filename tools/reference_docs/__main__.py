"""Run by tools/reference."""

import os
import re
import sys

from . import pages, reasons, vietnamese
from .access import Access
from .contract import Contract


def main(arguments):
    check, site = False, None
    while arguments:
        argument = arguments.pop(0)
        if argument == "--check":
            check = True
        elif argument == "--site" and arguments:
            site = arguments.pop(0)
        else:
            print(f"tools/reference: unknown argument {argument}; see the head of the script", file=sys.stderr)
            return 2
    contract, access, problems = Contract(), Access(), []
    catalogue = reasons.catalogue(problems)
    examples = pages.examples()
    made = pages.Pages(contract, access, catalogue, examples, vietnamese.lines(contract, problems)).all()
    made = {f"docs/reference/{name}": text for name, text in made.items()}
    made["docs/vi/errors.md"] = vietnamese.errors_page(catalogue)
    problems += access.problems
    # The reasons that the comments promise are those that the code has.
    given = reasons.in_sources()
    codes = set(pages.CODES)
    values = {name for enum in contract.enums.values() for name, _, _ in enum.values}
    values |= {
        name.removeprefix(re.sub(r"(?<!^)([A-Z])", r"_\1", enum.short.split(".")[-1]).upper() + "_")
        for enum in contract.enums.values()
        for name, _, _ in enum.values
    }
    for method in contract.methods():
        for word in re.findall(r"(?<![`\w])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w`])", method.errors):
            if word not in given and word not in codes and word not in values:
                problems.append(f"{method.key}: its comment promises {word}, which no source gives")
    for service, calls in examples.items():
        known = {m.name for s in contract.services.values() if s.short == service for m in s.methods}
        problems += [
            f"docs/reference/examples/{service}.json: there is no call {name}" for name in calls if name not in known
        ]

    if check:
        for path, text in made.items():
            try:
                with open(path) as file:
                    same = file.read() == text
            except FileNotFoundError:
                same = False
            if not same:
                problems.append(f"{path} is stale. Run: tools/reference")
        for folder, _, names in os.walk("docs/reference"):
            problems += [
                f"{folder}/{name} is made no longer. Run: tools/reference"
                for name in names
                if name.endswith(".md") and f"{folder}/{name}" not in made
            ]
        problems += broken_links()
    else:
        for folder, _, names in os.walk("docs/reference"):
            for name in names:
                if name.endswith(".md") and f"{folder}/{name}" not in made:
                    os.remove(f"{folder}/{name}")
        for path, text in made.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
    for problem in problems:
        print(problem, file=sys.stderr)
    if site:
        from . import site as pages_of_html

        pages_of_html.write(site)
    return 1 if problems else 0


def broken_links():
    """Links within docs/ to files that are not there."""
    found = []
    for folder, _, names in os.walk("docs"):
        for name in names:
            if not name.endswith(".md"):
                continue
            with open(f"{folder}/{name}") as file:
                text = re.sub(r"```.*?```|`[^`\n]*`", "", file.read(), flags=re.S)
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
                if "://" not in target and not os.path.exists(os.path.join(folder, target)):
                    found.append(f"{folder}/{name}: there is no {target}")
    return found


sys.exit(main(sys.argv[1:]))
