"""A TCP line between a client and a server that can be broken, as networks break them."""

import asyncio
import socket
import struct
import threading

_PIECE = 64 * 1024
# SO_LINGER for no seconds: to close is to send RST instead of FIN.
_NO_FAREWELL = struct.pack("ii", 1, 0)


class Line:
    """Carries bytes between *address*, a free port of this machine, and *target*."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.address = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def reset(self) -> None:
        """Break every connection; both ends see a reset, and may connect again."""
        asyncio.run_coroutine_threadsafe(self._reset(), self._loop).result()

    def stop(self) -> None:
        self.reset()
        self._server.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> str:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _reset(self) -> None:
        for writer in self._open:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _NO_FAREWELL
            )
            writer.transport.abort()
        self._open.clear()
