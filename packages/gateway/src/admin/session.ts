/**
 * How a browser comes to act without a token in any page or address that is sent: whoever has the token asks for a
 * code; the page gets it from the part of its address that browsers keep to themselves, or the token from a person who
 * types it, and shows it here. docs/decisions/0019 says why.
 */
import type { Ask, Route } from './route.ts';
import { Refused, tells } from './route.ts';
import type { HomeView } from './view.ts';

const authorizationOf = ({ headers }: Ask): string | undefined => {
  const { authorization } = headers;
  return typeof authorization === 'string' ? authorization : undefined;
};

const session = (
  path: string,
  summary: string,
  answer: Route<HomeView>['answer'],
  operator: boolean,
): Route<HomeView> => ({
  method: 'POST',
  path,
  audience: operator ? 'operator' : 'anyone',
  acts: true,
  summary,
  answer,
});

export const SESSION_ROUTES: readonly Route<HomeView>[] = [
  tells<HomeView>('/api/session', 'whether the credential in the request permits actions', ({ keys }, ask) => ({
    json: { operator: keys.opens(authorizationOf(ask)) },
  })),
  session('/api/session', 'exchanges a code, or the token, for a session', enter, false),
  session('/api/session/code', 'a one-time code that admits one browser', ({ keys }) => ({ json: keys.issue() }), true),
  session(
    '/api/session/end',
    'ends the session in the request',
    ({ keys }, ask) => {
      keys.end(authorizationOf(ask));
      return { json: { ended: true } };
    },
    true,
  ),
];

function enter({ keys, feed }: HomeView, { body }: Ask) {
  const { key } = body;
  const entered = typeof key === 'string' && key.length <= 512 ? keys.enter(key) : undefined;
  if (entered === undefined) {
    feed.tell('action', undefined, { action: 'session', outcome: 'refused' });
    throw new Refused(401, 'TOKEN', 'key is neither the token nor a code that is still good; allowed: { "key": … }');
  }
  return { json: entered };
}
