"""z3 over the specification: symbolic execution, invariants proved inductively, mutants, and counterexamples."""
