/** Keys for those who do not like to reach for the mouse. */
import { useEffect, useState } from 'preact/hooks';
import { PAGES, pageAt } from '../data/places.ts';
import { useModal } from './modal.ts';

const KEYS = [
  ...PAGES.map(({ label }, i) => [String(i + 1), label] as const),
  ['/', 'search, where there is something to search'],
  ['↑ ↓', 'in a list: choose a row; Esc lets it go'],
  ['?', 'this list'],
] as const;

/** @param busy while something else asks for an answer */
export function Keys({ busy }: { readonly busy: boolean }) {
  const [open, show] = useState(false);
  const dialog = useModal(open);
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const typing = event.target instanceof Element && event.target.matches('input, select, textarea');
      if (busy || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const page = PAGES[Number(event.key) - 1];
      if (page !== undefined) location.hash = pageAt(page.page);
      else if (event.key === '?') show((was) => !was);
      else if (event.key === '/') document.querySelector<HTMLInputElement>('input[type=search]')?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [busy]);
  if (!open) return null;
  return (
    <dialog ref={dialog} class="act" aria-labelledby="keys-title" onClose={() => show(false)}>
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        {KEYS.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <div class="choices">
        <button type="button" class="button" onClick={() => show(false)}>
          Close
        </button>
      </div>
    </dialog>
  );
}
