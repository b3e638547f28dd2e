import { HelsekontaktError } from "@helsekontakt/core";

/** Limits of one value, as the generated tables hold them. */
export interface Limits {
  readonly required?: boolean;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
}

/** Limits by value pointer; `*` stands for every item. */
export type LimitTable = Readonly<Record<string, Limits>>;

/**
 * Checks an argument against the limits that its document states, before anything is sent. The message names the
 * place and the rule, never the value.
 *
 * @throws {HelsekontaktError} `input/invalid`, `input/too-large`
 */
export function checkLimits(value: unknown, table: LimitTable): void {
  for (const [pointer, limits] of Object.entries(table)) {
    const steps = pointer.split("/").filter((s) => s !== "");
    visit(value, steps, "", limits);
  }
}

function visit(value: unknown, steps: readonly string[], at: string, limits: Limits): void {
  const [step, ...rest] = steps;
  if (step === undefined) return checkValue(value, at === "" ? "/" : at, limits);
  if (value === undefined || value === null) return;
  if (step === "*") {
    if (Array.isArray(value)) for (const [index, item] of value.entries()) visit(item, rest, `${at}/${index}`, limits);
    // Keys of a map may be personal: only their number is told.
    else if (typeof value === "object")
      for (const [index, item] of Object.values(value).entries()) visit(item, rest, `${at}/(${index})`, limits);
    return;
  }
  if (typeof value !== "object") throw invalid(at === "" ? "/" : at, "an object");
  visit(
    (value as Record<string, unknown>)[step.replaceAll("~1", "/").replaceAll("~0", "~")],
    rest,
    `${at}/${step}`,
    limits,
  );
}

function invalid(at: string, expected: string): HelsekontaktError {
  return new HelsekontaktError("input/invalid", `expected "${at}" to be ${expected}, found something else`, {
    context: { path: at },
  });
}

function checkValue(value: unknown, at: string, limits: Limits): void {
  if (value === undefined) {
    if (limits.required === true) throw invalid(at, "present");
    return;
  }
  if (limits.minItems !== undefined || limits.maxItems !== undefined) {
    if (!Array.isArray(value)) throw invalid(at, "a list");
    if (value.length < (limits.minItems ?? 0))
      throw new HelsekontaktError(
        "input/invalid",
        `expected "${at}" to have at least ${limits.minItems} items, found ${value.length}`,
      );
    if (limits.maxItems !== undefined && value.length > limits.maxItems)
      throw new HelsekontaktError(
        "input/too-large",
        `expected "${at}" to have at most ${limits.maxItems} items, found ${value.length}`,
        {
          hint: "split the list into several calls",
        },
      );
  }
  if (limits.enum !== undefined && !limits.enum.includes(value)) throw invalid(at, `one of ${limits.enum.join(", ")}`);
  if (limits.pattern !== undefined && !(typeof value === "string" && new RegExp(limits.pattern, "u").test(value)))
    throw invalid(at, `text that matches ${limits.pattern}`);
  if (limits.minLength !== undefined && !(typeof value === "string" && value.length >= limits.minLength))
    throw invalid(at, `text of at least ${limits.minLength} characters`);
  if (limits.maxLength !== undefined && !(typeof value === "string" && value.length <= limits.maxLength))
    throw invalid(at, `text of at most ${limits.maxLength} characters`);
  if (limits.minimum !== undefined && !(typeof value === "number" && value >= limits.minimum))
    throw invalid(at, `at least ${limits.minimum}`);
  if (limits.maximum !== undefined && !(typeof value === "number" && value <= limits.maximum))
    throw invalid(at, `at most ${limits.maximum}`);
}
