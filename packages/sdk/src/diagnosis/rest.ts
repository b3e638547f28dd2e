import { createSigningFetch, type FetchLike } from "@helsekontakt/helseid";
import { createAktivsjekkenClient, resolveWire } from "@helsekontakt/rest-client";
import { faultFinding } from "./fault-finding.ts";
import { type Check, type CheckContext, fault, ok, warning } from "./types.ts";

/** Tenor's form: month + 80. It belongs to nobody in any environment. */
const syntheticNumber = "01818010083";

export function signed({ tokens }: CheckContext, scope: string): FetchLike {
  return createSigningFetch(tokens(), { scopes: [scope] });
}

/** One question to AktivSjekken, about a synthetic number. */
export function aktivsjekkenCheck(baseUrl: string, scope: string): Check {
  return {
    id: "aktivsjekken",
    title: "AktivSjekken with a synthetic number",
    needs: ["tls.rest", "token.aktivsjekken"],
    async run(context, signal) {
      try {
        const omraadeForm = context.config.rest?.aktivsjekken?.omraade ?? "name";
        const fetch = signed(context, scope);
        const client = createAktivsjekkenClient({ baseUrl, fetch, omraadeForm, retry: { tries: 1 } });
        const answer = await client.check({ fnrListe: [syntheticNumber], omraade: "Helsehjelp" }, { signal });
        return [ok(answer.size === 0 ? "answers; the number is unknown to it" : "answers, and knows the number")];
      } catch (error) {
        return [faultFinding(error, "expected an answer, found none", "check rest.baseUrl and the scope")];
      }
    },
  };
}

/** Reads where only writing is possible: tells whether the service is there, and changes nothing. */
export function helsekontakterCheck(baseUrl: string, scope: string): Check {
  return {
    id: "helsekontakter",
    title: "Helsekontakter is reached",
    needs: ["tls.rest", "token.helsekontakter"],
    async run(context, signal) {
      const { membersPath } = resolveWire(context.config.medlemstjenester ?? {});
      try {
        const address = `${baseUrl.replace(/\/$/, "")}${membersPath}`;
        const response = await signed(context, scope)(new Request(address, { signal, redirect: "manual" }));
        await response.body?.cancel();
        const { status } = response;
        if (status === 401 || status === 403)
          return [
            fault(`expected access, found HTTP status ${status}`, "check the scope, and the agreement with Helsenorge"),
          ];
        if (status >= 500)
          return [
            fault(`expected the service, found HTTP status ${status}`, "try later, and see NHN's driftsmeldinger"),
          ];
        const text = `answers a read with HTTP status ${status}; nothing was written`;
        // 404 may mean that only writing is known there, or that the path is wrong: a read cannot tell.
        return [
          status === 404
            ? warning(text, "whether medlemstjenester.membersPath is right shows at the first write")
            : ok(text),
        ];
      } catch (error) {
        return [faultFinding(error, "expected an answer, found none", "check rest.baseUrl and the scope")];
      }
    },
  };
}
