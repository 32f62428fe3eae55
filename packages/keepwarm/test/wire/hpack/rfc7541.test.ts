/** Every example of RFC 7541, Appendix C. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { type FieldPair, HpackEncoder, writeInteger, writeString } from '../../../src/wire/hpack/encoder.ts';
import { huffmanDecode, huffmanDecodedMax, huffmanEncode, huffmanLength } from '../../../src/wire/hpack/huffman.ts';
import { BlockReader } from '../../../src/wire/hpack/reader.ts';
import { aDecoder, decoded, encoded, hex, lines } from './blocks.ts';

describe('integers of RFC 7541 § C.1', () => {
  for (const [value, mask, bytes] of [
    [10, 0x1f, '0a'],
    [1337, 0x1f, '1f9a0a'],
    [42, 0xff, '2a'],
  ] as const) {
    it(`${value} with a prefix of ${mask.toString(2).length} bits is ${bytes}, both ways`, () => {
      const into = Buffer.alloc(8);
      assert.equal(into.toString('hex', 0, writeInteger(into, 0, 0, mask, value)), bytes);
      const reader = new BlockReader();
      reader.open(hex(bytes), 0, bytes.length / 2);
      assert.equal(reader.integer(mask), value);
      assert.equal(reader.hasMore, false);
    });
  }
});

describe('single fields of RFC 7541 § C.2', () => {
  for (const [what, block, line, sensitive, tableBytes] of [
    [
      'with indexing',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      'custom-key: custom-header',
      false,
      55,
    ],
    ['without indexing', '040c 2f73 616d 706c 652f 7061 7468', ':path: /sample/path', false, 0],
    ['never indexed', '1008 7061 7373 776f 7264 0673 6563 7265 74', 'password: secret', true, 0],
    ['indexed', '82', ':method: GET', false, 0],
  ] as const) {
    it(`a field ${what} is read`, () => {
      const decoder = aDecoder();
      const fields = decoded(decoder, hex(block));
      assert.deepEqual(lines(fields), [line]);
      assert.equal(fields[0]!.sensitive, sensitive);
      assert.equal(decoder.table.bytes, tableBytes);
    });
  }
});

const request = (scheme: string, path: string, ...more: string[]): string[] => [
  ':method: GET',
  `:scheme: ${scheme}`,
  `:path: ${path}`,
  ':authority: www.example.com',
  ...more,
];
const REQUESTS = [
  request('http', '/'),
  request('http', '/', 'cache-control: no-cache'),
  request('https', '/index.html', 'custom-key: custom-value'),
];

const response = (status: string, second: string, ...more: string[]): string[] => [
  `:status: ${status}`,
  'cache-control: private',
  `date: Mon, 21 Oct 2013 20:13:${second} GMT`,
  'location: https://www.example.com',
  ...more,
];
const RESPONSES = [
  response('302', '21'),
  response('307', '21'),
  response(
    '200',
    '22',
    'content-encoding: gzip',
    'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ),
];

/** Blocks of one connection, what they say, and bytes of the table after each. */
const SEQUENCES = [
  {
    section: 'C.3: requests without Huffman coding',
    blocks: [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    says: REQUESTS,
    table: [57, 110, 164],
  },
  {
    section: 'C.4: requests with Huffman coding',
    blocks: [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
    says: REQUESTS,
    table: [57, 110, 164],
  },
  {
    section: 'C.5: responses without Huffman coding, evicting',
    blocks: [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
       546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
       6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
       2076 6572 7369 6f6e 3d31`,
    ],
    says: RESPONSES,
    table: [222, 222, 215],
  },
  {
    section: 'C.6: responses with Huffman coding, evicting',
    blocks: [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
       8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
       dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
    says: RESPONSES,
    table: [222, 222, 215],
  },
] as const;

describe('sequences of RFC 7541', () => {
  for (const { section, blocks, says, table } of SEQUENCES) {
    it(`§ ${section}`, () => {
      const decoder = aDecoder();
      // The examples of responses set the size to 256 by other means; a size update says the same.
      if (table[0] === 222) decoded(decoder, hex('3fe101'));
      for (const [index, block] of blocks.entries()) {
        assert.deepEqual(lines(decoded(decoder, hex(block))), says[index]);
        assert.equal(decoder.table.bytes, table[index]);
      }
    });
  }

  it('our encoder writes the very bytes of § C.4', () => {
    const encoder = new HpackEncoder();
    for (const [index, says] of REQUESTS.entries()) {
      const fields = says.map(
        (line): FieldPair => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)],
      );
      assert.equal(encoded(encoder, fields).toString('hex'), hex(SEQUENCES[1].blocks[index]!).toString('hex'));
    }
  });
});

describe('strings of RFC 7541, Appendix C', () => {
  for (const [text, code] of [
    ['www.example.com', 'f1e3 c2e5 f23a 6ba0 ab90 f4ff'],
    ['no-cache', 'a8eb 1064 9cbf'],
    ['custom-key', '25a8 49e9 5ba9 7d7f'],
    ['custom-value', '25a8 49e9 5bb8 e8b4 bf'],
    ['302', '6402'],
    ['private', 'aec3 771a 4b'],
    ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff'],
    ['https://www.example.com', '9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3'],
    ['307', '640e ff'],
    ['gzip', '9bd9 ab'],
    [
      'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    ],
  ] as const) {
    it(`${text} in Huffman code, both ways`, () => {
      const bytes = hex(code);
      assert.equal(huffmanLength(text), bytes.length);
      const into = Buffer.alloc(bytes.length);
      assert.equal(huffmanEncode(text, into, 0), bytes.length);
      assert.deepEqual(into, bytes);
      const out = Buffer.alloc(huffmanDecodedMax(bytes.length));
      assert.equal(out.toString('latin1', 0, huffmanDecode(bytes, 0, bytes.length, out)), text);
    });
  }

  it('a string that Huffman code would not shorten is written as it is', () => {
    const into = Buffer.alloc(16);
    assert.equal(into.toString('hex', 0, writeString(into, 0, '302')), '826402');
    assert.equal(into.toString('hex', 0, writeString(into, 0, '\\{}')), '035c7b7d');
  });
});
