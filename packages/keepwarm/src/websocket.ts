/** keepwarm/websocket: WebSocket frames as bytes, for programs that have the socket themselves. */
export { NetError } from './core/error.ts';
export {
  closePayload,
  type FrameHandler,
  FrameReader,
  maskedFrame,
  OPCODE,
  plainFrame,
} from './wire/websocket-frames.ts';
