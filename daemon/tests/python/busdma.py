"""Varlink over a Unix socket with file descriptors, on the standard library alone.

A message is JSON and a zero byte. Descriptors travel beside it; where a parameter or a reply means one, it holds its
index among them.
"""

import array
import json
import os
import socket

SOCKET = os.environ.get("BUSDMA_SOCKET", "/run/busdma/busdma.varlink")


class Error(Exception):
    """An error reply: its full name and its numbers."""

    def __init__(self, name, parameters):
        super().__init__(f"{name} {parameters}")
        self.name, self.parameters = name, parameters


class Connection:
    """A connection, which is a session of its own until it joins another one."""

    def __init__(self, path=SOCKET):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = b""
        self.files = []

    def close(self):
        self.socket.close()

    def fileno(self):
        return self.socket.fileno()

    def send(self, method, parameters, files=(), **flags):
        """Sends a call; flags are `more` and `oneway`."""
        message = json.dumps({"method": method, "parameters": parameters, **flags}).encode() + b"\0"
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
        sent = self.socket.sendmsg([message], rights)
        self.socket.sendall(message[sent:])

    def receive(self):
        """The next reply and whether more will follow; descriptors that came along are in `files`."""
        self.files = []
        while b"\0" not in self.buffer:
            read, control, _, _ = self.socket.recvmsg(1 << 16, socket.CMSG_SPACE(253 * 4))
            if not read:
                raise EOFError("the daemon has closed the connection")
            self.buffer += read
            for level, kind, rights in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    self.files += array.array("i", rights[: len(rights) // 4 * 4])
        message, self.buffer = self.buffer.split(b"\0", 1)
        reply = json.loads(message)
        if "error" in reply:
            raise Error(reply["error"], reply.get("parameters", {}))
        return reply.get("parameters", {}), reply.get("continues", False)

    def call(self, method, files=(), **parameters):
        """Calls a method of org.busdma.Engine, or of another interface by its full name."""
        self.send(method if "." in method else f"org.busdma.Engine.{method}", parameters, files)
        return self.receive()[0]
