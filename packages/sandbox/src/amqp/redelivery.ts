import rhea from "rhea";

const kept = ["durable", "priority", "ttl"] as const;

/**
 * The bytes of a message with a header that says: not the first acquirer. What follows the header stays as it came.
 *
 * @see AMQP 1.0, part 3, section 3.2.1 Header
 */
export function asRedelivered(raw: Buffer): Buffer {
  // Another, longer way to write a section's code: rare, and left as it is.
  if (raw[1] !== 0x53) return raw;
  let message: Record<string, unknown>;
  try {
    message = rhea.message.decode(raw) as unknown as Record<string, unknown>;
  } catch {
    // No message: it is stored and handed out as it came, too.
    return raw;
  }
  const fields = Object.fromEntries(kept.filter((n) => message[n] !== undefined).map((n) => [n, message[n]]));
  const encoded = rhea.message.encode({
    ...fields,
    first_acquirer: false,
    body: rhea.message.data_section(Buffer.alloc(0)),
  } as never);
  const rest = raw[2] === 0x70 ? sectionEnd(raw) : 0;
  return Buffer.concat([encoded.subarray(0, sectionEnd(encoded)), raw.subarray(rest)]);
}

/** End of a described list at the beginning: 00 53 code, then list0, list8 or list32. */
function sectionEnd(bytes: Buffer): number {
  const type = bytes[3];
  if (type === 0x45) return 4;
  return type === 0xc0 ? 5 + bytes.readUInt8(4) : 8 + bytes.readUInt32BE(4);
}
