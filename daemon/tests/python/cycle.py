"""The life of a mapping: tag, map, load, sync, unload, destroy; with the PyPI package `varlink`."""

from base64 import b64decode, b64encode

import varlink

from busdma import SOCKET
from testbed import FOUR_GIB, PAGE, device_read, device_write, read, write

# What lies in the memory, so that every byte tells where it belongs.
CONTENT = b"".join(f"{line:15x}\n".encode() for line in range(4096))


def main():
    with varlink.Client.new_with_address(f"unix:{SOCKET}") as client, client.open("org.busdma.Engine") as engine:
        bounce = {"base": "0x100000", "stride": 2 * PAGE, "frames": 64}
        machine = engine.CreateMachine(profile="freebsd-12", bounce=bounce, max_bpages=32)["machine"]
        a_buffer_from_beginning_to_end(engine, machine)
        tags_inherit(engine)
        tags_of_real_drivers(engine, machine)
        memory_of_the_driver(engine, machine)
        many_operations_in_one_call(engine, machine)
        engine.DestroyMachine(machine=machine)
        assert [each["machine"] for each in engine.ListMachines()["machines"]] == ["host0"]


def a_buffer_from_beginning_to_end(engine, machine):
    # A device that reaches 4 GiB, and a buffer above.
    template = {"lowaddr": "0xffffffff", "maxsize": 8 * PAGE, "nsegments": 8, "maxsegsz": PAGE}
    tag = engine.CreateTag(machine=machine, template=template)
    assert (tag["lowaddr"], tag["nsegments"], tag["could_bounce"]) == ("0xffffffff", 8, True), tag
    map = engine.CreateMap(tag=tag["tag"])
    assert map["form"] == "real"
    map = map["map"]
    memory = engine.RegisterMemory(machine=machine, length=len(CONTENT))["memory"]
    (run,) = engine.DescribeMemory(memory=memory)["runs"]
    assert int(run["paddr"], 16) >= FOUR_GIB and run["length"] == len(CONTENT)
    write(engine, memory, 0, CONTENT)

    offset, length = 100, 2 * PAGE + 50
    load = engine.Load(map=map, request={"buffer": {"memory": memory, "offset": offset, "length": length}})
    segments = load["segments"]
    assert (load["outcome"], load["bounce_pages"], len(segments)) == ("loaded", 3, 3)
    assert [segment["length"] for segment in segments] == [PAGE - 100, PAGE, 150]
    assert all(int(segment["addr"], 16) < FOUR_GIB for segment in segments), segments
    assert engine.Segments(map=map)["segments"] == segments

    # The device sees the driver's bytes once they were copied, not before.
    assert device_read(engine, map, segments) == bytes(length)
    sync = engine.Sync(map=map, ops=["prewrite"], detail="copies")
    assert (sync["pages"], sync["bytes"]) == (3, length)
    expected = [{"direction": "to_bounce", "addr": each["addr"], "bytes": each["length"]} for each in segments]
    assert sync["copies"] == expected
    assert device_read(engine, map, segments) == CONTENT[offset : offset + length]
    assert engine.Sync(map=map, ops=["postwrite"]) == {"pages": 0, "bytes": 0}

    # And the driver sees the device's.
    answer = CONTENT[::-1][:length]
    device_write(engine, map, segments, answer)
    assert read(engine, memory, offset, length) == CONTENT[offset : offset + length]
    assert engine.Sync(map=map, ops=["preread"]) == {"pages": 0, "bytes": 0}
    sync = engine.Sync(map=map, ops=["postread", "postwrite"], detail="copies")
    assert [copy["direction"] for copy in sync["copies"]] == ["from_bounce"] * 3
    around = read(engine, memory, 0, offset + length + 100)
    assert around == CONTENT[:offset] + answer + CONTENT[offset + length :][:100]

    assert engine.Unload(map=map) == {"released": 3, "woken": 0}
    assert engine.Segments(map=map)["segments"] == []
    engine.DestroyMap(map=map)
    engine.ReleaseMemory(memory=memory)
    assert engine.DestroyTag(tag=tag["tag"])["freed"] == [tag["tag"]]
    left = engine.DescribeMachine(machine=machine)
    assert (left["tags"], left["maps"], left["zones"], left["waiters"]) == (0, 0, 1, 0)


def tags_inherit(engine):
    # By the manual page; FreeBSD itself keeps a parent whose window it never has to consult.
    machine = engine.CreateMachine(profile="strict")["machine"]
    bus = engine.CreateTag(machine=machine, template={"lowaddr": "0xffffffff", "boundary": "0x100000000"})["tag"]
    template = {"lowaddr": "0xffffff", "alignment": 512, "maxsize": 2 * PAGE, "nsegments": 4, "flags": ["alloc_now"]}
    child = engine.CreateTag(parent=bus, template=template)
    inherited = (child["lowaddr"], child["boundary"], child["alignment"], child["nsegments"], child["chain_parent"])
    assert inherited == ("0xffffff", "0x100000000", 512, 4, bus), child
    assert engine.DescribeMachine(machine=machine)["zones"] == 1
    assert engine.DestroyTag(tag=bus)["freed"] == []
    assert engine.DestroyTag(tag=child["tag"])["freed"] == [child["tag"], bus]
    engine.DestroyMachine(machine=machine)


def tags_of_real_drivers(engine, machine):
    nvme = engine.CreateTag(machine=machine, preset="nvme")
    assert (nvme["nsegments"], nvme["maxsegsz"], nvme["boundary"]) == (33, 4096, "0x1000"), nvme
    assert len(nvme["parents"]) == 1
    for tag in [nvme["tag"], *reversed(nvme["parents"])]:
        engine.DestroyTag(tag=tag)
    assert engine.DescribeMachine(machine=machine)["tags"] == 0


def memory_of_the_driver(engine, machine):
    template = {"lowaddr": "0x7fffffff", "maxsize": 10000, "nsegments": 1, "alignment": PAGE}
    tag = engine.CreateTag(machine=machine, template=template)["tag"]
    ring = engine.AllocMem(tag=tag, flags=["zero", "coherent"])
    memory, map = ring["memory"], ring["map"]
    assert (ring["length"], ring["aligned"]) == (10000, True)
    load = engine.Load(map=map, request={"buffer": {"memory": memory, "length": 10000}})
    assert load["segments"] == [{"addr": ring["runs"][0]["addr"], "length": 10000}], (load, ring)
    assert load["bounce_pages"] == 0
    # Nothing to copy: both see the same bytes at once.
    write(engine, memory, 5000, b"descriptor")
    assert device_read(engine, map, load["segments"])[4999:5011] == b"\0descriptor\0"
    device_write(engine, map, load["segments"], b"done".ljust(10000))
    assert read(engine, memory, 0, 6) == b"done  "
    engine.Unload(map=map)
    assert engine.FreeMem(memory=memory)["freed"] in ("malloc", "pages")
    engine.DestroyTag(tag=tag)


def many_operations_in_one_call(engine, machine):
    setup = [
        {"create_tag": {"machine": machine, "template": {"lowaddr": "0xffffffff", "maxsize": PAGE}}},
        {"register_memory": {"machine": machine, "length": PAGE}},
    ]
    tag, memory = engine.Submit(operations=setup)["results"]
    tag, memory = tag["create_tag"]["tag"], memory["register_memory"]["memory"]
    (map,) = engine.Submit(operations=[{"create_map": {"tag": tag}}])["results"]
    map = map["create_map"]["map"]
    cycle = [
        {"write_memory": {"memory": memory, "data": b64encode(b"out").decode()}},
        {"load": {"map": map, "request": {"buffer": {"memory": memory, "length": 64}}}},
        {"sync": {"map": map, "ops": ["prewrite"]}},
        {"device_read": {"map": map, "segment": 0, "length": 3}},
        {"device_write": {"map": map, "segment": 0, "data": b64encode(b"in!").decode()}},
        {"sync": {"map": map, "ops": ["postread"]}},
        {"read_memory": {"memory": memory, "length": 3}},
        {"segments": {"map": map}},
        {"unload": {"map": map}},
    ]
    results = engine.Submit(operations=cycle)["results"]
    assert [list(result) for result in results] == [list(operation) for operation in cycle], results
    assert b64decode(results[3]["device_read"]["data"]) == b"out"
    assert b64decode(results[6]["read_memory"]["data"]) == b"in!"

    # One that fails, in the middle.
    undone = [{"unload": {"map": f"{map}99"}}, {"destroy_map": {"map": map}}, {"destroy_tag": {"tag": tag}}]
    failed = {"error": "org.busdma.Engine.NoSuchObject", "parameters": {"object": f"{map}99"}}
    assert engine.Submit(operations=undone, on_error="stop")["results"] == [{"failed": failed}]
    results = engine.Submit(operations=undone, on_error="go_on")["results"]
    assert results == [{"failed": failed}, {"destroy_map": {}}, {"destroy_tag": {"freed": [tag]}}]
    engine.ReleaseMemory(memory=memory)


main()
