import type { FetchLike } from "./options.ts";
import { readNonce } from "./proofs.ts";

/** Answers of a token service are small; anything above this is a fault or an attack. */
const maxAnswerBytes = 1_048_576;

/** What a token service answered, kept beside what oauth4webapi makes of it: its errors drop or leak parts of it. */
export interface SeenAnswer {
  status: number;
  retryAfter: string | null;
  date: string | null;
  nonce: string | undefined;
  /** JSON body of an error answer, where there is one. */
  error: string | undefined;
  description: string | undefined;
}

export type OAuthFetch = (
  url: string,
  init: { body?: unknown; headers: Record<string, string>; method: string; signal?: AbortSignal | undefined },
) => Promise<Response>;

/**
 * The `fetch` that oauth4webapi gets: no redirects, a whole answer of bounded size, and a note of status and error
 * code in `seen`.
 */
export function boundedFetch(inner: FetchLike, seen: (answer: SeenAnswer) => void): OAuthFetch {
  return async (url, init) => {
    const request = new Request(url, {
      method: init.method,
      headers: init.headers,
      redirect: "manual",
      ...(init.body === undefined || init.body === null ? {} : { body: init.body as URLSearchParams }),
      ...(init.signal ? { signal: init.signal } : {}),
    });
    const response = await inner(request);
    const text = await boundedText(response);
    const { error, description } = response.ok ? {} : readOAuthError(text);
    seen({
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      date: response.headers.get("date"),
      nonce: readNonce(response.headers.get("dpop-nonce")),
      error,
      description,
    });
    const empty = response.status === 204 || response.status === 205 || response.status === 304;
    // A status outside 200..599 cannot be built; an opaque redirect (0) counts as what it is.
    return new Response(empty ? null : text, {
      status: response.status >= 200 && response.status <= 599 ? response.status : 500,
      headers: response.headers,
    });
  };
}

async function boundedText(response: Response): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswerBytes) throw new AnswerTooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The token service's answer went over the limit. */
export class AnswerTooLarge extends Error {
  override readonly name = "AnswerTooLarge";
}

/** Only codes in OAuth's own alphabet pass: anything else could quote what was sent. */
function readOAuthError(text: string): { error?: string | undefined; description?: string | undefined } {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== "object" || body === null) return {};
    const { error, error_description: description } = body as Record<string, unknown>;
    return {
      error: typeof error === "string" && /^[a-z_]{1,40}$/.test(error) ? error : undefined,
      description: typeof description === "string" ? description : undefined,
    };
  } catch {
    return {};
  }
}
