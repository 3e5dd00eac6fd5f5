"""The names of checks and causes, read from the syntax tree of a rule."""

import ast


def cause_name(node: ast.expr) -> str | None:
    """The name of a cause `("name", condition)`."""
    if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant):
        return node.elts[0].value if isinstance(node.elts[0].value, str) else None
    return None


def check_name(node: ast.If) -> str:
    """The check's name where its outcome says it, else its condition."""
    for inner in ast.walk(ast.Module(node.body, [])):
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "Outcome" and len(inner.args) > 1:
            if isinstance(inner.args[1], ast.Constant):
                return str(inner.args[1].value)
    for inner in ast.walk(ast.Module(node.body, [])):
        if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Call):
            said = [a.value for a in inner.value.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if said:  # a shared way to end that is told the check's name
                return said[0]
    for inner in ast.walk(node.test):
        if isinstance(inner, ast.NamedExpr) and isinstance(inner.value, ast.Call):
            called = ast.unparse(inner.value.func)
            return (
                called
                if called != "first_of"
                else "first_of " + ", ".join(filter(None, map(cause_name, inner.value.args)))
            )
    return ast.unparse(node.test)
