/**
 * The fleet's count of connections being opened, as one script that Redis runs atomically on one key, a sorted set:
 *
 *   s:<process>:<id>   a start, scored with the instant until which it counts
 *   p:<process>        a process that is there, scored with the instant at which it is taken for gone
 *   b                  nothing starts before the instant it is scored with
 *   e:<epoch>          the name of this memory: who finds another name knows that it was lost
 *
 * A process states how things stand with all its starts, each time: how long each counts from now on. A grant counts
 * for `hold` (the longest attempt, its lateness and a window); its settlement shrinks that to what is left of a window.
 * So a report may be lost, repeated or late: then starts count for longer, never for less.
 *
 * Time is Redis's own, in µs; of instants elsewhere only lengths come in. Invariants:
 *   (1) Nothing is granted that would make more than `limit` starts count, less what is set aside: (2).
 *   (2) Where processes that cannot reach Redis go on with a share, the shares of all that are not there are set aside.
 *   (3) A question that arrives later than its process waits for an answer does nothing at all.
 *   (4) A memory that has no name was lost, or is new: nothing starts for `hold` where that may matter.
 *   (5) Growth leaves `reserve` places.
 */
import { createHash } from 'node:crypto';

/** Unused for a month, it is forgotten, in ms. */
const KEEP_MS = 30 * 86_400_000;

export const START_SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local key = KEYS[1]
local place = 0
local function text() place = place + 1 return ARGV[place] end
local function number() return tonumber(text()) end

local process, epoch, latest = text(), text(), number()
if latest > 0 and now > latest then return { 'ok', 'late', string.format('%.0f', now) } end
local limit, reserve, hold, bar, assumed = number(), number(), number(), number(), text()
local share, processes, present = number(), number(), number()
local mine = 's:' .. process .. ':'

for i = 1, number() do
  local id, left = text(), number()
  if left > 0 then redis.call('ZADD', key, now + left, mine .. id) else redis.call('ZREM', key, mine .. id) end
end
if present > 0 then redis.call('ZADD', key, now + present, 'p:' .. process) end

local known, used, there, barred, ends = nil, 0, 0, 0, {}
local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  local member, at = all[i], tonumber(all[i + 1])
  local kind = string.sub(member, 1, 1)
  if kind == 'e' then
    known = string.sub(member, 3)
  elseif at <= now then
    redis.call('ZREM', key, member)
  elseif kind == 's' then
    if at > now + 2 * hold then
      at = now + hold
      redis.call('ZADD', key, at, member)
    end
    used = used + 1
    ends[used] = at
  elseif kind == 'p' then
    there = there + 1
  else
    barred = at
  end
end

local new = not known
if new then
  known = string.format('%.0f-%s', now, process)
  redis.call('ZADD', key, 0, 'e:' .. known)
end
if (new and assumed == 'full') or (epoch ~= '' and epoch ~= known) then bar = math.max(bar, hold) end
if bar > 0 and now + bar > barred then
  barred = now + bar
  redis.call('ZADD', key, barred, 'b')
end

local room = limit - share * math.max(processes - there, 0)
local grants, hint = {}, 0
for i = 1, number() do
  local id, kind = text(), text()
  local most = room
  if kind == 'growth' then most = room - reserve end
  if barred <= now and used < most then
    grants[i] = '1'
    used = used + 1
    redis.call('ZADD', key, now + hold, mine .. id)
  else
    grants[i] = '0'
    local free = now
    if used >= most then free = ends[used + 1 - most] or now + hold end
    if hint == 0 then hint = math.max(barred, free) - now end
  end
end
redis.call('PEXPIRE', key, ${KEEP_MS})
return {
  'ok', known, string.format('%.0f', now), table.concat(grants), string.format('%.0f', hint),
  string.format('%.0f', math.max(barred - now, 0)), used, room,
}
`;

export const START_SCRIPT_SHA = createHash('sha1').update(START_SCRIPT).digest('hex');
