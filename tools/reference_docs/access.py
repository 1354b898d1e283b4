"""Who may call what, read from the services' own tables: never written down a second time.

The Registry says it in AccessNeeds.swift, one property for each request. The others say it at the head of each
handler, by a call of `admit`. What cannot be read is an error, not an empty line.
"""

import glob
import re

VERBS = {
    "read": "read",
    "readPeople": "read_people",
    "writeTeams": "write_teams",
    "writePeople": "write_people",
    "importRows": "import",
    "administer": "administer",
}
# Places of the Registry's needs.
PLACES = {
    "somewhere": "in at least one unit",
    "nation": "in the whole nation",
    "unit": "on the unit",
    "subtree": "on the unit, with all that is under it",
    "code": "on the unit that the code means",
    "anyUnit": "on one of the units",
    "team": "where the team is",
    "membership": "where the membership's team is",
    "person": "where the person lives, works or is a member",
    "duplicate": "where both people are",
    "merge": "where both people are",
    "grant": "on the unit of the grant",
    "agency": "where the agency is",
    "batch": "in at least one unit, for one's own imports",
    "subject": "on the unit; a subject may ask about itself",
    "policy": "where the policy was enacted",
    "draft": "where the policy is to hold",
    "run": "where the run's unit or policy is",
    "claim": "where the claim's team is",
    "account": "where the account's policy was enacted",
    "reference": "where what the journals are about is",
    "difficulty": "where the difficulty's team is",
    "kept": "where the report's team is",
    "session": "where the session is held",
}
FUNDING = {"batch": "where the batch's policy was enacted"}


ADMIT = r"\b(admit|admitInNation|admitSomewhere|admitted)\("


def body_after(text, start):
    """The text between the braces that open after a place."""
    open_brace = text.index("{", start)
    depth, place = 0, open_brace
    while True:
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return text[open_brace + 1 : place]
        place += 1


def naming(place, kind, field):
    """The place with the request's field that names it, where the code has it in plain sight."""
    if field is None or kind not in ("unit", "subtree", "code"):
        return place
    name = re.sub(r"(?<!^)(?<!\.)([A-Z])", lambda letter: "_" + letter.group(1).lower(), field.group(1))
    head, comma, tail = place.partition(",")
    return f"{head} (`{name}`){comma}{tail}"


def lower_first(name):
    return name[0].lower() + name[1:]


class Access:
    def __init__(self):
        self.problems = []
        self.needs = {}
        for line in self._registry():
            self.needs[line[0]] = line[1]

    # MARK: Registry

    def _registry(self):
        with open("Services/Registry/Access/AccessNeeds.swift") as file:
            text = file.read()
        pattern = re.compile(r"((?:^///.*\n)*)^extension Cdt_Registry_V1_(\w+)Request: GuardedRequest ", re.M)
        for match in pattern.finditer(text):
            note = " ".join(line[3:].strip() for line in match.group(1).splitlines())
            body = body_after(text, match.end() - 1)
            needs = self._registry_needs(body)
            if len(needs) >= 2 and needs[0][0] == needs[1][0] and " ? " in body:
                either = f"{needs[0][1]}, or {needs[1][1]}, by what the request names"
                needs = [(needs[0][0], either), *needs[2:]]
            yield f"registry/{match.group(2)}", (needs, note)

    def _registry_needs(self, body):
        found = []
        for match in re.finditer(
            r"\.(nation|somewhere|unit|subtree|code|anyUnit|team|membership|person|duplicate|merge|grant|agency|batch"
            r"|subject)\(\s*(?:\.(\w+)|(verb)|\$0)",
            body,
        ):
            kind, verb = match.group(1), match.group(2)
            if verb is None:
                # `verbs.map { .person(verb, …) }` and the verbs that a grant would give.
                if match.group(3):
                    verbs = ["read", "readPeople"]
                    line = (
                        "`registry.read`, with people also `registry.read_people`",
                        self._registry_place(kind, body, match),
                    )
                else:
                    line = ("`registry.administer` and every verb that is given", PLACES[kind])
                if line not in found:
                    found.append(line)
                continue
            if verb not in VERBS:
                continue
            line = (f"`registry.{VERBS[verb]}`", self._registry_place(kind, body, match))
            if line not in found:
                found.append(line)
        return found

    @staticmethod
    def _registry_place(kind, body, match):
        place = PLACES[kind]
        rest = body[match.end() : match.end() + 120]
        if kind == "person" and "allPlaces" in rest.split(")")[0] + rest[:80]:
            return "in every place where the person lives, works or is a member"
        return naming(place, kind, re.match(r",\s*([a-z][\w.]*)", rest))

    # MARK: Feeds

    def _feeds(self):
        lines = []
        for path, code, verb, place in [
            (
                "Services/Registry/Feed/FeedAccess+Registry.swift",
                "admit([.somewhere(.read)]",
                "`registry.read`",
                "in at least one unit, for `registry.facts`; what lies elsewhere is left out",
            ),
            (
                "Services/Registry/Feed/FeedAccess+Registry.swift",
                "admit([.nation(.readPeople)]",
                "`registry.read_people`",
                "in the whole nation, for `registry.contacts`, beside the token for contact data",
            ),
            (
                "Services/ActivityReporting/Access/FeedAccess+Activity.swift",
                ".somewhere(.read)",
                "`activity.read`",
                "in at least one unit, for `activity.facts`; what lies elsewhere is left out",
            ),
            (
                "Services/FundingPolicy/Access/AccessGate.swift",
                ".nation(.read).refusal",
                "`funding.read`",
                "in the whole nation, for `funding.facts`",
            ),
        ]:
            with open(path) as file:
                if code not in file.read():
                    self.problems.append(
                        f"{path} no longer has `{code}`: look who may follow its feed, and say it in access.py"
                    )
            lines.append((verb, place))
        return lines, ""

    # MARK: The others

    def of(self, method):
        """Sentences on who may call, and a note; from the code of the service."""
        package = method.service.package.split(".")[1]
        if package == "feed":
            return self._feeds()
        if package == "registry":
            key = f"registry/{method.request.rsplit('.', 1)[1].removesuffix('Request')}"
            if key in self.needs:
                return self.needs[key]
            return self._from_handler("Services/Registry/Handlers", "registry", method)
        folder = {
            "activity": "Services/ActivityReporting/Service",
            "funding": "Services/FundingPolicy/Handlers",
            "notification": "Services/Notification/Service",
        }[package]
        return self._from_handler(folder, package, method)

    def _from_handler(self, folder, package, method):
        name = lower_first(method.name)
        asked = None
        for path in sorted(glob.glob(f"{folder}/*.swift")):
            with open(path) as file:
                text = file.read()
            for match in re.finditer(rf"func {name}\(", text):
                body = self._with_helpers(body_after(text, match.end()), text)
                found = self._admitted(package, body, method)
                if found:
                    return found, ""
                asked = body
        self.problems.append(
            f"{method.key}: "
            + (
                f"no handler is found in {folder}"
                if asked is None
                else "its handler asks for no right that can be read"
            )
        )
        return [], ""

    @staticmethod
    def _with_helpers(body, text):
        """A handler, and the functions of its file that it leaves the question to."""
        if re.search(ADMIT, body):
            return body
        step = re.search(r"\.(return|endorse|approve|accept)\b(?:\(|,)", body)
        for helper in dict.fromkeys(re.findall(r"\b([a-z]\w+)\(", body)):
            for found in re.finditer(rf"func {helper}\b(?:<[^(]*>)?\(", text):
                helped = body_after(text, found.end())
                if re.search(ADMIT, helped):
                    body += "\n" + helped
        if step:
            verbs = ["endorse", "approve", "accept"] if step.group(1) == "return" else [step.group(1)]
            body = body.replace("step.verbs", "[" + ", ".join("." + verb for verb in verbs) + "]")
        return body

    def _admitted(self, package, body, method):
        found = []

        def add(verbs, place):
            text = " or ".join(f"`{package}.{VERBS.get(v, v) if package == 'registry' else v}`" for v in verbs)
            if (text, place) not in found:
                found.append((text, place))

        for match in re.finditer(ADMIT, body):
            call = self._arguments(body, match.end())
            kind = match.group(1)
            if kind == "admitted":
                add(["submit"], "where the report's team is")
                found.append(("`activity.declare`", "there too, when the report says on which day it was received"))
                continue
            if kind in ("admitInNation", "admitSomewhere"):
                verb = re.match(r"\.(\w+)", call).group(1)
                add([verb], PLACES["nation" if kind == "admitInNation" else "somewhere"])
                continue
            if package == "notification":
                verb = re.match(r"\.(\w+)", call).group(1)
                named = re.search(r"atName: request\.([\w.]+)", call) or re.search(r"atName: (\w+)\.", call)
                if "atName: request" in call:
                    field = re.sub(r"(?<!^)([A-Z])", lambda m: "_" + m.group(1).lower(), named.group(1))
                    add([verb], f"on the unit `{field}`")
                else:
                    add(
                        [verb],
                        (
                            "on the unit of the campaign's audience"
                            if "audience" in call or ".content" in call
                            # Beside the unit that the request names: the one that what is there already has.
                            else "on the unit that it is of now" if found else "on its unit"
                        ),
                    )
                continue
            if re.match(r"(query|figures)\.need\b", call):
                team = ", or where the team is" if "Obligations" in method.name or "Reports" in method.name else ""
                add(["read"], PLACES["subtree"] + team)
            needs = []
            for need in re.finditer(
                r"\.(nation|somewhere|unit|team|policy|draft|run|claim|batch|account|reference"
                r"|difficulty|kept|session)\(\s*(\[[^\]]*\]|\.\w+)",
                call,
            ):
                verbs, kind = re.findall(r"\.(\w+)", need.group(2)), need.group(1)
                place = (FUNDING if package == "funding" else {}).get(kind, PLACES[kind])
                field = re.match(r",\s*request\.([a-z][\w.]*)", call[need.end() :])
                needs.append((verbs, naming(place, kind, field)))
            # `a ? .x(…) : .y(…)` and `a.map { .x(…) } ?? .y(…)`: one of them, by what the request names.
            if len(needs) == 2 and "?" in call and needs[0][0] == needs[1][0]:
                needs = [(needs[0][0], f"{needs[0][1]}, or {needs[1][1]}, by what the request names")]
            for verbs, place in needs:
                add(verbs, place)
        if len(found) == 2 and found[0][0] == found[1][0] and "} else {" in body and PLACES["nation"] in found[1][1]:
            found = [(found[0][0], f"{found[0][1]}, or {found[1][1]}, by what the request names")]
        # "Anywhere" before the right place is known says no more than the right place;
        # it stands for what does not exist.
        precise = [line for line in found if line[1] != PLACES["somewhere"]]
        return precise if {verbs for verbs, _ in precise} >= {verbs for verbs, _ in found} else found

    @staticmethod
    def _arguments(text, start):
        depth, place = 1, start
        while depth:
            depth += {"(": 1, ")": -1}.get(text[place], 0)
            place += 1
        return text[start : place - 1]
