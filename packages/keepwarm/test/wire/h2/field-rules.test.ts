/** Field sections against RFC 9113 § 8, and against what Node's own HTTP/2 makes of the same. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { responseFault, trailersFault } from '../../../src/wire/h2/field-rules.ts';
import { blockBytesMax, type FieldPair, HpackEncoder } from '../../../src/wire/hpack/encoder.ts';
import { chance } from '../hpack/hunt.ts';
import { NodeSession } from '../hpack/node-session.ts';

/** A section from `name: value` lines. */
const flat = (...lines: string[]): string[] =>
  lines.flatMap((line) => {
    const colon = line.indexOf(':', 1);
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
  });

type Case = readonly [fields: string[], why: RegExp | undefined];

function judge(what: string, fault: (fields: readonly string[]) => string | undefined, cases: readonly Case[]): void {
  describe(what, () => {
    for (const [fields, why] of cases) {
      it(`${why === undefined ? 'may' : 'may not'} be ${JSON.stringify(fields)}`, () => {
        if (why === undefined) assert.equal(fault(fields), undefined);
        else assert.match(fault(fields) ?? 'nothing is wrong', why);
      });
    }
  });
}

judge('a response', responseFault, [
  [flat(':status: 200'), undefined],
  [flat(':status: 103', 'link: </a>'), undefined],
  [flat(':status: 599', 'content-length: 0', 'set-cookie: a', 'set-cookie: b'), undefined],
  [flat(':status: 200', 'te: trailers'), undefined],
  [[], /does not begin with :status/],
  [flat('server: x', ':status: 200'), /does not begin with :status/],
  [flat(':status: 200', ':status: 200'), /:status where none may stand/],
  [flat(':status: 200', ':path: /'), /:path where none may stand/],
  [flat(':status: 200', 'server: x', ':x: y'), /:x where none may stand/],
  [flat(':status: 20'), /three digits/],
  [flat(':status: 099'), /three digits/],
  [flat(':status: 2000'), /three digits/],
  [flat(':status: +20'), /three digits/],
  [flat(':status: 101'), /101/],
  [flat(':status: 200', 'connection: close'), /connection, which speaks/],
  [flat(':status: 200', 'transfer-encoding: chunked'), /transfer-encoding, which speaks/],
  [flat(':status: 200', 'keep-alive: timeout=5'), /keep-alive, which speaks/],
  [flat(':status: 200', 'upgrade: h2c'), /upgrade, which speaks/],
  [flat(':status: 200', 'proxy-connection: keep-alive'), /proxy-connection, which speaks/],
  [flat(':status: 200', 'te: gzip'), /te other than trailers/],
  [flat(':status: 200', 'content-length: 1', 'content-length: 1'), /more than one content-length/],
  [flat(':status: 200', 'content-length: 1a'), /not a number/],
  [flat(':status: 200', 'content-length: -1'), /not a number/],
  [flat(':status: 200', 'content-length: 9007199254740992'), /not a number/],
  [flat(':status: 200', 'Server: x'), /upper-case/],
  [[':status', '200', 'x', 'a\nb'], /no field value/],
]);

judge('trailers', trailersFault, [
  [[], undefined],
  [flat('grpc-status: 0', 'grpc-message: '), undefined],
  [flat(':status: 200'), /:status where none may stand/],
  [flat('grpc-status: 0', ':status: 200'), /:status where none may stand/],
  [flat('connection: close'), /speaks of a connection/],
  [flat('content-length: 5'), /content-length in trailers/],
  [flat('set-cookie: a=b'), /set-cookie in trailers/],
  [flat('authorization: x'), /authorization in trailers/],
]);

describe('fields put together at random', () => {
  /** Those that follow the pseudo-header fields, of which the rules are the same in both directions. */
  const PARTS = flat(
    ...['te: trailers', 'te: gzip', 'connection: close', 'upgrade: x', 'transfer-encoding: chunked', 'keep-alive: 1'],
    ...['proxy-connection: x', 'content-length: 0', 'content-length: x', ':path: /', ':x: y'],
    ...['accept: x', 'accept: y', 'x-a: b', 'x-a: c', 'x-b: d', 'x-c: e', 'x-d: f'],
  );
  const GET = flat(':method: GET', ':scheme: https', ':authority: a', ':path: /');

  it('are malformed to us where they are to Node, whose server reads them in a request, and only there', async () => {
    const next = chance(9_113);
    const counts = { refused: 0, taken: 0 };
    for (let i = 0; i < 800; i++) {
      const fields: FieldPair[] = [];
      for (let left = next(4); left > 0; left--) {
        const part = 2 * next(PARTS.length / 2);
        fields.push([PARTS[part]!, PARTS[part + 1]!]);
      }
      const request: FieldPair[] = [];
      for (let j = 0; j < GET.length; j += 2) request.push([GET[j]!, GET[j + 1]!]);
      request.push(...fields);
      const node = new NodeSession(4_096);
      node.settings();
      const into = Buffer.alloc(blockBytesMax(request));
      node.request(into.subarray(0, new HpackEncoder().encode(into, 0, request)));
      await node.settled();
      const isTaken = node.heard.length > 0;
      node.close();
      const fault = responseFault([':status', '200', ...fields.flat()]);
      counts[isTaken ? 'taken' : 'refused']++;
      assert.equal(isTaken ? undefined : 'malformed', fault && 'malformed', `${fault}: ${JSON.stringify(fields)}`);
    }
    for (const [what, times] of Object.entries(counts)) assert.ok(times > 100, `${what}: ${times}`);
  });
});
