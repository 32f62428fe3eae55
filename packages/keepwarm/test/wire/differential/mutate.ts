/** A response made wrong, or differently right, in one to three places. */
import { FRAGMENTS, SEEDS, type Seed } from './corpus.ts';
import type { SeededRandom } from './random.ts';

/** The longest response mutation makes; duplicating would otherwise grow without end. */
const BYTES_MAX = 2048;

/** One change of `bytes`. Never in place. */
type Mutation = (bytes: Buffer, random: SeededRandom) => Buffer;

/** The part from `from` to `to` replaced. */
const replaced = (bytes: Buffer, from: number, to: number, by: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);

/** A stretch of up to `lengthMax` bytes. */
function stretch(bytes: Buffer, random: SeededRandom, lengthMax: number): [from: number, to: number] {
  const from = random.below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + random.below(lengthMax))];
}

const NOTHING = Buffer.alloc(0);

const flipBit: Mutation = (bytes, random) => {
  const changed = Buffer.from(bytes);
  const at = random.below(bytes.length);
  changed[at] = changed[at]! ^ (1 << random.below(8));
  return changed;
};

const setByte: Mutation = (bytes, random) => {
  const changed = Buffer.from(bytes);
  changed[random.below(bytes.length)] = random.below(256);
  return changed;
};

const remove: Mutation = (bytes, random) => replaced(bytes, ...stretch(bytes, random, 12), NOTHING);

const removeByte: Mutation = (bytes, random) => replaced(bytes, ...stretch(bytes, random, 1), NOTHING);

const duplicate: Mutation = (bytes, random) => {
  const [from, to] = stretch(bytes, random, 40);
  return replaced(bytes, to, to, bytes.subarray(from, to));
};

const cut: Mutation = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1));

const splice: Mutation = (bytes, random) => {
  const other = random.of(SEEDS).bytes;
  return Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length))]);
};

const insert: Mutation = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  return replaced(bytes, at, at, random.of(FRAGMENTS));
};

const overwrite: Mutation = (bytes, random) => {
  const fragment = random.of(FRAGMENTS);
  const at = random.below(bytes.length);
  return replaced(bytes, at, Math.min(bytes.length, at + fragment.length), fragment);
};

/** Lines with their line ends. */
const lines = (bytes: Buffer): string[] => bytes.toString('latin1').split(/(?<=\n)/);

const insertLine: Mutation = (bytes, random) => {
  const all = lines(bytes);
  all.splice(random.below(all.length + 1), 0, random.of(FRAGMENTS).toString('latin1'));
  return Buffer.from(all.join(''), 'latin1');
};

const swapLines: Mutation = (bytes, random) => {
  const all = lines(bytes);
  const a = random.below(all.length);
  const b = random.below(all.length);
  [all[a], all[b]] = [all[b]!, all[a]!];
  return Buffer.from(all.join(''), 'latin1');
};

const changeDigit: Mutation = (bytes, random) => {
  const digits = [...bytes.keys()].filter((i) => bytes[i]! >= 0x30 && bytes[i]! <= 0x39);
  if (digits.length === 0) return bytes;
  const changed = Buffer.from(bytes);
  changed[random.of(digits)] = 0x30 + random.below(10);
  return changed;
};

const changeCase: Mutation = (bytes, random) => {
  const [from, to] = stretch(bytes, random, 20);
  const text = bytes.toString('latin1', from, to);
  const flipped = random.below(2) === 0 ? text.toUpperCase() : text.toLowerCase();
  // ÿ and µ have capitals outside Latin-1, ß has two: those stay as they are.
  return flipped.length === text.length ? replaced(bytes, from, to, Buffer.from(flipped, 'latin1')) : bytes;
};

/** Insertions of fragments twice: most of what is interesting comes from them. */
const MUTATIONS: readonly Mutation[] = [
  ...[flipBit, setByte, remove, removeByte, duplicate, cut, splice],
  ...[insert, insert, overwrite, insertLine, insertLine, swapLines, changeDigit, changeCase],
];

export interface Mutated extends Seed {
  /** What it was made from. */
  readonly origin: Seed;
}

export function mutated(random: SeededRandom): Mutated {
  const origin = random.of(SEEDS);
  // Now and then the same bytes as the answer to another method.
  const method = random.below(16) === 0 ? random.of(['GET', 'HEAD', 'POST']) : origin.method;
  let { bytes } = origin;
  for (let left = 1 + random.below(3); left > 0 && bytes.length > 0; left--)
    bytes = random.of(MUTATIONS)(bytes, random);
  return { method, bytes: bytes.length > BYTES_MAX ? bytes.subarray(0, BYTES_MAX) : bytes, origin };
}
