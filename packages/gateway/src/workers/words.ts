/** What the home process and its workers say to each other, over the channel that Node opens between them. */
import type { AddressInfo } from 'node:net';
import type { Slot } from '../config/shares.ts';
import type { Demand, Grant, Pause } from '../limits/places.ts';
import type { CarriedConfig } from './carried.ts';

/** What a worker is asked; each is answered. */
export type Question =
  /** As if it had been asked at the admin listener; `query` as in a URL. */
  | {
      readonly ask: 'route';
      readonly path: string;
      readonly query: string;
      readonly body: Readonly<Record<string, unknown>>;
    }
  /** What happened to its upstreams since it was asked last. */
  | { readonly ask: 'rows'; readonly at: number; readonly seconds: number }
  /** It takes over another configuration. */
  | { readonly ask: 'reload'; readonly config: CarriedConfig }
  /** It takes no new callers. Answered at once with how many requests are under way; with `wait`, when none is. */
  | { readonly ask: 'drain'; readonly deadlineMs: number; readonly wait: boolean };

export type ToWorker =
  /** `late`: it takes the place of another, and has no places of limits before it is given some. */
  | { readonly say: 'start'; readonly slot: Slot; readonly config: CarriedConfig; readonly late: boolean }
  | { readonly say: 'ask'; readonly id: number; readonly question: Question }
  /** It notes how full pools are. */
  | { readonly say: 'sample' }
  | { readonly say: 'grant'; readonly grant: Grant }
  /** The peer asked another worker to wait for so long. */
  | { readonly say: 'pause'; readonly pause: Pause }
  /** To `takes`, in their order: nothing for what may pass, else when it may, in ms. */
  | { readonly say: 'taken'; readonly afterMs: readonly (number | undefined)[] }
  /** It has so long for what is under way, and ends. */
  | { readonly say: 'stop'; readonly deadlineMs: number };

export type Take = readonly [upstream: string, caller: string, count: number];

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export type FromWorker =
  | { readonly say: 'hello' }
  /** Every `BEAT_MS`. */
  | { readonly say: 'alive' }
  | { readonly say: 'listening'; readonly address: AddressInfo }
  /** It cannot do what it was started for. */
  | { readonly say: 'failed'; readonly message: string; readonly code: string | undefined }
  | { readonly say: 'answer'; readonly id: number; readonly told: unknown }
  | { readonly say: 'refused'; readonly id: number; readonly refusal: Refusal }
  | { readonly say: 'event'; readonly kind: string; readonly upstream: string | undefined; readonly fields: object }
  | { readonly say: 'demand'; readonly demand: Demand }
  /** The peer asked for it; the others do not know. */
  | { readonly say: 'paused'; readonly pause: Pause }
  /** Requests of callers, by upstream and who they are, that are to count; answered in this order. */
  | { readonly say: 'takes'; readonly takes: readonly Take[] };
