import { join } from "node:path";
import { GeneratorError, readManifest, readStrictJson, type SpecEntry, type StrictObject } from "@helsekontakt/codegen";

/** One row of the document: values that the generated constants show as they are, plus what only comments show. */
export interface Row {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
}

/** `specs/messages.json`, checked against the code lists that it refers to. */
export interface MessagesDocument {
  readonly spec: SpecEntry;
  readonly messages: readonly Row[];
  readonly contentTypes: readonly Row[];
  readonly queueTypes: readonly Row[];
  readonly errorConditions: readonly Row[];
  readonly failures: readonly Row[];
  readonly events: readonly Row[];
}

const topKeys = ["title", "version", "messages", "contentTypes", "queueTypes", "errorConditions", "failures", "events"];
const causeKeys = ["cause", "condition", "description", "data", "event", "origin"];
const causeData = ["none", "empty", "certificate", "field-names", "expected-received", "from-her-id", "encoding"];
const messageKeys = [
  "function",
  "displayName",
  "kind",
  "status",
  "replacedBy",
  "transport",
  "header",
  "ack",
  "receipt",
  "threads",
  "process",
  "roles",
  "templateRoles",
  "parts",
  "textLimits",
  "source",
  "x-inferred",
];

/** Reads and checks the document; the code lists decide which functions, codes and address codes there are. */
export function readMessagesDocument(specsDir: string): MessagesDocument {
  const manifest = readManifest(specsDir);
  const spec = manifest.find((d) => d.kind === "messages");
  if (spec === undefined)
    throw new GeneratorError("specs/manifest.json", undefined, "none", "a document of kind messages");
  const codes = new Map<string, ReadonlySet<string>>();
  for (const list of manifest.filter((d) => d.kind === "codes" && d.id.startsWith("volven-"))) {
    const keys = ["id", "oid", "title", "use", "complete", "source", "x-inferred", "codes"];
    const d = readStrictJson(join(specsDir, list.path), `specs/${list.path}`, keys);
    const codeKeys = ["code", "label", "explanation", "helsenorge", "retired", "x-inferred"];
    codes.set(d.string("id"), new Set(d.objects("codes", codeKeys).map((c) => c.string("code"))));
  }
  const code = (o: StrictObject, key: string, list: string, value = o.string(key)): string =>
    codes.get(list)?.has(value) === true ? value : o.fail(key, `codes of list ${list}`);

  const d = readStrictJson(join(specsDir, spec.path), `specs/${spec.path}`, topKeys);
  if (d.string("version") !== spec.version) d.fail("version", `the version in manifest.json, ${spec.version}`);
  d.string("title");
  const messages = unique(
    d.objects("messages", messageKeys).map((m) => readMessage(m, code)),
    d,
  );
  const functions = new Set(messages.map((m) => m.key));
  for (const m of messages) {
    const { replacedBy } = m.value;
    if (typeof replacedBy === "string" && !functions.has(replacedBy)) d.fail("messages", `an entry for ${replacedBy}`);
  }
  const contentTypes = d.objects("contentTypes", ["name", "value", "protection", "use"]).map((c) => ({
    key: name(c),
    value: {
      value: c.string("value"),
      protection: c.oneOf("protection", ["signed-and-encrypted", "encrypted", "signed", "none"]),
    },
    notes: [c.string("use")],
  }));
  const queueTypes = d.objects("queueTypes", ["name", "addressCode", "suffix", "ttlMs", "use"]).map((q) => ({
    key: name(q),
    value: present({
      addressCode: q.has("addressCode") ? code(q, "addressCode", "9044") : undefined,
      suffix: q.string("suffix"),
      ttlMs: q.optionalInteger("ttlMs"),
    }),
    notes: [q.string("use")],
  }));
  const conditions = d.object("errorConditions", ["source", "conditions"]);
  conditions.strings("source");
  const errorConditions = conditions
    .objects("conditions", ["condition", "description", "data", "origin", "aliases"])
    .map((c) => ({
      key: c.string("condition"),
      value: present({
        description: c.optionalString("description"),
        data: c.oneOf("data", ["none", "empty", "thumbprint", "field-names", "encoding", "her-ids", "from-her-id"]),
        origin: c.oneOf("origin", ["specification", "library"]),
        aliases: c.has("aliases") ? c.strings("aliases") : undefined,
      }),
      notes: [],
    }));
  const known = new Set(errorConditions.map((c) => c.key));
  const log = d.object("events", ["source", "x-inferred", "codes"]);
  log.strings("source");
  log.strings("x-inferred");
  const events = log
    .objects("codes", ["code", "meaning"])
    .map((e) => ({ key: e.string("code"), value: { meaning: e.string("meaning") }, notes: [] }));
  const eventCodes = new Set(events.map((e) => e.key));
  const causes = d.object("failures", ["source", "x-inferred", "causes"]);
  causes.strings("source");
  causes.strings("x-inferred");
  const failures = causes.objects("causes", causeKeys).map((f) => {
    const condition = f.optionalString("condition");
    if (condition !== undefined && !known.has(condition)) f.fail("condition", "a condition of errorConditions");
    const event = `MUG-${f.integer("event")}`;
    if (!eventCodes.has(event)) f.fail("event", "the number of a MUG code of events");
    return {
      key: f.string("cause"),
      value: present({
        condition,
        description: f.optionalString("description"),
        data: f.oneOf("data", causeData),
        event,
        origin: f.has("origin") ? f.oneOf("origin", ["library", "specification"]) : "library",
      }),
      notes: [],
    };
  });
  return {
    spec,
    messages,
    contentTypes: unique(contentTypes, d),
    queueTypes: unique(queueTypes, d),
    errorConditions: unique(errorConditions, d),
    failures: unique(failures, d),
    events: unique(events, d),
  };
}

type CodeCheck = (o: StrictObject, key: string, list: string, value?: string) => string;

function readMessage(m: StrictObject, code: CodeCheck): Row {
  const inferred = m.strings("x-inferred");
  const process = m.optionalObject("process", [
    "name",
    "versions",
    "uuid",
    "service",
    "templateService",
    "timeToPerform",
  ]);
  const versions = process?.strings("versions") ?? [];
  const roles = m.objects("roles", ["name", "party", "sends", "receipt"]).map((r) =>
    present({
      name: r.string("name"),
      party: r.oneOf("party", ["provider", "helsenorge"]),
      sends: r.objects("sends", ["action", "codes", "versions", "parts"]).map((s) => readAction(s, versions, code)),
      receipt: r.optionalString("receipt"),
    }),
  );
  const limits = m.objects("textLimits", ["element", "characters"]).map((l) => ({
    element: l.string("element"),
    characters: l.integer("characters"),
  }));
  return {
    key: code(m, "function", "8279"),
    value: present({
      displayName: m.string("displayName"),
      kind: m.oneOf("kind", ["business", "receipt", "fault"]),
      status: m.oneOf("status", ["current", "deprecated"]),
      replacedBy: m.optionalString("replacedBy"),
      transport: m.oneOf("transport", ["async", "sync", "error"]),
      header: m.has("header") ? m.oneOf("header", ["MsgHead 1.2"]) : undefined,
      ack: m.has("ack") ? code(m, "ack", "7304") : undefined,
      receipt: m.has("receipt") ? m.oneOf("receipt", ["1.0", "1.1"]) : undefined,
      threads: m.boolean("threads"),
      process:
        process === undefined
          ? undefined
          : present({
              name: process.string("name"),
              versions,
              uuid: process.optionalString("uuid"),
              service: process.optionalString("service"),
              templateService: process.optionalString("templateService"),
              timeToPerform: process.optionalString("timeToPerform"),
            }),
      roles,
      templateRoles: m.has("templateRoles") ? m.strings("templateRoles") : undefined,
      parts: m.has("parts") ? m.objects("parts", partKeys).map((p) => readPart(p, versions)) : undefined,
      textLimits: limits.length > 0 ? limits : undefined,
      inferred,
    }),
    notes: [
      `${m.string("displayName")}.`,
      ...inferred.map((i) => `Inferred: ${i}.`),
      ...m.strings("source").map((s) => `@see ${s}`),
    ],
  };
}

function readAction(s: StrictObject, versions: readonly string[], code: CodeCheck): Readonly<Record<string, unknown>> {
  const codes = s.optionalObject("codes", ["list", "values"]);
  const list = codes?.oneOf("list", ["7601", "7602", "7603"]);
  if (codes !== undefined && list !== undefined)
    for (const value of codes.strings("values")) code(codes, "values", list, value);
  return present({
    action: s.string("action"),
    codes: codes === undefined ? undefined : { list, values: codes.strings("values") },
    versions: knownVersions(s, versions),
    parts: s.objects("parts", partKeys).map((p) => readPart(p, versions)),
  });
}

const partKeys = ["namespace", "element", "min", "max", "versions"];

function readPart(p: StrictObject, versions: readonly string[]): Readonly<Record<string, unknown>> {
  return present({
    namespace: p.string("namespace"),
    element: p.optionalString("element"),
    min: p.integer("min"),
    max: p.optionalInteger("max"),
    versions: knownVersions(p, versions),
  });
}

function knownVersions(o: StrictObject, versions: readonly string[]): string[] | undefined {
  if (!o.has("versions")) return undefined;
  const used = o.strings("versions");
  return used.every((v) => versions.includes(v)) ? used : o.fail("versions", `versions out of ${versions.join(", ")}`);
}

function name(o: StrictObject): string {
  const text = o.string("name");
  return /^[a-z][A-Za-z0-9]*$/.test(text) ? text : o.fail("name", "a property name in camel case");
}

/** Leaves out what is undefined, so that the generated objects do not have the property at all. */
function present(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));
}

function unique(rows: readonly Row[], d: StrictObject): readonly Row[] {
  const seen = new Set<string>();
  for (const { key } of rows) {
    if (seen.has(key)) d.fail("messages", `no second entry for ${key}`);
    seen.add(key);
  }
  return rows;
}
