"""sevspec, the front door: look rules up, decode logs, and (other verbs) prove, step, launch and write vectors.

The Python interface, kept stable:

- `sevspec.catalogue.catalogue()`: transitions with their ordered checks, invariants, knobs, results, page states;
- `sevspec.topics.explain(name)`: what `sevspec explain NAME` prints, as data;
- `sevspec.raw_entry.decoded(low, high)`: a raw RMP entry as kernels log it;
- `sevspec.kernel_log.explained(lines)`: the explained lines of a kernel log;
- `sevspec.launch.request.prepare(request)` and `sevspec.launch.drive.launch(plan)`: what `sevspec launch` does;
- `sevspec.observations.verdicts()`: what the model says of each recorded hardware observation.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("sevspec")
except PackageNotFoundError:  # run from a source tree that was not installed
    __version__ = "0+source"
