/** Methods as the client knows them: a path, and how their messages become bytes. Whose codec it is does not matter. */
import { checkPath } from '../../core/fields.ts';
import { invalid, show } from '../options.ts';

/** @template I what is sent @template O what comes back */
export interface GrpcMethod<I, O> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly encode: (message: I) => Uint8Array;
  /** The bytes are its own: it may keep them. */
  readonly decode: (bytes: Uint8Array) => O;
  /** Doing it twice has the effect of doing it once: only then is it repeated once it was sent. Default false. */
  readonly idempotent?: boolean | undefined;
}

/** A method whose messages are bytes, both ways. @throws NetError `INVALID` for a path that is none */
export function rawMethod(
  path: string,
  options: { readonly idempotent?: boolean | undefined } = {},
): GrpcMethod<Uint8Array, Uint8Array> {
  return { path: checkMethodPath(path), encode: same, decode: same, idempotent: options.idempotent };
}

function same(bytes: Uint8Array): Uint8Array {
  return bytes;
}

/** @throws NetError `INVALID` */
export function checkMethodPath(path: unknown): string {
  if (typeof path === 'string' && /^\/[^/?]+\/[^/?]+$/.test(path)) return checkPath(path);
  throw invalid(`a method has the path ${show(path)}; allowed: "/package.Service/Method"`);
}
