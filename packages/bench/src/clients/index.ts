/** The clients by the names the tables use. Each is loaded only in the process that runs it. */
import type { OpenClient } from './client.ts';

export const CLIENTS: Readonly<Record<string, () => Promise<OpenClient>>> = {
  keepwarm: async () => (await import('./keepwarm.ts')).openPost,
  'keepwarm fetch': async () => (await import('./keepwarm.ts')).openFetch,
  'undici.dispatch': async () => (await import('./undici.ts')).openDispatch,
  'undici.request': async () => (await import('./undici.ts')).openRequest,
  'undici.request(url)': async () => (await import('./undici.ts')).openRequestUrl,
  'undici.fetch': async () => (await import('./undici.ts')).openFetch,
  'global fetch': async () => (await import('./global-fetch.ts')).open,
  'node:http': async () => (await import('./node-http.ts')).open,
  axios: async () => (await import('./axios.ts')).open,
  got: async () => (await import('./got.ts')).open,
  'bare socket': async () => (await import('./bare-socket.ts')).open,
  'rpc.call': async () => (await import('./rpc.ts')).openCall,
  'rpc.call batching': async () => (await import('./rpc.ts')).openBatching,
  'undici by hand': async () => (await import('./rpc.ts')).openByHand,
  'viem http': async () => (await import('./rpc.ts')).openViem,
  'viem over rpc.fetch': async () => (await import('./rpc.ts')).openViemPooled,
  'web3.js': async () => (await import('./rpc.ts')).openWeb3,
  'web3.js over rpc.fetch': async () => (await import('./rpc.ts')).openWeb3Pooled,
  'keepwarm bare': async () => (await import('./keepwarm.ts')).openBare,
  'keepwarm limited': async () => (await import('./keepwarm.ts')).openLimited,
  'keepwarm h2': async () => (await import('./keepwarm.ts')).openHttp2,
  'keepwarm h1': async () => (await import('./keepwarm.ts')).openHttp1,
  'node:http2 by hand': async () => (await import('./node-http2.ts')).open,
  'undici h2': async () => (await import('./undici-h2.ts')).openRequest,
  'got http2': async () => (await import('./got-http2.ts')).open,
  'undici.fetch over keepwarm': async () => (await import('./undici-h2.ts')).openFetchPooled,
  'undici.fetch h2': async () => (await import('./undici-h2.ts')).openFetch,
  'undici.fetch h1 over keepwarm': async () => (await import('./undici-h2.ts')).openFetchPooledHttp1,
  'undici.fetch h1': async () => (await import('./undici-h2.ts')).openFetchHttp1,
  'node:https over keepwarm': async () => (await import('./node-http-pooled.ts')).open,
  'node:https': async () => (await import('./node-http.ts')).open,
  'keepwarm/grpc': async () => (await import('../grpc/ours.ts')).openClient,
  'keepwarm/grpc bytes': async () => (await import('../grpc/ours.ts')).openBytes,
  'keepwarm/yellowstone': async () => (await import('../grpc/ours.ts')).openYellowstone,
  'connect over keepwarm': async () => (await import('../grpc/ours.ts')).openConnect,
  'grpc-js': async () => (await import('../grpc/peers.ts')).openGrpcJs,
  'connect-node': async () => (await import('../grpc/peers.ts')).openConnectNode,
  'yellowstone native': async () => (await import('../grpc/peers.ts')).openNative,
  'keepwarm/grpc, many': async () =>
    (await import('../grpc/many.ts')).many((await import('../grpc/ours.ts')).openClient),
  'grpc-js, many': async () => (await import('../grpc/many.ts')).many((await import('../grpc/peers.ts')).openGrpcJs),
  '1 monitor, bytes': async () => (await import('../grpc/ours.ts')).openMonitors(1, false),
  '50 monitors, bytes': async () => (await import('../grpc/ours.ts')).openMonitors(50, false),
  '1 monitor, decoded': async () => (await import('../grpc/ours.ts')).openMonitors(1, true),
  '50 monitors, decoded': async () => (await import('../grpc/ours.ts')).openMonitors(50, true),
};

/** The C program that marks what the machine allows; run by the orchestrator, not in a client process. */
export const WRK = 'wrk';

/** Who takes part where calls are measured: those before the bare socket, which speaks no HTTP. */
export const CALLERS: readonly string[] = Object.keys(CLIENTS).slice(0, Object.keys(CLIENTS).indexOf('bare socket'));
