/**
 * keepwarm, by both of its doors, with every default protection on. The only options set are how many connections it
 * may hold, as for every other client, and whom it trusts.
 */
import { type ClientOptions, createClient, type Client as Keepwarm } from 'keepwarm';
import { bodyOf, CALL_HEADERS, expectOk, type OpenClient, type RpcReply, type Target } from './client.ts';

export const settings = ({ origin, ca, socketsMax }: Target): ClientOptions => ({
  origin,
  tls: { ca },
  pool: { socketsMax, idleMax: socketsMax },
});

/** What the client still counts as under way, and leases it suspects of never coming back. */
function leaked(api: Keepwarm): number {
  const { pools, leaks } = api.stats();
  const busy = pools.reduce((sum, { opening, inFlight, waiting }) => sum + opening + inFlight + waiting, 0);
  return busy + leaks.suspected - leaks.recovered;
}

/** `post().json()` rejects any status but 2xx by itself. */
const opening =
  (more: ClientOptions): OpenClient =>
  (target) => {
    const api = createClient({ ...settings(target), ...more });
    const options = { headers: CALL_HEADERS };
    const body = bodyOf(target);
    return {
      call: () => api.post(target.path, body, options).json<RpcReply>(),
      leaked: () => leaked(api),
      close: () => api.close(),
    };
  };

export const openPost = opening({});
/** What policies cost: none of them, and more than the defaults. */
export const openBare = opening({ retry: false, breaker: false });
export const openLimited = opening({ rateLimit: { limit: 1_000_000, windowMs: 1_000 }, concurrency: { limit: 200 } });
export const openHttp1 = opening({ http2: 'never' });
export const openHttp2 = opening({ http2: 'prefer' });

export const openFetch: OpenClient = (target) => {
  const api = createClient(settings(target));
  const url = target.origin + target.path;
  const body = bodyOf(target);
  return {
    call: async () => {
      const response = await api.fetch(url, { method: 'POST', headers: CALL_HEADERS, body });
      expectOk(response.status);
      return (await response.json()) as RpcReply;
    },
    leaked: () => leaked(api),
    close: () => api.close(),
  };
};
