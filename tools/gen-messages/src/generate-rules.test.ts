import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeGenerated } from "@helsekontakt/codegen";
import { describe, expect, it } from "vitest";
import { generateRules } from "./generate-rules.ts";

const realSpecs = fileURLToPath(new URL("../../../specs", import.meta.url));

interface Document {
  rules: Record<string, unknown>[];
  matrices: { columns: string[]; rows: Record<string, unknown>[] }[];
  parts: { codes: string[]; function: string; part: string }[];
}

/** The real documents with a change in the one about messages. */
function generate(change: (document: Document) => void): Map<string, string> {
  const dir = join(mkdtempSync(join(tmpdir(), "gen-rules-")), "specs");
  for (const part of ["codes", "rules", "messages.json", "manifest.json"])
    cpSync(join(realSpecs, part), join(dir, part), { recursive: true });
  const path = join(dir, "rules/helsenorge.json");
  const document = JSON.parse(readFileSync(path, "utf8")) as Document;
  change(document);
  writeFileSync(path, JSON.stringify(document));
  return new Map(generateRules(dir).map((f) => [f.path, f.content]));
}

describe("generateRules", () => {
  it("makes a rule and a check of each cell that a part must or does not have", () => {
    const files = generate((d) => {
      (d.matrices[0] as Document["matrices"][0]).rows = [
        { id: "merknad", field: "Notat/Merknad", cells: ["-", "M", "-", "-"] },
      ];
    });
    expect(files.get("checks.ts")).toContain(
      '{"rule":"profile/ekontakt-merknad-missing","on":"Dialogmelding","functions":["DIALOG_INNBYGGER_EKONTAKT"],"parts":["provider-answer"],"at":["Notat","Merknad"],"required":true},',
    );
    // The requests have a Foresporsel: only the citizen's answer could have the element.
    expect(files.get("checks.ts")).toContain(
      '"rule":"profile/ekontakt-merknad-unused","on":"Dialogmelding","functions":["DIALOG_INNBYGGER_EKONTAKT"],"parts":["citizen-answer"]',
    );
    expect(files.get("levels.ts")).toContain('  "profile/ekontakt-merknad-missing": "error",\n');
    expect(files.get("catalogue.ts")).toContain("Notat/Merknad is mandatory in: B, answer from the provider.");
  });

  it("keeps level, source and mark of a rule", () => {
    const rule = {
      id: "profile/x",
      level: "warning",
      explanation: "X.",
      source: ["a guide"],
      "x-inferred": "all of it",
    };
    const files = generate((d) => d.rules.push(rule));
    expect(files.get("levels.ts")).toContain('  "profile/x": "warning",\n');
    expect(files.get("catalogue.ts")).toContain(
      '{"id":"profile/x","level":"warning","explanation":"X.","source":["a guide"],"inferred":"all of it"}',
    );
  });

  const base = { id: "profile/x", level: "error", explanation: "X.", source: ["a"] };
  it.each<[string, (d: Document) => void, string]>([
    ["a key that is unknown", (d) => d.rules.push({ ...base, severity: "error" }), 'unknown key "rules['],
    [
      "a level that is none",
      (d) => d.rules.push({ ...base, level: "fatal" }),
      "expected one of error, warning, varies",
    ],
    ["a rule without source", (d) => d.rules.push({ ...base, source: [] }), "expected where the rule is stated"],
    ["a rule that stands twice", (d) => d.rules.push(base, base), "expected one entry a rule"],
    [
      "a function that nobody knows",
      (d) => d.rules.push({ ...base, functions: ["X"] }),
      "expected a function of messages.json",
    ],
    [
      "a check without document",
      (d) => d.rules.push({ ...base, check: { at: "MsgInfo", required: true } }),
      "expected the document that the checks are about",
    ],
    [
      "a check of two kinds",
      (d) => d.rules.push({ ...base, on: "MsgHead", check: { at: "MsgInfo", required: true, absent: true } }),
      "expected one kind of check",
    ],
    [
      "a check against a list that is known in part",
      (d) => d.rules.push({ ...base, on: "MsgHead", check: { at: "MsgInfo/Type/@V", code: "8279" } }),
      "expected a code list that is known in full",
    ],
    [
      "a row that names a rule without entry",
      (d) => d.matrices[0]?.rows.push({ field: "x", cells: ["M", "M", "M", "M"], judgedBy: ["profile/none"] }),
      "expected rules that have an entry, found profile/none",
    ],
    [
      "a row with too few cells",
      (d) => d.matrices[0]?.rows.push({ field: "x", cells: ["M"], judgedBy: [] }),
      "expected M, O, C or - for each column",
    ],
    ["a column that is no part", (d) => d.matrices[0]?.columns.splice(0, 1, "x"), "expected parts of the function"],
    ["a part with a code of no list", (d) => d.parts[0]?.codes.push("XX"), "expected codes of list 7601"],
    [
      "a code of messages.json that no part has",
      (d) => d.parts[0]?.codes.splice(0, 1, "BA"),
      "expected a part of DIALOG_INNBYGGER_EKONTAKT with code HE for helsenorge",
    ],
  ])("stops at %s", (_, change, message) => {
    expect(() => generate(change)).toThrow(message);
  });

  it("writes what lies in validators", () => {
    const out = fileURLToPath(new URL("../../../packages/validators/src/gen/rules", import.meta.url));
    for (const file of generateRules(realSpecs)) expect(readFileSync(join(out, file.path), "utf8")).toBe(file.content);
    const again = mkdtempSync(join(tmpdir(), "gen-rules-out-"));
    expect(writeGenerated(again, generateRules(realSpecs)).written).toBe(4);
    expect(writeGenerated(again, generateRules(realSpecs)).written).toBe(0);
  });
});
