/** What the tests use of the `ws` package, version 8. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events';
  import type { IncomingMessage } from 'node:http';
  import type { Duplex } from 'node:stream';

  export interface Peer {
    readonly readyState: number;
    send(data: string | Uint8Array, options?: { readonly binary?: boolean; readonly fin?: boolean }): void;
    ping(data?: string): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
    on(event: 'message', listener: (data: Buffer, binary: boolean) => void): this;
    on(event: 'ping' | 'pong', listener: (data: Buffer) => void): this;
    on(event: 'close', listener: (code: number, reason: Buffer) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    readonly _socket: Duplex & { pause(): void; resume(): void };
  }

  export class WebSocket extends EventEmitter {
    constructor(
      url: string,
      protocols?: string[],
      options?: { readonly headers?: Record<string, string>; readonly ca?: string },
    );
    readonly protocol: string;
    readonly extensions: string;
    send(data: string | Uint8Array): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
    pause(): void;
  }

  export class WebSocketServer {
    constructor(options: {
      readonly port?: number;
      readonly host?: string;
      readonly noServer?: boolean;
      readonly server?: import('node:http').Server;
      readonly autoPong?: boolean;
      readonly perMessageDeflate?: boolean;
      readonly maxPayload?: number;
    });
    readonly clients: Set<Peer>;
    address(): { readonly port: number };
    on(event: 'connection', listener: (peer: Peer, request: IncomingMessage) => void): this;
    on(event: 'listening', listener: () => void): this;
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, ready: (peer: Peer) => void): void;
    close(ready?: () => void): void;
  }
}
