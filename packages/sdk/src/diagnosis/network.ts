import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { checkServerIdentity, connect, type PeerCertificate, rootCertificates, type TLSSocket } from "node:tls";
import { expiryFinding } from "./expiry.ts";
import { type Check, type Endpoint, type Finding, fault, ok } from "./types.ts";

/** The host's name leads to an address. */
export function dnsCheck({ name, host }: Endpoint): Check {
  return {
    id: `dns.${name}`,
    title: `DNS of ${host}`,
    async run() {
      if (isIP(host) !== 0) return [ok(`${host} is an address already`)];
      try {
        const found = await lookup(host, { all: true });
        return [ok(`${host} has ${found.length} address(es)`)];
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? "a fault";
        return [
          fault(
            `expected an address for ${host}, found ${code}`,
            "check the spelling, the DNS server, and whether the host is known on Helsenettet only",
          ),
        ];
      }
    },
  };
}

/** The host answers over TLS with a chain that holds, for its name, for some time yet. */
export function tlsCheck({ name, host, port, tls }: Endpoint): Check {
  return {
    id: `tls.${name}`,
    title: `TLS of ${host}:${port}`,
    needs: [`dns.${name}`],
    async run({ config, options, clock }, signal) {
      if (!tls) return [ok(`plain on ${host}, as the sandbox is`)];
      const own = [name === "amqp" ? config.amqp?.tls?.ca : config.rest?.network?.ca, options.ca].flat();
      const given = own.filter((pem) => pem !== undefined);
      const { cert, key, servername } = name === "amqp" ? (config.amqp?.tls ?? {}) : {};
      const socket = connect({
        host,
        port,
        rejectUnauthorized: false,
        ...(servername !== undefined ? { servername } : isIP(host) === 0 ? { servername: host } : {}),
        ...(given.length === 0 ? {} : { ca: [...rootCertificates, ...given] }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      });
      try {
        await handshake(socket, signal);
        return findings(socket, servername ?? host, clock.now());
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? "a connection that was cut";
        return [
          fault(
            `expected a TLS connection to ${host}:${port}, found ${code}`,
            "check firewall, proxy and port; the broker of production is reached from Helsenettet only",
          ),
        ];
      } finally {
        socket.destroy();
      }
    },
  };
}

function handshake(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    socket.once("secureConnect", () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    // Also heard after the check: a late error must not end the process.
    socket.on("error", reject);
  });
}

const chainHints: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN:
    "a proxy that opens TLS, or an authority of your own: give it as --ca and in NODE_EXTRA_CA_CERTS",
  DEPTH_ZERO_SELF_SIGNED_CERT: "an authority of your own: give it as --ca and in NODE_EXTRA_CA_CERTS",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "an issuer is missing: give it as --ca and in NODE_EXTRA_CA_CERTS",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "an issuer is missing: give it as --ca and in NODE_EXTRA_CA_CERTS",
  CERT_HAS_EXPIRED: "the server's certificate has run out: tell its operator, and check the clock of this machine",
};

function findings(socket: TLSSocket, host: string, now: number): Finding[] {
  const certificate = socket.getPeerCertificate() as PeerCertificate;
  const found: Finding[] = [];
  const wrongName = checkServerIdentity(host, certificate);
  // Typed as an Error, but its value is the code as text.
  const chain = socket.authorizationError as unknown as string | null;
  if (wrongName !== undefined)
    found.push(
      fault(
        `expected a certificate for ${host}, found one for another name`,
        "check the address, and for a proxy between",
      ),
    );
  if (chain !== null && chain !== undefined && !(wrongName !== undefined && String(chain).includes("ALTNAME")))
    found.push(
      fault(
        `expected a chain to a trusted authority, found ${String(chain)}`,
        chainHints[String(chain)] ?? "check the chain that the server sends",
      ),
    );
  const expiry = expiryFinding(
    `certificate of ${host}`,
    new Date(certificate.valid_to).getTime(),
    now,
    "its operator renews it",
  );
  return found.length === 0 || expiry.level !== "ok" ? [...found, expiry] : found;
}
