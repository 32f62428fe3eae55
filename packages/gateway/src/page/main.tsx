/** The page: one question a second and one stream of events, shown by components that keep what does not change. */
import { render } from 'preact';
import { App } from './app.tsx';
import { LiveContext } from './data/hooks.ts';
import { Live } from './data/live.ts';
import { enterByAddress } from './data/session.ts';

const live = new Live();
const root = document.getElementById('app');
if (root === null) throw new Error('the page has no #app');

// What lets this tab act comes first: where reading needs it too, the first question would be refused.
void enterByAddress().then(() => {
  live.start();
  render(
    <LiveContext.Provider value={live}>
      <App />
    </LiveContext.Provider>,
    root,
  );
});
