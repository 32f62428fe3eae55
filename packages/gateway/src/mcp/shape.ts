/** JSON Schema (2020-12) in a few words: what tools take and what they answer. */
export type Shape = Readonly<Record<string, unknown>>;

/** Every property is there unless it is among `optional`; nothing else is. */
export function record(properties: Readonly<Record<string, Shape>>, optional: readonly string[] = []): Shape {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}

/** What the admin API tells, by its own names (docs/reference/admin.md): open, so that more can be told later. */
export const told = (description: string): Shape => ({ type: 'object', description });
export const list = (items: Shape, description?: string): Shape => ({ type: 'array', items, ...named(description) });
export const text = (description?: string): Shape => ({ type: 'string', ...named(description) });
export const oneOf = (values: readonly string[], description?: string): Shape => ({
  type: 'string',
  enum: values,
  ...named(description),
});
export const number = (description?: string): Shape => ({ type: 'number', ...named(description) });
export const whole = (minimum: number, maximum: number, description: string): Shape => ({
  type: 'integer',
  minimum,
  maximum,
  description,
});
export const flag = (description?: string): Shape => ({ type: 'boolean', ...named(description) });
/** `null` where it is not known. */
export const orNull = (shape: Shape): Shape => ({ anyOf: [shape, { type: 'null' }] });

const named = (description: string | undefined): Shape => (description === undefined ? {} : { description });
