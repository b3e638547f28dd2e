import { describe, expect, it } from "vitest";
import { AnswerTooLarge, boundedFetch, type SeenAnswer } from "../src/http.ts";

const MiB = 1_048_576;

async function answer(response: Response): Promise<{ response: Response; seen: SeenAnswer | undefined }> {
  let seen: SeenAnswer | undefined;
  const fetch = boundedFetch(
    async () => response,
    (a) => (seen = a),
  );
  return { response: await fetch("https://sts.example/token", { method: "POST", headers: {}, body: "x" }), seen };
}

describe("the fetch of the base library", () => {
  it("reads at most 1 MiB", async () => {
    const whole = await answer(new Response("a".repeat(MiB)));
    expect((await whole.response.text()).length).toBe(MiB);
    await expect(answer(new Response("a".repeat(MiB + 1)))).rejects.toBeInstanceOf(AnswerTooLarge);
  });

  it("keeps letters whole that come in parts, and says when one is cut", async () => {
    const bytes = new TextEncoder().encode('{"a":"ø"}');
    const parts = (list: Uint8Array[]): Response => new Response(ReadableStream.from(list));
    const at = bytes.indexOf(0xc3) + 1;
    expect(await (await answer(parts([bytes.slice(0, at), bytes.slice(at)]))).response.text()).toBe('{"a":"ø"}');
    expect(await (await answer(parts([bytes.slice(0, at)]))).response.text()).toBe('{"a":"\ufffd');
  });

  it.each([204, 205, 304])("answers %d without a body", async (status) => {
    const { response, seen } = await answer(new Response(null, { status }));
    expect([response.status, await response.text(), seen?.status]).toEqual([status, "", status]);
  });

  it("takes a status that cannot be built for a fault, and notes it as it is", async () => {
    const { response, seen } = await answer(Response.error());
    expect([response.status, seen?.status]).toEqual([500, 0]);
  });

  it.each([200, 400, 599])("keeps status %d and the headers", async (status) => {
    const { response } = await answer(new Response("body", { status, headers: { "x-a": "1" } }));
    expect([response.status, response.headers.get("x-a"), await response.text()]).toEqual([status, "1", "body"]);
  });

  it("notes what an error answer says, as far as it is OAuth's alphabet", async () => {
    const note = async (body: unknown, status = 400) => {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const { seen } = await answer(new Response(text, { status, headers: { "dpop-nonce": "n", date: "d" } }));
      expect(seen).toMatchObject({ nonce: "n", date: "d", retryAfter: null });
      return [seen?.error, seen?.description];
    };
    expect(await note({ error: "invalid_client", error_description: "why" })).toEqual(["invalid_client", "why"]);
    expect(await note({ error: "x".repeat(40) })).toEqual(["x".repeat(40), undefined]);
    for (const error of ["x".repeat(41), "", "a b", "A", "x\n", "1x", "x1", ["invalid_client"], 7])
      expect(await note({ error, error_description: 7 })).toEqual([undefined, undefined]);
    for (const body of ["", "null", "7", '"invalid_client"', "{"])
      expect(await note(body)).toEqual([undefined, undefined]);
    // What a good answer holds is nobody's business here.
    expect(await note({ error: "invalid_client", error_description: "why" }, 200)).toEqual([undefined, undefined]);
  });

  it("sends what it is given, follows no redirect, and hears the caller's signal", async () => {
    const sent: Request[] = [];
    const fetch = boundedFetch(
      async (request) => {
        sent.push(request);
        return new Response("");
      },
      () => undefined,
    );
    const controller = new AbortController();
    const url = "https://sts.example/";
    await fetch(url, {
      method: "POST",
      headers: { a: "1" },
      body: new URLSearchParams({ b: "2" }),
      signal: controller.signal,
    });
    await fetch(url, { method: "GET", headers: {} });
    await fetch(url, { method: "GET", headers: {}, body: null });
    const [post, ...gets] = sent;
    expect([post?.method, post?.headers.get("a"), await post?.text(), post?.redirect]).toEqual([
      "POST",
      "1",
      "b=2",
      "manual",
    ]);
    expect(gets.map((g) => g.body)).toEqual([null, null]);
    controller.abort();
    expect(post?.signal.aborted).toBe(true);
  });
});
