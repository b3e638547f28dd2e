import type { XmlElement } from "@helsekontakt/types/xml";
import { services } from "../gen/registries.ts";
import { isHerId } from "./address-registry.ts";
import { type CollaborationRegistry, isGuid } from "./collaboration-registry.ts";
import { readContract, textOf } from "./data-contract.ts";
import { failedLookUp, type LookUp, type LookUpOptions } from "./look-up.ts";
import { SoapClient, type SoapClientOptions } from "./soap-client.ts";

/**
 * The collaboration registry by its older SOAP interface, which NHN means to take away.
 *
 * Inferred: a fault of the contract (`GenericFault`) says that there is no such document, whatever its code; every other
 * failure says nothing.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function createSoapCollaborationRegistry(options: SoapClientOptions): CollaborationRegistry {
  const client = new SoapClient(services.collaborationRegistry, options);
  const ask = async (
    possible: boolean,
    operation: keyof typeof services.collaborationRegistry.operations,
    values: Readonly<Record<string, unknown>>,
    call: LookUpOptions | undefined,
  ): Promise<LookUp<Uint8Array>> => {
    if (!possible) return { kind: "not-found" };
    const answer = await client.call(operation, values, call);
    if (answer.kind === "found")
      return document(answer.value, services.collaborationRegistry.operations[operation].answer);
    const isStatement = answer.kind === "refused" && answer.error.context["detail"] === "GenericFault";
    return isStatement ? { kind: "not-found" } : answer;
  };
  return {
    agreement: (cpaId, call) => ask(isGuid(cpaId), "GetCpaXml", { cpaId }, call),
    agreementFor: (mine, theirs, call) =>
      ask(
        isHerId(mine) && isHerId(theirs),
        "GetCpaForCommunicationPartiesXml",
        { communicationPartAHerId: Number(mine), communicationPartBHerId: Number(theirs) },
        call,
      ),
    profile: (herId, call) => ask(isHerId(herId), "GetCppXmlForCommunicationParty", { herId: Number(herId) }, call),
  };
}

function document(element: XmlElement, type: "string" | "CpaXmlDetails"): LookUp<Uint8Array> {
  try {
    const text =
      type === "string" ? textOf(element) : (readContract(element, type).CollaborationProtocolAgreementXml ?? "");
    if (text.trim() === "") return { kind: "not-found" };
    // The text has left the encoding that its declaration may name.
    return { kind: "found", value: Buffer.from(text.replace(/^\uFEFF?\s*<\?xml[^>]*\?>/u, ""), "utf8") };
  } catch (reason) {
    return failedLookUp(reason);
  }
}
