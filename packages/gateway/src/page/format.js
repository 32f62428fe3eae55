/** Figures as people read them: few digits, always the same width for the same size. */

/** @param {number} ms */
export function millis(ms) {
  if (ms >= 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 9.95) return `${Math.round(ms)} ms`;
  return ms >= 0.95 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(2)} ms`;
}

/** @param {number} ms */
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min` : `${Math.floor(hours / 24)} days`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** @param {number} perSecond */
export function rate(perSecond) {
  return perSecond < 9.95 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en');
}

/** @param {number} share 0…1; never rounded up to 100 % */
export function percent(share) {
  if (share >= 1) return '100 %';
  return share >= 0.99
    ? `${Math.min(99.9, Math.floor(share * 1_000) / 10).toFixed(1)} %`
    : `${Math.round(share * 100)} %`;
}

/** @param {number} count */
export const whole = (count) => Math.round(count).toLocaleString('en');
