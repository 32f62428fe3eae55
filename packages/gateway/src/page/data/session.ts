/**
 * What this tab may do. The session is kept by this tab alone, for this origin and port; a code that came in the
 * address is taken out of it before anything else, and is good once.
 */
const KEY = 'keepwarm-session';

export class AskError extends Error {
  override readonly name = 'AskError';
  /** 0 when there was no answer. */
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function shown(): Readonly<Record<string, string>> {
  const session = sessionStorage.getItem(KEY);
  return session === null ? {} : { authorization: `Bearer ${session}` };
}

export const isOperator = (): boolean => sessionStorage.getItem(KEY) !== null;

/** @param key a code or the token. @throws AskError when it is neither */
export async function enter(key: string): Promise<void> {
  const { session } = await ask<{ readonly session: string }>('api/session', { body: { key } });
  sessionStorage.setItem(KEY, session);
}

export async function leave(): Promise<void> {
  try {
    await ask('api/session/end', { body: {} });
  } finally {
    sessionStorage.removeItem(KEY);
  }
}

/** @returns whether the address held a code that let this tab in */
export async function enterByAddress(): Promise<boolean> {
  const key = new URLSearchParams(location.hash.slice(1)).get('key');
  if (key === null) return false;
  history.replaceState(null, '', `${location.pathname}#/`);
  try {
    await enter(key);
    return true;
  } catch {
    return false; // it was good once, and this is a page loaded again; who wants to act is asked for the token
  }
}

export interface Asking {
  /** Makes it a POST. */
  readonly body?: object;
  readonly signal?: AbortSignal;
}

const PATIENCE_MS = 5_000;
/** An action waits for what it does: connections that are opened, for one. */
const ACTION_PATIENCE_MS = 60_000;

/** @throws AskError with what the gateway said */
export async function ask<T>(path: string, { body, signal }: Asking = {}): Promise<T> {
  const patience = AbortSignal.timeout(body === undefined ? PATIENCE_MS : ACTION_PATIENCE_MS);
  const init: RequestInit = {
    headers: { ...shown(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  };
  const response = await fetch(path, init).catch((cause: unknown) => {
    if (signal?.aborted === true) throw cause;
    throw new AskError(0, 'UNREACHABLE', 'the gateway does not answer');
  });
  if (response.ok) return response.json();
  // What is shown has run out, or the gateway was started again and knows nobody.
  if (response.status === 401) sessionStorage.removeItem(KEY);
  const { code, detail } = await response.json().catch(() => ({}));
  throw new AskError(response.status, String(code ?? 'ANSWER'), String(detail ?? `status ${response.status}`));
}
