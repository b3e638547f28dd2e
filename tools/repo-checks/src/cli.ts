import { parseArgs } from "node:util";
import { checkCleanGeneration, checkHeaders, checkManifest } from "./generated.ts";
import { checkLayering } from "./layering.ts";
import { checkPacked } from "./packed.ts";
import { checkPublicNames } from "./public-names.ts";

const { values } = parseArgs({
  options: {
    without: { type: "string", default: "" },
    only: { type: "string" },
    "update-names": { type: "boolean", default: false },
  },
});
const checks: Readonly<Record<string, () => string[]>> = {
  layering: checkLayering,
  headers: checkHeaders,
  manifest: checkManifest,
  names: () => checkPublicNames(values["update-names"]),
  generated: checkCleanGeneration,
  packed: checkPacked,
};
const without = values.without.split(",");
let broken = 0;
for (const [name, check] of Object.entries(checks)) {
  if (without.includes(name) || (values.only !== undefined && !values.only.split(",").includes(name))) continue;
  const faults = check();
  process.stdout.write(`repo-checks: ${name}: ${faults.length === 0 ? "ok" : `${faults.length} fault(s)`}\n`);
  for (const fault of faults) process.stdout.write(`  ${fault}\n`);
  broken += faults.length;
}
process.exitCode = broken === 0 ? 0 : 1;
