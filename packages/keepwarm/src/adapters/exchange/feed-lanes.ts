/**
 * Which connection a channel goes to, where a peer's messages do not name their channel: two whose messages could not
 * be told apart never share one.
 *
 *   take ──▶ held ──▶ given back, when nothing of the channel comes any more
 *
 * Invariants:
 *   (1) No two channels held on a lane are apart.
 *   (2) A channel goes to the first lane that can have it: without channels that are apart there is one.
 *   (3) Lanes ≤ LANES_MAX; one that holds nothing is there for the next.
 */
import { NetError } from '../../core/error.ts';

/** Whether messages of the one could be taken for the other's. */
export type Apart = (channel: string, other: string) => boolean;

const LANES_MAX = 16;

export class Lane<Connection> {
  /** What is open or being opened. */
  connection: Promise<Connection> | undefined;
  /** Each as often as it is held: one may be taken again before nothing of it comes any more. */
  readonly held: string[] = [];
}

export class Lanes<Connection> {
  readonly #apart: Apart | undefined;
  readonly #lanes: Lane<Connection>[] = [];

  constructor(apart: Apart | undefined) {
    this.#apart = apart;
  }

  /** @throws NetError `SATURATED` when it would need more connections than there may be */
  take(channel: string): { readonly lane: Lane<Connection>; giveBack(): void } {
    const apart = this.#apart;
    const fits = ({ held }: Lane<Connection>): boolean =>
      apart === undefined || held.every((other) => other === channel || !apart(channel, other));
    const lane = this.#lanes.find(fits) ?? this.#add(channel);
    lane.held.push(channel);
    let given = false;
    return {
      lane,
      giveBack() {
        if (given) return;
        given = true;
        lane.held.splice(lane.held.indexOf(channel), 1);
      },
    };
  }

  #add(channel: string): Lane<Connection> {
    if (this.#lanes.length >= LANES_MAX) {
      const message = `${channel} cannot share a connection with what is on any of ${LANES_MAX} (at most ${LANES_MAX})`;
      throw new NetError('SATURATED', message, {
        reach: 'unsent',
        phase: 'queue',
        value: LANES_MAX,
      });
    }
    const lane = new Lane<Connection>();
    this.#lanes.push(lane);
    return lane;
  }
}
