import type { ServiceFault } from "@helsekontakt/sandbox";

/** A token that no service gave. */
export const planted = "eyJQTEFOVEVE.eyJQTEFOVEVEIjoxfQ.cGxhbnRlZC1zaWduYXR1cmU";

const answer = (body: unknown): ServiceFault => ({ kind: "status", status: 200, body });

/** Faults of a token endpoint, most of which quote a token. */
export const quotingFaults: [string, ServiceFault][] = [
  ["token without type", answer({ access_token: planted, expires_in: 60 })],
  ["negative lifetime", answer({ access_token: planted, token_type: "DPoP", expires_in: -1 })],
  ["lifetime as text", answer({ access_token: planted, token_type: "DPoP", expires_in: "soon" })],
  ["token of the other kind", answer({ access_token: planted, token_type: "Bearer", expires_in: 60 })],
  ["token of an unknown kind", answer({ access_token: planted, token_type: "mac", expires_in: 60 })],
  ["narrower scope", answer({ access_token: planted, token_type: "DPoP", expires_in: 60, scope: "other" })],
  ["token as an object", answer({ access_token: { value: planted }, token_type: "DPoP" })],
  ["error that quotes", { kind: "status", status: 400, body: { error: planted, error_description: planted } }],
  [
    "description that quotes",
    { kind: "status", status: 400, body: { error: "invalid_client", error_description: planted } },
  ],
  ["500 that quotes", { kind: "status", status: 500, body: { access_token: planted } }],
  ["HTML", { kind: "html" }],
  ["truncated", { kind: "truncated" }],
  ["huge", { kind: "huge", bytes: 1_200_000 }],
  ["outage", { kind: "outage" }],
  ["slow-loris", { kind: "slow-loris", everyMs: 20 }],
];
