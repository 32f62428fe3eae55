/** Every row, through every way, over every protocol, against every server: what came of it. */
import { EXPLAINED, type Explained } from './explained.ts';
import { ROWS, type Row } from './rows.ts';
import { type Running, startServers } from './servers.ts';
import { type Protocol, WAYS, type Way } from './ways.ts';

export interface Cell {
  readonly row: Row;
  readonly server: Running;
  readonly protocol: Protocol;
  readonly way: Way;
  /** `wrong` is a failure nobody has explained, or an explanation of what no longer fails. */
  readonly outcome: 'green' | 'explained' | 'wrong';
  readonly explained: Explained | undefined;
  /** What was not as promised. */
  readonly failure: string | undefined;
}

/** The longest one cell may take, in ms: whatever hangs is named. */
const CELL_MS = 15_000;

export const PROTOCOLS: readonly Protocol[] = ['h1', 'h2'];

export async function runMatrix(full: boolean, only = '', told: (cell: Cell) => void = () => {}): Promise<Cell[]> {
  const fleet = await startServers(only);
  const cells: Cell[] = [];
  try {
    for (const server of fleet.servers) {
      for (const protocol of PROTOCOLS) {
        for (const way of WAYS.filter(({ protocols }) => protocols.includes(protocol))) {
          const lane = way.open(server.url, protocol, fleet.authority.cert);
          for (const row of ROWS) {
            const failure = await within(CELL_MS, row.run({ lane, way, protocol, full }));
            const cell = judged({ row, server, protocol, way }, failure);
            cells.push(cell);
            told(cell);
          }
          await lane.close();
        }
      }
    }
  } finally {
    await fleet.close();
  }
  return cells;
}

function judged(where: Pick<Cell, 'row' | 'server' | 'protocol' | 'way'>, failure: string | undefined): Cell {
  const explained = EXPLAINED.find(
    ({ row, servers, protocols, ways }) =>
      row === where.row.name &&
      servers.includes(where.server.name) &&
      (protocols?.includes(where.protocol) ?? true) &&
      (ways?.includes(where.way.name) ?? true),
  );
  if (explained === undefined) {
    return { ...where, explained, failure, outcome: failure === undefined ? 'green' : 'wrong' };
  }
  if (failure === undefined && !explained.sometimes) {
    return { ...where, explained, failure: 'it is explained, and holds: strike the explanation', outcome: 'wrong' };
  }
  return { ...where, explained, failure, outcome: 'explained' };
}

/** What went wrong, in a line. */
async function within(ms: number, run: Promise<void>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`it took longer than ${ms} ms`), ms);
  });
  const ended = run.then(() => undefined, lineOf);
  const failure = await Promise.race([ended, late]);
  clearTimeout(timer);
  return failure;
}

function lineOf(error: unknown): string {
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  const beneath = cause instanceof Error ? ` (${cause.message})` : '';
  return `${message}${beneath}`.replaceAll(/\s+/g, ' ').slice(0, 300);
}
