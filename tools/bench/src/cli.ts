import { cpus, totalmem } from "node:os";
import { holds, type Row } from "./measure.ts";

// A group brings its own peers, so each is loaded when its turn comes.
const groups: Readonly<Record<string, () => Promise<Row[]>>> = {
  xml: async () => (await import("./xml.ts")).benchXml(),
  openapi: async () => (await import("./openapi.ts")).benchOpenapi(),
  validate: async () => (await import("./validate.ts")).benchValidate(),
  cms: async () => (await import("./cms.ts")).benchCms(),
  fhir: async () => (await import("./fhir.ts")).benchFhir(),
  helseid: async () => (await import("./helseid.ts")).benchHelseid(),
  amqp: async () => (await import("./amqp.ts")).benchAmqp(),
  journal: async () => (await import("./journal.ts")).benchJournal(),
  members: async () => (await import("./members.ts")).benchMembers(),
  aktivsjekk: async () => (await import("./aktivsjekk.ts")).benchAktivsjekk(),
  rest: async () => (await import("./rest.ts")).benchRest(),
  path: async () => (await import("./path.ts")).benchPath(),
  whole: async () => (await import("./whole.ts")).benchWhole(),
};
const wanted = process.argv.slice(2);
const cpu = cpus();
process.stdout.write(
  `machine: ${cpu.length} x ${cpu[0]?.model ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, ${process.platform}\n`,
);
let missed = 0;
for (const [name, bench] of Object.entries(groups)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for (const row of await bench()) {
    const ok = holds(row);
    if (!ok) missed++;
    const bound =
      row.bound === undefined
        ? "reported"
        : `${row.bound.kind === "at-least" ? "at least" : "at most"} ${row.bound.value}`;
    process.stdout.write(
      `${ok ? "ok    " : "MISSED"} ${row.ratio.toFixed(2).padStart(7)}  ${row.name} (${bound}; ${row.note})\n`,
    );
  }
}
process.exitCode = missed === 0 ? 0 : 1;
