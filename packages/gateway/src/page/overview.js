/** The first thing to see: what a warm connection saves, and how it goes right now. */
import { drawCurve } from './curve.js';
import { byId, make, say } from './dom.js';
import { age, millis, percent, rate, whole } from './format.js';

/** @import { Snapshot, UpstreamTold } from '../admin/snapshot.ts' */

/** @param {Snapshot} snapshot */
export function showOverview({ overall, upstreams, uptimeMs }) {
  say(byId('uptime'), `up ${age(uptimeMs)}`);
  showVersus(upstreams);
  showRate(overall, uptimeMs);
  showLatency(overall);
  showReuse(upstreams);
  showErrors(upstreams);
}

/**
 * @param {Snapshot['overall']} overall
 * @param {number} uptimeMs
 */
function showRate({ callsPerSecond, series }, uptimeMs) {
  say(byId('rate'), rate(callsPerSecond));
  // Before the start there was no rate, not a rate of none.
  const before = series.calls.length - Math.floor(uptimeMs / 1_000);
  const values = series.calls.map((count, i) => (i < before ? Number.NaN : count));
  drawCurve(byId('rate-curve'), [{ values, className: 'line warm' }]);
}

/** @param {Snapshot['overall']} overall */
function showLatency({ latency, series }) {
  const figure = byId('latency');
  if (latency.count === 0) say(figure, '–');
  else figure.replaceChildren(millis(latency.p50Ms), make('small', '', ` p50 · ${millis(latency.p99Ms)} p99`));
  /** @param {readonly number[]} values */
  const gaps = (values) => values.map((value, i) => ((series.calls[i] ?? 0) > 0 ? value : Number.NaN));
  drawCurve(byId('latency-curve'), [
    { values: gaps(series.p99Ms), className: 'line faint' },
    { values: gaps(series.p50Ms), className: 'line warm' },
  ]);
}

/** @param {readonly UpstreamTold[]} upstreams */
function showReuse(upstreams) {
  const open = upstreams.reduce((sum, { sockets }) => sum + sockets.open, 0);
  const calls = upstreams.reduce((sum, { latency }) => sum + latency.count, 0);
  const weighted = upstreams.reduce((sum, { latency, reuseRatio }) => sum + latency.count * reuseRatio, 0);
  say(byId('reuse'), calls === 0 ? '–' : percent(weighted / calls));
  say(byId('reuse-note'), `of calls found their connection already in service; ${whole(open)} open`);
}

/** @param {readonly UpstreamTold[]} upstreams */
function showErrors(upstreams) {
  const failed = upstreams.reduce((sum, { failedLately }) => sum + failedLately, 0);
  const status5xx = upstreams.reduce((sum, { status5xxLately }) => sum + status5xxLately, 0);
  const figure = byId('errors');
  say(figure, whole(failed));
  figure.classList.toggle('bad', failed > 0);
  const answers = status5xx === 1 ? 'upstream answered 5xx once' : `upstreams answered 5xx ${whole(status5xx)} times`;
  say(byId('errors-note'), `failed in the last minute; ${answers}`);
}

/** The upstream with the most cold calls to compare. @param {readonly UpstreamTold[]} upstreams */
function showVersus(upstreams) {
  const [leader] = upstreams.toSorted((a, b) => b.cold.count - a.cold.count || b.warm.count - a.warm.count);
  const place = byId('versus');
  const note = byId('versus-note');
  if (leader === undefined || (leader.cold.count === 0 && leader.warm.count === 0)) {
    place.replaceChildren();
    return say(note, 'No call so far.');
  }
  say(byId('versus-name'), leader.name);
  place.replaceChildren(versus(leader, Math.max(leader.cold.p50Ms, leader.warm.p50Ms)));
  const saved = leader.cold.p50Ms - leader.warm.p50Ms;
  if (leader.cold.count === 0)
    say(note, 'No call had to wait for a connection: there is nothing cold to compare with.');
  else if (saved > 0 && leader.warm.count > 0) {
    say(
      note,
      `A warm connection saves ${millis(saved)} of every call, ${percent(saved / leader.cold.p50Ms)} of its time.`,
    );
  } else say(note, 'Medians to the first byte.');
}

/**
 * Two bars to one scale: what a call waits for when its connection has to be opened first, and when it is there.
 *
 * @param {UpstreamTold} upstream
 * @param {number} longestMs what the full width stands for
 */
export function versus({ cold, warm, opening }, longestMs) {
  const rest = Math.max(0, cold.p50Ms - opening.dnsMs - opening.tcpMs - opening.tlsMs);
  const list = make('dl', 'versus');
  list.append(
    ...bar('cold', cold, longestMs, [
      ['dns', opening.dnsMs],
      ['tcp', opening.tcpMs],
      ['tls', opening.tlsMs],
      ['request', rest],
    ]),
    ...bar('warm', warm, longestMs, [['request', warm.p50Ms]]),
  );
  return list;
}

/**
 * @param {string} name
 * @param {{ count: number, p50Ms: number }} figure
 * @param {number} longestMs
 * @param {[className: string, ms: number][]} parts
 */
function bar(name, { count, p50Ms }, longestMs, parts) {
  const track = make('span', 'track');
  if (count > 0) {
    for (const [className, ms] of parts) {
      const part = make('span', `part ${className}`);
      part.style.width = `${(ms / longestMs) * 100}%`;
      part.title = `${className} ${millis(ms)}`;
      track.append(part);
    }
  }
  return [make('dt', '', name), make('dd', '', track, make('span', 'value', count === 0 ? 'none' : millis(p50Ms)))];
}
