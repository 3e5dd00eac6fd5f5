"""What the model says of facts that real machines printed (tests/data/hardware)."""

from sevspec.observations.judged import Verdict, table, verdicts
from sevspec.observations.recorded import Observation, recorded

__all__ = ["Observation", "Verdict", "recorded", "table", "verdicts"]
