import fc from "fast-check";
import iconv from "iconv-lite";
import { describe, expect, it } from "vitest";
import { createRandom, damage, ourEvents, knownSlip, randomDocument, saxesEvents, wellFormed } from "./_fuzz.ts";
import { scannedBytes } from "./encoding.ts";
import { findName } from "./name-table.ts";
import { readXml, type XmlTag } from "./reader.ts";

describe("the scanner", () => {
  it("tells what saxes tells of random documents, well-formed and damaged", () => {
    let good = 0;
    let bad = 0;
    for (let seed = 1; seed <= 4_000; seed++) {
      const random = createRandom(seed);
      const document = randomDocument(random);
      for (const text of [document, damage(document, random)]) {
        if (knownSlip(text)) continue;
        const ours = ourEvents(text);
        if (ours === undefined) bad++;
        else good++;
        expect(ours, `seed ${seed}: ${JSON.stringify(text)}`).toBe(saxesEvents(text));
        // The second time every name is known, and elements without others in them are told whole.
        expect(
          ourEvents(text, (n) => (seed & 1) === 0 || n % 3 > 0),
          `seed ${seed}, whole: ${JSON.stringify(text)}`,
        ).toBe(ours);
      }
    }
    expect(good).toBeGreaterThan(1_000);
    expect(bad).toBeGreaterThan(1_000);
  });

  it.each(["ISO-8859-1", "ISO-8859-15", "windows-1252"])(
    "tells of a document in %s what it tells of it in UTF-8",
    (name) => {
      const told = (bytes: Uint8Array): string[] => {
        const events: string[] = [];
        try {
          readXml(bytes, {
            open: (tag) => void events.push(JSON.stringify(tag)),
            text: (text) => void events.push(`"${text}`),
            close: () => void events.push("/"),
          });
        } catch (reason) {
          events.push(String(reason));
        }
        return events;
      };
      let [inOwn, bad] = [0, 0];
      for (let seed = 1; seed <= 2_000; seed++) {
        const random = createRandom(seed);
        // Names beyond ASCII in some: these documents are read in UTF-8 in the end.
        const plain =
          seed % 3 === 0 ? (t: string) => t : (t: string) => t.replaceAll("Formål", "a").replaceAll("Ø", "b");
        const document = plain(randomDocument(random).replace(/^<\?xml.*?\?>/, "")).replaceAll("𐀀", "z");
        const filling = seed % 50 === 0 ? "é".repeat(17_000) : "";
        for (const text of [document, damage(document, random)]) {
          const body = iconv.encode(text.replace(">", `>ï¿¾ÿ\u00a0Ž€${filling}`), name);
          const own = Buffer.concat([Buffer.from(`<?xml version="1.0" encoding="${name}"?>`), body]);
          const { bytes, decode } = scannedBytes(own);
          if (decode !== undefined) inOwn++;
          expect(decode === undefined || bytes.buffer === own.buffer).toBe(true);
          const events = told(own);
          if (String(events.at(-1)).includes("Error")) bad++;
          expect(events, `seed ${seed}: ${JSON.stringify(text)}`).toEqual(
            told(Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${iconv.decode(body, name)}`)),
          );
        }
      }
      expect(inOwn).toBeGreaterThan(1_000);
      expect(bad).toBeGreaterThan(500);
    },
  );

  it("reads tags wherever they stand in a long document, also those that are longer than what it looks at at once", () => {
    const long = "n".repeat(1_500);
    const value = "v".repeat(20_000);
    for (let before = 14_000; before < 18_000; before += 131) {
      const filling = "x".repeat(before);
      for (const text of [
        `<r>${filling}<${long} a='1' Øl='2'   ${long}='${value}' b="&amp;"/><b>${filling}</b ></r>`,
        `<r>${"<a b='c'>d</a>".repeat(before / 14)}<${long}><e></e></${long}></r>`,
        `<r>${filling}<${long}a></${long}b></r>`,
        `<r>${filling}<${long} a='${value}' a='2'/></r>`,
        `<r>${filling}<e a='${long}`,
        `<r>${filling}<e>${filling}</`,
      ])
        expect(ourEvents(text), `${before}: ${text.slice(-60)}`).toBe(saxesEvents(text));
    }
  });

  it("keeps a name beyond ASCII once, however often it stands in a document", () => {
    const kept = (name: string): number => findName(Buffer.from(`${name}>`), 0);
    expect(ourEvents("<Fylke><Formål Ærlig='1'/></Fylke>")).toBeDefined();
    const before = ["Fylke", "Formål", "Ærlig"].map(kept);
    expect(before).not.toContain(0);
    // Two blanks are not usual: each of these is read the long way.
    const text = `<r>${"<Formål  Ærlig='1'/>".repeat(3_000)}</r>`;
    expect(ourEvents(text)).toBe(saxesEvents(text));
    expect(["Fylke", "Formål", "Ærlig"].map(kept)).toEqual(before);
  });

  it("reads more names than it keeps, and ends each element by its own", () => {
    const names = Array.from({ length: 5_000 }, (_, n) => `n${(n * 7_919) % 5_000}`);
    const text = `<r>${names.map((n) => `<${n} a${n}="1"><b>x</b></${n}><b ${n}="2"/>`).join("")}<n1>${"<b/>".repeat(9)}</n1></r>`;
    for (const document of [text, text.replace("</n1></r>", "</n2></r>"), text])
      expect(ourEvents(document, () => true) ?? "fault").toBe(saxesEvents(document) ?? "fault");
  });

  it("refuses what XML forbids wherever it stands", () => {
    const good = '<r a="x" b=\'y\'><c>text</c><d e="f"/>long TEXT<!-- c --><?p i?><![CDATA[x]]></r >'.replace(
      "TEXT",
      "t".repeat(300),
    );
    expect(ourEvents(good)).toBeDefined();
    for (const char of ["\0", "\u0001", "\u001f", "\ufffe", "\uffff"])
      for (let at = 0; at <= good.length; at++) {
        const text = good.slice(0, at) + char + good.slice(at);
        for (const takes of [undefined, () => true]) expect(ourEvents(text, takes), `${at}`).toBeUndefined();
      }
  });

  it("goes on in a long document after a handler has read another one, whole or broken", () => {
    const filling = "x".repeat(9_000);
    const text = `<r>${`<a b="c">${filling}</a><a/>`.repeat(5)}</r>`;
    let seen = 0;
    readXml(Buffer.from(text), {
      open: () => {
        seen++;
        expect(ourEvents(`<inner>${filling.repeat(seen % 3)}<a></inner>`)).toBeUndefined();
        expect(ourEvents("<inner>y</inner>")).toBe('<|inner|\n"y"\n>');
      },
      text: (run) => expect(run).toBe(filling),
      close: () => {},
    });
    expect(seen).toBe(11);
  });

  it("knows attributes by their names when a handler has read a document of many others", () => {
    // As many as are kept, more or less: one of them takes the place of the attribute that was read before.
    for (let round = 2_044; round <= 2_050; round++) {
      const others = Array.from({ length: round }, (_, n) => `o${round}-${n}`);
      const many = Buffer.from(
        `<${others[0]}>${others
          .slice(1)
          .map((n) => `<${n}/>`)
          .join("")}</${others[0]}>`,
      );
      const found: string[] = [];
      readXml(
        Buffer.from(`<r${round}><a${round} v${round}="1"/><${others.at(-2)} ${others.at(-1)}="2"/></r${round}>`),
        {
          open: (tag) => {
            for (const a of tag.attributes) found.push(`${a.name}=${a.value}`);
            if (tag.local === `a${round}`) readXml(many, { open: () => {}, text: () => {}, close: () => {} });
          },
          text: () => {},
          close: () => {},
        },
      );
      expect(found).toEqual([`v${round}=1`, `${others.at(-1)}=2`]);
    }
  });

  it("reads a document while another one is being read", () => {
    const names: string[] = [];
    const bytes = new TextEncoder().encode("<a><b c='d'/><e/></a>");
    const inner = { open: (tag: XmlTag) => names.push(tag.local), text: () => {}, close: () => {} };
    readXml(bytes, {
      open: (tag) => {
        names.push(tag.local);
        readXml(new TextEncoder().encode("<inner><x y='z'/></inner>"), inner);
      },
      text: () => {},
      close: () => {},
    });
    expect(names.join(" ")).toBe("a inner x b inner x e inner x");
  });

  it("answers any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => void ourEvents(wellFormed(text))));
  });
});
