"""Nothing in the tree tells where it was written: no machine paths, registries or addresses.

What this looks for is put together at run time, so that this file does not find itself.
"""

from __future__ import annotations

import re
from typing import Iterator

from tree import Finding, Tree, main

FOLDERS = ("work", "farm", "root", "mnt", "workspace", r"home/[a-z]\w*", r"Users/\w+")
REGISTRIES = ("pypi", "pythonhosted", "npmjs", "crates", "docker", "ghcr", "quay", "gcr",
              "artifactory", "rubygems")

# An absolute path: nothing that a path could go on from stands before it.
MACHINE_PATH = re.compile(r"(?<![\w.~$}])/(?:" + "|".join(FOLDERS) + r")(?=[/\s\"'`):,;]|$)"
                          r"|/(?:" + "|".join(FOLDERS) + ")/")
REGISTRY = re.compile(r"\b(?:[\w-]+\.)*(?:" + "|".join(REGISTRIES) + r")\.(?:org|io|com|dev)\b"
                      r"|\bdeb\.debian\.org\b|\bproxy\.golang\.org\b")
EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-zA-Z]{2,}\b")

# Copyright lines of other people's work are quoted as they stand.
QUOTES_COPYRIGHTS = "THIRD_PARTY_NOTICES.md"


def check(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        for number, line in tree.lines(path):
            if MACHINE_PATH.search(line):
                yield Finding(path, number, "a path of somebody's machine")
            if REGISTRY.search(line):
                yield Finding(path, number, "the host name of a registry")
            if EMAIL.search(line) and not (path == QUOTES_COPYRIGHTS and "Copyright" in line):
                yield Finding(path, number, "an e-mail address")


if __name__ == "__main__":
    main(check)
