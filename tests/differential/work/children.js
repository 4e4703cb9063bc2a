// Processes and threads in every way that Node has.
"use strict";

const assert = require("node:assert");
const { exec, execFileSync, fork, spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const { Worker } = require("node:worker_threads");

const ended = (child) =>
  new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));

async function children() {
  assert.equal(execFileSync("echo", ["one", "two words"]).toString(), "one two words\n");
  assert.equal(spawnSync("sh", ["-c", "exit 7"]).status, 7);
  assert.equal(spawnSync("./not-there").error.code, "ENOENT");
  assert.equal(spawnSync("/etc/passwd").error.code, "EACCES");
  const shell = exec("cat > from-node; exit 3");
  shell.stdin.end("input");
  assert.equal(await ended(shell), 3);
  const sleeper = spawn("sleep", ["100"], { detached: true });
  sleeper.kill("SIGTERM");
  assert.equal(await ended(sleeper), "SIGTERM");
  const several = [0, 1, 2, 3].map((code) => ended(spawn("sh", ["-c", `exit ${code}`])));
  assert.deepEqual(await Promise.all(several), [0, 1, 2, 3]);
  const other = fork(__filename, ["child"]);
  other.send({ number: 6 });
  other.on("message", (answer) => assert.equal(answer, 36));
  assert.equal(await ended(other), 0);
}

async function workers() {
  const source = `
    const fs = require("node:fs");
    const { parentPort, workerData } = require("node:worker_threads");
    const name = "worker-" + workerData;
    fs.mkdirSync(name);
    fs.writeFileSync(name + "/file", "x");
    fs.renameSync(name + "/file", name + "/moved");
    require("node:child_process").execFileSync("true");
    fs.rmSync(name, { recursive: true });
    parentPort.postMessage(workerData);`;
  const all = [1, 2, 3].map(
    (number) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(source, { eval: true, workerData: number });
        worker.on("error", reject);
        worker.on("message", (answer) => assert.equal(answer, number));
        worker.on("exit", resolve);
      }),
  );
  assert.deepEqual(await Promise.all(all), [0, 0, 0]);
}

async function files() {
  await fs.promises.mkdir("deep/er/still", { recursive: true });
  const names = [...Array(20).keys()].map((number) => `deep/er/${number}`);
  await Promise.all(names.map((name) => fs.promises.writeFile(name, name)));
  await Promise.all(names.map((name) => fs.promises.appendFile(name, "!")));
  await fs.promises.copyFile(names[0], "copied");
  await fs.promises.chmod("copied", 0o600);
  await fs.promises.truncate("copied", 1);
  await fs.promises.symlink("copied", "soft");
  await fs.promises.link("copied", "hard");
  await fs.promises.lchown("soft", 1, 1);
  await fs.promises.rename("hard", "harder");
  await fs.promises.unlink("harder");
  await assert.rejects(fs.promises.writeFile("deep", "x"));
  await assert.rejects(fs.promises.open("copied", "wx"));
  await fs.promises.cp("deep", "copy", { recursive: true });
  await fs.promises.rm("deep", { recursive: true });
}

async function sockets() {
  for (const place of [{ host: "127.0.0.1", port: 0 }, { path: "node.sock" }]) {
    const server = net.createServer((peer) => peer.pipe(peer));
    await new Promise((resolve) => server.listen(place, resolve));
    const address = server.address();
    const client = net.connect(place.path ? place : { host: place.host, port: address.port });
    client.end("hello");
    let answer = "";
    for await (const part of client) answer += part;
    assert.equal(answer, "hello");
    await new Promise((resolve) => server.close(resolve));
    const refused = net.connect(place.path ? place : { host: place.host, port: address.port });
    await new Promise((resolve) => refused.on("error", resolve));
  }
}

if (process.argv[2] === "child") {
  process.once("message", ({ number }) => {
    fs.writeFileSync("by-a-fork", String(number));
    process.send(number * number);
    process.disconnect();
  });
} else {
  (async () => {
    await children();
    await workers();
    await files();
    await sockets();
  })();
}
