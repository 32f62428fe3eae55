/** What the data path needs of a request and its answer, in whichever version of HTTP they came. */
import type { IncomingHttpHeaders } from 'node:http';
import type { RequestId } from './request-ids.ts';

export interface CallerRequest {
  readonly method?: string | undefined;
  /** As it came: a path with its query, or a URL. */
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** Lower-case names. */
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly socket: { readonly remoteAddress?: string | undefined };
  /** Of a version that frames messages by itself: whether a body follows whose length was not told. */
  readonly lengthUntold?: boolean;
  /** Over TLS. */
  readonly secure?: boolean;
  /** Given by whoever let it in; none for what was refused before. */
  requestId?: RequestId | undefined;
  /** It has arrived to its end. */
  readonly complete: boolean;
  readonly destroyed: boolean;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  iterator(options: { readonly destroyOnReturn: boolean }): AsyncIterator<Buffer> & AsyncIterable<Buffer>;
  resume(): unknown;
  destroy(): unknown;
}

export interface CallerResponse {
  readonly req: { readonly method?: string | undefined; readonly requestId?: RequestId | undefined };
  /** @param fields names and values in turn */
  writeHead(status: number, reason: string, fields: string[]): unknown;
  writeContinue(): void;
  flushHeaders(): void;
  write(chunk: Uint8Array): boolean;
  end(chunk?: Uint8Array | string): unknown;
  destroy(): unknown;
  on(event: 'drain' | 'close', listener: () => void): unknown;
}
