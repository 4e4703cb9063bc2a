"""Processes in every way that Python has: subprocess, asyncio, multiprocessing, fork and spawn."""

import asyncio
import concurrent.futures
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import tempfile


def square(number):
    with open(f"square-{number}", "w") as file:
        file.write(str(number * number))
    return number * number


def queue_worker(queue, number):
    queue.put(square(number))


async def talk():
    async def serve(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
    local = await asyncio.start_unix_server(serve, "asyncio.sock")
    reader, writer = await asyncio.open_unix_connection("asyncio.sock")
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    writer.close()
    local.close()


async def children():
    async def run(number):
        child = await asyncio.create_subprocess_exec(
            "sh", "-c", f"cat > async-{number}; exit {number}", stdin=subprocess.PIPE
        )
        await child.communicate(b"input")
        return child.returncode

    assert await asyncio.gather(*map(run, range(4))) == [0, 1, 2, 3]
    child = await asyncio.create_subprocess_shell("sleep 100")
    child.terminate()
    assert await child.wait() == -signal.SIGTERM


def subprocesses():
    assert subprocess.check_output(["echo", "one", "two words"]) == b"one two words\n"
    assert subprocess.run("exit 7", shell=True).returncode == 7
    for name in ["not-there", "."]:
        try:
            subprocess.run([os.path.abspath(name)])
            raise AssertionError("it ran")
        except OSError:
            pass
    first = subprocess.Popen(["seq", "20"], stdout=subprocess.PIPE)
    second = subprocess.run(["wc", "-l"], stdin=first.stdout, capture_output=True)
    first.stdout.close()
    assert first.wait() == 0 and second.stdout.strip() == b"20"
    child = subprocess.Popen(["sleep", "100"], start_new_session=True)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    subprocess.run(["pwd"], cwd="/", stdout=subprocess.DEVNULL, check=True)
    # A preparation makes Python fork by itself, without vfork.
    subprocess.run(["true"], preexec_fn=lambda: os.umask(0o22), check=True)
    subprocess.run(["id", "-u"], user=1, group=1, extra_groups=[], stdout=subprocess.DEVNULL)


def forks():
    child = os.fork()
    if child == 0:
        os.mkdir("by-a-child", 0o711)
        os.chdir("by-a-child")
        os.symlink("../square-3", "link")
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    child = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 4"], os.environ)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
    child = os.fork()
    if child == 0:
        os.abort()
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGABRT
    child = os.fork()
    if child == 0:
        os.setresgid(1, 1, 1)
        os.setresuid(1, 1, 1)
        for step in [lambda: os.setuid(0), lambda: open("/etc/shadow"), lambda: os.chroot("/")]:
            try:
                step()
            except PermissionError:
                continue
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    # By descriptor.
    program = os.open("/bin/true", os.O_RDONLY)
    child = os.fork()
    if child == 0:
        os.execve(program, ["true"], os.environ)
    assert os.waitpid(child, 0)[1] == 0


def several():
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(square, range(6)) == [0, 1, 4, 9, 16, 25]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    children = [context.Process(target=queue_worker, args=(queue, n)) for n in (6, 7)]
    [child.start() for child in children]
    assert sorted(queue.get() for _ in children) == [36, 49]
    [child.join() for child in children]
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        assert list(executor.map(square, [8, 9])) == [64, 81]
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        assert list(executor.map(square, range(10, 20)))[0] == 100
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        assert pool.apply(square, (20,)) == 400


def files():
    directory = tempfile.mkdtemp(dir=".")
    inner = os.path.join(directory, "inner")
    shutil.copyfile("square-1", inner)
    shutil.copystat("square-2", inner)
    os.setxattr(inner, "user.note", b"x")
    os.removexattr(inner, "user.note")
    os.replace(inner, inner + ".new")
    os.truncate(inner + ".new", 3)
    with open(inner + ".new", "r+") as file:
        file.truncate(1)
        os.fchmod(file.fileno(), 0o600)
        os.fchown(file.fileno(), 1, -1)
    top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.mkdir("sub", dir_fd=top)
    os.link("inner.new", "sub/hard", src_dir_fd=top, dst_dir_fd=top)
    os.rename("sub/hard", "soft", src_dir_fd=top, dst_dir_fd=top)
    os.chmod("soft", 0o640, dir_fd=top)
    os.mkfifo("pipe", dir_fd=top)
    os.unlink("soft", dir_fd=top)
    os.fchdir(top)
    open("relative", "x").close()
    os.chdir("..")
    for flags in (os.O_EXCL, os.O_DIRECTORY, os.O_NOFOLLOW | os.O_PATH):
        try:
            os.close(os.open("square-1", os.O_CREAT | flags, 0o600))
        except OSError:
            pass
    with tempfile.TemporaryFile(dir=".") as file:
        file.write(b"x")
    shutil.make_archive("packed", "zip", directory)
    shutil.unpack_archive("packed.zip", "unpacked")
    shutil.rmtree(directory)


def sockets():
    server = socket.socket(socket.AF_INET6)
    server.bind(("::1", 0))
    server.listen()
    client = socket.create_connection(server.getsockname()[:2])
    accepted, _ = server.accept()
    accepted.close()
    client.close()
    port = server.getsockname()[1]
    server.close()
    for address in [("::1", port), ("127.0.0.1", port)]:
        try:
            socket.create_connection(address)
            raise AssertionError("nobody listens")
        except ConnectionRefusedError:
            pass
    first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    first.bind(("127.0.0.1", 0))
    second.connect(first.getsockname())
    second.send(b"x")
    assert first.recv(1) == b"x"
    local = socket.socket(socket.AF_UNIX)
    local.bind("local.sock")
    for bound in ["local.sock", "nowhere/local.sock"]:
        try:
            socket.socket(socket.AF_UNIX).bind(bound)
        except OSError:
            pass
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0agtrack-differential-" + str(os.getpid()))
    abstract.listen()
    socket.socket(socket.AF_UNIX).connect(abstract.getsockname())
    abstract.accept()


if __name__ == "__main__":
    subprocesses()
    forks()
    several()
    files()
    sockets()
    asyncio.run(talk())
    asyncio.run(children())
