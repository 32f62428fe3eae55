/** One connection of a set that many streams share, and what is known of it; nothing here knows what it is made of. */

/**
 *   opening ──▶ ready ⇄ draining ──▶ gone
 *      │          └───────────────────▶ gone   lost, or closed without a stream on it
 *      └──▶ gone                                failed
 *
 * Draining ones take no more streams; they go with their last one, unless they are needed again before.
 */
export type MemberState = 'opening' | 'ready' | 'draining' | 'gone';

/** Why a connection takes no more streams, or has ended. */
export type LeavingReason =
  | 'age' // older than its share of the age limit
  | 'surplus' // more than the streams needed, for a while
  | 'peer' // the peer said that it will close it (GOAWAY)
  | 'health' // it failed its checks
  | 'lost' // it broke
  | 'failed' // it could not be opened
  | 'closing'; // the pool was closed

export class Member {
  readonly id: number;
  /** Which streams it serves: the key of a tenant; nothing while nobody has it. */
  tenant: string | undefined;
  state: MemberState = 'opening';
  streams = 0;
  /** Streams that may be on it at once: our limit, or the peer's where that is lower. May change at any time. */
  streamsMax: number;
  /** Why it drains or has ended. */
  reason: LeavingReason | undefined;
  readonly beganAt: number;
  openedAt = Number.NaN;
  /** The instant, since it was opened, from which on it is to be replaced. */
  retireAt = Number.POSITIVE_INFINITY;
  usedAt: number;
  /** Whose place it is to take once it is open. */
  replaces: Member | undefined;
  /** What is to take its place, while that is being opened. */
  successor: Member | undefined;

  constructor(id: number, tenant: string | undefined, streamsMax: number, now: number) {
    this.id = id;
    this.tenant = tenant;
    this.streamsMax = streamsMax;
    this.beganAt = this.usedAt = now;
  }

  get hasRoom(): boolean {
    return this.state === 'ready' && this.streams < this.streamsMax;
  }
}
