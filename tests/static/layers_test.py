"""Every include of runtime/, hooks/ and include/ goes along an edge of layers.txt.

Linking alone does not stop an include, since all headers share one root.
"""

from __future__ import annotations

import re
from typing import Iterator, Optional

from cmake_calls import calls_in
from tree import CODE, Finding, Tree, main

TABLE = "tests/static/layers.txt"
INCLUDE = re.compile(r"^\s*#\s*include(?:_next)?\b\s*(.*)")
NAME = re.compile(r'^([<"])([^>"]+)[>"]')
OURS = ("runtime/", "hooks/", "include/")


def place_of(path: str) -> Optional[str]:
    """Returns the folder that a file or an include belongs to, or nothing if it is not ours."""
    if path.startswith(("pageward/", "include/")):
        return "include"
    parts = path.split("/")
    if parts[0] == "runtime" and len(parts) > 2:
        return parts[1]
    if parts[0] == "hooks" and len(parts) > 2:
        return f"hooks/{parts[1]}"
    return None


def read_edges(tree: Tree) -> tuple[dict[str, set[str]], list[Finding]]:
    """Returns the table, and what is wrong with the table itself."""
    edges: dict[str, set[str]] = {}
    findings = []
    for layer, (number, rest) in tree.table(TABLE).items():
        for lower in rest.split():
            if lower not in edges:
                message = f"layer '{layer}' names '{lower}', which is not above it in this file"
                findings.append(Finding(TABLE, number, message))
        edges[layer] = set(rest.split())
    return edges, findings


def check_include(user: str, argument: str, edges: dict[str, set[str]]) -> Optional[str]:
    """Returns what is wrong with `#include argument` in a file of the place `user`."""
    name = NAME.match(argument)
    if not name:
        return f"cannot tell what is included: {argument}"
    bracket, path = name.groups()
    used = place_of(path)
    if used is None:
        if bracket == '"':
            return f'"{path}" does not name its layer from the root, as "runtime/core/units.h" does'
        return None
    if path.startswith("include/"):
        return f"write <{path[len('include/'):]}>, as the users of a public header do"
    if used == user:
        return None
    if used not in edges:
        return f"layer '{used}' is not in {TABLE}"
    if used not in edges[user]:
        return f"layer '{user}' may not include layer '{used}': {path}"
    return None


def check_includes(tree: Tree, edges: dict[str, set[str]]) -> Iterator[Finding]:
    for path in tree.matching(CODE, OURS):
        user = place_of(path)
        if user is None or user not in edges:
            yield Finding(path, 0, f"belongs to no layer of {TABLE}")
            continue
        for number, line in tree.lines(path):
            include = INCLUDE.match(line)
            problem = check_include(user, include.group(1), edges) if include else None
            if problem:
                yield Finding(path, number, problem)


def check_links(tree: Tree, edges: dict[str, set[str]]) -> Iterator[Finding]:
    """The USES of pw_layer() are edges of the table as well."""
    for path in tree.matching(("CMakeLists.txt",), ("runtime/",)):
        for call in calls_in(tree, path):
            if call.name != "pw_layer":
                continue
            layer = call.words[0]
            for lower in call.values("USES"):
                if lower not in edges.get(layer, set()):
                    message = f"layer '{layer}' may not use layer '{lower}'"
                    yield Finding(path, call.line, message)


def check(tree: Tree) -> Iterator[Finding]:
    edges, findings = read_edges(tree)
    yield from findings
    yield from check_includes(tree, edges)
    yield from check_links(tree, edges)


if __name__ == "__main__":
    main(check)
