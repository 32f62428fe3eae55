/**
 * What is found by text while it is there, for things that come and go with every call.
 *
 * A Map would do, but one that has lived for a while stands in the old part of the heap, and so does each table that
 * takes the place of its last one, which V8 makes whenever as many have gone as there is room for. A table that nobody
 * uses any more still keeps what was in it from being collected cheaply: of calls that entered such a Map two thirds
 * were kept until the next full collection. Here the links stand in the members, and are undone when they leave.
 *
 * Invariants:
 *   (1) A member is found from `put` until `remove`, `clear`, or until another with its texts is put in its place.
 *   (2) No member that has left is linked to, nor links to another.
 *   (3) A look compares at most `DEPTH_MAX` members: texts that were made to be alike in what is looked at here cost no
 *       more than that. What would be one more is refused.
 */

/** Two texts, since to join them costs more than to compare both. */
export interface Passing<T> {
  readonly group: string;
  readonly text: string;
  /** Its own while it is there. */
  alike: T | undefined;
  slot: number;
}

const SLOTS = 1_024;
const DEPTH_MAX = 32;
/** Characters of a text that say where it is looked for, at equal distances: at most twice as many. */
const SAMPLES = 32;
/** Not in the table. */
export const NOWHERE = -1;

export class PassingTexts<T extends Passing<T>> {
  readonly #slots = new Array<T | undefined>(SLOTS).fill(undefined);
  #size = 0;
  /** What was looked for last, as it is what is put there next; and where. */
  #group = '';
  #text = '';
  #slot = NOWHERE;

  get size(): number {
    return this.#size;
  }

  find(group: string, text: string): T | undefined {
    if (this.#size === 0) return undefined;
    let member = this.#slots[this.#slotOf(group, text)];
    while (member !== undefined && !(member.text === text && member.group === group)) member = member.alike;
    return member;
  }

  /** @returns whether there was room for it */
  put(member: T): boolean {
    const { group, text } = member;
    const slot = this.#slotOf(group, text);
    let depth = 0;
    for (let each = this.#slots[slot]; each !== undefined; each = each.alike) {
      if (each.text === text && each.group === group) {
        this.remove(each);
        break;
      }
      if (++depth === DEPTH_MAX) return false;
    }
    member.slot = slot;
    member.alike = this.#slots[slot];
    this.#slots[slot] = member;
    this.#size++;
    return true;
  }

  /** Harmless for one that is not there. */
  remove(member: T): void {
    const { slot } = member;
    if (slot === NOWHERE) return;
    let before: T | undefined;
    for (let each = this.#slots[slot]; each !== member; each = each!.alike) before = each;
    if (before === undefined) this.#slots[slot] = member.alike;
    else before.alike = member.alike;
    this.#leave(member);
  }

  clear(): void {
    for (let slot = 0; slot < SLOTS && this.#size > 0; slot++) {
      for (let member = this.#slots[slot]; member !== undefined; member = this.#slots[slot]) {
        this.#slots[slot] = member.alike;
        this.#leave(member);
      }
    }
  }

  #slotOf(group: string, text: string): number {
    if (this.#slot === NOWHERE || text !== this.#text || group !== this.#group) {
      this.#group = group;
      this.#text = text;
      this.#slot = slotOf(group, text);
    }
    return this.#slot;
  }

  #leave(member: T): void {
    member.alike = undefined;
    member.slot = NOWHERE;
    this.#size--;
  }
}

/** FNV-1a over a part of the characters, and the length. */
function slotOf(group: string, text: string): number {
  const { length } = text;
  const step = 1 + Math.floor(length / (2 * SAMPLES));
  let hash = Math.imul(OFFSET ^ length, PRIME) ^ group.length;
  for (let i = 0; i < length; i += step) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;
