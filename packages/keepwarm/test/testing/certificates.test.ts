/** Certificates made for tests are accepted by whoever reads them strictly, as Go's servers do. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { makeAuthority, selfSigned } from '../../src/testing/certificates.ts';

/** Walks DER; every length must be as short as can be (X.690 § 10.1). @returns how many elements there are */
function strict(bytes: Uint8Array): number {
  let elements = 0;
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    let length = bytes[at + 1]!;
    at += 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      length = Number(`0x${Buffer.from(bytes.subarray(at, at + count)).toString('hex')}`);
      assert(length >= (count === 1 ? 0x80 : 0x100 ** (count - 1)), `${length} is written in ${count} bytes`);
      at += count;
    }
    elements++;
    if ((tag & 0x20) !== 0) elements += strict(bytes.subarray(at, at + length));
    at += length;
    assert(at <= bytes.length, 'an element ends beyond its container');
  }
  return elements;
}

describe('certificates for tests', () => {
  it('are written as DER demands, whatever the length of their names', () => {
    const authority = makeAuthority();
    assert(strict(new X509Certificate(authority.cert).raw) > 20);
    for (const letters of [1, 40, 60, 62, 63, 100, 120, 130, 200, 250]) {
      const names = ['localhost', `${'n'.repeat(letters)}.test`];
      for (const { cert } of [authority.issue({ names, subject: 'x' }), selfSigned({ names, subject: 'x' })]) {
        const read = new X509Certificate(cert);
        assert(strict(read.raw) > 20);
        assert.equal(read.checkHost(names[0]!), 'localhost');
      }
    }
  });
});
