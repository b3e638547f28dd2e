import { join } from "node:path";
import { type GeneratedFile, header, readManifest, readStrictJson, type SpecEntry } from "@helsekontakt/codegen";
import { readMessagesDocument } from "./document.ts";
import { readRulesDocument, type RulesDocument } from "./rules-document.ts";

interface Part {
  readonly namespace: string;
  readonly element?: string;
  readonly min: number;
  readonly max?: number;
}

interface Message {
  readonly kind: string;
  readonly transport: string;
  readonly roles: readonly {
    readonly party: string;
    readonly sends: readonly {
      readonly codes?: { readonly list: string; readonly values: readonly string[] };
      readonly parts: readonly Part[];
    }[];
  }[];
  readonly textLimits?: readonly { readonly element: string; readonly characters: number }[];
}

/** Generates what the validators run and tell about the rules below `specs/rules`, together with `specs/messages.json`. */
export function generateRules(specsDir: string): GeneratedFile[] {
  const messages = readMessagesDocument(specsDir);
  const document = readRulesDocument(specsDir, new Set(messages.messages.map((m) => m.key)), completeLists(specsDir));
  const specs = [messages.spec, ...document.specs];
  return [
    { path: "levels.ts", content: levelsModule(document) },
    { path: "checks.ts", content: checksModule(document) },
    {
      path: "functions.ts",
      content: functionsModule(
        messages.messages.map((m) => [m.key, m.value as unknown as Message] as const),
        document,
        specs,
      ),
    },
    { path: "catalogue.ts", content: catalogueModule(document) },
  ];
}

function completeLists(specsDir: string): Map<string, ReadonlySet<string>> {
  const lists = new Map<string, ReadonlySet<string>>();
  for (const spec of readManifest(specsDir).filter((d) => d.kind === "codes" && d.id.startsWith("volven-"))) {
    const d = readStrictJson(join(specsDir, spec.path), `specs/${spec.path}`, [
      "id",
      "oid",
      "title",
      "use",
      "complete",
      "source",
      "x-inferred",
      "codes",
    ]);
    const keys = ["code", "label", "explanation", "helsenorge", "retired", "x-inferred"];
    if (d.optionalBoolean("complete") === true)
      lists.set(d.string("id"), new Set(d.objects("codes", keys).map((c) => c.string("code"))));
  }
  return lists;
}

function levelsModule({ specs, rules }: RulesDocument): string {
  const own = rules.filter((r) => r.id.startsWith("profile/"));
  return `${header("gen-messages", specs)}
/** Level of every rule about messages; explanations stand in the catalogue, so that validating does not load them. */
export const ruleLevels = {
${own.map((r) => `  ${JSON.stringify(r.id)}: ${JSON.stringify(r.level)},\n`).join("")}} as const;

/** Id of a rule about messages. */
export type MessageRuleId = keyof typeof ruleLevels;
`;
}

function checksModule({ specs, checks }: RulesDocument): string {
  return `${header("gen-messages", specs)}
import type { DataCheck } from "../../rules/data-check.ts";

/** What the rules state about single places of documents. */
export const dataChecks: readonly DataCheck[] = [
${checks.map((c) => `  ${JSON.stringify(c)},\n`).join("")}];
`;
}

function functionsModule(
  messages: readonly (readonly [string, Message])[],
  { parts }: RulesDocument,
  specs: readonly SpecEntry[],
): string {
  const rows = messages
    .filter(([, m]) => m.kind === "business" && m.transport === "async")
    .map(([name, m]) => {
      const payloads = m.roles.flatMap((role) => role.sends.map((s) => ({ party: role.party, send: s })));
      const own = parts.filter((p) => p.function === name);
      for (const { party, send } of payloads) {
        for (const code of own.length === 0 ? [] : (send.codes?.values ?? [])) {
          const part = own.find((p) => p.list === send.codes?.list && p.codes.includes(code));
          if (part === undefined || (part.party !== undefined && part.party !== party))
            throw new Error(`specs/rules: expected a part of ${name} with code ${code} for ${party}, found none`);
        }
      }
      const byParty = Object.fromEntries(
        m.roles.filter((r) => r.sends.length > 0).map((r) => [r.party, merge(r.sends.map((s) => s.parts))]),
      );
      const entry = {
        payloads: byParty,
        textLimits: Object.fromEntries((m.textLimits ?? []).map((l) => [l.element, l.characters])),
        parts: own.map(({ part, element, list, codes, party }) => ({
          part,
          element,
          list,
          codes,
          ...(party === undefined ? {} : { party }),
        })),
      };
      return `  ${name}: ${JSON.stringify(entry)},\n`;
    });
  return `${header("gen-messages", specs)}
import type { FunctionRules } from "../../rules/function-rules.ts";

/** Helsenorge's asynchronous functions with what each side sends. */
export const functionRules: Readonly<Record<string, FunctionRules>> = {
${rows.join("")}};
`;
}

/** Over all actions and versions of a role: the element is demanded where every action has it. */
function merge(
  sends: readonly (readonly Part[])[],
): readonly { namespaces: string[]; element?: string; min: number; max?: number }[] {
  const byElement = new Map<string, { namespaces: Set<string>; min: number; max: number | undefined; seen: number }>();
  for (const list of sends) {
    const here = new Map<string, Part[]>();
    for (const p of list) here.set(p.element ?? "", [...(here.get(p.element ?? "") ?? []), p]);
    for (const [element, same] of here) {
      const old = byElement.get(element);
      const min = Math.min(...same.map((p) => p.min));
      const max = same.some((p) => p.max === undefined) ? undefined : Math.max(...same.map((p) => p.max ?? 0));
      byElement.set(element, {
        namespaces: new Set([...(old?.namespaces ?? []), ...same.map((p) => p.namespace)]),
        min: old === undefined ? min : Math.min(old.min, min),
        max: old === undefined ? max : old.max === undefined || max === undefined ? undefined : Math.max(old.max, max),
        seen: (old?.seen ?? 0) + 1,
      });
    }
  }
  return [...byElement].map(([element, { namespaces, min, max, seen }]) => ({
    namespaces: [...namespaces],
    ...(element === "" ? {} : { element }),
    min: seen === sends.length ? min : 0,
    ...(max === undefined ? {} : { max }),
  }));
}

function catalogueModule({ specs, rules, matrices, checks }: RulesDocument): string {
  const byData = new Set(checks.map((c) => c.rule));
  return `${header("gen-messages", specs)}
import type { FieldMatrix, RuleEntry } from "../../rules/rule-entry.ts";

/** Every rule that specs/rules states, by id. */
export const ruleEntries: readonly RuleEntry[] = [
${rules
  .map((r) => {
    const entry = {
      id: r.id,
      level: r.level,
      explanation: r.explanation,
      source: r.source,
      ...(r.functions === undefined ? {} : { functions: r.functions }),
      ...(r.inferred === undefined ? {} : { inferred: r.inferred }),
      ...(byData.has(r.id) ? { byData: true } : {}),
    };
    return `  ${JSON.stringify(entry)},\n`;
  })
  .join("")}];

/** Tables of the guides: what each part of a dialogue must, may and does not have, and the rules that judge it. */
export const fieldMatrices: readonly FieldMatrix[] = [
${matrices.map((m) => `  ${JSON.stringify(m)},\n`).join("")}];
`;
}
