-- The accounts that replicas share: what a batch does to them. The same rules as `central.rs`, where they are
-- explained; a test puts both to the same batches. It keeps no time of its own: the server's is asked.
--
-- KEYS: one account per line. ARGV: replica, sent at, ttl, then per line 17 figures.
-- Answer: the time, then per line kind, granted, expiry, spent, over, leased, lost, alarm.
local COUNT_MAX, HOLDERS_MAX, FORGET_MS, KEEP_MS = 9007199254740991, 4096, 3600000, 3600000
local OPEN, CLOSED, OUTSIDE, STALE = 0, 1, 2, 3

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local replica, sent, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function text(number) return string.format('%.0f', number) end
local function outstanding(l) return math.max(0, l.granted - l.settled - l.returned) end
local function read(value)
  local f = {}
  for figure in string.gmatch(value, '[^,]+') do f[#f + 1] = tonumber(figure) end
  return { seq = f[1], granted = f[2], settled = f[3], returned = f[4], over = f[5], expires = f[6], closed = f[7] }
end
local function write(l)
  return text(l.seq) .. ',' .. text(l.granted) .. ',' .. text(l.settled) .. ',' .. text(l.returned) .. ','
    .. text(l.over) .. ',' .. text(l.expires) .. ',' .. text(l.closed)
end

local function sweep(key, a)
  if a.next < 0 or now < a.next then return end
  local all, following = redis.call('HGETALL', key), -1
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 1) == 'L' then
      local l = read(all[i + 1])
      if l.closed == 0 and l.expires <= now then
        l.closed = 1
        a.holders = math.max(0, a.holders - 1)
        local left = outstanding(l)
        a.leased = math.max(0, a.leased - left)
        a.lost = a.lost + left
        redis.call('HSET', key, all[i], write(l))
      end
      local event = l.expires
      if l.closed == 1 then event = event + FORGET_MS end
      if l.closed == 1 and event <= now then
        redis.call('HDEL', key, all[i])
      elseif following < 0 or event < following then
        following = event
      end
    end
  end
  a.next = following
end

local function grant(line, used, holders, untold)
  local remaining = math.max(0, line.limit - used)
  local need, least = math.max(0, line.need - untold), math.max(0, line.least - untold)
  local want = math.max(0, line.want - untold)
  if holders > HOLDERS_MAX or (need > 0 and remaining < least) then return 0 end
  local chunk = 0
  if remaining >= math.floor(line.limit / 50) then chunk = math.floor(remaining / (4 * math.max(1, holders))) end
  return math.min(math.max(need, math.min(want, chunk)), remaining)
end

local function alarm(a, limit)
  local certain, passed = a.spent + a.over + a.lost, 0
  local whole, rest = math.floor(limit / 100), limit % 100
  for _, share in ipairs({ 50, 80, 100 }) do
    if certain > 0 and certain >= whole * share + math.ceil(rest * share / 100) then passed = share end
  end
  if passed <= a.alarmed then return 0 end
  a.alarmed = passed
  return passed
end

local reply = { now }
local function say(kind, granted, expires, a, share)
  for _, figure in ipairs({ kind, granted, expires, a.spent, a.over, a.leased, a.lost, share }) do
    reply[#reply + 1] = figure
  end
end

for i, key in ipairs(KEYS) do
  local at = 3 + (i - 1) * 17
  local v = {}
  for j = 1, 17 do v[j] = tonumber(ARGV[at + j]) end
  local line = { start = v[1], ends = v[2], limit = v[3], seq = v[5], granted = v[6], settled = v[7],
    returned = v[8], over = v[9], acked_settled = v[10], acked_returned = v[11], acked_over = v[12],
    acked_seq = v[13], floor = v[14], need = v[15], least = v[16], want = v[17] }
  if math.abs(now - sent) > ttl then
    say(STALE, 0, 0, { spent = 0, over = 0, leased = 0, lost = 0 }, 0)
  else
    local field = 'L' .. replica .. ':' .. ARGV[at + 4]
    local h = redis.call('HMGET', key, 's', 'o', 'l', 'x', 'n', 'e', 'r', 'a', 'k', 'c')
    local a = { spent = tonumber(h[1]) or 0, over = tonumber(h[2]) or 0, leased = tonumber(h[3]) or 0,
      lost = tonumber(h[4]) or 0, holders = tonumber(h[5]) or 0, next = tonumber(h[6]) or -1,
      restored = tonumber(h[7]) or 0, alarmed = tonumber(h[8]) or 0, keep = tonumber(h[9]) or 0,
      since = tonumber(h[10]) or 0 }
    if not h[1] and line.floor > 0 then a.restored = 1 end
    a.keep = math.max(a.keep, math.max(line.ends, now) + KEEP_MS)
    sweep(key, a)
    if a.restored == 1 and line.floor > 0 and redis.call('HSETNX', key, 'R' .. replica, 1) == 1 then
      a.spent = math.min(math.max(math.max(0, a.spent - a.since), line.floor) + a.since, COUNT_MAX)
    end
    local stored = redis.call('HGET', key, field)
    local l
    if stored then
      l = read(stored)
    else
      l = { seq = 0, granted = 0, settled = 0, returned = 0, over = 0, expires = now + ttl, closed = 0 }
      if a.restored == 1 and line.acked_seq > 0 then
        l.granted, l.settled, l.returned, l.over = line.granted, line.acked_settled, line.acked_returned, line.acked_over
        a.leased = a.leased + outstanding(l)
      end
      if a.next < 0 or l.expires < a.next then a.next = l.expires end
      a.holders = a.holders + 1
    end
    local kind = OPEN
    if l.closed == 1 then kind = CLOSED elseif now < line.start or now >= line.ends then kind = OUTSIDE end
    if line.seq > l.seq then
      l.seq = line.seq
      local pool = 'leased'
      if l.closed == 1 then pool = 'lost' end
      a[pool] = a[pool] + math.max(0, line.granted - l.granted)
      l.granted = math.max(l.granted, line.granted)
      local left = outstanding(l)
      local settled = math.min(math.max(0, line.settled - l.settled), left)
      local returned = math.min(math.max(0, line.returned - l.returned), left - settled)
      local over = math.max(0, line.over - l.over)
      a[pool] = math.max(0, a[pool] - settled - returned)
      l.settled, l.returned, l.over = l.settled + settled, l.returned + returned, l.over + over
      a.spent = math.min(a.spent + settled, COUNT_MAX)
      a.since = math.min(a.since + settled, COUNT_MAX)
      a.over = math.min(a.over + over, COUNT_MAX)
      if kind == OPEN then
        local more = grant(line, a.spent + a.over + a.leased + a.lost, a.holders,
          math.max(0, l.granted - line.granted))
        l.granted = l.granted + more
        a.leased = a.leased + more
      end
      if kind ~= CLOSED then l.expires = now + ttl end
    end
    local share = alarm(a, line.limit)
    redis.call('HSET', key, 's', text(a.spent), 'o', text(a.over), 'l', text(a.leased), 'x', text(a.lost),
      'n', text(a.holders), 'e', text(a.next), 'r', text(a.restored), 'a', text(a.alarmed), 'k', text(a.keep),
      'c', text(a.since), field, write(l))
    if a.keep < COUNT_MAX then redis.call('PEXPIREAT', key, text(a.keep)) end
    say(kind, l.granted, l.expires, a, share)
  end
end
return reply
