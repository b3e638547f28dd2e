import { cpus, totalmem } from "node:os";
import { benchCms } from "./cms.ts";
import { holds, type Row } from "./measure.ts";
import { benchWhole } from "./whole.ts";
import { benchXml } from "./xml.ts";

const groups: Readonly<Record<string, () => Promise<Row[]>>> = { xml: benchXml, cms: benchCms, whole: benchWhole };
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
