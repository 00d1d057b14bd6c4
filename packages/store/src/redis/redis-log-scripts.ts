import { LUA } from './redis-lua.ts';
import { RedisScript } from './redis-store.ts';

/**
 * The common part of the scripts of durable groups. A group has four keys:
 *
 * - `<stream>:at`, a hash: the epoch and the base with which it begins, the offsets of the newest and of the next message, the id of
 *   the server's run, and the gaps: `end-next` for each earlier run, whose messages after `end` may be lost
 * - `<stream>:log`, a Redis stream whose ids are `<offset>-0`
 * - `<stream>:marks`, a list of `<ms> <offset>`: messages before a mark are older than the mark
 * - `<stream>:i:<id>`, for two minutes: the base and the offset of that id
 *
 * A server that was started again, or another one, may have lost what was acknowledged: the log goes on with another epoch of the
 * same base, and no offset is used twice. If the hash is lost, the base changes, and the other keys start again. All keys start again if another program has added an
 * entry to the Redis stream whose id leaves no room for the next offset.
 */
const COMMON = `${LUA}-- Returns the epoch, the base and the gaps.
local function enter(at, run, fresh)
  local head = redis.call('HMGET', at, 'epoch', 'base', 'run', 'next', 'last', 'gaps')
  local epoch, gaps = head[1], head[6] or ''
  if not epoch then
    redis.call('HSET', at, 'epoch', fresh, 'base', fresh, 'run', run)
    return fresh, fresh, ''
  end
  local base = head[2] or epoch
  if head[3] == run then return epoch, base, gaps end
  local upcoming = text(upcomingAfter(tonumber(head[4] or '1')))
  local all = {}
  for gap in gaps:gmatch('%S+') do all[#all + 1] = gap end
  all[#all + 1] = (head[5] or '0') .. '-' .. upcoming
  if #all > 16 then
    local joined = all[1]:match('^%d+') .. '-' .. all[2]:match('%d+$')
    table.remove(all, 1)
    all[1] = joined
  end
  epoch, gaps = base .. '.' .. fresh, table.concat(all, ' ')
  -- A command without new data comes first: after it, a server without memory accepts the others.
  redis.call('HDEL', at, 'run')
  redis.call('HSET', at, 'epoch', epoch, 'base', base, 'run', run, 'next', upcoming, 'gaps', gaps)
  return epoch, base, gaps
end
-- Removes what is older than the marks say.
local function trim(log, marks, time, age)
  local gone
  while true do
    local mark = redis.call('LINDEX', marks, 0)
    if not mark then break end
    local at, offset = mark:match('^(%d+) (%d+)$')
    if time - tonumber(at) <= age then break end
    redis.call('LPOP', marks)
    gone = offset
  end
  if gone then redis.call('XTRIM', log, 'MINID', '=', gone .. '-0') end
end
`;

/**
 * KEYS at log marks id; ARGV run fresh-epoch id bytes messages age-ms channel window-ms. Returns epoch, offset, and 1 if the log
 * began again.
 */
export const APPEND = new RedisScript(`${COMMON}
local at, log, marks, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, base = enter(at, ARGV[1], ARGV[2])
local known = redis.call('GET', seen)
if known then
  local of, offset = known:match('^(%S+) (%d+)$')
  if of == base then return {epoch, offset} end
end
local state = redis.call('HMGET', at, 'next', 'last', 'marked')
local offset = tonumber(state[1] or '1')
local previous = state[2] or '0'
local number = text(offset)
local marked = tonumber(state[3] or '0')
local time, age = now(), tonumber(ARGV[6])
if previous == '0' then redis.call('DEL', log, marks) end
local function add()
  local command = {'XADD', log}
  if ARGV[5] ~= '0' then
    command[#command + 1] = 'MAXLEN'
    command[#command + 1] = '~'
    command[#command + 1] = ARGV[5]
  end
  command[#command + 1] = number .. '-0'
  for _, part in ipairs({'i', ARGV[3], 'p', previous, 'b', ARGV[4]}) do
    command[#command + 1] = part
  end
  return redis.pcall(unpack(command))
end
local added = add()
local foreign = '0'
if type(added) == 'table' and added.err and added.err:find('equal or smaller', 1, true) then
  -- An entry of another program has a higher id, and no message would fit after it: the log begins again.
  redis.call('DEL', log, marks, at)
  offset, number, previous, marked, foreign = 1, '1', '0', 0, '1'
  epoch, base = enter(at, ARGV[1], ARGV[2])
  added = add()
end
if type(added) == 'table' and added.err then return added end
redis.call('SET', seen, base .. ' ' .. number, 'PX', ARGV[8])
redis.call('HSET', at, 'next', text(offset + 1), 'last', number)
if age > 0 then
  if time - marked >= age / 64 then
    redis.call('HSET', at, 'marked', text(time))
    redis.call('RPUSH', marks, text(time) .. ' ' .. number)
    trim(log, marks, time, age)
    -- Who was away for a week longer than anything is kept has another epoch.
    redis.call('PEXPIRE', at, text(age + 604800000))
  end
  redis.call('PEXPIRE', log, text(age))
  redis.call('PEXPIRE', marks, text(age))
end
redis.call('PUBLISH', ARGV[7], table.concat({epoch, number, previous, #ARGV[3]}, ' ') .. '\\n' .. ARGV[3] .. ARGV[4])
return {epoch, number, foreign}
`);

/**
 * KEYS at log marks; ARGV run fresh-epoch after limit age-ms page-bytes. Returns epoch, base, gaps, first, last, then id, offset,
 * previous, bytes.
 */
export const READ = new RedisScript(`${COMMON}
local at, log, marks = KEYS[1], KEYS[2], KEYS[3]
local epoch, base, gaps = enter(at, ARGV[1], ARGV[2])
local age = tonumber(ARGV[5])
if age > 0 then trim(log, marks, now(), age) end
local last = redis.call('HGET', at, 'last') or '0'
local page = {epoch, base, gaps, '0', last}
if last == '0' then return page end
local function offsetOf(id) return id:match('^(%d+)') end
local info = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)
if not info[1] then return page end
page[4] = offsetOf(info[1][1])
local from, left, room = ARGV[3] .. '-0', tonumber(ARGV[4]), tonumber(ARGV[6])
-- A few at once, because Redis reads more entries than the page has room for.
while left > 0 do
  local entries = redis.call('XRANGE', log, '(' .. from, '+', 'COUNT', math.min(left, 8))
  if not entries[1] then break end
  left = left - #entries
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    from = entry[1]
    -- Others are not of a log: another program wrote them.
    if fields[1] == 'i' and fields[3] == 'p' and fields[5] == 'b' then
      room = room - #fields[6]
      if room < 0 and #page > 5 then return page end
      page[#page + 1] = fields[2]
      page[#page + 1] = offsetOf(entry[1])
      page[#page + 1] = fields[4]
      page[#page + 1] = fields[6]
    end
  end
end
return page
`);
