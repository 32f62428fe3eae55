/** What a pool of nodes does with answers that it does not take as they come: since the start. */
import type { RpcTold } from '../../admin/rpc-told.ts';
import { Tile } from '../parts/bits.tsx';
import { listed, whole } from '../parts/format.ts';

/** Nothing before the first of them. */
export function AnswersOf({ jsonrpc }: { readonly jsonrpc: RpcTold | undefined }) {
  if (jsonrpc === undefined) return null;
  const { agreed, disagreed, emptyAsked, emptyFound, split, splitParts } = jsonrpc.answers;
  if (agreed + disagreed + emptyAsked + split === 0) return null;
  return (
    <section aria-labelledby="answers-title">
      <h2 class="section" id="answers-title">
        Answers <span class="aside">not taken as they come, since the start</span>
      </h2>
      <div class="tiles three">
        <Tile title="Agreed upon" figure={whole(agreed)} small="by several nodes" bad={disagreed > 0}>
          {disagreed === 0 ? 'none disagreed upon' : `${whole(disagreed)} disagreed upon: DISAGREED to the caller`}
        </Tile>
        <Tile title="Empty, asked elsewhere" figure={whole(emptyAsked)} small="once each">
          {listed([`${whole(emptyFound)} another node had`, `${whole(emptyAsked - emptyFound)} empty there as well`])}
        </Tile>
        <Tile title="Searches split" figure={whole(split)} small="refused as too much">
          {`${whole(splitParts)} parts asked for`}
        </Tile>
      </div>
    </section>
  );
}
