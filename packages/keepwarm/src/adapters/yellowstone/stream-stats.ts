/** What a subscription knows of itself. */
export interface YellowstoneStreamStats {
  /** Whether messages come; or it is being opened, or waits before that. */
  readonly state: 'open' | 'opening' | 'waiting' | 'closed';
  /** Upstream streams so far. */
  readonly openings: number;
  /** Updates told. */
  readonly updates: number;
  /** Updates that a replay sent again, and that were not told again. */
  readonly repeats: number;
  readonly gaps: number;
  /** The last slot of which everything has come. */
  readonly slot: number | undefined;
  /** Updates remembered, to know what a replay repeats. */
  readonly remembered: number;
  /** Messages received and not read yet. */
  readonly unread: number;
}
