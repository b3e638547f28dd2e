import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { syntheticCitizens } from "@helsekontakt/sandbox";
import { readMembers } from "@helsekontakt/sdk";

// A member file of ten million lines, every 100,000th of them broken, read in a heap that holds a small part of it. Each
// good line must come out once and each broken one be told with its number; the process may not grow with the file.
const heapFlags = ["--max-old-space-size=48", "--max-semi-space-size=8"];
const every = 100_000;

interface Read {
  readonly lines: number;
  readonly good: number;
  readonly issues: number;
  readonly misplaced: number;
  readonly maxRssMb: number;
  readonly ms: number;
}

function* file(lines: number): Generator<Buffer> {
  const people = syntheticCitizens(5_000).map((c) => c.fnr);
  let text = "fnr;fra;til;navn\n";
  for (let n = 0; n < lines; n++) {
    // Half of the faults are a quote that is never closed, which must not swallow what follows.
    text +=
      n % every === 7
        ? `"x;2026-08-01;2027-07-31;a\n`
        : n % every === 50_007
          ? `${people[0]};2027-07-31;2026-08-01;a\n`
          : `${people[n % people.length]};2026-08-01;2027-07-31;Åse Ås\n`;
    if (text.length > 60_000) {
      yield Buffer.from(text);
      text = "";
    }
  }
  yield Buffer.from(text);
}

async function read(lines: number): Promise<Read> {
  const started = Date.now();
  let [good, issues, misplaced, maxRss] = [0, 0, 0, 0];
  const onIssue = ({ line }: { readonly line: number }): void => {
    issues++;
    if (![7, 50_007].includes((line - 2) % every)) misplaced++;
  };
  for await (const member of readMembers(file(lines), { persons: "synthetic", onIssue })) {
    if (member.line !== good + issues + 2) misplaced++;
    if (++good % 50_000 === 0) maxRss = Math.max(maxRss, process.memoryUsage.rss());
  }
  return { lines, good, issues, misplaced, maxRssMb: Math.round(maxRss / 1024 ** 2), ms: Date.now() - started };
}

const own = process.argv.slice(2).find((a) => !a.startsWith("--"));
if (own !== undefined) {
  process.stdout.write(JSON.stringify(await read(Number(own))));
} else {
  const results: Read[] = [];
  // Ten million take more than a minute: by `--long`, as the nightly run does.
  for (const lines of process.argv.includes("--long") ? [1_000_000, 10_000_000] : [200_000, 1_000_000]) {
    const child = spawnSync(
      process.execPath,
      [...heapFlags, ...process.execArgv, fileURLToPath(import.meta.url), String(lines)],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
    );
    if (child.status !== 0) {
      console.error(`member-file-lines: FAILED: ${lines} lines do not fit into a heap of 48 MB`);
      process.exit(1);
    }
    const result = JSON.parse(child.stdout) as Read;
    results.push(result);
    console.log(
      `member-file-lines: ${lines} lines, ${result.good} members, ${result.issues} told by line, ${result.maxRssMb} MB at most, ${Math.round(lines / result.ms)} lines/ms`,
    );
  }
  const right = results.every(
    (r) => r.misplaced === 0 && r.issues === (2 * r.lines) / every && r.good === r.lines - r.issues,
  );
  const [small, large] = results;
  const flat = small !== undefined && large !== undefined && large.maxRssMb < small.maxRssMb * 1.5;
  if (!right) console.error("member-file-lines: FAILED: a line was lost, told twice, or told with another number");
  if (!flat) console.error("member-file-lines: FAILED: memory grows with the file");
  process.exitCode = right && flat ? 0 : 1;
}
