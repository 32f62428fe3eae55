/**
 * A list of which only the rows in view exist, so that two thousand cost no more than twenty. Arrow keys choose; the
 * list is one stop of the Tab key, and says which row is chosen (ARIA listbox).
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** Rows made above and below what is in view. */
const MARGIN_ROWS = 4;

interface VirtualProps<T> {
  readonly label: string;
  readonly total: number;
  /** Nothing for a row that has not been told yet. */
  readonly at: (i: number) => T | undefined;
  readonly keyOf: (item: T) => string;
  readonly describe: (item: T) => string;
  readonly kindOf: (item: T) => string;
  readonly row: (item: T) => ComponentChildren;
  readonly selected: string;
  readonly select: (key: string, item: T | undefined) => void;
  readonly onView?: (first: number, last: number) => void;
}

export function Virtual<T>(props: VirtualProps<T>) {
  const { label, total, at, keyOf, selected, select, onView } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600, rowPx: 36 });
  const measure = (): void => {
    const element = scroller.current;
    if (element === null) return;
    const rowPx = Number.parseFloat(getComputedStyle(element).getPropertyValue('--row')) || 36;
    const next = { top: element.scrollTop, height: element.clientHeight, rowPx };
    setView((last) => (last.top === next.top && last.height === next.height && last.rowPx === rowPx ? last : next));
  };
  useEffect(() => {
    measure();
    addEventListener('resize', measure);
    return () => removeEventListener('resize', measure);
  }, [total === 0]);
  const first = Math.max(0, Math.floor(view.top / view.rowPx) - MARGIN_ROWS);
  const last = Math.min(total, Math.ceil((view.top + view.height) / view.rowPx) + MARGIN_ROWS);
  useEffect(() => onView?.(first, last), [first, last]);
  const shown = Array.from({ length: Math.max(last - first, 0) }, (_, i) => ({ i: first + i, item: at(first + i) }));
  const chosen = useRef(0);
  const found = shown.find(({ item }) => item !== undefined && keyOf(item) === selected);
  if (found !== undefined) chosen.current = found.i;
  const move = (step: number): void => {
    const element = scroller.current;
    if (element === null || total === 0) return;
    const to = selected === '' ? first : Math.min(Math.max(chosen.current + step, 0), total - 1);
    const top = Math.min(element.scrollTop, to * view.rowPx);
    element.scrollTop = Math.max(top, (to + 1) * view.rowPx - element.clientHeight);
    chosen.current = to;
    const item = at(to);
    select(item === undefined ? `row ${to}` : keyOf(item), item);
  };
  return (
    <div
      class="scroller"
      ref={scroller}
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={found === undefined ? undefined : `row-${selected}`}
      onScroll={measure}
      onKeyDown={(event) => {
        const page = Math.max(1, Math.floor(view.height / view.rowPx) - 1);
        const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -total, End: total }[event.key];
        if (step !== undefined) move(step);
        else if (event.key === 'Escape' && selected !== '') select('', undefined);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      <div class="rows" style={{ height: `${total * view.rowPx}px` }}>
        {shown.map(({ i, item }) => (
          <Row key={item === undefined ? `at ${i}` : keyOf(item)} {...{ props, i, item, rowPx: view.rowPx }} />
        ))}
      </div>
    </div>
  );
}

interface RowProps<T> {
  readonly props: VirtualProps<T>;
  readonly i: number;
  readonly item: T | undefined;
  readonly rowPx: number;
}

function Row<T>({ props, i, item, rowPx }: RowProps<T>) {
  const { total, keyOf, describe, kindOf, row, selected, select } = props;
  const style = { transform: `translateY(${i * rowPx}px)` };
  if (item === undefined)
    return <div class="row waiting" style={style} role="option" aria-selected="false" tabIndex={-1} />;
  const key = keyOf(item);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are those of the list, which has the focus
    <div
      class="row"
      id={`row-${key}`}
      role="option"
      tabIndex={-1}
      style={style}
      data-state={kindOf(item)}
      aria-selected={key === selected ? 'true' : 'false'}
      aria-posinset={i + 1}
      aria-setsize={total}
      aria-label={describe(item)}
      onClick={() => (key === selected ? select('', undefined) : select(key, item))}
    >
      {row(item)}
    </div>
  );
}
