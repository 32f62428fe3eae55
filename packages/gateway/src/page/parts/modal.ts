/** A dialog that has the page to itself, and gives the focus back to where it was. */
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** @param open whether there is one now */
export function useModal(open = true): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      // What asked for it may have gone, as a row of a table does.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, [open]);
  return dialog;
}
