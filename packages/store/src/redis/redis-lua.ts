/** Functions of all scripts. */
export const LUA = `
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function text(number) return string.format('%.0f', number) end
-- The first offset in another run of the server, after which offsets may be lost. The time is one that no lost offset has reached.
local function upcomingAfter(offset)
  local t = redis.call('TIME')
  return math.max(offset + 1048576, t[1] * 1000000 + t[2])
end
`;
