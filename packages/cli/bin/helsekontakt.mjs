#!/usr/bin/env node
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const started = new URL("../dist/index.js", import.meta.url);
const root = new URL("../../../", import.meta.url);
const inRepository = existsSync(new URL("pnpm-workspace.yaml", root));

function refuse(text) {
  process.stderr.write(`helsekontakt: ${text}\n`);
  process.exitCode = 2;
}

/** Runs this file again by another Node: same streams, same signals, same exit code. */
function runBy(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal sends Ctrl-C to both; the child decides how to end, and this process waits for it.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", () => refuse(`expected a Node that runs at ${node}, found one that does not start`));
  child.on("close", (code) => process.exit(code ?? 2));
}

if (major < 22 || (major === 22 && minor < 13)) {
  // The repository brings its own Node, for machines that have an older one.
  const pinned = fileURLToPath(new URL("node_modules/.bin/node", root));
  if (inRepository && existsSync(pinned) && process.env["HELSEKONTAKT_NODE"] === undefined) {
    process.env["HELSEKONTAKT_NODE"] = pinned;
    runBy(pinned);
  } else refuse(`expected Node 22.13 or newer, found ${process.versions.node}. Install a newer Node.`);
} else if (!existsSync(started))
  refuse("expected a built package, found no dist folder. In the repository, build it first: npx pnpm run build.");
else {
  const { main } = await import(started.href);
  process.exitCode = await main(process.argv.slice(2));
}
