#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  process.stderr.write(
    `helsekontakt: expected Node 22.13 or newer, found ${process.versions.node}. Install a newer Node, or run it through the repository's own scripts.\n`,
  );
  process.exit(2);
}
const { main } = await import("../dist/index.js");
process.exitCode = await main(process.argv.slice(2));
