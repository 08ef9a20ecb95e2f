/** A value at a time, in minutes. */
export interface Point {
  readonly minute: number;
  readonly value: number;
}

/** How much the straight line that fits best rises in a minute. */
export function slope(points: readonly Point[]): number {
  const minute = mean(points.map((point) => point.minute));
  const value = mean(points.map((point) => point.value));
  let covariance = 0;
  let variance = 0;
  for (const point of points) {
    covariance += (point.minute - minute) * (point.value - value);
    variance += (point.minute - minute) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
