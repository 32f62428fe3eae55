/** Every case of gRPC's interoperability tests against three servers, both ways, and the page that shows it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { leavesNothing } from '../engine/setup.ts';
import { aClient } from './a-server.ts';
import { CASES, type How } from './interop-cases.ts';
import { explanationOf, type Outcome, PAGE_COMMAND, shown, table, writePage } from './interop-page.ts';
import { SERVERS } from './interop-servers.ts';

leavesNothing();

const HOW = { plain: {}, gzip: { compression: 'gzip', compressBytesMin: 0 } } as const;
const outcomes: Outcome[] = [];

for (const [server, start] of Object.entries(SERVERS)) {
  for (const how of ['plain', 'gzip'] as const satisfies readonly How[]) {
    describe(`interoperability with ${server}, ${how}`, () => {
      let target = '';
      const ends: (() => unknown)[] = [];
      before(async () => {
        target = await start({ after: (end) => void ends.push(end) }, how);
      });
      after(async () => {
        for (const end of ends) await end();
      });
      for (const { name, only, run } of CASES) {
        if (only !== undefined && only !== how) continue;
        it(name, async (t) => {
          const client = aClient(t, target, HOW[how]);
          const failure = await run(client).then(
            () => undefined,
            (error: unknown) => error,
          );
          outcomes.push({ case: name, server, how, failed: failure !== undefined });
          const explained = explanationOf({ case: name, server });
          if (explained === undefined) assert.equal(failure, undefined);
          else assert.notEqual(failure, undefined, `${name} is explained, and yet it succeeds: ${explained}`);
        });
      }
    });
  }
}

describe('the page', () => {
  it(`shows every cell as it is; after a change: ${PAGE_COMMAND}`, () => {
    if (process.env['KEEPWARM_WRITE_PAGES'] === '1') writePage(outcomes);
    assert.equal(shown(), table(outcomes));
  });
});
