/** A server that speaks HTTP/2 as a test tells it to, lies included: frames by hand, and notes of what it hears. */
import { Buffer } from 'node:buffer';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type ClientOptions, createClient } from '../../../src/index.ts';
import { FrameReader } from '../../../src/wire/h2/frame-reader.ts';
import { HpackDecoder } from '../../../src/wire/hpack/decoder.ts';
import { data, headers, settings, settingsAck, windowUpdate } from '../../wire/h2/raw.ts';
import { aClient } from '../setup.ts';

export interface Asked {
  readonly id: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly path: string;
  /** Its field block, as it came. */
  readonly block: Buffer;
  body: string;
  ended: boolean;
  /** The code of the client's RST_STREAM. */
  reset: number | undefined;
}

export const STATUS_200 = '\x88';
const END = 0x5; // END_HEADERS and END_STREAM

export class Line {
  readonly socket: Socket;
  readonly asked: Asked[] = [];
  /** Other frames of the client, as text. */
  readonly heard: string[] = [];
  bytes = 0;
  readonly #decoder = new HpackDecoder({ listBytesMax: 1_000_000, fieldsMax: 1_000 });

  constructor(socket: Socket) {
    this.socket = socket;
  }

  send(...frames: Buffer[]): void {
    for (const frame of frames) this.socket.write(frame);
  }

  /** A whole small answer. */
  answer(id: number, text = 'ok'): void {
    this.socket.cork();
    this.send(headers(id, STATUS_200), data(id, text, true));
    this.socket.uncork();
  }

  answerHead(id: number): void {
    this.send(headers(id, STATUS_200, END));
  }

  find(id: number): Asked | undefined {
    return this.asked.find((each) => each.id === id);
  }

  reader(peer: Peer): FrameReader {
    const note = (text: string): void => void this.heard.push(text);
    const ended = (asked: Asked): void => {
      asked.ended = true;
      peer.script.request?.(this, asked);
    };
    return new FrameReader(
      { blockBytesMax: 1_000_000, continuationsMax: 100 },
      {
        onData: (id, bytes, from, to) => {
          this.bytes += to - from;
          const asked = this.find(id);
          if (asked !== undefined) asked.body += bytes.toString('latin1', from, to);
        },
        onDataEnd: (id, endStream) => {
          const asked = this.find(id);
          if (asked === undefined) return;
          peer.script.data?.(this, asked);
          if (endStream) ended(asked);
        },
        onHeaders: (id, block, from, to, endStream) => {
          const fields = new Map<string, string>();
          this.#decoder.decode(block, from, to, (name, value) => {
            fields.set(name, fields.has(name) ? `${fields.get(name)}; ${value}` : value);
          });
          const path = fields.get(':path')!;
          const copy = Buffer.from(block.subarray(from, to));
          const asked: Asked = { id, fields, path, block: copy, body: '', ended: false, reset: undefined };
          this.asked.push(asked);
          peer.script.head?.(this, asked);
          if (endStream) ended(asked);
        },
        onReset: (id, code) => {
          note(`reset ${id} ${code}`);
          const asked = this.find(id);
          if (asked !== undefined) asked.reset = code;
        },
        onSettings: (pairs) => {
          note(`settings ${JSON.stringify(pairs)}`);
          if (peer.script.acks ?? peer.script.connected === undefined) this.send(settingsAck());
        },
        onSettingsAck: () => note('settings ack'),
        onPing: (ack, bytes, from) => {
          note(ack ? 'pong' : 'ping');
          if (!ack) peer.script.ping?.(this, bytes.subarray(from, from + 8));
        },
        onGoaway: (last, code) => note(`goaway ${last} ${code}`),
        onWindowUpdate: (id, by) => note(`window ${id} ${by}`),
        onIgnored: (id) => note(`ignored ${id}`),
        onStreamFault: (id, _code, why) => note(`fault ${id} ${why}`),
      },
    );
  }
}

export interface Script {
  /** The server's first frames; empty settings when left out. */
  readonly hello?: Buffer | undefined;
  /** Whether it acknowledges settings. Default true, unless it has its own way to begin. */
  readonly acks?: boolean;
  /** When it is connected, before anything is read. */
  connected?(line: Line): void;
  head?(line: Line, asked: Asked): void;
  data?(line: Line, asked: Asked): void;
  /** A request that is there whole. */
  request?(line: Line, asked: Asked): void;
  ping?(line: Line, bytes: Buffer): void;
}

export class Peer {
  readonly lines: Line[] = [];
  script: Script;
  origin = '';

  constructor(script: Script) {
    this.script = script;
  }

  get line(): Line {
    return this.lines.at(-1)!;
  }
  get asked(): Asked[] {
    return this.lines.flatMap(({ asked }) => asked);
  }
}

const PREFACE_BYTES = 24;

export async function aPeer(t: TestContext, script: Script): Promise<Peer> {
  const peer = new Peer(script);
  const server = createServer((socket) => {
    const line = new Line(socket);
    peer.lines.push(line);
    const reader = line.reader(peer);
    let preface = PREFACE_BYTES;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const skip = Math.min(preface, bytes.length);
      preface -= skip;
      if (skip < bytes.length) reader.read(bytes as Buffer, skip, bytes.length);
    });
    if (peer.script.connected !== undefined) return peer.script.connected(line);
    line.send(peer.script.hello ?? settings());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  peer.origin = `http://127.0.0.1:${address.port}`;
  t.after(async () => {
    for (const { socket } of peer.lines) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return peer;
}

/** A peer and a client of it, which speaks HTTP/2 to it without asking. */
export async function aTalk(t: TestContext, script: Script, options: ClientOptions = {}) {
  const peer = await aPeer(t, script);
  const client = aClient(t, { origin: peer.origin, http2: 'prior-knowledge', retry: false, ...options });
  return { peer, client };
}

/** Lets a peer send as much as it likes for the uploads of a test. */
export const wide = (line: Line, id: number): void =>
  line.send(windowUpdate(0, 1_000_000), windowUpdate(id, 1_000_000));

export { createClient };
