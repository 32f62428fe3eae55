import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NetError } from '../../src/core/error.ts';
import { checkMethod, checkPath, Fields, type FieldsInput } from '../../src/core/fields.ts';

/** The message of the refusal. */
function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    assert(error instanceof NetError && error.code === 'INVALID' && error.reach === 'unsent', String(error));
    return error.message;
  }
  assert.fail('nothing was refused');
}

const accepts = (attempt: () => unknown): boolean => {
  try {
    attempt();
    return true;
  } catch (error) {
    assert(error instanceof NetError && error.code === 'INVALID');
    return false;
  }
};

/** What no TypeScript caller can write, and a JavaScript one can. */
const untyped = (input: unknown): FieldsInput => input as FieldsInput;

/** Any text, with what matters here more often than chance would have it. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\r',
      '\n',
      '\0',
      '\t',
      ' ',
      ':',
      '\x7f',
      '\x80',
      '\xff',
      'Ā',
      '\u010a',
      '\u2028',
      '😀',
      'a',
      '-',
      '/',
      '#',
      '%',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 8,
});

describe('fields of a call', () => {
  it('are refused exactly when the name is no token or the value has a control or a character beyond Latin-1', () => {
    const name = fc.oneof(
      anyText,
      anyText.map((text) => `X${text}`),
      fc.constant('X'),
    );
    fc.assert(
      fc.property(name, anyText, (name, value) => {
        const isToken = name !== '' && [...name].every((c) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(c));
        const codes = [...value].map((c) => c.codePointAt(0)!);
        const isText = codes.every((code) => code === 9 || (code >= 0x20 && code < 0x100 && code !== 0x7f));
        assert.equal(
          accepts(() => Fields.of([[name, value]])),
          isToken && isText,
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it('become one line each, in order, spelt as the caller spelt them', () => {
    const fields = Fields.of({ Accept: '*/*', 'x-count': 3, 'X-Many': ['a', 'b'], none: undefined });
    assert.equal(fields.text, 'Accept: */*\r\nx-count: 3\r\nX-Many: a\r\nX-Many: b\r\n');
    assert.equal(Fields.of(new Map([['A', '1']])).text, 'A: 1\r\n');
    assert.equal(Fields.of(undefined).text, '');
  });

  it('never show a value in the message of a refusal', () => {
    assert.doesNotMatch(
      refusal(() => Fields.of({ authorization: 'Bearer secret\r\n' })),
      /secret/,
    );
    assert.doesNotMatch(
      refusal(() => Fields.of({ 'content-length': 'secret' })),
      /secret/,
    );
  });

  for (const name of ['Transfer-Encoding', 'Keep-Alive', 'Proxy-Connection', 'Upgrade', 'Expect', 'HTTP2-Settings']) {
    it(`cannot be ${name}, which is the engine's`, () => {
      assert.match(
        refusal(() => Fields.of({ [name]: 'x' })),
        /cannot be set by a caller/,
      );
    });
  }

  it('may say Connection: close or keep-alive, and nothing else', () => {
    assert.equal(Fields.of({ connection: 'Close' }).saysClose, true);
    assert.equal(Fields.of({ connection: 'keep-alive' }).saysClose, false);
    assert.equal(Fields.of({ connection: ['keep-alive', 'close'] }).saysClose, true, 'wherever it stands');
    for (const value of ['upgrade', 'close, upgrade', ' close', '', 'content-length']) {
      assert.match(
        refusal(() => Fields.of({ connection: value })),
        /only "close" and "keep-alive"/,
      );
    }
  });

  it('may say TE: trailers, and ask for no transfer coding we could not decode', () => {
    assert.equal(Fields.of({ te: 'trailers' }).get('te'), 'trailers');
    assert.match(
      refusal(() => Fields.of({ te: 'gzip' })),
      /transfer coding/,
    );
  });

  it('say a length only as digits, and only once', () => {
    assert.equal(Fields.of({ 'content-length': 12 }).contentLength, 12);
    assert.equal(Fields.of({ 'Content-Length': '0' }).contentLength, 0);
    for (const value of ['', ' ', '0x3', '3e0', '+3', '-0', '3.0', '3, 3', ' 3', '3 ', 'NaN', '9007199254740993']) {
      assert.match(
        refusal(() => Fields.of({ 'content-length': value })),
        /number of bytes/,
        JSON.stringify(value),
      );
    }
    for (const second of ['3', '4']) {
      assert.match(
        refusal(() =>
          Fields.of([
            ['Content-Length', '3'],
            ['content-length', second],
          ]),
        ),
        /more than once/,
      );
    }
  });

  it('say one host only, and nothing but host and port in it', () => {
    for (const host of ['api.example.com', 'localhost:8080', '127.0.0.1', '[::1]:443', 'xn--bcher-kva.example']) {
      assert.equal(Fields.of({ host }).ownsHost, true);
    }
    for (const host of ['', 'a b', 'a, b', 'a/b', 'user@a', 'a#', 'a?', 'a:b', 'http://a', 'a\\b', '\xe9']) {
      assert.match(
        refusal(() => Fields.of({ host })),
        /host and port/,
        JSON.stringify(host),
      );
    }
    assert.match(
      refusal(() =>
        Fields.of([
          ['Host', 'a'],
          ['host', 'a'],
        ]),
      ),
      /more than once/,
    );
  });

  it('replace what they are laid over, and never add to it', () => {
    const defaults = Fields.of({ Host: 'a', Accept: '*/*', 'X-A': '1' });
    const fields = Fields.of({ host: 'b', 'x-a': ['2', '3'] }).over(defaults);
    assert.equal(fields.text, 'Accept: */*\r\nhost: b\r\nx-a: 2\r\nx-a: 3\r\n');
  });

  it('are refused with INVALID when they are of no type that fields can be', () => {
    for (const value of [null, true, {}, Symbol('x'), () => {}, [3], [null], ['a', ['b']]]) {
      refusal(() => Fields.of(untyped({ x: value })));
    }
    for (const input of [null, 'x: y', 5, true, ['x: y'], [['x']], [[1, '2']], [[undefined, 'x']], [null]]) {
      refusal(() => Fields.of(untyped(input)));
    }
  });

  it('cannot reach a prototype', () => {
    assert.equal(Fields.of({ constructor: 'a', ['__proto__']: 'b' }).text, 'constructor: a\r\n__proto__: b\r\n');
    assert.equal(Fields.none.get('constructor'), undefined);
  });
});

describe('the method of a call', () => {
  it('is refused exactly when it is no token, or CONNECT', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.constantFrom('GET', 'M-SEARCH', 'CONNECT', 'get')), (method) => {
        const isToken = method !== '' && [...method].every((c) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(c));
        assert.equal(
          accepts(() => checkMethod(method)),
          isToken && method !== 'CONNECT',
        );
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the path of a call', () => {
  it('is refused exactly when it has no slash first, or a control, a space, a # or a character beyond ASCII', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          anyText.map((text) => `/${text}`),
          fc.constant('*'),
        ),
        (path) => {
          const isVisible = [...path].every((c) => c > ' ' && c < '\x7f' && c !== '#');
          assert.equal(
            accepts(() => checkPath(path)),
            path === '*' || (path.startsWith('/') && isVisible),
          );
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('is named by the place where it is wrong', () => {
    assert.match(
      refusal(() => checkPath('/a b')),
      /character 2 /,
    );
    assert.match(
      refusal(() => checkPath('a')),
      /character 0 /,
    );
  });
});
