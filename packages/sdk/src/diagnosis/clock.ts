import { type Check, type Finding, fault, ok, warning } from "./types.ts";
import { faultFinding } from "./fault-finding.ts";

/** HTTP dates have whole seconds, and the way there takes time too. */
const unsure = 2_000;
const tolerated = 5_000;
/** Assertions and proofs live for seconds: a clock further off is refused. */
const refused = 30_000;

/** The token service's metadata, and this machine's clock by the answer's `Date`. */
export function helseidCheck(issuer: string): Check {
  return {
    id: "helseid",
    title: "HelseID's metadata and the clock",
    needs: ["tls.helseid"],
    async run({ clock }, signal) {
      const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
      const before = clock.now();
      let response: Response;
      let metadata: { readonly issuer?: unknown };
      try {
        response = await fetch(address, { signal, redirect: "error" });
        metadata = (await response.json()) as typeof metadata;
      } catch (error) {
        return [faultFinding(error, "expected HelseID's metadata as JSON, found none", "check the issuer's address")];
      }
      if (!response.ok)
        return [
          fault(`expected HelseID's metadata, found HTTP status ${response.status}`, "check the issuer's address"),
        ];
      const found: Finding[] =
        metadata.issuer === issuer
          ? [ok("metadata found, for this issuer")]
          : [
              fault(
                "expected the issuer as its metadata writes it, found another",
                "copy it exactly: a slash at the end counts",
              ),
            ];
      const date = Date.parse(response.headers.get("date") ?? "");
      if (Number.isNaN(date))
        return [...found, warning("no Date in the answer: the clock is unchecked", "compare it by hand")];
      // A Date stands for its whole second.
      const offset = Math.round((before + clock.now()) / 2 - (date + 500));
      return [...found, clockFinding(offset)];
    },
  };
}

function clockFinding(offset: number): Finding {
  const seconds = Math.round(Math.abs(offset) / 1000);
  const text = `clock is ${seconds} s ${offset > 0 ? "ahead" : "behind"}`;
  if (Math.abs(offset) <= unsure) return ok("clock agrees with HelseID's");
  const hint = "set the clock by NTP (ntp.nhn.no on Helsenettet): assertions live for seconds";
  if (Math.abs(offset) > refused) return fault(`expected a clock like HelseID's, found that the ${text}`, hint);
  return Math.abs(offset) > tolerated ? warning(text, hint) : ok(text);
}
