// Reads a message, changes it, writes it again. Run: node --conditions=helsekontakt-source examples/read-and-write.ts
import * as dialogmelding from "@helsekontakt/types/dialogmelding";
import * as msghead from "@helsekontakt/types/msghead";
import { decodeXml, encodeXml } from "@helsekontakt/types/xml";

const registry = { ...msghead.elements, ...dialogmelding.elements };
const input = new TextEncoder().encode(`<?xml version="1.0" encoding="UTF-8"?>
<RefDoc xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24">
  <MsgType V="XML" DN="XML-instans"/>
  <Content>
    <Dialogmelding xmlns="http://www.kith.no/xmlstds/dialog/2013-01-23">
      <Foresporsel>
        <TypeForesp V="HE" S="2.16.578.1.12.4.1.1.7601" DN="Henvendelse"/>
        <Sporsmal>Vi har fått nytt telefonnummer.</Sporsmal>
      </Foresporsel>
    </Dialogmelding>
  </Content>
</RefDoc>`);

const { name, value } = decodeXml(input, { registry });
const refDoc = value as msghead.RefDoc;
const payload = refDoc.Content?.$any?.[0]?.value as dialogmelding.v11.Dialogmelding;
console.log(payload.Foresporsel?.[0]?.TypeForesp.$V, payload.Foresporsel?.[0]?.Sporsmal?.$content);

const output = encodeXml(name, { ...refDoc, Description: "Henvendelse" }, { registry });
console.log(new TextDecoder().decode(output));
