"""The layers of the runtime import no heap, no exceptions and nothing of the C++ library.

Nothing that jemalloc's hooks can reach may allocate (invariant H1); what is not even imported is
not called. What a layer may import is in symbols.txt. Static constructors are refused in the
runtime and in the hooks: the loader calls malloc before they run.

usage: symbols_test.py LAYER=FILE[,FILE...]... [--skip REASON]
"""

from __future__ import annotations

import argparse
import re
from typing import Iterator

from object_files import Symbol, sections_of, symbols_of
from tree import Finding, Skip, Tree, common_arguments, finish

LIST = "tests/static/symbols.txt"
EVERY_LAYER = "*"
NEVER = re.compile(
    r"^(malloc|calloc|realloc|reallocarray|free|cfree|posix_memalign|aligned_alloc|memalign|valloc"
    r"|pvalloc|strdup|strndup|_Zn[aw].*|_Zd[al].*|__cxa_(?!pure_virtual).*|__gxx_personality.*"
    r"|_Unwind_.*|_ZN?K?S[tsabiod].*|_ZT[ISV]S.*|_ZTVN10__cxxabiv.*|__tls_get_addr)$"
)
CONSTRUCTOR_SECTION = re.compile(r"^\.(preinit_array|init_array|ctors)\b")
CONSTRUCTOR_SYMBOL = re.compile(r"^_GLOBAL__(sub_)?I_|^__cxx_global_var_init")
Layers = dict[str, list[str]]


def is_hook(layer: str) -> bool:
    """Returns whether a layer is one of hooks/, which may import what its foreign API offers."""
    return layer.startswith("hooks")


def check_list(tree: Tree) -> Iterator[Finding]:
    for layer, (line, names) in tree.table(LIST).items():
        for name in names.split():
            if NEVER.match(name):
                yield Finding(LIST, line, f"layer '{layer}' is allowed {name}, which no layer is")


def check_imports(tree: Tree, symbols: dict[str, list[Symbol]]) -> Iterator[Finding]:
    rows = {layer: set(names.split()) for layer, (_, names) in tree.table(LIST).items()}
    ours = {symbol.name for found in symbols.values() for symbol in found if not symbol.is_import}
    for layer, found in symbols.items():
        if is_hook(layer):
            continue
        if layer not in rows:
            yield Finding(LIST, 0, f"no row for layer '{layer}'")
        allowed = rows.get(layer, set()) | rows.get(EVERY_LAYER, set())
        for symbol in found:
            if not symbol.is_import or symbol.name in allowed or symbol.name in ours:
                continue
            why = "which no layer may" if NEVER.match(symbol.name) else f"which is not in {LIST}"
            yield Finding(symbol.place, 0, f"layer '{layer}' imports {symbol.name}, {why}")


def check_constructors(layer: str, files: list[str], symbols: list[Symbol]) -> Iterator[Finding]:
    message = f"static constructor in layer '{layer}': "
    for place, section in sections_of(files):
        if CONSTRUCTOR_SECTION.match(section):
            yield Finding(place, 0, message + f"section {section}")
    for symbol in symbols:
        if CONSTRUCTOR_SYMBOL.match(symbol.name):
            yield Finding(symbol.place, 0, message + symbol.name)


def check(tree: Tree, layers: Layers) -> Iterator[Finding]:
    yield from check_list(tree)
    symbols = {layer: list(symbols_of(files)) for layer, files in layers.items()}
    yield from check_imports(tree, symbols)
    for layer, files in layers.items():
        yield from check_constructors(layer, files, symbols[layer])


def program() -> None:
    parser = argparse.ArgumentParser(parents=[common_arguments()])
    parser.add_argument("layers", nargs="*", metavar="LAYER=FILE[,FILE...]")
    parser.add_argument("--skip", metavar="REASON", help="why this build cannot be looked at")
    arguments = parser.parse_args()
    pairs = (argument.partition("=") for argument in arguments.layers)
    layers = {layer: files.split(",") for layer, _, files in pairs if files}

    def check_layers(tree: Tree) -> Iterator[Finding]:
        if arguments.skip:
            raise Skip(arguments.skip)
        return check(tree, layers)

    finish(check_layers, arguments.root)


if __name__ == "__main__":
    program()
