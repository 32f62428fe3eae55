import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NOWHERE, type Passing, PassingTexts } from '../../src/algo/passing-texts.ts';

class Member implements Passing<Member> {
  readonly group: string;
  readonly text: string;
  alike: Member | undefined;
  slot = NOWHERE;
  constructor(group: string, text: string) {
    this.group = group;
    this.text = text;
  }
}

const key = ({ group, text }: Member): string => `${group}\n${text}`;

describe('passing texts', () => {
  it('(1) (2) are found as in a map, and unlinked once they have left', () => {
    const group = fc.constantFrom('a', 'b');
    // A few texts, some of which differ only where long ones are not looked at.
    const text = fc.oneof(
      fc.constantFrom('', 'x', 'y', 'xy'),
      fc.nat(400).map((at) => `${'-'.repeat(at)}!${'-'.repeat(400 - at)}`),
    );
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('put', 'remove', 'find'), group, text }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('clear'), group, text }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const texts = new PassingTexts<Member>();
        const model = new Map<string, Member>();
        const all: Member[] = [];
        for (const each of steps) {
          const member = new Member(each.group, each.text);
          const known = model.get(key(member));
          if (each.do === 'find') assert.equal(texts.find(each.group, each.text), known);
          else if (each.do === 'remove' && known !== undefined) {
            texts.remove(known);
            texts.remove(known);
            model.delete(key(known));
          } else if (each.do === 'clear') {
            texts.clear();
            model.clear();
          } else if (each.do === 'put' && texts.put(member)) {
            model.set(key(member), member);
            all.push(member);
          }
          assert.equal(texts.size, model.size);
        }
        for (const member of all) {
          const there = model.get(key(member)) === member;
          assert.equal(texts.find(member.group, member.text) === member, there);
          if (!there) assert.deepEqual([member.slot, member.alike], [NOWHERE, undefined]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('(1) (2) leave from between others that are alike', () => {
    for (const leaving of [0, 1, 2]) {
      const texts = new PassingTexts<Member>();
      const members = [2, 3, 4].map((at) => new Member('m', `${'-'.repeat(at)}!${'-'.repeat(400 - at)}`));
      for (const member of members) assert.ok(texts.put(member));
      assert.equal(new Set(members.map(({ slot }) => slot)).size, 1, 'they differ where nobody looks');
      texts.remove(members[leaving]!);
      assert.deepEqual(
        members.map(({ group, text }) => texts.find(group, text)),
        members.map((member, i) => (i === leaving ? undefined : member)),
      );
    }
  });

  it('(3) refuse what is alike in all that is looked at, beyond so many, and take it again when one has left', () => {
    const texts = new PassingTexts<Member>();
    const base = 'x'.repeat(10_000);
    const members = Array.from({ length: 100 }, (_, i) => {
      const member = new Member('m', `${base.slice(0, 2_001 + i)}y${base.slice(2_002 + i)}`);
      return { member, taken: texts.put(member) };
    });
    assert.ok(texts.size >= 32 && texts.size < 100, `${texts.size} were taken`);
    const refused = members.find(({ taken }) => !taken)!.member;
    for (const { member, taken } of members) {
      assert.equal(texts.find('m', member.text), taken ? member : undefined);
      if (taken) texts.remove(member);
    }
    assert.equal(texts.size, 0);
    assert.equal(texts.put(refused), true);
  });

  it('are spread out', () => {
    const texts = new PassingTexts<Member>();
    for (let i = 0; i < 5_000; i++) assert.ok(texts.put(new Member('getBalance', JSON.stringify([`key ${i}`, i]))));
    assert.equal(texts.size, 5_000);
  });
});
