import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GeneratorError, listFiles, writeGenerated } from "@helsekontakt/codegen";
import { describe, expect, it } from "vitest";
import { generateMessages } from "./generate.ts";

const realSpecs = fileURLToPath(new URL("../../../specs", import.meta.url));

const message = {
  function: "EN_MELDING",
  displayName: "En melding",
  kind: "business",
  status: "deprecated",
  replacedBy: "ANNEN",
  transport: "async",
  header: "MsgHead 1.2",
  ack: "J",
  receipt: "1.1",
  threads: true,
  process: { name: "En_Melding", versions: ["1.0", "1.1"], uuid: "u", service: "S" },
  roles: [
    {
      name: "Helsepersonell",
      party: "provider",
      sends: [
        {
          action: "Svar",
          codes: { list: "7602", values: ["19"] },
          versions: ["1.1"],
          parts: [{ namespace: "urn:a", element: "Formål", min: 0, versions: ["1.1"] }],
        },
      ],
      receipt: "Apprec",
    },
  ],
  textLimits: [{ element: "Tema", characters: 50 }],
  source: ["a guide */ with an end mark"],
  "x-inferred": ["the name"],
};
const other = {
  function: "ANNEN",
  displayName: "Annen",
  kind: "fault",
  status: "current",
  transport: "error",
  threads: false,
  parts: [{ namespace: "urn:b", min: 1, max: 1 }],
  source: [],
};
const base = {
  title: "t",
  version: "1",
  messages: [message, other],
  contentTypes: [{ name: "plain", value: "text/plain", protection: "none", use: "Test." }],
  queueTypes: [{ name: "sync", addressCode: "E_SB_SYNC", suffix: "_sync", ttlMs: 15000, use: "Requests." }],
  errorConditions: {
    source: ["a"],
    conditions: [
      { condition: "transport:x", description: "X.", data: "thumbprint", origin: "library", aliases: ["transport:y"] },
    ],
  },
  failures: { source: ["a"], causes: [{ cause: "a-cause", condition: "transport:x", data: "none", event: 10 }] },
  events: { source: ["a"], codes: [{ code: "MUG-10", meaning: "Ten" }] },
};
const lists = {
  "7304": ["J"],
  "7601": ["DI"],
  "7602": ["19"],
  "7603": ["KT"],
  "8279": ["EN_MELDING", "ANNEN"],
  "9044": ["E_SB_SYNC"],
};

function generate(document: unknown): Map<string, string> {
  const dir = mkdtempSync(join(tmpdir(), "gen-messages-"));
  mkdirSync(join(dir, "codes"));
  const sha256 = "0123456789abcdef";
  const documents: object[] = [{ id: "messages", path: "messages.json", kind: "messages", version: "1", sha256 }];
  for (const [id, codes] of Object.entries(lists)) {
    const text = JSON.stringify({ id, codes: codes.map((code) => ({ code })) });
    writeFileSync(join(dir, `codes/${id}.json`), text);
    documents.push({ id: `volven-${id}`, path: `codes/${id}.json`, kind: "codes", version: "1", sha256 });
  }
  writeFileSync(join(dir, "manifest.json"), JSON.stringify({ documents }));
  writeFileSync(join(dir, "messages.json"), JSON.stringify(document));
  return new Map(generateMessages(dir).map((f) => [f.path, f.content]));
}

describe("generateMessages", () => {
  const files = generate(base);

  it("writes one entry for a message, with every construct", () => {
    const text = files.get("messages.ts") ?? "";
    expect(
      text.slice(text.indexOf("export const messageFunctions")),
    ).toBe(`export const messageFunctions: Readonly<Record<MessageFunctionName, MessageFunction>> = {
  /**
   * En melding.
   * Inferred: the name.
   * @see a guide *\\/ with an end mark
   * @source messages#messages/EN_MELDING
   */
  EN_MELDING: {
    displayName: "En melding",
    kind: "business",
    status: "deprecated",
    replacedBy: "ANNEN",
    transport: "async",
    header: "MsgHead 1.2",
    ack: "J",
    receipt: "1.1",
    threads: true,
    process: { name: "En_Melding", versions: ["1.0", "1.1"], uuid: "u", service: "S" },
    roles: [
      {
        name: "Helsepersonell",
        party: "provider",
        sends: [
          {
            action: "Svar",
            codes: { list: "7602", values: ["19"] },
            versions: ["1.1"],
            parts: [{ namespace: "urn:a", element: "Formål", min: 0, versions: ["1.1"] }],
          },
        ],
        receipt: "Apprec",
      },
    ],
    textLimits: [{ element: "Tema", characters: 50 }],
    inferred: ["the name"],
  },
  /**
   * Annen.
   * @source messages#messages/ANNEN
   */
  ANNEN: {
    displayName: "Annen",
    kind: "fault",
    status: "current",
    transport: "error",
    threads: false,
    roles: [],
    parts: [{ namespace: "urn:b", min: 1, max: 1 }],
    inferred: [],
  },
};
`);
    expect(text).toContain('export type MessageFunctionName =\n  | "EN_MELDING"\n  | "ANNEN";');
  });

  it("writes content types and queue types", () => {
    const text = files.get("transport.ts");
    expect(text).toContain('  /** Test. */\n  plain: { value: "text/plain", protection: "none" },\n} as const;');
    expect(text).toContain('  sync: { addressCode: "E_SB_SYNC", suffix: "_sync", ttlMs: 15000 },\n} as const;');
  });

  it("writes what the library's events mean", () => {
    expect(files.get("events.ts")).toContain('export type EventCode =\n  | "MUG-10";');
    expect(files.get("events.ts")).toContain('  "MUG-10": { meaning: "Ten" },\n};');
  });

  it("writes error conditions and how causes are reported", () => {
    const text = files.get("error-conditions.ts");
    expect(text).toContain('export type ErrorCondition =\n  | "transport:x";');
    expect(text).toContain(
      '  "transport:x": { description: "X.", data: "thumbprint", origin: "library", aliases: ["transport:y"] },\n};',
    );
    expect(text).toContain(
      '  "a-cause": { condition: "transport:x", data: "none", event: "MUG-10", origin: "library" },\n};',
    );
  });

  it.each([
    [{ ...base, colour: 1 }, 'found unknown key "colour"'],
    [{ ...base, messages: [{ ...other, roels: [] }] }, 'found unknown key "messages[0].roels"'],
    [
      { ...base, messages: [{ ...other, function: "TREDJE" }] },
      'expected codes of list 8279, found "TREDJE" at messages[0].function',
    ],
    [{ ...base, messages: [{ ...other, ack: "X" }] }, 'expected codes of list 7304, found "X" at messages[0].ack'],
    [{ ...base, messages: [message] }, "expected an entry for ANNEN"],
    [{ ...base, messages: [other, other] }, "expected no second entry for ANNEN"],
    [
      { ...base, messages: [{ ...message, process: { name: "p", versions: ["1.0"] } }, other] },
      "expected versions out of 1.0",
    ],
    [
      { ...base, messages: [{ ...other, transport: "post" }] },
      'expected one of async, sync, error, found "post" at messages[0].transport',
    ],
    [{ ...base, version: "2" }, "expected the version in manifest.json, 1"],
    [
      {
        ...base,
        failures: { source: ["a"], causes: [{ cause: "b", condition: "transport:z", data: "none", event: 10 }] },
      },
      'expected a condition of errorConditions, found "transport:z" at failures.causes[0].condition',
    ],
    [
      { ...base, failures: { source: ["a"], causes: [{ cause: "b", data: "none", event: 11 }] } },
      "expected the number of a MUG code of events",
    ],
  ])("stops at an unknown or wrong construct with file and place", (document, found) => {
    expect(() => generate(document)).toThrow(GeneratorError);
    expect(() => generate(document)).toThrow("specs/messages.json: ");
    expect(() => generate(document)).toThrow(found);
  });

  it("writes the same bytes twice", () => {
    const out = mkdtempSync(join(tmpdir(), "gen-messages-out-"));
    writeGenerated(out, generateMessages(realSpecs));
    const first = bytesOf(out);
    expect(first).toHaveLength(5);
    expect(writeGenerated(out, generateMessages(realSpecs)).written).toBe(0);
    expect(bytesOf(out)).toEqual(first);
  });
});

function bytesOf(dir: string): string[][] {
  return listFiles(dir).map((file) => [file, readFileSync(join(dir, file), "utf8")]);
}
