"""What wz offers: every public name is listed here, so that no change goes unnoticed, and has a docstring.

A change of these lists is a change of the interface, and belongs in CHANGES.md.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, ParamSpec, TypeVar

import pytest
import werkzeug.utils

import wz
from wz.lazy import MODULES as LAZY_MODULES
from wz.lazy import PACKAGE, name_of_package

#: The names of `wz` itself: what a program can use without loading an optional file.
NAMES = """
    App Blueprint Config JSON Problem Request Response
    abort after_this_request copy_current_request_context current_app g has_app_context has_request_context
    jsonify make_response redirect request stream_with_context url_for
"""

#: The names that each module writes itself.
OFFERED = {
    "wz.aio": "Coroutines ensure_sync run synchronous",
    "wz.app": "App",
    "wz.base": "BaseApp",
    "wz.blueprints": "Blueprint OWN_NAME",
    "wz.bodies": "read_whole",
    "wz.caching": "cache_control",
    "wz.chunked": "Terminated is_decoded stream",
    "wz.cli": """
        AppGroup COMMANDS Group NoAppException ScriptInfo load_app load_dotenv main pass_script_info
        routes_command run_command shell_command with_appcontext
    """,
    "wz.cli.groups": "AppGroup COMMANDS Group with_appcontext",
    "wz.cli.options": "app_option debug_option env_file_option version_option",
    "wz.cli.routes": "routes_command",
    "wz.cli.run": "run_command",
    "wz.cli.shell": "shell_command",
    "wz.compat": "ANY_TEXT AVAILABLE find_misfit",
    "wz.conditional": "Preconditions etag refuse_conditions require_if_match",
    "wz.config": "Config ConfigAttribute DEFAULT_CONFIG UNTAKEN duration get_debug_flag",
    "wz.config_attribute": "ConfigAttribute",
    "wz.context": """
        AppContext PRESERVE RequestContext active_app after_this_request current current_app
        current_request g has_app_context has_request_context request require_request url_for
    """,
    "wz.cors": "ANY CORS MAX_AGE ORIGIN",
    "wz.debughelpers": "DebugFilesKeyError ExplainedFiles explain_template_loading",
    "wz.decimals": "NUMBER Texts texts_of",
    "wz.development": "Development",
    "wz.dotenv": "get_load_dotenv load_dotenv",
    "wz.encoded_slash": "EncodedSlash MARK names_in_path restore_names",
    "wz.errors": """
        ErrorHandler ErrorHandlers ErrorHelp ErrorPage PROBLEM_TYPES Problem REQUEST_ID error_page error_response
        find_handler help_for refusal trap wants_html
    """,
    "wz.documented": "Says documented said_around",
    "wz.fast": "End HOSTS Match Matcher Node Pattern",
    "wz.dates": "parse_date with_readable_dates",
    "wz.field_errors": "DEPTH FieldError LOOKS MOST Step errors_of invalid pointer",
    "wz.flashing": "flash get_flashed_messages",
    "wz.folders": "root_path",
    "wz.forms": "form_of",
    "wz.headers": "header_name headers_of",
    "wz.helpers": "Helpers abort make_response redirect",
    "wz.http": "FORM_TYPES Globals JSON_TYPES Limit Request Response json_response reply_to to_response",
    "wz.idempotency": """
        Answers HEADER LONGEST MemoryAnswers PATIENCE PATTERN REPLAYED fingerprint idempotent key_of name_of
    """,
    "wz.jinja": """
        AppTemplates BlueprintTemplates Decorator Environment Loader Processor RouterTemplates Source follow_settings
        processors_of reloads
    """,
    "wz.json": "JSON dump dumps json jsonify load loads",
    "wz.lazy": "APP BLUEPRINT BOTH Lazy MODULES Names PACKAGE name_of_package",
    "wz.layers": "Layer Layers",
    "wz.live_server": "LiveServer",
    "wz.loading": """
        NoAppException ScriptInfo differences_of_project load_app pass_script_info reason_of put_project_on_path
    """,
    "wz.logging": "create_logger default_handler has_level_handler wsgi_errors_stream",
    "wz.naming": "Origin innermost written",
    "wz.openapi": "Content OpenAPI operation",
    "wz.openapi.document": "Document ProblemDetails",
    "wz.openapi.endpoints": "OpenAPI",
    "wz.openapi.operations": "Content Operation operation said_of",
    "wz.openapi.schema": """
        DECIMAL_IN DECIMAL_OUT JSON Schemas form_types is_response is_struct path_template returned url_values
    """,
    "wz.project": "Project current_folder",
    "wz.provider": "JSONProvider dump dumps jsonify load loads",
    "wz.pytest_plugin": "pytest_addoption wz_server wz_service",
    "wz.records": "ARRAY BrokenBody LINES MEMORY_BYTES RECORD_BYTES records",
    "wz.registries": "AppRegistries ByScope Hook HookList Registries ViewFunctions",
    "wz.reply": "Reply STATUS_LINES send",
    "wz.request_id": "KEY RequestID RequestIDFilter current_environ",
    "wz.resources": "AppResources Resources",
    "wz.routes": "AUTOMATIC Handler Kind RouteRow URLValue VALUE table",
    "wz.routing": "Hooks Map Phase Route Router RuleSpec Scope",
    "wz.running_service": "Board Hub Job PROGRAM RequestFailed Service ServiceNotFound TIMEOUT",
    "wz.serving": "HOST PORT RUN_FROM_CLI address run show_server_banner",
    "wz.sessions": """
        DEFAULT_CONFIG EXTENSION NullSession SecureCookieSession SecureCookieSessionInterface SessionInterface
        SessionMixin Sessions current_session session session_of session_transaction
    """,
    "wz.signals": """
        EXTENSION Signal Signals appcontext_popped appcontext_pushed appcontext_tearing_down before_render_template
        got_request_exception message_flashed request_finished request_started request_tearing_down template_rendered
    """,
    "wz.signing": "Signing UNCOMPRESSED around_value cookie_of signing_of",
    "wz.setup": "ReadOnce SetupError refuse_late setupmethod",
    "wz.setup_state": "BlueprintSetupState",
    "wz.sse": "COMMENT ServerSentEvent event_stream",
    "wz.static": "ENDPOINT Static StaticFolder send_file send_from_directory",
    "wz.steps": "AppSteps Step",
    "wz.stdlib_json": "NoJSON default in_utf8 plain read write",
    "wz.streaming": "Stream copy_current_request_context stream_with_context",
    "wz.tagged": """
        JSONTag PassDict PassList TagBytes TagDateTime TagDict TagMarkup TagTuple TagUUID TaggedJSONSerializer
    """,
    "wz.templates": """
        EXTENSION Name Templates context_processor get_template_attribute render_template
        render_template_string stream_template stream_template_string
    """,
    "wz.testing": "AppRunner Client EnvironBuilder",
    "wz.tracing": "Change Instruments Probe Recording STEPS Span Trace Tracer current",
    "wz.tracing.asking": "ASK Asked COMPLETE_WITHIN KEPT_WITHIN NoTrace SAFE TIMEOUT in_process kept through",
    "wz.tracing.collector": "Collector",
    "wz.tracing.commands": "asks layers trace",
    "wz.tracing.costs": "Cost measure",
    "wz.tracing.hidden": "Hidden LENGTH NAMES",
    "wz.tracing.matching": "way_of",
    "wz.tracing.onion": "TracedLayer compose",
    "wz.tracing.otlp": "Attributes CLIENT ERROR INTERNAL Node SERVER document nodes",
    "wz.tracing.probing": "LINGER Probe Switch",
    "wz.tracing.recording": "Later MAX_CALLS MAX_HEADERS Noted Place Recording current now",
    "wz.tracing.routes": "TimedRoute TimedRoutes timed",
    "wz.tracing.sending": "Sent watch",
    "wz.tracing.server_timing": "NAMES server_timing",
    "wz.tracing.source": "name_of owner_of place source_of",
    "wz.tracing.spans": "Change STEPS Span Trace Who",
    "wz.tracing.steps": "Steps twin_of",
    "wz.tracing.text": "Paint WIDTH cut draw draw_change title",
    "wz.tracing.traceparent": "Parent answer parse span_id trace_id",
    "wz.tracing.tracer": "Answer EXTENSION Instruments Tracer",
    "wz.tracing.visits": "Head Kind MAX_CHANGES Raw Visit",
    "wz.tracing.waterfall": "Row rows shares",
    "wz.typed": """
        Argument ViewFunction arguments_of bind evaluate is_list the_request with_arguments with_request
    """,
    "wz.untaken": """
        APP AppUntaken BLUEPRINT BlueprintUntaken SETTINGS Untaken UntakenWarning warn_of_setting warn_too_late
    """,
    "wz.urls": "URLBuilding",
    "wz.views": "METHODS Method MethodView View",
}


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(wz.__path__, "wz."):
        if found.name != "wz.__main__":
            yield import_module(found.name)


MODULES = {module.__name__: module for module in modules()}


def written_in(module: ModuleType) -> list[str]:
    """Return the public names that a module itself binds, without imported names and type variables."""
    names = set()
    for node in ast.parse(Path(str(module.__file__)).read_text()).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.ImportFrom():
                names |= {alias.asname for alias in node.names if alias.asname == alias.name}
    return sorted(
        name
        for name in names
        if name and name[0] != "_" and not isinstance(getattr(module, name, None), TypeVar | ParamSpec)
    )


LAZY = {name for names in PACKAGE.values() for name in names.split()}


def test_a_program_that_loads_no_optional_file_has_all_of_this() -> None:
    tree = ast.parse(Path(str(wz.__file__)).read_text())
    names = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    helpers = {"Any", "TYPE_CHECKING", "annotations", "name_of_package"}

    assert sorted(wz.__all__) == sorted(names - helpers) == sorted(NAMES.split())


def test_names_of_optional_files_are_had_from_wz_as_well() -> None:
    found = {
        name: getattr(import_module(f"wz.{module}"), name) for module in PACKAGE for name in PACKAGE[module].split()
    }

    assert [name for name, value in found.items() if getattr(wz, name) is not value] == []
    assert [name for name in LAZY_MODULES if getattr(wz, name) is not import_module(f"wz.{name}")] == []
    with pytest.raises(AttributeError, match="module 'wz' has no attribute 'nothing'"):
        _ = wz.nothing  # type: ignore[attr-defined]


def test_the_type_checker_knows_the_same_names() -> None:
    tree = ast.parse(Path(str(wz.__file__)).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = {
        (node.module, alias.name) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }

    assert imports == {(module, name) for module, names in PACKAGE.items() for name in names.split()}


def test_all_that_flask_exports_is_exported_here() -> None:
    flask = pytest.importorskip("flask")
    names = {name for name, value in vars(flask).items() if name[0] != "_" and not isinstance(value, ModuleType)}

    lazy = {name for name in LAZY if name_of_package(name) is not None}

    assert names - {*NAMES.split(), *lazy} == {"Flask", "annotations"}


def test_every_module_is_listed() -> None:
    assert MODULES.keys() == OFFERED.keys()


@pytest.mark.parametrize("name", OFFERED)
def test_what_each_module_offers(name: str) -> None:
    assert written_in(MODULES[name]) == sorted(OFFERED[name].split())


def test_no_module_uses_private_names_of_another() -> None:
    """A name with an underscore is used in its own file alone; `_typeshed` is the type checker's."""
    taken = {
        f"{name}: {alias.name} of {node.module}"
        for name, module in MODULES.items()
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
        if alias.name[0] == "_"
    }
    assert taken == set()


def public() -> Iterator[tuple[str, bool]]:
    """Yield each public class, function, method and property, and whether it has a docstring or inherits one."""
    for module in (wz, *MODULES.values()):
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__
            if name[0] == "_" or not own or not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            yield f"{module.__name__}.{name}", has_docstring(value)
            for attribute, part in vars(value).items() if inspect.isclass(value) else ():
                if attribute[0] != "_" and isinstance(part, METHODS):
                    documented = any(has_docstring(vars(cls).get(attribute)) for cls in value.__mro__)
                    yield f"{module.__name__}.{name}.{attribute}", documented


METHODS = (FunctionType, property, cached_property, werkzeug.utils.cached_property, classmethod, staticmethod)


def has_docstring(value: Any) -> bool:
    text = getattr(value, "__doc__", None) or ""
    return bool(text) and not text.startswith(f"{getattr(value, '__name__', '')}(")  # a dataclass's own


def test_every_public_name_says_what_it_is() -> None:
    found = dict(public())

    assert len(found) > 250
    assert [name for name, documented in found.items() if not documented] == []
