/**
 * Writes `vectors.json`: generated orders, requests for tokens and onboardings, each with the hash and the signature
 * that starknet.js 4.9.0 gives it. That version stands on elliptic, with Pedersen's constants as a table of its own,
 * and shares no line with the curve and the hashes of @scure/starknet, on which both `starknet` and the signers of our
 * guide stand today. It takes a third of a second for each, so its answers are kept rather than made in every test.
 *
 *   npm install --prefix elsewhere starknet@4.9.0
 *   node packages/keepwarm/test/paradex/make-vectors.ts elsewhere/node_modules/starknet/dist/index.js
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { casesOf, dataOf, type Vector, vectorCase } from './vectors.ts';

interface OldStarknet {
  readonly typedData: { getMessageHash(data: object, account: string): string };
  readonly ec: { getKeyPair(key: string): object; sign(pair: object, hash: string): string[] };
}

const module = (await import(pathToFileURL(process.argv[2]!).href)) as { readonly default: OldStarknet };
const { typedData, ec } = module.default;

const vectors = fc.sample(vectorCase, { numRuns: 220, seed: 20_260_801 }).map((made): Vector => {
  const hash = typedData.getMessageHash(dataOf(made), made.account);
  const [r, s] = ec.sign(ec.getKeyPair(made.key), hash);
  return { ...made, hash, r: `0x${BigInt(r!).toString(16)}`, s: `0x${BigInt(s!).toString(16)}` };
});
const lines = vectors.map((vector) => `  ${JSON.stringify(Object.values(vector))}`);
writeFileSync(new URL('vectors.json', import.meta.url), `[\n${lines.join(',\n')}\n]\n`);
console.log(`${casesOf().length} vectors`);
