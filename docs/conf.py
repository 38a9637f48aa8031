"""How the guide is built: `make docs`. What Sphinx, MyST and furo don't do is in `_ext`, a file for each thing.

Nothing that a page needs is on another host, and no page has a script inside it: `script-src 'self'` holds.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]  # `_ext`, and bench/figures.py

project = html_title = "wz"
extensions = [
    "myst_parser",
    "_ext.code_links",
    "_ext.generated",
    "_ext.step",
    "_ext.figures",
    "_ext.built_pages",
    "_ext.search_numbers",
]
templates_path = ["_templates"]
exclude_patterns = ["_ext", "_static", "_templates", "tour/environs/*.md"]  # the last are parts of pages

# `make docs` makes errors of warnings.
nitpicky = True
show_warning_types = True
suppress_warnings = [
    "myst.header",  # a choice in docs/decisions is ### below #; the page made of it has a h2
    "misc.highlighting_failure",  # `curl -d '{` over two lines is no mistake; tests/docs holds the languages of fences
]

myst_heading_anchors = 4  # GitHub's own slugs, so that a link to a heading works there, too
myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_url_schemes = ["http", "https", "mailto", "code"]  # code: is made by _ext/code_links.py

html_theme = "furo"
html_theme_options = {
    "source_edit_link": "",
    "source_view_link": "",
    "footer_icons": [],
    "dark_css_variables": {"color-highlight-on-target": "#3d3a14"},
}
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_js_files = ["from-folder.js", "search.js"]
html_favicon = "_static/icon.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_use_index = False

# furo's own colours of code have too little contrast; these come with it, too.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
