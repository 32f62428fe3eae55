/** Valid responses of every kind, together with what a parser must make of them. */
import fc from 'fast-check';
import type { Whole } from './differential/outcome.ts';

export interface Generated {
  readonly method: string;
  /** As Latin-1. */
  readonly bytes: string;
  readonly whole: Whole;
}

/** Every offset at which `text` can be cut in two. */
export const everyByte = (text: string): number[] => Array.from({ length: text.length - 1 }, (_, i) => i + 1);

const character = (...ranges: readonly (readonly [number, number])[]) =>
  fc.oneof(...ranges.map(([min, max]) => fc.integer({ min, max }))).map((code) => String.fromCharCode(code));

const token = fc.string({ unit: fc.constantFrom(..."!#$%&'*+-.^_`|~09azAZ"), minLength: 1, maxLength: 8 });
const text = fc
  .string({ unit: character([0x20, 0x7e], [0x80, 0xff], [0x09, 0x09]), maxLength: 20 })
  .map((each) => each.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
const space = fc.constantFrom('', ' ', '\t', ' \t ');
const anyCase = (word: string) => fc.constantFrom(word, word.toLowerCase(), word.toUpperCase());
const bytes = fc.string({ unit: character([0, 255]), maxLength: 60 });

/** A field that means nothing to a parser, as it is written and as it is meant. */
const field = fc
  .tuple(token, space, text, space)
  .map(([name, before, value, after]) => ({ line: `X-${name}:${before}${value}${after}`, pair: [`X-${name}`, value] }));
const fields = fc.array(field, { maxLength: 6 });

const extension = fc.oneof(
  fc.constant(''),
  token.map((name) => `;${name}`),
  fc.tuple(token, token).map(([name, value]) => `;${name}=${value}`),
  token.map((name) => `;${name}="a;b=\\"c\\" \t"`),
);
const chunk = fc
  .tuple(
    fc.string({ unit: character([0, 255]), minLength: 1, maxLength: 20 }),
    fc.nat({ max: 2 }),
    extension,
    fc.boolean(),
  )
  .map(([data, zeros, extension, upper]) => {
    const size = '0'.repeat(zeros) + data.length.toString(16);
    return { data, framed: `${upper ? size.toUpperCase() : size}${extension}\r\n${data}\r\n` };
  });

const linesOf = (fields: readonly { readonly line: string }[]): string =>
  fields.map(({ line }) => `${line}\r\n`).join('');

interface Body {
  /** Lines of the head that frame it. */
  readonly lines: readonly string[];
  readonly framed: string;
  readonly body: string;
  readonly trailers: readonly string[];
  readonly byClose: boolean;
}

const ofLength = fc.tuple(anyCase('Content-Length'), space, fc.nat({ max: 3 }), bytes).map(
  ([name, around, zeros, body]): Body => ({
    lines: [`${name}:${around}${'0'.repeat(zeros)}${body.length}${around}`],
    framed: body,
    body,
    trailers: [],
    byClose: false,
  }),
);
const inChunks = fc
  .tuple(anyCase('Transfer-Encoding'), anyCase('Chunked'), fc.array(chunk, { maxLength: 6 }), extension, fields)
  .map(
    ([name, coding, chunks, extension, trailers]): Body => ({
      lines: [`${name}: ${coding}`],
      framed: `${chunks.map(({ framed }) => framed).join('')}0${extension}\r\n${linesOf(trailers)}\r\n`,
      body: chunks.map(({ data }) => data).join(''),
      trailers: trailers.flatMap(({ pair }) => pair),
      byClose: false,
    }),
  );
const untilClose = bytes.map((body): Body => ({ lines: [], framed: body, body, trailers: [], byClose: true }));

const interims = fc.array(
  fc.tuple(fc.constantFrom(100, 102, 103), fields).map(([status, list]) => ({
    status,
    head: `HTTP/1.1 ${status} Soon\r\n${linesOf(list)}\r\n`,
  })),
  { maxLength: 3 },
);

/** What the head says about the connection; the version decides where it says nothing. */
const connection = fc.constantFrom('', 'close', 'keep-alive', 'Keep-Alive', 'x, CLOSE');

export const generated: fc.Arbitrary<Generated> = fc
  .record({
    interims,
    minor: fc.constantFrom(0, 1, 1),
    status: fc.oneof(fc.integer({ min: 200, max: 999 }), fc.constantFrom(204, 304)),
    reason: fc.option(text, { nil: undefined }),
    before: fields,
    after: fields,
    connection,
    method: fc.constantFrom('GET', 'POST', 'HEAD'),
    body: fc.oneof(ofLength, inChunks, untilClose),
  })
  .filter(({ minor, body }) => minor === 1 || !body.lines.some((line) => /^transfer/i.test(line)))
  .map(({ interims, minor, status, reason, before, after, connection, method, body }) => {
    const told = connection === '' ? [] : [`Connection: ${connection}`];
    const own = [...body.lines, ...told];
    const lines = [...before.map(({ line }) => line), ...own, ...after.map(({ line }) => line)];
    const statusLine = `HTTP/1.${minor} ${status}${reason === undefined ? '' : ` ${reason}`}`;
    const head = `${interims.map((each) => each.head).join('')}${[statusLine, ...lines].join('\r\n')}\r\n\r\n`;
    const bodyless = method === 'HEAD' || status === 204 || status === 304;
    const byClose = body.byClose && !bodyless;
    const written = head + (bodyless ? '' : body.framed);
    const keeps = minor === 1 ? !/close/i.test(connection) : /keep-alive/i.test(connection);
    const whole: Whole = {
      kind: 'whole',
      interims: interims.map(({ status }) => status),
      minor,
      status,
      reason: reason ?? '',
      fields: [...before.flatMap(({ pair }) => pair), ...own.flatMap(asPair), ...after.flatMap(({ pair }) => pair)],
      body: bodyless ? '' : body.body,
      trailers: bodyless ? [] : body.trailers,
      persistent: keeps && !byClose,
      end: written.length,
      byClose,
    };
    return { method, bytes: written, whole };
  });

function asPair(line: string): string[] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')];
}
