/**
 * The fleet's count of starts, as one script that Redis runs atomically. Per limit and key there are two Redis keys:
 *
 *   log    a sorted set. `e<n>:<weight>`: starts that were answered, scored with the instant they count until;
 *          `p<process>`: a process, scored with the instant at which it is taken for dead
 *   state  a hash. used: all that counts; bar: nothing starts before; epoch: who made this state, and when; at: last
 *          seen. Of each process h: begun there and not answered; s: answered there, ever; q: its last sequence number
 *
 * A process states how things stand with it, it does not tell what has changed: `held` and running totals. So a report
 * whose reply was lost may be repeated, and whatever was granted in a lost reply is taken back with the next report.
 *
 * Time is Redis's own, in µs; of instants elsewhere only ages come in. Invariants:
 *   (1) used = Σ h + Σ weights in the log; nothing is granted that would make it more than the limit.
 *   (2) An entry counts for a window after the instant at which its process read the answer, or longer.
 *   (3) What a process holds counts until a window and `hold` after its last report; then it is taken for dead.
 *   (4) A report that is not newer than the last one of its process has no effect.
 *   (5) State that is not what a process remembers has been lost. Nothing starts for a window: by then all that had
 *       been started counts no more, or was reported again.
 *   (6) Time that went back by more than a second is state that was lost: no instant in it can be believed.
 */
import { createHash } from 'node:crypto';

export const SCRIPT = `
local SLACK_MS = 60000
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local place = 0
local function text() place = place + 1 return ARGV[place] end
local function number() return tonumber(text()) end

local process, sequence = text(), number()
local buckets = {}
for i = 1, number() do
  local b = { log = KEYS[2 * i - 1], state = KEYS[2 * i], hint = 0, groups = {} }
  b.limit, b.window, b.hold, b.epoch = number(), number(), number(), text()
  b.held, b.acked, b.base, b.pause = number(), number(), number(), number()
  for g = 1, number() do
    local age = number()
    b.groups[g] = { age = age, total = number() }
  end
  local last = redis.call('HGET', b.state, 'q' .. process)
  if last and tonumber(last) >= sequence then return { 'stale' } end
  buckets[i] = b
end

local function open(b)
  local seen = redis.call('HMGET', b.state, 'epoch', 'at', 'used', 'bar')
  b.at = math.max(now, tonumber(seen[2] or 0))
  b.used, b.bar = tonumber(seen[3] or 0), tonumber(seen[4] or 0)
  local epoch = seen[1]
  if b.at > now + 1000000 then
    redis.call('DEL', b.log, b.state)
    b.at, b.used, b.bar, epoch = now, 0, now + b.window, false
  end
  epoch = epoch or string.format('%.0f-%s', now, process)
  if b.epoch ~= '' and b.epoch ~= epoch then b.bar = math.max(b.bar, now + b.window) end
  b.epoch = epoch
end

local function expire(b)
  local due = redis.call('ZRANGEBYSCORE', b.log, '-inf', now)
  for _, member in ipairs(due) do
    local weight = string.match(member, '^e%d+:(%d+)$')
    if weight then
      b.used = b.used - tonumber(weight)
    else
      local id = string.sub(member, 2)
      b.used = b.used - tonumber(redis.call('HGET', b.state, 'h' .. id) or 0)
      redis.call('HDEL', b.state, 'h' .. id, 's' .. id, 'q' .. id)
    end
  end
  if #due > 0 then redis.call('ZREMRANGEBYSCORE', b.log, '-inf', now) end
end

local function count(b, weight, age)
  if weight <= 0 or b.window <= age then return end
  local n = redis.call('HINCRBY', b.state, 'n', 1)
  redis.call('ZADD', b.log, now - age + b.window, 'e' .. n .. ':' .. weight)
  b.used = b.used + weight
end

local function report(b)
  b.used = b.used - tonumber(redis.call('HGET', b.state, 'h' .. process) or 0) + b.held
  local settled = tonumber(redis.call('HGET', b.state, 's' .. process) or b.base)
  count(b, b.acked - settled, 0)
  settled = math.max(settled, b.acked, b.base)
  for _, group in ipairs(b.groups) do
    count(b, group.total - settled, group.age)
    settled = math.max(settled, group.total)
  end
  b.settled = settled
  if b.pause > 0 then b.bar = math.max(b.bar, now + b.pause) end
end

local function hint(b, weight)
  local need = b.used + weight - b.limit
  local at = -1
  local entries = redis.call('ZRANGE', b.log, 0, 63, 'WITHSCORES')
  for i = 1, #entries, 2 do
    local freed = string.match(entries[i], '^e%d+:(%d+)$')
    if freed and need > 0 then
      need = need - tonumber(freed)
      at = tonumber(entries[i + 1]) - now
    end
  end
  return math.max(at, b.bar - now)
end

local function close(b)
  redis.call('HSET', b.state, 'epoch', b.epoch, 'at', b.at, 'used', b.used, 'bar', b.bar,
    'h' .. process, b.held, 's' .. process, b.settled, 'q' .. process, sequence)
  redis.call('ZADD', b.log, now + b.hold + b.window, 'p' .. process)
  local ms = math.ceil((b.hold + b.window + math.max(b.bar - now, 0)) / 1000) + SLACK_MS
  redis.call('PEXPIRE', b.state, ms)
  redis.call('PEXPIRE', b.log, ms)
end

for _, b in ipairs(buckets) do open(b) expire(b) report(b) end

local grants = {}
for r = 1, number() do
  local wants, fits = {}, true
  for i = 1, number() do
    local b = buckets[number()]
    local weight = number()
    wants[i] = { b = b, weight = weight }
    if b.hint == 0 and (b.bar > now or b.used + weight > b.limit) then b.hint = hint(b, weight) end
    if b.hint ~= 0 then fits = false end
  end
  grants[r] = fits and '1' or '0'
  if fits then
    for _, want in ipairs(wants) do
      want.b.used = want.b.used + want.weight
      want.b.held = want.b.held + want.weight
    end
  end
end

local reply = { 'ok', table.concat(grants) }
for _, b in ipairs(buckets) do
  close(b)
  reply[#reply + 1] = b.epoch
  reply[#reply + 1] = b.hint
end
return reply
`;

export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex');
