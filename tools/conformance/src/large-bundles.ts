import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Bundles of 70 and 210 MB (by `--long` of 1,000), in JSON and XML, through `helsekontakt validate`, in a heap that holds a small
// part of them: each fault must be told with its entry and line, and the process may not grow with the file, the addresses of the
// entries apart.
const every = 1_000;
const heap = 64;
const mib = 1024 ** 2;
const profile = "https://helsekontakt.dev/fhir/StructureDefinition/hk-offerings-bundle";

interface Form {
  readonly name: string;
  readonly ending: "json" | "xml";
  readonly options: readonly string[];
}

const long = process.argv.includes("--long");
/** XML with a profile takes all the ways that XML without one takes. */
const forms: readonly Form[] = [
  { name: "JSON", ending: "json", options: [] },
  ...(long ? [{ name: "XML", ending: "xml", options: [] } as const] : []),
  { name: "XML with a profile", ending: "xml", options: ["--profile", profile] },
];

const uuid = (n: number): string => `urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-${String(n).padStart(12, "0")}`;
const words = "Syntetisk tekst om ingen. ".repeat(120);
const hasFault = (n: number): boolean => n % every === 7;

/** An entry on four lines, the fault on the third. Each names the one before it. */
function entryOf(n: number, ending: Form["ending"]): string {
  const gender = hasFault(n) ? "nobody" : "unknown";
  const link = uuid(Math.max(0, n - 1));
  return ending === "json"
    ? `{"fullUrl":"${uuid(n)}","resource":{"resourceType":"Patient",\n"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">${words}</div>"},\n"gender":"${gender}",\n"link":[{"other":{"reference":"${link}"},"type":"seealso"}]}}`
    : `<entry><fullUrl value="${uuid(n)}"/><resource><Patient>\n<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">${words}</div></text>\n<gender value="${gender}"/>\n<link><other><reference value="${link}"/></other><type value="seealso"/></link></Patient></resource></entry>`;
}

/** Writes a Bundle of some entries; its first one begins on the second line. */
function write(path: string, entries: number, ending: Form["ending"]): void {
  const isJson = ending === "json";
  const file = openSync(path, "w");
  writeSync(
    file,
    isJson
      ? '{"resourceType":"Bundle","type":"collection","entry":[\n'
      : '<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/>\n',
  );
  for (let n = 0; n < entries; n += 100) {
    const list = Array.from({ length: Math.min(100, entries - n) }, (_, k) => entryOf(n + k, ending));
    writeSync(file, `${list.join(isJson ? ",\n" : "\n")}${isJson && n + 100 < entries ? "," : ""}\n`);
  }
  writeSync(file, isJson ? "]}" : "</Bundle>");
  closeSync(file);
}

interface Printed {
  readonly kind: string;
  readonly issues: readonly { readonly rule: string; readonly path: string; readonly line: number }[];
}

/** The verdict, and the most memory that the process had; undefined when the heap was too small. */
function judge(
  path: string,
  options: readonly string[],
): { readonly verdict: Printed; readonly peak: number } | undefined {
  const command = new URL("../../../packages/cli/src/index.ts", import.meta.url).href;
  const code = `import { main } from ${JSON.stringify(command)};
    await main(["validate", "--json", ${[...options, path].map((o) => JSON.stringify(o)).join(", ")}]);
    process.stderr.write("\\n" + process.resourceUsage().maxRSS);`;
  const child = spawnSync(
    process.execPath,
    [`--max-old-space-size=${heap}`, "--max-semi-space-size=8", ...process.execArgv, "--input-type=module", "-e", code],
    { encoding: "utf8", maxBuffer: 64 * mib },
  );
  if (child.status !== 0 && child.signal !== null) return undefined;
  try {
    const [verdict] = JSON.parse(child.stdout) as [Printed];
    return { verdict, peak: Number(child.stderr.split("\n").at(-1)) * 1024 };
  } catch {
    return undefined;
  }
}

const folder = mkdtempSync(join(tmpdir(), "helsekontakt-bundles-"));
const megabytes = long ? [70, 1_000] : [70, 210];
try {
  for (const { name, ending, options } of forms) {
    const peaks: number[] = [];
    for (const size of megabytes) {
      const entries = Math.ceil((size * 1e6) / entryOf(1, ending).length);
      const path = join(folder, `bundle.${ending}`);
      write(path, entries, ending);
      const started = Date.now();
      const result = judge(path, options);
      const seconds = (Date.now() - started) / 1000;
      const faults = Array.from({ length: entries }, (_, n) => n)
        .filter(hasFault)
        .map((n) => `Bundle.entry[${n}].resource.gender ${2 + 4 * n + 2}`);
      const found = result?.verdict.issues.filter((i) => i.rule === "fhir/binding") ?? [];
      const right = found.map((i) => `${i.path} ${i.line}`).join() === faults.join();
      if (result === undefined || !right) {
        console.error(
          result === undefined
            ? `large-bundles: FAILED: ${name}, ${size} MB do not fit into a heap of ${heap} MB`
            : `large-bundles: FAILED: ${name}, ${size} MB: expected ${faults.length} faults in their places, found ${found.length}`,
        );
        process.exitCode = 1;
        continue;
      }
      peaks.push(result.peak);
      console.log(
        `large-bundles: ${name}, ${size} MB, ${entries} entries, ${found.length} faults told by line, ${Math.round(result.peak / mib)} MB at most, ${(size / seconds).toFixed(1)} MB/s`,
      );
    }
    const [small = 0, large = Number.POSITIVE_INFINITY] = peaks;
    if (large < small * 1.5) continue;
    console.error(`large-bundles: FAILED: ${name}: memory grows with the file`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
