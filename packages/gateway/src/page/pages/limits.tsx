/** What limits an upstream: rates with their windows, concurrency, and what repeats may add. */
import type { LimitsTold } from '../../admin/endpoints.ts';
import type { RedisTold } from '../../redis/connection.ts';
import { Gauge } from '../parts/bits.tsx';
import { age, listed, span, whole } from '../parts/format.ts';

export function Limits({ told: { rate, concurrency, budgets, fleet, redis } }: { readonly told: LimitsTold }) {
  if (rate.length + concurrency.length + budgets.length + fleet.length === 0) return null;
  return (
    <section aria-labelledby="limits-title">
      <h2 class="section" id="limits-title">
        Limits
      </h2>
      <ul class="panel limits">
        {redis === undefined || rate.length === 0 ? null : <CountedIn redis={redis} />}
        {rate.map((limit) => (
          <Rate key={`${limit.endpoint} ${limit.name}`} limit={limit} />
        ))}
        {concurrency.map(({ key, limit, inFlight, waiting, granted, dropped, refused }) => (
          <li key={`concurrency ${key}`}>
            <span class="who">concurrency {key}</span>
            <Gauge label={`concurrency of ${key}`} value={inFlight} max={limit} />
            <span class="of">
              {whole(inFlight)} of {whole(limit)}
            </span>
            <span class="note">
              {listed([
                `${whole(waiting)} waiting`,
                `${whole(granted)} started`,
                `${whole(dropped)} dropped`,
                `${whole(refused)} refused`,
              ])}
            </span>
          </li>
        ))}
        {budgets.map(({ balance, deposits, withdrawals, refusals }) => (
          <li key="budget">
            <span class="who">repeats</span>
            <Gauge
              label="share of traffic that was repeated, of a fifth"
              value={withdrawals}
              max={Math.max(1, deposits / 5)}
            />
            <span class="of">{whole(withdrawals)}</span>
            <span class="note">
              {listed([
                `of ${whole(deposits)} calls`,
                `${whole(balance)} more would be let through`,
                `${whole(refusals)} denied`,
              ])}
            </span>
          </li>
        ))}
        {fleet.map(({ limit }) => (
          <li key="fleet">
            <span class="who">shared by the fleet</span>
            <span class="note words">
              {listed(Object.entries(limit).map(([name, value]) => `${name} ${shown(value)}`))}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const shown = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

/** What is used is this gateway's own part. */
function CountedIn({ redis: { server, state, lostMs, losses, lastError } }: { readonly redis: RedisTold }) {
  const lost = `no answer for ${age(lostMs)}: ${state === 'closed' ? 'nothing starts' : 'this gateway has its share'}`;
  const words = [state === 'up' ? 'answers; of what is used, the part of this gateway is shown' : lost];
  if (state !== 'up' && lastError !== undefined) words.push(lastError);
  if (losses > 0) words.push(`lost ${losses === 1 ? 'once' : `${whole(losses)} times`}`);
  return (
    <li key="redis" data-state={state === 'up' ? 'on' : 'paused'}>
      <span class="who">counted in Redis {server}</span>
      <span class="note words">{listed(words)}</span>
    </li>
  );
}

function Rate({ limit: told }: { readonly limit: LimitsTold['rate'][number] }) {
  const { endpoint, name, limit, windowMs, used, waiting, resetMs, pausedMs, granted, refused } = told;
  const words = [`${whole(waiting)} waiting`, `${whole(granted)} started`, `${whole(refused)} refused`];
  if (pausedMs > 0) words.unshift(`paused for ${age(pausedMs + 999)}: the peer asked for it`);
  else if (used >= limit && resetMs > 0) words.unshift(`all free again in ${age(resetMs + 999)}`);
  return (
    <li data-state={pausedMs > 0 ? 'paused' : 'on'}>
      <span class="who">{endpoint === undefined ? name : `${endpoint} ${name}`}</span>
      <Gauge label={`rate limit ${name}`} value={used} max={limit} bad={pausedMs > 0} />
      <span class="of">
        {whole(used)} of {whole(limit)} in {span(windowMs)}
      </span>
      <span class="note">{listed(words)}</span>
    </li>
  );
}
