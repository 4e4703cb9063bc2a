"""Threads that work on files side by side, each with its own calls of one process."""

import os
import socket
import threading

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)


def work(number):
    for step in range(10):
        path = f"{number}-{step}"
        with open(path, "w") as file:
            file.write("x")
        os.rename(path, path + ".done")
        if step % 2:
            os.unlink(path + ".done")
    socket.create_connection(listener.getsockname()).close()
    child = os.posix_spawnp("sh", ["sh", "-c", f"exit {number}"], os.environ)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == number


threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
for _ in threads:
    listener.accept()[0].close()
