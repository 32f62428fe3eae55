/**
 * What has happened, slot by slot, and who is told when.
 *
 *   open ──complete──▶ processed ──▶ confirmed ──▶ finalized ──too old──▶ forgotten
 *
 * As the plugin has it:
 *   (1) At `processed` everything is told as it happens. At the two other levels what happened in a slot is told when
 *       the slot gets there, right before that status; what is added to it later, at once.
 *   (2) Statuses of slots are told to all levels when they happen.
 *   (3) A replay is told by slots, lowest first: those that have got to its level, each as it happened. No event is
 *       both in a replay and told live to the same listener.
 */
import { CommitmentLevel, SlotStatus } from '../../wire/geyser/generated/geyser_pb.js';
import type { GeyserEvent, SlotEvent } from './events.ts';

/** Of one slot. */
interface Page {
  readonly events: GeyserEvent[];
  confirmed: boolean;
  finalized: boolean;
}

export interface Listener {
  readonly level: CommitmentLevel;
  told(event: GeyserEvent): void;
}

export class Ledger {
  readonly #pages = new Map<bigint, Page>();
  readonly #listeners = new Set<Listener>();
  readonly #slotsMax: number;
  /** The lowest slot that a replay may begin with; nothing before anything has happened. */
  #first: bigint | undefined;

  /** @param slotsMax that are remembered */
  constructor(slotsMax: number) {
    this.#slotsMax = slotsMax;
  }

  get first(): bigint | undefined {
    return this.#first;
  }

  join(listener: Listener): void {
    this.#listeners.add(listener);
  }

  leave(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  add(event: GeyserEvent): void {
    const page = this.#pageOf(event.slot);
    if (event.kind === 'slot') return this.#status(event, page);
    page.events.push(event);
    this.#tell(event, ({ level }) => reached(page, level));
  }

  /** What a replay tells, from a slot on. */
  *replay(from: bigint, level: CommitmentLevel): Generator<GeyserEvent> {
    const slots = [...this.#pages.keys()].filter((slot) => slot >= from).sort((a, b) => (a < b ? -1 : 1));
    for (const slot of slots) {
      const page = this.#pages.get(slot)!;
      for (const event of page.events) if (event.kind === 'slot' || reached(page, level)) yield event;
    }
  }

  /** Makes everything below a slot too old for a replay. */
  forget(below: bigint): void {
    if (this.#first === undefined || below <= this.#first) return;
    for (const slot of this.#pages.keys()) if (slot < below) this.#pages.delete(slot);
    this.#first = below;
  }

  #status(event: SlotEvent, page: Page): void {
    const { status } = event;
    if (status === SlotStatus.SLOT_CONFIRMED) {
      page.confirmed = true;
      this.#catchUp(page, CommitmentLevel.CONFIRMED);
    } else if (status === SlotStatus.SLOT_FINALIZED) {
      page.finalized = true;
      this.#catchUp(page, CommitmentLevel.FINALIZED);
    }
    page.events.push(event);
    this.#tell(event, () => true);
  }

  #catchUp({ events }: Page, level: CommitmentLevel): void {
    for (const event of events) if (event.kind !== 'slot') this.#tell(event, (listener) => listener.level === level);
  }

  #tell(event: GeyserEvent, which: (listener: Listener) => boolean): void {
    for (const listener of this.#listeners) if (which(listener)) listener.told(event);
  }

  #pageOf(slot: bigint): Page {
    let page = this.#pages.get(slot);
    if (page === undefined) {
      page = { events: [], confirmed: false, finalized: false };
      this.#pages.set(slot, page);
      this.#first ??= slot;
      if (this.#pages.size > this.#slotsMax) this.forget([...this.#pages.keys()].reduce(lower) + 1n);
    }
    return page;
  }
}

const lower = (a: bigint, b: bigint): bigint => (a < b ? a : b);

function reached({ confirmed, finalized }: Page, level: CommitmentLevel): boolean {
  return level === CommitmentLevel.PROCESSED || (level === CommitmentLevel.CONFIRMED ? confirmed : finalized);
}
