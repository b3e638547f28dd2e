import { SaxesParser } from "saxes";
import type { XmlTag } from "./reader.ts";

/** What the reader uses of a saxes parser. */
export interface Parser {
  readonly position: number;
  on(event: "error", handler: (error: Error) => void): void;
  on(event: "text" | "cdata" | "doctype", handler: (text: string) => void): void;
  on(event: "attribute", handler: (attribute: { readonly value: string }) => void): void;
  on(event: "opentag", handler: (tag: XmlTag) => void): void;
  on(event: "closetag", handler: () => void): void;
  resolve(prefix: string): string | undefined;
  write(text: string): Parser;
  close(): Parser;
}

/** A namespace-aware saxes parser without position tracking, which would cost 40 %. */
export function createParser(): Parser {
  return new SaxesParser({ xmlns: true, position: false }) as unknown as Parser;
}
