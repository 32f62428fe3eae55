/** Figures as people read them: few digits, always the same width for the same size. */

export function millis(ms: number): string {
  if (ms >= 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 9.95) return `${whole(ms)} ms`;
  return ms >= 0.95 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(2)} ms`;
}

export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min` : `${Math.floor(hours / 24)} days`;
}

export function size(bytes: number): string {
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

export function rate(perSecond: number): string {
  return perSecond < 9.95 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en');
}

/** @param share 0…1, or more of what can be asked for twice; never rounded up to 100 % */
export function percent(share: number): string {
  if (share >= 1) return `${whole(share * 100)} %`;
  return share >= 0.99
    ? `${Math.min(99.9, Math.floor(share * 1_000) / 10).toFixed(1)} %`
    : `${Math.round(share * 100)} %`;
}

export const whole = (count: number): string => Math.round(count).toLocaleString('en');

/** @param at in ms since 1970 */
export const clock = (at: number): string => new Date(at).toLocaleTimeString('en-GB');

/** A length that was chosen by somebody: 1000 is `1 s`, 90000 `90 s`. */
export const span = (ms: number): string =>
  ms % 60_000 === 0 ? `${ms / 60_000} min` : ms % 1_000 === 0 ? `${ms / 1_000} s` : `${whole(ms)} ms`;

/** Items that break between, not within. */
export const listed = (items: readonly string[]): string =>
  items.map((item) => item.replaceAll(' ', '\u00a0')).join('\u00a0· ');

/** Whose something is, behind its name, where several processes do the work. */
export const byWorker = (worker: number | undefined): string => (worker === undefined ? '' : ` · worker ${worker}`);
