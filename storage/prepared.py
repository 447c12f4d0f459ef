"""Core statements on SQLite without SQLAlchemy's execution: compiled once, afterwards only the driver runs.

An execution by SQLAlchemy costs 25 us and more of Python, several times what SQLite itself takes for a row. Kept of it
are the statements, the types of their values and its exceptions. What is no plain statement (text, an expanding list of
parameters, many rows at once, defaults that Python makes) is executed by SQLAlchemy as ever.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from sqlalchemy import Connection, CursorResult, Delete, Executable, Insert, Select, Update
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound

from storage.chain import Chain
from storage.runner import Parameters, StoreError

_DIALECT = sqlite_dialect(dbapi=sqlite3, paramstyle="qmark")
_PLAIN = (Select, Insert, Update, Delete)
# Statements stand at module level, so that there are some dozens; whatever makes its own must not fill the memory.
_MOST_KNOWN = 1024

_VALUES = " VALUES "


class _Statement:
    """One statement with parameters of certain names, as SQLite and its driver want it."""

    __slots__ = ("_constants", "_names", "_processors", "_readers", "_row", "returns", "sql")

    def __init__(self, statement: Any, compiled: Any, given: Parameters) -> None:
        self.sql: str = compiled.string
        self._names: list[str] = list(compiled.positiontup)
        self._constants = {name: compiled.params[name] for name in self._names if name not in given}
        binds = [compiled.binds[name].type.dialect_impl(_DIALECT).bind_processor(_DIALECT) for name in self._names]
        # Few columns need it: where in the row, and how.
        self._processors = [(place, process) for place, process in enumerate(binds) if process is not None]
        columns = [column.type.dialect_impl(_DIALECT) for column in statement.exported_columns]
        self.returns = bool(columns)
        readers = [column.result_processor(_DIALECT, None) for column in columns]
        self._readers = [(place, read) for place, read in enumerate(readers) if read is not None]
        self._row: Any = None

    def execute(self, driver: sqlite3.Connection, given: Parameters) -> "Result":
        cursor = driver.execute(self.sql, self.values(given))
        if self._row is None and self.returns:
            # SQLite itself knows best what the columns are called.
            self._row = _row_type([column[0] for column in cursor.description])
        return Result(self, cursor)

    def insert(self, driver: sqlite3.Connection, rows: Sequence[Parameters]) -> None:
        """Insert all rows by one execution. Each number of rows is a statement of its own."""
        before, _, group = self.sql.rpartition(_VALUES)
        values = [value for row in rows for value in self.values(row)]
        driver.execute(f"{before}{_VALUES}{', '.join([group] * len(rows))}", values)

    def values(self, given: Parameters) -> list[Any]:
        """The parameters in the order of the question marks."""
        if self._constants:
            given = {**self._constants, **given}
        values = [given[name] for name in self._names]
        for place, process in self._processors:
            values[place] = process(values[place])
        return values

    def row(self, values: tuple[Any, ...]) -> Any:
        if not self._readers:
            return self._row._make(values)
        changed = list(values)
        for place, read in self._readers:
            changed[place] = read(changed[place])
        return self._row._make(changed)

    def result(self, rows: list[tuple[Any, ...]]) -> IteratorResult[Any]:
        return IteratorResult(SimpleResultMetaData(self._row._fields), iter([tuple(self.row(row)) for row in rows]))


class Result:
    """The rows of one execution, all read: what is left of a RETURNING would keep a transaction from ending.

    What is asked for often is here; the rest of sqlalchemy.Result is made when it is asked for.
    """

    __slots__ = ("_rows", "_statement", "rowcount")

    def __init__(self, statement: _Statement, cursor: sqlite3.Cursor) -> None:
        self._statement = statement
        self._rows: list[tuple[Any, ...]] = cursor.fetchall() if statement.returns else []
        self.rowcount = cursor.rowcount

    def first(self) -> Any:
        return self._statement.row(self._rows[0]) if self._rows else None

    def all(self) -> list[Any]:
        return [self._statement.row(values) for values in self._rows]

    def one(self) -> Any:
        if not self._rows:
            raise NoResultFound("There is no row")
        if len(self._rows) > 1:
            raise MultipleResultsFound("There is more than one row")
        return self._statement.row(self._rows[0])

    def scalar_one(self) -> Any:
        return self.one()[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._statement.result(self._rows), name)


class Prepared:
    """A connection whose `execute` is fast, and in everything else the connection that it is made of.

    Rows are named tuples, with the attributes, the order and the `_mapping` of sqlalchemy.Row. The parameters of a
    statement that failed are not in its exception: they may be secrets.
    """

    __slots__ = ("_connection", "_driver", "chain", "subject")

    def __init__(self, connection: Connection, driver: sqlite3.Connection, chain: Chain | None = None) -> None:
        self._connection = connection
        self._driver = driver
        # Of the audit rows that are written on this connection; None where nothing is written.
        self.chain = chain
        # What the present write job is about (storage.audit.about).
        self.subject: str | None = None

    def execute(self, statement: Executable, parameters: Any = None) -> Result | CursorResult[Any]:
        """As sqlalchemy.Connection.execute."""
        given: Parameters = {} if parameters is None else parameters
        known = _prepared(statement, given) if isinstance(given, dict) else None
        if known is None:
            return self._connection.execute(statement, parameters)
        try:
            return known.execute(self._driver, given)
        except sqlite3.Error as error:
            raise DBAPIError.instance(known.sql, None, error, sqlite3.Error, hide_parameters=True) from error

    def insert(self, statement: Insert, rows: Sequence[Parameters]) -> None:
        """Insert all rows, of the same columns, by one statement; where one cannot be inserted, none is."""
        known = _prepared(statement, rows[0])
        if known is None or known.returns:
            raise StoreError("Rows can be inserted together only by a plain INSERT.")
        try:
            known.insert(self._driver, rows)
        except sqlite3.Error as error:
            raise DBAPIError.instance(known.sql, None, error, sqlite3.Error, hide_parameters=True) from error

    def commit(self) -> NoReturn:
        raise StoreError("A job cannot end the transaction: it shares it with others.")

    rollback = commit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


# By the statement itself and the names of its parameters; None for what SQLAlchemy executes.
_known: dict[tuple[Any, ...], _Statement | None] = {}


def _prepared(statement: Any, given: Parameters) -> _Statement | None:
    key = (statement, *given)
    try:
        return _known[key]
    except KeyError:
        found = _compile(statement, given)
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[key] = found
    return found


def _compile(statement: Any, given: Parameters) -> _Statement | None:
    if not isinstance(statement, _PLAIN):
        return None
    # As SQLAlchemy does it: names of columns among the parameters of an INSERT or UPDATE are columns to write.
    compiled: Any = statement.compile(dialect=_DIALECT, column_keys=list(given))
    if compiled.post_compile_params or compiled.literal_execute_params or compiled.prefetch:
        return None
    if any(compiled.binds[name].required and name not in given for name in compiled.positiontup):
        return None
    return _Statement(statement, compiled, given)


def _row_type(names: list[str]) -> Any:
    class Row(namedtuple("Row", names, rename=True)):  # type: ignore[misc]  # its names are known at run time
        __slots__ = ()

        @property
        def _mapping(self) -> Mapping[str, Any]:
            return self._asdict()

    return Row
