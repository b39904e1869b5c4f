/**
 * Lines of a row's table, computed from the raw trials and from nothing else: what ran, beside what, the ratio, the target,
 * met or not. `met` is null where there is no target or nothing was measured.
 */
import { pairedRatio, typical } from './stats.mjs';

export function commandsPerSecond(measurement, subject) {
  return perSecondText(typical(measurement, subject, 'perSecond'));
}

export function perSecondText(value) {
  if (!Number.isFinite(value)) return 'not run';
  return value >= 1e6 ? `${(value / 1e6).toFixed(2)} M/s` : `${(value / 1e3).toFixed(0)} k/s`;
}

export function bandwidthText(value) {
  if (!Number.isFinite(value)) return 'not run';
  return value >= 1e9 ? `${(value / 1e9).toFixed(2)} GB/s` : `${(value / 1e6).toFixed(0)} MB/s`;
}

export function millisecondsText(value) {
  return Number.isFinite(value) ? `${value.toFixed(value < 10 ? 2 : 1)} ms` : 'not run';
}

export function mebibytesText(value) {
  return Number.isFinite(value) ? `${(value / 2 ** 20).toFixed(0)} MiB` : 'not run';
}

export function line({ what, subject, figure, reference = '', ratio = '', target = '', met = null }) {
  return { what, subject, figure, reference, ratio, target, met };
}

/** subject / reference in the same round, to be `target` or more. */
export function ratioLine({
  measurement,
  what,
  subject,
  reference,
  referenceName = reference,
  target,
  metric = 'perSecond',
  show = commandsPerSecond,
}) {
  const ratio = pairedRatio(measurement, subject, reference, metric);
  return line({
    what,
    subject,
    figure: show(measurement, subject),
    reference: `${referenceName} ${show(measurement, reference)}`,
    ratio: ratioText(ratio),
    target: target === undefined ? '' : `>= ${target}`,
    met: target === undefined || !Number.isFinite(ratio) ? null : ratio >= target,
  });
}

/** A value that has to stay at or under `target`. */
export function limitLine({ what, subject, value, text, target, targetText = String(target), reference = '' }) {
  return line({
    what,
    subject,
    figure: Number.isFinite(value) ? text : 'not run',
    reference,
    target: `<= ${targetText}`,
    met: Number.isFinite(value) ? value <= target : null,
  });
}

/** subject / reference in the same round, to stay at or under `target`. */
export function ratioLimitLine({ measurement, what, subject, reference, referenceName = reference, target, metric, show }) {
  const ratio = pairedRatio(measurement, subject, reference, metric);
  return line({
    what,
    subject,
    figure: show(measurement, subject),
    reference: `${referenceName} ${show(measurement, reference)}`,
    ratio: ratioText(ratio),
    target: target === undefined ? '' : `<= ${target}`,
    met: target === undefined || !Number.isFinite(ratio) ? null : ratio <= target,
  });
}

export function ratioText(ratio) {
  return Number.isFinite(ratio) ? ratio.toFixed(ratio >= 10 ? 1 : 2) : '';
}

export function showBandwidth(measurement, subject) {
  return bandwidthText(typical(measurement, subject, 'bytesPerSecond'));
}

export function showBoth(measurement, subject) {
  const perSecond = typical(measurement, subject, 'perSecond');
  if (!Number.isFinite(perSecond)) return 'not run';
  return `${perSecondText(perSecond)}, ${showBandwidth(measurement, subject)}`;
}
