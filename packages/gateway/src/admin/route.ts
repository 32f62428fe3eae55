/**
 * What a path of the admin listener is: data, so that the server, the documentation and tests read one table. A handler
 * gets what was asked and answers with values; bytes, heads and who may ask are the server's concern.
 */
import type { ServerResponse } from 'node:http';
import type { AdminView } from './view.ts';

/**
 *  - `anyone`: whoever reaches the listener. It tells nothing, or it is where a token is shown.
 *  - `reader`: processes of this machine, and whoever has a token.
 *  - `operator`: whoever has a token. Everything that acts.
 */
export type Audience = 'anyone' | 'reader' | 'operator';

export interface Ask {
  readonly query: URLSearchParams;
  /** Fields of the request, by lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The JSON of a POST, which is an object; `{}` for a GET. */
  readonly body: Readonly<Record<string, unknown>>;
}

export type Answer =
  | { readonly status?: number; readonly json: unknown }
  | {
      readonly status?: number;
      readonly type: string;
      readonly text: string | Buffer;
      readonly headers?: [string, string][];
    }
  /** Writes head and body itself, for as long as the connection lasts. */
  | { readonly stream: (response: ServerResponse) => void };

/** @typeParam V what it needs to see */
export interface Route<V = AdminView> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly audience: Audience;
  /** Whether it changes something. */
  readonly acts: boolean;
  readonly summary: string;
  readonly answer: (view: V, ask: Ask) => Answer | Promise<Answer>;
}

/** Something was asked for that cannot be. The message names the thing, the value and what is allowed. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A path that only tells. */
export const tells = <V = AdminView>(
  path: string,
  summary: string,
  answer: Route<V>['answer'],
  audience: Audience = 'reader',
): Route<V> => ({
  method: 'GET',
  path,
  audience,
  acts: false,
  summary,
  answer,
});
