import { type ContractCase, type ContractEnvironment, contractCases } from "@helsekontakt/amqp-messaging/contract";

/** What came of the cases at one broker. */
export interface ContractResult {
  readonly passed: number;
  readonly failed: number;
  /** Cases that this broker cannot show. */
  readonly leftOut: number;
}

/**
 * Runs the broker contract, and cases of the run's own, one after another; prints a line for each.
 *
 * @param only - a part of the name of the cases to run; all when undefined.
 */
export async function runContract(
  environment: ContractEnvironment,
  only?: string,
  more: readonly ContractCase[] = [],
): Promise<ContractResult> {
  let passed = 0;
  let failed = 0;
  let leftOut = 0;
  for (const { name, run, unless } of [...contractCases, ...more]) {
    if (only !== undefined && !name.includes(only)) continue;
    if (unless !== undefined && environment.quirks?.[unless] === true) {
      leftOut++;
      console.log(`left out ${name}: ${unless}`);
      continue;
    }
    const start = performance.now();
    try {
      await run(environment);
      passed++;
      console.log(`ok      ${name} (${Math.round(performance.now() - start)} ms)`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${name}`);
      console.log(error);
    }
  }
  return { passed, failed, leftOut };
}
