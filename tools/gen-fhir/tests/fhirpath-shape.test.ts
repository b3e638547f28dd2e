import { expect, it } from "vitest";
import { not } from "../src/fhirpath-shape.ts";

it.each([
  ["true", "false"],
  ["(v1 === 2)", "(v1 !== 2)"],
  ['(v1 === "a !== b")', '(v1 !== "a !== b")'],
  ['("a === b" === v1)', '!("a === b" === v1)'],
  ["!(a && b)", "(a && b)"],
  ["!(a) && (b)", "!(!(a) && (b))"],
  ['(f(")") || b)', '!(f(")") || b)'],
])("the opposite of %s", (condition, opposite) => {
  expect(not(condition)).toBe(opposite);
});
