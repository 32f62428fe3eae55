/** Slots in params and results: how far a node must have come, and how far it has. */

export function slotOf(value: unknown): number | undefined {
  const slot = typeof value === 'bigint' ? Number(value) : value;
  return typeof slot === 'number' && Number.isSafeInteger(slot) && slot >= 0 ? slot : undefined;
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Read by its own name, as in every call: a name that varies is looked up anew each time. Numbers have none. */
type Config = { readonly minContextSlot?: unknown } | null | undefined;
type Contextual = { readonly context?: { readonly slot?: unknown } | null } | null | undefined;

/** `minContextSlot` of the configuration, which is the last param. */
export const minContextSlot = (params: unknown): number | undefined =>
  Array.isArray(params) ? slotOf((params.at(-1) as Config)?.minContextSlot) : undefined;

/** For methods whose first param is a slot. */
export const slotAsked = (params: unknown): number | undefined =>
  Array.isArray(params) ? slotOf(params[0]) : undefined;

export const contextSlot = (result: unknown): number | undefined => slotOf((result as Contextual)?.context?.slot);

export const slotField =
  (name: string) =>
  (result: unknown): number | undefined =>
    slotOf(fieldOf(result, name));

/** Of the configuration: an object at this index, or the commitment itself. `finalized` is every method's default. */
export function isFinalized(params: unknown, index: number): boolean {
  const config: unknown = Array.isArray(params) ? params[index] : undefined;
  const commitment = fieldOf(config, 'commitment');
  return commitment === undefined || commitment === null || commitment === 'finalized';
}
