/** A `details` that is a menu: Escape closes it, and so does whoever goes on elsewhere on the page. */
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export function useMenu(): RefObject<HTMLDetailsElement | null> {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const pressed = ({ key }: KeyboardEvent): void => {
      const element = menu.current;
      // Of a question that the menu has led to, Escape closes the question.
      if (key !== 'Escape' || element?.open !== true || !element.contains(document.activeElement)) return;
      element.open = false;
      element.querySelector('summary')?.focus();
    };
    const pointed = ({ target }: PointerEvent): void => {
      const element = menu.current;
      const elsewhere = target instanceof Element && target.closest('dialog') === null && !element?.contains(target);
      if (element !== null && elsewhere) element.open = false;
    };
    addEventListener('keydown', pressed);
    addEventListener('pointerdown', pointed);
    return () => {
      removeEventListener('keydown', pressed);
      removeEventListener('pointerdown', pointed);
    };
  }, []);
  return menu;
}
