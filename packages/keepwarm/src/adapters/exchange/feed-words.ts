/** How a feed and its peer understand each other: in text, and in binary messages that do not name their channel. */
/** How a peer speaks. */
export interface FeedWords {
  /** Said first, each answered before anything else is said. */
  readonly greeting?: ((id: number) => Promise<string>) | undefined;
  subscribe(channel: string, id: number): string;
  unsubscribe(channel: string, id: number): string;
  readonly ping?: ((id: number) => string) | undefined;
  /** What a message is; nothing for what concerns nobody. */
  read(message: Readonly<Record<string, unknown>>): FeedMessage | undefined;
  /** Of a peer that sends binary messages. Without it they are taken for text. */
  readonly binary?: BinaryWords | undefined;
}

/** How a peer's binary messages are read, and how each finds the channel it does not name. */
export interface BinaryWords {
  /** Nothing for what concerns nobody. @throws NetError `DECODE` for bytes that are no message */
  read(bytes: Uint8Array): FeedFrame | undefined;
  /** Of bytes that are no message: which kind of channel they were for, where that can be told. */
  kindOf(bytes: Uint8Array): string | undefined;
  placeOf(channel: string): FramePlace;
}

/** What a binary message has in place of a channel's name. */
export interface FramePlace {
  readonly kind: string;
  readonly of: string;
}

export type FeedFrame =
  | (FramePlace & { readonly value: unknown; readonly known?: true })
  /** Of a kind there was not when this was written. @property what as errors say it */
  | { readonly known: false; readonly what: string };

/** Channels that tell a whole and then what changes in it. */
export interface Wholes {
  /** Whether the channel is one. */
  of(channel: string): boolean;
  /** For one subscription at the peer. */
  thread(channel: string): Thread;
  /** Where a message of such a channel stands: the whole at that number, or the change that leads to it. */
  standsAt(value: unknown): { readonly whole: boolean; readonly number: number };
}

/** The messages of one subscription, one after the other. */
export interface Thread {
  /** @returns whether it is told. @throws NetError when messages before it are missing: it is then subscribed anew */
  next(value: unknown): boolean;
  /** The whole by now, as one message would tell it; nothing before there was one. */
  now(): unknown;
}

/** The name that stands for everything of a kind. */
export const ALL = 'ALL';

export type FeedMessage =
  | { readonly kind: 'answer'; readonly id: number; readonly error?: string | undefined }
  | { readonly kind: 'data'; readonly channel: string; readonly value: unknown };
