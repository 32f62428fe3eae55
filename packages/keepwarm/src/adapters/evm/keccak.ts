/**
 * Keccak-256 as Ethereum uses it: a transaction is named by the hash of its bytes.
 *
 * Node offers SHA3-256, which pads differently (0x06 for 0x01), and not this; a package for it would be the library's
 * only dependency. It names things here and protects nothing. Tests compare it with viem's and with ethers'.
 *
 * Source: G. Bertoni et al., "The Keccak reference", version 3.0, 2011, § 1.2. Lanes of 64 bits stand as two halves of
 * 32, as `BigInt` is twenty times slower.
 */
const LANES = 25;
/** Bytes taken in at a time: 1600 bits less twice the 256 of the result. */
const RATE_BYTES = 136;
const HASH_BYTES = 32;
const ROUNDS = 24;

/** Where the lane that stood here goes next, and by how much it is turned: the steps ρ and π in one walk. */
const PLACES = new Uint8Array(LANES - 1);
const TURNS = new Uint8Array(LANES - 1);
const CONSTANTS_LOW = new Uint32Array(ROUNDS);
const CONSTANTS_HIGH = new Uint32Array(ROUNDS);

for (let step = 0, x = 1, y = 0; step < LANES - 1; step++) {
  [x, y] = [y, (2 * x + 3 * y) % 5];
  PLACES[step] = x + 5 * y;
  TURNS[step] = (((step + 1) * (step + 2)) / 2) % 64;
}

for (let round = 0, register = 1; round < ROUNDS; round++) {
  for (let power = 0; power <= 6; power++) {
    const bit = (1 << power) - 1;
    if ((register & 1) === 1) {
      if (bit < 32) CONSTANTS_LOW[round]! ^= 1 << bit;
      else CONSTANTS_HIGH[round]! ^= 1 << (bit - 32);
    }
    register = ((register << 1) ^ ((register >> 7) * 0x171)) & 0xff;
  }
}

export function keccak256(bytes: Uint8Array): Uint8Array {
  const low = new Uint32Array(LANES);
  const high = new Uint32Array(LANES);
  let from = 0;
  for (; from + RATE_BYTES <= bytes.length; from += RATE_BYTES) absorb(bytes.subarray(from), low, high);
  const last = new Uint8Array(RATE_BYTES);
  last.set(bytes.subarray(from));
  last[bytes.length - from]! ^= 0x01;
  last[RATE_BYTES - 1]! ^= 0x80;
  absorb(last, low, high);
  const hash = new DataView(new ArrayBuffer(HASH_BYTES));
  for (let lane = 0; lane < HASH_BYTES / 8; lane++) {
    hash.setUint32(8 * lane, low[lane]!, true);
    hash.setUint32(8 * lane + 4, high[lane]!, true);
  }
  return new Uint8Array(hash.buffer);
}

function absorb(block: Uint8Array, low: Uint32Array, high: Uint32Array): void {
  const view = new DataView(block.buffer, block.byteOffset, RATE_BYTES);
  for (let lane = 0; lane < RATE_BYTES / 8; lane++) {
    low[lane]! ^= view.getUint32(8 * lane, true);
    high[lane]! ^= view.getUint32(8 * lane + 4, true);
  }
  for (let round = 0; round < ROUNDS; round++) {
    theta(low, high);
    turnAndMove(low, high);
    chi(low);
    chi(high);
    low[0]! ^= CONSTANTS_LOW[round]!;
    high[0]! ^= CONSTANTS_HIGH[round]!;
  }
}

const sumsLow = new Uint32Array(5);
const sumsHigh = new Uint32Array(5);

function theta(low: Uint32Array, high: Uint32Array): void {
  for (let x = 0; x < 5; x++) {
    sumsLow[x] = low[x]! ^ low[x + 5]! ^ low[x + 10]! ^ low[x + 15]! ^ low[x + 20]!;
    sumsHigh[x] = high[x]! ^ high[x + 5]! ^ high[x + 10]! ^ high[x + 15]! ^ high[x + 20]!;
  }
  for (let x = 0; x < 5; x++) {
    const before = (x + 4) % 5;
    const after = (x + 1) % 5;
    const sumLow = sumsLow[before]! ^ ((sumsLow[after]! << 1) | (sumsHigh[after]! >>> 31));
    const sumHigh = sumsHigh[before]! ^ ((sumsHigh[after]! << 1) | (sumsLow[after]! >>> 31));
    for (let lane = x; lane < LANES; lane += 5) {
      low[lane]! ^= sumLow;
      high[lane]! ^= sumHigh;
    }
  }
}

function turnAndMove(low: Uint32Array, high: Uint32Array): void {
  let movingLow = low[1]!;
  let movingHigh = high[1]!;
  for (let step = 0; step < LANES - 1; step++) {
    const place = PLACES[step]!;
    const turn = TURNS[step]!;
    const [a, b] = turn < 32 ? [movingLow, movingHigh] : [movingHigh, movingLow];
    const by = turn % 32;
    movingLow = low[place]!;
    movingHigh = high[place]!;
    low[place] = by === 0 ? a : (a << by) | (b >>> (32 - by));
    high[place] = by === 0 ? b : (b << by) | (a >>> (32 - by));
  }
}

const row = new Uint32Array(5);

function chi(half: Uint32Array): void {
  for (let y = 0; y < LANES; y += 5) {
    for (let x = 0; x < 5; x++) row[x] = half[y + x]!;
    for (let x = 0; x < 5; x++) half[y + x] = row[x]! ^ (~row[(x + 1) % 5]! & row[(x + 2) % 5]!);
  }
}
