"""What the scripts share beyond a client: a private machine with a small pool, bytes, and calls that must fail."""

import time
from base64 import b64decode, b64encode

import varlink
from varlink.scanner import _Error, _Maybe

PAGE = 4096

# Bounce pages of a machine.
POOL = 16

FOUR_GIB = 1 << 32


class Host:
    """A private machine: POOL bounce pages at 1 MiB, and memory above 4 GiB of which no two pages are neighbours."""

    def __init__(self, engine, profile="freebsd-11", stride=PAGE):
        self.engine = engine
        bounce = {"base": "0x100000", "stride": stride, "frames": POOL}
        self.machine = engine.CreateMachine(profile=profile, bounce=bounce, max_bpages=POOL)["machine"]
        self.size = 2 * POOL * PAGE
        layout = {"pages": [hex(FOUR_GIB + 2 * offset) for offset in range(0, self.size, PAGE)]}
        self.memory = engine.RegisterMemory(machine=self.machine, length=self.size, layout=layout)["memory"]

    def tag(self, **template):
        """A tag of a device that reaches 4 GiB, unless the template says otherwise."""
        template = {"lowaddr": "0xffffffff", "maxsize": POOL * PAGE, **template}
        return self.engine.CreateTag(machine=self.machine, template=template)["tag"]

    def maps(self, count, **template):
        tag = self.tag(**template)
        return [self.engine.CreateMap(tag=tag)["map"] for _ in range(count)]

    def request(self, pages, offset=0):
        return {"buffer": {"memory": self.memory, "offset": offset, "length": pages * PAGE}}

    def load(self, map, pages):
        return self.engine.Load(map=map, request=self.request(pages))["outcome"]


def read(engine, memory, offset, length):
    return b64decode(engine.ReadMemory(memory=memory, offset=offset, length=length)["data"])


def write(engine, memory, offset, data):
    engine.WriteMemory(memory=memory, offset=offset, data=b64encode(data).decode())


def device_read(engine, map, segments):
    return b"".join(b64decode(engine.DeviceRead(map=map, segment=index)["data"]) for index in range(len(segments)))


def device_write(engine, map, segments, data):
    for index, segment in enumerate(segments):
        now, data = data[: segment["length"]], data[segment["length"] :]
        engine.DeviceWrite(map=map, segment=index, data=b64encode(now).decode())


def refused(call, **parameters):
    """The error of a call that must fail, without its interface, and its numbers."""
    try:
        reply = call(**parameters)
    except varlink.VarlinkError as error:
        return error.error().rsplit(".", 1)[1], error.parameters()
    raise AssertionError(f"{parameters} was answered with {reply}")


class Errors:
    """The errors that an interface declares, and those that were seen."""

    def __init__(self, interface):
        self.declared = {name: each.type.fields for name, each in interface.members.items() if isinstance(each, _Error)}
        self.seen = set()

    def expect(self, name, _call, _numbers=None, **parameters):
        """The numbers of a call that must fail with this error: all that are declared, with these among them."""
        found, numbers = refused(_call, **parameters)
        assert found == name, (name, found, numbers, parameters)
        fields = self.declared[name]
        needed = {field for field, kind in fields.items() if not isinstance(kind, _Maybe)}
        assert needed <= set(numbers) <= set(fields), (name, numbers)
        assert numbers == {**numbers, **(_numbers or {})}, (name, numbers, _numbers)
        self.seen.add(name)
        return numbers


def until(condition):
    """Waits for what comes about by itself."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.01)
