import { readFileSync } from "node:fs";
import { GeneratorError } from "./generator-error.ts";

/** An object of a JSON document whose keys are all known; every reader names file and place when it stops. */
export interface StrictObject {
  /** Where the object lies in the document: `codes[3]`, empty at the top. */
  readonly place: string;
  has(key: string): boolean;
  string(key: string): string;
  optionalString(key: string): string | undefined;
  boolean(key: string): boolean;
  optionalBoolean(key: string): boolean | undefined;
  integer(key: string): number;
  optionalInteger(key: string): number | undefined;
  /** A string out of those that are allowed. */
  oneOf<const T extends string>(key: string, allowed: readonly T[]): T;
  /** A list of strings; empty when the key is absent. */
  strings(key: string): string[];
  object(key: string, keys: readonly string[]): StrictObject;
  optionalObject(key: string, keys: readonly string[]): StrictObject | undefined;
  /** A list of objects; empty when the key is absent. */
  objects(key: string, keys: readonly string[]): StrictObject[];
  /** Stops with what was expected at a key. */
  fail(key: string, expected: string): never;
}

/**
 * Reads a JSON document whose top is an object with these keys and no others.
 * @param name the document's path as errors and headers show it
 * @throws {GeneratorError} the text is not JSON, or a key is not known
 */
export function readStrictJson(path: string, name: string, keys: readonly string[]): StrictObject {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new GeneratorError(name, undefined, error.message, "a JSON document");
  }
  return strictObject(name, "", value, keys);
}

function strictObject(file: string, place: string, value: unknown, keys: readonly string[]): StrictObject {
  const at = (key: string) => (place === "" ? key : `${place}.${key}`);
  const stop = (where: string, found: unknown, expected: string): never => {
    throw new GeneratorError(file, undefined, `${describe(found)} at ${where === "" ? "the top" : where}`, expected);
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return stop(place, value, "an object");
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    if (!keys.includes(key)) {
      throw new GeneratorError(file, undefined, `unknown key ${JSON.stringify(at(key))}`, `one of ${keys.join(", ")}`);
    }
  }
  const get = <T>(key: string, test: (v: unknown) => v is T, expected: string): T => {
    const found = record[key];
    return test(found) ? found : stop(at(key), found, expected);
  };
  const optional = <T>(key: string, test: (v: unknown) => v is T, expected: string): T | undefined =>
    Object.hasOwn(record, key) ? get(key, test, expected) : undefined;
  return {
    place,
    has: (key) => Object.hasOwn(record, key),
    string: (key) => get(key, isText, "a text that is not empty"),
    optionalString: (key) => optional(key, isText, "a text that is not empty"),
    boolean: (key) => get(key, isBoolean, "true or false"),
    optionalBoolean: (key) => optional(key, isBoolean, "true or false"),
    integer: (key) => get(key, isInteger, "a whole number"),
    optionalInteger: (key) => optional(key, isInteger, "a whole number"),
    oneOf: (key, allowed) => {
      const found = allowed.find((a) => a === record[key]);
      return found ?? stop(at(key), record[key], `one of ${allowed.join(", ")}`);
    },
    strings: (key) => [...(optional(key, isTextList, "a list of texts") ?? [])],
    object: (key, known) => strictObject(file, at(key), record[key], known),
    optionalObject: (key, known) =>
      Object.hasOwn(record, key) ? strictObject(file, at(key), record[key], known) : undefined,
    objects: (key, known) =>
      (optional(key, Array.isArray, "a list of objects") ?? []).map((v, i) =>
        strictObject(file, `${at(key)}[${i}]`, v, known),
      ),
    fail: (key, expected) => stop(at(key), record[key], expected),
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
