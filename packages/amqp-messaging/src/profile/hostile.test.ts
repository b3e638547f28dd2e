import { HelsekontaktError } from "@helsekontakt/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cpaOf, cppOf } from "../messenger/_registries.ts";
import { parseProfile } from "./parse-profile.ts";
import { CPPA } from "./tree.ts";

const cpp = Buffer.from(cppOf({ herId: "2" })).toString();
const cpa = Buffer.from(cpaOf([{ herId: "1" }, { herId: "2" }])).toString();
const info = /<PartyInfo[\s\S]*?<\/PartyInfo>/u.exec(cpp)?.[0] ?? "";
const within = (text: string, before: string, more: string): string => text.replace(before, more + before);

function codeOf(bytes: Uint8Array): string {
  try {
    parseProfile(bytes);
    return "read";
  } catch (error) {
    if (error instanceof HelsekontaktError) return error.code;
    throw error;
  }
}

describe("hostile profiles and agreements", () => {
  it("are none themselves", () => {
    expect(info).not.toBe("");
    expect([codeOf(Buffer.from(cpp)), codeOf(Buffer.from(cpa))]).toEqual(["read", "read"]);
  });

  const many = (n: number, item: string): string => item.repeat(n);
  it.each<[string, string | Uint8Array, string]>([
    [
      "entities that multiply",
      `<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${cpp.replace(/<\?xml.*?\?>/u, "")}`,
      "xml/doctype-refused",
    ],
    ["an entity that is not declared", within(cpp, "</PartyInfo>", "&xxe;"), "xml/not-well-formed"],
    [
      "elements inside each other",
      within(cpp, "</PartyInfo>", many(300, "<a>") + many(300, "</a>")),
      "xml/limit-exceeded",
    ],
    [
      "attributes without end",
      cpp.replace("<PartyInfo ", `<PartyInfo ${Array.from({ length: 300 }, (_, n) => `a${n}="" `).join("")}`),
      "xml/limit-exceeded",
    ],
    ["more bytes than any document has", Buffer.alloc(17 * 1024 * 1024, cpp), "xml/limit-exceeded"],
    ["half a document", cpp.slice(0, -50), "xml/not-well-formed"],
    ["a character that XML does not have", within(cpp, "</PartyInfo>", "\u0000"), "xml/not-well-formed"],
    ["bytes in another encoding", Buffer.from(cpp.replace("Party 2", "\u00c6"), "latin1"), "xml/encoding"],
    [
      "references that multiply to a million parts",
      cpp
        .replace(
          "</NamespaceSupported>",
          `</NamespaceSupported>${many(1_000, "<NamespaceSupported>urn:x</NamespaceSupported>")}`,
        )
        .replace("</Composite>", `${many(1_000, '<Constituent xmlns:t="' + CPPA + '" t:idref="p"/>')}</Composite>`),
      "registry/profile-invalid",
    ],
    ["a party in a profile too many", within(cpp, "<SimplePart", info), "registry/profile-invalid"],
    [
      "a third party in an agreement",
      within(cpa, "<SimplePart", info.replace(">2<", ">3<")),
      "registry/profile-invalid",
    ],
    ["one party twice in an agreement", cpa.replace(">1</PartyId>", ">2</PartyId>"), "registry/profile-invalid"],
    [
      "one party alone in an agreement",
      cpa.replace(/<PartyInfo[\s\S]*?<\/PartyInfo>/u, ""),
      "registry/profile-invalid",
    ],
    ["a HER-id that is none", cpp.replace(">2</PartyId>", ">2 OR 1=1</PartyId>"), "registry/profile-invalid"],
    [
      "a certificate that is none",
      within(
        cpp,
        "<DeliveryChannel",
        `<Certificate certId="x"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>MIIB</X509Certificate></X509Data></KeyInfo></Certificate>`,
      ),
      "registry/profile-invalid",
    ],
    [
      "certificates without end",
      within(cpp, "<DeliveryChannel", many(100, `<Certificate certId="x"/>`)),
      "registry/profile-invalid",
    ],
    ["a document of another kind", `<Envelope xmlns="${CPPA}"/>`, "registry/profile-invalid"],
    [
      "the right names in another namespace",
      cpp.replaceAll(CPPA, "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-3_0.xsd"),
      "registry/profile-invalid",
    ],
    ["no party", cpp.replace(info, ""), "registry/profile-invalid"],
    ["no party in an agreement", cpa.replace(/<PartyInfo[\s\S]*<\/PartyInfo>/u, ""), "registry/profile-invalid"],
    ["nothing", "", "xml/not-well-formed"],
  ])("a document with %s has a typed error", (_, document, code) => {
    expect(codeOf(typeof document === "string" ? Buffer.from(document) : document)).toBe(code);
  });

  it("a role that nobody knows, and ids that stand twice, are read", () => {
    const twice = (element: string): string => {
      const text = cpp.replace(new RegExp(`<${element}\\b(?:[^>]*/>|[\\s\\S]*?</${element}>)`, "u"), "$&$&");
      expect(text, element).not.toBe(cpp);
      return text;
    };
    const unknownRole = cpp.replace(/(<Role [^>]*name=")[^"]*/u, "$1UKJENT");
    expect(unknownRole).not.toBe(cpp);
    const found = [unknownRole, twice("DeliveryChannel"), twice("Transport"), twice("CollaborationRole")].map((text) =>
      codeOf(Buffer.from(text)),
    );
    expect(found).toEqual(["read", "read", "read", "read"]);
  });

  it("names that a prototype has are names like any other", () => {
    const text = cpp
      .replaceAll('"async"', '"__proto__"')
      .replaceAll(">async<", ">__proto__<")
      .replaceAll('"package"', '"constructor"');
    expect(codeOf(Buffer.from(text))).toBe("read");
    expect(codeOf(Buffer.from(text.replace('packageId="constructor"', 'packageId="toString"')))).not.toBe("read");
  });

  it("any damage is read or has a typed error, and no error shows what stood there", () => {
    const secret = "ZZhemmeligZZ";
    const texts = [cpp, cpa].map((t) => t.replaceAll("Mottaker", secret).replaceAll("Party 2", secret));
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(
          fc.tuple(
            fc.nat(8_000),
            fc.nat(40),
            fc.constantFrom("", "<", ">", '"', "&", "\u0000", "]]>", "</", " xmlns=''", secret),
          ),
          { minLength: 1, maxLength: 4 },
        ),
        (text, cuts) => {
          let damaged = text;
          for (const [at, length, put] of cuts) damaged = damaged.slice(0, at) + put + damaged.slice(at + length);
          try {
            parseProfile(Buffer.from(damaged));
          } catch (error) {
            expect(error).toBeInstanceOf(HelsekontaktError);
            expect((error as HelsekontaktError).code).toMatch(/^(?:xml\/|registry\/profile-invalid$)/u);
            expect(JSON.stringify(error)).not.toContain(secret);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
