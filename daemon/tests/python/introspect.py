"""What the service says of itself, and that every method exists and checks its parameters as declared."""

from pathlib import Path

import varlink
from varlink.scanner import _Array, _CustomType, _Enum, _Error, _Maybe, _Method, _Object

from busdma import SOCKET, Connection, Error

FILES = Path(__file__).parents[2] / "api" / "interfaces"
INTERFACES = ["org.varlink.service", "org.busdma.Engine", "org.busdma.Monitor", "org.busdma.Recorder", "org.busdma.Host"]
STREAMS = [
    "org.busdma.Monitor.Decisions",
    "org.busdma.Monitor.Watch",
    "org.busdma.Host.Events",
    "org.busdma.Host.Watch",
]


def main():
    client = varlink.Client.new_with_address(f"unix:{SOCKET}")
    info = client.open("org.varlink.service").GetInfo()
    assert info["product"] == "busdmad" and info["version"] and info["vendor"] and info["url"], info
    assert info["interfaces"] == INTERFACES, info
    connection = Connection()
    methods = 0
    for name in INTERFACES:
        description = (FILES / f"{name}.varlink").read_bytes().decode()
        assert client.get_interface(name).get_description() == description, f"{name} differs from its file"
        interface = varlink.scanner.Interface(description)
        assert interface.name == name
        for method in members(interface, _Method):
            methods += 1
            every_parameter_is_checked(connection, interface, method)
    assert methods >= 35, methods
    errors_are_declared_once(client)
    what_there_is_not(connection)
    streams_want_more(connection)
    oneway_calls_get_no_answer(connection)


def members(interface, kind):
    return [member for member in interface.members.values() if isinstance(member, kind)]


def refused(connection, method, parameters=None, **flags):
    """The error a call is answered with, without its interface, and its numbers."""
    try:
        connection.send(method, {} if parameters is None else parameters, **flags)
        reply = connection.receive()
    except Error as error:
        return error.name.removeprefix("org.varlink.service."), error.parameters
    raise AssertionError(f"{method} {parameters} was answered with {reply}")


def every_parameter_is_checked(connection, interface, method):
    """Unknown, missing and wrongly typed parameters are refused by name."""
    name = f"{interface.name}.{method.name}"
    more = {"more": name in STREAMS}
    unknown = refused(connection, name, {"colour": "blue"}, **more)
    assert unknown == ("InvalidParameter", {"parameter": "colour"}), (name, unknown)
    fields = method.in_type.fields
    required = [field for field, kind in fields.items() if not isinstance(kind, _Maybe)]
    if required:
        assert refused(connection, name, **more) == ("InvalidParameter", {"parameter": required[0]}), name
    for field, kind in fields.items():
        for value in wrong(interface, kind):
            error, numbers = refused(connection, name, {field: value}, **more)
            assert error == "InvalidParameter", (name, field, value, error, numbers)
            # What is wrong inside of a parameter is named by its path.
            path = numbers["parameter"]
            assert path == field or path.startswith((f"{field}.", f"{field}[")), (name, field, value, path)
    everything = refused(connection, name, [1], **more)
    assert everything == ("InvalidParameter", {"parameter": "parameters"}), (name, everything)


def wrong(interface, kind):
    """Values that are not of a type."""
    while isinstance(kind, _Maybe):
        kind = kind.element_type
    if isinstance(kind, _CustomType):
        return wrong(interface, interface.members[kind.name].type)
    if isinstance(kind, _Object):
        return []
    if isinstance(kind, _Array):
        return [1, "word", {}, *([each] for each in wrong(interface, kind.element_type))]
    if isinstance(kind, _Enum):
        return [1, "no_such_word", {}, []]
    if isinstance(kind, bool):
        return [1, "true", {}, []]
    if isinstance(kind, int):
        return ["1", 1.5, -(1 << 65), True, {}, []]
    if isinstance(kind, str):
        return [1, True, {}, []]
    return [1, "word", {"no_such_field": 1}]


def errors_are_declared_once(client):
    """Each interface says which errors its methods have; the parsed ones are all different."""
    names = [error.name for error in members(client.get_interface("org.busdma.Engine"), _Error)]
    assert len(names) == len(set(names)) and {"TooManySegments", "NoBouncePages", "QuotaExceeded"} <= set(names)


def what_there_is_not(connection):
    cases = [
        ("org.busdma.Engine.Reload", "MethodNotFound", {"method": "org.busdma.Engine.Reload"}),
        ("org.busdma.Engine.load", "MethodNotFound", {"method": "org.busdma.Engine.load"}),
        ("org.varlink.service.Get", "MethodNotFound", {"method": "org.varlink.service.Get"}),
        ("org.busdma.Motor.Start", "InterfaceNotFound", {"interface": "org.busdma.Motor"}),
        ("Load", "MethodNotFound", {"method": "Load"}),
    ]
    for method, error, numbers in cases:
        assert refused(connection, method) == (error, numbers), method
    described = refused(connection, "org.varlink.service.GetInterfaceDescription", {"interface": "org.busdma.Motor"})
    assert described == ("InterfaceNotFound", {"interface": "org.busdma.Motor"}), described


def streams_want_more(connection):
    for method in STREAMS:
        assert refused(connection, method) == ("ExpectedMore", {}), method


def oneway_calls_get_no_answer(connection):
    for method in ["org.busdma.Engine.Session", "org.busdma.Engine.NoSuchMethod", *STREAMS]:
        connection.send(method, {}, oneway=True)
    connection.send("org.varlink.service.GetInfo", None)
    reply, continues = connection.receive()
    assert reply["product"] == "busdmad" and not continues


main()
