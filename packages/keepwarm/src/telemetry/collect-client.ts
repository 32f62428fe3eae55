/** What a client's snapshot says, as metrics. Nothing is counted here. */
import type { ClientStats } from '../clients/stats.ts';
import { CODES } from '../core/error.ts';
import type { Scrape } from './scrape.ts';

export function collectClient(to: Scrape, stats: ClientStats): void {
  const { calls, phases, reuse, leaks, sockets, dns } = stats;
  to.put('keepwarm_uptime_seconds', stats.uptimeMs / 1_000);
  to.put('keepwarm_calls_total', calls.total);
  to.put('keepwarm_calls_in_flight', calls.inFlight);
  for (const digit of [1, 2, 3, 4, 5]) {
    to.put('keepwarm_replies_total', calls.byClass[digit], { class: `${digit}xx` });
  }
  // All codes from the start: of a series that appears with its first failure, Prometheus does not see that failure.
  for (const code of Object.keys(CODES)) to.put('keepwarm_failures_total', calls.byCode[code] ?? 0, { code });
  to.histogram('keepwarm_call_duration_seconds', stats.latency);
  to.histogram('keepwarm_queue_wait_seconds', stats.queueWait);
  to.histogram('keepwarm_connect_duration_seconds', phases.dns, { phase: 'dns' });
  to.histogram('keepwarm_connect_duration_seconds', phases.tcp, { phase: 'tcp' });
  to.histogram('keepwarm_connect_duration_seconds', phases.tls, { phase: 'tls' });
  to.put('keepwarm_leases_total', reuse.fresh, { use: 'fresh' });
  to.put('keepwarm_leases_total', reuse.reused, { use: 'reused' });
  to.put('keepwarm_hops_total', reuse.hops);
  to.put('keepwarm_leaks_suspected_total', leaks.suspected);
  to.put('keepwarm_leaks_recovered_total', leaks.recovered);
  to.put('keepwarm_sockets_open', sockets.open);
  to.put('keepwarm_sockets_closed_total', sockets.closed);
  to.put('keepwarm_sockets_max', sockets.totalMax);
  to.put('keepwarm_tls_sessions', stats.tlsSessions);
  collectPools(to, stats);
  to.put('keepwarm_dns_names', dns.names);
  to.put('keepwarm_dns_questions_total', dns.hits, { answer: 'hit' });
  to.put('keepwarm_dns_questions_total', dns.staleHits, { answer: 'stale' });
  to.put('keepwarm_dns_questions_total', dns.negativeHits, { answer: 'negative' });
  to.put('keepwarm_dns_questions_total', dns.misses, { answer: 'miss' });
  to.put('keepwarm_dns_lookups_total', dns.lookups);
  to.put('keepwarm_dns_lookup_errors_total', dns.errors);
  to.put('keepwarm_dns_lookups_in_flight', dns.inFlight);
}

function collectPools(to: Scrape, { sockets, pools }: ClientStats): void {
  for (const { protocol, origin, section, streams, rttMs } of sockets.live) {
    if (protocol !== 'h2') continue;
    const labels = { origin, section };
    to.put('keepwarm_http2_sessions', 1, labels);
    to.put('keepwarm_http2_streams', streams ?? 0, labels);
    to.put('keepwarm_http2_rtt_seconds', rttMs === undefined ? undefined : rttMs / 1_000, labels);
  }
  for (const { origin, section, opening, inFlight, idle, waiting, socketsMax, saturation } of pools) {
    const labels = { origin, section };
    to.put('keepwarm_pool_opening', opening, labels);
    to.put('keepwarm_pool_in_use', inFlight, labels);
    to.put('keepwarm_pool_idle', idle, labels);
    to.put('keepwarm_pool_waiting', waiting, labels);
    to.put('keepwarm_pool_sockets_max', socketsMax, labels);
    to.put('keepwarm_pool_saturation_ratio', saturation, labels);
  }
}
