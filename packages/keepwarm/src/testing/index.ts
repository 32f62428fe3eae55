/**
 * For tests of code that uses keepwarm: time in your hands, an engine that answers as scripted, a server that
 * misbehaves as it is told, and recordings of what a service answers.
 */
export { type Authority, type IssueOptions, makeAuthority, selfSigned } from './certificates.ts';
export { type Distance, type DistanceOptions, startDistance } from './distance.ts';
export {
  type EdgeGridServer,
  type EdgeGridServerOptions,
  startEdgeGridServer,
} from './edgegrid/server.ts';
export type { ExchangeFault, ExchangeServer, ExchangeServerOptions } from './exchange/rules.ts';
export { FakeClock } from './fake-clock.ts';
export { FaultyConnection } from './faulty-connection.ts';
export type { FaultyRequest } from './faulty-request.ts';
export { FaultyServer, type FaultyServerOptions, startFaultyServer } from './faulty-server.ts';
export {
  answer,
  byConnection,
  chunk,
  dribble,
  hangUp,
  inOrder,
  oneByOne,
  pause,
  readBody,
  replyBytes,
  reset,
  type Step,
  send,
  silence,
} from './faulty-steps.ts';
export type { BookChange, LostChange, PublicBook } from './paradex/channels.ts';
export type { ParadexFault, ParadexServerOptions } from './paradex/rules.ts';
export type { ParadexEvent, SbeAmount, SbeLevel } from './paradex/sbe-writer.ts';
export { type ParadexServer, startParadexServer } from './paradex/server.ts';
export { Redaction, type RedactOptions } from './redact.ts';
export {
  aCall,
  aReply,
  failure,
  type Later,
  type Line,
  later,
  never,
  type Outcome,
  type ReplyPlan,
  type Scripted,
  scripted,
} from './scripted-engine.ts';
export { startTape, type Tape, type TapeOptions } from './tape.ts';
export type { TapeBody, TapeExchange } from './tape-file.ts';
export type { VestCrypto, VestFault, VestServerOptions } from './vest/rules.ts';
export { startVestServer, type VestServer } from './vest/server.ts';
