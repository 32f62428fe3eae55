/** Where the next call goes: a probe if one is due, else whom the picker chooses, or the key of the call. */
import type { Choose } from '../algo/p2c.ts';
import { hashOf, preference, preferred } from '../algo/rendezvous.ts';
import { type Call, mayRepeat } from '../core/call.ts';
import type { Random } from '../core/clock.ts';
import type { Eligible, Ranking } from './candidates.ts';
import type { Endpoint } from './endpoint.ts';
import type { Roster } from './roster.ts';

export interface PickingParts {
  readonly random: Random;
  readonly choose: Choose<Endpoint>;
  readonly stickyKey: ((call: Call) => string | undefined) | undefined;
  readonly eligible: Eligible | undefined;
  /** Whether calls are what endpoints are probed with; health checks do it otherwise. */
  readonly callsProbe: boolean;
}

export interface Picked {
  readonly endpoint: Endpoint;
  readonly probe: boolean;
}

/** After so long, in ms, any call may probe: a set that gets none but calls to be made once would shrink for ever. */
const PROBE_PATIENCE_MS = 10_000;

export class Picking {
  readonly #roster: Roster;
  readonly #ranking: Ranking;
  readonly #parts: PickingParts;
  /** Filled and used within one step. */
  readonly #from: Endpoint[] = [];

  constructor(roster: Roster, ranking: Ranking, parts: PickingParts) {
    this.#roster = roster;
    this.#ranking = ranking;
    this.#parts = parts;
  }

  pick(call: Call, now: number): Picked {
    const { choose, random, stickyKey, callsProbe } = this.#parts;
    const taking = this.#ranking.candidates(call, this.#roster.panic, now, this.#from);
    const key = stickyKey?.(call);
    const hash = key === undefined ? undefined : hashOf(key);
    const chosen = hash === undefined ? choose(this.#from, now, random) : preferred(this.#from, hash, now);
    const probed = taking && callsProbe ? this.#due(call, chosen, hash, now) : undefined;
    if (probed === undefined) return { endpoint: chosen, probe: false };
    probed.ejection.probe(now);
    return { endpoint: probed, probe: true };
  }

  /** One whose time is over, and that would serve this call if it were in. */
  #due(call: Call, chosen: Endpoint, hash: number | undefined, now: number): Endpoint | undefined {
    // A call that has failed once is not the one to find out with.
    if (call.tried !== undefined && call.tried.length > 0) return undefined;
    for (const endpoint of this.#roster.endpoints) {
      const { ejection, cordoned, priority, pausedUntilMs } = endpoint;
      if (!ejection.due(now) || cordoned || priority > chosen.priority || pausedUntilMs > now) continue;
      if (hash !== undefined && preference(endpoint, hash, now) < preference(chosen, hash, now)) continue;
      // A probe is a call like any other to who made it: no old answer for the sake of finding out.
      if (this.#parts.eligible?.(endpoint.name, call, now) === false) continue;
      if (mayRepeat(call) ? call.attempt === 1 : now - ejection.untilMs >= PROBE_PATIENCE_MS) return endpoint;
    }
    return undefined;
  }
}
