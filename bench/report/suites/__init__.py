"""All suites, by name. A new one is a module of this folder and a line here."""

from __future__ import annotations

from report.suite import Suite
from report.suites.frames import FRAMES
from report.suites.library import DOMAINS, WINDOWS
from report.suites.malloc import MALLOC
from report.suites.metadata import METADATA
from report.suites.populate import POPULATE
from report.suites.sim import SIM
from report.suites.sodium import SODIUM

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (MALLOC, METADATA, FRAMES, WINDOWS, DOMAINS, POPULATE, SODIUM, SIM)
}
