"""One statement on a connection of its own, by PostgreSQL's C library: tests ask very often, and psql takes long to start."""

import ctypes
import ctypes.util

_library = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
_pointer, _text, _number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
for _name, _result, *_arguments in (
        ("PQconnectdb", _pointer, _text), ("PQfinish", None, _pointer), ("PQstatus", _number, _pointer),
        ("PQerrorMessage", _text, _pointer), ("PQexec", _pointer, _pointer, _text), ("PQclear", None, _pointer),
        ("PQresultStatus", _number, _pointer), ("PQntuples", _number, _pointer), ("PQnfields", _number, _pointer),
        ("PQgetvalue", _text, _pointer, _number, _number)):
    getattr(_library, _name).restype, getattr(_library, _name).argtypes = _result, _arguments

_CONNECTION_OK, _EMPTY_QUERY, _COMMAND_OK, _TUPLES_OK = 0, 0, 1, 2


def rows(conninfo, statement):
    """Lists of texts, an empty one for NULL.

    Raises RuntimeError with the server's words.
    """
    connection = _library.PQconnectdb(conninfo.encode())
    result = None
    try:
        if _library.PQstatus(connection) == _CONNECTION_OK:
            result = _library.PQexec(connection, statement.encode("utf-8", "surrogateescape"))
        if result is None or _library.PQresultStatus(result) not in (_EMPTY_QUERY, _COMMAND_OK, _TUPLES_OK):
            raise RuntimeError(_library.PQerrorMessage(connection).decode(errors="replace").strip())
        return [[_library.PQgetvalue(result, row, column).decode("utf-8", "surrogateescape")
                 for column in range(_library.PQnfields(result))] for row in range(_library.PQntuples(result))]
    finally:
        _library.PQclear(result)
        _library.PQfinish(connection)
