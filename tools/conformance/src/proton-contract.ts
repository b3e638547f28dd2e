/**
 * The broker contract against a broker of another make: Apache Qpid Proton's example broker (C engine, Debian's
 * `python3-qpid-proton` and `libqpid-proton11-dev-examples`), completed by `_proton-broker.py`. It announces every outcome,
 * refuses no address and asks for no password. Exit 0: all kept. Exit 1: a case failed. Exit 2: the broker cannot be had.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { runContract } from "./_contract-run.ts";

const python = "/usr/bin/python3";
const example = "/usr/share/proton/examples/python/broker.py";
const packages = ["python3-qpid-proton", "libqpid-proton11-dev-examples"];

function isThere(): boolean {
  if (!existsSync(example) || !existsSync(python)) return false;
  try {
    execFileSync(python, ["-c", "import proton"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function install(): void {
  try {
    execFileSync("apt-get", ["update", "-qq"], { stdio: "ignore" });
    execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { stdio: "ignore" });
  } catch {
    // Told below.
  }
}

async function start(port: number): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("_proton-broker.py", import.meta.url));
  const child = spawn(python, [script, example, String(port)], { stdio: ["ignore", "inherit", "inherit"] });
  for (let tries = 0; tries < 100; tries++) {
    if (await answers(port)) return child;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill("SIGKILL");
  throw new Error("expected the broker to listen within 10 s");
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function main(): Promise<number> {
  if (!isThere()) install();
  if (!isThere()) throw new Error(`expected Debian's packages ${packages.join(" and ")}, they cannot be had here`);
  const version = execFileSync(python, ["-c", "import proton; print('%d.%d.%d' % proton.VERSION)"]).toString().trim();
  const port = await freePort();
  const broker = await start(port);
  let n = 0;
  try {
    const { passed, failed, leftOut } = await runContract(
      {
        settings: { host: "127.0.0.1", port, transport: "tcp", dialect: "plain", namespace: "unused" },
        makeQueue: () => Promise.resolve(`contract_${n++}_async`),
        deadLettersOf: (queue) => `${queue}_dl`,
        quirks: {
          makesQueues: true,
          withoutPasswords: true,
          keepsLastDataSection: true,
          takesModified: true,
          marksNoRedelivery: true,
        },
      },
      process.argv[2],
    );
    console.log(`Qpid Proton ${version}: ${passed} of ${passed + failed} contract cases kept, ${leftOut} left out`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } finally {
    broker.kill("SIGKILL");
  }
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(`proton-contract could not run: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
});
