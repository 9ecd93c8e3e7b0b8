"""Question: what does an interpreter cost that makes and drops objects all the time?

Documents, an index of words, a graph with cycles, and source code that is parsed: what Python
programs do. Run with PYTHONMALLOC=malloc every object is an allocation; by default Python's own
allocator stands between. The one argument is how often; the output is the same everywhere.
"""

from __future__ import annotations

import ast
import gc
import json
import re
import sys
import zlib


class Node:
    """A node of a graph that refers to its parent, so that only the collector can free it."""

    def __init__(self, name: str, parent: Node | None) -> None:
        self.name = name
        self.parent = parent
        self.children: list[Node] = []
        if parent is not None:
            parent.children.append(self)


def random_numbers(seed: int, count: int) -> list[int]:
    numbers = []
    for _ in range(count):
        seed = (seed * 1103515245 + 12345) % 2147483648
        numbers.append(seed >> 8)
    return numbers


def documents(numbers: list[int]) -> int:
    """Builds records, writes them as JSON, reads them back and changes them."""
    records = [
        {
            "id": number,
            "name": f"record {number % 9973}",
            "tags": [f"tag{number % modulus}" for modulus in (7, 31, 101)],
            "position": {"x": number % 640 / 2, "y": number % 480 / 4},
        }
        for number in numbers
    ]
    copies = json.loads(json.dumps(records))
    for record in copies:
        record["tags"].append(record["name"].upper())
    return zlib.crc32(json.dumps(copies).encode())


def index(numbers: list[int]) -> int:
    """Counts words and sorts them, as a search index does."""
    text = " ".join(f"word{number % 4001} of {number % 89}" for number in numbers)
    places: dict[str, list[int]] = {}
    for match in re.finditer(r"\w+", text):
        places.setdefault(match.group(), []).append(match.start())
    order = sorted(places.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return zlib.crc32(repr([(word, len(found), found[-1]) for word, found in order]).encode())


def graph(numbers: list[int]) -> int:
    """Builds a tree with links both ways and drops it."""
    nodes = [Node("root", None)]
    for number in numbers:
        nodes.append(Node(f"node {number}", nodes[number % len(nodes)]))
    depth = 0
    for node in nodes:
        while node.parent is not None:
            node = node.parent
            depth += 1
    return depth


def source(numbers: list[int]) -> int:
    """Parses and compiles functions."""
    lines = []
    for number in numbers[: len(numbers) // 20]:
        lines.append(f"def f{number}(a, b={number % 17}):")
        lines.append(f"    return [a + b * {number % 5} for _ in range({number % 13})] or (a, b)")
    text = "\n".join(lines)
    tree = ast.parse(text)
    code = compile(tree, "generated", "exec")
    return zlib.crc32(ast.dump(tree).encode()) ^ len(code.co_consts)


def main() -> None:
    checksum = 0
    for turn in range(int(sys.argv[1])):
        numbers = random_numbers(turn + 1, 12_000)
        for work in (documents, index, graph, source):
            checksum = (checksum * 31 + work(numbers)) % 2**61
        gc.collect()
    print(f"objects checksum={checksum:016x} operations={sys.argv[1]}")


if __name__ == "__main__":
    main()
