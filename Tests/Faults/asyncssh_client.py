"""Uploads as a program does that has the library asyncssh: asyncssh_client.py PORT USER KEY DEED LOCAL REMOTE

DEED: put      the library's own copy, many requests in flight
      slow     a piece at a time, over SECONDS seconds
      cut      half of the file, and then the connection is dropped in the middle
      resume   what is still missing, then renamed to its final name, as REMOTE without `.part`
"""

import asyncio
import os
import sys

import asyncssh

SECONDS = 4
PIECES = 40


async def write(sftp, data, remote, start=0, seconds=0):
    async with sftp.open(remote, "r+b" if start else "wb") as file:
        size = max(1, -(-len(data) // PIECES))
        for offset in range(start, len(data), size):
            await file.write(data[offset:offset + size], offset)
            await asyncio.sleep(seconds / PIECES)


async def main(port, user, key, deed, local, remote):
    async with asyncssh.connect("127.0.0.1", int(port), username=user, client_keys=[key], known_hosts=None,
                                config=None) as connection, connection.start_sftp_client() as sftp:
        with open(local, "rb") as file:
            data = file.read()
        if deed == "put":
            await sftp.put(local, remote)
        elif deed == "slow":
            await write(sftp, data, remote, seconds=SECONDS)
        elif deed == "cut":
            file = await sftp.open(remote, "wb")
            await file.write(data[:len(data) // 2])
            connection.abort()
            os._exit(0)
        elif deed == "resume":
            await write(sftp, data, remote, start=(await sftp.stat(remote)).size)
            await sftp.posix_rename(remote, remote.removesuffix(".part"))
        else:
            sys.exit(__doc__)


asyncio.run(main(*sys.argv[1:]))
