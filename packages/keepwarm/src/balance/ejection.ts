/**
 * Whether one endpoint takes part: out when it fails too much, back when a probe is answered.
 *
 *          too many failures, and the set can do without it
 *   in ──────────────────────────────────────────────▶ ejected ◀──┐
 *   ▲                                     its time is over │      │ the probe failed:
 *   │                                       and a call came ▼      │ twice as long
 *   └───────── the probe, or any call sent while it was out, ── probing
 *                            was answered
 *
 * Invariants:
 *   (1) An outcome counts only if the call was sent in the current spell, as `spell` numbers them: what a black hole
 *       swallowed before it was ejected says nothing about how it is after its return.
 *   (2) At most one probe is under way, or one per `PROBE_MS` if probes never end.
 *   (3) It is out for (1 − jitter…1) × ejectMs × 2ⁿ, at most `ejectMsMax`; n grows by one with each ejection and failed
 *       probe, and shrinks by one with each `forgiveMs` in service.
 *
 * Sources: Finagle's FailureAccrual (both criteria, equal jitter, one probe), Envoy's outlier detection (times that
 * grow and are forgiven).
 */
import { OutcomeWindow } from '../algo/outcome-window.ts';
import type { Random } from '../core/clock.ts';
import type { EjectionReason } from '../core/observer.ts';
import type { EjectionOptions } from './options.ts';

export type Standing = 'in' | 'ejected' | 'probing';

/**
 * So many failures in a row are enough for an endpoint that has not done well for a whole window: picked by load, one
 * that fails is asked so rarely that `consecutiveMax` would take minutes, all at the cost of calls.
 */
const SILENT_FAILURES = 2;
/** A probe that has not ended by then, in ms, is not waited for: that of the default limit of a reply's first byte. */
const PROBE_MS = 30_000;
/** 5 s × 2³⁰ is beyond any limit. */
const DOUBLINGS_MAX = 30;

export class Ejection {
  readonly #options: EjectionOptions;
  readonly #window: OutcomeWindow;
  #standing: Standing = 'in';
  /** Failures in a row. */
  #consecutive = 0;
  /** The last time it did well. */
  #wellAt = Number.NEGATIVE_INFINITY;
  #doublings = 0;
  /** Since when it has been in, or out. */
  #since = Number.NEGATIVE_INFINITY;
  /** When the next probe may be sent. */
  #untilMs = Number.NEGATIVE_INFINITY;
  /** Counts the times it went in or out. */
  spell = 0;
  ejections = 0;

  constructor(options: EjectionOptions) {
    this.#options = options;
    this.#window = new OutcomeWindow(options.windowMs);
  }

  get standing(): Standing {
    return this.#standing;
  }

  get out(): boolean {
    return this.#standing !== 'in';
  }

  /** When its time is over, or that of its probe, on the clock. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** How long it has been in, or out, in ms; `Infinity` before it was ever ejected. */
  forMs(now: number): number {
    return now - this.#since;
  }

  /** Whether a probe may be sent. */
  due(now: number): boolean {
    return this.#standing !== 'in' && now >= this.#untilMs;
  }

  /** While in: one more outcome. */
  note(failed: boolean, now: number): void {
    this.#consecutive = failed ? this.#consecutive + 1 : 0;
    if (!failed) this.#wellAt = now;
    this.#window.record(failed, now);
  }

  /** Why it should go out; nothing if it should not. */
  grounds(now: number): 'consecutive' | 'silence' | 'share' | undefined {
    const { consecutiveMax, failureShare, samplesMin, windowMs } = this.#options;
    if (this.#consecutive >= consecutiveMax) return 'consecutive';
    if (this.#consecutive >= SILENT_FAILURES && now - this.#wellAt >= windowMs) return 'silence';
    const samples = this.#window.samples(now);
    return samples >= samplesMin && this.#window.failures(now) >= failureShare * samples ? 'share' : undefined;
  }

  /** @returns for how long, in ms */
  eject(reason: EjectionReason, now: number, random: Random): number {
    const { ejectMs, ejectMsMax, jitter, forgiveMs } = this.#options;
    if (reason !== 'probe') {
      const forgiven = Math.floor(this.forMs(now) / forgiveMs);
      this.#doublings = Math.max(0, this.#doublings - forgiven);
      this.#since = now;
      this.spell++;
      this.ejections++;
    }
    const longest = Math.min(ejectMsMax, ejectMs * 2 ** this.#doublings);
    this.#doublings = Math.min(this.#doublings + 1, DOUBLINGS_MAX);
    const ms = longest * (1 - jitter * random());
    this.#standing = 'ejected';
    this.#untilMs = now + ms;
    return ms;
  }

  /** The call at hand is the probe. */
  probe(now: number): void {
    this.#standing = 'probing';
    this.#untilMs = now + PROBE_MS;
  }

  /** Its probe told nothing: the next call may. */
  unprobed(now: number): void {
    this.#standing = 'ejected';
    this.#untilMs = now;
  }

  /** It has been out with all the others: that was hardly its own fault, and it is asked at once. */
  pardon(now: number): void {
    this.#doublings = 0;
    if (this.#standing === 'ejected') this.#untilMs = Math.min(this.#untilMs, now);
  }

  readmit(now: number): void {
    this.#standing = 'in';
    this.#since = now;
    this.#consecutive = 0;
    this.#wellAt = now;
    this.#window.clear();
    this.spell++;
  }
}
