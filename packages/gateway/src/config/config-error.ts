/** A configuration that cannot be used. The message names the place, the value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  /** `path` as it would be typed: `--listen`, `upstreams.api.origin`. */
  constructor(path: string, message: string) {
    super(path === '' ? message : `${path} ${message}`);
  }
}
