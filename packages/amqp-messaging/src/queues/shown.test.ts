import { describe, expect, it } from "vitest";
import type { ReceivedMessage } from "../connection/wire-message.ts";
import { marks, movedCount, movedFrom, movedFromProperty, movedProperty } from "./marker.ts";
import { shown } from "./shown.ts";

describe("shown()", () => {
  it.each([
    ["a national number", "patient 13116900216.", "patient [11 digits]."],
    ["one with a blank", "131169 00216", "[11 digits]"],
    ["one among letters", "fnr=13116900216x", "fnr=[11 digits]x"],
    ["a longer number", "131169002161", "131169002161"],
    ["a HER-id", "8141703", "8141703"],
    [
      "a UUID with eleven digits in a row",
      "1a8f7a3e-8f4e-4e0a-8c0e-a12345678901",
      "1a8f7a3e-8f4e-4e0a-8c0e-a12345678901",
    ],
    ["escape sequences and line breaks", "a\u001b[2J\nb\u2028c\u202e", "a\ufffd[2J\ufffdb\ufffdc\ufffd"],
    ["a long text", "y".repeat(300), `${"y".repeat(200)}…`],
  ])("shows %s safely", (_, given, want) => {
    expect(shown(given)).toBe(want);
  });
});

describe("marks()", () => {
  const message = (properties: Record<string, unknown>): ReceivedMessage =>
    ({ applicationProperties: new Map(Object.entries(properties)) }) as unknown as ReceivedMessage;

  it("counts moves and remembers the last twenty queues, whatever their names", () => {
    let properties: Record<string, unknown> = {};
    for (let i = 0; i < 25; i++) properties = marks(message(properties), `q ø%${i}`, "run");
    expect(movedCount(message(properties))).toBe(25);
    expect(movedFrom(message(properties))).toEqual(Array.from({ length: 20 }, (_, i) => `q ø%${i + 5}`));
  });

  it.each([[null], [-3], ["1e400"], ["many"], [{}], ["%E0%A4%A"]])("takes %j in its headers for no mark", (value) => {
    const odd = message({ [movedProperty]: value, [movedFromProperty]: value });
    expect(movedCount(odd)).toBe(0);
    expect(movedFrom(odd).filter((name) => name === "q")).toEqual([]);
    expect(marks(odd, "q", "run")[movedProperty]).toBe("1");
  });
});
