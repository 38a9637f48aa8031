"""docs/keys.md has every key that the domains list."""

from __future__ import annotations

import pytest

from pipeline.store.keys import Key

from ..stack import REPOSITORY
from .key_tables import DOMAINS, MODULES, table

PAGE = (REPOSITORY / "docs" / "keys.md").read_text()


@pytest.mark.parametrize("title", DOMAINS)
def test_the_page_has_the_keys_of(title: str) -> None:
    section = PAGE.partition(f"\n## {title}\n\n")[2].partition("\n## ")[0]

    assert table(DOMAINS[title]) in section, "write what `python -m tests.docs.key_tables` prints"


@pytest.mark.parametrize("title", DOMAINS)
def test_no_key_is_declared_and_not_listed(title: str) -> None:
    declared = {value for value in vars(MODULES[title]).values() if isinstance(value, Key)}

    assert declared == set(DOMAINS[title])


def test_no_two_keys_have_one_name() -> None:
    names = [key.pattern for keys in DOMAINS.values() for key in keys]

    assert len(names) == len(set(names))
