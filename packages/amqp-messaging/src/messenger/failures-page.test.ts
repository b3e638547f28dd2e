import { describe, expect, it } from "vitest";
import { failureReports } from "../gen/error-conditions.ts";
import { eventCodes } from "../gen/events.ts";
import { failuresPage } from "./_failures-page.ts";
import { eventsByCode } from "./messaging-error.ts";

describe("failuresPage()", () => {
  it("O13: is what FAILURES.md shows; write the page with vitest run -u", async () => {
    await expect(failuresPage()).toMatchFileSnapshot("../../FAILURES.md");
  });
  it("O13: every cause and every event number of the tables is on the page", () => {
    const page = failuresPage();
    for (const name of [...Object.keys(failureReports), ...Object.keys(eventCodes), ...Object.values(eventsByCode)])
      expect(page).toContain(name);
  });
});
