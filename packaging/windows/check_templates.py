#!/usr/bin/env python3
"""Checks the Group Policy templates: every reference between the two files leads somewhere, every
text is used, and the extension's keys name the extension that is in this tree.

usage: packaging/windows/check_templates.py
"""

import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

FOLDER = pathlib.Path(__file__).resolve().parent
SPACE = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"


def named(root, tag, attribute):
    """The values of an attribute of all elements with this tag, none twice."""
    names = [element.get(attribute) for element in root.iter(SPACE + tag)]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"twice: {tag} {', '.join(sorted(twice))}")
    return set(names)


def main():
    admx_text = (FOLDER / "nearside.admx").read_text(encoding="utf-8")
    admx = ElementTree.fromstring(admx_text)
    adml = ElementTree.parse(FOLDER / "en-US/nearside.adml").getroot()
    wrong = []

    def same(what, used, defined):
        wrong.extend(f"{what} {name} is not defined" for name in sorted(used - defined))
        wrong.extend(f"{what} {name} is not used" for name in sorted(defined - used))

    same("string", set(re.findall(r"\$\(string\.(\w+)\)", admx_text)), named(adml, "string", "id"))
    same(
        "presentation",
        set(re.findall(r"\$\(presentation\.(\w+)\)", admx_text)),
        named(adml, "presentation", "id"),
    )
    categories = named(admx, "category", "name")
    supported = named(admx, "definition", "name")
    presentations = {element.get("id"): element for element in adml.iter(SPACE + "presentation")}
    named(admx, "policy", "name")
    policies = list(admx.iter(SPACE + "policy"))
    for policy in policies:
        name = policy.get("name")
        if policy.find(SPACE + "parentCategory").get("ref") not in categories:
            wrong.append(f"{name}: unknown category")
        if policy.find(SPACE + "supportedOn").get("ref") not in supported:
            wrong.append(f"{name}: unknown supportedOn")
        elements = policy.find(SPACE + "elements")
        ids = set() if elements is None else {element.get("id") for element in elements}
        shown = presentations.get((policy.get("presentation") or "")[len("$(presentation.") : -1])
        refs = set() if shown is None else {element.get("refId") for element in shown}
        if ids != refs:
            wrong.append(f"{name}: elements {sorted(ids)}, but shown are {sorted(refs)}")

    script = FOLDER.parent / "extension-id.sh"
    extension = subprocess.run([script], check=True, capture_output=True, text=True).stdout.strip()
    for key in set(re.findall(r"extensions\\(\w+)\\policy", admx_text)) - {extension}:
        wrong.append(f"{key} is not the extension {extension}")

    for line in wrong:
        print(f"check_templates.py: {line}", file=sys.stderr)
    if not wrong:
        print(f"{len(policies)} policies, all references lead somewhere")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
