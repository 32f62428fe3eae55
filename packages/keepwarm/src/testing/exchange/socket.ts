/** The server's end of a WebSocket, as little of it as a stand-in for an exchange needs: whole frames. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export interface ServerSocket {
  say(message: object): void;
  /** A binary message. */
  sayBytes(bytes: Uint8Array): void;
  destroy(): void;
}

/** RFC 6455 § 1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export function acceptWebSocket(
  request: IncomingMessage,
  socket: Socket,
  heard: (message: unknown) => void,
): ServerSocket {
  const key = String(request.headers['sec-websocket-key']);
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
  socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  let waiting = Buffer.alloc(0);
  const read = (): void => {
    for (let frame = frameIn(waiting); frame !== undefined; frame = frameIn(waiting)) {
      waiting = waiting.subarray(frame.bytes);
      if (frame.opcode === TEXT) heard(JSON.parse(frame.payload.toString()));
      if (frame.opcode === PING) socket.write(framed(PONG, frame.payload));
      if (frame.opcode === CLOSE) socket.end(framed(CLOSE, frame.payload));
    }
  };
  socket.on('data', (bytes: Buffer) => {
    waiting = Buffer.concat([waiting, bytes]);
    read();
  });
  socket.on('error', () => undefined);
  const say = (opcode: number, payload: Buffer): void =>
    void (socket.writable && socket.write(framed(opcode, payload)));
  return {
    say: (message) => say(TEXT, Buffer.from(JSON.stringify(message))),
    sayBytes: (bytes) => say(BINARY, Buffer.from(bytes)),
    destroy: () => socket.destroy(),
  };
}

/** The first frame, unmasked; nothing while it is not whole. */
function frameIn(bytes: Buffer): { opcode: number; payload: Buffer; bytes: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const at = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < at + 4) return undefined;
  const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  const end = at + 4 + length;
  if (bytes.length < end) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, end)).map((byte, index) => byte ^ mask[index % 4]!);
  return { opcode: bytes[0]! & 0x0f, payload: Buffer.from(payload), bytes: end };
}

function framed(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  // RFC 6455 § 5.2: written in the shortest of the three ways.
  const head = Buffer.alloc(length > 0xffff ? 10 : length > 125 ? 4 : 2);
  head[0] = 0x80 | opcode;
  head[1] = length > 0xffff ? 127 : Math.min(length, 126);
  if (length > 0xffff) head.writeBigUInt64BE(BigInt(length), 2);
  else if (length > 125) head.writeUInt16BE(length, 2);
  return Buffer.concat([head, payload]);
}
