/** What answers to reads mean on one kind of node, as data: by which the answers of several nodes are held together. */

/**
 * Why an answer says too little to be believed of one node alone.
 *  - `absent`: a thing was asked for by its name, and is not there: not yet at this node, no more, or nowhere.
 *  - `none`: a search found nothing. It may be trusted as far as the node has come, and no further.
 */
export type Emptiness = 'absent' | 'none';

export interface AnswerTraits {
  /** Whether this answer says that there is nothing, where another node may have something. Default never. */
  readonly empty?: ((result: unknown, params: unknown) => Emptiness | undefined) | undefined;
}

/** Of reads, by method; those that are not in it are believed as they come. */
export type AnswerTable = Readonly<Record<string, AnswerTraits>>;
