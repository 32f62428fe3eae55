/**
 * Whoever listens to a dispatch, in either generation of undici's interface.
 *
 * undici 8 calls `onRequestStart`, `onResponseStart` …; undici 7 and older, and with them the fetch built into Node 22
 * and 24, call `onConnect`, `onHeaders` …. A dispatcher that knows both can be passed to all of them as it is: undici's
 * own Agent cannot, which is why its `Dispatcher1Wrapper` exists.
 */
import type { Dispatcher } from 'undici';
import { invalidArgument } from './errors.ts';

export type Handler = Dispatcher.DispatchHandler;
export type Controller = Dispatcher.DispatchController;

/** The callbacks of undici 7 and older; answers of false mean: pause. */
interface OlderHandler {
  onConnect?(abort: (reason?: Error) => void, context: unknown): void;
  onHeaders?(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean | undefined;
  onData?(chunk: Buffer): boolean | undefined;
  onComplete?(rawTrailers: Buffer[]): void;
  onError?(error: Error): void;
  onResponseStarted?(): void;
  onBodySent?(chunk: Buffer): void;
  onRequestSent?(): void;
}

/** @throws InvalidArgumentError for what is not a handler: then there is nobody else to tell */
export function handlerOf(given: unknown): Handler {
  if (typeof given !== 'object' || given === null) throw invalidArgument('handler must be an object');
  if ('onRequestStart' in given && typeof given.onRequestStart === 'function') return given as Handler;
  if ('onConnect' in given || 'onHeaders' in given || 'onError' in given) return newer(given as OlderHandler);
  throw invalidArgument('invalid onRequestStart method');
}

function newer(older: OlderHandler): Handler {
  return {
    onRequestStart: (controller, context) => older.onConnect?.((reason) => abort(controller, reason), context),
    onResponseStarted: () => older.onResponseStarted?.(),
    onResponseStart(controller, status, _headers, statusText = '') {
      const raw = buffersOf(controller.rawHeaders);
      if (older.onHeaders?.(status, raw, () => controller.resume(), statusText) === false) controller.pause();
    },
    onResponseData(controller, chunk) {
      if (older.onData?.(chunk) === false) controller.pause();
    },
    onResponseEnd: (controller) => older.onComplete?.(buffersOf(controller.rawTrailers)),
    onResponseError(_controller, error) {
      if (older.onError === undefined) throw error;
      older.onError(error);
    },
    onBodySent: (chunk) => older.onBodySent?.(chunk),
    onRequestSent: () => older.onRequestSent?.(),
  };
}

/** Those of old may abort without a reason; the controller finds one. */
function abort(controller: Controller, reason: Error | undefined): void {
  controller.abort(reason as Error);
}

function buffersOf(raw: Controller['rawHeaders']): Buffer[] {
  return Array.isArray(raw) ? raw.map((each) => (typeof each === 'string' ? Buffer.from(each, 'latin1') : each)) : [];
}
