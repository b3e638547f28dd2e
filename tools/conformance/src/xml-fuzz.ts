import { XmlDocument } from "libxml2-wasm";
// The generator of documents and both readers' events are those of the codec's own test.
import { createRandom, damage, ourEvents, randomDocument, saxesEvents } from "../../../packages/types/src/xml/_fuzz.ts";
import { createTally } from "./_tally.ts";

// Our scanner against saxes, with libxml2 as the judge where they differ: random documents, well-formed and damaged. Prints
// the seeds; `xml-fuzz.ts FIRST COUNT` runs another range, as the nightly run does with a million.

const first = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 60_000);
const tally = createTally();
let wellFormed = 0;
let slips = 0;
let encodings = 0;
let unjudged = 0;

/** What libxml2 says of form alone; undefined where it refuses a namespace for being no address, which is no fault of form. */
function libxmlVerdict(text: string): boolean | undefined {
  if (text.includes("<!DOCTYPE")) return false;
  try {
    XmlDocument.fromBuffer(Buffer.from(text)).dispose();
    return true;
  } catch (error) {
    return (error as Error).message.includes("is not a valid URI") ? undefined : false;
  }
}

let documents = 0;
for (let seed = first; documents < count; seed++) {
  const random = createRandom(seed);
  const document = randomDocument(random);
  for (const text of [document, damage(document, random), damage(document, random)]) {
    documents++;
    const ours = ourEvents(text);
    if (ours !== undefined) wellFormed++;
    if (ours === saxesEvents(text)) {
      tally.check(true, "");
      continue;
    }
    // An encoding that we do not know is refused; libxml2 reads some names by their letters alone.
    if (ours === undefined && /encoding="(?!UTF-8")/.test(text)) {
      encodings++;
      continue;
    }
    const judged = libxmlVerdict(text);
    if (judged === undefined) {
      unjudged++;
      continue;
    }
    if (judged === (ours !== undefined)) slips++;
    tally.check(judged === (ours !== undefined), `seed ${seed}: ${JSON.stringify(text)}, libxml2 says ${judged}`);
  }
}
tally.finish("xml-fuzz", {
  documents,
  "well-formed": wellFormed,
  "saxes wrong, as libxml2 says": slips,
  "encodings left out": encodings,
  "namespaces that are no addresses, left out": unjudged,
});
