/** The directives of a Cache-Control field (RFC 9111 § 5.2), of a request or of a reply. */

/** name, name=token or name="quoted"; what is neither is passed over. */
const DIRECTIVE = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?[^,]*(?:,|$)/g;

/** Longer than any life (RFC 9111 § 1.2.2: 2³¹ stands for infinity). */
const SECONDS_MAX = 2 ** 31;

export class CacheControl {
  readonly #directives = new Map<string, string[]>();

  constructor(field: string | undefined) {
    for (const [, name = '', quoted, token] of (field ?? '').matchAll(DIRECTIVE)) {
      const values = this.#directives.get(name.toLowerCase());
      const value = quoted ?? token ?? '';
      if (values === undefined) this.#directives.set(name.toLowerCase(), [value]);
      else values.push(value);
    }
  }

  has(name: string): boolean {
    return this.#directives.has(name);
  }

  /**
   * The argument of a directive in ms; nothing without the directive. Of several the least counts, and what is no
   * number of seconds counts as 0: who cannot be understood is not given the benefit of the doubt (RFC 9111 § 4.2.1).
   */
  ms(name: string): number | undefined {
    const values = this.#directives.get(name);
    if (values === undefined) return undefined;
    return Math.min(...values.map((value) => (secondsOf(value) ?? 0) * 1_000));
  }

  /** As `ms`, for a directive that without an argument means any length of time. */
  msOrAny(name: string): number | undefined {
    return this.#directives.get(name)?.includes('') ? Number.POSITIVE_INFINITY : this.ms(name);
  }
}

/** A number of seconds (RFC 9111 § 1.2.2); nothing for what is not one. */
export function secondsOf(value: string): number | undefined {
  return /^\d+$/.test(value) ? Math.min(Number(value), SECONDS_MAX) : undefined;
}
