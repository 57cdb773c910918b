"""Loads that wait for bounce pages: with `more`, with Wait, in line, and what ends them early."""

import os
import signal
import socket
import struct

import varlink

from busdma import SOCKET, Connection, Error
from testbed import PAGE, POOL, Host, refused, until


def main():
    client = varlink.Client.new_with_address(f"unix:{SOCKET}")
    for scenario in [
        a_second_reply_when_pages_come,
        wait_collects_what_load_did_not,
        first_come_first_served,
        a_caller_that_hangs_up_leaves_the_end_to_wait,
        a_session_that_ends_leaves_the_queue,
        a_machine_that_goes_ends_its_waits,
        a_daemon_that_stops_says_so,
    ]:
        scenario(client)


class Driver(Host):
    """A private machine, and two connections in the session that has it."""

    def __init__(self, client):
        super().__init__(client.open("org.busdma.Engine"))
        self.other = client.open("org.busdma.Engine")
        session = self.engine.Session()
        assert self.other.Join(token=session["token"])["session"] == session["session"]
        assert self.engine.Session()["connections"] == 2

    def close(self):
        self.engine.close()
        self.other.close()


def waiting(client, machine):
    """The queue for bounce pages: of each map how many pages it needs and has been promised."""
    with client.open("org.busdma.Monitor") as monitor:
        (snapshot,) = monitor.Snapshot(machine=machine)["machines"]
    return [(each["map"], each["needed"], each["reserved"]) for each in snapshot["waiters"]]


def a_second_reply_when_pages_come(client):
    driver = Driver(client)
    first, second = driver.maps(2)
    assert driver.load(first, POOL - 1) == "loaded"
    replies = driver.engine.Load(map=second, request=driver.request(5), _more=True)
    reply = next(replies)
    assert (reply["outcome"], reply["segments"], reply["bounce_pages"]) == ("deferred", [], 0), reply
    assert (reply["pages_needed"], reply["pages_reserved"]) == (5, 1), reply
    # This connection waits for its next reply; another one of the session goes on.
    assert driver.other.Unload(map=first) == {"released": POOL - 1, "woken": 1}
    reply = next(replies)
    assert (reply["outcome"], reply["bounce_pages"]) == ("loaded", 5), reply
    assert sum(segment["length"] for segment in reply["segments"]) == 5 * PAGE
    assert list(replies) == []
    assert driver.engine.Segments(map=second)["segments"] == reply["segments"]
    driver.close()


def wait_collects_what_load_did_not(client):
    driver = Driver(client)
    first, second = driver.maps(2)
    assert refused(driver.other.Wait) == ("NotDeferred", {"object": None})
    assert (driver.load(first, POOL), driver.load(second, 3)) == ("loaded", "deferred")
    error, numbers = refused(driver.other.Wait, map=second, timeout_ms=60)
    assert error == "TimedOut" and 60 <= numbers["waited_ms"] < 20_000, (error, numbers)
    assert refused(driver.other.Wait, map=first) == ("NotDeferred", {"object": first})
    driver.engine.Unload(map=first)
    end = driver.other.Wait(map=second)
    assert (end["map"], end["load"]["outcome"], end["load"]["bounce_pages"]) == (second, "loaded", 3), end
    assert end["waited_ns"] >= 60_000_000, end
    assert refused(driver.other.Wait, map=second) == ("NotDeferred", {"object": second})
    driver.close()


def first_come_first_served(client):
    driver = Driver(client)
    one, two, large, small = driver.maps(4)
    assert [driver.load(one, 8), driver.load(two, 8)] == ["loaded"] * 2
    assert [driver.load(large, POOL), driver.load(small, 1)] == ["deferred"] * 2
    # Eight pages would do for the small one, but the large one is ahead of it.
    assert driver.engine.Unload(map=one)["woken"] == 0
    assert waiting(client, driver.machine) == [(large, POOL, 8), (small, 1, 0)]
    assert driver.engine.Unload(map=two)["woken"] == 1
    assert waiting(client, driver.machine) == [(small, 1, 0)]
    assert driver.engine.Unload(map=large)["woken"] == 1
    assert waiting(client, driver.machine) == []
    # Without a map, Wait gives the ends in the order they came about.
    assert [driver.engine.Wait()["map"], driver.other.Wait()["map"]] == [large, small]
    driver.close()


def a_caller_that_hangs_up_leaves_the_end_to_wait(client):
    driver = Driver(client)
    first, second = driver.maps(2)
    assert driver.load(first, POOL) == "loaded"
    replies = driver.engine.Load(map=second, request=driver.request(1), _more=True)
    assert next(replies)["outcome"] == "deferred"
    assert refused(driver.other.Wait, map=second) == ("NotDeferred", {"object": second})
    driver.engine.close()
    until(lambda: driver.other.Session()["connections"] == 1)
    assert waiting(client, driver.machine) == [(second, 1, 0)]
    driver.other.Unload(map=first)
    assert driver.other.Wait(map=second)["load"]["outcome"] == "loaded"
    driver.close()


def a_session_that_ends_leaves_the_queue(client):
    # On the shared machine: one holds the whole pool, two wait, and each creation of a map adds a page to the pool.
    engines = [client.open("org.busdma.Engine") for _ in range(3)]
    maps, requests = [], []
    for engine in engines:
        tag = engine.CreateTag(template={"lowaddr": "0xffffffff", "maxsize": PAGE, "nsegments": 4})["tag"]
        maps.append(engine.CreateMap(tag=tag)["map"])
        requests.append({"buffer": {"memory": engine.RegisterMemory(length=4 * PAGE)["memory"], "length": 3 * PAGE}})
    calls = [engine.Load(map=map, request=request, _more=True) for engine, map, request in zip(engines, maps, requests)]
    assert [next(call)["outcome"] for call in calls] == ["loaded", "deferred", "deferred"]
    assert waiting(client, "host0") == [(maps[1], 3, 0), (maps[2], 3, 0)]
    engines[1].close()
    until(lambda: waiting(client, "host0") == [(maps[2], 3, 0)])
    engines[0].close()
    assert next(calls[2])["outcome"] == "loaded"
    with client.open("org.busdma.Monitor") as monitor:
        (zone,) = monitor.Snapshot(machine="host0")["machines"][0]["zones"]
        assert (zone["total_bpages"], zone["active_bpages"], zone["reserved_bpages"]) == (3, 3, 0), zone
        engines[2].close()
        until(lambda: monitor.Snapshot(machine="host0")["machines"][0]["zones"][0]["free_bpages"] == 3)


def a_machine_that_goes_ends_its_waits(client):
    driver = Driver(client)
    first, second, third = driver.maps(3)
    assert (driver.load(first, POOL), driver.load(third, 1)) == ("loaded", "deferred")
    replies = driver.engine.Load(map=second, request=driver.request(1), _more=True)
    assert next(replies)["outcome"] == "deferred"
    driver.other.DestroyMachine(machine=driver.machine)
    for map, call in [(second, lambda: next(replies)), (third, lambda: driver.other.Wait(map=third))]:
        error, numbers = refused(call)
        assert error == "DeferredCancelled", (error, numbers)
        assert (numbers["object"], numbers["reason"]) == (map, "machine_destroyed"), numbers
    driver.close()


def a_daemon_that_stops_says_so(client):
    driver = Driver(client)
    first, second, third = driver.maps(3)
    assert (driver.load(first, POOL), driver.load(third, 1)) == ("loaded", "deferred")
    replies = driver.engine.Load(map=second, request=driver.request(1), _more=True)
    assert next(replies)["outcome"] == "deferred"
    waiter = Connection()
    waiter.call("Join", token=driver.other.Session()["token"])
    waiter.send("org.busdma.Engine.Wait", {"map": third})
    # The Load, the Wait, and the question itself.
    until(lambda: in_flight(driver.other) == 3)
    pid, _, _ = struct.unpack("3i", waiter.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    os.kill(pid, signal.SIGTERM)
    error, numbers = refused(lambda: next(replies))
    assert (error, numbers["object"], numbers["reason"]) == ("DeferredCancelled", second, "shutdown"), (error, numbers)
    assert numbers["waited_ns"] > 0
    try:
        raise AssertionError(waiter.receive())
    except Error as error:
        assert error.name == "org.busdma.Engine.DeferredCancelled", error
        assert (error.parameters["object"], error.parameters["reason"]) == (third, "shutdown"), error
    # Then the connections end, after what was sent before, and there are no new ones.
    until(lambda: fails(driver.other.Session))
    until(lambda: fails(lambda: client.open_connection().close()))


def fails(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False


def in_flight(engine):
    return {each["quota"]: each["used"] for each in engine.Session()["quotas"]}["calls_in_flight"]


main()
