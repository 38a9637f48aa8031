"""What a query of Prometheus uses, and which labels its result has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import promql_parser as promql

#: The labels that Prometheus gives to every sample that it scrapes.
OF_TARGETS = frozenset({"instance", "job"})


def selectors(expr: promql.Expr) -> Iterator[promql.VectorSelector]:
    """Yield all selectors of metrics in an expression."""
    if isinstance(expr, promql.VectorSelector):
        yield expr
    if isinstance(expr, promql.MatrixSelector):
        yield expr.vector_selector
    for part in _parts(expr):
        yield from selectors(part)


def labels_of(expr: promql.Expr, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the labels of a result; `known` has those of each metric. Raises AssertionError for one that is not there.

    Aggregations name their labels with `by`; what is joined has the labels of its left side.
    """
    if isinstance(expr, promql.VectorSelector):
        assert expr.name in known, f"there is no metric {expr.name}"
        used = {matcher.name for matcher in expr.matchers.matchers}
        assert used <= known[expr.name], f"{expr.name} has no {used - known[expr.name]}"
        return known[expr.name]
    if isinstance(expr, promql.MatrixSelector):
        return labels_of(expr.vector_selector, known)
    if isinstance(expr, promql.NumberLiteral | promql.StringLiteral):
        return frozenset()
    if isinstance(expr, promql.ParenExpr):
        return labels_of(expr.expr, known)
    if isinstance(expr, promql.AggregateExpr):
        its = labels_of(expr.expr, known)
        by = frozenset(expr.modifier.labels) if expr.modifier else frozenset()
        assert by <= its, f"{expr.prettify()}: there is no label {by - its}"
        return by
    if isinstance(expr, promql.Call):
        (its,) = {labels_of(part, known) for part in expr.args if not isinstance(part, promql.NumberLiteral)}
        if expr.func.name == "histogram_quantile":
            assert "le" in its, expr.prettify()
            return its - {"le"}
        return its
    assert isinstance(expr, promql.BinaryExpr), expr
    left, right = labels_of(expr.lhs, known), labels_of(expr.rhs, known)
    assert not left or not right or left == right, f"{expr.prettify()}: {set(left)} never match {set(right)}"
    return left or right


def _parts(expr: promql.Expr) -> list[promql.Expr]:
    if isinstance(expr, promql.BinaryExpr):
        return [expr.lhs, expr.rhs]
    if isinstance(expr, promql.Call):
        return list(expr.args)
    return [expr.expr] if isinstance(expr, promql.AggregateExpr | promql.ParenExpr) else []
