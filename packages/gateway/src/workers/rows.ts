/** Rows of the history where several processes do the work: those of one upstream are one. */
import type { MinuteRows } from '../history/kept.ts';
import { merged, type Row } from '../history/row.ts';
import type { Crew } from './crew.ts';

export function crewRows(crew: Crew): MinuteRows {
  return {
    sample: () => crew.send({ say: 'sample' }),
    take: async (_, at, seconds) => {
      // A minute that nobody tells of is missing, as if nobody had been there.
      const parts = await crew.ask({ ask: 'rows', at, seconds }).catch(() => []);
      return rowsTogether(parts.map(({ told }) => told as readonly Row[]));
    },
  };
}

export function rowsTogether(all: readonly (readonly Row[])[]): Row[] {
  const groups = Map.groupBy(all.flat(), ({ upstream }) => upstream);
  return [...groups.values()].map((rows) => ({ ...rows.reduce(merged), seconds: rows[0]!.seconds }));
}
