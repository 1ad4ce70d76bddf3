"""wiretap.py URL DIR: stands before a daemon, passes everything on, and keeps what went by in DIR.

Prints "listening on http://127.0.0.1:PORT". Connection N leaves N.requests and N.answers, the bytes as they
were. Ends with SIGTERM, and with its parent. What tests meet is the daemon's: an end of one direction and a reset are passed on too.
"""

import asyncio
import itertools
import os
import signal
import sys
import urllib.parse


async def pass_on(reader, writer, path):
    with open(path, "wb") as kept:
        try:
            while data := await reader.read(65536):
                kept.write(data)
                kept.flush()
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            writer.transport.abort()


async def main():
    parent = os.getppid()
    target = urllib.parse.urlsplit(sys.argv[1])
    numbers = itertools.count()

    async def serve(reader, writer):
        path = os.path.join(sys.argv[2], str(next(numbers)))
        try:
            there_reader, there_writer = await asyncio.open_connection(target.hostname, target.port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(pass_on(reader, there_writer, path + ".requests"),
                             pass_on(there_reader, writer, path + ".answers"))
        there_writer.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    while os.getppid() == parent and not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), 1)
        except asyncio.TimeoutError:
            pass


asyncio.run(main())
