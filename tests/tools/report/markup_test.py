"""Reports are well-formed, whole, and stay inside of their pictures.

Renders the sample reports (render_samples.cc) and reads them as a browser would: every element is
closed, every number of the report is there, nothing is drawn outside of a picture or with a
negative size, and nothing is fetched from anywhere.
"""

from __future__ import annotations

import html
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Iterator, Optional

VOID = {"meta", "br", "hr", "col", "img", "link"}
SVG = "{http://www.w3.org/2000/svg}"
SIZES = ("width", "height", "r", "rx")
NO_BREAK_SPACE = "\u00a0"
HAIR = 0.02  # Places are written with two digits.

renderer = ""


class BalanceParser(HTMLParser):
    """Collects what is opened and not closed, and what would be fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Optional[str]]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "xlink:href", "action", "data"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, Optional[str]]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.wrong.append(f"<{tag}/> is open in HTML")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")


def grouped(number: float) -> str:
    return f"{number:,.0f}"


def trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def value_text(number: float) -> str:
    """What a value looks like: whole from a thousand on, two to three digits below."""
    if abs(number) >= 1000 or number == int(number):
        return grouped(number)
    if abs(number) >= 1:
        return trimmed(f"{number:.{1 if abs(number) >= 100 else 2}f}")
    return trimmed(f"{number:.3f}")


def ratio_text(ratio: float) -> str:
    return f"{ratio:.2f}×" if ratio >= 0.0995 else f"{ratio:.2g}×"


def expected_texts(numbers: str) -> Iterator[str]:
    for line in numbers.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "whole":
            yield f"{int(rest):,}"
        elif kind == "value":
            yield value_text(float(rest))
        elif kind == "ratio":
            yield ratio_text(float(rest))
        else:
            yield rest


def points_of(shape: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Yields the corners of what a shape covers."""

    def number(name: str) -> float:
        return float(shape.get(name, "0"))

    tag = shape.tag.removeprefix(SVG)
    if tag == "rect":
        yield number("x"), number("y")
        yield number("x") + number("width"), number("y") + number("height")
    elif tag == "line":
        yield number("x1"), number("y1")
        yield number("x2"), number("y2")
    elif tag == "circle":
        yield number("cx") - number("r"), number("cy") - number("r")
        yield number("cx") + number("r"), number("cy") + number("r")
    elif tag in ("polygon", "polyline"):
        for point in shape.get("points", "").split():
            x, y = point.split(",")
            yield float(x), float(y)
    elif tag == "text":
        yield number("x"), number("y")


class MarkupTest(unittest.TestCase):
    folder: tempfile.TemporaryDirectory[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([renderer, cls.folder.name], check=True)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def files(self, ending: str) -> list[Path]:
        found = sorted(Path(self.folder.name).glob("*" + ending))
        self.assertGreaterEqual(len(found), 4)
        return found

    def pictures(self) -> Iterator[tuple[str, ElementTree.Element]]:
        for path in self.files(".html") + self.files(".svg"):
            for picture in ElementTree.parse(path).getroot().iter(SVG + "svg"):
                yield path.name, picture

    def test_every_element_is_closed(self) -> None:
        for path in self.files(".html"):
            parser = BalanceParser()
            parser.feed(path.read_text(encoding="utf-8"))
            self.assertEqual(parser.wrong, [], path.name)
            self.assertEqual(parser.open, [], path.name)

    def test_nothing_is_fetched_and_nothing_runs(self) -> None:
        for path in self.files(".html"):
            text = path.read_text(encoding="utf-8")
            parser = BalanceParser()
            parser.feed(text)
            self.assertFalse(parser.tags & {"script", "iframe", "object", "link", "img"}, path.name)
            for link in parser.links:
                self.assertTrue(link.startswith("#") and link[1:] in parser.ids, link)
            for target in re.findall(r"url\(([^)]*)\)", text):
                self.assertIn(target.removeprefix("#"), parser.ids)
            self.assertNotIn("@import", text)

    def test_ids_are_used_once(self) -> None:
        for path in self.files(".html"):
            parser = BalanceParser()
            parser.feed(path.read_text(encoding="utf-8"))
            self.assertEqual(len(parser.ids), len(set(parser.ids)), path.name)

    def test_every_number_is_there(self) -> None:
        for path in self.files(".html"):
            text = html.unescape(path.read_text(encoding="utf-8")).replace(NO_BREAK_SPACE, " ")
            expected = list(expected_texts(path.with_suffix(".numbers").read_text()))
            self.assertTrue(expected or path.stem == "empty")
            for number in expected:
                pattern = r"(?<![\d,.])" + re.escape(number) + r"(?![\d,]|\.\d)"
                self.assertRegex(text, pattern, f"{path.name} lacks {number}")

    def test_every_picture_says_what_it_shows(self) -> None:
        for name, picture in self.pictures():
            if picture.get("aria-hidden") != "true":
                self.assertEqual(picture.get("role"), "img", name)
                self.assertTrue(picture.get("aria-label"), name)

    def test_every_header_of_a_table_says_what_it_is_of(self) -> None:
        for path in self.files(".html"):
            for header in re.findall(r"<th\b[^>]*>", path.read_text(encoding="utf-8")):
                self.assertRegex(header, r'scope="(row|col)"')

    def test_sizes_are_never_negative(self) -> None:
        for name, picture in self.pictures():
            for shape in picture.iter():
                for size in SIZES:
                    value = shape.get(size)
                    self.assertTrue(value is None or float(value) >= 0, f"{name} {shape.attrib}")

    def test_everything_is_inside_of_its_picture(self) -> None:
        for name, picture in self.pictures():
            if picture.get("aria-hidden") == "true":
                continue
            _, _, width, height = (float(part) for part in picture.get("viewBox", "").split())
            for shape in picture.iter():
                for x, y in points_of(shape):
                    where = f"{name}: {shape.tag} {shape.attrib}"
                    self.assertTrue(-HAIR <= x <= width + HAIR, where)
                    self.assertTrue(-HAIR <= y <= height + HAIR, where)


if __name__ == "__main__":
    renderer = sys.argv.pop(1)
    unittest.main()
