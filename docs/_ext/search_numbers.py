"""The guide's search finds numbers, too: whoever meets a status such as 413 looks for it.

Sphinx leaves them out of its index, and out of what is asked for: for that there is _static/search.js.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish


class EnglishWithNumbers(SearchEnglish):
    def word_filter(self, word: str) -> bool:
        """Say whether a word is in the index; a status and a port are, and a date's day is not."""
        return super().word_filter(word) or bool(re.fullmatch(r"[0-9]{3,5}", word))


def setup(app: Sphinx) -> None:
    app.add_search_language(EnglishWithNumbers)
