/** What an operator may do here, each with what it means for calls, said before it is done, and what came of it. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

export interface Deed {
  /** As the admin API calls it. */
  readonly action: string;
  readonly inputs: Readonly<Record<string, string | number>>;
  readonly title: string;
  readonly says: string;
  readonly verb: string;
  /** It cannot be taken back from here. */
  readonly severe?: boolean;
  /** One number that the operator chooses. */
  readonly count?: { readonly name: string; readonly label: string; readonly max: number; readonly value: number };
}

/** Asks for confirmation, and then does it. */
export const ActContext = createContext<(deed: Deed) => void>(() => undefined);
export const useAct = (): ((deed: Deed) => void) => useContext(ActContext);

export const cordon = (upstream: string, endpoint: string): Deed => ({
  action: 'cordon',
  inputs: { upstream, endpoint },
  title: `Cordon ${endpoint} of ${upstream}?`,
  says: 'It gets nothing more until it is put back; what is in flight goes on. The other endpoints take its calls.',
  verb: 'Cordon',
});

export const uncordon = (upstream: string, endpoint: string): Deed => ({
  action: 'uncordon',
  inputs: { upstream, endpoint },
  title: `Put ${endpoint} of ${upstream} back?`,
  says: 'It gets calls again, as any other endpoint.',
  verb: 'Put back',
});

export const warmUp = (upstream: string): Deed => ({
  action: 'warm-up',
  inputs: { upstream },
  title: `Warm up ${upstream}?`,
  says: 'Connections are opened ahead of calls, TLS included, without a request, until so many are open.',
  verb: 'Warm up',
  count: { name: 'count', label: 'connections at each origin', max: 1_000, value: 4 },
});

export const closeIdle = (upstream: string): Deed => ({
  action: 'close-idle',
  inputs: { upstream },
  title: `Close idle connections of ${upstream}?`,
  says: 'None that is in use. The next calls may have to wait for a new one.',
  verb: 'Close idle',
});

export const resetBreaker = (upstream: string, breaker: string): Deed => ({
  action: 'reset-breaker',
  inputs: { upstream, breaker },
  title: `Reset the breaker of ${breaker}?`,
  says: 'All calls go through again at once. Do it when you know that the peer is well.',
  verb: 'Reset',
});

export const RELOAD: Deed = {
  action: 'reload',
  inputs: {},
  title: 'Read the configuration again?',
  says: 'Upstreams that did not change keep their connections. A file that cannot be used changes nothing.',
  verb: 'Reload',
};

export const DRAIN: Deed = {
  action: 'drain',
  inputs: {},
  title: 'Drain this gateway?',
  says: 'No new callers are taken, requests under way may end. It is for good: only a new start takes callers again.',
  verb: 'Drain',
  severe: true,
};

type Answer = Readonly<Record<string, unknown>>;

/** What came of it, in a sentence. */
export function outcome({ action, inputs }: Deed, answer: Answer): string {
  const names = (value: unknown): string => (Array.isArray(value) && value.length > 0 ? value.join(', ') : 'none');
  switch (action) {
    case 'cordon':
      return `${inputs['endpoint']} is cordoned.`;
    case 'uncordon':
      return `${inputs['endpoint']} gets calls again.`;
    case 'warm-up': {
      const failed = Number(answer['failed'] ?? 0);
      return `${answer['open']} connections are open${failed > 0 ? `; ${failed} could not be opened` : ''}.`;
    }
    case 'close-idle':
      return `${answer['closed']} idle connections were closed.`;
    case 'reset-breaker':
      return `The breaker of ${inputs['breaker']} is closed.`;
    case 'reload': {
      const { kept, begun, ended } = answer;
      return `Reloaded. Kept: ${names(kept)}; begun: ${names(begun)}; ended: ${names(ended)}.`;
    }
    default:
      return 'Draining: requests under way may end, no new ones are taken.';
  }
}
