import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChaosResult, runChaos } from "./chaos/run.ts";

// Messages under faults: senders and receivers as processes of their own, a RabbitMQ of the run's own, PostgreSQL and the
// embedded journal, and a proxy before each process. Exit 0: nothing lost, nothing handled twice. Exit 1: otherwise.
// Exit 2: the run could not take place.
//
//   chaos.ts [--messages N] [--faults M] [--seed S] [--until SECONDS] [--soak MINUTES] [--json FILE] [--record] [--keep]
//
// `--until` is a time in seconds since 1970 at which a run ends early: what is under way comes to its end, how far it came
// is printed, and less than a least number of messages and faults is a failure.
// `--soak` spreads messages and faults over time, strikes no process, and keeps one sender from the broker for a sixth of
// the time; each process collects its garbage once a minute, and how what is left of its memory went is printed.
const given = (name: string): string | undefined => {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
};
const number = (name: string, standard: number): number => {
  const value = Number(given(name) ?? standard);
  if (Number.isInteger(value) && value >= 0) return value;
  console.error(`chaos: expected a whole number after ${name}, found ${given(name)}`);
  process.exit(2);
};
const messages = number("--messages", 20_000);
const faults = number("--faults", 500);
const until = given("--until") === undefined ? undefined : number("--until", 0);
/** What a run must have come to, whatever the time. */
const least = { messages: Math.min(messages, 3_000), faults: Math.min(faults, 75) };
const seed = number("--seed", 20_261_130);
const soak = given("--soak") === undefined ? undefined : number("--soak", 60);
const folder = mkdtempSync(join(tmpdir(), "helsekontakt-chaos-"));
const ending = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.once(name, () => ending.abort(new Error(`ended by ${name}`)));
let result: ChaosResult | undefined;
try {
  result = await runChaos({
    messages,
    faults,
    seed,
    ...(soak === undefined ? {} : { soakMinutes: soak }),
    ...(until === undefined ? {} : { until: until * 1_000 }),
    folder,
    signal: ending.signal,
    postgres: process.env["HELSEKONTAKT_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432/test",
    progress: (line) => console.log(`chaos: ${line}`),
  });
} catch (reason) {
  console.error("chaos: the run could not take place:", reason instanceof Error ? reason.message : reason);
} finally {
  if (process.argv.includes("--keep")) console.log(`chaos: kept in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
if (result === undefined) process.exit(2);

const { verdict } = result;
const list = (map: ReadonlyMap<string, unknown>): string =>
  [...map]
    .map(
      ([name, value]) =>
        `${name} ${
          typeof value === "object"
            ? Object.values(value as object)
                .reverse()
                .join("/")
            : String(value)
        }`,
    )
    .sort()
    .join(", ");
const percentile = (values: readonly number[], p: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * p) - 1)] ?? 0;
console.log(
  `chaos: ${messages} messages, ${faults} faults, seed ${seed}, schedule ${result.schedule}, ${result.seconds.toFixed(0)} s`,
);
if (!result.complete)
  console.log(
    `chaos: ended by its time after ${verdict.accepted} of ${messages} messages and ${result.tried} of ${faults} faults (at least ${least.messages} and ${least.faults})`,
  );
console.log(
  `chaos: ${verdict.accepted} accepted, ${verdict.handled} handled, ${verdict.receipts} with AppRec; ` +
    `${verdict.lost} lost, ${verdict.doubled} handled twice, ${verdict.withoutReceipt} without AppRec, ${verdict.strangeReceipts} strange AppRecs, ${verdict.leftInQueues} left in queues`,
);
console.log(
  `chaos: handlers begun again after a kill or a pause: ${verdict.begunAgain}; without such a cause: ${verdict.unexplained}`,
);
console.log(`chaos: faults (struck where meant/planned): ${list(result.faults)}`);
console.log(`chaos: kills by step: ${list(result.kills)}`);
if (result.stepsMissed.length > 0) console.log(`chaos: steps never met: ${result.stepsMissed.join(", ")}`);
console.log(
  `chaos: ${result.lives} processes ended, ${result.crashes.length} by themselves; ${result.duplicatesPublished} messages published twice, ` +
    `${result.deliveriesReleased} accepted deliveries given back to the broker`,
);
for (const crash of result.crashes.slice(0, 5)) console.log(`chaos: ended by itself: ${crash}`);
console.log(`chaos: what workers told: ${list(result.events)}`);
console.log(`chaos: errors: ${list(result.errors)}`);
for (const missing of result.missing.slice(0, 10)) console.log(`chaos: missing: ${missing}`);
for (const refusal of result.refusals.slice(0, 10)) console.log(`chaos: refused by ${refusal}`);
console.log(
  `chaos: connected again after the broker was back: ${result.reattached.length} times, p50 ${percentile(result.reattached, 0.5)} ms, ` +
    `p99 ${percentile(result.reattached, 0.99)} ms; highest memory ${(result.rss / 2 ** 20).toFixed(0)} MiB`,
);
if (soak !== undefined) {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
  const middle = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
  for (const [name, minutes] of result.memory) {
    // Of an hour: minutes 5 to 10, when all code has been compiled and every cache is as full as it gets, and the last ten.
    const part = Math.max(1, Math.round(minutes.length / 6));
    const early = minutes.slice(Math.floor((part - 1) / 2), part);
    const late = minutes.slice(-part);
    const level = (which: "rss" | "heap"): string =>
      `${mib(middle(early.map((m) => m[which])))} -> ${mib(middle(late.map((m) => m[which])))} MiB (${(middle(late.map((m) => m[which])) / middle(early.map((m) => m[which]))).toFixed(3)})`;
    console.log(`chaos: memory of ${name} after a collection: resident ${level("rss")}, live heap ${level("heap")}`);
  }
}
const file = given("--json");
if (file !== undefined)
  writeFileSync(
    file,
    JSON.stringify({ ...result, messages, seed }, (_, v: unknown) => (v instanceof Map ? Object.fromEntries(v) : v), 2),
  );
// Of some 2 % and 20 % of what is accepted, for each message has an AppRec: less means that it did not go on all the time.
const troubled =
  result.duplicatesPublished >= verdict.accepted / 200 && result.deliveriesReleased >= verdict.accepted / 20;
if (!troubled) console.log("chaos: too few messages were published twice, or given back");
const ok =
  troubled &&
  verdict.accepted >= (result.complete ? messages : least.messages) &&
  result.tried >= (result.complete ? faults : least.faults) &&
  verdict.lost +
    verdict.doubled +
    verdict.withoutReceipt +
    verdict.strangeReceipts +
    verdict.leftInQueues +
    verdict.unexplained ===
    0 &&
  result.crashes.length === 0 &&
  result.refusals.length === 0 &&
  result.stepsMissed.length === 0;
if (process.argv.includes("--record") && result.complete) {
  const page = new URL("../../../packages/sdk/CHAOS-RUNS.md", import.meta.url);
  const kills = [...result.kills.values()].reduce((sum, n) => sum + n, 0);
  const command = `npm run chaos -- --messages ${messages} --faults ${faults} --seed ${seed}${soak === undefined ? "" : ` --soak ${soak}`}`;
  const cells = [
    new Date().toISOString().slice(0, 10),
    `\`${command}\``,
    result.schedule,
    verdict.accepted,
    verdict.lost,
    verdict.doubled,
    verdict.begunAgain,
    kills,
    result.deliveriesReleased,
    result.duplicatesPublished,
    `${percentile(result.reattached, 0.5)} ms, ${percentile(result.reattached, 0.99)} ms`,
    `${Math.round(result.seconds)} s`,
  ];
  const lines = readFileSync(page, "utf8").split("\n");
  // Behind the rows that are there; the page has more below its table.
  const at = lines.findLastIndex((line) => line.startsWith("| 20") || line.startsWith("|---|---|---|---:|"));
  lines.splice(at + 1, 0, `| ${cells.join(" | ")} |`);
  writeFileSync(page, lines.join("\n"));
}
console.log(`chaos: ${ok ? "ok" : "FAILED"}`);
process.exit(ok ? 0 : 1);
