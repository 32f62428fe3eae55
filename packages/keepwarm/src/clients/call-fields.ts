/**
 * The fields of a call: the caller's over the client's defaults, with the body's content type where neither names one;
 * and what signs it.
 *
 * Checking and joining them costs about a microsecond, and most callers send the same few sets again and again, so the
 * last sets are remembered by their content: names and values are compared, whatever object they came in.
 */
import type { Call } from '../core/call.ts';
import { Fields, type FieldsInput } from '../core/fields.ts';
import { type Sign, signer } from './signing.ts';

interface Remembered {
  /** Nothing when the caller set no fields at all. */
  readonly names: readonly string[] | undefined;
  readonly values: readonly unknown[];
  readonly contentType: string | undefined;
  readonly fields: Fields;
}

/** Sets remembered. More would make a set that is not among them dearer to look for than to make. */
const REMEMBERED_MAX = 4;

export class CallFields {
  /** What signs a call when it is written. */
  readonly sign: Call['sign'];
  readonly #defaults: Fields;
  readonly #recent: Remembered[] = [];
  #next = 0;

  /** @throws NetError `INVALID` when `sign` is no function */
  constructor(defaults: Fields, sign?: Sign) {
    this.#defaults = defaults;
    this.sign = signer(sign);
  }

  /** @throws NetError `INVALID` naming the field and what is wrong with it */
  of(own: FieldsInput | undefined, contentType: string | undefined): Fields {
    if (own === undefined && contentType === undefined) return this.#defaults;
    for (const recent of this.#recent) {
      if (recent.contentType === contentType && sameContent(own, recent)) return recent.fields;
    }
    const fields = this.#make(own, contentType);
    this.#remember(own, contentType, fields);
    return fields;
  }

  #make(own: FieldsInput | undefined, contentType: string | undefined): Fields {
    const fields = Fields.of(own).over(this.#defaults);
    if (contentType === undefined || fields.has('content-type')) return fields;
    return Fields.of({ 'content-type': contentType }).over(fields);
  }

  #remember(own: FieldsInput | undefined, contentType: string | undefined, fields: Fields): void {
    const names = own === undefined ? undefined : Object.keys(own);
    const given = own as Given;
    const values = names?.map((name) => given[name]) ?? [];
    // A set without names may be a Map in disguise, and a list could change without its name or identity telling.
    if (names?.length === 0 || values.some((value) => typeof value === 'object')) return;
    this.#recent[this.#next] = { names, values, contentType, fields };
    this.#next = (this.#next + 1) % REMEMBERED_MAX;
  }
}

type Given = Readonly<Record<string, unknown>>;

function sameContent(own: FieldsInput | undefined, { names, values }: Remembered): boolean {
  if (own === undefined || names === undefined) return own === names;
  const given = own as Given;
  let i = 0;
  for (const name in given) {
    if (name !== names[i] || given[name] !== values[i]) return false;
    i++;
  }
  return i === names.length;
}
