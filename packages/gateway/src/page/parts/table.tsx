/** A table that scrolls sideways where it must, and facts as terms with their words. */
import type { ComponentChildren } from 'preact';

/** What stands above a column; with `number` it holds numbers, with `unseen` only those who do not look hear it. */
export interface Column {
  readonly name: string;
  readonly number?: true;
  readonly unseen?: true;
  readonly title?: string;
}

interface WideTableProps {
  readonly columns: readonly Column[];
  /** What it is of, where no heading says so. */
  readonly caption?: ComponentChildren;
  /** What is said below the rows. */
  readonly below?: ComponentChildren;
  /** The rows. */
  readonly children: ComponentChildren;
}

export const WideTable = ({ columns, caption, below, children }: WideTableProps) => (
  <div class="panel wide-table">
    <table>
      {caption === undefined ? null : <caption>{caption}</caption>}
      <thead>
        <tr>
          {columns.map(({ name, number, unseen, title }) => (
            <th key={name} scope="col" class={number ? 'number' : undefined} title={title}>
              {unseen ? <span class="unseen">{name}</span> : name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
    {below}
  </div>
);

export type Fact = readonly [term: string, words: string];

export const Facts = ({ of }: { readonly of: readonly Fact[] }) => (
  <dl class="facts">
    {of.map(([term, words]) => (
      <div key={term}>
        <dt>{term}</dt>
        <dd>{words}</dd>
      </div>
    ))}
  </dl>
);
