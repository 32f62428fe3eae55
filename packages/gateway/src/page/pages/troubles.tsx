/** What is wrong now, upstream by upstream, before anything else; nothing while all is well. */
import type { UpstreamTold } from '../../admin/snapshot.ts';
import { troublesOf } from '../../admin/trouble.ts';
import { pageAt } from '../data/places.ts';
import { whole } from '../parts/format.ts';

/** More are on the pages of their upstreams. */
const SHOWN = 8;

export function Troubles({ upstreams }: { readonly upstreams: readonly UpstreamTold[] }) {
  const all = upstreams.flatMap((upstream) => {
    const troubles = troublesOf(upstream);
    return troubles.length === 0 ? [] : [{ name: upstream.name, troubles, grave: troubles.some(({ grave }) => grave) }];
  });
  if (all.length === 0) return null;
  const shown = all.toSorted((a, b) => Number(b.grave) - Number(a.grave)).slice(0, SHOWN);
  return (
    <section class="troubles" aria-labelledby="troubles-title">
      <h2 class="section" id="troubles-title">
        Needs attention
      </h2>
      <ul class="panel">
        {shown.map(({ name, troubles, grave }) => (
          <li key={name} data-grave={grave}>
            <a href={pageAt('upstreams', name)}>{name}</a>
            <TroubleLines troubles={troubles} />
          </li>
        ))}
        {all.length > SHOWN ? <li>and {whole(all.length - SHOWN)} more upstreams</li> : null}
      </ul>
    </section>
  );
}

const TroubleLines = ({ troubles }: { readonly troubles: ReturnType<typeof troublesOf> }) => (
  <div>
    {troubles.map(({ grave, words }) => (
      <p key={words} data-grave={grave}>
        {words}
      </p>
    ))}
  </div>
);

/** On the page of one upstream. */
export function TroublesOf({ upstream }: { readonly upstream: UpstreamTold }) {
  const troubles = troublesOf(upstream);
  if (troubles.length === 0) return null;
  return (
    <section class="troubles" aria-label="What needs attention">
      <ul class="panel">
        <li data-grave={troubles.some(({ grave }) => grave)}>
          <TroubleLines troubles={troubles} />
        </li>
      </ul>
    </section>
  );
}
