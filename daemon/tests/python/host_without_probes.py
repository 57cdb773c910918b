"""The host's interface of a daemon without probes: it says so, and what to do; limits of devices are shown all the same."""

import varlink

from busdma import SOCKET, Connection, Error
from testbed import refused


def main():
    with varlink.Client.new_with_address(f"unix:{SOCKET}") as client:
        with client.open("org.busdma.Host") as host:
            what_is_missing_is_said(host)
            devices_have_limits(host)
            streams_end_with_the_same_words()


def what_is_missing_is_said(host):
    probes = host.Probes()
    assert (probes["state"], probes["probes"]) == ("unavailable", []), probes
    assert "without probes" in probes["reason"] and "--probes" in probes["advice"], probes
    cannot = ("CannotAttach", {"reason": probes["reason"], "advice": probes["advice"]})
    assert refused(host.Attach) == refused(host.Detach) == cannot
    for method in (host.Mappings, host.Correlation):
        error, numbers = refused(method)
        assert error == "NotAttached" and "--probes" in numbers["reason"], (error, numbers)


def devices_have_limits(host):
    devices = host.Devices()["devices"]
    for device in devices:
        assert device["totals"]["mapped"] == 0 and device["rates"]["mappings"] == 0, device
        (alone,) = host.Devices(device=device["device"])["devices"]
        assert alone["device"] == device["device"] and alone.get("dma_mask") == device.get("dma_mask"), alone
    assert refused(host.Devices, device="nonsense") == ("NoSuchObject", {"object": "nonsense"})


def streams_end_with_the_same_words():
    connection = Connection()
    for method, parameters, expected in [
        ("Watch", {}, "NotAttached"),
        ("Watch", {"interval_ms": 1}, "IntervalTooShort"),
        ("Events", {"tracepoints": ["nonsense"]}, "NoSuchObject"),
    ]:
        connection.send(f"org.busdma.Host.{method}", parameters, more=True)
        try:
            reply = connection.receive()
        except Error as error:
            assert error.name == f"org.busdma.Host.{expected}", (method, error)
        else:
            raise AssertionError(f"{method} {parameters} was answered with {reply}")


main()
