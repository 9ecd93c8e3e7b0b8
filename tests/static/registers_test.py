"""No function of a library writes PKRU with what does not come from PKRU.

usage: registers_test.py LIBRARY

A scope of the gate reads the register, changes bits of it and writes it. So whatever reaches a
WRPKRU has to come from an RDPKRU of the same function, on every path: not from an argument, a
constant or a call. Code that is not optimised keeps it out of registers; it is not looked at.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Iterator, Optional

from object_files import run
from tree import Finding, Skip, Tree, common_arguments, finish

FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:$")
INSTRUCTION = re.compile(r"^\s+([0-9a-f]+):\s+(?:(?:notrack|rep|repz|lock|bnd) )*(\S+)\s*(.*)$")
TARGET = re.compile(r"^([0-9a-f]+) <")
WORD_REGISTER = re.compile(r"^%([re]?)(ax|bx|cx|dx|si|di|bp|sp)$")
NEW_REGISTER = re.compile(r"^%(r\d+)d?$")
STACK_SLOT = re.compile(r"^-?0x[0-9a-f]+\(%r[bs]p\)$|^\(%rsp\)$")
# What a call may change. Source: System V ABI, AMD64 supplement, 3.2.1.
SCRATCH = frozenset({"ax", "cx", "dx", "si", "di", "r8", "r9", "r10", "r11"})
# Both operands go into the result.
MIXING = re.compile(r"^(and|or|xor|add|sub|bt[src])[lq]?$")
PADDING = re.compile(r"^(nop[wl]?|cs|data16|xchg)$")
ENDING = re.compile(r"^(ret|jmp|ud2|hlt)q?$")

Holders = frozenset[str]


@dataclass
class Function:
    """The instructions of one function: their address, name and operands."""

    name: str
    code: list[tuple[str, str, list[str]]] = field(default_factory=list)


def functions_of(text: str) -> Iterable[Function]:
    """Reads what objdump prints. What is rarely reached lies elsewhere and belongs to the rest."""
    functions: dict[str, Function] = {}
    function = Function("")
    for line in text.splitlines():
        begun = FUNCTION.match(line)
        if begun:
            name = begun.group(2).removesuffix(".cold")
            function = functions.setdefault(name, Function(name))
            function.code.append((f"before {begun.group(1)}", "ud2", [""]))
        found = INSTRUCTION.match(line)
        if found:
            operands = re.split(r",(?![^(]*\))", found.group(3).split("#")[0].strip())
            function.code.append((found.group(1), found.group(2), operands))
    return functions.values()


def place_of(operand: str) -> Optional[str]:
    """Returns the name of a register, whatever part of it is meant, or of a slot of the stack."""
    for pattern, group in ((WORD_REGISTER, 2), (NEW_REGISTER, 1)):
        found = pattern.match(operand)
        if found:
            return found.group(group)
    return operand if STACK_SLOT.match(operand) else None


def after(holders: Holders, name: str, operands: list[str]) -> Holders:
    """Returns which places hold a value of PKRU's after an instruction, if `holders` do before."""
    if name == "rdpkru":
        return holders | {"ax"}
    if name.startswith("call"):
        return holders - SCRATCH
    if name == "cpuid":
        return holders - {"ax", "bx", "cx", "dx"}
    if name.startswith(("test", "cmp", "wrpkru", "j", "nop", "push")):
        return holders
    target = place_of(operands[-1])
    if target is None:
        return holders
    sources = [place_of(operand) for operand in operands[:-1]]
    is_zero = name.startswith("xor") and sources == [target]
    comes_from = any(source in holders for source in sources) and not is_zero
    if MIXING.match(name) and not is_zero:
        comes_from = comes_from or target in holders
    elif not name.startswith("mov") and not name.startswith("cmov"):
        comes_from = False
    return holders | {target} if comes_from else holders - {target}


def next_of(function: Function, at: int, places: dict[str, int]) -> Iterator[int]:
    """Yields where execution may go on."""
    _, name, operands = function.code[at]
    target = TARGET.match(operands[0]) if name.startswith("j") else None
    if target and target.group(1) in places:
        yield places[target.group(1)]
    if not ENDING.match(name) and at + 1 < len(function.code):
        yield at + 1


def wrong_writes(function: Function) -> Iterator[str]:
    """Yields the address of each WRPKRU whose value may come from elsewhere."""
    places = {address: at for at, (address, _, _) in enumerate(function.code)}
    reached = {at for here in range(len(function.code)) for at in next_of(function, here, places)}
    # What nothing leads to is the beginning, or led to by a table of addresses, or padding.
    known: dict[int, Holders] = {
        at: frozenset() for at, (_, name, _) in enumerate(function.code)
        if at not in reached and not PADDING.match(name)}
    work = list(known)
    while work:
        at = work.pop()
        _, name, operands = function.code[at]
        leaving = after(known[at], name, operands)
        for following in next_of(function, at, places):
            joined = leaving & known[following] if following in known else leaving
            if known.get(following) != joined:
                known[following] = joined
                work.append(following)
    for at, (address, name, _) in enumerate(function.code):
        if name == "wrpkru" and "ax" not in known.get(at, frozenset()):
            yield address


def check(library: str) -> Iterator[Finding]:
    writes = 0
    for function in functions_of(run("objdump", "-d", "--no-show-raw-insn", library)):
        names = [name for _, name, _ in function.code]
        writes += names.count("wrpkru")
        for address in wrong_writes(function) if "wrpkru" in names else ():
            yield Finding(Path(library).name, 0, f"{function.name}, {address}: what WRPKRU writes "
                          "does not come from RDPKRU")
        if any(name.startswith("xrstor") for name in names):
            yield Finding(Path(library).name, 0, f"{function.name}: XRSTOR writes any register")
    if writes == 0:
        yield Finding(Path(library).name, 0, "no WRPKRU at all: is this the library?")


def program() -> None:
    parser = argparse.ArgumentParser(parents=[common_arguments()])
    parser.add_argument("library", nargs="?")
    arguments = parser.parse_args()

    def check_library(_: Tree) -> Iterator[Finding]:
        if arguments.library is None:
            raise Skip("there is no optimised library in this build")
        return check(arguments.library)

    finish(check_library, arguments.root)


if __name__ == "__main__":
    program()
