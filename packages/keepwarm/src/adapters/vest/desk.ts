/**
 * One account's signed orders: in the order of asking, each signed when every limit has let it pass, none ever sent
 * blindly again.
 *
 *   lane ──▶ limits ──▶ stamped and signed ──▶ sent ─┬─ taken ────────────────────▶ placed
 *    ▲                                               ├─ refused ──────────────────▶ not placed
 *    │            new key, clock or nonce            ├─ unsent ───────────────────▶ not placed
 *    └───────────────────────────────────────────────┤
 *                                                    └─ unknown ─▶ asked for by its nonce until its window has closed
 *                                                                   └─ placed, not placed, or unknown after all
 *
 * Invariants:
 *   (1) What may have been received is signed again only when it is known not to have been taken.
 *   (2) Nonces rise in the order of sending, and no two orders of this client have one nonce.
 *   (3) An order is found missing only by a question put after its window had closed.
 */
import { invariant, NetError } from '../../core/error.ts';
import type { ReadOptions } from '../exchange/exchange.ts';
import { Lane } from '../exchange/lane.ts';
import { foundOut } from '../exchange/question.ts';
import { signed } from '../exchange/signer.ts';
import type { AbiValue } from './abi.ts';
import { asObject } from './errors.ts';
import {
  answered,
  type Fate,
  listed,
  type NotPlaced,
  type Stamp,
  type Verdict,
  type VestOrder,
  verdictOf,
} from './fate.ts';
import { unexpected, type VestKey, type VestParts, type VestSession } from './session.ts';
import { type OrderSigner, type SignedKind, signedHash } from './signatures.ts';

/** Something to be signed and sent. */
export interface Ticket {
  readonly path: string;
  /** Where it would be listed. */
  readonly list: string;
  /** Nonces it takes. */
  readonly nonces: number;
  body(stamp: Stamp, sign: Sign): Promise<object>;
  /** Whether a listed order with its nonce is this one. */
  same(order: VestOrder): boolean;
}

export type Sign = (kind: SignedKind, values: readonly AbiValue[]) => Promise<string>;

/**
 * What was not sent when the signal fires, or when `deadlineMs` for waiting and sending have passed, is not sent; what
 * was sent is no longer asked for after the signal.
 */
export type OrderOptions = ReadOptions;

export interface Sent {
  /** Nothing where it was not signed. */
  readonly stamp: Stamp | undefined;
  readonly key: VestKey | undefined;
  /** What was added to our clock. */
  readonly offsetMs: number;
  readonly verdict: Verdict;
  readonly text: string;
}

/** Of one order: more would not be about a key, a clock or a nonce any more. */
const TRIES_MAX = 3;
/** Ids of orders remembered, to tell an answer that came twice. */
const IDS_MAX = 1_000;

export class Desk {
  readonly #session: VestSession;
  readonly #signer: OrderSigner;
  readonly #parts: VestParts;
  readonly #lane: Lane;
  readonly #ids = new Set<string>();
  readonly #ending = new AbortController();
  /** Nothing until Vest has been asked. */
  #next: number | undefined;
  /** Orders whose fate is being asked for. */
  #doubts = 0;

  constructor(session: VestSession, signer: OrderSigner, parts: VestParts) {
    this.#session = session;
    this.#signer = signer;
    this.#parts = parts;
    this.#lane = new Lane(`account ${session.name}`, parts.settings.figures.waitersMax, parts.clock);
  }

  get waiting(): number {
    return this.#lane.waiting;
  }

  /** All that an order needs beforehand: a key and the last nonce. @throws NetError when they cannot be had */
  async prepare({ signal, deadlineMs = this.#parts.deadlineMs }: OrderOptions = {}): Promise<void> {
    const leave = await this.#lane.enter({ signal, deadlineAt: this.#parts.clock.now() + deadlineMs });
    await this.#ready(signal, deadlineMs).finally(leave);
  }

  /** @throws NetError `INVALID` when the ticket cannot be signed; everything else is told by the fate */
  async place(ticket: Ticket, options: OrderOptions = {}): Promise<Fate> {
    const deadlineAt = this.#parts.clock.now() + (options.deadlineMs ?? this.#parts.deadlineMs);
    for (let tries = 1; ; tries++) {
      const sent = await this.send(ticket, deadlineAt, options.signal);
      const { verdict, stamp } = sent;
      if (verdict.kind === 'unsent') {
        if (verdict.error.code === 'INVALID') throw verdict.error;
        return { kind: 'not placed', problem: undefined, error: verdict.error };
      }
      invariant(stamp !== undefined, 'an order was answered that was never signed');
      if (verdict.kind === 'taken') return { kind: 'placed', id: verdict.id, ...stamp, by: 'answer', order: undefined };
      if (verdict.kind === 'unknown') return this.#reconcile(ticket, stamp, verdict.error, undefined, options.signal);
      const no: NotPlaced = { kind: 'not placed', problem: verdict.problem, error: verdict.error };
      const fate = await this.#refused(ticket, sent, stamp, no, options.signal);
      if (fate !== undefined) return fate;
      if (tries >= TRIES_MAX) return no;
    }
  }

  /** Once, in its turn. */
  async send(ticket: Ticket, deadlineAt: number, signal: AbortSignal | undefined): Promise<Sent> {
    const { clock, gate, base, time } = this.#parts;
    const { offsetMs } = time;
    let [stamp, key, text]: [Stamp | undefined, VestKey | undefined, string] = [undefined, undefined, ''];
    const done = (verdict: Verdict): Sent => ({ stamp, key, offsetMs, verdict, text });
    let leave: (() => void) | undefined;
    try {
      leave = await this.#lane.enter({ signal, deadlineAt });
      const first = await this.#ready(signal, Math.max(1, deadlineAt - clock.now()));
      key = first;
      const entry = { method: 'POST', path: base + ticket.path, section: this.#session.name, signal, deadlineAt };
      const reply = await gate.enter(entry, async () => {
        const made = { time: time.now(), nonce: this.#next! };
        const body = await ticket.body(made, (kind, values) => this.#sign(kind, values));
        this.#next = made.nonce + ticket.nonces;
        stamp = made;
        const left = Math.max(1, deadlineAt - clock.now());
        const answer = await this.#parts.client.post(ticket.path, body, {
          ...{ section: this.#session.name, signal, deadlineMs: left },
        });
        text = await answer.text();
        return answer;
      });
      const verdict = answered(reply.status, text, (id) => this.#ids.has(id));
      if (verdict.kind === 'taken') this.#remember(verdict.id);
      return done(verdict);
    } catch (thrown) {
      const verdict = verdictOf(stamp === undefined ? unsent(thrown) : thrown);
      if (verdict.kind === 'unsent') this.#giveBack(stamp, ticket.nonces);
      return done(verdict);
    } finally {
      leave?.();
    }
  }

  /** The one order of a list for which it holds: the peer may know the filter or not. */
  async find(list: string, query: Readonly<Record<string, unknown>>, signal?: AbortSignal) {
    const orders = listed(await this.#session.read<unknown>(list, query, { signal }));
    return orders.find((order) => Object.entries(query).every(([name, value]) => order[name] === value));
  }

  /** Whoever waits gets `CLOSED`, and nobody is asked any more. Twice is harmless. */
  close(): void {
    this.#lane.close();
    this.#ending.abort();
  }

  async #ready(signal: AbortSignal | undefined, deadlineMs: number): Promise<VestKey> {
    try {
      const deadlineAt = this.#parts.clock.now() + deadlineMs;
      const key = await this.#session.token.get({ signal, deadlineAt });
      this.#next ??= (await this.#lastNonce(signal, deadlineMs)) + 1;
      return this.#session.token.current ?? key;
    } catch (thrown) {
      throw unsent(thrown); // of the order itself, nothing was sent
    }
  }

  async #lastNonce(signal: AbortSignal | undefined, deadlineMs?: number): Promise<number> {
    const answer = asObject(await this.#session.read<unknown>('/account/nonce', {}, { signal, deadlineMs }));
    const last = answer['lastNonce'] ?? answer['nonce'];
    if (!Number.isSafeInteger(last)) throw unexpected('GET /account/nonce', 'no lastNonce');
    return last as number;
  }

  #sign(kind: SignedKind, values: readonly AbiValue[]): Promise<string> {
    const raw = signedHash(kind, values);
    return signed(() => this.#signer.signMessage({ message: { raw } }));
  }

  /** A number that was never sent leaves no gap. */
  #giveBack(stamp: Stamp | undefined, nonces: number): void {
    if (stamp !== undefined && this.#next === stamp.nonce + nonces) this.#next = stamp.nonce;
  }

  /** What follows from a refusal: a fate, or nothing when it is to be signed and sent again. */
  async #refused(
    ticket: Ticket,
    { key, offsetMs }: Sent,
    stamp: Stamp,
    no: NotPlaced,
    signal: AbortSignal | undefined,
  ): Promise<Fate | undefined> {
    switch (no.problem?.meaning) {
      case 'key':
      case 'group':
        if (key !== undefined) this.#session.token.refuse(key);
        return undefined;
      case 'clock':
        // The refusal itself told what time it is there: if that is no news, it really came too late.
        return this.#parts.time.offsetMs === offsetMs ? no : undefined;
      case 'nonce':
        return this.#disputed(ticket, stamp, no, signal);
      default:
        return no;
    }
  }

  /** Its nonce has been used, they say: by a copy of itself, by another, or not at all and it was too high. */
  async #disputed(ticket: Ticket, stamp: Stamp, no: NotPlaced, signal?: AbortSignal): Promise<Fate | undefined> {
    try {
      const last = await this.renumber(stamp, signal);
      if (last < stamp.nonce) return undefined;
      const holder = await this.find(ticket.list, { nonce: stamp.nonce }, signal);
      if (holder !== undefined && !isThis(ticket, stamp, holder)) return undefined;
    } catch {
      // Not to be had now: asked again below.
    }
    return this.#reconcile(ticket, stamp, no.error, no, signal);
  }

  /** Goes on from the last nonce Vest has seen, after it has refused that of `stamp`. @returns that last one */
  async renumber(stamp: Stamp, signal: AbortSignal | undefined): Promise<number> {
    const used = this.#next;
    const last = await this.#lastNonce(signal);
    // While an order is in doubt, its nonce may still be taken by it, and must not be given to another.
    if (this.#next === used && (last >= stamp.nonce || this.#doubts === 0)) this.#next = last + 1;
    return last;
  }

  async #reconcile(
    ticket: Ticket,
    stamp: Stamp,
    error: NetError,
    refused?: NotPlaced,
    signal?: AbortSignal,
  ): Promise<Fate> {
    const givenUp = signal === undefined ? this.#ending.signal : AbortSignal.any([signal, this.#ending.signal]);
    const find = (asking: AbortSignal) => this.find(ticket.list, { nonce: stamp.nonce }, asking);
    const missing: NotPlaced = refused ?? { kind: 'not placed', problem: undefined, error };
    this.#doubts++;
    try {
      const order = await foundOut(this.#parts, { time: stamp.time, find, givenUp });
      if (order === undefined) return { kind: 'unknown', ...stamp, error };
      if (order === 'missing' || !isThis(ticket, stamp, order)) return missing;
      this.#remember(order.id);
      return { kind: 'placed', id: order.id, ...stamp, by: 'question', order };
    } finally {
      this.#doubts--;
    }
  }

  #remember(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size > IDS_MAX) this.#ids.delete(this.#ids.values().next().value!);
  }
}

/** Listed with its nonce, and not another's. */
function isThis(ticket: Ticket, { time }: Stamp, order: VestOrder): boolean {
  return ticket.same(order) && (order['time'] === undefined || order['time'] === time);
}

const unsent = (thrown: unknown): NetError => NetError.from(thrown).withReach('unsent');
