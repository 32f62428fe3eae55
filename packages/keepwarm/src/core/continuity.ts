/**
 * How the messages of a topic hang together: by which one tells that some are missing, that one came twice, and how to
 * get what was missed. Data, written down by whoever knows the ecosystem.
 */

/** Where a message stands among the others of its topic. */
export interface Place {
  /** The same for the same message, whichever endpoint sends it; another for another, also at the same height. */
  readonly id: string;
  /** Block number or slot. */
  readonly height?: number | undefined;
  /** The id of the message right before it, where messages are linked: a head's parent hash. */
  readonly parent?: string | undefined;
  /** The height of the message right before it, where that is known: a slot's parent. */
  readonly follows?: number | undefined;
  /** The id of an earlier message that this one takes back, so that it may come again. */
  readonly undoes?: string | undefined;
}

export type Ask = (method: string, params: unknown) => Promise<unknown>;

/** What is to be filled. */
export interface Missing {
  /** The topic's own parameters. */
  readonly params: unknown;
  /** The first height missed, where that is known. */
  readonly from: number | undefined;
  /** The last height missed, where that is known; otherwise all there is by now. */
  readonly to: number | undefined;
  /** Heights up to this one were there before the subscription began, and are not its concern. */
  readonly floor: number | undefined;
  /** The message that follows the gap, where one has come. */
  readonly next: unknown;
  /** Whether a message with this id has been seen. */
  known(id: string): boolean;
}

/** What was found of it, oldest first. May hold what has been seen: that is not told again. */
export interface Found {
  readonly values: readonly unknown[];
  /** The heights that are complete with these values; `to` at least as high as any of them. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Whether nothing is missing between those heights. */
  readonly complete: boolean;
  /** Whether they begin where what was told before ends; otherwise something older stays missing. */
  readonly joins: boolean;
}

export interface Continuity {
  /** Nothing for a message that has no place: it is passed on as it is. */
  readonly place?: (value: unknown) => Place | undefined;
  /** Whether each message tells, by `parent` or `follows`, if it comes right after another. Default false. */
  readonly linked?: boolean;
  /** The height by now: asked for when a stream begins, where messages may be too rare to tell. */
  readonly anchor?: (ask: Ask) => Promise<number | undefined>;
  /**
   * The newest message there is. Asked for when a stream begins, so that it is known what comes next; and when it is
   * resumed, so that nobody need wait for what does.
   */
  readonly newest?: (ask: Ask) => Promise<unknown>;
  /** Gets what was missed. */
  readonly fill?: (missing: Missing, ask: Ask) => Promise<Found>;
  /** Whether the topic is over with this message. */
  readonly ends?: (value: unknown) => boolean;
}
