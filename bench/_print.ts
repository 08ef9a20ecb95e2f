/** How the benches print: the line that says where the numbers are from, and tables. */
import { cpus } from "node:os";

/** Prints one line. */
export function print(line = ""): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Prints what the numbers depend on. */
export function printMachine(): void {
  const { arch, os } = Deno.build;
  const model = cpus()[0]?.model ?? "unknown processor";
  print(`Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`);
  print(`${os} ${arch}, ${navigator.hardwareConcurrency} cores, ${model}, loopback`);
}

/** Prints rows under a header, the first column to the left and the others to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  for (const row of rows) print(toLine(row, widths));
}

function toLine(row: readonly string[], widths: readonly number[]): string {
  return row.map((cell, column) => {
    const width = widths[column] ?? 0;
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  }).join("  ");
}
