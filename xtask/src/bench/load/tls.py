"""TLS connections to itself, again and again, both ends in one thread.

Arguments: milliseconds, a file with key and certificate. Prints the number of connections after a
tenth of the time to warm up, the seconds they took, and the number of all connections.
"""

import socket
import ssl
import sys
import time


def shake(*ends):
    waiting = list(ends)
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass


def connect(listener, ours, theirs, number):
    # Many addresses, or the ports of one run out while closed connections linger.
    port = listener.getsockname()[1]
    near = socket.create_connection((f"127.0.0.{number % 250 + 1}", port))
    far, _ = listener.accept()
    for end in (near, far):
        end.setblocking(False)
    wait = {"do_handshake_on_connect": False}
    near = ours.wrap_socket(near, server_hostname="localhost", **wait)
    far = theirs.wrap_socket(far, server_side=True, **wait)
    shake(near, far)
    near.close()
    far.close()


def repeat(seconds, once):
    started = time.monotonic()
    done = 0
    while time.monotonic() - started < seconds or not done:
        once(done)
        done += 1
    return done, time.monotonic() - started


def main():
    seconds, pem = int(sys.argv[1]) / 1000, sys.argv[2]
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    ours = ssl.create_default_context(cafile=pem)
    ours.set_alpn_protocols(["h2", "http/1.1"])
    listener = socket.create_server(("0.0.0.0", 0))
    once = lambda number: connect(listener, ours, theirs, number)
    warmed, _ = repeat(seconds / 10, once)
    done, took = repeat(seconds, once)
    print(done, took, warmed + done)


main()
