type Transferable = ArrayBuffer & { transfer(length: number): ArrayBuffer };

/**
 * @internal Gives a buffer's memory back at once, when nothing else lives in the same memory. The collector does not
 * hurry for memory outside its heap: of a large message several copies would wait for it. The buffer is empty afterwards.
 */
export function releaseBuffer(buffer: Uint8Array): void {
  const { buffer: memory } = buffer;
  if (memory.byteLength === buffer.byteLength && memory instanceof ArrayBuffer) (memory as Transferable).transfer(0);
}
