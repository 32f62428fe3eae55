/** Lines the gateway writes while it runs, as whoever writes some sees them. */
export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** All that was said has been written. */
  flush(): void;
}

const nothing = (): void => undefined;

export const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, flush: nothing };
