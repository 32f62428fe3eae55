/** Subscriptions of a pool of nodes: over the same endpoints, with the clock, observer, TLS and ways of its calls. */
import { type RpcOptions, settleRpc } from './options.ts';
import { Subscriptions } from './subscribe.ts';
import type { SubscriptionsOptions } from './subscribe-options.ts';

/** @param call asks the pool for what was missed */
export function subscriptionsOf(options: RpcOptions, call: NonNullable<SubscriptionsOptions['call']>): Subscriptions {
  const { adapter, bigints, observer, clock, random } = options;
  const { tls, connect, dns, proxy, socketPath, connector } = options;
  return new Subscriptions({
    adapter,
    endpoints: settleRpc(options).endpoints,
    call,
    bigints,
    ...(observer === undefined ? {} : { observer }),
    ...(clock === undefined ? {} : { clock }),
    ...(random === undefined ? {} : { random }),
    ...{ tls, connect, dns, proxy, socketPath, connector },
  });
}
