/** What the script of connection starts does, in another language: Redis for a clock that stands still. */
export class StartModel {
  /** Members with their scores, as a sorted set would have them. */
  readonly members = new Map<string, number>();

  /** @param us Redis's clock, in µs */
  run(us: number, given: readonly (string | number)[]): (string | number)[] {
    const args = given.map(String).values();
    const text = (): string => args.next().value!;
    const number = (): number => Number(text());
    const [process, epoch, latest] = [text(), text(), number()];
    if (latest > 0 && us > latest) return ['ok', 'late', String(us)];
    const [limit, reserve, hold, pause, assumed] = [number(), number(), number(), number(), text()];
    const [share, processes, present] = [number(), number(), number()];
    for (let count = number(); count > 0; count--) {
      const [member, left] = [`s:${process}:${text()}`, number()];
      if (left > 0) this.members.set(member, us + left);
      else this.members.delete(member);
    }
    if (present > 0) this.members.set(`p:${process}`, us + present);
    for (const [member, at] of this.members) {
      if (!member.startsWith('e') && at <= us) this.members.delete(member);
      else if (member.startsWith('s') && at > us + 2 * hold) this.members.set(member, us + hold);
    }
    const of = (kind: string): string[] => [...this.members.keys()].filter((member) => member.startsWith(kind));
    let [known] = of('e').map((member) => member.slice(2));
    const isNew = known === undefined;
    known ??= `${us}-${process}`;
    this.members.set(`e:${known}`, 0);
    const forgot = (isNew && assumed === 'full') || (epoch !== '' && epoch !== known);
    const bar = forgot ? Math.max(pause, hold) : pause;
    if (bar > 0) this.members.set('b', Math.max(us + bar, this.members.get('b') ?? 0));
    const barred = this.members.get('b') ?? 0;
    const room = limit - share * Math.max(processes - of('p').length, 0);
    const ends = of('s')
      .map((member) => this.members.get(member)!)
      .sort((a, b) => a - b);
    let [grants, hint, used] = ['', 0, ends.length];
    for (let count = number(); count > 0; count--) {
      const [id, kind] = [text(), text()];
      const most = kind === 'growth' ? room - reserve : room;
      if (barred <= us && used < most) {
        grants += '1';
        used++;
        this.members.set(`s:${process}:${id}`, us + hold);
      } else {
        grants += '0';
        const free = used < most ? us : (ends[used - most] ?? us + hold);
        if (hint === 0) hint = Math.max(barred, free) - us;
      }
    }
    return ['ok', known, String(us), grants, String(hint), String(Math.max(barred - us, 0)), used, room];
  }
}
