import type { Metric } from "@helsekontakt/core";
import type { Unprotected } from "../protection/unprotect.ts";
import type { Resolved } from "./messenger.ts";

const weakAlgorithms: Metric = {
  name: "helsekontakt.messaging.weak_algorithms",
  unit: "{message}",
  description: "Messages opened with an algorithm that only policy lets through, by the algorithm.",
};

/**
 * @internal Counts what policy lets through although it is on its way out, and says who sent it: policy can be closed when
 * nobody is left.
 */
export function countWeakAlgorithms(
  options: Resolved,
  { contentEncryption, digest }: Pick<Unprotected, "contentEncryption" | "digest">,
  fromHerId: string,
): void {
  for (const algorithm of [contentEncryption, digest]) {
    if (algorithm !== "3des" && algorithm !== "sha1" && algorithm !== "sha224") continue;
    options.logger.warn("a partner uses an algorithm that is on its way out", { fromHerId, algorithm });
    options.emit({ kind: "weak-algorithm", fromHerId, algorithm });
    void options.telemetry.then((t) => t.count(weakAlgorithms, 1, { "helsekontakt.algorithm": algorithm }));
  }
}
