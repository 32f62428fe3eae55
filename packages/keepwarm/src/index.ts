/** keepwarm: warm connections to the APIs a service depends on. */
export { type CallOptions, Client, type ClientOptions, createClient, type RequestOptions } from './clients/client.ts';
export type { FullReply, Pending } from './clients/pending.ts';
export type { ClientStats } from './clients/stats.ts';
export { CODES, type Code, NetError, type Phase, type Reach } from './core/error.ts';
export type { Observer } from './core/observer.ts';
export type { Reply } from './core/reply.ts';
export type { ReplyFields } from './core/reply-fields.ts';
export type { SocketLife } from './net/sockets.ts';
