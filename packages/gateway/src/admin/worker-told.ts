/** What is known at home of one of several workers. */
export interface WorkerTold {
  /** From 1; who takes the place of one that is gone has its number. */
  readonly worker: number;
  readonly pid: number | undefined;
  /** `waiting`: it is gone, and the next one is not to come yet. */
  readonly state: 'starting' | 'serving' | 'ending' | 'waiting';
  /** How long this process has been serving, in ms. */
  readonly servingMs: number;
  /** Times another process has taken its place. */
  readonly replaced: number;
}

/** And what it tells of itself; nothing while it does not answer. */
export interface WorkerOfStats extends WorkerTold {
  readonly callsPerSecond: number;
  readonly inFlight: number;
  readonly memoryBytes: number;
}
