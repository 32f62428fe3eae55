/** Channels that were subscribed anew for what their messages were: how often in a row, as each time rests longer. */

/** So long after the last time it is as if it never was, in ms. */
const FORGOTTEN_MS = 60_000;

export class Spoilt {
  readonly #channels = new Map<string, { readonly times: number; readonly at: number }>();

  add(channel: string, now: number): void {
    for (const [other, { at }] of this.#channels) if (now - at >= FORGOTTEN_MS) this.#channels.delete(other);
    this.#channels.set(channel, { times: this.times(channel, now) + 1, at: now });
  }

  times(channel: string, now: number): number {
    const { times = 0, at = now } = this.#channels.get(channel) ?? {};
    return now - at >= FORGOTTEN_MS ? 0 : times;
  }
}
