"""The labelled corpus of real instructions, found through SEVSPEC_DATA."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

needs_corpus = pytest.mark.skipif(
    "SEVSPEC_DATA" not in os.environ, reason="SEVSPEC_DATA is not set: the corpus of real instructions is not decoded"
)


def corpus_lines() -> list[dict[str, Any]]:
    """Its lines."""
    path = Path(os.environ["SEVSPEC_DATA"]) / "decoder" / "corpus.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
