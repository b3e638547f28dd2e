import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { fileURLToPath } from "node:url";
import { syntheticCitizens, withControlDigits } from "@helsekontakt/sandbox";
import { createHelsekontakt, openJournal, readMembers, sqliteStore } from "@helsekontakt/sdk";

// A member file of ten million lines, every 100,000th of them broken, read in a heap that holds a small part of it. Each
// good line must come out once and each broken one be told with its number; the process may not grow with the file. The
// same of a dry run of the register, for which everybody is new: whoever stands in the file twice must be found.
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

interface DryRun {
  readonly lines: number;
  readonly added: number;
  readonly problems: Readonly<Record<string, number>>;
  readonly misplaced: number;
  readonly maxRssMb: number;
  readonly ms: number;
}

/** Lines at the end of a dry run's file that repeat the first ones, every second of them with another period. */
const repeated = 20;

/** Synthetic persons as they are asked for; there are some millions of such numbers, so that each of them has four employers. */
function* people(lines: number): Generator<string> {
  const line = (n: number, fnr: string, to = "2027-07-31"): string =>
    `${fnr};2026-08-01;${to};${["999999999", "888888888", "777777777", "666666666"][n % 4]}\n`;
  const first: string[] = [];
  let n = 0;
  for (let nr = 0; n < lines - repeated; nr++) {
    const [year, day] = [40 + (nr % 60), 1 + (Math.floor(nr / 60) % 28)];
    const [month, individual] = [81 + (Math.floor(nr / 1_680) % 12), 100 + Math.floor(nr / 20_160)];
    const fnr = withControlDigits(`${String(day).padStart(2, "0")}${month}${year}${individual}`);
    if (fnr === undefined) continue;
    for (let employer = 0; employer < 4 && n < lines - repeated; employer++, n++) {
      if (first.length < repeated) first.push(fnr);
      yield line(n, fnr);
    }
  }
  for (const [m, fnr] of first.entries()) yield line(m, fnr, m % 2 === 0 ? "2027-07-31" : "2027-06-30");
}

function* peopleFile(lines: number): Generator<Buffer> {
  let text = "fnr;fra;til;orgnr\n";
  for (const line of people(lines)) {
    text += line;
    if (text.length < 60_000) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(text);
}

async function dryRun(lines: number): Promise<DryRun> {
  const started = Date.now();
  const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
  // Addresses where nobody listens: a dry run calls no service.
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const sdk = createHelsekontakt({
    environment: "LOCAL",
    organisation: {
      organisationNumber: "999999999",
      name: "Eksempel samskipnad",
      herId: "200005",
      services: [{ herId: "200004", name: "Studenthelsetjenesten" }],
    },
    helsenorge: { herId: "200001", name: "Helsenorge", service: { herId: "200003", name: "Tjeneste" } },
    rest: { baseUrl: "http://127.0.0.1:9" },
    helseid: {
      issuer: "http://127.0.0.1:9",
      clientId: "eksempel",
      key: { jwk: { ...privateKey.export({ format: "jwk" }), kid: "k", alg: "ES256" } },
    },
    journal,
  });
  let [misplaced, maxRss] = [0, 0];
  const report = await sdk.members.reconcile(readMembers(peopleFile(lines), { persons: "synthetic" }), {
    dryRun: true,
    mode: "delta",
    organisations: ["999999999", "888888888", "777777777", "666666666"],
    onIssue: ({ line }) => void (line < lines - repeated + 2 && misplaced++),
    onProgress: () => (maxRss = Math.max(maxRss, process.memoryUsage.rss())),
  });
  await journal.close();
  const { added } = report.changes;
  const maxRssMb = Math.round(maxRss / 1024 ** 2);
  return { lines, added, problems: report.input.problems, misplaced, maxRssMb, ms: Date.now() - started };
}

/** In a process of its own; undefined when the heap was too small. */
function measured<T>(how: "read" | "dry", lines: number): T | undefined {
  const child = spawnSync(
    process.execPath,
    [...heapFlags, ...process.execArgv, fileURLToPath(import.meta.url), how, String(lines)],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (child.status === 0) return JSON.parse(child.stdout) as T;
  console.error(`member-file-lines: FAILED: ${lines} lines (${how}) do not fit into a heap of 48 MB`);
  process.exitCode = 1;
  return undefined;
}

function judged(what: string, right: boolean, [small, large]: readonly { readonly maxRssMb: number }[]): void {
  const flat = small !== undefined && large !== undefined && large.maxRssMb < small.maxRssMb * 1.5;
  if (!right)
    console.error(`member-file-lines: FAILED: ${what}: a line was lost, told twice, or told with another number`);
  if (!flat) console.error(`member-file-lines: FAILED: ${what}: memory grows with the file`);
  if (!right || !flat) process.exitCode = 1;
}

const [how, count] = process.argv.slice(2).filter((a) => !a.startsWith("--"));
if (how !== undefined) {
  process.stdout.write(JSON.stringify(await (how === "dry" ? dryRun : read)(Number(count))));
} else {
  // Ten million take more than a minute: by `--long`, as the nightly run does.
  const long = process.argv.includes("--long");
  const reads: Read[] = [];
  for (const lines of long ? [1_000_000, 10_000_000] : [200_000, 1_000_000]) {
    const result = measured<Read>("read", lines);
    if (result === undefined) break;
    reads.push(result);
    console.log(
      `member-file-lines: ${lines} lines, ${result.good} members, ${result.issues} told by line, ${result.maxRssMb} MB at most, ${Math.round(lines / result.ms)} lines/ms`,
    );
  }
  const whole = reads.every(
    (r) => r.misplaced === 0 && r.issues === (2 * r.lines) / every && r.good === r.lines - r.issues,
  );
  judged("reading", whole, reads);

  const dry: DryRun[] = [];
  for (const lines of long ? [1_000_000, 10_000_000] : [100_000, 400_000]) {
    const result = measured<DryRun>("dry", lines);
    if (result === undefined) break;
    dry.push(result);
    console.log(
      `member-file-lines: dry run of ${lines} lines, ${result.added} new members, ${JSON.stringify(result.problems)}, ${result.maxRssMb} MB at most, ${Math.round(lines / result.ms)} lines/ms`,
    );
  }
  const found = dry.every(
    ({ lines, added, problems, misplaced }) =>
      misplaced === 0 &&
      added === lines - repeated &&
      problems["duplicate"] === repeated / 2 &&
      problems["two-periods"] === repeated / 2,
  );
  judged("dry run", found, dry);
}
