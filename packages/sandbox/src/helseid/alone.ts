import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import { type HttpEndpoint, startHttp } from "../http/server.ts";
import { createAccessCheck } from "./access.ts";
import type { RegisteredClient } from "./clients.ts";
import { answerSelfService, type SelfServiceBehaviour, selfServiceScope } from "./self-service.ts";
import { ServiceFaults } from "./service-faults.ts";
import { TokenService, type TokenServiceOptions } from "./token-service.ts";

/** HelseID with its self service and one API behind it, without the rest of the sandbox. */
export interface SandboxHelseid {
  readonly issuer: string;
  readonly service: TokenService;
  readonly selfService: {
    readonly baseUrl: string;
    readonly behaviour: SelfServiceBehaviour;
    readonly faults: ServiceFaults;
  };
  /** Answers `{}` to every request with a bound token for {@link scope} and a good proof. */
  readonly api: { readonly baseUrl: string; readonly scope: string };
  /** A client with every scope, and its private key. */
  readonly client: { readonly clientId: string; readonly jwk: JWK };
  close(): Promise<void>;
}

/**
 * Starts HelseID alone on the loopback address, for tests of tokens and keys: it is ready in milliseconds.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export async function startHelseid(
  options: Omit<TokenServiceOptions, "clients"> & { readonly client?: Partial<RegisteredClient> } = {},
): Promise<SandboxHelseid> {
  const scope = "nhn:sandbox/api";
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const pair = await exportJWK(privateKey);
  const jwk: JWK = { ...pair, alg: "ES256", use: "sig", kid: await calculateJwkThumbprint(pair) };
  const { d: _private, ...publicKey } = jwk;
  const clientId = "b1f6f1d2-5f5c-4d0e-9d0a-5a9d0c7e1a02";
  const service = new TokenService({
    ...options,
    clients: [
      {
        clientId,
        jwks: { keys: [publicKey] },
        scopes: [scope, `${scope}-2`, selfServiceScope],
        organisationNumber: "998888887",
        ...options.client,
      },
    ],
  });
  await service.init();
  const check = createAccessCheck(service, () => service.now());
  const behaviour: SelfServiceBehaviour = { keyLifeMs: 365 * 24 * 3_600_000, loseAnswers: 0 };
  const faults = new ServiceFaults();
  const token = await startHttp((request) => service.handle(request));
  service.issuer = token.origin;
  const self = await startHttp(
    async (request) =>
      (await faults.strike()) ??
      (await check(request, { scope: selfServiceScope, scheme: "dpop" })) ??
      answerSelfService(request, service.register, behaviour, service.now()),
  );
  const api = await startHttp(
    async (request) => (await check(request, { scope, scheme: "dpop" })) ?? { status: 200, body: {} },
  );
  return {
    issuer: token.origin,
    service,
    selfService: { baseUrl: self.origin, behaviour, faults },
    api: { baseUrl: api.origin, scope },
    client: { clientId, jwk },
    async close() {
      await Promise.all([token, self, api].map((endpoint: HttpEndpoint) => endpoint.close()));
    },
  };
}
