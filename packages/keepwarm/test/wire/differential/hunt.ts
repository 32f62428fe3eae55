/**
 * The hunt for disagreements: mutated responses, one after another, each judged in two ways.
 *   (1) Our parser and llhttp make the same of it, or the difference is listed in deliberate.ts.
 *   (2) Our parser makes the same of it cut at random, after it has read another response: the one it was made from.
 * A response is made from the seed and its number alone, so that a finding can be made again at once.
 */
import { ResponseParser } from '../../../src/wire/response-parser.ts';
import { compare, same } from './compare.ts';
import { DELIBERATE } from './deliberate.ts';
import { mutated } from './mutate.ts';
import { LIMITS, readWith } from './ours.ts';
import { SeededRandom } from './random.ts';

export interface Finding {
  readonly seed: number;
  readonly number: number;
  readonly what: string;
  readonly method: string;
  /** As Latin-1. */
  readonly response: string;
}

export class Hunt {
  readonly seed: number;
  responses = 0;
  /** How our parser took them. */
  readonly kinds = { whole: 0, partial: 0, refused: 0 };
  /** How often each listed difference was met, by its name. */
  readonly met = new Map(DELIBERATE.map(({ name }) => [name, 0]));
  readonly findings: Finding[] = [];

  constructor(seed: number) {
    this.seed = seed;
  }

  /** Judges the response with this number. */
  judge(number: number): void {
    const random = new SeededRandom(this.seed + Math.imul(number, SPREAD));
    const { method, bytes, origin } = mutated(random);
    const report = (what: string) => {
      const response = bytes.toString('latin1');
      this.findings.push({ seed: this.seed, number, what, method, response });
    };
    this.responses++;
    const { ours, theirs, disagreement, deliberate } = compare(bytes, method);
    this.kinds[ours.kind]++;
    if (deliberate !== undefined) this.met.set(deliberate.name, this.met.get(deliberate.name)! + 1);
    else if (disagreement !== '') report(`${disagreement}: ${JSON.stringify(ours)}, llhttp: ${JSON.stringify(theirs)}`);

    const cuts = Array.from({ length: random.below(4) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
    const used = new ResponseParser(LIMITS);
    readWith(used, origin.bytes, origin.method);
    const again = readWith(used, bytes, method, cuts);
    if (!same(ours, again)) report(`cut at [${cuts}]: ${JSON.stringify(again)}, uncut: ${JSON.stringify(ours)}`);
  }
}

/** 2^32 divided by the golden ratio: numbers in a row become starting points far apart. */
const SPREAD = 0x9e3779b1;
