/** What of a JSON-RPC message the gateway looks at before it passes it on: who asks for what, and for how much. */

export interface Looked {
  /** The id of a request, or those of a batch; `null` where there is none. Never longer than the batch. */
  readonly ids: readonly unknown[];
  readonly batch: boolean;
  readonly methods: readonly string[];
}

const NOTHING: Looked = { ids: [], batch: false, methods: [] };

/** @returns nothing to be seen for what is no JSON: the pool answers it as a node would */
export function messageOf(text: string): Looked {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return NOTHING;
  }
  const batch = Array.isArray(message);
  const parts: readonly unknown[] = Array.isArray(message) ? message : [message];
  return { batch, ids: parts.map((part) => field(part, 'id') ?? null), methods: parts.flatMap(methodIn) };
}

/** Whether more than one request is sent at once, which the first character tells. */
export const isBatch = (text: string): boolean => /^\s*\[/.test(text);

/** The first method that one of the patterns denies; `*` at the end of a pattern stands for any rest. */
export function deniedMethod({ methods }: Looked, patterns: readonly string[]): string | undefined {
  if (patterns.length === 0) return undefined;
  return methods.find((method) => patterns.some((pattern) => matches(pattern, method)));
}

function matches(pattern: string, method: string): boolean {
  return pattern.endsWith('*') ? method.startsWith(pattern.slice(0, -1)) : method === pattern;
}

function methodIn(part: unknown): string[] {
  const method = field(part, 'method');
  return typeof method === 'string' ? [method] : [];
}

function field(part: unknown, name: string): unknown {
  return typeof part === 'object' && part !== null ? (part as Readonly<Record<string, unknown>>)[name] : undefined;
}
