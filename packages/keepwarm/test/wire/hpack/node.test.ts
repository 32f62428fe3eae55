/** HPACK against Node's own HTTP/2 (nghttp2): what one writes the other reads, and both refuse the same. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { sensitiveHeaders } from 'node:http2';
import { describe, it } from 'node:test';
import { blockBytesMax, type FieldPair, HpackEncoder } from '../../../src/wire/hpack/encoder.ts';
import { HpackError } from '../../../src/wire/hpack/error.ts';
import { fieldFault } from '../../../src/wire/hpack/field-text.ts';
import { aDecoder, decoded } from './blocks.ts';
import { chance, mutated } from './hunt.ts';
import { NodeSession } from './node-session.ts';

const TABLE_SIZES = [0, 33, 100, 300, 4_096, 20_000];

/** A request with fields of every kind: repeated, new, long, empty, of all characters, secret. */
function aRequest(next: (below: number) => number): FieldPair[] {
  const fields: FieldPair[] = [
    [':method', ['GET', 'POST', 'PATCH'][next(3)]!],
    [':scheme', ['http', 'https'][next(2)]!],
    [':authority', 'api.example.com'],
    [':path', ['/', '/rpc', `/once/${next(1e9)}`][next(3)]!],
  ];
  for (let left = next(8); left > 0; left--) fields.push([aName(next), aValue(next)]);
  return fields;
}

const aName = (next: (below: number) => number): string =>
  ['accept', 'x-a', 'x-b', 'user-agent', 'authorization', 'x-token', 'age', `x-${next(1e6)}`][next(8)]!;

function aValue(next: (below: number) => number): string {
  const kind = next(6);
  if (kind === 0) return '';
  if (kind === 1) return 'long '.repeat(1 + next(200)).trim();
  if (kind < 4) return ['a', 'b', 'keepwarm/1', 'application/json'][next(4)]!;
  // Any character that a value may have, but no space at either end.
  const codes = Array.from({ length: next(30) }, () => [9, 0x20 + next(0x5f), 0x80 + next(0x80)][next(3)]!);
  return `<${String.fromCharCode(...codes)}>`;
}

/** Bytes as a Node that reads latin1 shows them. */
const pairs = (fields: readonly { readonly name: string; readonly value: string }[]): FieldPair[] =>
  fields.map(({ name, value }) => [name, value]);

describe('what we write', () => {
  it('is read by Node, over every table size and changes of it', async () => {
    const next = chance(1);
    for (const size of TABLE_SIZES) {
      const node = new NodeSession(size);
      const encoder = new HpackEncoder({ tableBytesMax: [4_096, 16_384, 64][next(3)]! });
      node.settings();
      await node.settled();
      const constant = aRequest(next);
      for (let i = 0; i < 150; i++) {
        for (const bytes of node.tableSizes.splice(0)) encoder.setTableBytesMax(bytes);
        const fields = next(3) === 0 ? constant : aRequest(next);
        const into = Buffer.alloc(blockBytesMax(fields));
        const end =
          fields === constant
            ? encoder.constant(into, encoder.begin(into, 0), fields)
            : encoder.encode(into, 0, fields);
        node.request(into.subarray(0, end));
        const { goaway, blocks } = await node.answered();
        assert.equal(goaway, undefined);
        assert.equal(blocks.length, 1, 'it is answered');
        const heard = node.heard.at(-1)!;
        assert.deepEqual(heard.fields, fields);
        for (const [name] of fields) {
          const isSecret = name === 'authorization' || name === 'x-token';
          assert.equal(heard.sensitive.includes(name), isSecret, name);
        }
        if (next(20) === 0) node.session.settings({ headerTableSize: TABLE_SIZES[next(TABLE_SIZES.length)]! });
        if (next(20) === 0) await node.settled();
      }
      node.close();
    }
  });
});

describe('what Node writes', () => {
  it('is read by us, over every table size and changes of it', async () => {
    const next = chance(2);
    for (const size of TABLE_SIZES) {
      const node = new NodeSession(4_096);
      const decoder = aDecoder({ tableBytesMax: size });
      let sent: Record<string, string> = {};
      node.answer = () => {
        const fields = aRequest(next).filter(([name]) => !name.startsWith(':'));
        sent = { ':status': String([200, 204, 302, 404, 599][next(5)]), date: 'today', ...Object.fromEntries(fields) };
        return { ...sent, [sensitiveHeaders]: ['authorization'] };
      };
      node.settings(size);
      await node.settled();
      decoder.setTableBytesMax(size);
      const request = Buffer.from('828684410f7777772e6578616d706c652e636f6d', 'hex');
      for (let i = 0; i < 150; i++) {
        node.request(request);
        const { blocks } = await node.answered();
        assert.equal(blocks.length, 1);
        const fields = decoded(decoder, blocks[0]!);
        const byName = (a: FieldPair, b: FieldPair): number => (a[0] < b[0] ? -1 : 1);
        assert.deepEqual(pairs(fields).sort(byName), Object.entries(sent).sort(byName));
        for (const { name, sensitive, value } of fields) {
          if (name === 'authorization') assert.equal(sensitive, true, value);
        }
        if (next(15) === 0) {
          const bytes = TABLE_SIZES[next(TABLE_SIZES.length)]!;
          node.settings(bytes);
          await node.settled();
          decoder.setTableBytesMax(bytes);
        }
      }
      node.close();
    }
  });
});

describe('mutated blocks', () => {
  it('are refused by Node where we refuse them, and read as Node reads them', async () => {
    const next = chance(3);
    const counts = { read: 0, refused: 0, heard: 0 };
    for (let i = 0; i < 1_500; i++) {
      const node = new NodeSession(4_096);
      const [encoder, decoder] = [new HpackEncoder(), aDecoder()];
      node.settings();
      const valid = Array.from({ length: next(3) }, () => aRequest(next));
      for (const fields of valid) {
        const into = Buffer.alloc(blockBytesMax(fields));
        const block = into.subarray(0, encoder.encode(into, 0, fields));
        node.request(block);
        decoded(decoder, block);
      }
      await node.settled();
      const fields = aRequest(next);
      const into = Buffer.alloc(blockBytesMax(fields));
      const block = mutated(next, into.subarray(0, encoder.encode(into, 0, fields)));
      node.request(block);
      const { goaway } = await node.settled();
      const what = `${valid.length} blocks and then ${Buffer.from(block).toString('hex')}`;
      try {
        const ours = pairs(decoded(decoder, block));
        assert.notEqual(goaway, 9, `Node refuses ${what}`);
        if (node.heard.length > valid.length) {
          // Node passes over fields whose text RFC 9113 § 8.2.1 forbids, so it tells what it thinks of that as well.
          const valid = ours.filter(([name, value]) => fieldFault(name, value) === undefined);
          assert.deepEqual(node.heard.at(-1)!.fields, valid, what);
          counts.heard++;
        }
        counts.read++;
      } catch (error) {
        if (!(error instanceof HpackError)) throw error;
        assert.equal(goaway, 9, `Node does not refuse ${what}: ${error.message}`);
        counts.refused++;
      }
      node.close();
    }
    for (const [what, times] of Object.entries(counts)) assert.ok(times > 100, `${what}: ${times}`);
  });
});
