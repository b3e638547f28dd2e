import { HelsekontaktError, limitTime, systemClock, throwIfAborted } from "@helsekontakt/core";
import type { TokenSource } from "@helsekontakt/helseid";
import { checkConfig, type HelsekontaktConfig } from "../config.ts";
import { createTokens } from "../create-helsekontakt.ts";
import { faultFinding } from "./fault-finding.ts";
import { checksFor } from "./plan.ts";
import type { Check, CheckContext, CheckResult, DiagnoseOptions, Diagnosis, Finding } from "./types.ts";

/**
 * Looks at everything that has to work: names, TLS, clock, tokens, interfaces, broker, registries, certificates,
 * journal. Each check runs as soon as what it needs is there; all faults come at once, each with a next step. Nothing is
 * written anywhere, no message is taken from a queue, and no text holds a person, a token, a key or a password.
 *
 * @throws {HelsekontaktError} `config/invalid`, `input/invalid` when `only` names no check, `abort/cancelled`
 */
export async function diagnose(given: HelsekontaktConfig, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  throwIfAborted(options.signal);
  const preset = checkConfig(given);
  const config = await withKeys(given);
  let tokens: TokenSource | undefined;
  const context: CheckContext = {
    config,
    preset,
    clock: config.clock ?? systemClock,
    options,
    tokens: () => (tokens ??= createTokens(config, preset.helseidIssuer)),
  };
  const checks = chosen(checksFor(config, preset, options), options.only);
  const running = new Map<string, Promise<CheckResult>>();
  // In order of their needs: what one needs stands before it.
  for (const check of checks) running.set(check.id, settle(check, running, context));
  const results = await Promise.all(running.values());
  throwIfAborted(options.signal);
  const counts = { ok: 0, warning: 0, fault: 0, skipped: 0 };
  for (const { outcome } of results) counts[outcome]++;
  return { ok: counts.fault === 0, environment: config.environment, checks: results, counts };
}

/** The keys as their source gives them now. */
async function withKeys(config: HelsekontaktConfig): Promise<HelsekontaktConfig> {
  if (config.keySource === undefined) return config;
  const { signing, decryption = [] } = await config.keySource();
  return signing === undefined ? config : { ...config, keys: { signing, decryption } };
}

function chosen(checks: readonly Check[], only: readonly string[] | undefined): readonly Check[] {
  if (only === undefined || only.length === 0) return checks;
  const wanted = new Set<string>();
  const add = (check: Check): void => {
    if (wanted.has(check.id)) return;
    wanted.add(check.id);
    for (const need of check.needs ?? []) {
      const needed = checks.find((c) => c.id === need);
      if (needed !== undefined) add(needed);
    }
  };
  for (const name of only) {
    const found = checks.filter((c) => c.id === name || c.id.startsWith(`${name}.`));
    if (found.length === 0)
      throw new HelsekontaktError("input/invalid", "expected checks by their names, found another name", {
        context: { checks: checks.map((c) => c.id) },
        hint: `checks: ${checks.map((c) => c.id).join(", ")}`,
      });
    for (const check of found) add(check);
  }
  return checks.filter((c) => wanted.has(c.id));
}

async function settle(
  check: Check,
  running: ReadonlyMap<string, Promise<CheckResult>>,
  context: CheckContext,
): Promise<CheckResult> {
  const result = await outcomeOf(check, running, context);
  context.options.onResult?.(result);
  return result;
}

async function outcomeOf(
  check: Check,
  running: ReadonlyMap<string, Promise<CheckResult>>,
  context: CheckContext,
): Promise<CheckResult> {
  const skipped = (because: string): CheckResult => ({
    id: check.id,
    title: check.title,
    outcome: "skipped",
    because,
    findings: [],
    milliseconds: 0,
  });
  if (check.missing !== undefined) return skipped(check.missing);
  for (const need of check.needs ?? []) {
    const needed = await running.get(need);
    if (needed?.outcome === "fault") return skipped(`${need} has a fault`);
    if (needed?.outcome === "skipped") return skipped(`${need} was skipped`);
  }
  const started = performance.now();
  const findings = await limited(check, context);
  const milliseconds = Math.round(performance.now() - started);
  const levels = findings.map((f) => f.level);
  const outcome = levels.includes("fault") ? "fault" : levels.includes("warning") ? "warning" : "ok";
  return { id: check.id, title: check.title, outcome, findings, milliseconds };
}

/** Within its time, whether or not what it calls heeds the signal. */
async function limited(check: Check, context: CheckContext): Promise<readonly Finding[]> {
  const ms = context.options.timeoutMs ?? 15_000;
  const limit = limitTime(ms, context.options.signal);
  try {
    return await limit.race(check.run(context, limit.signal));
  } catch (error) {
    if (limit.timedOut)
      return [
        {
          level: "fault",
          text: `expected an answer within ${ms} ms, found none`,
          hint: "check firewall and proxy: a connection that is dropped looks like this",
        },
      ];
    return [faultFinding(error, "expected the check to run, found an unexpected fault", "report it with this line")];
  } finally {
    limit.end();
  }
}
