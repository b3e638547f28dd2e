import { codedValue } from "@helsekontakt/types/codes";
import type { TjenesteOversikt } from "@helsekontakt/types/tjenesteoversikt";
import type { AnyElement } from "@helsekontakt/types/xml";

const rootName = "{http://ehelse.no/xmlstds/tjenesteoversikt}TjenesteOversikt";

/** One service of the citizen's complete list. Key at Helsenorge: `id`, patient and the sender's level 1 HER-id. */
export interface Tjeneste {
  /** Local id, at most 30 characters. */
  readonly id: string;
  /** Shown to the citizen. */
  readonly name: string;
  readonly deliveredBy?: string;
  /** Digits, without `tel:`. */
  readonly phone?: string;
  readonly url?: string;
  /** `yyyy-mm-dd`; a period is sent on its first day, not before. */
  readonly from: string;
  /** `yyyy-mm-dd`, the last day. */
  readonly to?: string;
  /** Level 2 HER-id with which the citizen contacts the service. */
  readonly herId: string;
}

/**
 * Which spelling the area element gets. The published schema says `TjenesteOmråde`; the guide's text and two official
 * examples say `TjenesteOmrade`. Which of them Helsenorge accepts is not confirmed.
 */
export type OmraadeSpelling = "TjenesteOmråde" | "TjenesteOmrade";

/**
 * Builds the complete list of one citizen's services; an empty list ends them all.
 *
 * @see HITS 1218:2018 §2.4
 */
export function buildTjenesteOversikt(
  services: readonly Tjeneste[],
  spelling: OmraadeSpelling = "TjenesteOmråde",
): AnyElement {
  // The only value of the list: municipal health and care.
  const area = spelling === "TjenesteOmråde" ? { TjenesteOmråde: "1" } : { TjenesteOmrade: "1" };
  const list = services.map((s) => ({
    TjenesteId: s.id,
    TjenesteNavn: s.name,
    ...area,
    ...(s.deliveredBy === undefined ? {} : { TjenesteLevertAv: s.deliveredBy }),
    ...(s.phone === undefined ? {} : { TjenesteTlf: { TeleAddress: { $V: `tel:${s.phone}` } } }),
    ...(s.url === undefined ? {} : { TjenesteURL: { TeleAddress: { $V: `url:${s.url}` } } }),
    FraDato: s.from,
    ...(s.to === undefined ? {} : { TilDato: s.to }),
    HERId: { Id: s.herId, TypeId: codedValue("9051", "HER") },
  }));
  const value: TjenesteOversikt = list.length === 0 ? {} : { Tjeneste: list };
  return { name: rootName, value };
}

/** True for a service list in any of the namespaces that upstream's documents name. */
export function isTjenesteOversikt(item: AnyElement): boolean {
  return item.name.endsWith("}TjenesteOversikt");
}

/** Reads the services of a list in either spelling. */
export function readTjenesteOversikt(item: AnyElement): Tjeneste[] {
  const { Tjeneste: list = [] } = item.value as TjenesteOversikt;
  return list.map((t) => {
    const phone = t.TjenesteTlf?.TeleAddress.$V?.replace(/^tel:/, "");
    const url = t.TjenesteURL?.TeleAddress.$V?.replace(/^url:/, "");
    return {
      id: t.TjenesteId,
      name: t.TjenesteNavn,
      from: t.FraDato,
      herId: t.HERId.Id,
      ...(t.TjenesteLevertAv === undefined ? {} : { deliveredBy: t.TjenesteLevertAv }),
      ...(phone === undefined ? {} : { phone }),
      ...(url === undefined ? {} : { url }),
      ...(t.TilDato === undefined ? {} : { to: t.TilDato }),
    };
  });
}
