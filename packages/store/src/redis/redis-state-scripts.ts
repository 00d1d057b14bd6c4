import { LUA } from './redis-lua.ts';
import { RedisScript } from './redis-store.ts';

/**
 * The common part of the scripts of state groups. A group has these keys:
 *
 * - `<state>:at`, a hash: the epoch, the offsets of the newest and of the next change, the floor, the number and the size of the
 *   keys, and the id of the server's run
 * - `<state>:order`, a sorted set: each key with the offset of its newest change
 * - `<state>:notes`, a hash: `offset previous ms bytes is-removal id` of each key
 * - `<state>:values`, a hash: the bytes of each key
 * - `<state>:removals`, a sorted set: the keys of `order` whose newest change is a removal
 * - `<state>:i:<id>`, for two minutes: the base and the offset of that id. The base is the first epoch after a state has begun.
 *
 * The cost of a script depends on the logarithm of the number of keys, and on the entries of its answer.
 *
 * The state begins again with another epoch if one of these keys was lost, or another program changed it. The numbers of entries
 * then differ. It goes on with another epoch in another run of the server, because changes may be lost.
 *
 * KEYS at order notes values removals; ARGV run fresh-epoch removals removal-age-ms. Each answer begins with 1 if the state began
 * again, and with the epoch.
 */
const COMMON = `${LUA}
local at, order, notes, values, removals = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local time, most, age = now(), tonumber(ARGV[3]), tonumber(ARGV[4])
local head = redis.call('HMGET', at, 'epoch', 'base', 'run', 'next', 'last', 'floor', 'keys', 'bytes')
local epoch, base = head[1], head[2]
local upcoming, last, floor = tonumber(head[4] or '1'), tonumber(head[5] or '0'), tonumber(head[6] or '0')
local keys, bytes = tonumber(head[7] or '0'), tonumber(head[8] or '0')
local removed = redis.pcall('ZCARD', removals)
local begun = '0'
-- Each key has one place in each of the three. An error differs from all numbers.
local function isWhole()
  if type(removed) ~= 'number' then return false end
  local all = keys + removed
  return redis.pcall('ZCARD', order) == all and redis.pcall('HLEN', notes) == all and redis.pcall('HLEN', values) == all
end
-- An empty state goes, a week after its removals. A state with keys stays.
local function live()
  for _, name in ipairs({at, order, notes, values, removals}) do
    if keys > 0 then redis.call('PERSIST', name)
    elseif age < 1e14 then redis.call('PEXPIRE', name, text(age + 604800000)) end
  end
end
if not epoch or not isWhole() then
  -- The state is new, or a part of it was lost.
  if epoch then begun = '1' end
  redis.call('DEL', at, order, notes, values, removals)
  epoch, base, last, floor, keys, bytes, removed = ARGV[2], ARGV[2], 0, 0, 0, 0, 0
  redis.call('HSET', at, 'epoch', epoch, 'base', base, 'run', ARGV[1], 'next', text(upcoming))
  live()
elseif head[3] ~= ARGV[1] then
  -- A server that was started again, or another one, may have lost what was acknowledged: no offset is used twice.
  epoch, upcoming = ARGV[2], upcomingAfter(upcoming)
  -- A command without new data comes first: after it, a server without memory accepts the others.
  redis.call('HDEL', at, 'run')
  redis.call('HSET', at, 'epoch', epoch, 'run', ARGV[1], 'next', text(upcoming))
end
local function noteOf(key)
  local note = redis.call('HGET', notes, key)
  if not note then return nil end
  local offset, previous, ms, size, flag, id = note:match('^(%d+) (%d+) (%d+) (%d+) ([01]) (.*)$')
  return {offset = offset, previous = previous, ms = tonumber(ms), size = tonumber(size), flag = flag, id = id}
end
-- Forgets removals that are too many or too old, at most as many as one answer can have.
local function forget()
  local before = removed
  while removed > 0 and before - removed < 1000 do
    local key = redis.call('ZRANGE', removals, 0, 0)[1]
    local note = noteOf(key)
    if removed <= most and time - note.ms <= age then break end
    redis.call('ZREM', removals, key)
    redis.call('ZREM', order, key)
    redis.call('HDEL', notes, key)
    redis.call('HDEL', values, key)
    floor, removed = tonumber(note.offset), removed - 1
  end
  if removed < before then redis.call('HSET', at, 'floor', text(floor)) end
end
-- Adds the seven parts of an entry to an answer.
local function give(answer, key, note, value)
  local parts = {note.offset, note.previous, note.id, key, note.flag, text(math.max(0, time - note.ms)), value}
  for _, part in ipairs(parts) do answer[#answer + 1] = part end
end
`;

/**
 * KEYS … id; ARGV … id key bytes is-removal expected keys bytes channel window-ms. Returns `stored` and the offset, `full`,
 * which limit and the size, or `conflict` and the present entry, if there is one.
 */
export const CHANGE = new RedisScript(`${COMMON}
local seen, id, key, value, flag = KEYS[6], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local known = redis.call('GET', seen)
if known then
  local of, offset = known:match('^(%S+) (%d+)$')
  if of == base then return {begun, epoch, 'stored', offset} end
end
local note = noteOf(key)
local current = note
if note and note.flag == '1' then current = nil end
local version = '0'
if current then version = current.offset end
if (ARGV[9] ~= '' and ARGV[9] ~= version) or (flag == '1' and not current) then
  local answer = {begun, epoch, 'conflict'}
  if current then give(answer, key, current, redis.call('HGET', values, key)) end
  return answer
end
local size, held = #key + #value, 0
if current then held = current.size end
if flag == '0' then
  if not current and keys >= tonumber(ARGV[10]) then return {begun, epoch, 'full', 'keys', text(keys)} end
  -- A state whose limits were lowered can always become smaller.
  local would = bytes + size - held
  if size > held and would > tonumber(ARGV[11]) then return {begun, epoch, 'full', 'bytes', text(would)} end
end
local number, previous = text(upcoming), text(last)
-- A removal begins with a command without new data: after it, a server without memory accepts the others.
if flag == '1' then redis.call('HDEL', values, key) end
redis.call('HSET', values, key, value)
redis.call('HSET', notes, key, table.concat({number, previous, text(time), text(size), flag, id}, ' '))
redis.call('ZADD', order, number, key)
local wasEmpty = keys == 0
if flag == '1' then
  redis.call('ZADD', removals, number, key)
  keys, bytes, removed = keys - 1, bytes - held, removed + 1
else
  if note and not current then
    redis.call('ZREM', removals, key)
    removed = removed - 1
  end
  if not current then keys = keys + 1 end
  bytes = bytes + size - held
end
redis.call('SET', seen, base .. ' ' .. number, 'PX', ARGV[13])
redis.call('HSET', at, 'next', text(upcoming + 1), 'last', number, 'keys', text(keys), 'bytes', text(bytes))
forget()
if wasEmpty or keys == 0 then live() end
local line = table.concat({epoch, number, previous, flag, #id, #key}, ' ')
redis.call('PUBLISH', ARGV[12], line .. '\\n' .. id .. key .. value)
return {begun, epoch, 'stored', number}
`);

/** ARGV … after limit page-bytes. Returns the end of the page, last, floor, and seven parts for each entry. */
export const PAGE = new RedisScript(`${COMMON}
forget()
local limit, room = tonumber(ARGV[6]), tonumber(ARGV[7])
local page = {begun, epoch, text(last), text(last), text(floor)}
local found = redis.call('ZRANGEBYSCORE', order, '(' .. ARGV[5], '+inf', 'LIMIT', 0, limit + 1)
for i, key in ipairs(found) do
  local note = noteOf(key)
  room = room - note.size
  if i > limit or (i > 1 and room < 0) then break end
  give(page, key, note, redis.call('HGET', values, key))
  page[3] = note.offset
end
if #page == 5 + 7 * #found then page[3] = text(last) end
return page
`);
