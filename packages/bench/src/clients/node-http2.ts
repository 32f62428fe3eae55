/**
 * `node:http2` by hand, as carefully as one would write it: sessions kept and filled up to what the peer allows, with
 * windows as large as ours, headers prepared once, the reply gathered and parsed.
 */
import { type ClientHttp2Session, connect } from 'node:http2';
import { bodyOf, CALL_HEADERS, expectOk, type OpenClient, type RpcReply, type Target } from './client.ts';

const WINDOW_BYTES = 1_048_576;
/** Streams at once on one session, where the peer allows as many. */
const STREAMS_MAX = 100;

/** Sessions in the order they were opened; a call goes to the first with room. */
class Sessions {
  readonly #target: Target;
  readonly #open: { readonly session: ClientHttp2Session; streams: number }[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  take(): { readonly session: ClientHttp2Session; streams: number } {
    const place =
      this.#open.find(({ session, streams }) => streams < roomOf(session)) ??
      (this.#open.length < this.#target.socketsMax ? this.#dial() : this.#open[0]!);
    place.streams++;
    return place;
  }

  close(): void {
    for (const { session } of this.#open) session.destroy();
  }

  #dial(): { readonly session: ClientHttp2Session; streams: number } {
    const { origin, ca } = this.#target;
    const session = connect(origin, { ca, settings: { enablePush: false, initialWindowSize: WINDOW_BYTES } });
    const place = { session, streams: 0 };
    this.#open.push(place);
    session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    session.on('error', () => session.destroy()); // each of its streams says so too, to its own caller
    const leave = (): void => {
      const at = this.#open.indexOf(place);
      if (at >= 0) this.#open.splice(at, 1);
    };
    session.on('goaway', leave).on('close', leave);
    return place;
  }
}

const roomOf = ({ remoteSettings }: ClientHttp2Session): number =>
  Math.min(STREAMS_MAX, remoteSettings?.maxConcurrentStreams ?? STREAMS_MAX);

export const open: OpenClient = (target) => {
  const sessions = new Sessions(target);
  const body = bodyOf(target);
  const headers = {
    ...CALL_HEADERS,
    ':method': 'POST',
    ':path': target.path,
    'content-length': String(body.length),
  };
  const call = (): Promise<RpcReply> =>
    new Promise((resolve, reject) => {
      const place = sessions.take();
      const stream = place.session.request(headers);
      const chunks: Buffer[] = [];
      let status: number | undefined;
      stream.on('response', (head) => {
        status = head[':status'];
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        try {
          expectOk(status);
          const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
          resolve(JSON.parse(bytes.toString()) as RpcReply);
        } catch (error) {
          reject(error);
        }
      });
      stream.on('close', () => {
        place.streams--;
        reject(new Error('the stream was closed')); // heard only where nothing else was said
      });
      stream.end(body);
    });
  return { call, close: () => sessions.close() };
};
