"""Every code block of the pages, and which test runs it: a row here, or a comment before the block.

A block is in one of these, and tests/docs/test_code_blocks.py says which blocks are in none:

- a row of `RUN_BY` names the test that runs it;
- it is a whole program in Python, which test_code_blocks.py runs in an empty folder, or data (JSON, TOML, INI, XML),
  which it reads;
- `<!-- from: tests/wz/test_hooks.py -->` before it: it is in that file, word for word, but for lines that are `...`;
- `<!-- not run: a reason -->` before it.

A block of `text` is none of code. The site shows no comment.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from .markdown import Block, blocks_of
from .repository import FILES, ROOT

#: CHANGES.md tells what was.
PAGES = sorted(path for path in FILES if path.suffix == ".md" and path.name != "CHANGES.md")

BLOCKS = [block for page in PAGES for block in blocks_of(page.read_text(), str(page.relative_to(ROOT)))]


class Row(NamedTuple):
    """Blocks in some languages that have `part` in them, and the test that runs them; `page` may have `*` in it."""

    page: str
    languages: str
    test: str
    part: str = ""

    def has(self, block: Block) -> bool:
        return (
            fnmatchcase(block.page, self.page)
            and block.language in self.languages.split()
            and self.part in f"{block.info}\n{block.source}"
        )


_README = "tests/docs/test_readme.py"
_BOARDS = "tests/docs/test_boards.py"
_CLIENTS = "tests/docs/test_clients.py"
_LIFE = "tests/docs/test_life.py"
_DEPLOY = "tests/docs/test_deploy.py"
_GUIDE = "tests/deploy/test_nginx_guide.py"
_WINDOWS = "tests/docs/test_windows.py"
_MACHINE = "tests/deploy/machine.py::main"  # needs root, and is not part of the suite
_EXAMPLE = "tests/test_distribution.py::test_readme_s_first_example_answers_in_an_empty_environment"
_ORIGIN = "tests/console/test_cross_origin.py"
_MOVED = "tests/examples/test_moved_programs.py"
_COMMANDS = "test_the_commands_print_what_the_page_says"
_OVER_TLS = f"{_CLIENTS}::test_each_program_s_events_are_stored_over_tls"
_TRACED = "tests/docs/test_console.py::test_what_the_pages_have_traced_is_there"
_TRACE = "tests/tour/test_pages.py::test_the_trace_shows_what_the_answer_says"
_PRINTED = "tests/tour/test_pages.py::test_its_commands_print_what_it_says"
_ONE = "tests/tour/test_01_function.py"
_HOOKS = "tests/tour/test_06_hooks.py"
_CONTEXT = "tests/tour/test_07_context.py"
_LAYERS = "tests/tour/test_08_middleware.py"
_OR_NOT = "tests/tour/test_09_layer_or_not.py"
_EDGE = "tests/tour/test_11_nginx.py"
_TEN = "tests/tour/test_10_gunicorn.py"
_FORK = "test_a_connection_that_crosses_a_fork_gives_each_the_other_s_answer"
_SAS = "tests/tour/test_sas.py"
_SUMS = "tests/tour/test_sums.py"
_EVENT = "tests/tour/test_event.py"
_VARIABLES = "tests/docs/test_code_blocks.py::test_variables_that_a_page_sets_are_set"

RUN_BY = [
    Row("README.md", "python", _EXAMPLE),
    Row("README.md", "console", _EXAMPLE, "env/bin/wz"),
    Row("README.md", "console", f"{_README}::test_make_has_what_it_names", "make up"),
    Row("docs/start.md", "console", f"{_README}::test_it_shows_what_make_up_prints", "make up"),
    Row("docs/boards.md", "bash", f"{_BOARDS}::test_the_function_of_bash_sends_a_token_unless_there_is_one"),
    Row("docs/boards.md", "console", f"{_BOARDS}::{_COMMANDS}"),
    Row("docs/boards.md", "pycon", f"{_BOARDS}::test_the_python_prints_what_the_page_says"),
    Row("docs/clients.md", "bash", _OVER_TLS, "export HUB="),
    Row("docs/clients.md", "bash", _OVER_TLS, "keytool"),
    Row("docs/clients.md", "bash python js go java powershell", _OVER_TLS, "send"),
    Row("docs/clients.md", "js", _OVER_TLS, "// hub.mjs"),
    Row("docs/clients.md", "bash", f"{_CLIENTS}::test_the_origins_of_a_page_are_origins", "WZ_CORS_ORIGINS"),
    Row(
        "docs/clients.md", "html", f"{_ORIGIN}::test_a_page_of_a_named_origin_sends_and_follows_and_another_is_refused"
    ),
    Row("docs/clients.md", "c", f"{_CLIENTS}::test_the_c_program_sends_as_a_publisher", "/* send.c */"),
    Row("docs/clients.md", "c", f"{_CLIENTS}::test_the_token_of_mbedtls", "/* token.c"),
    Row("docs/clients.md", "bash", f"{_CLIENTS}::test_a_client_that_calls_azure_is_led_here_by_the_machine", "--tls"),
    Row("docs/clients.md", "bash js python", f"{_CLIENTS}::test_a_client_that_calls_azure_is_led_here", "8443"),
    Row("docs/deploy.md", "console", _MACHINE),
    Row("docs/deploy.md", "sh", _MACHINE, "/etc/wz/nginx.d"),
    Row("docs/deploy.md", "sh", f"{_DEPLOY}::test_the_address_of_sentinels_is_one", "sentinel"),
    Row("docs/deploy.md", "nginx", f"{_DEPLOY}::test_nginx_takes_the_lines_for_a_balancer"),
    Row("docs/deploy.md", "sh", f"{_DEPLOY}::test_the_secrets_of_the_containers_are_made", "podman"),
    Row("docs/deploy.md", "sh", f"{_GUIDE}::test_the_lines_of_the_page_put_it_where_nginx_looks", "/opt/wz/.site"),
    Row("docs/event/index.md", "console", f"{_EVENT}::test_the_steps_print_what_the_page_says"),
    Row("docs/event/index.md", "python", f"{_EVENT}::test_exercise_1_averages_as_the_engine_does", "def partial"),
    Row(
        "docs/event/index.md", "python", f"{_EVENT}::test_exercise_2_a_silent_partition_holds_nothing_back", "def idle"
    ),
    Row("docs/from-flask.md", "python", "tests/examples/test_from_flask.py::test_a_block_runs"),
    Row("docs/from-flask.md", "diff", f"{_MOVED}::test_sqlite_web_answers_as_on_flask", "sqlite_web/"),
    Row("docs/from-flask.md", "diff", f"{_MOVED}::test_rq_dashboard_answers_as_on_flask", "rq_dashboard/"),
    Row("docs/hub.md", "console json", f"tests/docs/test_hub.py::{_COMMANDS}"),
    Row("docs/hub.md", "bash", _VARIABLES, "all=$("),
    Row("docs/layers.md", "console", "tests/docs/test_layers.py::test_a_request_is_traced_as_the_page_says"),
    Row("docs/life/*.md", "http", f"{_LIFE}::test_a_new_recording_has_the_same_stations_and_bytes"),
    Row("docs/life/index.md", "console", f"{_LIFE}::test_the_command_of_the_page_draws_the_request"),
    Row("docs/scaling-boards.md", "nginx", "tests/docs/test_scaling.py::test_an_answer_is_kept_for_who_has_asked"),
    Row("docs/sas/index.md", "console", f"{_SAS}::test_the_request_of_the_notes_is_answered_201_and_stored"),
    Row("docs/sas/index.md", "python", f"{_SAS}::test_exercise_1_takes_either_key", "the secondary"),
    Row("docs/sas/index.md", "python", f"{_SAS}::test_exercise_2_takes_addresses_as_clients_write_them", "segments("),
    Row("docs/sums/index.md", "console", f"{_SUMS}::test_the_steps_print_what_the_page_says"),
    Row("docs/sums/index.md", "python", f"{_SUMS}::test_exercise_1_reaches_a_share", "def reach"),
    Row(
        "docs/sums/index.md",
        "python",
        f"{_SUMS}::test_exercise_2_merges_a_page_when_it_is_half_empty",
        "def scores_of",
    ),
    Row("docs/testing.md", "python ini", "tests/test_pytest_plugin.py::test_the_page_s_project_passes"),
    Row("docs/tour/index.md", "console", _PRINTED),
    Row("docs/tour/0?_*.md", "console", _PRINTED, "curl"),
    Row("docs/tour/12_wz.md", "console", _PRINTED, "curl"),
    Row("docs/tour/01_*.md", "python", f"{_ONE}::test_gunicorn_runs_the_least_that_there_is", "204 No Content"),
    Row("docs/tour/0[1-5]_*.md", "console", _TRACE, "wz --app"),
    Row("docs/tour/0[1-5]_*.md", "python", "tests/tour/test_exercises.py::test_an_answer_breaks_nothing"),
    Row("docs/tour/06_hooks.md", "console", _TRACE, "wz --app"),
    Row("docs/tour/06_hooks.md", "python", f"{_HOOKS}::test_an_id_by_two_hooks", "def tell_id"),
    Row("docs/tour/06_hooks.md", "python", f"{_HOOKS}::test_an_after_hook_that_fails", "class Careful"),
    Row("docs/tour/07_context.md", "console", _TRACE, "wz --app"),
    Row("docs/tour/07_context.md", "python", f"{_CONTEXT}::test_a_generator_may_keep_the_context", "keeping_context"),
    Row(
        "docs/tour/07_context.md", "python", f"{_CONTEXT}::test_a_thread_of_a_view_begins_with_nothing", "start_beside"
    ),
    Row("docs/tour/08_middleware.md", "console", _TRACE, "wz --app"),
    Row(
        "docs/tour/08_middleware.md", "python", f"{_LAYERS}::test_what_a_layer_sees_depends_on_its_place", "access_log"
    ),
    Row("docs/tour/08_middleware.md", "python", f"{_LAYERS}::test_a_refusal_of_a_layer_has_an_id", "def limited"),
    Row("docs/tour/09_layer_or_not.md", "console", _TRACE, "wz --app"),
    Row(
        "docs/tour/09_layer_or_not.md",
        "python",
        f"{_OR_NOT}::test_an_answer_that_needs_no_session_has_no_cookie",
        "session_layer",
    ),
    Row("docs/tour/09_layer_or_not.md", "python", f"{_OR_NOT}::test_a_page_is_as_long_as_it_says", "filled_in"),
    Row("docs/tour/09_layer_or_not.md", "python", f"{_OR_NOT}::test_a_file_outside_of_the_folder_is_a_404", "def file"),
    Row(
        "docs/tour/09_layer_or_not.md", "python", f"{_OR_NOT}::test_the_cookie_can_be_read_without_the_key", "def read"
    ),
    Row(
        "docs/tour/09_layer_or_not.md",
        "python",
        f"{_OR_NOT}::test_a_file_that_the_client_has_is_not_sent_again",
        "def shared",
    ),
    Row("docs/tour/12_wz.md", "console", _TRACE, "wz --app"),
    Row("docs/tour/12_wz.md", "python", "tests/tour/test_12_wz.py::test_an_after_hook_is_given_a_response"),
    Row("docs/tour/10_*.md", "console", f"{_TEN}::test_each_stage_serves", "1_listen.conf.py"),
    Row("docs/tour/10_*.md", "console", f"{_TEN}::{_FORK}", "fork.py"),
    Row("docs/tour/10_*.md", "console", f"{_TEN}::test_preload_app_has_workers_share_a_connection", "echo:app"),
    Row("docs/tour/10_*.md", "console", _TRACED, "wz trace"),
    Row("docs/windows.md", "console", f"{_WINDOWS}::{_COMMANDS}"),
    Row("docs/windows.md", "sql", f"{_WINDOWS}::test_the_queries_are_the_jobs_and_one_of_azures_diagnostics"),
    Row("docs/windows.md", "toml", f"{_WINDOWS}::test_its_job_toml_is_one"),
    Row("docs/windows.md", "text", f"{_WINDOWS}::test_the_error_that_it_shows_is_the_one_that_comes"),
    Row("docs/windows.md", "bash", _VARIABLES, "all=$("),
    Row(
        "examples/flaskr/README.md",
        "console",
        "tests/examples/test_flaskr.py::test_a_visitor_registers_writes_changes_and_deletes",
    ),
    Row("examples/suite/README.md", "console", "tests/examples/test_suite.py::test_a_copy_passes_over_all_layers"),
    Row("docs/tour/11_nginx.md", "console", f"{_EDGE}::test_the_page_s_commands_serve", "1_relay.conf"),
    Row("docs/tour/11_nginx.md", "console", f"{_EDGE}::test_an_experiment_with_nginx", "experiments.py"),
    Row("docs/tour/11_nginx.md", "console", _TRACED, "wz trace"),
    Row("docs/tour/11_nginx.md", "python", f"{_EDGE}::test_half_of_an_answer"),
    Row("docs/tour/11_nginx.md", "nginx", f"{_EDGE}::test_a_location_for_larger_bodies"),
]


def rows_of(block: Block) -> list[Row]:
    return [row for row in RUN_BY if row.has(block)]


def _read_ini(text: str) -> None:
    configparser.ConfigParser().read_string(text)


#: How data of a language is read. Each raises a ValueError, or one that stands for it.
READERS: Mapping[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "ini": _read_ini,
    "xml": ElementTree.fromstring,
}


def is_program(block: Block) -> bool:
    return block.language == "python" and not block.mark and not rows_of(block)


def is_data(block: Block) -> bool:
    return block.language in READERS and not block.mark and not rows_of(block)


def problem(block: Block) -> str:
    """Say what is wrong with where the block stands; an empty text if nothing is."""
    claimed = bool(rows_of(block)) or is_program(block) or is_data(block)
    if not block.language:
        return "name its language: ```console, ```python, ```text ..."
    if block.language == "text" and not block.mark:
        return ""
    if not (claimed or block.mark):
        return "no test runs it: add a row to tests/docs/code_blocks.py, or <!-- not run: why --> before it"
    if block.mark and rows_of(block):
        return "a test runs it, so it needs no mark"
    if block.mark == "not run" and len(block.reason.split()) < 3:
        return "say why it is not run"
    if block.mark == "from" and not is_excerpt(block):
        return f"these lines are not in {block.reason}"
    return ""


def is_excerpt(block: Block) -> bool:
    """Say whether the block's lines are in the file that it names, in this order; one that is `...` stands for any."""
    path = ROOT / block.reason
    if not path.is_file():
        return False
    rest = "\n".join(line.strip() for line in path.read_text().splitlines())
    for part in re.split(r"^ *(?:# )?\.\.\. *$", block.source, flags=re.MULTILINE):
        wanted = "\n".join(line.strip() for line in part.strip().splitlines())
        _, found, rest = rest.partition(wanted)
        if not found:
            return False
    return True


def functions(file: Path) -> set[str]:
    return set(re.findall(r"^def (\w+)\(", file.read_text(), re.MULTILINE))
