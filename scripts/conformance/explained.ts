/** What is not as promised, and whose doing it is. The run checks that it is still so. */
export interface Explained {
  readonly row: string;
  readonly servers: readonly string[];
  /** All, when left out. */
  readonly protocols?: readonly string[];
  /** All, when left out. */
  readonly ways?: readonly string[];
  readonly why: string;
  /** It holds now and then, by who is faster. */
  readonly sometimes?: true;
}

export const EXPLAINED: readonly Explained[] = [
  {
    row: 'trailers',
    servers: ['nginx'],
    ways: ['client', 'undici', 'agent'],
    why: 'nginx drops the trailers of the server behind it; the body is complete.',
  },
  {
    row: '103',
    servers: ['nginx'],
    protocols: ['h2'],
    why: 'This nginx takes a 103 of the server behind it for the final answer and sends DATA after it, which RFC 9113 \
§ 8.1 forbids. PROTOCOL is the correct outcome. nginx forwards early hints since 1.29.',
  },
];
