/** Whether workers can take a configuration over: made and closed at home, so that all of them take it or none. */
import { createClient, NetError } from 'keepwarm';
import { createRpc } from 'keepwarm/jsonrpc';
import { forwardingOptions } from '../config/client-options.ts';
import type { GatewayConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { allOf } from '../config/sections.ts';
import { configOfWorker } from '../config/shares.ts';

/** @throws ConfigError for an upstream that could not be made of a worker's share */
export function rehearse(config: GatewayConfig): void {
  const count = config.workers ?? 1;
  for (const [name, upstream] of configOfWorker(config, { slot: count - 1, count }).upstreams) {
    try {
      if ('rpc' in upstream) void createRpc(upstream.rpc).close({ deadlineMs: 0 });
      else for (const each of allOf(upstream)) createClient(forwardingOptions(each.client)).destroy();
    } catch (error) {
      if (error instanceof NetError) throw new ConfigError(`upstreams.${name}`, `cannot be used: ${error.message}`);
      throw error;
    }
  }
}
