/** A pool on a clock that stands still, with items that live and die as connections do. */
import type { Random } from '../../src/core/clock.ts';
import type { CloseReason } from '../../src/core/observer.ts';
import { Capacity, type CapacityUser } from '../../src/pool/capacity.ts';
import { ExclusivePool, type PoolOptions, type PoolOwner } from '../../src/pool/exclusive.ts';
import { type Kept, Lifetime, type LifetimeOptions, lifeOf } from '../../src/pool/lifetime.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { Caller, noConnection } from './a-pool.ts';

export class CountingClock extends FakeClock {
  timers = 0;

  override after(ms: number, task: () => void) {
    this.timers++;
    return super.after(ms, task);
  }
}

export class Line implements Kept<Line> {
  place: 'leased' | 'idle' | 'gone' = 'leased';
  chainBefore: Line | undefined;
  chainAfter: Line | undefined;
  idleByPeer = false;
  leases = 0;
  asleep = false;
  sleptAt: number | undefined;
  readonly openedAt: number;
  replaceAt: number;
  readonly retireAt: number;
  idleSince: number;
  idleMs: number;
  inspectedAt: number[] = [];
  closedAt: number | undefined;
  closedFor: CloseReason | undefined;
  readonly pool: ExclusivePool<Line>;
  readonly #world: World;

  constructor(world: World) {
    const now = world.clock.now();
    const { replaceAt, retireAt } = lifeOf(world.options, now, world.random);
    this.#world = world;
    this.pool = world.pool;
    this.openedAt = now;
    this.idleSince = now;
    this.idleMs = world.options.idleMs;
    this.replaceAt = replaceAt;
    this.retireAt = retireAt;
  }

  sleep(): void {
    this.asleep = true;
    this.sleptAt = this.#world.clock.now();
  }

  inspect(now: number): void {
    this.inspectedAt.push(now);
  }

  close(reason: CloseReason): void {
    this.closedFor = reason;
    this.closedAt = this.#world.clock.now();
    this.pool.remove(this);
    this.#world.live.delete(this);
  }
}

const FOR_EVER: LifetimeOptions = {
  idleMax: 10,
  idleMs: 30_000,
  surplusMs: 5_000,
  ageMs: Number.POSITIVE_INFINITY,
  ageJitter: 0,
};

export class World implements PoolOwner<Line>, CapacityUser {
  readonly clock = new CountingClock();
  readonly live = new Set<Line>();
  readonly options: LifetimeOptions;
  readonly pool: ExclusivePool<Line>;
  readonly lifetime: Lifetime<Line>;
  random: Random = () => 0;
  dialMs = 10;
  /** Whether the peer can be reached at all. */
  reachable = true;
  /** When it was dialled. */
  readonly dials: number[] = [];
  /** What was opened, in order. */
  readonly lines: Line[] = [];

  constructor(lifetime: Partial<LifetimeOptions> = {}, pool: Partial<PoolOptions> = {}) {
    this.options = { ...FOR_EVER, ...lifetime };
    const capacity = new Capacity(1_000);
    const defaults = { name: 'http://a.test', sizeMax: 50, waitersMax: 100, idleMin: 0, scheduling: 'lifo' } as const;
    this.pool = new ExclusivePool<Line>({ ...defaults, ...pool }, this, capacity);
    capacity.join(this.pool, this);
    const { live } = this;
    this.lifetime = new Lifetime(this.options, this.clock, { live }, [this.pool]);
  }

  open(): void {
    this.dials.push(this.clock.now());
    this.clock.after(this.dialMs, () => (this.reachable ? this.#opened() : this.#failed()));
  }

  close(item: Line, reason: CloseReason): void {
    item.close(reason);
  }

  /** The peer closes it. */
  lose(line: Line): void {
    this.lifetime.parted(line, line.openedAt);
    line.close('peer');
  }

  yieldIdle(reason: CloseReason): boolean {
    const oldest = this.pool.idle.first;
    if (oldest !== undefined) this.pool.evict(oldest, reason);
    return oldest !== undefined;
  }

  idleSince(): number {
    return this.pool.idle.first?.idleSince ?? Number.POSITIVE_INFINITY;
  }

  fed(): void {
    this.pool.fed();
  }

  /** Lends an item, waiting for it to be opened if need be. */
  lease(): Line {
    const idle = this.pool.take();
    if (idle !== undefined) return this.#lent(idle);
    const caller = new Caller();
    let line: Line | undefined;
    this.pool.wait({
      wantsFresh: false,
      chainBefore: undefined,
      chainAfter: undefined,
      granted: (item) => {
        line = item;
      },
      refused: (error) => caller.refused(error),
    });
    this.clock.advance(this.dialMs);
    if (line === undefined) throw caller.error ?? new Error('it was not opened');
    return this.#lent(line);
  }

  /** Takes it back as the engine does. */
  giveBack(line: Line): void {
    const now = this.clock.now();
    if (now >= line.retireAt) return line.close('age');
    line.idleSince = now;
    this.pool.release(line);
    this.lifetime.attend(now);
  }

  use(...lines: Line[]): void {
    for (const line of lines) this.giveBack(line);
  }

  #lent(line: Line): Line {
    line.asleep = false;
    line.leases++;
    return line;
  }

  #opened(): void {
    const line = new Line(this);
    this.live.add(line);
    this.lines.push(line);
    this.pool.opened(line);
    this.lifetime.attend(this.clock.now());
  }

  #failed(): void {
    this.pool.openFailed(noConnection, false);
    if (this.pool.holdsBack) this.lifetime.attend(this.clock.now());
  }
}
