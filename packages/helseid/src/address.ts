import { HelsekontaktError } from "@helsekontakt/core";

/**
 * Refuses addresses that are not https; `http://127.0.0.1` passes when the caller allows it.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function checkAddress(text: string, setting: string, allowInsecureLoopback: boolean): URL {
  const url = URL.parse(text);
  if (url === null)
    throw new HelsekontaktError(
      "config/invalid",
      `expected "${setting}" to be an absolute address, found another text`,
      {
        context: { setting },
      },
    );
  if (!isAllowed(url, allowInsecureLoopback))
    throw new HelsekontaktError("config/invalid", `expected "${setting}" to use https, found "${url.protocol}"`, {
      context: { setting },
      ...(url.hostname === "127.0.0.1" ? { hint: "set allowInsecureLoopback for http://127.0.0.1" } : {}),
    });
  if (url.username !== "" || url.password !== "" || url.hash !== "" || url.search !== "")
    throw new HelsekontaktError(
      "config/invalid",
      `expected "${setting}" without user, query and fragment, found at least one of them`,
      { context: { setting } },
    );
  return url;
}

export function isAllowed(url: URL, allowInsecureLoopback: boolean): boolean {
  if (url.protocol === "https:") return true;
  return allowInsecureLoopback && url.protocol === "http:" && url.hostname === "127.0.0.1";
}
