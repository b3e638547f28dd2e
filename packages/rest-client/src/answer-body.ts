/** A body that is neither JSON nor XML. Its text is not kept: it may hold personal numbers. */
export class UnreadableBody extends Error {
  constructor() {
    super("expected JSON or XML, found another text");
  }
}

/**
 * Reads a body in the form that it has, whatever its media type says: FHIR JSON, other JSON, FHIR XML, other XML as
 * objects by element name. An empty one gives `undefined`.
 *
 * @throws {UnreadableBody}
 */
export async function parseBody(text: string): Promise<unknown> {
  const body = text.replace(/^\uFEFF/, "").trim();
  if (body === "") return undefined;
  try {
    if (body.startsWith("<")) return (await import("./fhir-xml.ts")).readXmlBody(body);
    const value: unknown = JSON.parse(body);
    return value === null ? undefined : value;
  } catch {
    throw new UnreadableBody();
  }
}
