/** The few statistics that the tables use. Medians, because one stalled trial must not decide a row. */

export function median(values) {
  return quantile(values, 0.5);
}

export function quantile(values, q) {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/** One metric of one subject over all rounds of a measurement. */
export function samples(measurement, subject, metric) {
  return measurement.trials.filter((t) => t.subject === subject && t.result).map((t) => metricOf(t.result, metric));
}

function metricOf(result, metric) {
  return typeof metric === 'function' ? metric(result) : result[metric];
}

export function typical(measurement, subject, metric) {
  return median(samples(measurement, subject, metric));
}

/**
 * Median over the rounds of subject / reference, both taken from the same round: what the machine did in that minute hits
 * both, and cancels. NaN when one of them did not run.
 */
export function pairedRatio(measurement, subject, reference, metric, referenceMetric = metric) {
  const ratios = [];
  for (const trial of measurement.trials) {
    if (trial.subject !== subject || !trial.result) continue;
    const other = measurement.trials.find((t) => t.subject === reference && t.round === trial.round && t.result);
    if (other) ratios.push(metricOf(trial.result, metric) / metricOf(other.result, referenceMetric));
  }
  return median(ratios);
}
