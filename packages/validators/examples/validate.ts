// Checks a message file. Run: node --conditions=helsekontakt-source examples/validate.ts FILE
import { readFileSync } from "node:fs";
import { validateMessage } from "@helsekontakt/validators";

const sample = `<MsgInfo xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24">
  <Type V="DIALOG_INNBYGGER_EKONTAKT"/>
  <MIGversion>v1.2</MIGversion>
</MsgInfo>`;
const file = process.argv[2];
const { valid, issues } = validateMessage(file === undefined ? new TextEncoder().encode(sample) : readFileSync(file));
for (const { level, rule, path, line, message } of issues) console.log(`${level} ${rule} ${path}:${line} ${message}`);
console.log(valid ? "valid" : "not valid");
