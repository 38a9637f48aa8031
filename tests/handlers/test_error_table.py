"""handlers/error_table.py says what each error of the domain is in HTTP, but for those that no request meets."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pipeline
from handlers import error_table
from handlers.error_table import PROBLEMS
from handlers.hub.xml_errors import _KINDS
from handlers.readers import TooManyReaders
from pipeline.errors import PipelineError

#: What workers and commands tell, what a page shows, and what becomes another error before it leaves the domain.
NOT_ANSWERED = {
    "CannotImport",
    "DeadLettersFull",
    "DemoBusy",
    "DemoPlays",
    "DemoTaken",
    "FunctionError",
    "InvalidCase",
    "InvalidConfig",
    "InvalidConnectionString",
    "InvalidFile",
    "InvalidLine",
    "InvalidLines",
    "InvalidProject",
    "InvalidSetting",
    "NoDemo",
    "NoMemoryForDeadLetter",
    "NotNow",
    "OtherForm",
    "PartitionCountChanged",
    "QueryError",
    "Refused",
    "RuleExists",
    "SignatureExpired",
    "StaleShard",
    "Unavailable",
    "UnknownRule",
    "UpstreamRefused",
    "UpstreamUnavailable",
    "WrongFunction",
}


def below(error: type[Exception]) -> Iterator[type[Exception]]:
    for leaf in error.__subclasses__():
        yield leaf
        yield from below(leaf)


def test_every_error_of_the_domain_has_a_status_or_meets_no_request() -> None:
    for module in walk_packages(pipeline.__path__, "pipeline."):
        import_module(module.name)
    errors = {error for error in below(PipelineError) if error.__module__.startswith("pipeline.")}

    answered = {error for error in errors if not {*PROBLEMS, *_KINDS}.isdisjoint(error.__mro__)}
    assert {error.__name__ for error in errors - answered} == NOT_ANSWERED


def test_errors_that_are_answered_elsewhere_are_named_above_the_table() -> None:
    elsewhere = {error for error in _KINDS if issubclass(error, PipelineError)} - PROBLEMS.keys() | {TooManyReaders}

    assert {error.__name__ for error in elsewhere if error.__name__ not in (error_table.__doc__ or "")} == set()
