import type { HelsekontaktConfig } from "../src/index.ts";

type Sides = Pick<HelsekontaktConfig, "organisation" | "helsenorge">;

/** The same configuration from Helsenorge's side: whoever sends with the one is received with the other. */
export function turned<C extends Sides>(config: C): Omit<C, keyof Sides> & Sides {
  const { organisation, helsenorge } = config;
  const [service] = organisation.services;
  if (service === undefined) throw new Error("expected a service in the configuration, found none");
  return {
    ...config,
    organisation: {
      herId: helsenorge.herId,
      name: helsenorge.name,
      organisationNumber: "999999999",
      services: [helsenorge.service],
    },
    helsenorge: {
      herId: organisation.herId,
      name: organisation.name,
      organisationNumber: organisation.organisationNumber,
      service,
    },
  };
}
