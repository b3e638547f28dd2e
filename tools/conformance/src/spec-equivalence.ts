import { globSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { XmlDocument, XmlParseError, XmlValidateError, XsdValidator } from "libxml2-wasm";
import { xmlRegisterFsInputProviders } from "libxml2-wasm/lib/nodejs.mjs";
import { mutate } from "./_mutations.ts";
import { recordCounts } from "./_record.ts";
import { schemaComponents } from "./_schema-components.ts";
import { createInstanceMaker, createRandom, readSchemas } from "./_schema-instances.ts";

// Proves that the schemas in specs/xsd say the same as the official ones: both sets judge the same documents with the same
// validator (libxml2), and must agree on the verdict and on the lines with faults. The documents are every official
// sample, instances made at random from either set, and small random faults in all of these.

const upstream = process.env["HELSEKONTAKT_UPSTREAM"];
if (upstream === undefined || upstream === "") {
  process.stderr.write(
    "spec-equivalence: expected the folder of the official files in HELSEKONTAKT_UPSTREAM, found nothing\n",
  );
  process.exit(2);
}
const specs = fileURLToPath(new URL("../../../specs/xsd", import.meta.url));
xmlRegisterFsInputProviders();

/** Our document for each official file; the order lets libxml2 resolve every import. */
const pairs: readonly (readonly [ours: string, official: string])[] = [
  ["kith/2007-01-11/kith.xsd", "core/kith.xsd"],
  ["felleskomponent1/1.1/felleskomponent1.xsd", "core/felleskomponent1.xsd"],
  ["xmldsig/2002-02-12/xmldsig-core.xsd", "core/xmldsig-core-schema.xsd"],
  ["base64container/1.0/base64container.xsd", "core/kith-base64.xsd"],
  ["msghead/1.2/MsgHead-v1_2.xsd", "core/MsgHead-v1_2.xsd"],
  ["apprec/1.0/apprec-v1.0.xsd", "core/apprec-v1.0.xsd"],
  ["apprec/1.1/apprec-v1.1.xsd", "core/apprec-v1.1.xsd"],
  ["dialogmelding/1.0/dialogmelding-v1.0.xsd", "core/dialogmelding-v1.0.xsd"],
  ["dialogmelding/1.1/dialogmelding-v1.1.xsd", "core/dialogmelding-v1.1.xsd"],
  ["tjenesteoversikt/1.0/TjenesteOversikt-v1.0.xsd", "sarepta/felleskomponenter/TjenesteOversiktv1.0.xsd"],
  [
    "pasientrelasjon/2014-03-28/pasientrelasjon-2014-03-28.xsd",
    "sarepta/felleskomponenter/pasientrelasjon-2014-03-28.xsd",
  ],
  [
    "helsepersonell/2014-03-28/helsepersonell-2014-03-28.xsd",
    "sarepta/felleskomponenter/helsepersonell-2014-03-28.xsd",
  ],
  [
    "helsepersonell/2015-05-04/helsepersonell-2015-05-04.xsd",
    "sarepta/felleskomponenter/helsepersonell-2015-05-04.xsd",
  ],
  ["person/2014-03-28/personer-2014-03-28.xsd", "sarepta/felleskomponenter/personer-2014-03-28.xsd"],
];
/** The same with MsgHead as the standards archive has it: OtherReceiver/Person lies in felleskomponent1. */
const archivePairs = pairs.map(([ours, official]): readonly [string, string] =>
  ours.startsWith("msghead/")
    ? ["msghead/1.2/variants/MsgHead-v1_2-person-fk1.xsd", "sarepta/felleskomponenter/MsgHead-v1_2.xsd"]
    : [ours, official],
);

function namespaceOf(file: string): string {
  return XmlDocument.fromBuffer(readFileSync(file)).root.attr("targetNamespace")?.value ?? "";
}

function compile(files: readonly string[]): XsdValidator {
  const imports = files.map((f) => `<xs:import namespace="${namespaceOf(f)}" schemaLocation="${f}"/>`).join("");
  const driver = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:helsekontakt:driver">${imports}</xs:schema>`;
  return XsdValidator.fromDoc(XmlDocument.fromString(driver, { url: join(specs, "driver.xsd") }));
}

interface Verdict {
  readonly valid: boolean;
  readonly lines: string;
}

function judge(validator: XsdValidator, document: XmlDocument): Verdict {
  try {
    validator.validate(document);
    return { valid: true, lines: "" };
  } catch (error) {
    if (!(error instanceof XmlValidateError)) throw error;
    return {
      valid: false,
      lines: error.details
        .map((d) => d.line)
        .sort((a, b) => a - b)
        .join(","),
    };
  }
}

const counts = { documents: 0, valid: 0, invalid: 0, unreadable: 0, disagreements: 0 };

function compare(
  ours: XsdValidator,
  official: XsdValidator,
  source: Uint8Array | string,
  label: string,
): Verdict | undefined {
  let document: XmlDocument;
  try {
    document = typeof source === "string" ? XmlDocument.fromString(source) : XmlDocument.fromBuffer(source);
  } catch (error) {
    if (!(error instanceof XmlParseError)) throw error;
    counts.unreadable++;
    return undefined;
  }
  try {
    const a = judge(ours, document);
    const b = judge(official, document);
    counts.documents++;
    if (b.valid) counts.valid++;
    else counts.invalid++;
    if (a.valid !== b.valid || a.lines !== b.lines) {
      counts.disagreements++;
      const say = (v: Verdict) => (v.valid ? "valid" : `refused at ${v.lines}`);
      if (counts.disagreements <= 20) {
        process.stdout.write(`DISAGREE ${label}: ours ${say(a)}, official ${say(b)}\n`);
        if (process.argv.includes("--show")) process.stdout.write(`${document.toString()}\n`);
      }
    }
    return b;
  } finally {
    document.dispose();
  }
}

/** The text of a sample as UTF-8 without declaration, one tag a line, so that a fault's line is its place. */
function plainText(bytes: Uint8Array): string {
  const document = XmlDocument.fromBuffer(bytes);
  const text = document.toString({ noDeclaration: true, format: false });
  document.dispose();
  return onePerLine(text);
}

function onePerLine(text: string): string {
  return text.replaceAll(/<(?=[A-Za-z])([^>]*)>/g, (_m, inner: string) => `<${inner.replace(/(\s*\/?)$/, "\n$1")}>`);
}

const perSample = Number(process.env["HELSEKONTAKT_MUTATIONS"] ?? "200");
const perType = 5;
const dialog = "http://www.kith.no/xmlstds/dialog/2013-01-23";
const perElement = Number(process.env["HELSEKONTAKT_INSTANCES"] ?? "30");
let instancesMade = 0;
let instancesValid = 0;
let mutations = 0;

// 1. every schema compiles on its own, the variants too
const all = globSync("**/*.xsd", { cwd: specs }).sort();
for (const file of all) compile([join(specs, file)]).dispose();
process.stdout.write(`${all.length} schemas of specs/xsd compile in libxml2\n`);

// 2. the same components with the same meaning on both sides
// Only an xsi:type on the element could tell these apart.
const intended = new Map([
  [
    "element {http://www.kith.no/xmlstds/base64container}Base64Container",
    "a simple type, for a plain text value; upstream has simple content without attributes",
  ],
]);
let components = 0;
let differences = 0;
for (const [oursFile, officialFile] of [...pairs, ...archivePairs.filter(([o]) => o.includes("/variants/"))]) {
  const a = schemaComponents(join(specs, oursFile));
  const b = schemaComponents(join(upstream, "xsd", officialFile));
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    components++;
    if (a.get(key) === b.get(key)) continue;
    if (intended.has(key)) {
      process.stdout.write(`differs on purpose: ${key}: ${intended.get(key)}\n`);
      continue;
    }
    differences++;
    process.stdout.write(
      `DIFFERS ${oursFile} ${key}\n  ours     ${a.get(key) ?? "none"}\n  official ${b.get(key) ?? "none"}\n`,
    );
  }
}
process.stdout.write(`${components} global components compared, ${differences} differ in meaning\n`);

// 3. both sets agree
for (const [title, list] of [
  ["published", pairs],
  ["archive's MsgHead", archivePairs],
] as const) {
  const ourFiles = list.map(([ours]) => join(specs, ours));
  const officialFiles = list.map(([, official]) => join(upstream, "xsd", official));
  const ours = compile(ourFiles);
  const official = compile(officialFiles);
  const random = createRandom(20261125);
  const covered = new Set(ourFiles.map(namespaceOf));

  const sampleRoot = join(upstream, "samples");
  let samples = 0;
  const seeds: string[] = [];
  for (const entry of readdirSync(sampleRoot, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith(".xml")) continue;
    const file = join(entry.parentPath, entry.name);
    const bytes = readFileSync(file);
    const root = XmlDocument.fromBuffer(bytes).root.namespaceUri;
    if (!covered.has(root)) continue;
    samples++;
    compare(ours, official, bytes, relative(sampleRoot, file));
    if (bytes.length < 200_000) seeds.push(plainText(bytes));
  }

  // instances from either side, so that neither can say more than the other
  for (const files of [ourFiles, officialFiles]) {
    const set = readSchemas(files);
    const maker = createInstanceMaker(set, random);
    const made: string[] = [];
    for (const name of set.globals.keys()) for (let i = 0; i < perElement; i++) made.push(maker.element(name));
    for (const [type, { node }] of set.types) {
      if (node.attr("abstract")?.value === "true") continue;
      // Sporsmal has the type anyType, so that any named type may stand in for it.
      for (let i = 0; i < perType; i++) {
        const inner = maker.typed(`dia:Sporsmal xmlns:dia="${dialog}"`, type);
        made.push(`<Foresporsel xmlns="${dialog}"><TypeForesp/>${inner}</Foresporsel>`);
      }
    }
    for (const text of made) {
      const verdict = compare(ours, official, onePerLine(text), `instance ${/^<\S+/.exec(text)?.[0]}`);
      instancesMade++;
      if (verdict?.valid === true) instancesValid++;
    }
    for (const text of made.filter((_t, i) => i % 10 === 0)) seeds.push(onePerLine(text));
  }

  for (const [index, seed] of seeds.entries()) {
    for (let i = 0; i < perSample; i++) {
      compare(ours, official, mutate(seed, random), `mutation ${i} of seed ${index}`);
      mutations++;
    }
  }
  process.stdout.write(`${title}: ${list.length} schemas, ${samples} samples, ${seeds.length} seeds\n`);
}

// 4. the reader's variants of TjenesteOversikt take what the published schema takes, in both spellings and their namespaces,
// and the guide's own example, which the published schema refuses
const tjNamespace = "http://ehelse.no/xmlstds/tjenesteoversikt";
const published = pairs.find(([ours]) => ours.startsWith("tjenesteoversikt/"));
const tjSet = readSchemas(pairs.map(([, official]) => join(upstream, "xsd", official)));
const tjMaker = createInstanceMaker(tjSet, createRandom(1218));
const strict = compile([join(upstream, "xsd", published?.[1] ?? "")]);
const example = readFileSync(join(upstream, "samples/tjenesteoversikt/HITS1218-s15-TjenesteOversikt.xml"), "utf8");
let variantDocuments = 0;
let variantFaults = 0;
for (const file of all.filter((f) => f.startsWith("tjenesteoversikt/1.0/variants/"))) {
  const variant = compile([join(specs, file)]);
  const namespace = namespaceOf(join(specs, file));
  const texts = [example];
  for (let i = 0; i < 200; i++) texts.push(tjMaker.element(`{${tjNamespace}}TjenesteOversikt`));
  for (const text of texts) {
    for (const spelling of ["TjenesteOmråde", "TjenesteOmrade"]) {
      const spelled = text.replaceAll(/TjenesteOmr[åa]de/g, spelling).replaceAll(`"${tjNamespace}"`, `"${namespace}"`);
      const document = XmlDocument.fromString(spelled);
      const official =
        namespace !== tjNamespace ||
        judge(strict, document).valid === (spelling === "TjenesteOmråde" || !spelled.includes(spelling));
      const accepted = judge(variant, document).valid;
      document.dispose();
      variantDocuments++;
      if (accepted && official) continue;
      variantFaults++;
      process.stdout.write(
        `VARIANT ${file} with ${spelling}: accepted ${accepted}, published schema as expected ${official}\n`,
      );
    }
  }
}
process.stdout.write(`reader's variants: ${variantDocuments} documents, ${variantFaults} not as expected\n`);

process.stdout.write(
  `${counts.documents} documents judged by both (${counts.valid} valid, ${counts.invalid} refused, ${counts.unreadable} not well-formed left out), ` +
    `${instancesMade} made from the schemas (${instancesValid} valid), ${mutations} mutations; ${counts.disagreements} disagreements\n`,
);
const agreed = `${counts.documents - counts.disagreements} of ${counts.documents}`;
const kept = { components, "components that differ": differences, mutations, "instances made": instancesMade };
const wrong = recordCounts("spec-equivalence", agreed, kept);
if (wrong !== undefined) process.stdout.write(`MISS ${wrong}\n`);
process.exitCode = counts.disagreements + differences + variantFaults === 0 && wrong === undefined ? 0 : 1;
