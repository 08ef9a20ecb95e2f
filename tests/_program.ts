// A program in a process of its own.

/** Reads what it says to the end, so that it never waits for its reader, and tells of the first group of `pattern` in it. */
export async function listen(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  pattern: RegExp,
  onFound: (found: string) => void,
): Promise<string> {
  let said = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    said += chunk;
    const found = pattern.exec(said)?.[1];
    if (found !== undefined) onFound(found);
  }
  return said;
}

/** Ends it, if it has not ended already. */
export function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has.
  }
}
