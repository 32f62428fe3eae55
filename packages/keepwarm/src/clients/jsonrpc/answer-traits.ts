/** What answers to reads mean on one kind of node, as data: by which the answers of several nodes are held together. */

import type { RpcErrorObject } from '../../wire/jsonrpc/answer.ts';

/**
 * Why an answer says too little to be believed of one node alone.
 *  - `absent`: a thing was asked for by its name, and is not there: not yet at this node, no more, or nowhere.
 *  - `none`: a search found nothing. It may be trusted as far as the node has come, and no further.
 */
export type Emptiness = 'absent' | 'none';

/** Heights from one to another, both included. */
export interface HeightRange {
  readonly from: number;
  readonly to: number;
}

/** Too many heights in one call, or too much found in them. */
export type TooMuch = 'range' | 'results';

/** A search in a range of heights, whose result is a list in their order. */
export interface RangeTraits {
  /** The range these params name; nothing unless both of its ends are numbers. */
  readonly of: (params: unknown) => HeightRange | undefined;
  /** The same search in another range. */
  readonly with: (params: unknown, range: HeightRange) => unknown;
  /** Whether this error says that a smaller part may be answered. */
  readonly tooMuch: (error: RpcErrorObject) => TooMuch | undefined;
}

export interface AnswerTraits {
  /** Whether this answer says that there is nothing, where another node may have something. Default never. */
  readonly empty?: ((result: unknown, params: unknown) => Emptiness | undefined) | undefined;
  /** How a search that was too much is done in parts. Default: it is not. */
  readonly range?: RangeTraits | undefined;
}

/** Of reads, by method; those that are not in it are believed as they come. */
export type AnswerTable = Readonly<Record<string, AnswerTraits>>;
