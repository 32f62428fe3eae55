/** What components know of the gateway, and when they have to look again. */
import { createContext } from 'preact';
import { useContext, useEffect, useLayoutEffect, useState } from 'preact/hooks';
import type { Live } from './live.ts';
import { ask } from './session.ts';

export const LiveContext = createContext<Live | undefined>(undefined);

/** Its component is shown again whenever something has changed. */
export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) throw new Error('there is no LiveContext above this component');
  const [, again] = useState(0);
  // Before anything else can happen: an effect comes a frame later, and what is told until then would be missed.
  useLayoutEffect(() => live.subscribe(() => again((count) => count + 1)), [live]);
  return live;
}

export interface Polled<T> {
  /** The last answer, also while the next one, or one to another question, is on its way. */
  readonly value: T | undefined;
  /** Why there is no newer one. */
  readonly problem: string | undefined;
}

/** Asks again and again while the page is connected and seen; another path is asked for at once. */
export function usePolled<T>(path: string, everyMs = 1_000): Polled<T> {
  const live = useLive();
  const [polled, set] = useState<Polled<T>>({ value: undefined, problem: undefined });
  const isLive = live.state === 'live';
  useEffect(() => {
    if (!isLive) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      try {
        const value = document.hidden ? undefined : await ask<T>(path, { signal: stop.signal });
        if (value !== undefined) set({ value, problem: undefined });
      } catch (error) {
        if (stop.signal.aborted) return;
        set(({ value }) => ({ value, problem: error instanceof Error ? error.message : String(error) }));
      }
      if (!stop.signal.aborted) timer = setTimeout(look, everyMs);
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, isLive]);
  return polled;
}
