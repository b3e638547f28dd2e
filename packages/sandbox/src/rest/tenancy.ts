import type { SandboxRequest } from "../http/server.ts";

/** Organisation numbers that the token is for. It has been verified before. */
export function organisationsOf(request: SandboxRequest): string[] {
  const token = (request.headers["authorization"] ?? "").split(" ")[1] ?? "";
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as object;
    return Object.entries(claims)
      .filter(([name]) => /\/orgnr_(?:parent|child)$/.test(name))
      .flatMap(([, value]) => (typeof value === "string" ? [value] : []));
  } catch {
    return [];
  }
}
