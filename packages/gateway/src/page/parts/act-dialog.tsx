/**
 * Nothing is done without a second word, and nothing without the token.
 *
 *   asked ──▶ (token) ──▶ confirmed ──▶ done: closes, and says what came of it
 *                            └──▶ refused: says why, and stays
 */
import { useState } from 'preact/hooks';
import { type Deed, outcome } from '../data/deeds.ts';
import { AskError, ask, enter, isOperator } from '../data/session.ts';
import { useModal } from './modal.ts';

interface ActDialogProps {
  readonly deed: Deed;
  readonly close: (said: string | undefined) => void;
}

export function ActDialog({ deed, close }: ActDialogProps) {
  const { title, says, verb, severe, count } = deed;
  const dialog = useModal();
  const [operator, setOperator] = useState(isOperator());
  const [token, setToken] = useState('');
  const [number, setNumber] = useState(String(count?.value ?? ''));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const run = async (): Promise<void> => {
    setBusy(true);
    setProblem('');
    try {
      if (!operator) await enter(token.trim());
      setOperator(true);
      const chosen = count === undefined ? {} : { [count.name]: Number(number) };
      const body = { ...deed.inputs, ...chosen };
      close(outcome(deed, await ask(`api/actions/${deed.action}`, { body })));
    } catch (error) {
      if (error instanceof AskError && error.status === 401) setOperator(false);
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} class="act" aria-labelledby="act-title" onClose={() => close(undefined)}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void run();
        }}
      >
        <h2 id="act-title">{title}</h2>
        <p>{says}</p>
        {count === undefined ? null : (
          <label>
            <span>{count.label}</span>
            <input
              type="number"
              min={1}
              max={count.max}
              required
              value={number}
              onInput={({ currentTarget }) => setNumber(currentTarget.value)}
            />
          </label>
        )}
        {operator ? null : <TokenField value={token} set={setToken} />}
        <p class="problem" role="alert">
          {problem}
        </p>
        <div class="choices">
          <button type="button" class="button" onClick={() => close(undefined)}>
            Cancel
          </button>
          <button type="submit" class={severe === true ? 'button severe' : 'button primary'} disabled={busy}>
            {busy ? 'Working …' : verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface TokenFieldProps {
  readonly value: string;
  readonly set: (value: string) => void;
}

/** Typed once for each tab; the page keeps a session for it, and not the token. */
export const TokenField = ({ value, set }: TokenFieldProps) => (
  <label>
    <span>token of this gateway</span>
    <input
      type="password"
      autoComplete="off"
      required
      aria-describedby="token-where"
      value={value}
      onInput={({ currentTarget }) => set(currentTarget.value)}
    />
    <small id="token-where">
      It lies in <code>admin-HOST-PORT.token</code> in the runtime folder of whoever started the gateway; the command
      prints an address that needs none.
    </small>
  </label>
);
