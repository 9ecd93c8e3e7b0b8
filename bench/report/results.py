"""The JSON file of a suite. It is there only if the suite ran to its end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from report.vocabulary import Row


def row_as_json(row: Row) -> dict[str, Any]:
    """Returns a row with the keys that every reader may rely on first."""
    fields: dict[str, Any] = {
        "case": row.case,
        "variant": row.variant,
        "value": row.value,
        "unit": row.unit,
        "ratio": row.ratio,
        "metric": row.metric,
        "role": row.role,
        "rounds": row.rounds,
    }
    if row.spread:
        fields["spread"] = list(row.spread)
    if row.ratio_spread:
        fields["ratio_spread"] = list(row.ratio_spread)
    return fields


def write(path: Path, document: dict[str, Any]) -> None:
    """Writes the document whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(document, indent=1) + "\n")
    os.replace(draft, path)


def remove(path: Path) -> None:
    """Removes what an earlier run left."""
    path.unlink(missing_ok=True)
    path.with_suffix(".tmp").unlink(missing_ok=True)
