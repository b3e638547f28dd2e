import { describe, expect, it } from "vitest";
import { createHelsekontakt, type HelsekontaktEvent } from "../src/index.ts";
import { failure, useSandbox } from "./_harness.ts";

const harness = useSandbox();

function sdkWith(bodies: "off" | "warning" | "error" | undefined) {
  const { config } = harness.sandbox;
  const sdk = createHelsekontakt({
    ...config,
    rest: { ...config.rest, transport: { retry: { tries: 1 } }, ...(bodies === undefined ? {} : { bodies }) },
  });
  const events: HelsekontaktEvent[] = [];
  sdk.onEvent((event) => events.push(event));
  return { sdk, events };
}

/** AktivSjekken's answers with a flag that is no truth value. */
function broken(): void {
  harness.sandbox.faults.add("aktivsjekken", {
    kind: "status",
    status: 200,
    body: {
      erAktivListe: {
        [harness.citizen("self").fnr]: {
          erDigitaltAktivSelv: true,
          erDigitaltAktivViaAndre: false,
          tildeltFullmakt: "nei",
        },
      },
    },
  });
}

describe("rest.bodies", () => {
  it("lets answers pass that are as the document states, and offerings go out", async () => {
    const { sdk, events } = sdkWith("error");
    const { citizens } = await sdk.aktivsjekk.check([harness.citizen("self").fnr]);
    expect(citizens[0]?.reach).toBe("self");
    expect(events).toEqual([]);
  });

  it("tells of an answer that is not, by an event without values", async () => {
    broken();
    const { sdk, events } = sdkWith("warning");
    const { fnr } = harness.citizen("self");
    const { citizens } = await sdk.aktivsjekk.check([fnr]);
    expect(citizens[0]?.reach).toBe("self");
    expect(events).toMatchObject([
      {
        type: "answer-differs",
        api: "aktivsjekken",
        operation: "checkActive",
        status: 200,
        issues: [{ level: "error" }],
      },
    ]);
    expect(JSON.stringify(events)).not.toContain(fnr);
  });

  it("refuses it where that is configured, and says nothing without the setting", async () => {
    broken();
    const error = await failure(sdkWith("error").sdk.aktivsjekk.check([harness.citizen("self").fnr]));
    expect(error.code).toBe("rest/response-invalid");
    for (const setting of ["off", undefined] as const) {
      broken();
      const { sdk, events } = sdkWith(setting);
      await sdk.aktivsjekk.check([harness.citizen("self").fnr]);
      expect(events).toEqual([]);
    }
  });
});
