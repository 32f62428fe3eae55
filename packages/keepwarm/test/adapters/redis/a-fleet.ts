/** Real processes that share limits over one Redis. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { MemberPlan, MemberReport } from './fleet-member.ts';

const MEMBER = fileURLToPath(new URL('fleet-member.ts', import.meta.url));

export class Fleet {
  readonly #members: ChildProcess[];

  private constructor(members: ChildProcess[]) {
    this.#members = members;
  }

  static async start(size: number, plan: MemberPlan): Promise<Fleet> {
    const execArgv = ['--conditions=keepwarm-source', '--unhandled-rejections=strict'];
    const members = Array.from({ length: size }, () => fork(MEMBER, [JSON.stringify(plan)], { execArgv }));
    await Promise.all(members.map((member) => once(member, 'message')));
    return new Fleet(members);
  }

  get pids(): number[] {
    return this.#members.map(({ pid }) => pid!);
  }

  /** How each is doing. */
  reports(): Promise<MemberReport[]> {
    return this.#tell('report');
  }

  /** Ends all of them. @throws when one had ended by itself: an unhandled rejection, for one */
  async stop(): Promise<MemberReport[]> {
    const ended = this.#members.map((member) => once(member, 'exit'));
    const reports = await this.#tell('stop');
    for (const [code] of await Promise.all(ended))
      if (code !== 0) throw new Error(`a process of the fleet ended with ${code}`);
    return reports;
  }

  kill(): void {
    for (const member of this.#members) member.kill('SIGKILL');
  }

  #tell(message: string): Promise<MemberReport[]> {
    const answers = this.#members.map((member) => once(member, 'message') as Promise<[MemberReport]>);
    for (const member of this.#members) member.send(message);
    return Promise.all(answers.map(async (answer) => (await answer)[0]));
  }
}
