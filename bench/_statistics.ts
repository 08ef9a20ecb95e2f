/**
 * The few numbers that the benches print of many: a median, and how far the single ones were apart.
 */

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** The ratios of neighbouring rounds, as text: their median, and the least and the greatest. */
export function showRatios(ours: readonly number[], raw: readonly number[]): string {
  const ratios = ours.map((value, index) => value / (raw[index] ?? NaN));
  const [least, greatest] = [Math.min(...ratios), Math.max(...ratios)];
  return `${median(ratios).toFixed(3)} (${least.toFixed(2)}-${greatest.toFixed(2)})`;
}
