/** What is known at home of one of several workers. */
export interface WorkerTold {
  /** From 1; who takes the place of one that is gone has its number. */
  readonly worker: number;
  readonly pid: number | undefined;
  /** `silent`: nothing is heard of it. `waiting`: it is gone, and the next one is not to come yet. */
  readonly state: 'starting' | 'serving' | 'silent' | 'ending' | 'waiting';
  /** How long this process has been serving, in ms. */
  readonly servingMs: number;
  /** Times another process has taken its place. */
  readonly replaced: number;
  /** For how long nothing has been heard of it, in ms. */
  readonly silentMs: number;
  /** Times a process was killed here because nothing had been heard of it for too long. */
  readonly hung: number;
}

/** And what it tells of itself; nothing while it does not answer. */
export interface WorkerOfStats extends WorkerTold {
  readonly callsPerSecond: number;
  readonly inFlight: number;
  readonly memoryBytes: number;
}
