/** Two bars to one scale: what a call waits for when its connection has to be opened first, and when it is there. */
import type { UpstreamTold } from '../../admin/snapshot.ts';
import { millis } from './format.ts';

interface VersusProps {
  readonly of: Pick<UpstreamTold, 'cold' | 'warm' | 'opening'>;
  /** What the full width stands for. */
  readonly longestMs: number;
}

type Part = readonly [kind: string, ms: number, words: string];

export function Versus({ of: { cold, warm, opening }, longestMs }: VersusProps) {
  const rest = Math.max(0, cold.p50Ms - opening.dnsMs - opening.tcpMs - opening.tlsMs);
  const parts: readonly Part[] = [
    ['dns', opening.dnsMs, 'name lookup'],
    ['tcp', opening.tcpMs, 'TCP'],
    ['tls', opening.tlsMs, 'TLS'],
    ['request', rest, 'request to first byte'],
  ];
  return (
    <dl class="versus">
      <Bar name="cold" figure={cold} longestMs={longestMs} parts={parts} />
      <Bar name="warm" figure={warm} longestMs={longestMs} parts={[['request', warm.p50Ms, 'request to first byte']]} />
    </dl>
  );
}

interface BarProps {
  readonly name: string;
  readonly figure: { readonly count: number; readonly p50Ms: number };
  readonly longestMs: number;
  readonly parts: readonly Part[];
}

const wordsOf = (parts: readonly Part[]): string => parts.map(([, ms, words]) => `${words} ${millis(ms)}`).join(', ');

const Bar = ({ name, figure: { count, p50Ms }, longestMs, parts }: BarProps) => (
  <>
    <dt>{name}</dt>
    <dd>
      <span class="track" role="img" aria-label={count === 0 ? 'no calls' : wordsOf(parts)}>
        {count === 0
          ? null
          : parts.map(([kind, ms, words]) => (
              <span
                key={kind}
                class={`part ${kind}`}
                style={{ width: `${(ms / longestMs) * 100}%` }}
                title={`${words} ${millis(ms)}`}
              />
            ))}
      </span>
      <span class="value">{count === 0 ? 'none' : millis(p50Ms)}</span>
    </dd>
  </>
);
