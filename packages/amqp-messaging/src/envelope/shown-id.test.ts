import { describe, expect, it } from "vitest";
import { shownId } from "./shown-id.ts";

describe("an id in a log line", () => {
  it.each([
    "5b2f1a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01",
    "00000000-0000-0000-0000-a12345678901",
    "ID:host-41234-1700000000000-1:2:3",
    "queue_7.1700000000000@host",
  ])("is shown as it is: %s", (id) => expect(shownId(id)).toBe(id));

  it.each(["01818010083", "018180-10083", "m.018180.10083", "Åse Markørsen", "a b", "", "x".repeat(65), "a\nb"])(
    "is told apart but not shown where it may be anything: %j",
    (id) => {
      const shown = shownId(id);
      expect(shown).toMatch(/^sha256:[0-9a-f]{16}$/);
      expect([shownId(shown), shownId(`${id}x`) === shown]).toEqual([shown, false]);
    },
  );
});
