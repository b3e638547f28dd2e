import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { parseFhirJson } from "@helsekontakt/types/fhir";
import { isFhir } from "@helsekontakt/validators/fhir";
import { episodeOfCare, offers, patient, patients } from "./fhir-payloads.ts";
import { peers } from "./fhir-peers.ts";
import { compare, type Row } from "./measure.ts";

/** Milliseconds that a new process needs to import the validator and check its first resource, Node's own start apart. */
function loadTime(): number {
  const url = pathToFileURL(createRequire(import.meta.url).resolve("@helsekontakt/validators/fhir")).href;
  // What the package imports besides is loaded before: the clock runs for the validator alone.
  const script = `await import(${JSON.stringify(import.meta.resolve("@helsekontakt/types/fhir"))});
const start = performance.now();
const { isFhir } = await import(${JSON.stringify(url)});
if (!isFhir(${JSON.stringify(patient())})) throw new Error("expected a valid Patient");
process.stdout.write(String(performance.now() - start));`;
  const times = Array.from({ length: 9 }, () =>
    Number(
      spawnSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], { encoding: "utf8" }).stdout,
    ),
  );
  // Whatever else the machine does only ever adds, so the quickest of the runs is the nearest to the truth.
  return Math.min(...times);
}

/** FHIR validation: against JSON.parse of the same text, and against the peers on the same object. */
export async function benchFhir(): Promise<Row[]> {
  const rows: Row[] = [];
  const most = (value: number) => ({ kind: "at-most", value }) as const;
  const least = (value: number) => ({ kind: "at-least", value }) as const;
  const others = peers();
  for (const [name, resource] of [
    ["EpisodeOfCare", episodeOfCare()],
    ["Patient", patient()],
    ["offer Bundle", offers()],
    ["Bundle of 100 Patients", patients(100)],
  ] as const) {
    const text = JSON.stringify(resource);
    const parsed = JSON.parse(text) as Record<string, unknown>;
    if (!isFhir(parsed)) throw new Error(`expected a valid ${name}, found faults`);
    const size = `${(text.length / 1024).toFixed(1)} KB`;
    const is = await compare(
      () => JSON.parse(text),
      () => isFhir(parsed),
    );
    rows.push({ name: `is, ${name}, of JSON.parse`, ratio: is.ratio, bound: most(0.3), note: size });
    const both = await compare(
      () => JSON.parse(text),
      () => isFhir(JSON.parse(text)),
    );
    rows.push({ name: `parse and is, ${name}, of JSON.parse`, ratio: both.ratio, bound: most(1.35), note: size });
    const lossless = await compare(
      () => JSON.parse(text),
      () => parseFhirJson(text),
    );
    rows.push({ name: `parseFhirJson, ${name}, of JSON.parse`, ratio: lossless.ratio, note: size });
    for (const peer of others) {
      const verdict = peer.check(parsed);
      const { ratio } = await compare(
        () => isFhir(parsed),
        () => peer.check(parsed),
        // The one with a close bound gets the rounds that the bound needs.
        peer.tuned ? { rounds: 15, ms: 100 } : { rounds: 5, ms: 80 },
      );
      const note = `${size}, its verdict: ${verdict ? "valid" : "not valid"}`;
      rows.push({ name: `is, ${name}, times as fast as ${peer.name}`, ratio, bound: least(peer.tuned ? 2 : 6), note });
    }
  }
  rows.push({
    name: "load of the validator, milliseconds",
    ratio: loadTime(),
    bound: most(15),
    note: "new process, quickest of nine",
  });
  return rows;
}
