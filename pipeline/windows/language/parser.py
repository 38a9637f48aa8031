"""Reads the text of a query into the values of syntax.py. The language is the part of Stream Analytics' given here.

    query      = {table} statement {[;] statement} [;]
    table      = CREATE TABLE name ( name type {, name type} ) [;]
    statement  = [WITH step {, step}] union
    step       = name AS ( union )
    union      = member {UNION [ALL] member}
    member     = select | ( union )
    select     = SELECT [ALL] item {, item} [INTO name] FROM source {join | apply}
                 [WHERE expression] [GROUP BY key {, key}] [HAVING expression]

    item       = * | name {. name} . * | name = expression | expression [[AS] name | AS 'text']
    source     = name [[AS] name] {TIMESTAMP BY expression [OVER expression {, expression}]
                                   | PARTITION BY column [INTO n]}
    join       = [INNER | LEFT [OUTER]] JOIN source ON expression
    apply      = (CROSS | OUTER) APPLY (GetArrayElements | GetRecordProperties) ( expression ) [AS] name
    key        = expression | window | System.Timestamp() | Windows ( member {, member} )
    member     = window | System.Timestamp() | Window ( 'id' , window | System.Timestamp() )

    window     = TumblingWindow ( span(Duration) [, span(Offset)] )
               | HoppingWindow ( span(Duration) , span(Hop) [, span(Offset)] )
               | SlidingWindow ( span(Duration) )
               | SessionWindow ( span(Timeout) , span(MaxDuration) ) [OVER ( PARTITION BY expression {, expression} )]
    span(Name) = Name ( unit , n )
                 or, for all spans of a window at once, ( unit , n {, n} )
                 The functions may be written without "Window": Tumbling(minute, 5).

    expression = expression OR expression                                      weakest
               | expression AND expression
               | NOT expression
               | expression = expression       and <> != < <= > >= !< !>
               | expression [NOT] LIKE expression [ESCAPE expression]
               | expression [NOT] BETWEEN expression AND expression
               | expression [NOT] IN ( expression {, expression} )
               | expression IS [NOT] NULL      none of these twice in a row
               | expression + expression       and - & | ^
               | expression * expression       and / %
               | - expression                  and + ~                         strongest
               | ( expression ) {. name} | NULL | number | 'text' | column | call
               | CASE [expression] WHEN expression THEN expression {WHEN ...} [ELSE expression] END
               | (CAST | TRY_CAST) ( expression AS type ) {. name}
    column     = name {. name}
    type       = bigint | float | nvarchar [( max )] | datetime | bit | record | array
    call       = name {. name} ( [[ALL | DISTINCT] argument {, argument}] ) [OVER ( {clause} )] {. name}
    argument   = expression
               | *                     as the first argument only; windows/functions.py
               | unit                  has the functions that take each of these three
               | unit , n
    clause     = PARTITION BY expression {, expression}                        each once, in any order
               | ORDER BY expression [ASC | DESC] {, expression [ASC | DESC]}
               | LIMIT DURATION ( unit , n )
               | WHEN expression

    name       = a word that is not reserved, or [any text] or "any text"; after a dot, any word. In such a text, what
                 closes it is written twice: ]] is a bracket.
    number     = 12, a bigint; 1.5, .5, 1e3, 1.5e-3, a float
    text       = 'it''s' or N'it''s'
    unit       = a unit's name or abbreviation in time_units.py, which also says which ones windows and ISFIRST take
                 (`of_windows`), and which ones LIMIT DURATION (`of_limits`)
    comment    = -- to the end of the line, or /* ... */

Keywords, functions and units ignore case. Durations are above 0 and 7 days at most. What T-SQL or Stream Analytics has
beyond this (CREATE FUNCTION, MATCH_RECOGNIZE, SELECT in SELECT, ...) is refused by its name; it is never taken for
something else.
"""

from __future__ import annotations

from ..functions import CAST, FUNCTIONS, TIMESTAMP, TRY_CAST, kind_of
from . import syntax
from .durations import integer
from .expression_parser import ExpressionParser
from .refusals import means_window, unknown_window
from .token_reader import NAMES, TokenReader, is_element
from .tokens import QueryError
from .window_parser import WindowParser

DEFAULT_OUTPUT = "output"


def parse(text: str) -> syntax.Query:
    """Read a query. Raises `QueryError`."""
    return _QueryParser(text).query()


class _QueryParser:
    """Reads statements and their clauses."""

    def __init__(self, text: str) -> None:
        self._tokens = TokenReader(text)
        self._expressions = ExpressionParser(self._tokens)
        self._windows = WindowParser(self._tokens, self._expressions)
        self._into: str | None = None  # of the statement that is being read
        self._items = 0  # of the SELECT that is being read, so far
        self._may_follow = ""  # what may follow the SELECT that was read last, in words

    def query(self) -> syntax.Query:
        tables = []
        while self._tokens.accept("CREATE", "TABLE"):
            tables.append(self._table())
        statements = [self._statement()]
        while self._tokens.accept(";") or self._tokens.next.kind != "end":
            if self._tokens.next.kind == "end":
                break
            statements.append(self._statement())
        return syntax.Query(tuple(statements), tuple(tables))

    def _table(self) -> syntax.Table:
        at = self._tokens.next.at
        name = self._tokens.name("the name of an input")
        self._tokens.expect("(")
        columns = self._tokens.separated(self._typed_column)
        self._tokens.expect(")", "a comma or )")
        self._tokens.accept(";")
        return syntax.Table(name, tuple(columns), at)

    def _typed_column(self) -> syntax.TypedColumn:
        at = self._tokens.next.at
        return syntax.TypedColumn(self._tokens.name("a column"), self._expressions.type(), at)

    def _step(self) -> syntax.Step:
        at = self._tokens.next.at
        name = self._tokens.name("a name for the step")
        self._tokens.expect("AS")
        self._tokens.expect("(")
        selects = self._union(in_step=True)
        self._tokens.expect(")", f"{self._may_follow} or )")
        return syntax.Step(name, selects, at)

    def _statement(self) -> syntax.Statement:
        steps = self._tokens.separated(self._step) if self._tokens.accept("WITH") else []
        at = self._tokens.next.at
        self._into = None
        selects = self._union()
        may_follow = self._tokens.next.kind == "end" or any(map(self._tokens.is_next, (";", "SELECT", "(", "WITH")))
        if not may_follow:
            raise self._tokens.unexpected(f"{self._may_follow}, another SELECT or the end")
        return syntax.Statement(tuple(steps), DEFAULT_OUTPUT if self._into is None else self._into, selects, at)

    def _union(self, in_step: bool = False) -> tuple[syntax.Select, ...]:
        """Read SELECTs. Their parentheses make no difference, since a UNION keeps all rows."""
        selects: list[syntax.Select] = []
        opened = 0
        while True:
            while self._tokens.accept("("):
                opened += 1
            selects.append(self._select(in_step, is_first=not selects))
            while opened and self._tokens.accept(")"):
                opened -= 1
            if not self._tokens.accept("UNION"):
                break
            self._tokens.accept("ALL")
        if opened:
            raise self._tokens.unexpected(f"{self._may_follow} or )")
        return tuple(selects)

    # The clauses of a SELECT

    def _select(self, in_step: bool, is_first: bool) -> syntax.Select:
        at = self._tokens.expect("SELECT").at
        self._tokens.accept("ALL")
        self._items = 0
        items = self._tokens.separated(self._item)
        if self._tokens.is_next("INTO"):
            if in_step:
                raise QueryError("INTO is not allowed inside WITH", self._tokens.next.at)
            if not is_first:
                raise QueryError("INTO belongs in the first SELECT of a UNION", self._tokens.next.at)
            self._tokens.advance()
            self._into = self._tokens.name("an output's name")
            self._tokens.expect("FROM")
        else:
            self._tokens.expect("FROM", "a comma, INTO or FROM" if is_first and not in_step else "a comma or FROM")
        source = self._source()
        joins: list[syntax.Join | syntax.Apply] = []
        while self._is_join() or self._is_apply():
            joins.append(self._join() if self._is_join() else self._apply())
        if self._tokens.is_next(","):
            raise QueryError("several inputs after FROM are not supported: write JOIN ... ON", self._tokens.next.at)
        where = self._expressions.whole() if self._tokens.accept("WHERE") else None
        keys, windows = self._group_by() if self._tokens.is_next("GROUP", "BY") else ((), ())
        having = self._expressions.whole() if self._tokens.accept("HAVING") else None
        select = syntax.Select(tuple(items), source, tuple(joins), where, keys, windows, having, at)
        self._may_follow = _what_may_follow(select)
        return select

    def _item(self) -> syntax.Item:
        self._items += 1
        if star := self._star():
            return syntax.Item("", star)
        if self._tokens.is_name() and self._tokens.is_sign("=", 1):
            name = self._tokens.name("a column")
            self._tokens.advance()
            return syntax.Item(name, self._expressions.whole(), has_alias=True)
        expression = self._expressions.whole()
        if self._tokens.accept("AS"):
            return syntax.Item(self._alias(), expression, has_alias=True)
        if is_element(self._tokens.next):
            raise self._tokens.unexpected("a comma")
        if self._tokens.is_name():
            return syntax.Item(self._tokens.name("a name for the column"), expression, has_alias=True)
        return syntax.Item(own_name(expression) or f"col{self._items}", expression)

    def _alias(self) -> str:
        token = self._tokens.next
        if token.kind != "text":
            return self._tokens.name("a name for the column")
        name = self._tokens.text()
        if not name or "\n" in name:
            raise QueryError("a column's name can't be empty, and has no line breaks", token.at)
        return name

    def _star(self) -> syntax.Star | None:
        """Read * or name.*. Returns None, and reads nothing, if the next item is something else."""
        ahead = 0
        while self._tokens.peek(ahead).kind in NAMES and self._tokens.is_sign(".", ahead + 1):
            ahead += 2
        if not self._tokens.is_sign("*", ahead) or (ahead and not self._tokens.is_name()):
            return None
        written = [self._tokens.advance() for _ in range(ahead + 1)]
        return syntax.Star(tuple(name.text for name in written[:-1:2]), written[0].at)

    def _source(self) -> syntax.Source:
        at = self._tokens.next.at
        if self._tokens.is_next("("):
            if not self._tokens.is_next("(", "SELECT"):
                raise QueryError("parentheses after FROM are not supported", at)
            self._tokens.advance()
        name = self._tokens.name("the name of an input or a step")
        alias = (
            self._tokens.name("another name for it") if self._tokens.accept("AS") or self._tokens.is_name() else name
        )
        timestamp: syntax.Expression | None = None
        over: tuple[syntax.Expression, ...] = ()
        partition_by: syntax.Column | None = None
        while True:
            if timestamp is None and self._tokens.accept("TIMESTAMP", "BY"):
                timestamp, over = self._timestamp()
            elif partition_by is None and self._tokens.accept("PARTITION", "BY"):
                partition_by = self._partition()
            else:
                return syntax.Source(name, alias, timestamp, over, partition_by, at)

    def _timestamp(self) -> tuple[syntax.Expression, tuple[syntax.Expression, ...]]:
        timestamp = self._expressions.timestamp()
        return timestamp, self._expressions.several() if self._tokens.accept("OVER") else ()

    def _partition(self) -> syntax.Column:
        at = self._tokens.next.at
        key = self._expressions.whole()
        if not isinstance(key, syntax.Column) or self._tokens.is_next(","):
            raise QueryError("PARTITION BY anything but one column is not supported", at)
        if self._tokens.accept("INTO"):
            at = self._tokens.next.at
            if integer(self._tokens) < 2:
                raise QueryError("PARTITION BY ... INTO takes a number above 1", at)
        return key

    def _is_join(self) -> bool:
        return self._tokens.is_next("JOIN") or self._tokens.is_next("INNER") or self._tokens.is_next("LEFT")

    def _join(self) -> syntax.Join:
        at = self._tokens.next.at
        is_left = self._tokens.accept("LEFT")
        self._tokens.accept("OUTER" if is_left else "INNER")
        self._tokens.expect("JOIN", "OUTER or JOIN" if is_left else "JOIN")
        source = self._source()
        self._tokens.expect("ON", "TIMESTAMP BY, PARTITION BY or ON")
        return syntax.Join("LEFT" if is_left else "INNER", source, self._expressions.whole(), at)

    def _is_apply(self) -> bool:
        return self._tokens.is_next("CROSS", "APPLY") or self._tokens.is_next("OUTER", "APPLY")

    def _apply(self) -> syntax.Apply:
        at = self._tokens.next.at
        is_outer = self._tokens.advance().keyword == "OUTER"
        self._tokens.expect("APPLY")
        function = self._tokens.next
        applied = [known for known in FUNCTIONS if kind_of(known) == "applied"]
        if function.keyword not in applied:
            raise self._tokens.unexpected(" or ".join(FUNCTIONS[known].name for known in applied))
        self._tokens.advance()
        self._tokens.expect("(")
        of = self._expressions.whole()
        self._tokens.expect(")", "an operator or )")
        self._tokens.accept("AS")
        named_at = self._tokens.next.at
        name = self._tokens.name("AS and a name for the elements")
        if self._tokens.is_next("TIMESTAMP", "BY"):
            raise QueryError("TIMESTAMP BY is for inputs: an element can't give the time", self._tokens.next.at)
        return syntax.Apply(is_outer, function.keyword, of, syntax.Source(name, name, None, (), None, named_at), at)

    def _group_by(self) -> tuple[tuple[syntax.Expression, ...], tuple[syntax.NamedWindow, ...]]:
        self._tokens.expect("GROUP")
        at = self._tokens.expect("BY").at
        keys: list[syntax.Expression] = []
        windows: tuple[syntax.NamedWindow, ...] = ()
        unknown: QueryError | None = None
        while True:
            first = self._tokens.next
            if not self._windows.is_next():
                unknown = unknown or self._unknown_window()
                keys.append(self._expressions.whole())
            elif windows:
                raise QueryError("GROUP BY takes one window; write several as Windows(...)", first.at)
            else:
                windows = self._windows.windows()
            if not self._tokens.accept(","):
                break
        if not windows:
            windows = _snapshot(keys)
        if not windows:
            raise unknown or QueryError("GROUP BY needs a window, such as TumblingWindow(minute, 5)", at)
        return tuple(keys), windows

    def _unknown_window(self) -> QueryError | None:
        """Return the error for the next key if that may be a misspelt window; raise it if that is certain."""
        if not self._windows.is_unknown():
            return None
        name = self._tokens.next
        error = unknown_window(name.text, name.at)
        if means_window(name.keyword):
            raise error
        return None if name.keyword in FUNCTIONS else error


def _snapshot(keys: list[syntax.Expression]) -> tuple[syntax.NamedWindow, ...]:
    """Remove the last System.Timestamp() from the keys, and return it as a window, which it is if there is no other."""
    for i, key in reversed([*enumerate(keys)]):
        if isinstance(key, syntax.Call) and key.function == TIMESTAMP and not key.arguments:
            del keys[i]
            return (syntax.NamedWindow(None, syntax.Snapshot(key.at)),)
    return ()


def own_name(expression: syntax.Expression) -> str | None:
    """Return what the column is called without an alias: the last of its names, or its function in lower case.

    None for another expression, which is called by its place: col2. An example of the documentation uses `count`; what
    other columns are called in Azure is documented nowhere.
    """
    match expression:
        case syntax.Column(names):
            return names[-1]
        case syntax.Property(_, name):
            return name
        case syntax.Call(function):
            return function.rpartition(".")[2].lower()
        case syntax.Cast(is_try=is_try):
            return (TRY_CAST if is_try else CAST).lower()
    return None


def _what_may_follow(select: syntax.Select) -> str:
    clauses = ["HAVING", "UNION"]
    if select.having is not None:
        clauses = ["an operator", "UNION"]
    elif select.windows:
        clauses = ["a comma", *clauses]
    elif select.where is not None:
        clauses = ["an operator", "GROUP BY", *clauses]
    elif select.joins:
        clauses = ["an operator", "JOIN", "APPLY", "WHERE", "GROUP BY", *clauses]
    else:
        clauses = ["JOIN", "APPLY", "WHERE", "GROUP BY", *clauses]
    return ", ".join(clauses)
