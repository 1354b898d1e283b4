"""The reasons of errors: those in the sources, and the catalogue that explains them."""

import glob
import re

CATALOGUE = "docs/errors/catalogue.tsv"
FOLDERS = {
    "Services/Registry": "Registry",
    "Services/ActivityReporting": "Activity",
    "Services/FundingPolicy": "Funding",
    "Services/Notification": "Notification",
    "Shared/ServiceKit": "All",
    "Shared/ChangeFeed": "All",
}
# Words in capitals that are no reasons: values of the contract, names of statuses, what a duplicate is like.
OTHER_WORDS = """
ANY_DAY FULL_MONTH HALF_MONTH RATE_PER_TEAM_MONTH RATE_PER_MEMBER_MONTH RATE_PER_MEMBER_DAY ACTUAL_EXPENSE SET_ASIDE
BIRTH_DATE BIRTH_YEAR CITIZEN_ID NEEDS_LEADER SERVICE_UNKNOWN
""".split()
WORD = re.compile(r'(?<![\w#])"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)"')
# A single word is a reason where one is given; elsewhere it is anything.
GIVEN = re.compile(
    r"(reason: ?$|reason: [^,\n]*$|add\([^()]*,\s*$|Violation\([^)]*$|return refuse\(\s*$"
    r"|case [.\w]+: $|case \w+ = $)"
)
# Files in which a case of an enumeration is a reason.
ENUMERATIONS = ("Problems/Reason.swift", "RefusalReason.swift", "TokenProblem.swift")


class Entry:
    def __init__(self, reason, where, code, meaning, remedy, meaning_vi, remedy_vi):
        self.reason, self.where, self.code, self.meaning, self.remedy = reason, where, code, meaning, remedy
        self.meaning_vi, self.remedy_vi = meaning_vi, remedy_vi


def in_sources():
    """Each reason with the services that give it."""
    found = {}
    for folder, service in FOLDERS.items():
        for path in sorted(glob.glob(f"{folder}/**/*.swift", recursive=True)):
            with open(path) as file:
                text = re.sub(r"^\s*//.*$", "", file.read(), flags=re.M)
            for match in WORD.finditer(text):
                word = match.group(1)
                before = text[max(0, match.start() - 60) : match.start()]
                if "_" not in word:
                    given = GIVEN.search(before)
                    if not given or (given.group(1).startswith("case") and not path.endswith(ENUMERATIONS)):
                        continue
                if word not in OTHER_WORDS:
                    found.setdefault(word, set()).add(service)
    return found


def snake(name):
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper()


def codes():
    """Each reason with the codes the sources give it, as far as that can be read."""
    found = {}
    pattern = re.compile(
        r"\.(notFound|alreadyExists|failedPrecondition|unavailable|exhausted)\(((?:[^()\"]|\"[^\"]*\"|\([^()]*\))*?)"
        r"reason: \"([A-Z_0-9]+)\"|\.([a-z]\w+),\s*reason: \"([A-Z_0-9]+)\""
    )
    names = {"exhausted": "RESOURCE_EXHAUSTED"}
    for folder in FOLDERS:
        for path in glob.glob(f"{folder}/**/*.swift", recursive=True):
            with open(path) as file:
                for helper, _, reason, code, other in pattern.findall(file.read()):
                    name = names.get(helper) or snake(helper or code)
                    found.setdefault(reason or other, set()).add(name)
    with open("Services/Registry/Problems/Reason.swift") as file:
        text = file.read()
    raw = dict(re.findall(r"case (\w+) = \"(\w+)\"", text))
    table = text[text.index("var code: StatusCode") : text.index("var isWarning")]
    for cases, code in re.findall(r"case ((?:\.\w+,?\s*)+):\s*\.(\w+)", table):
        for case in re.findall(r"\.(\w+)", cases):
            found.setdefault(raw[case], set()).add(snake(code))
    return found


def catalogue(problems):
    """The explained reasons, by reason. Says what the file lacks, and what it has too much."""
    sources, entries = in_sources(), {}
    try:
        with open(CATALOGUE) as file:
            rows = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        rows = []
    for row in rows:
        parts = row.split("\t")
        if len(parts) != 6 or not all(part.strip() for part in parts):
            problems.append(f"{CATALOGUE}: not six filled columns: {row[:60]}")
            continue
        if parts[0] in entries:
            problems.append(f"{CATALOGUE}: {parts[0]} is explained twice")
        where = sources.get(parts[0], set())
        if not where:
            problems.append(f"{CATALOGUE}: {parts[0]} is nowhere in the sources")
        names = ["All"] if "All" in where else [name for name in FOLDERS.values() if name in where]
        entries[parts[0]] = Entry(parts[0], ", ".join(names), *parts[1:])
    given = codes()
    for reason, entry in entries.items():
        if reason in given and entry.code not in given[reason]:
            problems.append(
                f"{CATALOGUE}: {reason} is {entry.code} there, and {' or '.join(given[reason])} in the sources"
            )
    for reason, where in sorted(sources.items()):
        if reason not in entries:
            problems.append(
                f"{CATALOGUE}: {reason} ({', '.join(sorted(where))}) is not explained; if it is no reason of an "
                "error, name it in OTHER_WORDS of tools/reference_docs/reasons.py"
            )
    return entries
