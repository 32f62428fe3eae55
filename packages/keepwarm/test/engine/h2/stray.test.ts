/** DATA on streams that are over: read away as far as it may have been on its way, and no further (RFC 9113 § 5.1). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR } from '../../../src/wire/h2/codes.ts';
import { data, headers, reset } from '../../wire/h2/raw.ts';
import { errorOf, leavesNothing, until } from '../setup.ts';
import { aTalk, type Line, STATUS_200 } from './a-peer.ts';

leavesNothing();

const WINDOW_BYTES = 65_535;
const options = { session: { streamWindowBytes: WINDOW_BYTES } };

const left = (line: Line): Promise<void> =>
  until(() => line.heard.includes(`goaway 0 ${ERROR.STREAM_CLOSED}`), `GOAWAY, instead of ${line.heard.slice(-3)}`);

describe('DATA on a stream that is over', () => {
  it('may still be what the stream was allowed; with more the session ends', async (t) => {
    let given = 0;
    const talk = aTalk(
      t,
      {
        request: (line, { id, path }) => {
          if (path !== '/long') return line.answer(id);
          given = id;
          line.send(headers(id, STATUS_200), data(id, 'begun'));
        },
      },
      options,
    );
    const { client, peer } = await talk;
    const reply = await client.get('/long');
    reply.discard();
    const line = peer.lines[0]!;
    await until(() => line.heard.some((each) => each.startsWith(`reset ${given} `)), `RST_STREAM in ${line.heard}`);
    for (let sent = 5; sent < WINDOW_BYTES; ) {
      const size = Math.min(10_000, WINDOW_BYTES - sent);
      line.send(data(given, 'x'.repeat(size)));
      sent += size;
    }
    assert.equal(await client.get('/other').text(), 'ok');
    assert.equal(peer.lines.length, 1, 'what was on its way harms nobody');
    line.send(data(given, 'x'));
    await left(line);
    assert.equal(await client.get('/other').text(), 'ok');
    assert.equal(peer.lines.length, 2);
  });

  for (const [how, end] of [
    ['was answered to its end', (line: Line, id: number) => line.answer(id)],
    ['its peer has reset', (line: Line, id: number) => line.send(headers(id, STATUS_200), reset(id, ERROR.CANCEL))],
  ] as const) {
    it(`which ${how}, ends the session`, async (t) => {
      const { client, peer } = await aTalk(
        t,
        {
          request: (line, { id, path }) => {
            end(line, id);
            if (path === '/bad') line.send(data(id, 'x'));
          },
        },
        options,
      );
      await client.post('/bad', 'x').text().catch(errorIs);
      await left(peer.lines[0]!);
    });
  }

  it('without a byte of it counts as what gets nobody anywhere', async (t) => {
    const { client, peer } = await aTalk(t, {
      request: (line, { id }) => line.send(headers(id, STATUS_200), reset(id, ERROR.CANCEL)),
    });
    await errorOf(client.post('/', 'x').text());
    const line = peer.lines[0]!;
    const padded = Buffer.concat([Buffer.from([0, 0, 1, 0, 8]), Buffer.from([0, 0, 0, 1]), Buffer.from([0])]);
    line.send(...Array.from({ length: 1_500 }, () => data(1, '')), ...Array.from({ length: 1_500 }, () => padded));
    await until(
      () => line.heard.some((each) => /^goaway 0 (?:5|11)$/.test(each)),
      `GOAWAY, instead of ${line.heard.slice(-3)}`,
    );
  });
});

const errorIs = (thrown: unknown): void => assert(thrown instanceof Error);
