// AktivSjekken for a register of any length: a stream in, a stream out, nothing held in memory.
import { startSandbox } from "@helsekontakt/sandbox";
import { createHelsekontakt, createStatusCache, reachRules } from "@helsekontakt/sdk";

const sandbox = await startSandbox();
const { aktivsjekk } = createHelsekontakt(sandbox.config);

/** Stands for a file or a database cursor; it is read only as fast as answers are taken. */
async function* register() {
  yield { fnr: "not a number", line: 1 };
  for (const [n, { fnr }] of sandbox.citizens.entries()) yield { fnr, line: n + 2 };
  yield { fnr: sandbox.citizens[0]?.fnr ?? "", line: sandbox.citizens.length + 2 };
}

// Whoever asks often keeps the answers for a while; E35 and change notices go to cache.forget().
const cache = createStatusCache({ ttlMs: 600_000 });
for (const round of ["first", "second"]) {
  const rules = new Map<string, number>();
  let cached = 0;
  for await (const citizen of aktivsjekk.check(register(), { cache, order: "arrival", onFailure: "continue" })) {
    if (citizen.outcome === "invalid") console.log(`line ${citizen.line}: ${citizen.problem}, not sent`);
    if (citizen.outcome !== "answered") continue;
    if (citizen.duplicate) console.log(`line ${citizen.line}: asked before, ${citizen.reach} all the same`);
    if (citizen.cached) cached++;
    rules.set(citizen.rule, (rules.get(citizen.rule) ?? 0) + 1);
  }
  console.log(`${round} round: ${sandbox.rest.counts.aktivsjekken} calls so far, ${cached} answers from the cache`);
  if (round === "first")
    for (const [rule, count] of [...rules].sort())
      console.log(`${count} ${rule}: ${reachRules[rule as keyof typeof reachRules].because}`);
}

await sandbox.close();
