import { type Code8114 } from "@helsekontakt/types/codes";
import { elements as base64Elements } from "@helsekontakt/types/base64container";
import type { RefDoc } from "@helsekontakt/types/msghead";
import type { Incomplete, RuleContext } from "./context.ts";

const xml: Code8114 = "XML";
const attachment: Code8114 = "A";
const container = Object.keys(base64Elements)[0];

/** Formats of the digital dialogue and the first bytes of each, in base64. */
const formats: ReadonlyMap<string, string> = new Map([
  ["application/pdf", "JVBER"],
  ["image/jpeg", "/9j/"],
  ["image/png", "iVBORw0KGg"],
]);
/** Guideline for message and attachments together, bytes. */
const guideline = 10 * 1024 * 1024;

/**
 * Documents: one payload each, attachments with a type that Helsenorge shows.
 *
 * @see HITS 1217:2018, sections 2.3.7 and 2.10; HIS 1036:2011
 */
export function checkDocuments(context: RuleContext): void {
  let total = 0;
  (context.head.Document ?? []).forEach((document, index) => {
    const path = `/MsgHead/Document[${index + 1}]/RefDoc`;
    const ref = document.RefDoc;
    if (ref === undefined) return;
    const type = ref.MsgType?.$V?.trim();
    if (type === attachment) total += checkAttachment(context, ref, path);
    else if (type === xml && ref.Content?.$any?.length !== 1) {
      context.add("profile/one-payload", path, "expected exactly one element in Content, found another number");
    }
  });
  if (total > guideline) {
    context.add("profile/attachment-size", "/MsgHead", "expected at most 10 MB of attachments in all, found more");
  }
}

/** @returns the decoded size in bytes. */
function checkAttachment(context: RuleContext, ref: Incomplete<RefDoc>, path: string): number {
  const mime = ref.MimeType?.trim().toLowerCase();
  const signature = formats.get(mime ?? "");
  if (mime === undefined) {
    context.add("profile/attachment-type", path, "expected a MimeType for the attachment, found none");
  } else if (signature === undefined) {
    const expected = [...formats.keys()].join(", ");
    context.add("profile/attachment-type", `${path}/MimeType`, `expected one of ${expected}, found another type`);
  }
  if ((ref.Description ?? "").trim() === "")
    context.add("profile/attachment-description", path, "expected a Description of the attachment, found none");
  if (ref.IssueDate === undefined)
    context.add("profile/attachment-date", path, "expected IssueDate of the attachment, found none");
  const items = ref.Content?.$any ?? [];
  const item = items[0];
  if (items.length !== 1 || item?.name !== container || typeof item?.value !== "string") {
    context.add("profile/attachment-content", path, "expected one Base64Container as content, found something else");
    return 0;
  }
  const text = item.value.trimStart();
  if (signature !== undefined && text !== "" && !text.startsWith(signature)) {
    context.add(
      "profile/attachment-format",
      `${path}/Content`,
      "expected content that begins as its MimeType says, found other bytes",
    );
  }
  return Math.floor((item.value.length * 3) / 4);
}
